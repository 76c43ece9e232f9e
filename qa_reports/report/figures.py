"""Figure data: what each figure shows, as arrays and words. `svg.py` draws it for the page, `draw.py` for the PDF.

Every figure has a `title` and a `caption` that says in plain words how to read it. `flagged` holds positions of
interviewers worth a call, who are labelled with their id wherever they appear.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from qa_reports.effects.linear import ModelResult
from qa_reports.survey.clean import ItemResponses, Survey

FloatArray = NDArray[np.float64]
Line = tuple[float, float, float, float]
"""x and y of the start, x and y of the end."""

INTERVAL_Z = 1.959963984540054
"""Half-width of a 95 % interval in conditional standard deviations."""
MOST_BARS = 25
"""A distribution with more different answers than this is drawn in bins."""
BINS = 20


@dataclass(frozen=True, slots=True, eq=False)
class Caterpillar:
    """Interviewer effects in ascending order with their 95 % intervals (eblup +- 1.96 conditional_sd)."""

    title: str
    caption: str
    axis: str
    """What is measured, with its unit."""
    interviewers: tuple[str, ...]
    """(J,) ids, lowest effect first."""
    estimate: FloatArray
    """(J,)"""
    lower: FloatArray
    """(J,)"""
    upper: FloatArray
    """(J,)"""
    flagged: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class QuantilePlot:
    """Sorted values against the quantiles a normal distribution would show."""

    title: str
    caption: str
    axis: str
    """What the vertical axis measures."""
    labels: tuple[str, ...]
    """(m,) interviewer ids in the order of the points; empty for residuals."""
    theoretical: FloatArray
    """(m,) normal quantiles."""
    sample: FloatArray
    """(m,) values, ascending."""
    line: tuple[float, float]
    """Intercept and slope of the straight line that normal values follow."""
    flagged: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ResidualScatter:
    """Residuals against fitted values, one point per interview."""

    title: str
    caption: str
    fitted: FloatArray
    """(m,)"""
    residuals: FloatArray
    """(m,)"""


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """Shares of the answers to one item: everybody's, and one interviewer's beside them where `interviewer` is given."""

    title: str
    caption: str
    axis: str
    labels: tuple[str, ...]
    """(k,) the answers, or the bins."""
    everyone: FloatArray
    """(k,) shares that sum to 1."""
    n_everyone: int
    interviewer: str | None
    theirs: FloatArray
    """(k,) shares that sum to 1; (0,) without an interviewer."""
    n_theirs: int


@dataclass(frozen=True, slots=True, eq=False)
class InterviewerLines:
    """The fitted line of every interviewer (level 1 lines of a slope model), and the average line."""

    title: str
    caption: str
    x_axis: str
    y_axis: str
    interviewers: tuple[str, ...]
    """(J,) ids."""
    x: tuple[float, float]
    """Where the lines start and end: the smallest and largest predictor value."""
    start: FloatArray
    """(J,) fitted answer at x[0]."""
    end: FloatArray
    """(J,) fitted answer at x[1]."""
    average: tuple[float, float]
    """The average line at x[0] and x[1]."""
    flagged: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class AnswerScatter:
    """One item against another: everybody's answers as a background, one interviewer's on top."""

    title: str
    caption: str
    x_axis: str
    y_axis: str
    interviewer: str
    x: FloatArray
    """(k,) distinct pairs of everybody's answers."""
    y: FloatArray
    """(k,)"""
    count: FloatArray
    """(k,) interviews at each pair."""
    own_x: FloatArray
    """(n_j,) the interviewer's valid answers."""
    own_y: FloatArray
    """(n_j,)"""
    marked_x: FloatArray
    """(s,) suspicious points as delivered (a value that is probably a missing code)."""
    marked_y: FloatArray
    """(s,)"""
    everyone_line: Line | None
    """Least squares through everybody's valid answers."""
    own_line: Line | None
    """Least squares through the interviewer's valid answers."""
    marked_line: Line | None
    """Least squares through the interviewer's answers with the suspicious points left in; None without such points."""


@dataclass(frozen=True, slots=True, eq=False)
class DeviationStrip:
    """One interviewer's deletion z on every item, side by side."""

    title: str
    caption: str
    items: tuple[str, ...]
    """(k,) item names."""
    labels: tuple[str, ...]
    """(k,) item labels."""
    z: FloatArray
    """(k,), NaN where it could not be judged."""
    flagged: tuple[int, ...]
    """Positions of the items that a flag rests on."""


Figure = (
    Caterpillar | QuantilePlot | ResidualScatter | Distribution | InterviewerLines | AnswerScatter | DeviationStrip
)
