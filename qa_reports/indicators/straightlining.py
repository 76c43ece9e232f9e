"""Straightlining: the same answer to every item of a battery; and how much answers vary within an interview."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from qa_reports.config import BatteryConfig
from qa_reports.indicators.answers import AnswerTable
from qa_reports.indicators.measure import FloatArray, IndicatorMeasure, not_applicable

_TOTAL, _VARIABILITY = "Batteries answered identically", "Variability of the answers within an interview"


def straightlining_measures(
    table: AnswerTable, batteries: Sequence[BatteryConfig], min_items: int
) -> Iterator[IndicatorMeasure]:
    """The number of batteries with identical answers, each battery by itself, and within-respondent variability.

    A battery tells something where an interview has at least `min_items` answers in it. Within-respondent variability
    is the standard deviation of the answers of one interview within a battery (over all items where there is no such
    battery), each answer taken from 0 to 1 on its scale, averaged over batteries (IRV: Dunn et al. 2018, J. Bus.
    Psychol. 33).
    """
    n = len(table.answers)
    long = [battery for battery in batteries if len(battery.items) >= min_items]
    same = np.column_stack([_identical(table.of(b.items).answers, min_items) for b in long]) if long else None
    if same is None:
        reason = f"no battery of {min_items} or more items is configured (batteries)"
        yield not_applicable(n, "straightlining", "straightlining", _TOTAL, reason)
    else:
        told = np.isfinite(same).any(axis=1)
        total = np.where(told, np.nansum(same, axis=1), np.nan)
        rule = f"all answers to a battery are the same, of {min_items} or more"
        yield IndicatorMeasure(
            "straightlining", "straightlining", _TOTAL, total, "batteries per interview", "high", "count", rule
        )
        for battery, values in zip(long, same.T, strict=True):
            yield IndicatorMeasure(
                f"straightlining:{battery.name}", "straightlining", f"Identical answers: {battery.name}",
                values, "share of interviews", "high", "count", rule,
            )  # fmt: skip
    yield _variability(table, long, min_items)


def _identical(answers: FloatArray, min_items: int) -> FloatArray:
    """(n,) 1 where all answers are the same, 0 where not, NaN with fewer than `min_items` of them."""
    has = np.isfinite(answers)
    low = np.where(has, answers, np.inf).min(axis=1)
    high = np.where(has, answers, -np.inf).max(axis=1)
    return np.where(has.sum(axis=1) >= min_items, (low == high).astype(float), np.nan)


def _variability(table: AnswerTable, batteries: Sequence[BatteryConfig], min_items: int) -> IndicatorMeasure:
    groups = [battery.items for battery in batteries] or [table.names]
    total, count = np.zeros(len(table.answers)), np.zeros(len(table.answers))
    for items in groups:
        relative = table.of(items).relative
        has = np.isfinite(relative)
        enough = has.sum(axis=1) >= min_items
        filled = np.where(has, relative, 0.0)
        number = np.maximum(has.sum(axis=1), 2)
        mean = filled.sum(axis=1) / number
        squares = (np.where(has, relative - mean[:, None], 0.0) ** 2).sum(axis=1)
        total += np.where(enough, np.sqrt(squares / (number - 1)), 0.0)
        count += enough
    if not count.any():
        reason = f"no interview has {min_items} or more answers to compare"
        return not_applicable(len(count), "variability", "straightlining", _VARIABILITY, reason)
    where = "within batteries" if batteries else "over all items"
    return IndicatorMeasure(
        name="variability",
        kind="straightlining",
        label=_VARIABILITY,
        values=np.where(count > 0, total / np.maximum(count, 1), np.nan),
        unit="of the scale's length",
        worrying="low",
        scale="continuous",
        threshold=f"standard deviation {where}, answers taken from 0 to 1 on their scales; low is worrying",
    )
