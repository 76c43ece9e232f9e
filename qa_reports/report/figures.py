"""Figure data: what each figure shows, as arrays and words. `svg.py` draws it for the page, `draw.py` for the PDF.

Every figure has a `title` and a `caption` that says in plain words how to read it. `flagged` holds positions of
interviewers worth a call, who are labelled with their id wherever they appear.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy.special import ndtri

from qa_reports.effects.linear import ModelResult
from qa_reports.effects.spread_effects import SpreadEffects
from qa_reports.survey.clean import ItemResponses, Survey

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Line = tuple[float, float, float, float]
"""x and y of the start, x and y of the end."""

INTERVAL_Z = 1.959963984540054
"""Half-width of a 95% interval in conditional standard deviations."""


class Caterpillar(Struct, frozen=True, eq=False):
    """Interviewer effects in ascending order with their 95% intervals (eblup +- 1.96 conditional_sd)."""

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


class QuantilePlot(Struct, frozen=True, eq=False):
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


class ResidualScatter(Struct, frozen=True, eq=False):
    """Residuals against fitted values, one point per interview."""

    title: str
    caption: str
    fitted: FloatArray
    """(m,)"""
    residuals: FloatArray
    """(m,)"""


class Distribution(Struct, frozen=True, eq=False):
    """Shares of the answers to one item: everybody's, and one interviewer's beside them where one is given."""

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
    meaning: str = ""
    """What the answers' numbers stand for, in sentences; empty where nobody labelled them."""


class InterviewerLines(Struct, frozen=True, eq=False):
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


class AnswerScatter(Struct, frozen=True, eq=False):
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


class DeviationStrip(Struct, frozen=True, eq=False):
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


Figure = Caterpillar | QuantilePlot | ResidualScatter | Distribution | InterviewerLines | AnswerScatter | DeviationStrip


def caterpillar(
    model: ModelResult, term: str, survey: Survey, flagged: frozenset[str], label: str
) -> Caterpillar | None:
    """Interviewer effects of one term of a model in ascending order; None where the variance is zero."""
    effects = model.effects
    column = effects.terms.index(term)
    if not np.any(effects.eblup[:, column]):
        return None
    order = np.argsort(effects.eblup[:, column], kind="stable")
    estimate = effects.eblup[order, column]
    half = INTERVAL_Z * effects.conditional_sd[order, column]
    ids = tuple(survey.interviewer_ids[position] for position in effects.interviewer[order])
    return Caterpillar(
        title=f"Interviewer {_what(term)}: {label}",
        caption=(
            "Each line is one interviewer, lowest to highest; the bar is the 95% interval. Bars that cross the zero "
            "line are "
            "compatible with an ordinary interviewer. Flagged interviewers are marked and named."
        ),
        axis=_unit(term),
        interviewers=ids,
        estimate=estimate,
        lower=estimate - half,
        upper=estimate + half,
        flagged=_positions(ids, flagged),
    )


def spread_caterpillar(
    spread: SpreadEffects, survey: Survey, flagged: frozenset[str], label: str
) -> Caterpillar | None:
    """Effects on the log standard deviation in ascending order; None where interviewers do not differ."""
    if not spread.eblup.any():
        return None
    order = np.argsort(spread.eblup, kind="stable")
    half = INTERVAL_Z * spread.conditional_sd[order]
    ids = tuple(survey.interviewer_ids[position] for position in spread.interviewer[order])
    return Caterpillar(
        title=f"Interviewer spread: {label}",
        caption=(
            "Each line is one interviewer: below zero their respondents' answers are more alike than usual, above it "
            "they vary more. On this scale \N{MINUS SIGN}0.5 is 61% of the usual spread and 0.5 is 165%; bars "
            "are 95% intervals."
        ),
        axis="Log of relative spread",
        interviewers=ids,
        estimate=spread.eblup[order],
        lower=spread.eblup[order] - half,
        upper=spread.eblup[order] + half,
        flagged=_positions(ids, flagged),
    )


def effect_quantiles(
    model: ModelResult,
    term: str,
    survey: Survey,
    flagged: frozenset[str],
    label: str,
    standardised: bool = True,
    version: str | None = None,
) -> QuantilePlot | None:
    """Normal QQ plot of the EBLUPs of one term; None where the variance is zero.

    `version` tells plots of the same effects from other data apart. Standardised values are eblup / diagnostic_se
    (Skrondal & Rabe-Hesketh 2009); otherwise the EBLUPs themselves are shown, with a line through their quartiles.
    """
    effects = model.effects
    column = effects.terms.index(term)
    eblup = effects.eblup[:, column]
    usable = effects.diagnostic_se[:, column] > 0
    if usable.sum() < 3 or not np.any(eblup[usable]):
        return None
    values = eblup[usable] / effects.diagnostic_se[usable, column] if standardised else eblup[usable]
    order = np.argsort(values, kind="stable")
    ids = tuple(survey.interviewer_ids[position] for position in effects.interviewer[usable][order])
    theoretical = _normal_quantiles(values.size)
    sample = values[order]
    return QuantilePlot(
        title=f"QQ plot of {_what(term)}{f', {version}' if version else ''}: {label}",
        caption=(
            "Each point is one interviewer. Ordinary interviewers follow the straight line; a point far from it at "
            "either "
            "end is an interviewer unlike the others. Flagged interviewers are marked and named."
        ),
        axis="standardised effect" if standardised else _unit(term),
        labels=ids,
        theoretical=theoretical,
        sample=sample,
        line=(0.0, 1.0) if standardised else _quartile_line(theoretical, sample),
        flagged=_positions(ids, flagged),
    )


def residual_quantiles(model: ModelResult, label: str) -> QuantilePlot | None:
    """Normal QQ plot of the residuals, in residual standard deviations; None without residual variation."""
    spread = float(np.sqrt(model.variance.residual))
    if not spread > 0 or model.residuals.size < 3:
        return None
    return QuantilePlot(
        title=f"QQ plot of residuals: {label}",
        caption=(
            "Each point is one interview. Residuals of a well-fitting model follow the straight line; steps come from "
            "answers "
            "being whole numbers, and bent ends from the scale having a lowest and a highest answer."
        ),
        axis="standardised residual",
        labels=(),
        theoretical=_normal_quantiles(model.residuals.size),
        sample=np.sort(model.residuals) / spread,
        line=(0.0, 1.0),
        flagged=(),
    )


def residual_scatter(model: ModelResult, label: str) -> ResidualScatter:
    """Residuals against fitted values."""
    return ResidualScatter(
        title=f"Residuals against fitted values: {label}",
        caption=(
            "Each point is one interview. The parallel stripes are no fault: every stripe is one answer of the scale, "
            "because "
            "answers are whole numbers while fitted values are not. Look for a fan or a bend across the stripes."
        ),
        fitted=model.fitted,
        residuals=model.residuals,
    )


def interviewer_lines(
    model: ModelResult, predictor: ItemResponses, survey: Survey, flagged: frozenset[str], label: str
) -> InterviewerLines | None:
    """Fitted line of every interviewer for a model with one slope; None for more slopes or without variation."""
    terms = model.effects.terms
    slope_term = f"slope:{predictor.name}"
    fixed = {effect.term: effect.estimate for effect in model.fixed_effects}
    if terms not in (("intercept", slope_term), (slope_term,)) or predictor.name not in fixed:
        return None
    values = predictor.answers[model.rows]
    low, high = float(values.min()), float(values.max())
    slopes = fixed[predictor.name] + model.effects.eblup[:, terms.index(slope_term)]
    levels = np.full(slopes.size, fixed["(Intercept)"])
    if "intercept" in terms:
        levels = levels + model.effects.eblup[:, terms.index("intercept")]
    ids = tuple(survey.interviewer_ids[position] for position in model.effects.interviewer)
    average = tuple(fixed["(Intercept)"] + fixed[predictor.name] * x for x in (low, high))
    return InterviewerLines(
        title=f"Fitted line of every interviewer: {label} by {predictor.label}",
        caption=(
            "Each thin line is one interviewer, the dashed line the average. Lines at different heights are "
            "differences in "
            "level; lines that are steeper or flatter than the rest are differences in slope."
        ),
        x_axis=predictor.label,
        y_axis=label,
        interviewers=ids,
        x=(low, high),
        start=levels + slopes * low,
        end=levels + slopes * high,
        average=(average[0], average[1]),
        flagged=_positions(ids, flagged),
    )


def _what(term: str) -> str:
    return "levels" if term == "intercept" else f"slopes of {term.removeprefix('slope:')}"


def _unit(term: str) -> str:
    return "scale points" if term == "intercept" else f"points per point of {term.removeprefix('slope:')}"


def _positions(ids: tuple[str, ...], flagged: frozenset[str]) -> tuple[int, ...]:
    return tuple(position for position, name in enumerate(ids) if name in flagged)


def _normal_quantiles(size: int) -> FloatArray:
    """Quantiles of the normal distribution at (i - 0.5)/size."""
    quantiles: FloatArray = ndtri((np.arange(1, size + 1) - 0.5) / size)
    return quantiles


def _quartile_line(theoretical: FloatArray, sample: FloatArray) -> tuple[float, float]:
    """The line through the quartiles, which an outlier does not move (as R's qqline)."""
    x_low, x_high = np.quantile(theoretical, (0.25, 0.75))
    y_low, y_high = np.quantile(sample, (0.25, 0.75))
    slope = float((y_high - y_low) / (x_high - x_low))
    return float(y_low - slope * x_low), slope
