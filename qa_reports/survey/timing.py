"""When each interview took place, and how long it took, in minutes."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

import numpy as np
import pandas as pd
from msgspec import Struct

from qa_reports.config import DurationConfig, ReportConfig
from qa_reports.errors import DataError
from qa_reports.survey.columns import BoolArray, FloatArray, numbers_or_error, require_column, row_name
from qa_reports.survey.interviewers import Interviewers, counted, of_whom
from qa_reports.survey.moments import DATED, day_first, is_clock, is_unclear, minutes_of_day, since_1970

_DAY = 24 * 60.0
_ITEM = "{item}"
TEXT_REMEDY = "write each time as a number, and leave the cell empty where it is not known"
"""What the user could do about text in a column of times."""


class InterviewTimes(Struct, frozen=True, eq=False):
    """When each of n interviews took place, where the file says so, as it says it; and how long it took."""

    minutes: FloatArray
    """(n,) length in minutes, NaN where unknown, zero, or less."""
    start: FloatArray | None
    """(n,) minutes since 1970-01-01, or since midnight where `on_clock`; NaN where blank. None where not configured."""
    end: FloatArray | None
    """(n,) likewise."""
    on_clock: bool
    """Whether the file has times of day only, without dates."""
    notes: tuple[str, ...]
    """What could not be used, one sentence each."""


def interview_times(
    table: pd.DataFrame, duration: DurationConfig, files: str, interviewers: Interviewers | None = None
) -> InterviewTimes:
    """Read the length of every interview, and its start and end where they are configured.

    Notes name interviewers where they are given.

    Start and end are both dates with times (`moments.py` has how they may be written) or both times of day ("10:30");
    an interview that ends at an earlier time of day than it starts ended after midnight.

    Raises:
        DataError: a column is missing, or holds something that is no number or time.
    """
    start = end = None
    on_clock = False
    if duration.minutes is not None:
        column = require_column(table, duration.minutes, "data.duration.minutes", files)
        minutes = numbers_or_error(column, None, "data.duration.minutes", files, TEXT_REMEDY).numbers
    elif duration.start is not None and duration.end is not None:
        start, end, on_clock = _start_and_end(table, duration.start, duration.end, duration.date_order, files)
        minutes = end - start
        if on_clock:
            minutes = np.where(minutes < 0, minutes + _DAY, minutes)
    else:
        raise DataError("data.duration needs either minutes, or both start and end")
    impossible: BoolArray = minutes <= 0
    note = (
        f"The duration is zero or less in {counted(int(impossible.sum()), 'interview')}"
        f"{'' if interviewers is None else f' {of_whom(interviewers.tally(impossible))}'}: it is not used, everything "
        "else of these interviews is."
    )
    used = np.where(impossible, np.nan, minutes)
    return InterviewTimes(used, start, end, on_clock, (note,) if impossible.any() else ())


class QuestionTimes(Struct, frozen=True, eq=False):
    """How long K questions or sections of n interviews took."""

    columns: tuple[str, ...]
    """(K,) the file's columns."""
    spent: FloatArray
    """(n, K) in the file's own units; NaN where unknown, zero, or less."""
    notes: tuple[str, ...]
    """What could not be used, one sentence each."""


def timing_columns(config: ReportConfig) -> tuple[str, ...]:
    """Columns that may hold the times of single questions: `{item}` in a name stands for every item."""
    wanted = () if config.indicators.timings is None else config.indicators.timings.columns
    items = [item.name for item in config.items]
    names = (column.replace(_ITEM, item) for column in wanted for item in (items if _ITEM in column else [""]))
    return tuple(dict.fromkeys(names))


def question_times(
    table: pd.DataFrame, config: ReportConfig, files: str, interviewers: Interviewers
) -> QuestionTimes | None:
    """Read the times of single questions; None where none are configured.

    Raises:
        DataError: a column is missing or holds something that is no number, or no item has a column of the pattern.
    """
    if config.indicators.timings is None:
        return None
    key = "indicators.timings.columns"
    spelled = frozenset(config.indicators.timings.columns)
    columns = [name for name in timing_columns(config) if name in spelled or name in table.columns]
    for pattern in (name for name in config.indicators.timings.columns if _ITEM in name):
        if not any(pattern.replace(_ITEM, item.name) in table.columns for item in config.items):
            first = pattern.replace(_ITEM, config.items[0].name)
            raise DataError(f'{files}: no item has a column like "{first}" ({key}: {pattern}); correct the pattern')
    given = [
        numbers_or_error(require_column(table, name, key, files), None, key, files, TEXT_REMEDY).numbers
        for name in columns
    ]
    spent = np.column_stack(given)
    impossible: BoolArray = spent <= 0
    note = (
        f"The time of a question is zero or less for {counted(int(impossible.sum()), 'answer')}"
        f" {of_whom(interviewers.tally(np.asarray(impossible.any(axis=1))))}: it is not used, the answers are."
    )
    return QuestionTimes(tuple(columns), np.where(spent > 0, spent, np.nan), (note,) if impossible.any() else ())


def _start_and_end(
    table: pd.DataFrame, start: str, end: str, order: str | None, files: str
) -> tuple[FloatArray, FloatArray, bool]:
    columns = [
        require_column(table, name, f"data.duration.{key}", files) for key, name in (("start", start), ("end", end))
    ]
    written = [column for column in columns if not pd.api.types.is_datetime64_any_dtype(column.dtype)]
    day_comes_first = (
        day_first(text for column in written for text in _texts(column.unique()))
        if order is None
        else order == "day_first"
    )
    (begins, begins_on_clock), (ends, ends_on_clock) = (_moments(column, day_comes_first, files) for column in columns)
    comparable = begins_on_clock == ends_on_clock or np.isnan(begins).all() or np.isnan(ends).all()
    if not comparable:
        raise DataError(f'{files}: of "{start}" and "{end}" only one has dates; give both with dates, or both without')
    return begins, ends, begins_on_clock and ends_on_clock


def _moments(column: pd.Series, day_comes_first: bool | None, files: str) -> tuple[FloatArray, bool]:
    """(n,) minutes since midnight (then True) or since 1970 (then False); NaN where blank."""
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        elapsed = column - pd.Timestamp(0, tz=column.dt.tz)
        return np.asarray(elapsed.dt.total_seconds() / 60, dtype=np.float64), False
    codes, distinct = pd.factorize(column)
    texts = _texts(distinct)
    on_clock = all(is_clock(text) or not text for text in texts)
    read = [minutes_of_day(text) for text in texts] if on_clock else since_1970(texts, day_comes_first)
    moments = np.array([*read, np.nan])[codes]
    unread = np.isnan(moments) & np.array([*(bool(text) for text in texts), False])[codes]
    if unread.any():
        first = int(np.flatnonzero(unread)[0])
        unclear = is_unclear(texts[codes[first]], day_comes_first)
        order = "say which comes first by date_order: day_first or month_first under data.duration"
        remedy = f"no date in it tells day from month; {order}" if unclear else f'write times as "10:30", {DATED}'
        raise DataError(
            f'{files}: column "{column.name}" (data.duration) holds {str(column.iloc[first])[:40]!r} in '
            f"{row_name(column, first)}; {remedy}"
        )
    return moments, on_clock


def _texts(cells: Iterable[object]) -> list[str]:
    return [cell.isoformat("seconds") if isinstance(cell, datetime.time) else str(cell).strip() for cell in cells]
