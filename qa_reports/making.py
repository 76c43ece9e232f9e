"""Make one report, or several at once, and tell how it went: what the command does when configurations are given."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from qa_reports.errors import NO_MEMORY, OutputError, UserError, is_want_of_memory
from qa_reports.progress import Both, LogFile, log_file, progress_on, say
from qa_reports.stopping import is_stopping
from qa_reports.telling import BUG, FAIL_ON_MET, NOT_ALL_MAILED, REPORT_MADE, USER_ERROR, complain, tell

if TYPE_CHECKING:  # pydantic, pandas and statsmodels are slow to import: --help does not wait for them
    from qa_reports.config import Format
    from qa_reports.delivery.manifest import RunFacts
    from qa_reports.pipeline import Mailing, ReportMade
    from qa_reports.several import Options, Task
    from qa_reports.watching import Outcome

_SEVERITY = (REPORT_MADE, USER_ERROR, BUG)
"""Of several reports the worst code counts."""


def report(
    configs: Sequence[Path],
    *,
    output: Path | None = None,
    formats: str | None = None,
    fail_on: Literal["critical", "warning"] | None = None,
    strict: bool = False,
    new_run: bool = False,
    no_email: bool = False,
    dry_run: bool = False,
    jobs: int | None = None,
    log: Path | None = None,
    quiet: bool = False,
    verbose: bool = False,
) -> int:
    """Make the report of each configuration."""
    if jobs is not None and jobs < 1:
        raise UserError(f"--jobs: is {jobs}; it should be at least 1")
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


def make_one(
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
    try:
        from qa_reports.config import read_config
        from qa_reports.libraries import load_numerical, without_collector
        from qa_reports.report.pdf_layout import LAID_OUT, load_drawing, pdf_obstacle
        from qa_reports.second_core import second_core

        file = read_config(config)
        laid_out = LAID_OUT.intersection(formats or file.config.report.formats)
        with second_core() as press, second_core() as referee:
            if laid_out:
                press.start(pdf_obstacle)  # it needs nothing of what this process loads meanwhile
            with without_collector():
                load_numerical()  # what the other processes need is loaded once, before they part
                from qa_reports.effects.referee import load_referee
            # What there is to do later is loaded beside what this process has to load itself.
            referee.start(load_referee)
            referee.start(_load_pipeline)
            if laid_out:
                referee.start(load_drawing)
            with without_collector():
                from qa_reports.pipeline import make_report

            with progress_on(sys.stderr, quiet=quiet, verbose=verbose) as shown:
                progress = shown if lines is None else Both(shown, lines)
                made = make_report(file, output, formats, progress, new_run, mailing, referee=referee, press=press)
    except UserError as error:
        if is_stopping():  # an engine that was interrupted is no mistake in the data
            raise KeyboardInterrupt from None
        complain(error, lines)
        return USER_ERROR, []
    except (MemoryError, ImportError) as error:
        if not is_want_of_memory(error):
            raise
        complain(UserError(f"{config}: {NO_MEMORY}"), lines)
        return USER_ERROR, []
    tell(f"{made.shown}: {made.facts.sentence}", lines)
    return REPORT_MADE, [made]


def _load_pipeline() -> None:
    """Load all steps of a report."""
    import qa_reports.pipeline  # noqa: F401 -- to have it loaded


def make_several(
    places: dict[Path, Path | None],
    output: Path | None,
    options: Options,
    jobs: int | None,
    lines: LogFile | None,
    quiet: bool,
    verbose: bool,
) -> tuple[int, list[ReportMade]]:
    """Make a report of each configuration, as many at once as there are cores, and an index of all."""
    from qa_reports.config import read_config
    from qa_reports.libraries import load_numerical
    from qa_reports.second_core import usable_cores

    load_numerical()
    from qa_reports.several import make_reports, task_of
    from qa_reports.watching import Outcome, watching

    outcomes: dict[Path, Outcome] = {}
    tasks: list[Task] = []
    for config, place in places.items():
        try:
            tasks.append(task_of(read_config(config), place))
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
        tell(_index([outcomes[config] for config in places], output), lines)
    except OutputError as error:  # the reports are safe
        complain(error, lines)
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
