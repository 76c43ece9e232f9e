"""Heaping and end digits: answers in numbers that end in 0 or 5, or in any other digit, more often than elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from qa_reports.indicators.measure import FloatArray, IndicatorMeasure, not_applicable
from qa_reports.survey.clean import ItemResponses

_LABEL = "Round numbers"
_FEWEST_VALUES = 20
"""Different whole answers, and the range they span, from which the last digit of an item says something."""
_END_DIGITS = (1, 2, 3, 4, 6, 7, 8, 9)
"""0 and 5 together are round numbers. Who makes numbers up favours digits, and avoids round ones (Schaefer, Schraepler,
Mueller and Wagner 2005); which digit differs from person to person, so each has a measure of its own."""


def heaping_measures(
    items: Sequence[ItemResponses], columns: Sequence[ItemResponses], n: int
) -> Iterator[IndicatorMeasure]:
    """How many of an interview's numeric answers end in 0 or 5, and in each of the other digits.

    Args:
        items: the survey's items; those with many different whole answers count as numeric.
        columns: further numeric columns the configuration names.
        n: interviews.
    """
    numeric = [item.answers for item in items if _is_numeric(item.answers)] + [c.answers for c in columns]
    if not numeric:
        reason = f"no item has {_FEWEST_VALUES} or more different whole answers, and indicators.numeric names no column"
        yield not_applicable(n, "round_numbers", "heaping", _LABEL, reason)
        return
    answers = np.column_stack(numeric)
    whole = np.isfinite(answers) & (answers == np.rint(answers)) & (answers != 0)
    rounded = whole & (np.where(whole, answers, 1.0) % 5 == 0)
    yield IndicatorMeasure(
        name="round_numbers",
        kind="heaping",
        label=_LABEL,
        values=np.where(whole.any(axis=1), rounded.sum(axis=1), np.nan).astype(float),
        unit="answers per interview",
        worrying="high",
        scale="count",
        threshold=f"a whole number other than 0 that ends in 0 or 5, over {len(numeric)} "
        f"{'question' if len(numeric) == 1 else 'questions'}",
    )
    # Of a number below 10 the only digit is the answer itself.
    long = whole & (np.abs(np.where(whole, answers, 0.0)) >= 10)
    if not long.any():
        return
    last = np.where(long, np.abs(np.where(long, answers, 0.0)) % 10, np.nan)
    for digit in _END_DIGITS:
        yield IndicatorMeasure(
            name=f"last_digit:{digit}",
            kind="heaping",
            label=f"Numbers ending in {digit}",
            values=np.where(long.any(axis=1), (last == digit).sum(axis=1), np.nan).astype(float),
            unit="answers per interview",
            worrying="high",
            scale="count",
            threshold=f"a whole number of 10 or more that ends in {digit}",
        )


def _is_numeric(answers: FloatArray) -> bool:
    given = np.unique(answers[np.isfinite(answers)])
    whole = given[given == np.rint(given)]
    return len(whole) >= _FEWEST_VALUES and bool(np.ptp(whole) >= _FEWEST_VALUES)
