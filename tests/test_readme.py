"""The README: its commands run, its configuration loads, and it documents every option and every step."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from qa_reports.cli import main
from qa_reports.command_line import report_parser
from qa_reports.config import load_config
from qa_reports.progress import STEPS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


COMMANDS = [line.split("#")[0].split() for block in blocks("sh") for line in block.splitlines()]


def test_every_command_is_of_a_known_kind() -> None:
    assert {command[0] for command in COMMANDS} == {"make", "qa-report"}


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = {command[1] for command in COMMANDS if command[0] == "make"} | set(
        re.findall(r"`make (\w+)`", contributing)
    )
    assert named == {"demo", "test", "quick", "lint", "docs", "screenshot", "bench"}
    for target in named:
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)


def _copy_a_tenth(folder: Path) -> None:
    """The configurations with the interviews of every tenth interviewer: what is proved here is that commands run."""
    shutil.copytree(ROOT / "configs", folder, ignore=shutil.ignore_patterns("*-report"))
    wave = pd.read_csv(folder / "example_wave.csv", dtype=str, keep_default_na=False)
    kept = wave["intnum"].isin(sorted(set(wave["intnum"]))[::10])
    wave[kept].to_csv(folder / "example_wave.csv", index=False)


@pytest.mark.slow
def test_the_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _copy_a_tenth(tmp_path / "configs")
    monkeypatch.chdir(tmp_path)
    for command in COMMANDS:
        if command[0] == "qa-report":
            assert main(command[1:]) == 0, capsys.readouterr().err
    assert {path.name for path in Path("configs/example-report").iterdir()} == {
        "report.html",
        "report.pdf",
        "results.json",
        "results.xlsx",
    }
    assert [path.name for path in Path("monday").iterdir()] == ["report.html"]
    assert sorted(str(path) for path in Path("week3").rglob("*.json")) == [
        "week3/example/results.json",
        "week3/index.json",
        "week3/minimal/results.json",
    ]


def test_the_configuration_loads(tmp_path: Path) -> None:
    (text,) = blocks("yaml")
    assert len(text.splitlines()) <= 22
    path = tmp_path / "wave11.yaml"
    path.write_text(text, encoding="utf-8")
    assert [item.name for item in load_config(path).items] == ["trstplc", "pplhlp", "gincdif"]


def test_the_example_of_a_mistake_is_what_the_program_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (text,) = blocks("yaml")
    monkeypatch.chdir(tmp_path)
    Path("wave11.yaml").write_text(text.replace("police, scale", "police, scael"), encoding="utf-8")
    assert main(["wave11.yaml"]) == 2
    assert f"`{capsys.readouterr().err.strip()}`" in README


def test_every_option_is_documented() -> None:
    options = {name for name in report_parser().names if name.startswith("--")}
    assert options >= {"--output", "--fail-on", "--help", "--version"}
    for option in options:
        assert f"`{option}" in README
    for command in ("index", "schema"):
        assert f"qa-report {command}" in README


def test_every_step_is_named_with_its_place() -> None:
    for number, step in enumerate(STEPS, start=1):
        (place,) = re.findall(rf"^\| {number} {step} \|.*\| `([^`]+)` \|$", README, flags=re.MULTILINE)
        assert (ROOT / place).exists()
        assert f"\n{number}/6 {step}" in README


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / target).exists()
