"""The key of the pseudonyms and the table of who is who: kept beside the configuration, never delivered."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

from qa_reports.errors import OutputError
from qa_reports.report.sheets import neutral
from qa_reports.survey.pseudonyms import KEY_FILE, TABLE_FILE, Pseudonyms


def keep_pseudonyms(names: Pseudonyms, folder: Path) -> None:
    """Write the key where there is none yet, and the table anew, both readable by their owner alone.

    Raises:
        OutputError: the folder cannot be written to; no report is delivered whose names nobody could look up.
    """
    try:
        if not (folder / KEY_FILE).exists():
            _write(folder / KEY_FILE, names.key.text)
        _write(folder / TABLE_FILE, _table(names))
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


def _write(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    beside.replace(path)
