"""One indicator: a number per interview, what it means, and whether it can be had at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qa_reports.config import IndicatorKind

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

Worrying = Literal["high", "low"]
Scale = Literal["continuous", "count"]


@dataclass(frozen=True, slots=True, eq=False)
class IndicatorMeasure:
    """An indicator of n interviews. Where it is not applicable, `reason` says why and `values` are all NaN."""

    name: str
    """Stable name in results: "refusals", "log_minutes", "straightlining:Trust"."""
    kind: IndicatorKind
    label: str
    """As a reader sees it: "Refusals", "Length of the interview (log minutes)"."""
    values: FloatArray
    """(n,), NaN where the interview tells nothing."""
    unit: str
    """Of a value: "answers per interview", "log minutes", "share of answers"."""
    worrying: Worrying
    """The direction that may mean trouble; the other one is never flagged."""
    scale: Scale
    """A count has few whole values, most of them often 0; anything else is continuous."""
    threshold: str
    """What counts for one interview, in a sentence a report can print."""
    reason: str | None = None
    """Why it is not applicable, a sentence; None where it is."""

    @property
    def applicable(self) -> bool:
        """Whether there is anything to model."""
        return self.reason is None

    @property
    def n_interviews(self) -> int:
        """Interviews with a value."""
        return int(np.isfinite(self.values).sum())


def not_applicable(n: int, name: str, kind: IndicatorKind, label: str, reason: str) -> IndicatorMeasure:
    """An indicator that cannot be had, with the sentence that says why."""
    return IndicatorMeasure(name, kind, label, np.full(n, np.nan), "", "high", "count", "", reason)
