"""What a sheet of the workbook is: columns that say how a record's values look, and records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

Cell = str | float | int | bool | None
Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading, how its numbers look, its width in characters and where its values come from."""

    heading: str
    look: str
    width: int
    value: Callable[[Record], Cell]


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: its name, its columns and one record per row."""

    name: str
    columns: tuple[Column, ...]
    records: Sequence[Record]


def key_value(name: str) -> Callable[[Record], Cell]:
    """The value under a key of the record."""

    def value(record: Record) -> Cell:
        return cast(Cell, record[name])

    return value
