"""What a sheet of the workbook is: columns that say how a record's values look, and records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from msgspec import Struct

Cell = str | float | int | bool | None
Record = Mapping[str, Any]

FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\r", "\n")
LONGEST_CELL = 32_767
"""Excel's own limit of characters in one cell."""
MOST_RECORDS = 1_048_574
"""Excel's own limit of rows in one sheet, less the heading and a line that says what is left out."""


class Column(Struct, frozen=True):
    """One column: its heading, how its numbers look, its width in characters and where its values come from."""

    heading: str
    look: str
    width: int
    value: Callable[[Record], Cell]


class Sheet(Struct, frozen=True):
    """One sheet: its name, its columns and one record per row."""

    name: str
    columns: tuple[Column, ...]
    records: Sequence[Record]


def key_value(name: str) -> Callable[[Record], Cell]:
    """The value under a key of the record."""

    def value(record: Record) -> Cell:
        return cast(Cell, record[name])

    return value


def joined(name: str) -> Callable[[Record], Cell]:
    """The texts of a list under a key, with commas."""

    def value(record: Record) -> Cell:
        return ", ".join(record[name])

    return value


def within(outer: str, inner: str) -> Callable[[Record], Cell]:
    """The value under a key of a record under a key; nothing where there is no such record."""

    def value(record: Record) -> Cell:
        return cast(Cell, record[outer][inner]) if record[outer] else None

    return value


def neutral(text: str) -> str:
    """Text that no spreadsheet takes for a formula, cut to what a cell can hold."""
    return (f" {text}" if text.startswith(FORMULA_STARTS) else text)[:LONGEST_CELL]
