"""Figures of very many interviewers, bounded: a page stays small, and a thousand marks show what ten thousand would."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np

from qa_reports.report.figures import Caterpillar, Figure, IntArray, InterviewerLines, QuantilePlot
from qa_reports.report.formats import integer

MOST_MARKS = 1_000
"""Interviewers drawn in one figure; all that are flagged are drawn in any case."""

_Drawn = TypeVar("_Drawn", bound=Figure)


def bounded(figure: _Drawn) -> _Drawn:
    """The figure with at most about `MOST_MARKS` interviewers, evenly chosen in their order, and all flagged ones."""
    match figure:
        case Caterpillar():
            kept = _kept(len(figure.interviewers), figure.flagged)
            if kept is None:
                return figure
            return replace(
                figure,
                caption=figure.caption + _said(kept, len(figure.interviewers)),
                interviewers=tuple(figure.interviewers[k] for k in kept),
                estimate=figure.estimate[kept],
                lower=figure.lower[kept],
                upper=figure.upper[kept],
                flagged=_places(kept, figure.flagged),
            )
        case QuantilePlot():
            kept = _kept(len(figure.labels), figure.flagged)
            if kept is None:
                return figure
            return replace(
                figure,
                caption=figure.caption + _said(kept, len(figure.labels)),
                labels=tuple(figure.labels[k] for k in kept),
                theoretical=figure.theoretical[kept],
                sample=figure.sample[kept],
                flagged=_places(kept, figure.flagged),
            )
        case InterviewerLines():
            kept = _kept(len(figure.interviewers), figure.flagged)
            if kept is None:
                return figure
            return replace(
                figure,
                caption=figure.caption + _said(kept, len(figure.interviewers)),
                interviewers=tuple(figure.interviewers[k] for k in kept),
                start=figure.start[kept],
                end=figure.end[kept],
                flagged=_places(kept, figure.flagged),
            )
        case _:
            return figure


def _kept(size: int, flagged: tuple[int, ...]) -> IntArray | None:
    """Positions that are drawn, ascending, the first and the last among them; None for all."""
    if size <= MOST_MARKS:
        return None
    even = np.linspace(0, size - 1, MOST_MARKS).round().astype(np.int64)
    return np.union1d(even, np.array(flagged, dtype=np.int64))


def _places(kept: IntArray, flagged: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(np.searchsorted(kept, np.array(flagged, dtype=np.int64)).tolist())


def _said(kept: IntArray, size: int) -> str:
    return f" Drawn are {integer(len(kept))} of {integer(size)} interviewers, evenly chosen, and all flagged ones."
