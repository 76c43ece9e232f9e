"""Several configurations at once: reports beside each other, one index over all, and nobody stopped by another."""

from __future__ import annotations

import html
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import unquote

import pytest
from msgspec.structs import replace

import qa_reports.pipeline as pipeline
from qa_reports import second_core, several
from qa_reports.cli import main
from qa_reports.config import ConfigFile, read_config
from qa_reports.delivery.folder import write_files
from qa_reports.delivery.manifest import ManifestItem
from qa_reports.errors import DataError
from qa_reports.pipeline import ReportMade
from qa_reports.second_core import can_fork, end_with
from qa_reports.several import Options, make_reports, task_of
from qa_reports.survey.load import load_survey
from qa_reports.watching import LiveWatcher, Message, Outcome, QuietWatcher, watching
from tests.delivery.archived import FACTS
from tests.small_wave import SmallWave, write_small_wave

ROOT = Path(__file__).parent.parent
QUICK = ["--quiet", "--formats", "json"]
needs_fork = pytest.mark.skipif(
    not can_fork(), reason="a process that is started anew does not see what a test changes"
)
HOSTILE = '<script>alert("x")</script>&'


def copies(wave: SmallWave, *names: str) -> list[Path]:
    """Further configurations of the same wave beside the first, each of a country of its own."""
    text = wave.config.read_text(encoding="utf-8")
    configs = []
    for name in names:
        configs.append(wave.folder / f"{name}.yaml")
        country = text.replace("survey: {name: Small wave,", f"survey: {{name: Small wave, country: {name.upper()},")
        configs[-1].write_text(country, encoding="utf-8")
    return configs


def quick_report(file: ConfigFile, output: Path | None, *_: object) -> ReportMade:
    """A report that takes no time: for tests of what happens between reports."""
    config = file.config
    load_survey(config, file.path.parent)
    folder = output or file.path.with_name(f"{file.path.stem}-report")
    write_files({"report.html": b"", "results.json": b""}, folder)
    items = (ManifestItem("trust", "trust", config.items[0].label or "trust", 0.04),)
    verdict = f"Verdict on {config.survey.name}."
    facts = replace(FACTS, survey=config.survey.name, country=config.survey.country, verdict=verdict, items=items)
    return ReportMade(folder, ("report.html", "results.json"), facts)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    if not can_fork():
        pytest.skip("a process that is started anew does not see what a test changes")
    monkeypatch.setattr(several, "make_report", quick_report)


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def index_of(folder: Path) -> list[dict[str, object]]:
    return json.loads((folder / "index.json").read_text(encoding="utf-8"))["surveys"]


def links(page: Path) -> list[Path]:
    addresses = re.findall(r'href="([^"]+)"', page.read_text(encoding="utf-8"))
    assert not [address for address in addresses if ":" in address or address.startswith("/")]
    return [page.parent / unquote(address) for address in addresses]


def test_reports_and_their_index(small_wave: SmallWave, capsys: pytest.CaptureFixture[str]) -> None:
    """The index has what each report says, in the order of the command, with links that survive a move."""
    configs = copies(small_wave, "north", "south")
    week = small_wave.folder / "week"
    log = small_wave.folder / "qa.log"
    arguments = ["--output", week, "--verbose", "--formats", "html,json", "--jobs", 2, "--log", log]
    assert run(*configs, *arguments) == 0
    captured = capsys.readouterr()
    for config in configs:
        assert f"{config}: 3/6 estimate  2 of 2 items modelled\n" in captured.err
        assert f"{config}:     trust: " in captured.err
    lines = [line.split(" ", 2) for line in log.read_text(encoding="utf-8").splitlines()]
    steps = [process for _, process, text in lines if re.match("[1-6]/6 ", text)]
    assert sorted(steps.count(process) for process in set(steps)) == [6, 6]
    assert "2 of 2 reports made" in lines[-1][2]
    *reports, last = captured.out.splitlines()
    assert last.startswith(f"{week / 'index.html'}: 2 of 2 reports made, ")
    assert {line.split(": ")[0] for line in reports} == {
        str(week / name / "report.html") for name in ("north", "south")
    }
    rows = index_of(week)
    assert [row["config"] for row in rows] == [str(config) for config in configs]
    for config, row in zip(configs, rows, strict=True):
        results = json.loads((week / config.stem / "results.json").read_text(encoding="utf-8"))
        report = row["report"]
        iccs = sorted(item["icc"] for item in results["items"])
        assert row["errors"] == []
        assert (report["country"], report["wave"]) == (config.stem.upper(), "1")
        assert (report["n_interviews"], report["n_interviewers"]) == (120, 12)
        assert report["median_icc"] == pytest.approx(sum(iccs) / 2)
        assert report["worst_icc"] == iccs[-1]
        assert report["expected_flagged"] == results["expected_by_chance"]["interviewers"]
        assert report["n_flagged"] == sum(one["severity"] != "none" for one in results["interviewers"])
        assert f"{week / config.stem / 'report.html'}: {report['verdict']}" in reports
    moved = small_wave.folder / "web"
    shutil.move(week, moved)
    assert {path.relative_to(moved).as_posix() for path in links(moved / "index.html")} == {
        f"{config.stem}/{name}" for config in configs for name in ("report.html", "results.json")
    }
    assert all(path.is_file() for path in links(moved / "index.html"))


@pytest.mark.usefixtures("quick")
def test_the_same_reports_give_the_same_index(small_wave: SmallWave) -> None:
    """Whatever order they end in."""
    configs, made = copies(small_wave, "north", "south", "west"), []
    for jobs in (1, 3):
        assert run(*configs, "--output", small_wave.folder / "week", *QUICK, "--jobs", jobs) == 0
        made.append(
            {path.name: path.read_bytes() for path in (small_wave.folder / "week").rglob("*") if path.is_file()}
        )
    assert made[0] == made[1]


@pytest.mark.usefixtures("quick")
def test_a_mistake_stops_no_other_report(small_wave: SmallWave, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistaken configuration, missing data and a missing configuration are a line each, and rows of the index."""
    good, mistaken, gone = copies(small_wave, "good", "mistaken", "gone")
    mistaken.write_text(mistaken.read_text(encoding="utf-8").replace("items:", "itmes:"), encoding="utf-8")
    gone.write_text(gone.read_text(encoding="utf-8").replace("wave.csv", "gone.csv"), encoding="utf-8")
    missing, week = small_wave.folder / "missing.yaml", small_wave.folder / "week"
    assert run(mistaken, gone, good, missing, "--output", week, *QUICK) == 2
    captured = capsys.readouterr()
    errors = captured.err.splitlines()
    assert all(line.startswith(str(small_wave.folder)) for line in errors)
    for words in ("did you mean items?", f"{gone}: gone.csv", f"{missing}: there is no such file"):
        assert any(words in line for line in errors)
    assert captured.out.splitlines()[-1].startswith(f"{week / 'index.html'}: 1 of 4 reports made, ")
    assert [bool(row["errors"]) for row in index_of(week)] == [True, True, False, True]
    assert {path.name for path in week.iterdir()} == {"good", "index.html", "index.json"}
    page = html.unescape((week / "index.html").read_text(encoding="utf-8"))
    assert "did you mean items?" in page


@needs_fork
def test_a_bug_and_a_killed_process_stop_no_other_report(
    small_wave: SmallWave, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = pipeline.load_delivered

    def fails(config: object, folder: Path) -> object:
        country = config.survey.country
        if country == "BUG":
            raise ZeroDivisionError("a bug")
        if country == "KILLED":
            os.kill(os.getpid(), signal.SIGKILL)
        if country == "MEMORY":
            raise MemoryError
        return real(config, folder)

    monkeypatch.setattr(pipeline, "load_delivered", fails)
    configs, week = copies(small_wave, "bug", "killed", "memory", "good"), small_wave.folder / "week"
    assert run(*configs, "--output", week, *QUICK) == 1
    error = capsys.readouterr().err
    assert "ZeroDivisionError: a bug" in error
    assert "killed.yaml: its process was killed by signal 9" in error
    assert "memory.yaml: there is not enough memory" in error
    assert [row["report"] is not None for row in index_of(week)] == [False, False, False, True]


@pytest.mark.usefixtures("quick")
def test_the_worst_exit_code_counts(small_wave: SmallWave, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order 1, 2, 4, 3, 0, whichever report they come from."""
    configs = copies(small_wave, "calm", "flagged", "unmailed", "gone", "bug")

    def by_name(file: ConfigFile, output: Path | None, *_: object) -> ReportMade:
        made, config_path = quick_report(read_config(small_wave.config), output), file.path
        if config_path.stem == "gone":
            raise DataError("gone.csv: there is no such file")
        if config_path.stem == "bug":
            raise ZeroDivisionError
        n_critical = int(config_path.stem == "flagged")
        return replace(
            made, facts=replace(made.facts, n_critical=n_critical), all_mailed=config_path.stem != "unmailed"
        )

    monkeypatch.setattr(several, "make_report", by_name)
    arguments = ["--output", small_wave.folder / "week", "--quiet", "--fail-on", "critical"]
    for n_configs, code in ((2, 3), (3, 4), (4, 2), (5, 1)):
        assert run(*configs[:n_configs], *arguments) == code
        assert run(*configs[:n_configs][::-1], *arguments) == code


@pytest.mark.usefixtures("quick")
def test_without_an_output_the_index_stands_beside_the_configurations(
    small_wave: SmallWave, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where they stand in several folders, in the one that holds them all; never over a page of somebody else."""
    first = copies(small_wave, "first")[0]
    second = write_small_wave(small_wave.folder / "deeper").config
    assert run(first, second, *QUICK) == 0
    assert {row["report"]["files"]["json"] for row in index_of(small_wave.folder)} == {
        "first-report/results.json",
        "deeper/wave-report/results.json",
    }
    assert run(first, second, *QUICK) == 0  # over its own index
    (small_wave.folder / "index.html").write_text("<h1>My archive</h1>", encoding="utf-8")
    capsys.readouterr()
    assert run(first, second, *QUICK) == 2
    captured = capsys.readouterr()
    told = "is another page, so there is no index of these reports; give an --output"
    assert captured.err == f"{small_wave.folder / 'index.html'}: {told}\n"
    assert len(captured.out.splitlines()) == 2
    assert (small_wave.folder / "index.html").read_text(encoding="utf-8") == "<h1>My archive</h1>"


def test_waves_of_one_archive_are_compared_in_the_order_of_the_command(
    small_wave: SmallWave, capsys: pytest.CaptureFixture[str]
) -> None:
    """Though there are cores for all of them; another survey of the same archive need not wait."""
    small_wave.replace("items:", "archive: {folder: archive}\nitems:")
    configs = copies(small_wave, *"abcd")
    for number, config in enumerate(configs[:3], start=1):
        text = config.read_text(encoding="utf-8")
        text = text.replace(f"country: {config.stem.upper()}", "country: Belgium").replace("wave: 1", f"wave: {number}")
        config.write_text(text, encoding="utf-8")
    tasks = [task_of(read_config(config), None) for config in configs]
    assert several._next(tasks, []) == tasks[0]
    assert several._next(tasks[1:], [several._Running(tasks[0], None, None, 0.0)]) == tasks[3]
    assert all(not task_of(read_config(config), Path("week")).shared for config in configs)
    assert run(*configs, *QUICK, "--jobs", 4) == 0
    facts = [row["report"] for row in index_of(small_wave.folder)]
    assert [report["files"]["json"].split("/")[:3] for report in facts] == [
        ["archive", "Small wave", wave] for wave in "1231"
    ]
    assert "Since" not in facts[0]["verdict"]
    for wave, report in ((1, facts[1]), (2, facts[2])):
        assert f"Since wave {wave}:" in report["verdict"]
    # The second time all are recognised, and the index says the same.
    page = (small_wave.folder / "index.html").read_bytes()
    assert run(*configs, *QUICK) == 0
    assert (small_wave.folder / "index.html").read_bytes() == page
    assert "already archived" in capsys.readouterr().err


def test_configurations_that_share_pseudonyms_are_made_in_turn(small_wave: SmallWave) -> None:
    """Both would make a key if both looked for it at once."""
    small_wave.replace("items:", "report: {pseudonyms: true}\nitems:")
    north, south = (task_of(read_config(path), Path("week")) for path in copies(small_wave, "north", "south"))
    assert north.shared & south.shared
    assert several._next([south], [several._Running(north, None, None, 0.0)]) is None


@pytest.mark.usefixtures("quick")
def test_progress_is_a_line_for_each(small_wave: SmallWave, capsys: pytest.CaptureFixture[str]) -> None:
    good, gone = copies(small_wave, "good", "gone")
    gone.write_text(gone.read_text(encoding="utf-8").replace("wave.csv", "gone.csv"), encoding="utf-8")
    arguments = ["--output", small_wave.folder / "week", "--formats", "json", "--jobs", "1"]
    assert run(gone, good, *arguments) == 2
    told = capsys.readouterr().err.splitlines()
    assert [line.split(" (")[0] for line in told if "/2 " in line] == [f"1/2 failed  {gone}", f"2/2 done    {good}"]


def test_the_live_display_has_a_line_for_each_report_that_is_being_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    stream = Terminal()
    with watching(stream, quiet=False, verbose=False, n_reports=2) as watcher:
        assert isinstance(watcher, LiveWatcher)
        for name in ("north [red].yaml", "south.yaml"):
            watcher.started(Path(name))
            watcher.told(Path(name), Message("begin", "flag"))
        watcher.told(Path("south.yaml"), Message("note", "a note"))
        watcher._display.refresh()
        assert "north [red].yaml  flag" in stream.getvalue()
        watcher.ended(Outcome(Path("north [red].yaml"), errors=("no",), seconds=2.0))
        watcher.ended(Outcome(Path("south.yaml"), bug="Traceback", seconds=3.0))
        watcher.result("an answer")
        watcher._display.refresh()
    shown = stream.getvalue()
    assert "1/2 failed  north [red].yaml (2.0 s)\n" in shown
    assert "note: south.yaml: a note\n" in shown
    assert "2 of 2, 2 failed" in shown
    assert capsys.readouterr().out == "an answer\n"  # standard output is no terminal here


@pytest.mark.usefixtures("quick")
def test_hostile_words_are_escaped(small_wave: SmallWave) -> None:
    small_wave.replace("name: Small wave", f"name: '{HOSTILE}', country: '{HOSTILE}'")
    small_wave.replace("label: Trust in others", f"label: '{HOSTILE}'")
    bad = small_wave.folder / f"{HOSTILE.replace('/', '')}.yaml"
    bad.write_text("x: 1", encoding="utf-8")
    assert run(small_wave.config, bad, "--output", small_wave.folder / "week", *QUICK) == 2
    page = (small_wave.folder / "week" / "index.html").read_text(encoding="utf-8")
    assert page.count("<script") == 1
    assert "default-src 'none'" in html.unescape(page)
    assert page.count("&lt;script&gt;") >= 4


@pytest.mark.parametrize("jobs", ["0", "-1", "many"])
def test_jobs_is_a_number_of_at_least_one(small_wave: SmallWave, jobs: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(small_wave.config, "--jobs", jobs) == 2
    assert "--jobs" in capsys.readouterr().err
    assert not (small_wave.folder / "wave-report").exists()


@needs_fork
def test_the_cores_are_not_over_subscribed(small_wave: SmallWave, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each report has a second process only where there are two cores for each."""
    configs = copies(small_wave, "north", "south")
    tasks = [task_of(read_config(config), small_wave.folder / config.stem) for config in configs]

    def says(*arguments: object) -> None:
        raise DataError(f"alone: {arguments[-1]}")

    monkeypatch.setattr(several, "make_report", says)
    for cores, jobs, alone in ((2, 2, False), (3, 2, False), (4, 2, True), (2, 1, True), (1, 1, False), (64, 64, True)):
        monkeypatch.setattr(several, "usable_cores", lambda cores=cores: cores)
        outcomes = list(make_reports(tasks, Options(None, False, "none", None), jobs, QuietWatcher(sys.stderr)))
        assert [outcome.errors for outcome in outcomes] == [(f"alone: {alone}",)] * 2
    with second_core.second_core(wanted=False) as core:
        assert core is second_core.IN_TURN


@needs_fork
@pytest.mark.parametrize(("asked", "loaded"), [(("html",), [True, False]), (None, [True, True])])
def test_libraries_are_loaded_once_for_all(
    small_wave: SmallWave, asked: tuple[str, ...] | None, loaded: list[bool]
) -> None:
    pytest.importorskip("weasyprint")
    program = (
        "import sys; from pathlib import Path; from qa_reports import several as s; from qa_reports.config import *;"
        f"path = Path({str(small_wave.config)!r}); task = s.task_of(read_config(path), None);"
        f"s._load_what_all_need([task], s.Options({asked!r}, False, 'none', None));"
        "print([name in sys.modules for name in ('statsmodels', 'weasyprint')])"
    )
    assert "html" in read_config(small_wave.config).config.report.formats
    assert "pdf" in read_config(small_wave.config).config.report.formats
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == str(loaded)


@needs_fork
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_processes_end_with_the_program(small_wave: SmallWave, number: signal.Signals) -> None:
    """Interrupted or killed: nobody goes on working, and nothing half written is left."""
    configs = copies(small_wave, "north", "south")
    program = (
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored, where tests run in the background
        "import qa_reports.pipeline as pipeline\n"
        "from qa_reports.cli import main\n"
        "def slow(*_):\n"
        "    print(os.getpid(), file=sys.stderr, flush=True)\n"
        "    time.sleep(60)\n"
        "pipeline.load_delivered = slow\n"
        "sys.exit(main())"
    )
    command = [sys.executable, "-c", program, *map(str, configs), "--quiet", "--jobs", "2"]
    before = small_wave.files()
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as running:
        assert running.stderr is not None
        children = [int(running.stderr.readline()) for _ in configs]
        running.send_signal(number)
        running.wait(timeout=20)
        told = "" if number == signal.SIGKILL else running.stderr.read()
    assert running.returncode == (130 if number == signal.SIGINT else -number)
    assert told == ("stopped\n" if number == signal.SIGINT else "")
    for _ in range(100):
        if not any(Path(f"/proc/{child}").exists() for child in children):
            break
        time.sleep(0.1)
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    assert small_wave.files() == before


def test_a_process_whose_program_is_gone_ends() -> None:
    """Watched by `end_with`: here the program is said to be one that never was."""
    watched = f"from qa_reports.second_core import {end_with.__name__}; end_with(os.getppid() + 1)"
    program = f"import os, time; {watched}; time.sleep(30)"
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False, timeout=20)
    assert ended.returncode == 1
