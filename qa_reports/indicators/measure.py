"""One indicator: a number per interview, what it means, and whether it can be had at all."""

from __future__ import annotations

from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.config import IndicatorKind
from qa_reports.survey.interviews import Column

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

Worrying = Literal["high", "low"]
Scale = Literal["continuous", "count"]


class IndicatorMeasure(Struct, frozen=True, eq=False):
    """An indicator of n interviews. Where it is not applicable, `reason` says why, and there are no values."""

    name: str
    """Stable name in results: "refusals", "log_minutes", "straightlining:Trust"."""
    kind: IndicatorKind
    label: str
    """As a reader sees it: "Refusals", "Length of the interview (log minutes)"."""
    values: Column
    """(n,), NaN where the interview tells nothing; an engine's expression while an engine is asked."""
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
    unless: str = "no interview can be measured by it"
    """The reason where no interview has a value."""

    @property
    def applicable(self) -> bool:
        """Whether there is anything to model."""
        return self.reason is None


def not_applicable(name: str, kind: IndicatorKind, label: str, reason: str) -> IndicatorMeasure:
    """An indicator that cannot be had, with the sentence that says why."""
    return IndicatorMeasure(name, kind, label, None, "", "high", "count", "", reason)
