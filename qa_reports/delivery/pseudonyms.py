"""The key of the pseudonyms and the table of who is who: kept beside the configuration, never delivered."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qa_reports.delivery.archive import PARTIAL_PREFIX
from qa_reports.errors import OutputError
from qa_reports.report.sheets import neutral
from qa_reports.survey.pseudonyms import KEY_FILE, TABLE_FILE, Pseudonyms, read_key


def keep_pseudonyms(names: Pseudonyms, folder: Path) -> None:
    """Write the key where there is none yet, and the table anew, both readable by their owner alone.

    Raises:
        OutputError: the folder cannot be written to; no report is delivered whose names nobody could look up.
    """
    try:
        if not _keep_key(folder / KEY_FILE, names.key.text):
            raise OutputError(f"{folder / KEY_FILE}: another run has made this key in the meantime; run this one again")
        with _written_beside(folder / TABLE_FILE, _table(names)) as beside:
            beside.replace(folder / TABLE_FILE)
    except OSError as error:
        raise OutputError(
            f"{folder}: the key of the pseudonyms cannot be written there ({error.strerror or error}); let the "
            "configuration stand in a folder that can be written to"
        ) from None


def _table(names: Pseudonyms) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("pseudonym", "who", "id"))
    for who, called in (("interviewer", names.interviewers), ("respondent", names.respondents)):
        writer.writerows((pseudonym, who, neutral(name)) for name, pseudonym in called.items())
    return text.getvalue()


def _keep_key(path: Path, key: str) -> bool:
    """Whether the file holds the key, written now where there was none; another key is never replaced."""
    if not path.exists():
        with _written_beside(path, key) as beside, contextlib.suppress(FileExistsError):
            try:
                path.hardlink_to(beside)  # it alone fails where a file is, whatever another run does meanwhile
            except FileExistsError:
                raise
            except OSError:  # a file system without such links
                beside.replace(path)
    return read_key(path).text == key


@contextmanager
def _written_beside(path: Path, text: str) -> Iterator[Path]:
    """A file with the text beside a place, for a while."""
    beside = path.with_name(f"{PARTIAL_PREFIX}{path.name}-{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        yield beside
    finally:
        beside.unlink(missing_ok=True)
