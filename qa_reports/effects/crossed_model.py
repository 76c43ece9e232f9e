"""Models with two crossed or nested random intercepts in the user's units: variances and their tests.

The first grouping is the interviewer, the second the area or the team. Sizes: F fits, p fixed effects.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.effects.crossed import CrossedProblem, crossed_problem, crossed_profile, fits_at_once
from qa_reports.effects.crossed_search import minimise_crossed, told_apart
from qa_reports.effects.inference import boundary_p
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
    given = _Given(fits, second, moments, alone)
    usable = [f for f, status in enumerate(alone[0].status) if status != "failed"]
    together = fits_at_once(max(len(columns.response) for columns in fits), n_levels)
    found: dict[int, CrossedFit] = {}
    for start in range(0, len(usable), together):
        found |= _fit_some(given, usable[start : start + together])
    p = fits[0].fixed.shape[1]
    return [
        found.get(f) or _failed(reason or "the model could not be estimated", p)
        for f, reason in enumerate(alone[0].reason)
    ]


class _Given(Struct, frozen=True, eq=False):
    """What F fits are made from."""

    columns: Sequence[Columns]
    second: Sequence[IntArray]
    moments: Moments
    alone: tuple[MixedModelFits, MixedModelFits]
    """The fits with either grouping alone."""

    def problem(self, some: Sequence[int]) -> CrossedProblem:
        insides = [inside_columns(self.moments, f, self.columns[f]) for f in some]
        return crossed_problem(insides, [self.columns[f].interviewer for f in some], [self.second[f] for f in some])


def _fit_some(given: _Given, some: list[int]) -> dict[int, CrossedFit]:
    """The fits `some`, which have interviewers that can be told from the residual."""
    p, problem = given.moments.cross.shape[-1] - 1, given.problem(some)
    apart = told_apart(problem)
    if not apart.all():
        rest = [f for f, known in zip(some, apart, strict=True) if known]
        return {f: _failed(NOT_TOLD_APART, p) for f in some} | (_fit_some(given, rest) if rest else {})
    starts = np.zeros((2, len(some), 2))
    for k, fits in enumerate(given.alone):
        starts[k, :, k] = np.nan_to_num(fits.relative[some, 0, 0])
    optimum = minimise_crossed(problem, starts)
    best, here = optimum.relative, optimum.profile
    visible = best * problem.workload > _INVISIBLE
    if not visible.all():
        best = np.where(visible, best, 0.0)
        here = crossed_profile(problem, best)
    fitted = _in_units(given, some, best, here)
    lost = _failed("the likelihood has no finite maximum that could be found", p)
    return {f: fit if found else lost for f, fit, found in zip(some, fitted, optimum.converged, strict=True)}


def inside_columns(moments: Moments, f: int, columns: Columns) -> FloatArray:
    """(m, p+1) standardised [X y] of fit f."""
    table = np.column_stack([columns.fixed, columns.response])
    return np.asarray((table - moments.centre[f]) / moments.scale[f])


def _in_units(given: _Given, some: list[int], relative: FloatArray, here: Profile) -> list[CrossedFit]:
    """The fits `some` at relative variances (F, 2)."""
    moments, (first, second) = given.moments.of(some), given.alone
    p = here.b.shape[-1]
    sd, s2, b, s_inverse = moments.scale[:, p], here.s2[:, 0], here.b[:, 0], here.s_inverse[:, 0]
    to_units = back_transform(moments)
    fixed = sd[:, None] * (to_units @ b[..., None])[..., 0]
    fixed[:, 0] += moments.centre[:, p]
    spread = np.diagonal(to_units @ s_inverse @ np.swapaxes(to_units, -1, -2), axis1=-2, axis2=-1)
    loglik = -here.deviance[:, 0] / 2 - here.m[:, 0] * np.log(sd) - np.log(moments.scale[:, :p]).sum(1)
    without = np.stack([second.loglik[some], first.loglik[some]], axis=1)
    # A variance of zero changes nothing: what is left of the difference is rounding.
    statistic = np.where(relative > 0, np.maximum(2 * (loglik[:, None] - without), 0.0), 0.0)
    unit = s2 * sd**2
    return [
        CrossedFit(
            status=("zero_variance", "singular", "converged")[int((relative[k] > 0).sum())],
            reason=None,
            fixed=fixed[k],
            fixed_se=sd[k] * np.sqrt(s2[k] * spread[k]),
            variance=unit[k] * np.append(relative[k], 1.0),
            variance_se=unit[k] * _relative_se(here.observed_information[k, 0], relative[k]),
            alone=np.array([first.covariance[f, 0, 0], first.residual_variance[f]]),
            loglik=float(loglik[k]),
            loglik_without=without[k],
            statistic=statistic[k],
            p=np.array([boundary_p(float(value), 1) if np.isfinite(value) else np.nan for value in statistic[k]]),
            relative=relative[k],
        )
        for k, f in enumerate(some)
    ]


def _relative_se(information: FloatArray, relative: FloatArray) -> FloatArray:
    """(3,) standard errors of (d1 s2, d2 s2, s2) over s2, by the delta method; a variance of zero is held there.

    `information` (3, 3) is the observed one of (d1, d2, log s2).
    """
    free = np.append(relative > 0, True)
    information = information[np.ix_(free, free)]
    unit = np.sqrt(np.abs(np.diagonal(information)))
    found = np.full(3, np.nan)
    if (np.linalg.eigvalsh(information / np.outer(unit, unit))[0]) > 1e-8:
        jacobian = np.eye(3)
        jacobian[:, 2] = np.append(relative, 1.0)
        own = jacobian[np.ix_(free, free)]
        found[free] = np.sqrt(np.diagonal(own @ np.linalg.inv(information) @ own.T))
    return found


def _failed(reason: str, p: int) -> CrossedFit:
    nothing = {size: np.full(size, np.nan) for size in (2, 3)}
    return CrossedFit(
        "failed", reason, np.full(p, np.nan), np.full(p, np.nan), nothing[3], nothing[3], nothing[2], float("nan"),
        nothing[2], nothing[2], nothing[2], nothing[2],
    )  # fmt: skip
