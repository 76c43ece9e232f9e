"""Straightlining: the same answer to every item of a battery; and how much answers vary within an interview."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import lcm

import numpy as np

from qa_reports.config import BatteryConfig
from qa_reports.indicators.answers import AnswerTable, ScaledItem
from qa_reports.indicators.measure import IndicatorMeasure, not_applicable
from qa_reports.survey.interviews import Arithmetic, Column

_TOTAL, _VARIABILITY = "Batteries answered identically", "Variability of the answers within an interview"
_FINE = 2.0**16
"""Steps of a common scale at most: scales of whole numbers have as many as they need, others this many."""


def straightlining_measures(
    table: AnswerTable, batteries: Sequence[BatteryConfig], min_items: int
) -> Iterator[IndicatorMeasure]:
    """The number of batteries with identical answers, each battery by itself, and within-respondent variability.

    A battery tells something where an interview has at least `min_items` answers in it. Within-respondent variability
    is the standard deviation of the answers of one interview within a battery (over all items where there is no such
    battery), each answer taken from 0 to 1 on its scale, averaged over batteries (IRV: Dunn et al. 2018, J. Bus.
    Psychol. 33).
    """
    a = table.arithmetic
    long = [battery for battery in batteries if len(battery.items) >= min_items]
    if not long:
        reason = f"no battery of {min_items} or more items is configured (batteries)"
        yield not_applicable("straightlining", "straightlining", _TOTAL, reason)
    else:
        columns = [[item.answers for item in table.of(battery.items)] for battery in long]
        told = [_number(a, table.of(battery.items)) >= min_items for battery in long]
        same = [
            enough & (a.least(answers) == a.greatest(answers)) for enough, answers in zip(told, columns, strict=True)
        ]
        total = a.where(a.count(told) > 0, a.count(same))
        rule = f"all answers to a battery are the same, of {min_items} or more"
        yield IndicatorMeasure(
            "straightlining", "straightlining", _TOTAL, total, "batteries per interview", "high", "count", rule
        )
        for battery, enough, identical in zip(long, told, same, strict=True):
            yield IndicatorMeasure(
                f"straightlining:{battery.name}", "straightlining", f"Identical answers: {battery.name}",
                a.where(enough, a.given(identical)), "share of interviews", "high", "count", rule,
            )  # fmt: skip
    groups = [table.of(battery.items) for battery in long] or [table.items]
    where = "within batteries" if long else "over all items"
    yield _variability(a, [[item for item in group if item.high > item.low] for group in groups], min_items, where)


def _variability(a: Arithmetic, groups: Sequence[Sequence[ScaledItem]], min_items: int, where: str) -> IndicatorMeasure:
    nothing = f"no interview has {min_items} or more answers to compare"
    groups = [items for items in groups if len(items) >= min_items]
    if not groups:
        return not_applicable("variability", "straightlining", _VARIABILITY, nothing)
    values = [_spread(a, items, min_items) for items in groups]
    if len(groups) > 1:
        number = a.count(_number(a, items) >= min_items for items in groups)
        values = [a.divide(sum(a.filled(value, 0.0) for value in values), number)]
    return IndicatorMeasure(
        name="variability",
        kind="straightlining",
        label=_VARIABILITY,
        values=values[0],
        unit="of the scale's length",
        worrying="low",
        scale="continuous",
        threshold=f"standard deviation {where}, answers taken from 0 to 1 on their scales; low is worrying",
        unless=nothing,
    )


def _number(a: Arithmetic, items: Sequence[ScaledItem]) -> Column:
    """How many of the items are answered."""
    return a.count(a.known(item.answers) for item in items)


def _spread(a: Arithmetic, items: Sequence[ScaledItem], min_items: int) -> Column:
    """The standard deviation over the items, missing for fewer than `min_items` answers.

    It is taken from sums of steps of one scale, whole numbers, so that nothing is left of it by rounding where all
    answers are alike.
    """
    spans = [item.high - item.low for item in items]
    numbers = np.concatenate([np.array([item.low for item in items]), *(item.item.values for item in items), spans])
    whole = bool((numbers == np.rint(numbers)).all())
    length = float(lcm(*map(int, spans))) if whole else _FINE
    length = length if length <= _FINE else _FINE
    steps = [
        _step(a, item, length / span, exact=whole and length < _FINE) for item, span in zip(items, spans, strict=True)
    ]
    filled = [a.filled(step, 0.0) for step in steps]
    n, first, second = _number(a, items), sum(filled), sum(step * step for step in filled)
    variance = a.divide(n * second - first * first, n * (n - 1))
    return a.where(n >= min_items, a.root(variance) / length)


def _step(a: Arithmetic, item: ScaledItem, factor: float, *, exact: bool) -> Column:
    """Steps from the lowest answer; an engine is not told to multiply by 1."""
    step = item.answers - item.low if item.low else item.answers
    step = step * factor if factor != 1 else step
    return step if exact else a.rounded(step)
