"""Heaping: answers in numbers that end in 0 or 5 more often than elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from qa_reports.indicators.measure import FloatArray, IndicatorMeasure, not_applicable
from qa_reports.survey.clean import ItemResponses

_LABEL = "Round numbers"
_FEWEST_VALUES = 20
"""Different whole answers, and the range they span, from which the last digit of an item says something."""


def heaping_measures(
    items: Sequence[ItemResponses], columns: Sequence[ItemResponses], n: int
) -> Iterator[IndicatorMeasure]:
    """How many of an interview's numeric answers end in 0 or 5.

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


def _is_numeric(answers: FloatArray) -> bool:
    given = np.unique(answers[np.isfinite(answers)])
    whole = given[given == np.rint(given)]
    return len(whole) >= _FEWEST_VALUES and bool(np.ptp(whole) >= _FEWEST_VALUES)
