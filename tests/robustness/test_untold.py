"""Nobody can be told: the disk of a log is full, the terminal is gone, the reader has ended. The report is made."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from qa_reports.cli import main
from qa_reports.delivery.archive import list_archive
from qa_reports.progress import Lasting, progress_on
from tests.small_wave import SmallWave, write_small_wave

ROOT = Path(__file__).parents[2]
FULL = Path("/dev/full")
"""Where every write ends as on a full disk."""

pytestmark = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")


def run(command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A line of shell with the program and its arguments in place of `PROGRAM`."""
    program = f"'{sys.executable}' -c 'import sys; from qa_reports.cli import main; sys.exit(main())' \"$@\""
    with tempfile.TemporaryDirectory() as here:  # `send --dry-run` writes where it is called
        return subprocess.run(
            ["bash", "-c", command.replace("PROGRAM", program), "bash", *arguments], cwd=here,
            env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip


def test_a_log_on_a_full_disk_costs_no_report(small_wave: SmallWave, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(small_wave.config), "--quiet", "--formats", "json", "--log", str(FULL)]) == 2
    told = capsys.readouterr()
    assert told.err == "/dev/full: the log cannot be written to (No space left on device)\n"
    assert told.out.startswith(f"{small_wave.folder}/wave-report/results.json: ")
    assert (small_wave.folder / "wave-report" / "results.json").exists()


def test_steps_that_nobody_can_read_cost_no_report(
    small_wave: SmallWave, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with FULL.open("w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stderr", full)
        assert main([str(small_wave.config), "--verbose", "--formats", "json"]) == 0
        assert main([str(small_wave.folder / "nowhere.yaml")]) == 2
    assert (small_wave.folder / "wave-report" / "results.json").exists()
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_several_reports_are_made_though_nobody_reads(small_wave: SmallWave, monkeypatch: pytest.MonkeyPatch) -> None:
    other = small_wave.config.with_name("other.yaml")
    other.write_bytes(small_wave.config.read_bytes())
    output = small_wave.folder / "week"
    with FULL.open("w", encoding="utf-8") as out, FULL.open("w", encoding="utf-8") as steps:
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", steps)
        assert main([str(small_wave.config), str(other), "--output", str(output), "--formats", "json"]) == 2
    assert {path.name for path in output.iterdir()} == {"wave", "other", "index.html", "index.json"}


def test_a_terminal_that_is_gone(capsys: pytest.CaptureFixture[str]) -> None:
    ours, theirs = pty.openpty()
    terminal = os.fdopen(theirs, "w", encoding="utf-8")
    with terminal, progress_on(terminal, quiet=False, verbose=True) as progress:
        progress.begin("load")
        os.close(ours)
        progress.note("nobody reads this")
        progress.end("load", "0 interviews")
    assert capsys.readouterr().err == ""


ANSWERS = {
    "help": ["--help"],
    "help of a command": ["forget", "--help"],
    "version": ["--version"],
    "schema": ["schema"],
    "check": ["check", "CONFIG"],
    "init": ["init", "SURVEY", "--output", "FOLDER/first.yaml", "--force"],
    "index": ["index", "ARCHIVE"],
    "forget": ["forget", "ARCHIVE", "--older-than", "1d"],
    "send": ["send", "RUN", "--dry-run", "--config", "CONFIG"],
    "report": ["CONFIG", "--formats", "json", "--quiet", "--no-email"],
}
"""Everything that answers on standard output."""


@pytest.fixture(scope="module")
def answering(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[str]]:
    """The arguments of a command for a wave with an archived run and somebody to mail it to."""
    wave = write_small_wave(tmp_path_factory.mktemp("answering") / "wave")
    wave.replace(
        "items:",
        "archive: {folder: archive}\n"
        "email: {from: qa@agency.example, to: [a@x.example], smtp: {host: localhost}}\nitems:",
    )
    assert main([str(wave.config), "--formats", "json", "--quiet", "--no-email"]) == 0
    archive = wave.folder / "archive"
    places = {
        "CONFIG": wave.config, "SURVEY": wave.survey_file, "FOLDER": wave.folder, "ARCHIVE": archive,
        "RUN": list_archive(archive).runs[0].folder,
    }  # fmt: skip

    def arguments(command: str) -> list[str]:
        line = "\n".join(ANSWERS[command])
        for name, path in places.items():
            line = line.replace(name, str(path))
        return line.split("\n")

    return arguments


@pytest.mark.parametrize("command", ANSWERS)
def test_standard_output_that_cannot_be_written_to_is_one_line(
    command: str, answering: Callable[[str], list[str]]
) -> None:
    ended = run("PROGRAM > /dev/full", *answering(command))
    notes = "note: already archived" if command == "report" else "standard output"
    assert ended.stderr.splitlines()[0].startswith(notes)
    assert ended.stderr.splitlines()[-1] == "standard output: cannot be written to (No space left on device)"
    assert ended.returncode == 2


@pytest.mark.parametrize("command", ANSWERS)
def test_a_reader_that_has_ended_is_no_mistake(command: str, answering: Callable[[str], list[str]]) -> None:
    ended = run("PROGRAM | true; exit ${PIPESTATUS[0]}", *answering(command))
    assert [line for line in ended.stderr.splitlines() if not line.startswith("note: already archived")] == []
    assert ended.returncode == 0


@pytest.mark.parametrize("closed", ["2>&-", ">&-", ">&- 2>&- <&-"])
def test_streams_that_are_closed_from_the_start(small_wave: SmallWave, closed: str) -> None:
    assert run(f"PROGRAM {closed}", "check", str(small_wave.config)).returncode == 0


def test_nothing_is_written_when_nobody_is_told_any_more() -> None:
    """A stream of Python's own would be flushed when it is thrown away; the one behind it is closed by then."""
    assert not hasattr(Lasting, "__del__")
