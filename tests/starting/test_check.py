"""`qa-report check`: what would be examined, what is lost to what, and exit codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qa_reports.cli import main
from qa_reports.config import load_config
from qa_reports.effects.estimate import ItemEffects, estimate_items
from qa_reports.starting.check import check_config
from qa_reports.survey.clean import clean_survey
from qa_reports.survey.load import load_survey
from tests.small_wave import SmallWave

ROOT = Path(__file__).parents[2]


def printed(capsys: pytest.CaptureFixture[str], *configs: Path, code: int = 0) -> str:
    assert main(["check", *(str(config) for config in configs)]) == code
    return capsys.readouterr().out


def test_a_wave(small_wave: SmallWave, capsys: pytest.CaptureFixture[str]) -> None:
    before = small_wave.files()
    lines = printed(capsys, small_wave.config).splitlines()
    assert lines[0] == str(small_wave.config)
    assert lines[-1] == f"{small_wave.config}: would run: 2 of 2 items, 120 interviews by 12 interviewers"
    assert "interviews    120 of 120 rows are used" in lines
    assert "interviewers  12 (intnum) with 10 interviews each" in lines
    assert "missing codes 88 Don't know: 3 answers to 1 item" in lines
    assert "  trust         0 to 10       117      3      0       0" in lines
    assert "  models of each item: null" in lines
    assert max(len(line) for line in lines[1:-1]) <= 80
    assert small_wave.files() == before


def test_every_cell_of_an_item_is_accounted_for() -> None:
    checked = check_config(ROOT / "configs" / "example.yaml")
    for item in checked.items:
        assert item.n_answers + item.n_coded + item.n_blank + item.n_outside == checked.survey.n_interviews
        assert min(item.n_answers, item.n_coded, item.n_blank, item.n_outside) >= 0
    assert checked.workloads.sum() == checked.survey.n_interviews
    assert [name for name, _ in checked.too_few[:2]] == ["1052", "1503"]
    assert len(checked.too_few) == int(np.sum(checked.workloads < 5))


def test_the_models_are_those_that_are_fitted(small_wave: SmallWave) -> None:
    small_wave.replace(
        "  - {name: help, scale: [0, 10]}",
        "  - {name: help, scale: [0, 10], slopes: [trust]}\n  - {name: only, scale: [0, 9]}",
    )
    lines = small_wave.survey_file.read_text(encoding="utf-8").splitlines()
    rows = [f"{lines[0]},only", *(f"{line},5" for line in lines[1:])]
    small_wave.survey_file.write_text("\n".join(rows) + "\n", encoding="utf-8")
    checked = check_config(small_wave.config)
    config = load_config(small_wave.config)
    survey = clean_survey(load_survey(config, small_wave.folder), config)
    for item, fitted in zip(checked.items, estimate_items(survey, config), strict=True):
        assert item.is_modelled is isinstance(fitted, ItemEffects)
        if isinstance(fitted, ItemEffects):
            counts = {"null": fitted.null.n_interviews}
            if fitted.slope is not None:
                counts["slope"] = fitted.slope.n_interviews
            assert dict(item.models) == counts
        else:
            assert dict(item.obstacles)["null"] == fitted.reason == "all answers are the same"


def test_what_would_not_run(small_wave: SmallWave, capsys: pytest.CaptureFixture[str]) -> None:
    header, *rows = small_wave.survey_file.read_text(encoding="utf-8").splitlines()
    one_each = [",".join([cells[0], cells[0], *cells[2:]]) for cells in (row.split(",") for row in rows)]
    small_wave.survey_file.write_text("\n".join([header, *one_each]) + "\n", encoding="utf-8")
    out = printed(capsys, small_wave.config, code=2)
    assert "trust: every interviewer has one interview" in out
    assert out.endswith(f"{small_wave.config}: would not run: no item can be modelled; see why above\n")


@pytest.mark.parametrize(
    ("people", "interviews", "asked"),
    [
        (
            2,
            120,
            "nobody can be judged: only 2 interviewers for 120 interviews: is data.interviewer (intnum) the right",
        ),
        (3, 120, None),
        (8, 120, None),
        (6, 1500, "only 6 interviewers with about 250 interviews each: is data.interviewer (intnum) the right column?"),
    ],
)
def test_a_column_that_is_hardly_the_interviewers(
    small_wave: SmallWave, capsys: pytest.CaptureFixture[str], people: int, interviews: int, asked: str | None
) -> None:
    header, *rows = small_wave.survey_file.read_text(encoding="utf-8").splitlines()
    cells = [rows[row % len(rows)].split(",") for row in range(interviews)]
    few = [",".join([str(row), str(row % people), *one[2:]]) for row, one in enumerate(cells)]
    small_wave.survey_file.write_text("\n".join([header, *few]) + "\n", encoding="utf-8")
    text = printed(capsys, small_wave.config)
    if asked is None:
        assert "right column" not in text
    else:
        assert f"look first {asked}" in " ".join(text.split())
    said = "; nobody can be judged: is data.interviewer the right column?"
    assert text.splitlines()[-1].endswith(said) is (people == 2)


def test_suspects_come_with_the_line_to_paste(capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(capsys, ROOT / "configs" / "example.yaml")
    assert "  trstplc: 88 in 1 interview of 1 interviewer: outside the scale 0 to 10;" in out
    assert "      missing_codes: {77: Refusal, 99: No answer, 88: Don't know}\n" in out
    assert "; 1 value to look at: missing codes nobody declared?\n" in out


def test_several_configurations_and_a_mistake_in_one(small_wave: SmallWave, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(small_wave.folder / "none.yaml"), str(small_wave.config)]) == 2
    captured = capsys.readouterr()
    assert "there is no such file" in captured.err
    assert "would run: 2 of 2 items" in captured.out


def test_texts_from_files_cannot_change_the_terminal(small_wave: SmallWave, capsys: pytest.CaptureFixture[str]) -> None:
    small_wave.replace("survey: {name: Small wave, wave: 1}", 'survey: {name: "Small \\e[31mwave"}')
    assert "survey        Small \\x1b[31mwave" in printed(capsys, small_wave.config)


@pytest.mark.parametrize("place", ["archive", "output"])
def test_a_place_that_cannot_be_written_to(
    small_wave: SmallWave, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    """As in a run: a file stands where a folder is needed, which even root cannot write into."""
    taken = small_wave.folder / ("taken" if place == "archive" else f"{small_wave.config.stem}-report")
    taken.write_text("here already", encoding="utf-8")
    if place == "archive":
        small_wave.config.write_text(
            f"{small_wave.config.read_text(encoding='utf-8')}archive: {{folder: taken}}\n", encoding="utf-8"
        )
    last = printed(capsys, small_wave.config, code=2).splitlines()[-1]
    said = "the archive cannot be written to (File exists)" if place == "archive" else "is a file, but the report needs"
    assert last.startswith(f"{small_wave.config}: would not run: {taken}: {said}")
    assert main([str(small_wave.config), "--quiet"]) == 2
    assert f"{taken}: {said}" in capsys.readouterr().err


def test_a_mistyped_scale_comes_before_missing_codes(small_wave: SmallWave, capsys: pytest.CaptureFixture[str]) -> None:
    header, *rows = small_wave.survey_file.read_text(encoding="utf-8").splitlines()
    trust = header.split(",").index("trust")
    low = sum(row.split(",")[trust] in ("0", "1", "2") for row in rows)
    small_wave.replace("label: Trust in others, scale: [0, 10]", "scale: [3, 10]")
    out = printed(capsys, small_wave.config)
    said = " ".join(out.split())
    assert "scales that may be mistyped" in out
    assert f"trust: 0 to 2 in {low} interviews of" in said
    assert "just outside the declared scale 3 to 10; set aside if the scale is 0 to 10, correct it at this item" in said
    assert said.index("scale: [0, 10]") < said.index("only if they are no answers, add there instead: missing_codes:")
    assert "values that look like missing codes" not in out
    assert out.endswith("; 1 scale to look at: mistyped?\n")
