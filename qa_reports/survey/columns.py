"""Columns as delivered: found by name, read as numbers, or read as text that is the same for 123, 123.0 and "123"."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

import numpy as np
import pandas as pd
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.errors import DataError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
TextArray = NDArray[np.object_]

EMPTY_MARKS = frozenset({"", "NA", "NaN", "nan", "."})
"""What R, pandas, SAS and Stata write into an empty cell of a column of numbers."""

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_WHOLE_WITH_POINT = re.compile(r"(-?(?:0|[1-9][0-9]*))\.0+")


def parse_number(text: str) -> float | None:
    """The number a text shows ("7", "7.0", "-1e3"), or None. Nothing else counts: no "inf", no "1_000", no "1e999"."""
    text = text.strip()
    number = float(text) if _NUMBER.fullmatch(text) else np.inf
    return number if np.isfinite(number) else None


def number_text(value: float) -> str:
    """A number as a user writes it: 7.0 is "7", 0.5 is "0.5"."""
    return str(int(value)) if float(value).is_integer() else np.format_float_positional(value, trim="-")


def cell_text(value: object) -> str:
    """One cell as text: no surrounding blanks, no ".0" behind a whole number."""
    if isinstance(value, float | np.floating):
        return number_text(float(value))
    text = str(value).strip()
    whole = _WHOLE_WITH_POINT.fullmatch(text)
    return whole.group(1) if whole else text


def as_text(column: pd.Series) -> TextArray:
    """The whole column as text, (n,); blank cells are "". Leading zeros of text cells stay."""
    codes, distinct = pd.factorize(column)
    texts = np.array([*(cell_text(value) for value in distinct), ""], dtype=object)
    return texts[codes]


class Cells(Struct, frozen=True, eq=False):
    """A column read as numbers; n cells."""

    numbers: FloatArray
    """(n,), NaN where the cell holds no number."""
    blank: BoolArray
    """(n,), cells that are empty or hold nothing but blanks."""
    empty_mark: BoolArray
    """(n,), cells that are blank or hold a mark for "empty", such as R's NA."""

    @property
    def other(self) -> BoolArray:
        """(n,), cells that hold something, but no number."""
        return np.isnan(self.numbers) & ~self.empty_mark


def read_cells(column: pd.Series) -> Cells:
    """Read a column as numbers, whatever its type: text such as "7.0" is a number too."""
    blank = column.isna().to_numpy(dtype=bool)
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan).copy()
        numbers[~np.isfinite(numbers)] = np.nan
        return Cells(numbers, blank, blank)
    codes, distinct = pd.factorize(column)
    texts = [str(value).strip() for value in distinct]
    parsed = [number if (number := parse_number(text)) is not None else np.nan for text in texts]
    empty = np.array([*(text == "" for text in texts), True])
    mark = np.array([*(text in EMPTY_MARKS for text in texts), True])
    return Cells(np.array([*parsed, np.nan])[codes], empty[codes], mark[codes])


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """ "; did you mean "x"?" for the name nearest to `name`, or nothing."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    nearest = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return f'; did you mean "{by_folded[nearest[0]]}"?' if nearest else ""


_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")
_ROWS_OF_NAMES = 3
"""Rows that may stand between the first one and the data: names, labels, and what a survey tool adds."""


def require_column(table: pd.DataFrame, name: str, key: str, files: str) -> pd.Series:
    """The column `name`, which the configuration's `key` asks for.

    Raises:
        DataError: there is no such column; the message names the files, the column, and the nearest name there is.
    """
    if name in table.columns:
        return table[name]
    hint = _below_the_header(table, name) or did_you_mean(name, (str(column) for column in table.columns))
    if not hint:
        first = ", ".join(str(column) for column in table.columns[:8])
        hint = f"; its columns are {first}{', ...' if len(table.columns) > 8 else ''}"
    raise DataError(f'{files} has no column "{name}" ({key}){hint}')


def _below_the_header(table: pd.DataFrame, name: str) -> str:
    """What to do where a name stands in one of the first rows: a title or labels stand above the names."""
    for place, row in enumerate(table.head(_ROWS_OF_NAMES).itertuples(index=False), start=1):
        if name in (cell.strip() for cell in row if isinstance(cell, str)):
            return (
                f"; it stands in row {place} below the header: if the names are there, write read: "
                f"{{names_row: {place + 1}}} for this file"
            )
    return ""


def row_name(column: pd.Series, position: int) -> str:
    """ "row 12": where a cell stands in the survey file, from 1, the header not counted; "a row" where that is not
    known, of values that were counted.
    """
    if int(column.index[position]) < 0:
        return "a row"
    return f"row {int(column.index[position]) + 1}"


def numbers_or_error(
    column: pd.Series,
    allowed: BoolArray | None,
    key: str,
    file: str,
    remedy: str,
) -> Cells:
    """Read a column that has to be numbers, apart from the cells in `allowed` (those of text codes).

    `remedy` says what the user could do where `key` asks for the column.

    Raises:
        DataError: a cell holds something else; the message names file, column, row, and what stands there.
    """
    cells = read_cells(column)
    wrong = cells.other if allowed is None else cells.other & ~allowed
    if not wrong.any():
        return cells
    first, count = int(np.flatnonzero(wrong)[0]), int(wrong.sum())
    found = column.iloc[first]
    if count <= _ROWS_OF_NAMES and len(column) > 2 * count and wrong[:count].all() and int(column.index[0]) == 0:
        begin = "" if count == 1 else f", first_row: {count + 2}"
        remedy = f"if labels stand there, write read: {{labels_row: 2{begin}}} for this file; else {remedy}"
    if isinstance(found, str) and _DECIMAL_COMMA.fullmatch(found.strip()):
        remedy = f'where a comma is the decimal sign, write read: {{decimal: ","}} for this file; else {remedy}'
    kind = "text" if isinstance(found, str) else type(found).__name__
    shown = cell_text(found)
    raise DataError(
        f'{file}: column "{column.name}" ({key}) has to be numbers, but {row_name(column, first)} holds {kind} '
        f"({shown[:40]!r}, {count} such {'cell' if count == 1 else 'cells'}); {remedy}"
    )
