"""Figures of very many interviewers, bounded: a page stays small, and a thousand marks show what ten thousand would."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
from msgspec.structs import replace

from qa_reports.report.figures import Caterpillar, Figure, IntArray, InterviewerLines, QuantilePlot
from qa_reports.report.formats import integer

_Drawn = TypeVar("_Drawn", bound=Figure)


_BY_INTERVIEWER: Mapping[type, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        Caterpillar: ("interviewers", ("estimate", "lower", "upper")),
        QuantilePlot: ("labels", ("theoretical", "sample")),
        InterviewerLines: ("interviewers", ("start", "end")),
    }
)
"""Figures with a mark for every interviewer: where their names stand, and the arrays with a place for each."""


def bounded(figure: _Drawn, most: int) -> _Drawn:
    """The figure with at most about `most` interviewers, evenly chosen in their order, and the flagged ones."""
    if not isinstance(figure, Caterpillar | QuantilePlot | InterviewerLines):
        return figure
    names, arrays = _BY_INTERVIEWER[type(figure)]
    everybody: tuple[str, ...] = getattr(figure, names)
    kept = _kept(len(everybody), figure.flagged, most)
    if kept is None:
        return figure
    changed: dict[str, Any] = {
        "caption": figure.caption + _said(kept, len(everybody)),
        names: tuple(everybody[k] for k in kept),
        "flagged": _places(kept, figure.flagged),
        **{name: getattr(figure, name)[kept] for name in arrays},
    }
    return replace(figure, **changed)


def _kept(size: int, flagged: tuple[int, ...], most: int) -> IntArray | None:
    """Positions that are drawn, ascending, the first and the last among them; None for all."""
    if size <= most:
        return None
    even = np.linspace(0, size - 1, most).round().astype(np.int64)
    return np.union1d(even, np.array(flagged, dtype=np.int64))


def _places(kept: IntArray, flagged: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(np.searchsorted(kept, np.array(flagged, dtype=np.int64)).tolist())


def _said(kept: IntArray, size: int) -> str:
    return f" Drawn are {integer(len(kept))} of {integer(size)} interviewers, evenly chosen, and flagged ones."
