"""Models with two crossed or nested random intercepts in the user's units: variances, their tests, and mean shifts.

The first grouping is the interviewer, the second the area or the team. Sizes: F fits, p fixed effects.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.effects.crossed import (
    CrossedProblem,
    crossed_problem,
    crossed_profile,
    minimise_crossed,
    told_apart,
)
from qa_reports.effects.inference import boundary_p
from qa_reports.effects.influence import two_sided
from qa_reports.effects.information import degrees_of_freedom
from qa_reports.effects.likelihood import Profile
from qa_reports.effects.mixed_model import MixedModelFits, back_transform, fit_mixed_models
from qa_reports.effects.moments import Columns, Moments, compute_moments

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_INVISIBLE = 1e-9
"""Reliability at the mean workload below which a variance is zero but for rounding."""
NOT_TOLD_APART = "the variances of the two groupings cannot be told apart from each other or from the residual"


class CrossedFit(Struct, frozen=True, eq=False):
    """One REML fit with two random intercepts, user's units; NaN where it failed."""

    status: str
    """converged | singular (one of the two variances is zero) | zero_variance (both) | failed."""
    reason: str | None
    """Why it failed."""
    fixed: FloatArray
    """(p,) fixed effects."""
    fixed_se: FloatArray
    """(p,)."""
    variance: FloatArray
    """(3,) between levels of the first grouping, of the second, residual."""
    variance_se: FloatArray
    """(3,) standard errors from the observed information; NaN for a variance of zero."""
    alone: FloatArray
    """(2,) variance between levels of the first grouping and residual variance, without the second grouping."""
    loglik: float
    """REML log-likelihood in the basis of the columns as given."""
    loglik_without: FloatArray
    """(2,) without the first, and without the second grouping."""
    statistic: FloatArray
    """(2,) REML likelihood ratio of the first, and of the second variance, the other in both models."""
    p: FloatArray
    """(2,) half chi-square(0), half chi-square(1)."""
    relative: FloatArray
    """(2,) variances over the residual variance."""


class ShiftTest(Struct, frozen=True):
    """One level of the first grouping against the fit without it, user's units; NaN where `reason` says why not."""

    shift: float
    """Generalised least squares estimate of how far the level's answers lie from everybody else's."""
    se: float
    """For an ordinary level: its random effect, the levels of the second grouping, residual and fixed effects."""
    df: float
    """Satterthwaite degrees of freedom of the square of `se`."""
    z: float
    """Normal score of p with the sign of the shift."""
    p: float
    """Two-sided, t with `df` degrees of freedom."""
    reason: str | None = None
    """Why the level could not be judged."""


def unjudged(reason: str) -> ShiftTest:
    """A level that could not be judged."""
    nothing = float("nan")
    return ShiftTest(nothing, nothing, nothing, nothing, nothing, reason)


def fit_crossed(fits: Sequence[Columns], second: Sequence[IntArray], n_levels: tuple[int, int]) -> list[CrossedFit]:
    """Fit F models.

    Args:
        fits: the columns; `interviewer` is the first grouping. Every fit must have the same number of fixed columns.
        second: (m,) level of the second grouping, for each fit.
        n_levels: levels of the first and the second grouping (some may be empty).
    """
    moments = compute_moments(fits, n_levels[0])
    by_second = [Columns(c.fixed, c.response, levels) for c, levels in zip(fits, second, strict=True)]
    alone = (
        fit_mixed_models(moments, (0,), "REML"),
        fit_mixed_models(compute_moments(by_second, n_levels[1]), (0,), "REML"),
    )
    return [
        _fit_one(moments.of([f]), columns, levels, alone, f)
        for f, (columns, levels) in enumerate(zip(fits, second, strict=True))
    ]


def _fit_one(
    moments: Moments, columns: Columns, second: IntArray, alone: tuple[MixedModelFits, MixedModelFits], f: int
) -> CrossedFit:
    p = columns.fixed.shape[1]
    if alone[0].status[f] == "failed":
        return _failed(alone[0].reason[f] or "the model could not be estimated", p)
    problem = crossed_problem(_inside(moments, columns), columns.interviewer, second)
    if not told_apart(problem):
        return _failed(NOT_TOLD_APART, p)
    relative = [0.0 if fit.status[f] == "failed" else float(fit.relative[f, 0, 0]) for fit in alone]
    optimum = minimise_crossed(problem, np.array([[relative[0], 0.0], [0.0, relative[1]]]))
    if not optimum.converged:
        return _failed("the likelihood has no finite maximum that could be found", p)
    best, here = optimum.relative, optimum.profile
    visible = best * problem.workload > _INVISIBLE
    if not visible.all():
        best = np.where(visible, best, 0.0)
        here = crossed_profile(problem, best)
    first, without = alone[0], np.array([alone[1].loglik[f], alone[0].loglik[f]])
    return _in_units(moments, best, here, without, np.array([first.covariance[f, 0, 0], first.residual_variance[f]]))


def _inside(moments: Moments, columns: Columns) -> FloatArray:
    """(m, p+1) standardised [X y]."""
    table = np.column_stack([columns.fixed, columns.response])
    return np.asarray((table - moments.centre[0]) / moments.scale[0])


def _in_units(
    moments: Moments, relative: FloatArray, here: Profile, without: FloatArray, alone: FloatArray
) -> CrossedFit:
    p = here.b.shape[-1]
    sd, s2 = float(moments.scale[0, p]), float(here.s2[0, 0])
    to_units = back_transform(moments)[0]
    fixed = sd * (to_units @ here.b[0, 0])
    fixed[0] += moments.centre[0, p]
    loglik = float(-here.deviance[0, 0] / 2 - here.m[0, 0] * np.log(sd) - np.log(moments.scale[0, :p]).sum())
    # A variance of zero changes nothing: what is left of the difference is rounding.
    statistic = np.where(relative > 0, np.maximum(2 * (loglik - without), 0.0), 0.0)
    return CrossedFit(
        status=("zero_variance", "singular", "converged")[int((relative > 0).sum())],
        reason=None,
        fixed=fixed,
        fixed_se=sd * np.sqrt(s2 * np.diagonal(to_units @ here.s_inverse[0, 0] @ to_units.T)),
        variance=s2 * sd**2 * np.append(relative, 1.0),
        variance_se=s2 * sd**2 * _relative_se(here, relative),
        alone=alone,
        loglik=loglik,
        loglik_without=without,
        statistic=statistic,
        p=np.array([boundary_p(float(value), 1) if np.isfinite(value) else np.nan for value in statistic]),
        relative=relative,
    )


def _relative_se(here: Profile, relative: FloatArray) -> FloatArray:
    """(3,) standard errors of (d1 s2, d2 s2, s2) over s2, by the delta method; a variance of zero is held there."""
    free = np.append(relative > 0, True)
    information = here.observed_information[0, 0][np.ix_(free, free)]
    unit = np.sqrt(np.abs(np.diagonal(information)))
    found = np.full(3, np.nan)
    if (np.linalg.eigvalsh(information / np.outer(unit, unit))[0]) > 1e-8:
        jacobian = np.eye(3)
        jacobian[:, 2] = np.append(relative, 1.0)
        chosen = jacobian[np.ix_(free, free)]
        found[free] = np.sqrt(np.diagonal(chosen @ np.linalg.inv(information) @ chosen.T))
    return found


def _failed(reason: str, p: int) -> CrossedFit:
    nothing = {size: np.full(size, np.nan) for size in (2, 3)}
    return CrossedFit(
        "failed", reason, np.full(p, np.nan), np.full(p, np.nan), nothing[3], nothing[3], nothing[2], float("nan"),
        nothing[2], nothing[2], nothing[2], nothing[2],
    )  # fmt: skip


def judge_shift(columns: Columns, second: IntArray, level: int, start: FloatArray) -> ShiftTest:
    """Whether one level of the first grouping lies apart, judged by the fit without it.

    The variances come from the fit without the level; with them, and a fixed effect for the level, everybody's answers
    give the shift by generalised least squares. Its variance is s2 [X'H^-1 X]^-1 of that effect, and the degrees of
    freedom Satterthwaite's from the expected information of the fit without the level. Without a second variance this
    is the deletion z of `influence`, exactly so where there are no covariates.

    Args:
        columns: with the level's answers; `interviewer` is the first grouping.
        second: (m,) level of the second grouping.
        level: which level of the first grouping.
        start: (2,) a guess of the two relative variances, such as the fit with everyone.
    """
    own = columns.interviewer == level
    n_levels = int(columns.interviewer.max()) + 1
    moments = compute_moments([columns], n_levels)
    inside = _inside(moments, columns)
    others = Columns(columns.fixed[~own], columns.response[~own], columns.interviewer[~own])
    reason = _cannot_judge(others, own, n_levels)
    if reason is None:
        without = crossed_problem(inside[~own], others.interviewer, second[~own])
        if told_apart(without):
            optimum = minimise_crossed(without, start[None])
            if optimum.converged:
                return _shift(inside, columns, second, own, optimum.relative, optimum.profile, moments)
            reason = "without this interviewer the likelihood has no finite maximum that could be found"
        else:
            reason = f"without this interviewer {NOT_TOLD_APART}"
    return unjudged(reason)


def _cannot_judge(others: Columns, own: NDArray[np.bool_], n_levels: int) -> str | None:
    if not own.any():
        return "this interviewer has no interviews in the model"
    if len(np.unique(others.interviewer)) < 2:
        return "without this interviewer only one interviewer is left"
    fit = fit_mixed_models(compute_moments([others], n_levels), (0,), "REML")
    return None if fit.status[0] != "failed" else f"without this interviewer {fit.reason[0]}"


def _shift(
    inside: FloatArray,
    columns: Columns,
    second: IntArray,
    own: NDArray[np.bool_],
    relative: FloatArray,
    without: Profile,
    moments: Moments,
) -> ShiftTest:
    width = inside.shape[1]
    marked: CrossedProblem = crossed_problem(
        np.insert(inside, width - 1, own.astype(float), axis=1), columns.interviewer, second
    )
    here = crossed_profile(marked, relative)
    inverse = here.s_inverse[0, 0, -1]
    change = -np.einsum("p,apq,q->a", inverse, here.s_gradient[0, 0], inverse)
    log_gradient = np.append(change / inverse[-1], 1.0)
    df = degrees_of_freedom(without.expected_information[0], log_gradient[None, None])[0, 0]
    shift, se = float(here.b[0, 0, -1]), float(np.sqrt(without.s2[0, 0] * inverse[-1]))
    p, z = two_sided(np.array(shift / se), np.array(df))
    sd = float(moments.scale[0, -1])
    return ShiftTest(shift * sd, se * sd, float(df), float(z), float(p))
