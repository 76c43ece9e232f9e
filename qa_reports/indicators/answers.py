"""The answers to several items side by side, with the ends of their scales."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qa_reports.indicators.measure import FloatArray
from qa_reports.survey.clean import ItemResponses


@dataclass(frozen=True, slots=True, eq=False)
class AnswerTable:
    """n interviews, K items."""

    names: tuple[str, ...]
    answers: FloatArray
    """(n, K), NaN where there is no valid answer."""
    low: FloatArray
    """(K,) lowest possible answer: declared, else labelled, else the lowest given; NaN without any answer."""
    high: FloatArray
    """(K,) highest possible answer."""
    declared: FloatArray
    """(K,) 1 where the ends are declared or labelled, 0 where they are only the answers that were given."""

    def of(self, items: Sequence[str]) -> AnswerTable:
        """The same for some of the items, in the order given."""
        at = [self.names.index(name) for name in items]
        return AnswerTable(tuple(items), self.answers[:, at], self.low[at], self.high[at], self.declared[at])

    @property
    def relative(self) -> FloatArray:
        """(n, K) answers from 0, the lowest possible, to 1; NaN where an item has a single possible answer."""
        span = np.where(self.high > self.low, self.high - self.low, np.nan)
        return np.asarray((self.answers - self.low) / span)


def answer_table(items: Sequence[ItemResponses]) -> AnswerTable:
    """Put items side by side; there is at least one."""
    ends = [_ends(item) for item in items]
    return AnswerTable(
        names=tuple(item.name for item in items),
        answers=np.column_stack([item.answers for item in items]),
        low=np.array([low for low, _, _ in ends]),
        high=np.array([high for _, high, _ in ends]),
        declared=np.array([float(declared) for _, _, declared in ends]),
    )


def _ends(item: ItemResponses) -> tuple[float, float, bool]:
    if item.scale is not None:
        return (*item.scale, True)
    given = item.answers[np.isfinite(item.answers)]
    labelled = [value for value, _ in item.categories]
    if not len(given):
        return float("nan"), float("nan"), False
    # Labels of both ends name a scale; answers beyond them show that they do not.
    if len(labelled) >= 2 and min(labelled) <= given.min() and given.max() <= max(labelled):
        return min(labelled), max(labelled), True
    return float(given.min()), float(given.max()), False
