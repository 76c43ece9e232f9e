"""Columns cleaned by their different values: the cleaning of `survey/` on (interviewer, value) cells with counts.

A column of ten million rows has a dozen different values. What cleaning makes of each of them is found by the code that
cleans surveys in memory, and told to the engine as an expression.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from msgspec import Struct

from qa_reports.engine.people import WHO, People
from qa_reports.engine.tables import EngineTable
from qa_reports.errors import DataError
from qa_reports.survey.columns import FloatArray
from qa_reports.survey.interviewers import Interviewers

if TYPE_CHECKING:
    import ibis.expr.types as ir

MOST_VALUES = 2_000
"""Different values of a column that are looked at one by one."""
_LOOKED_AT = 100_000
"""Rows that show whether a column has many different values."""
_MOST_COUNTED = 1_000_000
"""Different values of a column that are counted over all interviews."""
_N = "qa_n"


class Cells(Struct, frozen=True, eq=False):
    """The different values of a column by interviewer."""

    column: pd.Series
    """(c,) values as delivered; the index says that they stand in no single row."""
    interviewers: Interviewers
    """With the number of interviews of each cell."""


class CleanColumn(Struct, frozen=True, eq=False):
    """A column of numbers that the engine can compute."""

    expression: Any
    """Numbers (float64), NULL where missing; an Ibis column of `People.rows`."""
    origin: float
    """A whole number near its mean."""
    whole: bool
    """Whether all its values are whole numbers, so that sums of them are exact."""


def count_cells(people: People, source: EngineTable, name: str) -> Cells:
    """Count the different values of a column by interviewer.

    Raises:
        DataError: there are too many different values.
    """
    rows = people.rows
    cells = None
    if not has_many_values(people, source, name):
        cells = source.frame(rows.group_by([WHO, name]).aggregate(**{_N: rows.count()}))
    if cells is None or cells[name].nunique() > MOST_VALUES:
        raise DataError(
            f'{source.name}: column "{name}" has more than {MOST_VALUES:,} different values; an engine takes items and '
            "covariates with fewer, unless they are numbers without missing codes"
        )
    cells = cells.sort_values([WHO, name], ignore_index=True, na_position="last")
    position, times = cells[WHO].to_numpy(dtype=np.int64), cells[_N].to_numpy(dtype=np.int64)
    column = pd.Series(cells[name].to_numpy(), index=np.full(len(cells), -1), name=name)
    return Cells(column, Interviewers(people.interviewers.ids, position, times))


def count_values(people: People, source: EngineTable, name: str) -> Cells:
    """Count the different values of a column of all interviews; whose they are is not told.

    Raises:
        DataError: there are too many different values.
    """
    rows = people.rows
    found = source.frame(rows.group_by(name).aggregate(**{_N: rows.count()}).limit(_MOST_COUNTED + 1))
    if len(found) > _MOST_COUNTED:
        raise DataError(
            f'{source.name}: column "{name}" has more than {_MOST_COUNTED:,} different values, too many to be counted'
        )
    found = found.sort_values(name, ignore_index=True, na_position="last")
    times = found[_N].to_numpy(dtype=np.int64)
    column = pd.Series(found[name].to_numpy(), index=np.full(len(found), -1), name=name)
    return Cells(column, Interviewers(people.interviewers.ids, np.zeros(len(found), dtype=np.int64), times))


def clean_column(rows: ir.Table, cells: Cells, clean: FloatArray) -> CleanColumn:
    """The column as the engine computes it, from what became of each cell: `clean` (c,), NaN where missing."""
    codes, distinct = pd.factorize(cells.column)
    first = np.full(len(distinct), -1)
    present = np.flatnonzero(codes >= 0)
    first[codes[present][::-1]] = present[::-1]
    values = clean[first]
    known = ~np.isnan(clean)
    times = cells.interviewers.times
    assert times is not None
    origin = float(np.rint(np.average(clean[known], weights=times[known]))) if known.any() else 0.0
    whole = bool((clean[known] == np.rint(clean[known])).all())
    return CleanColumn(_mapped(rows[str(cells.column.name)], list(distinct), values), origin, whole)


def plain_column(rows: ir.Table, source: EngineTable, name: str) -> CleanColumn:
    """A column of numbers without missing codes, as it is."""
    column = finite(rows[name])
    mean = source.number(column.mean())
    return CleanColumn(column, 0.0 if mean is None else float(np.rint(mean)), whole=False)


def is_plain(people: People, source: EngineTable, name: str) -> bool:
    """Whether a column holds numbers of which too many differ to look at them one by one."""
    return bool(people.rows[name].type().is_numeric()) and has_many_values(people, source, name)


def has_many_values(people: People, source: EngineTable, name: str) -> bool:
    """Whether some of the rows alone have too many different values to look at them one by one."""
    return bool(source.number(people.rows.select(name).limit(_LOOKED_AT)[name].nunique()) > MOST_VALUES)


def finite(column: Any) -> Any:
    """A column of numbers as float64, NULL where it is no number."""
    if not column.type().is_floating():
        return column.cast("float64")
    return (column.isnan() | column.isinf()).ifelse(None, column.cast("float64"))


def _mapped(column: Any, distinct: Sequence[Any], values: FloatArray) -> Any:
    """Each of the different values (as delivered) replaced by its number; NULL where that is NaN."""
    import ibis

    kept = [(plain(raw), float(value)) for raw, value in zip(distinct, values, strict=True) if not np.isnan(value)]
    if not kept:
        return ibis.null("float64")
    if column.type().is_numeric() and all(float(raw) == value for raw, value in kept):
        out = sorted(float(raw) for raw, value in zip(distinct, values, strict=True) if np.isnan(value))
        low, high = min(value for _, value in kept), max(value for _, value in kept)
        number = finite(column)
        if not out:
            return number
        if column.type().is_integer():
            low, high, out = int(low), int(high), [int(value) for value in out]
        else:
            column = number
        if all(value < low or value > high for value in out):
            return column.between(low, high).ifelse(number, None)
        return column.isin(out).ifelse(None, number)
    return column.cases(*kept, else_=ibis.null("float64"))


def plain(value: Any) -> Any:
    """A value as Python has it: an expression takes no NumPy scalars."""
    return value.item() if isinstance(value, np.generic) else value
