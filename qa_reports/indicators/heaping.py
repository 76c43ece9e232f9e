"""Heaping and end digits: answers in numbers that end in 0 or 5, or in any other digit, more often than elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from qa_reports.indicators.measure import IndicatorMeasure, not_applicable
from qa_reports.survey.interviews import ARRAYS, AnsweredItem, Arithmetic

_LABEL = "Round numbers"
_FEWEST_VALUES = 20
"""Different whole answers, and the range they span, from which the last digit of an item says something."""
_END_DIGITS = (1, 2, 3, 4, 6, 7, 8, 9)
"""0 and 5 together are round numbers. Who makes numbers up favours digits, and avoids round ones (Schaefer, Schraepler,
Mueller and Wagner 2005); which digit differs from person to person, so each has a measure of its own."""


def heaping_measures(
    items: Sequence[AnsweredItem], columns: Sequence[AnsweredItem], arithmetic: Arithmetic = ARRAYS
) -> Iterator[IndicatorMeasure]:
    """How many of an interview's numeric answers end in 0 or 5, and in each of the other digits.

    Args:
        items: the survey's items; those with many different whole answers count as numeric.
        columns: further numeric columns the configuration names.
        arithmetic: how to compute with the columns.
    """
    a = arithmetic
    numeric = [*(item for item in items if _is_numeric(item)), *columns]
    if not numeric:
        reason = f"no item has {_FEWEST_VALUES} or more different whole answers, and indicators.numeric names no column"
        yield not_applicable("round_numbers", "heaping", _LABEL, reason)
        return
    answers = [item.answers for item in numeric]
    whole = [(a.remainder(x, 1) == 0) & (x != 0) for x in answers]
    rounded = [is_whole & (a.remainder(x, 5) == 0) for is_whole, x in zip(whole, answers, strict=True)]
    yield IndicatorMeasure(
        name="round_numbers",
        kind="heaping",
        label=_LABEL,
        values=a.where(a.count(whole) > 0, a.count(rounded)),
        unit="answers per interview",
        worrying="high",
        scale="count",
        threshold=f"a whole number other than 0 that ends in 0 or 5, over {len(numeric)} "
        f"{'question' if len(numeric) == 1 else 'questions'}",
    )
    # Of a number below 10 the only digit is the answer itself.
    if not any((np.abs(_whole(item)) >= 10).any() for item in numeric):
        return
    long = [is_whole & (a.absolute(x) >= 10) for is_whole, x in zip(whole, answers, strict=True)]
    told = a.count(long) > 0
    for digit in _END_DIGITS:
        ends = (is_long & (a.remainder(a.absolute(x), 10) == digit) for is_long, x in zip(long, answers, strict=True))
        yield IndicatorMeasure(
            name=f"last_digit:{digit}",
            kind="heaping",
            label=f"Numbers ending in {digit}",
            values=a.where(told, a.count(ends)),
            unit="answers per interview",
            worrying="high",
            scale="count",
            threshold=f"a whole number of 10 or more that ends in {digit}",
        )


def _is_numeric(item: AnsweredItem) -> bool:
    whole = _whole(item)
    return len(whole) >= _FEWEST_VALUES and bool(np.ptp(whole) >= _FEWEST_VALUES)


def _whole(item: AnsweredItem) -> np.ndarray:
    """The different whole answers."""
    return np.asarray(item.values[item.values == np.rint(item.values)])
