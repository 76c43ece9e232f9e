"""The commands beside the report itself: init, check, send, index, forget, schema.

Each loads what it needs when it is called: `--help` does not wait for pandas.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from qa_reports.errors import OutputError, UserError
from qa_reports.telling import NOT_ALL_MAILED, REPORT_MADE, USER_ERROR, complain, tell, tell_lines

EXAMPLES = {
    "init": """\
For example:

  qa-report init wave11.sav
      writes wave11.yaml beside wave11.sav, and the schema for editors
  qa-report init wave11.csv --codebook codebook.csv --output first/wave.yaml
      takes labels and missing codes from a table; first/ is made

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
"""Command -> what stands below its options in its help."""


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
    tell(begun.words)
    tell(f"next: qa-report check {shlex.quote(str(begun.config))}")
    return REPORT_MADE


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
            tell(str(folder / name))
        return REPORT_MADE
    deliveries = mail_run(run, email, again=again)
    for delivery in deliveries:
        tell(delivery.words)
    return REPORT_MADE if all(delivery.done for delivery in deliveries) else NOT_ALL_MAILED


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
    tell(f"{made}: {n_runs:,} {'run' if n_runs == 1 else 'runs'}")
    return REPORT_MADE


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
