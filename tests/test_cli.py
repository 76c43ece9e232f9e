"""The command `qa-report`: what it prints, what it leaves behind, and its exit codes."""

from __future__ import annotations

import datetime
import importlib.metadata
import inspect
import io
import json
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import qa_reports.pipeline as pipeline
from qa_reports import __version__, commands, making
from qa_reports.cli import main
from qa_reports.command_line import COMMANDS, EXAMPLES, report_parser
from qa_reports.delivery.folder import write_files
from qa_reports.errors import OutputError, one_line
from qa_reports.progress import STEPS, LogLines
from tests.small_wave import SmallWave

ROOT = Path(__file__).parent.parent

QUICK = ["--formats", "html,json"]
"""A PDF takes seconds, and these tests are not about its pages."""


def test_a_report_is_made(small_wave: SmallWave, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(small_wave.config), *QUICK]) == 0
    folder = small_wave.folder / "wave-report"
    assert small_wave.files() == {
        "wave.yaml", "wave.csv", "wave-report", "wave-report/report.html", "wave-report/results.json"
    }  # fmt: skip
    captured = capsys.readouterr()
    verdict = captured.out.removeprefix(f"{folder / 'report.html'}: ").rstrip("\n")
    assert verdict in (folder / "report.html").read_text(encoding="utf-8")
    assert len(verdict) > 20


def test_the_log_is_six_numbered_steps(small_wave: SmallWave, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(small_wave.config), *QUICK])
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[:2] for line in lines] == [[f"{n}/6", step] for n, step in enumerate(STEPS, start=1)]
    assert lines[0].startswith("1/6 load      120 interviews from wave.csv (")
    assert lines[1].startswith("2/6 clean     120 interviews by 12 interviewers, 3 answers missing by their code")
    assert lines[2].startswith("3/6 estimate  2 of 2 items modelled")


def test_the_log_file_keeps_every_run(small_wave: SmallWave, capsys: pytest.CaptureFixture[str]) -> None:
    log = small_wave.folder / "qa.log"
    command = [str(small_wave.config), "--quiet", "--formats", "json", "--log", str(log)]
    assert main(command) == 0
    shown = capsys.readouterr().out
    small_wave.survey_file.rename(small_wave.folder / "gone.csv")
    assert main(command) == 2
    error = capsys.readouterr().err
    small_wave.replace("items:", "itmes:")
    assert main(command) == 2
    stamps, _, texts = zip(*(line.split(" ", 2) for line in log.read_text(encoding="utf-8").splitlines()), strict=True)
    assert all(datetime.datetime.fromisoformat(stamp).tzinfo is not None for stamp in stamps)
    assert list(stamps) == sorted(stamps)
    assert [text.split()[1] for text in texts if text[1:2] == "/"] == list(STEPS)
    assert f"{shown}" in "\n".join(texts) + "\n"
    assert f"error: {error}" in "\n".join(texts) + "\n"
    assert "did you mean items?" in "\n".join(texts)


def test_a_log_that_cannot_be_written(small_wave: SmallWave, capsys: pytest.CaptureFixture[str]) -> None:
    before = small_wave.files()
    assert main([str(small_wave.config), "--log", str(small_wave.folder)]) == 2
    assert capsys.readouterr().err == f"{small_wave.folder}: the log cannot be written to (Is a directory)\n"
    assert small_wave.files() == before


def test_quiet_prints_the_last_line_only(small_wave: SmallWave, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(small_wave.config), "--quiet", *QUICK]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert len(captured.out.splitlines()) == 1


def test_verbose_tells_about_the_items(small_wave: SmallWave, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(small_wave.config), "--verbose", *QUICK]) == 0
    assert "\n    trust: " in capsys.readouterr().err


def test_output_is_written_straight_into_the_folder(small_wave: SmallWave) -> None:
    folder = small_wave.folder / "new" / "monday"
    assert main([str(small_wave.config), "--output", str(folder), "--quiet", *QUICK]) == 0
    assert {path.name for path in folder.iterdir()} == {"report.html", "results.json"}
    assert {path.name for path in folder.parent.iterdir()} == {"monday"}


def test_two_reports_never_share_a_folder(small_wave: SmallWave, capsys: pytest.CaptureFixture[str]) -> None:
    again = small_wave.folder / "again" / "wave.yaml"
    again.parent.mkdir()
    again.write_text(small_wave.config.read_text(encoding="utf-8"), encoding="utf-8")
    arguments = [str(small_wave.config), str(again), "--output", str(small_wave.folder / "week"), "--quiet"]
    assert main(arguments) == 2
    assert "would be written there; rename one" in capsys.readouterr().err
    assert not (small_wave.folder / "week").exists()


def test_the_same_input_gives_the_same_bytes(small_wave: SmallWave, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    folders = [small_wave.folder / name for name in ("one", "two")]
    for folder in folders:
        assert main([str(small_wave.config), "--output", str(folder), "--quiet", *QUICK]) == 0
    for name in ("report.html", "results.json"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()


def test_the_printed_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert pipeline._printed_date() == datetime.date(2023, 11, 14)
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    today = datetime.datetime.now().astimezone().date()
    assert today - pipeline._printed_date() <= datetime.timedelta(days=1)


def test_a_wrong_source_date_epoch(
    small_wave: SmallWave, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    assert main([str(small_wave.config), "--quiet", *QUICK]) == 2
    message = "SOURCE_DATE_EPOCH: is 'yesterday'; it should be a number of seconds since 1970\n"
    assert capsys.readouterr().err == message


def test_an_older_file_of_another_format_is_mentioned(
    small_wave: SmallWave, capsys: pytest.CaptureFixture[str]
) -> None:
    older = small_wave.folder / "wave-report" / "report.pdf"
    older.parent.mkdir()
    older.write_bytes(b"older")
    assert main([str(small_wave.config), "--quiet", "--formats", "json"]) == 0
    assert capsys.readouterr().err == f"note: {older} is from an earlier run and was left as it was\n"
    assert older.read_bytes() == b"older"


@pytest.mark.parametrize(("asked", "code"), [("warning", 3), ("critical", 3), (None, 0)])
def test_fail_on(small_wave: SmallWave, asked: str | None, code: int) -> None:
    lines = small_wave.survey_file.read_text(encoding="utf-8").splitlines()
    for row in range(1, 11):  # the first interviewer's respondents all answer 10 and 0
        number, interviewer, *_ = lines[row].split(",")
        lines[row] = f"{number},{interviewer},10,0,x"
    small_wave.survey_file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    arguments = [str(small_wave.config), "--quiet", "--formats", "json"]
    assert main(arguments + (["--fail-on", asked] if asked else [])) == code


def test_nobody_flagged_is_no_failure(small_wave: SmallWave) -> None:
    small_wave.replace("items:", "flags: {min_interviews: 50}\nitems:")
    assert main([str(small_wave.config), "--quiet", "--formats", "json", "--fail-on", "warning"]) == 0


# Bad input: what is spoilt, and what the one line must say.
Spoil = Callable[[SmallWave], None]


def _rewrite_rows(change: Callable[[list[str]], list[str]]) -> Spoil:
    def spoil(wave: SmallWave) -> None:
        head, *rows = wave.survey_file.read_text(encoding="utf-8").splitlines()
        changed = [",".join(change(row.split(","))) for row in rows]
        wave.survey_file.write_text("\n".join([head, *changed]) + "\n", encoding="utf-8")

    return spoil


def _replace(old: str, new: str) -> Spoil:
    return lambda wave: wave.replace(old, new)


BAD_INPUT: dict[str, tuple[Spoil, tuple[str, ...]]] = {
    "no configuration": (lambda wave: wave.config.unlink(), ("wave.yaml: there is no such file",)),
    "no survey file": (lambda wave: wave.survey_file.unlink(), ("wave.csv",)),
    "wrong column": (_replace("name: help", "name: helf"), ("helf", "help")),
    "no interviewer column": (_replace("intnum", "intnumber"), ("intnumber", "intnum")),
    "no interviewer in the configuration": (
        _replace(", interviewer: intnum", ""),
        ("wave.yaml:2: data.interviewer: is missing",),
    ),
    "empty file": (lambda wave: wave.survey_file.write_bytes(b"") and None, ("wave.csv", "empty")),
    "header only": (
        lambda wave: wave.survey_file.write_text("idno,intnum,trust,help,comment\n", encoding="utf-8") and None,
        ("wave.csv",),
    ),
    "one interviewer only": (_rewrite_rows(lambda row: [row[0], "7", *row[2:]]), ("wave.csv", "interviewer")),
    "all missing": (_rewrite_rows(lambda row: [*row[:2], "88", "99", row[4]]), ("wave.csv",)),
    "non-numeric answers": (_replace("name: help, scale: [0, 10]", "name: comment"), ("comment", "word")),
    "broken YAML": (_replace("survey: {", "survey: {{"), ("wave.yaml:1", "is not valid YAML")),
    "unknown key": (_replace("items:", "itmes:"), ("wave.yaml", "did you mean items?")),
    "a file where the folder should be": (
        lambda wave: (wave.folder / "wave-report").write_bytes(b"mine") and None,
        ("wave-report: is a file, but the report needs a folder there; choose another --output",),
    ),
    "a folder where the report should be": (
        lambda wave: (wave.folder / "wave-report" / "report.html").mkdir(parents=True),
        ("report.html: a folder stands where the report is to be written; rename or move it",),
    ),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input(small_wave: SmallWave, case: str, capsys: pytest.CaptureFixture[str]) -> None:
    spoil, told = BAD_INPUT[case]
    spoil(small_wave)
    before = small_wave.files()
    assert main([str(small_wave.config), "--quiet", *QUICK]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    first, *more = captured.err.splitlines()
    assert all(words in captured.err for words in told)
    assert len(first) < 300
    assert more == [] or case == "unknown key"  # a mistyped key is also a missing one: two lines, in the file's order
    assert small_wave.files() == before


def test_an_impossible_output_folder_is_told_in_one_line(
    small_wave: SmallWave, capsys: pytest.CaptureFixture[str]
) -> None:
    before = small_wave.files()
    assert main([str(small_wave.config), "--quiet", "--output", str(small_wave.folder / ("x" * 300))]) == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert told.endswith("cannot be written to (File name too long); choose another folder with --output")
    assert small_wave.files() == before


def test_a_missing_file_is_told_with_its_folder(
    small_wave: SmallWave, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where the configuration is called by its name alone, whose folder is "."."""
    small_wave.survey_file.unlink()
    monkeypatch.chdir(small_wave.folder)
    assert main(["wave.yaml", "--quiet"]) == 2
    assert capsys.readouterr().err == f"wave.csv: there is no such file in {small_wave.folder}\n"


def test_control_characters_of_a_file_do_not_reach_the_terminal(
    small_wave: SmallWave, capsys: pytest.CaptureFixture[str]
) -> None:
    small_wave.replace("name: help", 'name: "help\\e[31m\\nred"')
    assert main([str(small_wave.config), "--quiet", *QUICK]) == 2
    error = capsys.readouterr().err
    assert "\x1b" not in error
    assert len(error.splitlines()) == 1
    small_wave.replace("scale: [0, 10]}\n", 'scale: [0, 10], "x\\e]\\ny": 1}\n')
    assert main([str(small_wave.config), "--quiet", *QUICK]) == 2
    told = capsys.readouterr().err
    assert "\x1b" not in told
    assert len(told.splitlines()) == 2
    assert one_line("a\x1b[31mb\nc\u202ed") == "a\\x1b[31mb c\\u202ed"


def no_pango() -> str:
    return "Pango is missing; install libpango-1.0-0"


def test_no_pdf_libraries(
    small_wave: SmallWave, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("qa_reports.pipeline.pdf_obstacle", no_pango)
    assert main([str(small_wave.config), "--quiet"]) == 0
    message = "note: report.pdf is left out: Pango is missing; install libpango-1.0-0\n"
    assert capsys.readouterr().err == message
    assert {path.name for path in (small_wave.folder / "wave-report").iterdir()} == {
        "report.html",
        "results.json",
        "results.xlsx",
    }


def test_a_machine_without_pango(small_wave: SmallWave) -> None:
    program = (
        "import sys, cffi\n"
        "def missing(*_):\n"
        "    raise OSError(\"cannot load library 'libpango-1.0-0'\")\n"
        "cffi.FFI.dlopen = missing\n"
        "from qa_reports.cli import main\n"
        "sys.exit(main())"
    )
    command = [sys.executable, "-c", program, str(small_wave.config), "--quiet"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert ended.returncode == 0
    assert len(ended.stdout.splitlines()) == 1
    (note,) = ended.stderr.splitlines()
    assert note.startswith("note: report.pdf is left out: ")
    assert "libpango-1.0-0" in note
    assert {path.name for path in (small_wave.folder / "wave-report").iterdir()} == {
        "report.html",
        "results.json",
        "results.xlsx",
    }


@pytest.mark.parametrize("by", ["command line", "configuration"])
def test_no_pdf_libraries_and_only_a_pdf_asked_for(
    small_wave: SmallWave, by: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("qa_reports.pipeline.pdf_obstacle", no_pango)
    if by == "configuration":
        small_wave.replace("items:", "report: {formats: [pdf]}\nitems:")
    before = small_wave.files()
    assert main([str(small_wave.config), "--quiet", *(["--formats", "pdf,html"] if by == "command line" else [])]) == 2
    assert capsys.readouterr().err == "report.pdf: Pango is missing; install libpango-1.0-0\n"
    assert small_wave.files() == before


def test_a_bug_is_not_hidden(small_wave: SmallWave, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(pipeline, "clean_delivered", broken)
    before = small_wave.files()
    with pytest.raises(ZeroDivisionError):
        main([str(small_wave.config), "--quiet"])
    assert small_wave.files() == before


def test_a_disk_that_fails_in_the_middle_leaves_the_earlier_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "report"
    write_files({"a": b"old", "b": b"old"}, folder)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputError, match=r"report: cannot be written to \(No space left on device\)"):
        write_files({"a": b"new", "b": b"new"}, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"a": b"old", "b": b"old"}
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["wave.yaml", "--formats", "doc"],
            "--formats: 'doc' is not a format; it should be any of html, pdf, json, xlsx, feedback",
        ),
        (["sned", "archive/run"], "sned: there is no such command, and no such file; did you mean send?"),
        (["--quiet", "check"], "check: there is no such file; a command stands first: `qa-report check ...`"),
        (["config"], "config: there is no such file; give the path of a configuration"),
    ],
)
def test_a_wrong_command(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(told)
    assert len(captured.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", "CONFIG: is missing; give one or several configurations (YAML files)."),
        ("--quiet", "CONFIG: is missing; give one or several configurations (YAML files)."),
        ("--", "CONFIG: is missing; give one or several configurations (YAML files)."),
        ("''", "CONFIG: is empty; give one or several configurations (YAML files)."),
        ("init", "SURVEY_FILE: is missing; give the survey file, one row per interview."),
        ("send --again", "RUN: is missing; give the folder of an archived run."),
        ("forget", "ARCHIVE: is missing; give the folder of an archive."),
        ("send one two", "two: is one too many; `qa-report send` takes one RUN."),
        ("send one -- two", "two: is one too many; `qa-report send` takes one RUN."),
        ("schema x", "x: is one too many; `qa-report schema` takes no file."),
        ("wave.yaml --otput x", "--otput: there is no such option; did you mean --output?"),
        ("--otput=x wave.yaml", "--otput: there is no such option; did you mean --output?"),
        ("wave.yaml --out x", "--out: there is no such option; did you mean --output?"),
        ("wave.yaml --dry_run", "--dry_run: there is no such option; did you mean --dry-run?"),
        ("send run --agin", "--agin: there is no such option; did you mean --again?"),
        ("check wave.yaml --quiet", "--quiet: there is no such option."),
        ("wave.yaml -q", "-q: there is no such option."),
        ("wave.yaml -hq", "-hq: there is no such option; did you mean -h?"),
        ("wave.yaml --output", "--output: has no value; it should be --output DIR."),
        ("--output --quiet wave.yaml", "--output: has no value; it should be --output DIR."),
        ("--output -- wave.yaml", "--output: has no value; it should be --output DIR."),
        ("wave.yaml --jobs a", "--jobs: is 'a'; it should be a whole number."),
        ("wave.yaml --jobs=1.5", "--jobs: is '1.5'; it should be a whole number."),
        ("init wave.csv --items=", "--items: is ''; it should be a whole number."),
        ("wave.yaml --fail-on bad", "--fail-on: is 'bad'; it should be critical or warning."),
        ("wave.yaml --quiet=3", "--quiet: takes no value; give it alone."),
        ("wave.yaml --help=3", "-h/--help: takes no value; give it alone."),
        ("wave.yaml --formats html --formats pdf", "--formats: is given twice; once is enough."),
        ("--quiet wave.yaml --quiet", "--quiet: is given twice; once is enough."),
        ("forget archive", "--older-than: is missing; give the age of the runs to remove: 90d, 26w, 18m or 2y."),
        ("wave.yaml --\x1b[31m", "--\\x1b[31m: there is no such option."),
        ("wave.yaml --jobs '\x1b[31m\n9'", "--jobs: is '\\x1b[31m 9'; it should be a whole number."),
    ],
)
def test_a_line_that_makes_no_sense(
    line: str, told: str, small_wave: SmallWave, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(small_wave.folder)
    before = small_wave.files()
    words = shlex.split(line)
    assert main(words) == 2
    captured = capsys.readouterr()
    command = f" {words[0]}" if words and words[0] in COMMANDS else ""
    assert captured.out == ""
    assert captured.err == f"{told} `qa-report{command} --help` shows what there is.\n"
    assert small_wave.files() == before


@pytest.mark.parametrize(
    ("line", "given"),
    [
        ("a.yaml --quiet b.yaml", {"configs": ["a.yaml", "b.yaml"], "quiet": True}),
        ("--quiet a.yaml --output o b.yaml", {"configs": ["a.yaml", "b.yaml"], "quiet": True, "output": "o"}),
        ("--output=a=b a.yaml", {"configs": ["a.yaml"], "output": "a=b"}),
        ("a.yaml --formats html,pdf --log l", {"configs": ["a.yaml"], "formats": "html,pdf", "log": "l"}),
        ("a.yaml --fail-on=warning --strict", {"configs": ["a.yaml"], "fail_on": "warning", "strict": True}),
        ("a.yaml --new-run --no-email", {"configs": ["a.yaml"], "new_run": True, "no_email": True}),
        ("a.yaml --dry-run --verbose", {"configs": ["a.yaml"], "dry_run": True, "verbose": True}),
        ("a.yaml --jobs 3", {"configs": ["a.yaml"], "jobs": 3}),
        ("--jobs 3 -- -a.yaml --quiet", {"configs": ["-a.yaml", "--quiet"], "jobs": 3}),
        ("a.yaml -- --help", {"configs": ["a.yaml", "--help"]}),
        ("a.yaml check -5 @b", {"configs": ["a.yaml", "check", "-5", "@b"]}),
    ],
)
def test_options_and_files_stand_in_any_order(
    line: str, given: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[dict[str, object]] = []

    def report(configs: list[Path], **options: object) -> int:
        shown = {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}
        calls.append({"configs": [str(config) for config in configs], **shown})
        return 0

    monkeypatch.setattr(making, "report", report)
    assert main(shlex.split(line)) == 0
    assert calls == [given]


def test_what_is_allowed_is_what_the_functions_take() -> None:
    """Options are handed over under the names of parameters."""
    for name, parser in {"report": report_parser, **COMMANDS}.items():
        function = making.report if name == "report" else getattr(commands, name)
        options = {name[2:].replace("-", "_") for name in parser().names if name.startswith("--")}
        optional = [each for each in inspect.signature(function).parameters.values() if each.kind == each.KEYWORD_ONLY]
        assert options - {"help", "version"} == {each.name for each in optional}
        required = {each.name for each in optional if each.default is each.empty}
        assert required == ({"older_than"} if name == "forget" else set())


@pytest.mark.parametrize(
    "line", ["--help", "-h", "wave.yaml --help", "--nonsense --help", "--output -h", "--version -h"]
)
def test_help_has_every_option_and_command_and_examples(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line.split()) == 0
    page = capsys.readouterr().out
    for words in (*report_parser().names, *COMMANDS):
        assert re.search(rf"^  (-h, )?{words}[ ,]", page, flags=re.MULTILINE)
    for command in COMMANDS:
        assert getattr(commands, command).__doc__ in " ".join(page.split())
    assert "CONFIG" in page
    assert page.endswith(EXAMPLES["report"])
    assert max(len(line) for line in page.splitlines()) <= 80


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_shows_how_to_call_it_and_not_the_report(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--help"]) == 0
    page = capsys.readouterr().out
    assert page.startswith(f"usage: qa-report {command}")
    assert getattr(commands, command).__doc__ in " ".join(page.split())
    for option in COMMANDS[command]().names:
        assert re.search(rf"^  (-h, )?{option}[ ,]", page, flags=re.MULTILINE)
    assert f"\n  qa-report {command}" in page
    assert "wave11-report/" not in page
    assert page.endswith(EXAMPLES[command])
    assert max(len(line) for line in page.splitlines()) <= 80
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert main(["-h", command]) == 0
    assert capsys.readouterr().out == page, "the same on every terminal"


@pytest.mark.parametrize("line", ["--version", "wave.yaml --version", "check --version", "--nonsense --version"])
def test_version(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line.split()) == 0
    assert capsys.readouterr().out == f"qa-report {__version__}\n"


def test_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["required"] == ["survey", "data", "items"]


def test_help_does_not_wait_for_slow_libraries() -> None:
    program = (
        "import sys; from qa_reports.cli import main; main(['--version']);"
        "print([name for name in ('pandas', 'numpy', 'pydantic', 'matplotlib', 'statsmodels') if name in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT)
    assert printed.stdout.splitlines() == [f"qa-report {__version__}", "[]"]


def test_the_program_ends_with_the_exit_code(tmp_path: Path) -> None:
    program = "import atexit; from qa_reports.cli import program; atexit.register(print, 'tidied'); program()"
    command = [sys.executable, "-c", program, str(tmp_path / "missing.yaml")]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert ended.returncode == 2
    assert ended.stdout == "tidied\n"
    assert ended.stderr == f"{tmp_path / 'missing.yaml'}: there is no such file; give the path of a configuration\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("module", ["argparse", "qa_reports.command_line", "qa_reports.progress", "qa_reports.config"])
def test_a_program_that_is_ended_while_it_starts_says_so(module: str, number: signal.Signals, tmp_path: Path) -> None:
    """The signal comes when the module is looked for."""
    program = (
        "import os, sys\n"
        "class Interrupting:\n"
        "    @staticmethod\n"
        "    def find_spec(name, *_):\n"
        f"        if name == '{module}':\n"
        f"            os.kill(os.getpid(), {number:d})\n"
        "sys.meta_path.insert(0, Interrupting)\n"
        "from qa_reports.cli import program; program()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "missing.yaml")], capture_output=True, text=True, cwd=ROOT,
        check=False, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "stopped\n")


def test_an_interruption_that_python_drops_comes_a_moment_later() -> None:
    """An exception does not get out of a finalizer, nor out of what Python calls at the end of an import."""
    program = (
        "import os, signal, time\n"
        "from qa_reports.stopping import stop_in_order\n"
        "class Deaf:\n"
        "    def __del__(self):\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        time.sleep(0)\n"
        "stop_in_order()\n"
        "try:\n"
        "    Deaf()\n"
        "    time.sleep(60)\n"
        "except KeyboardInterrupt:\n"
        "    print('stopped')\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert (ended.stdout, ended.stderr) == ("stopped\n", "")


def test_log_lines_carry_the_time_of_their_step() -> None:
    stream, clock = io.StringIO(), iter([0.0, 10.0, 12.5])
    log = LogLines(stream, clock=lambda: next(clock))
    log.begin("load")
    log.end("load", "3 interviews")
    assert stream.getvalue() == "1/6 load      3 interviews (2.5 s)\n"


def test_the_versions_in_the_report_are_those_installed() -> None:
    versions = pipeline._versions()
    assert versions["qa-report"] == __version__
    assert versions["numpy"] == importlib.metadata.version("numpy")


def test_reviewed_flags_are_read_beside_the_configuration(
    small_wave: SmallWave, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown interviewer is noted; a mistake is answered with file, line and key."""
    reviewed = small_wave.folder / "reviewed.yaml"
    entry = "reviewed:\n  - {interviewer: 999, kind: any, until: 1, note: Fine., by: A.}\n"
    reviewed.write_text(entry, encoding="utf-8")
    assert main([str(small_wave.config), *QUICK]) == 0
    assert "reviewed.yaml: interviewer 999 has no interview in this wave" in capsys.readouterr().err

    reviewed.write_text(entry.replace("any", "anything"), encoding="utf-8")
    assert main([str(small_wave.config), *QUICK]) == 2
    assert f"{reviewed}:2: reviewed[1].kind: is 'anything'" in capsys.readouterr().err


def test_letters_that_no_font_has_are_told(
    small_wave: SmallWave, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What can be asked of another process: the words themselves are what is lacking.
    monkeypatch.setattr("qa_reports.pipeline.unprintable_letters", str.upper)
    assert main([str(small_wave.config), "--formats", "pdf"]) == 0
    note = r"note: report\.pdf: no font on this machine has (.*) and [0-9]+ more, which are empty boxes"
    told = re.search(note, capsys.readouterr().err)
    assert told is not None
    assert len(told.group(1).split(" ")) >= 8
