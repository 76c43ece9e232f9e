"""Results that are not to be trusted are named wherever they stand, and `--strict` counts them."""

from __future__ import annotations

import json
import shutil
import subprocess

import numpy as np
import pytest
from python_calamine import CalamineWorkbook

from qa_reports import second_core
from qa_reports.cli import main
from qa_reports.effects import fit
from qa_reports.effects.referee import RefereeCase, referee_logliks
from qa_reports.report.pdf_layout import pdf_obstacle
from tests.small_wave import SmallWave


@pytest.fixture(autouse=True)
def _one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_core, "can_fork", lambda: False)


def _mistaken(cases: list[RefereeCase]) -> list[float]:
    """A referee who disagrees about the first model by a hundredth."""
    first, *others = referee_logliks(cases)
    return [first + 0.01, *others]


def _made(wave: SmallWave, *options: str) -> tuple[int, dict]:
    code = main([str(wave.config), "--formats", "json,html,xlsx", "--quiet", *options])
    return code, json.loads((wave.folder / "wave-report" / "results.json").read_bytes())


def test_a_sound_wave_passes_strict(small_wave: SmallWave) -> None:
    code, results = _made(small_wave, "--strict")
    assert (code, results["doubts"]) == (0, [])


def test_a_referee_who_disagrees_is_shown_everywhere_and_counts(
    small_wave: SmallWave, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fit, "referee_logliks", _mistaken)
    code, results = _made(small_wave, "--strict")
    assert code == 3
    assert [(doubt["item"], doubt["model"], doubt["kind"]) for doubt in results["doubts"]] == [
        ("trust", "null", "referee")
    ]
    assert results["items"][0]["referee"]["agrees"] is False
    assert results["items"][0]["referee"]["loglik_difference"] == pytest.approx(-0.01, abs=1e-6)
    folder = small_wave.folder / "wave-report"
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "The check against statsmodels failed for Trust in others" in page
    assert "referee disagrees" in page
    assert "statsmodels finds another log-likelihood" in page
    workbook = CalamineWorkbook.from_path(folder / "results.xlsx")
    assert workbook.get_sheet_by_name("doubts").to_python()[1][:3] == ["trust", "null", "referee"]
    assert main([str(small_wave.config), "--formats", "json", "--quiet"]) == 0


def _without_last_interviewers(wave: SmallWave, kept: int) -> None:
    lines = wave.survey_file.read_text(encoding="utf-8").splitlines(keepends=True)
    wave.survey_file.write_text("".join(lines[: 1 + 10 * kept]), encoding="utf-8")


def _write_tied_slopes(wave: SmallWave) -> None:
    """Twelve interviewers whose levels go with their slopes, so that the correlation is estimated as -1."""
    random = np.random.default_rng(1)
    who, x = np.repeat(np.arange(12), 10), random.integers(0, 11, 120)
    slope = random.normal(0, 0.25, 12)[who]
    y = np.clip(np.rint(5 + slope * (x - 5) + random.normal(0, 1.5, 120)), 0, 10)
    rows = [f"{row},{who[row]},{x[row]},{y[row]:.0f}" for row in range(120)]
    wave.survey_file.write_text("\n".join(["idno,intnum,trust,help", *rows]), encoding="utf-8")
    wave.replace("name: help, scale", "name: help, slopes: [trust], model: linear, scale")


def test_a_singular_covariance_is_shown_in_every_place(
    small_wave: SmallWave, capsys: pytest.CaptureFixture[str]
) -> None:
    _write_tied_slopes(small_wave)
    drawn = not pdf_obstacle() and shutil.which("pdftotext")
    code = main(
        [str(small_wave.config), "--formats", f"json,html,xlsx{',pdf' if drawn else ''}", "--quiet", "--strict"]
    )
    folder = small_wave.folder / "wave-report"
    results = json.loads((folder / "results.json").read_bytes())
    (doubt,) = results["doubts"]
    assert (doubt["item"], doubt["model"], doubt["kind"]) == ("help", "slope", "singular")
    assert results["items"][1]["models"]["slope"]["status"] == "singular"
    assert code == 3
    assert capsys.readouterr().err.splitlines()[-1].startswith("--strict: 1 result is to be read with care; the report")
    reason = "the random terms are estimated as perfectly correlated"
    assert reason in (folder / "report.html").read_text(encoding="utf-8")
    assert CalamineWorkbook.from_path(folder / "results.xlsx").get_sheet_by_name("doubts").to_python()[1][3] == reason
    if drawn:
        read = subprocess.run(["pdftotext", str(folder / "report.pdf"), "-"], capture_output=True, check=True)
        printed = " ".join(read.stdout.decode().split())
        assert "To be read with care: 1 model at a bound" in printed
        assert reason in printed


def test_few_interviewers_and_failed_items_count_and_an_archived_run_remembers(small_wave: SmallWave) -> None:
    _without_last_interviewers(small_wave, 5)
    small_wave.replace("  - {name: help, scale: [0, 10]}", "  - {name: help, scale: [50, 60]}")
    small_wave.replace("items:", "archive: {folder: archive}\nitems:")
    command = [str(small_wave.config), "--formats", "json,html", "--quiet"]
    assert main([*command, "--strict"]) == 3
    assert main([*command, "--strict"]) == 3  # the same run, found in the archive
    assert main(command) == 0
    (run,) = (small_wave.folder / "archive" / "Small wave" / "1").iterdir()
    doubts = json.loads((run / "results.json").read_bytes())["doubts"]
    assert [(doubt["item"], doubt["kind"]) for doubt in doubts] == [
        ("trust", "few_interviewers"),
        ("help", "not_modelled"),
    ]
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "To be read with care: 1 item with fewer than 10 interviewers" in page
    assert "only 5 interviewers" in page
