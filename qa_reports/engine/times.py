"""Lengths and moments as numbers of the rows: columns of numbers as they are, anything else by its different values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from msgspec import Struct

from qa_reports.config import ReportConfig
from qa_reports.engine.tables import EngineTable
from qa_reports.errors import DataError
from qa_reports.survey.columns import FloatArray, numbers_or_error
from qa_reports.survey.timing import TEXT_REMEDY, interview_times, timing_columns

if TYPE_CHECKING:
    import ibis.expr.types as ir

_MOST_TEXTS = 1_000_000
"""Different texts or moments of a column that are read one by one."""


class TimeColumns(Struct, frozen=True):
    """Names of the columns of numbers among the rows; None where not configured."""

    minutes: str | None = None
    start: str | None = None
    end: str | None = None
    on_clock: bool = False
    questions: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(name for name in (self.minutes, self.start, self.end, *self.questions) if name is not None)


def with_times(rows: ir.Table, source: EngineTable, config: ReportConfig) -> tuple[Any, TimeColumns]:
    """The rows, with a column of numbers for every time that the file does not write as a number.

    Raises:
        DataError: a column holds something that is no number or time, or too many different texts.
    """
    duration = config.data.duration
    minutes = start = end = None
    on_clock = False
    if duration is not None and duration.minutes is not None:
        rows, minutes = _as_numbers(rows, source, duration.minutes, "data.duration.minutes")
    elif duration is not None and duration.start is not None and duration.end is not None:
        of_start, of_end = (_different(rows, source, name) for name in (duration.start, duration.end))
        size = max(len(of_start), len(of_end))
        # Both are read together: they have dates, or both have not.
        columns = {duration.start: _padded(of_start, size), duration.end: _padded(of_end, size)}
        read = interview_times(pd.DataFrame(columns, index=np.full(size, -1)), duration, source.name)
        assert read.start is not None
        assert read.end is not None
        on_clock, start, end = read.on_clock, "qa_start", "qa_end"
        rows = _looked_up(rows, source, duration.start, of_start, read.start[: len(of_start)], start)
        rows = _looked_up(rows, source, duration.end, of_end, read.end[: len(of_end)], end)
    questions = []
    for name in (name for name in timing_columns(config) if name in source.table.columns):
        rows, own = _as_numbers(rows, source, name, "indicators.timings.columns")
        questions.append(own)
    return rows, TimeColumns(minutes, start, end, on_clock, tuple(questions))


def _as_numbers(rows: Any, source: EngineTable, name: str, key: str) -> tuple[Any, str]:
    if rows[name].type().is_numeric():
        return rows, name
    different = _different(rows, source, name)
    column = pd.Series(different.to_numpy(), index=np.full(len(different), -1), name=name)
    numbers = numbers_or_error(column, None, key, source.name, TEXT_REMEDY).numbers
    return _looked_up(rows, source, name, different, numbers, f"qa_of_{name}"), f"qa_of_{name}"


def _different(rows: Any, source: EngineTable, name: str) -> pd.Series:
    """The different values of a column."""
    found = source.frame(rows.select(name).distinct().filter(lambda t: t[name].notnull()).limit(_MOST_TEXTS + 1))[name]
    if len(found) > _MOST_TEXTS:
        raise DataError(
            f'{source.name}: column "{name}" has more than {_MOST_TEXTS:,} different times that are no numbers; give '
            "the length of the interviews in minutes (data.duration.minutes)"
        )
    return found


def _padded(column: pd.Series, size: int) -> pd.Series:
    return pd.Series(column.reindex(range(size)).to_numpy(), index=np.full(size, -1), dtype=column.dtype)


def _looked_up(rows: Any, source: EngineTable, name: str, different: pd.Series, numbers: FloatArray, own: str) -> Any:
    """The rows with a further column: the number of each value."""
    lookup = source.lookup(pd.DataFrame({f"{own}_of": different, own: numbers}), f"{own}_lookup")
    joined = rows.left_join(lookup, rows[name] == lookup[f"{own}_of"])
    return joined.select(*rows.columns, own)
