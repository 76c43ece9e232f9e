"""The command `qa-report`: parse, call, turn errors into exit codes."""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn, TextIO, cast

from cyclopts import App, CycloptsError, Parameter

from qa_reports import __version__, commands
from qa_reports.errors import NO_MEMORY, OutputError, UserError, is_want_of_memory
from qa_reports.making import make_one, make_several
from qa_reports.progress import log_file, say
from qa_reports.stopping import is_stopping, stop_in_order
from qa_reports.telling import FAIL_ON_MET, INTERRUPTED, NOT_ALL_MAILED, REPORT_MADE, USER_ERROR, Answers, complain

if TYPE_CHECKING:  # pydantic, pandas and statsmodels are slow to import: --help does not wait for them
    from qa_reports.config import Format
    from qa_reports.delivery.manifest import RunFacts
    from qa_reports.pipeline import Mailing

_HELP = """\
Shows which interviewers of a survey wave are worth a call, about what, and how sure that is.

A configuration (a YAML file) names the survey file, the column with the interviewer and the questions to examine. \
The report goes to a folder beside it: report.html opens in any browser, also offline; report.pdf is for printing \
and mail; results.json has every number for other programs.
"""

_EPILOGUE = """\
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
"""

app = App(
    name="qa-report",
    version=f"qa-report {__version__}",
    help=_HELP,
    help_epilogue=_EPILOGUE,
    help_format="plaintext",
    usage="Usage: qa-report CONFIG... [OPTIONS]",
    suppress_keyboard_interrupt=False,  # `main` says that it stopped
)
for command in (commands.init, commands.check, commands.send, commands.index, commands.forget, commands.schema):
    app.command(command, help_epilogue=commands.EXAMPLES[command.__name__])


@app.default
def report(
    configs: Annotated[tuple[Path, ...], Parameter(name="CONFIG", help="One or several configurations (YAML files).")],
    /,
    *,
    output: Annotated[
        Path | None,
        Parameter(help="Folder for the report; with several configurations, each gets a folder of its own in it."),
    ] = None,
    formats: Annotated[
        str | None,
        Parameter(
            help="What to make, e.g. html,pdf (any of html, pdf, json, xlsx, feedback, parquet); else what the "
            "configuration says."
        ),
    ] = None,
    fail_on: Annotated[
        Literal["critical", "warning"] | None,
        Parameter(help="End with exit code 3 when an interviewer is flagged as this or worse."),
    ] = None,
    strict: Annotated[
        bool,
        Parameter(
            negative="", show_default=False, help="End with exit code 3 when results are not to be trusted as they are."
        ),
    ] = False,
    new_run: Annotated[
        bool,
        Parameter(negative="", show_default=False, help="Archive a run even if the same one is there already."),
    ] = False,
    no_email: Annotated[
        bool, Parameter(negative="", show_default=False, help="Send no mail; `qa-report send` can do it later.")
    ] = False,
    dry_run: Annotated[
        bool,
        Parameter(negative="", show_default=False, help="Write the messages as .eml files instead of sending them."),
    ] = False,
    jobs: Annotated[
        int | None,
        Parameter(help="How many of several reports are made at once; as many as there are cores if not given."),
    ] = None,
    log: Annotated[
        Path | None, Parameter(help="File to which every step, note and error is added, with its UTC time.")
    ] = None,
    quiet: Annotated[bool, Parameter(negative="", show_default=False, help="Print only the last line.")] = False,
    verbose: Annotated[bool, Parameter(negative="", show_default=False, help="Print more about each step.")] = False,
) -> int:
    """Make the report of each configuration."""
    if jobs is not None and jobs < 1:
        raise UserError(f"--jobs: is {jobs}; it should be at least 1")
    _refuse_mistyped_command(configs[0])
    chosen = _formats(formats)
    folders = _folders(configs, output)
    mailing: Mailing = "none" if no_email else "write" if dry_run else "send"
    with log_file(log) as lines:
        if len(configs) == 1:
            code, made = make_one(configs[0], output, chosen, new_run, mailing, lines, quiet, verbose)
        else:
            from qa_reports.several import Options

            places = {config: folder if output else None for config, folder in zip(configs, folders, strict=True)}
            options = Options(chosen, new_run, mailing, log)
            code, made = make_several(places, output, options, jobs, lines, quiet, verbose)
    if lines is not None and lines.failure is not None:
        complain(OutputError(lines.failure))
        code = code or USER_ERROR
    if code != REPORT_MADE:
        return code
    if not all(report.all_mailed for report in made):
        return NOT_ALL_MAILED
    n_doubts = sum(report.facts.n_doubts for report in made) if strict else 0
    if n_doubts:
        results = "1 result is" if n_doubts == 1 else f"{n_doubts:,} results are"
        say(f"--strict: {results} to be read with care; the report lists which, and why", sys.stderr)
    return FAIL_ON_MET if n_doubts or any(_met(fail_on, report.facts) for report in made) else REPORT_MADE


def program() -> NoReturn:
    """The command as a process of its own: `main`, without the time that an interpreter takes to tidy up."""
    # Nearly all that is made stays until the end, so there is little garbage to look for.
    gc.set_threshold(100_000)
    stop_in_order()
    code = main()
    # What was registered to be done at the end is done; that the memory is free, the system sees to.
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # closed, or full: `main` has said so
            stream.flush()
    os._exit(code)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; a bug is left to end in a traceback with exit code 1."""
    # The matrices are small: BLAS threads cost more than they bring, and one thread adds up in one order, so that
    # the same input gives the same bytes. It has to be said before NumPy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Pydantic would look through all that is installed for plugins, which could change what a configuration means.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    if sys.stderr is None or sys.stdout is None:  # closed by whoever started the program
        nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 -- for as long as the program runs
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
    try:
        answers = Answers(sys.stdout)
        with redirect_stdout(cast("TextIO", answers)):  # cyclopts prints help and version
            code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
        if answers.failure is not None:
            raise OutputError(answers.failure)
    except CycloptsError as error:
        say(f"{error} `qa-report --help` shows what there is.", sys.stderr)
        return USER_ERROR
    except UserError as error:
        complain(error)
        return USER_ERROR
    except (MemoryError, ImportError) as error:
        if not is_want_of_memory(error):
            raise
        complain(UserError(NO_MEMORY))
        return USER_ERROR
    except KeyboardInterrupt:
        return _stopped()
    except Exception:
        if not is_stopping():
            raise
        return _stopped()
    return code if isinstance(code, int) else REPORT_MADE


def _stopped() -> int:
    say("stopped", sys.stderr)
    return INTERRUPTED


def _refuse_mistyped_command(first: Path) -> None:
    """What looks like a command is none of the configurations: `qa-report sned RUN` would make reports of both.

    Raises:
        UserError: names the command that was meant.
    """
    if first.suffix or first.exists():
        return
    from qa_reports.config.wording import did_you_mean

    if hint := did_you_mean(first, commands.EXAMPLES, otherwise=""):
        raise UserError(f"{first}: there is no such command, and no such file; {hint}")


def _formats(asked: str | None) -> tuple[Format, ...] | None:
    if asked is None:
        return None
    from typing import get_args

    from qa_reports.config import Format

    known: dict[str, Format] = {name: name for name in get_args(Format)}
    names = [name.strip().lower() for name in asked.split(",")]
    for name in names:
        if name not in known:
            raise UserError(f"--formats: '{name}' is not a format; it should be any of {', '.join(known)}")
    return tuple(dict.fromkeys(known[name] for name in names))


def _folders(configs: Sequence[Path], output: Path | None) -> list[Path]:
    """Where each report goes; two reports never share a folder."""
    if output is not None and len(configs) == 1:
        return [output]
    folders = [
        config.with_name(f"{config.stem}-report") if output is None else output / config.stem for config in configs
    ]
    for position, folder in enumerate(folders):
        if folder in folders[:position]:
            first = configs[folders.index(folder)]
            raise OutputError(f"{folder}: both {first} and {configs[position]} would be written there; rename one")
    return folders


def _met(fail_on: Literal["critical", "warning"] | None, facts: RunFacts) -> bool:
    flagged = {None: 0, "critical": facts.n_critical, "warning": facts.n_flagged}
    return flagged[fail_on] > 0
