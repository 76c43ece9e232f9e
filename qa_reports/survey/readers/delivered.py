"""What a reader hands on."""

from __future__ import annotations

import pandas as pd
from msgspec import Struct

from qa_reports.errors import DataError


class VariableLabels(Struct, frozen=True):
    """What a file says about one of its columns (all empty for a file of text)."""

    label: str | None = None
    values: tuple[tuple[float | str, str], ...] = ()
    """(value, label) pairs in the file's order."""
    user_missing: tuple[float | str, ...] = ()
    """Discrete user-missing values."""
    user_missing_ranges: tuple[tuple[float, float], ...] = ()
    """Inclusive ranges of user-missing values."""
    extended_missing: tuple[str, ...] = ()
    """Missing values that are no numbers, as Stata (".a" to ".z") and SAS (".A" to ".Z", "._") have them beside the
    numbers of a column. They are never answers, whatever codes the configuration declares."""


class FileProvenance(Struct, frozen=True):
    """A file that was read: its path as the configuration names it, its SHA-256 and its number of rows."""

    path: str
    sha256: str
    rows: int


class DataFile(Struct, frozen=True, eq=False):
    """One file: values as delivered, user-missing codes among them."""

    table: pd.DataFrame
    labels: dict[str, VariableLabels]
    provenance: FileProvenance
    notes: tuple[str, ...] = ()
    """What had to be guessed to read it, one sentence each."""


class Delivered(Struct, frozen=True, eq=False):
    """A file's content: what a reader of one format makes of it."""

    table: pd.DataFrame
    labels: dict[str, VariableLabels]
    notes: tuple[str, ...] = ()


def column_names(header: list[str], name: str) -> list[str]:
    """The header's names without outer blanks; those that are blank are numbered.

    Raises:
        DataError: two columns have one name, so that nobody knows which of them is meant.
    """
    names = [cell.strip() or f"unnamed column {place}" for place, cell in enumerate(header, start=1)]
    seen: set[str] = set()
    for column in names:
        if column in seen:
            raise DataError(f'{name}: two columns are called "{column}"; rename one of them')
        seen.add(column)
    return names
