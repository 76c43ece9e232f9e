"""The command `qa-report`: parse, call, turn errors into exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, CycloptsError, Parameter

from qa_reports import __version__
from qa_reports.errors import NO_MEMORY, ConfigError, OutputError, UserError, one_line
from qa_reports.progress import Both, LogFile, log_file, progress_on

if TYPE_CHECKING:  # pydantic, pandas and statsmodels are slow to import: --help does not wait for them
    from qa_reports.config import Format
    from qa_reports.delivery.manifest import RunFacts
    from qa_reports.pipeline import Mailing, ReportMade
    from qa_reports.several import Options, Task
    from qa_reports.watching import Outcome

REPORT_MADE, BUG, USER_ERROR, FAIL_ON_MET, NOT_ALL_MAILED, INTERRUPTED = 0, 1, 2, 3, 4, 130
_SEVERITY = (REPORT_MADE, USER_ERROR, BUG)
"""Of several reports the worst code counts."""

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
put right (the message says what), 3 the report is made and --fail-on or --strict
was met, 4 the report is made, but not everybody who should has got it by e-mail.
Of several reports the worst counts: 1, then 2, 4, 3, 0.
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
        Parameter(help="What to make, e.g. html,pdf (any of html, pdf, json, xlsx); else what the configuration says."),
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
    chosen = _formats(formats)
    folders = _folders(configs, output)
    mailing: Mailing = "none" if no_email else "write" if dry_run else "send"
    with log_file(log) as lines:
        if len(configs) == 1:
            code, made = _make_one(configs[0], output, chosen, new_run, mailing, lines, quiet, verbose)
        else:
            from qa_reports.several import Options

            places = {config: folder if output else None for config, folder in zip(configs, folders, strict=True)}
            options = Options(chosen, new_run, mailing, log)
            code, made = _make_several(places, output, options, jobs, lines, quiet, verbose)
    if code != REPORT_MADE:
        return code
    if not all(report.all_mailed for report in made):
        return NOT_ALL_MAILED
    doubtful = strict and any(report.facts.n_doubts for report in made)
    return FAIL_ON_MET if doubtful or any(_met(fail_on, report.facts) for report in made) else REPORT_MADE


def _make_one(
    config: Path,
    output: Path | None,
    formats: tuple[Format, ...] | None,
    new_run: bool,
    mailing: Mailing,
    lines: LogFile | None,
    quiet: bool,
    verbose: bool,
) -> tuple[int, list[ReportMade]]:
    """Make a report in this very process."""
    from qa_reports.effects.referee import load_referee
    from qa_reports.second_core import second_core

    try:
        with second_core() as referee:
            referee.start(load_referee)  # beside what this process has to load itself
            from qa_reports.pipeline import make_report

            with progress_on(sys.stderr, quiet=quiet, verbose=verbose) as shown:
                progress = shown if lines is None else Both(shown, lines)
                made = make_report(config, output, formats, progress, new_run, mailing, referee=referee)
    except UserError as error:
        _complain(error, lines)
        return USER_ERROR, []
    except MemoryError:
        _complain(UserError(f"{config}: {NO_MEMORY}"), lines)
        return USER_ERROR, []
    _print(f"{made.shown}: {made.facts.sentence}", lines)
    return REPORT_MADE, [made]


def _make_several(
    places: dict[Path, Path | None],
    output: Path | None,
    options: Options,
    jobs: int | None,
    lines: LogFile | None,
    quiet: bool,
    verbose: bool,
) -> tuple[int, list[ReportMade]]:
    """Make a report of each configuration, as many at once as there are cores, and an index of all."""
    from qa_reports.config import load_config
    from qa_reports.second_core import usable_cores
    from qa_reports.several import make_reports, task_of
    from qa_reports.watching import Outcome, watching

    outcomes: dict[Path, Outcome] = {}
    tasks: list[Task] = []
    for config, place in places.items():
        try:
            tasks.append(task_of(config, load_config(config), place))
        except UserError as error:
            outcomes[config] = Outcome(config, errors=tuple(str(error).splitlines()))
    with watching(sys.stderr, quiet=quiet, verbose=verbose, n_reports=len(places)) as watcher:
        for outcome in outcomes.values():
            watcher.ended(outcome)
            _tell(outcome, watcher.say, lines)
        for outcome in make_reports(tasks, options, jobs or usable_cores(), watcher):
            outcomes[outcome.config] = outcome
            if outcome.made is None:
                _tell(outcome, watcher.say, lines)
            else:
                _tell(outcome, watcher.result, lines)
    made = [outcome.made for outcome in outcomes.values() if outcome.made is not None]
    code = max((_code(outcome) for outcome in outcomes.values()), key=_SEVERITY.index)
    try:
        _print(_index([outcomes[config] for config in places], output), lines)
    except OutputError as error:  # the reports are safe
        _complain(error, lines)
        code = max(code, USER_ERROR, key=_SEVERITY.index)
    return code, made


def _tell(outcome: Outcome, say: Callable[[str], None], lines: LogFile | None) -> None:
    """What a report says, or what stood in its way."""
    if outcome.made is not None:
        told = [f"{outcome.made.shown}: {outcome.made.facts.sentence}"]
    elif outcome.bug is not None:
        told = [f"{outcome.config}: {line}" for line in outcome.bug.splitlines()]
    else:
        start = str(outcome.config)
        told = [line if line.startswith(start) else f"{start}: {line}" for line in outcome.errors]
    for line in told:
        say(line)
        if lines is not None:
            lines.line(line if outcome.made is not None else f"error: {line}")


def _code(outcome: Outcome) -> int:
    return REPORT_MADE if outcome.made is not None else USER_ERROR if outcome.bug is None else BUG


def _index(outcomes: Sequence[Outcome], output: Path | None) -> str:
    """Write the index of several reports, and say where it is and what it says."""
    from qa_reports.delivery.surveys import SurveyRow, SurveysIndex, facts_of, index_folder, write_surveys_index

    folder = index_folder([outcome.config for outcome in outcomes], output)
    index = SurveysIndex(
        tuple(
            SurveyRow(
                str(one.config),
                None if one.made is None else facts_of(one.made.facts, one.made.folder, one.made.files, folder),
                one.errors if one.bug is None else ("a bug in the program: the traceback was printed",),
            )
            for one in outcomes
        )
    )
    return f"{write_surveys_index(index, folder)}: {index.sentence}"


@app.command
def init(
    survey_file: Annotated[Path, Parameter(name="SURVEY_FILE", help="The survey file, one row per interview.")],
    /,
    *,
    interviewer: Annotated[
        str | None, Parameter(help="Column that says who did the interview, where its name and label do not.")
    ] = None,
    codebook: Annotated[
        Path | None, Parameter(help="File with labels and missing codes, where the survey file has none.")
    ] = None,
    join: Annotated[
        Path | None, Parameter(help="File with further columns of the same interviews, such as who did them.")
    ] = None,
    name: Annotated[str | None, Parameter(help="Name of the survey, as it should be printed.")] = None,
    wave: Annotated[str | None, Parameter(help="Wave or round.")] = None,
    items: Annotated[int, Parameter(help="How many questions to examine to begin with; the others are listed.")] = 40,
    output: Annotated[
        Path | None, Parameter(help="The configuration to write; else SURVEY_FILE with the ending .yaml.")
    ] = None,
    force: Annotated[
        bool, Parameter(negative="", show_default=False, help="Overwrite a configuration that exists already.")
    ] = False,
) -> int:
    """Write a first configuration for a survey file, every guess with what speaks for it."""
    from qa_reports.starting.begin import begin_config
    from qa_reports.starting.draft import Wishes

    if items < 1:
        raise UserError(f"--items: is {items}; it should be at least 1")
    begun = begin_config(survey_file, output, Wishes(interviewer, codebook, join, name, wave, items), force)
    _print(begun.words)
    _print(f"next: qa-report check {begun.config}")
    return REPORT_MADE


@app.command
def check(
    configs: Annotated[tuple[Path, ...], Parameter(name="CONFIG", help="One or several configurations (YAML files).")],
    /,
) -> int:
    """Say in seconds what would be examined, and what is lost to what; nothing is estimated or written."""
    from qa_reports.starting.check import check_config
    from qa_reports.starting.check_text import check_lines

    would_run = True
    for place, config in enumerate(configs):
        if place:
            _print("")
        try:
            checked = check_config(config)
        except UserError as error:
            _complain(error)
            would_run = False
            continue
        _print_lines("\n".join(check_lines(config, checked)))
        would_run = would_run and checked.would_run
    return REPORT_MADE if would_run else USER_ERROR


@app.command
def send(
    run: Annotated[Path, Parameter(name="RUN", help="Folder of an archived run.")],
    /,
    *,
    again: Annotated[
        bool, Parameter(negative="", show_default=False, help="Send also to those who have got it, or may have.")
    ] = False,
    dry_run: Annotated[
        bool, Parameter(negative="", show_default=False, help="Write .eml files to RUN-mail here, and send nothing.")
    ] = False,
    config: Annotated[
        Path | None,
        Parameter(help="Take recipients and mail server from this configuration, not from the archived one."),
    ] = None,
) -> int:
    """Mail an archived report to everybody who has not got it yet."""
    from qa_reports.delivery.mailing import email_of, mail_run, write_messages

    email = email_of(run, config)
    if dry_run:
        folder = Path(f"{run.absolute().name}-mail")
        for name in write_messages(run, email, folder):
            _print(str(folder / name))
        return REPORT_MADE
    deliveries = mail_run(run, email, again=again)
    for delivery in deliveries:
        _print(delivery.words)
    return REPORT_MADE if all(delivery.done for delivery in deliveries) else NOT_ALL_MAILED


@app.command
def index(
    archive: Annotated[Path, Parameter(name="ARCHIVE", help="Folder of an archive.")],
    /,
) -> int:
    """Make the index.html of an archive anew, after runs were copied into it or removed."""
    from qa_reports.delivery.archive import list_archive
    from qa_reports.delivery.index import rebuild_index

    if not archive.is_dir():
        raise OutputError(f"{archive}: there is no such folder; give the folder of an archive")
    made = rebuild_index(archive)
    n_runs = len(list_archive(archive).runs)
    _print(f"{made}: {n_runs:,} {'run' if n_runs == 1 else 'runs'}")
    return REPORT_MADE


@app.command
def forget(
    archive: Annotated[Path, Parameter(name="ARCHIVE", help="Folder of an archive.")],
    /,
    *,
    older_than: Annotated[str, Parameter(help="Age of the runs to remove: 90d, 26w, 18m or 2y.")],
    delete: Annotated[
        bool, Parameter(negative="", show_default=False, help="Remove them; without this they are only listed.")
    ] = False,
) -> int:
    """List the old runs of an archive, or remove them; the newest run of every wave stays."""
    import datetime

    from qa_reports.delivery.retention import forget_runs, old_runs

    found = old_runs(archive, older_than, datetime.datetime.now(datetime.UTC))
    for folder in found.unreadable:
        _print(f"{folder}: stays, because its age cannot be read")
    for run in found.kept:
        _print(f"{run.folder}: stays, as the newest of its wave")
    if delete:
        forget_runs(archive, found.old)
    for run in found.old:
        _print(f"{run.folder}: {'removed' if delete else 'would be removed'}")
    n_runs = len(found.old)
    count = f"{n_runs:,} {'run' if n_runs == 1 else 'runs'} made before {found.before:%Y-%m-%d %H:%M} UTC"
    _print(f"{count} {'removed' if delete else 'would be removed; give --delete to do it'}")
    return REPORT_MADE


@app.command
def schema() -> int:
    """Print the JSON Schema of a configuration, for editors that complete and check YAML."""
    from qa_reports.starting.begin import schema_text

    _print_lines(schema_text().rstrip("\n"))
    return REPORT_MADE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; a bug is left to end in a traceback with exit code 1."""
    # The matrices are small: BLAS threads cost more than they bring, and one thread adds up in one order, so that
    # the same input gives the same bytes. It has to be said before NumPy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        print(one_line(f"{error} `qa-report --help` shows what there is."), file=sys.stderr)
        return USER_ERROR
    except UserError as error:
        _complain(error)
        return USER_ERROR
    except MemoryError:
        _complain(UserError(NO_MEMORY))
        return USER_ERROR
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return INTERRUPTED
    return code if isinstance(code, int) else REPORT_MADE


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


def _complain(error: UserError, log: LogFile | None = None) -> None:
    """One line; for a configuration one line per mistake."""
    for line in str(error).splitlines() if isinstance(error, ConfigError) else [str(error)]:
        print(one_line(line), file=sys.stderr)
        if log is not None:
            log.line(f"error: {line}")


def _print(text: str, log: LogFile | None = None) -> None:
    _print_lines(one_line(text))
    if log is not None:
        log.line(text)


def _print_lines(text: str) -> None:
    print(text, file=sys.stdout, flush=True)
