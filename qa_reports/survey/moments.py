"""Moments as people and devices write them, as minutes: "10:30", "2023-05-01 10:30", "01.05.2023 10:30", ..."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd

from qa_reports.survey.columns import FloatArray

DATED = '"2023-05-01 10:30" or "01.05.2023 10:30"'
"""How a message says dates may be written."""
_CLOCK = re.compile(
    r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-5][0-9])(?::(?P<second>[0-5][0-9])(?:\.[0-9]+)?)?(?: ?(?P<half>[ap])\.?m\.?)?",
    re.IGNORECASE,
)
_DATED = re.compile(r"(?P<date>[0-9]{1,2}([./-])[0-9]{1,2}\2[0-9]{4})(?:,? +(?P<clock>[0-9].*))?")
_OFFSET = re.compile(r"(?<=[0-9]) ?(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)$", re.IGNORECASE)
_ONE_SIDED = 12
"""No month has a higher number: a date with one shows which of its numbers is the day."""


def is_clock(text: str) -> bool:
    """Whether this is a time of day without a date."""
    return bool(_CLOCK.fullmatch(text))


def minutes_of_day(text: str) -> float:
    """Minutes since midnight; NaN for what is no time of day: "9:05 PM" is 1265."""
    match = _CLOCK.fullmatch(text)
    if match is None:
        return float("nan")
    hour = int(match["hour"])
    if match["half"] is not None:
        if not 1 <= hour <= 12:
            return float("nan")
        hour = hour % 12 + 12 * (match["half"].casefold() == "p")
    return hour * 60 + int(match["minute"]) + int(match["second"] or 0) / 60 if hour <= 23 else float("nan")


def day_first(texts: Iterable[str]) -> bool | None:
    """Whether dates such as 03/04/2023 begin with the day, as those among them show that have a number above 12.

    None where nothing shows it, or where they contradict each other. Dates with points begin with the day anyway.
    """
    dated = [match for match in map(_DATED.fullmatch, texts) if match is not None and match[2] != "."]
    pairs = [match["date"].split(match[2])[:2] for match in dated]
    day, month = (any(int(pair[place]) > _ONE_SIDED for pair in pairs) for place in (0, 1))
    return None if day == month else day


def is_unclear(text: str, day_comes_first: bool | None) -> bool:
    """Whether this is a date of which nobody knows which number is the day."""
    match = _DATED.fullmatch(text)
    return match is not None and match[2] != "." and day_comes_first is None


def since_1970(texts: Iterable[str], day_comes_first: bool | None) -> FloatArray:
    """Minutes since 1970-01-01 by the clock that was written down, of each text; NaN for what is no date.

    An offset ("+08:00") is left out: what counts is the time that the interviewer's clock showed.

    Args:
        texts: dates with or without times.
        day_comes_first: of dates with strokes, what `day_first` says of the columns.
    """
    parts = [_in_order(text, day_comes_first) for text in texts]
    written = pd.Series([date for date, _ in parts], dtype=object)
    parsed = pd.to_datetime(written, format="ISO8601", errors="coerce")
    minutes = np.array([minutes for _, minutes in parts], dtype=np.float64)
    return np.asarray((parsed - pd.Timestamp(0)).dt.total_seconds() / 60, dtype=np.float64) + minutes


def _in_order(text: str, day_comes_first: bool | None) -> tuple[str | None, float]:
    """The date, or the moment without its offset, as ISO 8601 writes it, and the minutes to add to it."""
    match = _DATED.fullmatch(text)
    if match is None:
        return (_OFFSET.sub("", text) if ":" in text else text), 0.0
    if is_unclear(text, day_comes_first):
        return None, 0.0
    one, other, year = match["date"].split(match[2])
    day, month = (one, other) if match[2] == "." or day_comes_first else (other, one)
    return f"{year}-{month:0>2}-{day:0>2}", minutes_of_day(match["clock"] or "0:00")
