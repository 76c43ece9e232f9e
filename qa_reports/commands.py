"""The commands beside the report itself: init, check, send, index, forget, schema.

Each loads what it needs when it is called: `--help` does not wait for pandas.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from qa_reports.errors import OutputError, UserError
from qa_reports.telling import NOT_ALL_MAILED, REPORT_MADE, USER_ERROR, complain, tell, tell_lines

FIRST_ITEMS = 40
"""How many questions a first configuration has examined."""


def init(
    survey_file: Path,
    *,
    like: Path | None = None,
    interviewer: str | None = None,
    codebook: Path | None = None,
    join: Path | None = None,
    name: str | None = None,
    wave: str | None = None,
    items: int = FIRST_ITEMS,
    output: Path | None = None,
    force: bool = False,
) -> int:
    """Write a first configuration for a survey file, every guess with what speaks for it."""
    from qa_reports.starting.begin import begin_config
    from qa_reports.starting.opened import Wishes

    if items < 1:
        raise UserError(f"--items: is {items}; it should be at least 1")
    begun = begin_config(survey_file, output, Wishes(interviewer, codebook, join, name, wave, items), force, like)
    for line in begun.words:
        tell(line)
    tell(f"next: qa-report check {shlex.quote(str(begun.config))}")
    return REPORT_MADE


def check(configs: Sequence[Path]) -> int:
    """Say in seconds what would be examined, and what is lost to what; nothing is estimated or written."""
    from qa_reports.starting.check import check_config
    from qa_reports.starting.check_text import check_lines

    would_run = True
    for place, config in enumerate(configs):
        if place:
            tell("")
        try:
            checked = check_config(config)
        except UserError as error:
            complain(error)
            would_run = False
            continue
        tell_lines("\n".join(check_lines(config, checked)))
        would_run = would_run and checked.would_run
    return REPORT_MADE if would_run else USER_ERROR


def send(run: Path, *, again: bool = False, dry_run: bool = False, config: Path | None = None) -> int:
    """Mail an archived report to everybody who has not got it yet."""
    from qa_reports.delivery.mailing import email_of, mail_run, write_messages

    email = email_of(run, config)
    if dry_run:
        folder = Path(f"{run.absolute().name}-mail")
        for name in write_messages(run, email, folder):
            tell(str(folder / name))
        return REPORT_MADE
    deliveries = mail_run(run, email, again=again)
    for delivery in deliveries:
        tell(delivery.words)
    return REPORT_MADE if all(delivery.done for delivery in deliveries) else NOT_ALL_MAILED


def index(archive: Path) -> int:
    """Make the index.html of an archive anew, after runs were copied into it or removed."""
    from qa_reports.delivery.archive import list_archive
    from qa_reports.delivery.index import rebuild_index

    if not archive.is_dir():
        raise OutputError(f"{archive}: there is no such folder; give the folder of an archive")
    made = rebuild_index(archive)
    n_runs = len(list_archive(archive).runs)
    tell(f"{made}: {n_runs:,} {'run' if n_runs == 1 else 'runs'}")
    return REPORT_MADE


def forget(archive: Path, *, older_than: str, delete: bool = False) -> int:
    """List the old runs of an archive, or remove them; the newest run of every wave stays."""
    import datetime

    from qa_reports.delivery.retention import forget_runs, old_runs

    found = old_runs(archive, older_than, datetime.datetime.now(datetime.UTC))
    for folder in found.unreadable:
        tell(f"{folder}: stays, because its age cannot be read")
    for run in found.kept:
        tell(f"{run.folder}: stays, as the newest of its wave")
    if delete:
        forget_runs(archive, found.old)
    for run in found.old:
        tell(f"{run.folder}: {'removed' if delete else 'would be removed'}")
    n_runs = len(found.old)
    count = f"{n_runs:,} {'run' if n_runs == 1 else 'runs'} made before {found.before:%Y-%m-%d %H:%M} UTC"
    tell(f"{count} {'removed' if delete else 'would be removed; give --delete to do it'}")
    return REPORT_MADE


def schema() -> int:
    """Print the JSON Schema of a configuration, for editors that complete and check YAML."""
    from qa_reports.starting.begin import schema_text

    tell_lines(schema_text().rstrip("\n"))
    return REPORT_MADE
