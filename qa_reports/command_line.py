"""What can be typed: the commands with their files, options and help."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from qa_reports import __version__, commands, making
from qa_reports.arguments import COLUMNS, CommandParser, Files, one_of, whole_number
from qa_reports.errors import UserError
from qa_reports.telling import REPORT_MADE, tell, tell_lines

_DESCRIPTION = """\
Shows which interviewers of a survey wave are worth a call, about what, and how
sure that is.

A configuration (a YAML file) names the survey file, the column with the
interviewer and the questions to examine. The report goes to a folder beside it:
report.html opens in any browser, also offline; report.pdf is for printing and
mail; results.json has every number for other programs.
"""

EXAMPLES = {
    "report": """\
For example:

  qa-report wave11.yaml
      writes wave11-report/ beside wave11.yaml
  qa-report wave11.yaml --output monday --formats html
      writes only the page for the browser, into the folder monday
  qa-report north.yaml south.yaml --output week3
      writes week3/north/ and week3/south/, as many at once as there are cores,
      and week3/index.html over both

Exit codes: 0 the report is made, 1 a bug in this program, 2 something you can
put right (the message says what), 3 the report is made and --fail-on or
--strict was met, 4 the report is made, but not everybody who should has got it
by e-mail. Of several reports the worst counts: 1, then 2, 4, 3, 0.
""",
    "init": """\
For example:

  qa-report init wave11.sav
      writes wave11.yaml beside wave11.sav, and the schema for editors
  qa-report init wave11.csv --codebook codebook.csv --output first/wave.yaml
      takes labels and missing codes from a table; first/ is made
  qa-report init wave12.sav --like wave11.yaml --wave "Wave 12"
      finds the questions of wave 11 again, so that the waves are compared

Exit codes: 0 it is written, 1 a bug in this program, 2 something you can put
right (the message says what).
""",
    "check": """\
For example:

  qa-report check wave11.yaml
      what would be examined, in seconds
  qa-report check countries/*.yaml
      the same for each

Exit codes: 0 the report would be made, 1 a bug in this program, 2 something you
can put right (the message says what).
""",
    "send": """\
For example:

  qa-report send "archive/Panel/Wave 12/20260301T060000Z-a1b2c3"
      mails what that run holds to those who have not got it yet
  qa-report send RUN --config wave12.yaml
      the same, with recipients and mail server from wave12.yaml

Exit codes: 0 everybody has it, 1 a bug in this program, 2 something you can put
right (the message says what), 4 not everybody who should has got it.
""",
    "index": """\
For example:

  qa-report index archive
      writes archive/index.html

Exit codes: 0 it is written, 1 a bug in this program, 2 something you can put
right (the message says what).
""",
    "forget": """\
For example:

  qa-report forget archive --older-than 2y
      lists what would go
  qa-report forget archive --older-than 2y --delete
      removes it, and makes the index anew

Exit codes: 0 done, 1 a bug in this program, 2 something you can put right (the
message says what).
""",
    "schema": """\
For example:

  qa-report schema > qa-report.schema.json
      beside the configurations whose first line names it
""",
}
"""Command -> what stands below its options in its help; `report` is what is done without one."""

_CONFIGS = Files("configs", "CONFIG", "One or several configurations (YAML files).", several=True)
_ARCHIVE = Files("archive", "ARCHIVE", "The folder of an archive.")


def run(line: Sequence[str]) -> int:
    """Do what a line asks for, and return the exit code.

    Raises:
        UserError: it makes no sense, or what it asks for cannot be done.
    """
    end = line.index("--") if "--" in line else len(line)
    asked = {"-h", "--help", "--version"}.intersection(line[:end])
    words = [word for word in line[:end] if word not in asked]
    parser = COMMANDS[words.pop(0)]() if words and words[0] in COMMANDS else report_parser()
    if not asked:
        return parser.run(words, line[end + 1 :])
    if asked == {"--version"}:
        tell(f"qa-report {__version__}")
    else:
        tell_lines(parser.format_help().rstrip("\n"))
    return REPORT_MADE


def report_parser() -> CommandParser:
    """What a line without a command is read by."""
    others = {name: getattr(commands, name).__doc__ or "" for name in COMMANDS}
    parser = CommandParser(
        _report, "qa-report", "CONFIG... [OPTIONS]", _DESCRIPTION, EXAMPLES["report"], _CONFIGS, others
    )
    parser.option(
        "--output",
        "DIR",
        "Folder for the report; with several configurations, each gets a folder of its own in it.",
        Path,
    )
    parser.option(
        "--formats",
        "FORMATS",
        "What to make, e.g. html,pdf (any of html, pdf, json, xlsx, feedback, parquet); else what the configuration "
        "says.",
    )
    parser.option(
        "--fail-on",
        "SEVERITY",
        "End with exit code 3 when an interviewer is flagged as this or worse: critical or warning.",
        one_of("critical", "warning"),
    )
    parser.flag("--strict", help="End with exit code 3 when results are not to be trusted as they are.")
    parser.flag("--new-run", help="Archive a run even if the same one is there already.")
    parser.flag("--no-email", help="Send no mail; `qa-report send` can do it later.")
    parser.flag("--dry-run", help="Write the messages as .eml files instead of sending them.")
    parser.option(
        "--jobs",
        "N",
        "How many of several reports are made at once; as many as there are cores if not given.",
        whole_number,
    )
    parser.option("--log", "FILE", "File to which every step, note and error is added, with its UTC time.", Path)
    parser.flag("--quiet", help="Print only the last line.")
    parser.flag("--verbose", help="Print more about each step.")
    parser.flag("--version", help="Show the version.")
    return parser


def _init() -> CommandParser:
    file = Files("survey_file", "SURVEY_FILE", "The survey file, one row per interview.")
    parser = _command(commands.init, "SURVEY_FILE [OPTIONS]", file)
    parser.option("--like", "CONFIG", "Earlier wave's configuration: what it examined is found again.", Path)
    parser.option("--interviewer", "COLUMN", "Column that says who did the interview, where its name and label do not.")
    parser.option("--codebook", "FILE", "File with labels and missing codes, where the survey file has none.", Path)
    parser.option("--join", "FILE", "File with further columns of the same interviews, such as who did them.", Path)
    parser.option("--name", "NAME", "Name of the survey, as it should be printed.")
    parser.option("--wave", "WAVE", "Wave or round.")
    parser.option(
        "--items",
        "N",
        f"How many questions to examine to begin with (default: {commands.FIRST_ITEMS}); the others are listed.",
        whole_number,
    )
    parser.option("--output", "FILE", "The configuration to write; else SURVEY_FILE with the ending .yaml.", Path)
    parser.flag("--force", help="Overwrite a configuration that exists already.")
    return parser


def _check() -> CommandParser:
    return _command(commands.check, "CONFIG...", _CONFIGS)


def _send() -> CommandParser:
    parser = _command(commands.send, "RUN [OPTIONS]", Files("run", "RUN", "The folder of an archived run."))
    parser.flag("--again", help="Send also to those who have got it, or may have.")
    parser.flag("--dry-run", help="Write .eml files to RUN-mail here, and send nothing.")
    parser.option(
        "--config",
        "FILE",
        "Take recipients and mail server from this configuration, not from the archived one.",
        Path,
    )
    return parser


def _index() -> CommandParser:
    return _command(commands.index, "ARCHIVE", _ARCHIVE)


def _forget() -> CommandParser:
    parser = _command(commands.forget, "ARCHIVE --older-than AGE [OPTIONS]", _ARCHIVE)
    parser.option("--older-than", "AGE", "The age of the runs to remove: 90d, 26w, 18m or 2y.", required=True)
    parser.flag("--delete", help="Remove them; without this they are only listed.")
    return parser


def _schema() -> CommandParser:
    return _command(commands.schema, "")


COMMANDS: dict[str, Callable[[], CommandParser]] = {
    "init": _init,
    "check": _check,
    "send": _send,
    "index": _index,
    "forget": _forget,
    "schema": _schema,
}
"""What makes the parser of each command."""


def _command(does: Callable[..., int], line: str, files: Files | None = None) -> CommandParser:
    name = does.__name__
    description = textwrap.fill(does.__doc__ or "", COLUMNS)
    return CommandParser(does, f"qa-report {name}", line, description, EXAMPLES[name], files)


def _report(configs: Sequence[Path], **options: Any) -> int:
    """Make reports.

    Raises:
        UserError: the first looks like a command that is mistyped, and then the others are none either:
            `qa-report sned RUN` would make reports of both.
    """
    first = configs[0]
    if not first.suffix and not first.exists():
        from qa_reports.config.wording import did_you_mean

        if str(first) in COMMANDS:
            raise UserError(f"{first}: there is no such file; a command stands first: `qa-report {first} ...`")
        if hint := did_you_mean(first, COMMANDS, otherwise=""):
            raise UserError(f"{first}: there is no such command, and no such file; {hint}")
    return making.report(configs, **options)
