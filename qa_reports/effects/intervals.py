"""Profile-likelihood intervals of the intraclass correlation and the variances of models with one random term.

An interval holds every value of a quantity whose best deviance lies within the chi-square(1) quantile of the minimum;
it respects the bounds 0 and +-1 and needs no standard error (Bates et al. 2015, section 5.1). All on the moments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa_reports.effects.distributions import chi2_isf
from qa_reports.effects.likelihood import Problem, deviance, penalty_and_r2, problem, profile
from qa_reports.effects.mixed_model import MixedModelFits
from qa_reports.effects.moments import Moments

FloatArray = NDArray[np.float64]

ZETA = 1e-5
"""Precision of the signed root of the deviance at the end of an interval."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval; `lower` is 0 (or -1 for a correlation) where the data do not exclude the bound."""

    lower: float
    upper: float


def icc_intervals(moments: Moments, fits: MixedModelFits, level: float = 0.95) -> FloatArray:
    """(F, 2) profile intervals of Var(u)/(Var(u) + s2) of random-intercept models; NaN where the fit failed.

    The ICC is d/(1 + d) with d = Var(u)/s2, the very parameter of the profiled deviance.
    """
    bounds = np.full((len(fits.status), 2), np.nan)
    usable = [f for f, status in enumerate(fits.status) if status != "failed"]
    if not usable:
        return bounds
    setup = problem(moments.of(usable), (0,), fits.method)
    d = fits.relative[usable, 0, 0]
    workload = setup.workload[:, 0, 0]

    def at(candidate: FloatArray) -> FloatArray:
        return deviance(setup, candidate[:, None, None, None])[:, 0]

    interval = _cross(at, at(d), d, 1 / workload, float(chi2_isf(1 - level, 1)))
    bounds[usable] = interval / (1 + interval)
    return bounds


def single_term_intervals(
    moments: Moments, term: int, fits: MixedModelFits, level: float = 0.95
) -> tuple[FloatArray, FloatArray]:
    """(F, 2) profile intervals of the variance of the only random term and of the residual variance, user's units.

    `term` is the fixed column with the random term: 0 for an intercept.

    With Var(u) = V fixed the deviance is minimised over d = V/s2, with s2 fixed over d; both have one dimension.
    """
    between, residual = (np.full((len(fits.status), 2), np.nan) for _ in range(2))
    usable = [f for f, status in enumerate(fits.status) if status != "failed"]
    if not usable:
        return between, residual
    setup = problem(moments.of(usable), (term,), fits.method)
    unit = setup.moments.scale[:, -1] ** 2
    s2 = fits.residual_variance[usable] / unit
    d = fits.relative[usable, 0, 0]
    variance = d * s2
    lowest, rise = _deviance_at(setup, d, s2), float(chi2_isf(1 - level, 1))
    workload = setup.workload[:, 0, 0]
    smallest = 1e-8 / workload

    def with_variance(v: FloatArray) -> FloatArray:
        """V fixed, so s2 = V/d: lowest over d of penalty(d) + m log(V/d) + r2(d) d/V."""
        own = np.maximum(v, 1e-9 * s2 / workload)
        found = _best_ratio(setup, own / s2, smallest, lambda d: own / d)
        # No variance at all is the model without random effects, whatever s2.
        return np.where(v > 0, found, _deviance_at(setup, np.zeros_like(d), _without(setup)))

    def with_residual(value: FloatArray) -> FloatArray:
        """s2 fixed: lowest over d >= 0 of penalty(d) + m log s2 + r2(d)/s2."""
        found = _best_ratio(setup, np.maximum(d, 1e-2 / workload), smallest, lambda d: value)
        return np.minimum(found, _deviance_at(setup, np.zeros_like(d), value))

    between[usable] = (
        _cross(with_variance, lowest, variance, s2 / workload, rise)
        * (unit / setup.moments.scale[:, term] ** 2)[:, None]
    )
    # A residual variance of zero is impossible; a hundredth of the estimate is low enough to start from.
    residual[usable] = _cross(with_residual, lowest, s2, s2, rise, floor=1e-2 * s2) * unit[:, None]
    return between, residual


def _without(setup: Problem) -> FloatArray:
    """(F,) residual variance of the models without random effects."""
    return profile(setup, np.zeros((len(setup.moments.n), 1, 1, 1))).s2[:, 0]


def _best_ratio(
    setup: Problem, start: FloatArray, smallest: FloatArray, residual: Callable[[FloatArray], FloatArray]
) -> FloatArray:
    """(F,) lowest deviance over d with s2 = residual(d), by Newton steps in log d.

    residual(d) is either constant or proportional to 1/d. With s2 constant the derivative in log d is
    d (penalty' + r2'/s2); with s2 = V/d it gains -m + r2 d/V, that is r2/s2 - m, and the second one r2/s2 + 2 d r2'/s2.
    """
    d = start
    moves = not np.array_equal(residual(start), residual(2 * start))
    for _ in range(25):
        here = profile(setup, d[:, None, None, None])
        s2 = residual(d)
        r2, r2_1, r2_2 = here.r2[:, 0] / s2, here.r2_gradient[:, 0, 0] / s2, here.r2_hessian[:, 0, 0, 0] / s2
        first = here.penalty_gradient[:, 0, 0] + r2_1
        slope = d * first
        curvature = slope + d**2 * (here.penalty_hessian[:, 0, 0, 0] + r2_2)
        if moves:
            slope = slope + r2 - here.m[:, 0]
            curvature = curvature + r2 + 2 * d * r2_1
        step = np.clip(-slope / np.maximum(np.abs(curvature), 1e-3), -1.5, 1.5)
        d = np.maximum(d * np.exp(step), smallest)
        # The error left is the square of the last step.
        if np.max(np.abs(step) * (d > smallest)) < 1e-4:
            break
    return _deviance_at(setup, d, residual(d))


def _deviance_at(setup: Problem, d: FloatArray, s2: FloatArray) -> FloatArray:
    """(F,) deviance at a relative variance and a residual variance that need not be the best one, inside scale."""
    penalty, r2 = penalty_and_r2(setup, d[:, None, None, None])
    return np.asarray(penalty[:, 0] + setup.m[:, 0] * np.log(2 * np.pi * s2) + r2[:, 0] / s2)


def _cross(
    value: Callable[[FloatArray], FloatArray],
    lowest: FloatArray,
    best: FloatArray,
    unit: FloatArray,
    rise: float,
    floor: FloatArray | float = 0.0,
) -> FloatArray:
    """(F, 2) where a deviance that is `lowest` at `best` has risen by `rise`; `floor` where it never does below.

    Works on the signed root of the deviance, which is nearly linear, so that a few secant steps do.
    """
    target = np.sqrt(rise)

    def gap(candidate: FloatArray) -> FloatArray:
        return np.asarray(np.sqrt(np.maximum(value(candidate) - lowest, 0.0)) - target)

    start = np.zeros_like(best) + floor
    at_start = gap(start)
    excluded = at_start > 0
    # Where the start is inside the interval its root is not used; a positive gap keeps the steps between the ends.
    lower = _root(gap, best, start, -target * np.ones_like(best), np.where(excluded, at_start, target))
    lower = np.where(excluded, lower, start)
    near, far = best, np.maximum(1.5 * best, best + unit)
    at_near, at_far = -target * np.ones_like(best), gap(far)
    for _ in range(60):
        short = at_far <= 0
        if not short.any():
            break
        near, at_near = np.where(short, far, near), np.where(short, at_far, at_near)
        far = np.where(short, best + 2 * (far - best), far)
        at_far = gap(far)
    return np.stack([lower, _root(gap, near, far, at_near, at_far)], axis=1)


def _root(
    gap: Callable[[FloatArray], FloatArray],
    inside: FloatArray,
    outside: FloatArray,
    at_inside: FloatArray,
    at_outside: FloatArray,
) -> FloatArray:
    """(F,) root between points where the gap is negative and positive (regula falsi, Illinois variant)."""
    middle = (inside + outside) / 2
    for _ in range(50):
        with np.errstate(divide="ignore", invalid="ignore"):
            middle = outside - at_outside * (outside - inside) / (at_outside - at_inside)
        middle = np.where(np.isfinite(middle), middle, (inside + outside) / 2)
        found = gap(middle)
        if np.all(
            (np.abs(found) < ZETA * 0.1) | (np.abs(outside - inside) <= 1e-10 * np.abs(outside)) | (at_outside <= 0)
        ):
            break
        above = found > 0
        # Halving the value at the end that stays keeps the steps from creeping up on one side.
        at_inside = np.where(above, at_inside / 2, found)
        at_outside = np.where(above, found, at_outside / 2)
        outside, inside = np.where(above, middle, outside), np.where(above, inside, middle)
    return np.asarray(middle)
