"""Profile-likelihood intervals of the intraclass correlation and the variances of models with one random term.

An interval holds every value of a quantity whose best deviance lies within the chi-square(1) quantile of the minimum;
it respects the bounds 0 and +-1 and needs no standard error (Bates et al. 2015, section 5.1). All on the moments.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.effects.distributions import chi2_isf
from qa_reports.effects.likelihood import penalty_and_r2, profile
from qa_reports.effects.mixed_model import MixedModelFits
from qa_reports.effects.moments import Moments
from qa_reports.effects.problem import Problem, problem

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

ZETA = 1e-5
"""Precision of the signed root of the deviance at the end of a joint interval."""
_PRECISION = 1e-7
"""The same for one random term, before a last step that squares what is left."""
_SETTLED = 1e-9
"""Fall of the deviance that the other parameter still promises (twice), at which it is at its best."""
_MOST_STEPS = 80
_LONGEST = 1.5
"""Longest step of the logarithm of the free parameter."""
_FURTHEST = 4.0
"""How many times as far from the estimate as before an end is looked for at once."""


class Interval(Struct, frozen=True):
    """A confidence interval; `lower` is 0 (or -1 for a correlation) where the data do not exclude the bound."""

    lower: float
    upper: float


def interval_of(bounds: FloatArray) -> Interval:
    """The interval between two bounds (2,)."""
    return Interval(float(bounds[0]), float(bounds[1]))


def icc_intervals(moments: Moments, fits: MixedModelFits, level: float = 0.95) -> FloatArray:
    """(F, 2) profile intervals of Var(u)/(Var(u) + s2) of random-intercept models; NaN where the fit failed.

    The ICC is d/(1 + d) with d = Var(u)/s2, the very parameter of the profiled deviance.
    """
    bounds = np.full((len(fits.status), 2), np.nan)
    usable = [f for f, status in enumerate(fits.status) if status != "failed"]
    if usable:
        ratio = _ends(moments.of(usable), 0, fits, usable, (_RATIO,), level)[:, 0]
        bounds[usable] = ratio / (1 + ratio)
    return bounds


def single_term_intervals(
    moments: Moments, term: int, fits: MixedModelFits, level: float = 0.95
) -> tuple[FloatArray, FloatArray]:
    """(F, 2) profile intervals of the variance of the only random term and of the residual variance, user's units.

    `term` is the fixed column with the random term: 0 for an intercept.
    """
    bounds = np.full((2, len(fits.status), 2), np.nan)
    usable = [f for f, status in enumerate(fits.status) if status != "failed"]
    if usable:
        chosen = moments.of(usable)
        ends = _ends(chosen, term, fits, usable, (_BETWEEN, _RESIDUAL), level)
        unit = chosen.scale[:, -1] ** 2
        bounds[0, usable] = ends[:, 0] * (unit / chosen.scale[:, term] ** 2)[:, None]
        bounds[1, usable] = ends[:, 1] * unit[:, None]
    return bounds[0], bounds[1]


class _Quantity(Struct, frozen=True):
    """A quantity in the plane of (log d, log s2): log q grows by one along `move` and stays along `free`."""

    move: tuple[int, int]
    free: tuple[int, int]


_RATIO = _Quantity((1, 0), (0, 1))
"""d = Var(u)/s2; s2 is free."""
_BETWEEN = _Quantity((1, 0), (-1, 1))
"""Var(u) = d s2; s2 is free, which hardly moves with it."""
_RESIDUAL = _Quantity((0, 1), (1, 0))
"""s2; d is free."""


class _Search(Struct, frozen=True, eq=False):
    """The ends of F fits that are looked for, K = 2 x quantities: first the lower one of each, then the upper one."""

    setup: Problem
    move: FloatArray
    """(K, 2)."""
    free: FloatArray
    """(K, 2)."""
    upper: BoolArray
    """(K,)."""
    wanted: BoolArray
    """(F, K) False: the data do not exclude the bound, 0."""
    lowest: FloatArray
    """(F, 1) the deviance at the estimates."""
    best: FloatArray
    """(F, K) the estimates."""
    value: FloatArray
    """(F, K) first guess of the ends."""
    x: FloatArray
    """(F, K) first guess of the free parameter, log s2 or log d."""
    floor: FloatArray
    """(F, K) the least it may be."""


def _ends(
    moments: Moments,
    term: int,
    fits: MixedModelFits,
    usable: list[int],
    quantities: tuple[_Quantity, ...],
    level: float,
) -> FloatArray:
    """(F, quantities, 2) where the best deviance has risen by the quantile, standardised scale; 0 where it never does.

    With d and s2 both free the deviance is penalty(d) + m log(2 pi s2) + r2(d)/s2.
    """
    setup = problem(moments, (term,), fits.method)
    s2 = fits.residual_variance[usable] / moments.scale[:, -1] ** 2
    target = float(np.sqrt(chi2_isf(1 - level, 1)))
    search = _begin(setup, fits.relative[usable, 0, 0], s2, quantities, target)
    return _reach(search, target).reshape(len(usable), len(quantities), 2)


def _begin(setup: Problem, d: FloatArray, s2: FloatArray, quantities: tuple[_Quantity, ...], target: float) -> _Search:
    """From the estimates d and s2 (F,), s2 on the standardised scale."""
    m, workload = setup.m, setup.workload[..., 0]
    lowest = _deviance(*penalty_and_r2(setup, d[:, None, None, None]), m, s2[:, None])
    # Without the random term the residual variance is r2/m: how far the deviance has risen at the bound.
    penalty, r2 = penalty_and_r2(setup, np.zeros((len(d), 1, 1, 1)))
    at_bound = np.sqrt(np.maximum(_deviance(penalty, r2, m, r2 / m) - lowest, 0.0))
    scale = 1 / workload[:, 0]
    sizes = {_RATIO: (d, scale), _BETWEEN: (d * s2, s2 * scale), _RESIDUAL: (s2, s2)}
    best, unit = (np.repeat(np.stack([sizes[q][k] for q in quantities], axis=1), 2, axis=1) for k in (0, 1))
    upper = np.tile([False, True], len(quantities))
    bounded = np.repeat([quantity is not _RESIDUAL for quantity in quantities], 2)
    # A lower end lies where a line from the estimate to the bound says, the residual's ends where its standard error
    # says.
    with np.errstate(divide="ignore"):
        line = best * np.maximum(1 - target / at_bound, 0.05)
    onwards = np.maximum(1.5 * best, best + unit)
    normal = best * np.exp(np.where(upper, target, -target) * np.sqrt(2 / m))
    value = np.where(bounded, np.where(upper, onwards, line), normal)
    move, free = (
        np.repeat(np.array(directions, dtype=float), 2, axis=0)
        for directions in ([q.move for q in quantities], [q.free for q in quantities])
    )
    d_is_free = free[:, 1] == 0
    return _Search(
        setup=setup,
        move=move,
        free=free,
        upper=upper,
        wanted=upper | ~bounded | (at_bound > target),
        lowest=lowest,
        best=best,
        value=np.maximum(value, 1e-9 * unit),
        x=np.where(d_is_free, np.log(np.maximum(d[:, None], 1e-2 / workload)), np.log(s2)[:, None]),
        floor=np.where(d_is_free, np.log(1e-8 / workload), -np.inf),
    )


def _reach(search: _Search, target: float) -> FloatArray:
    """(F, K) where the root of the deviance's rise is `target`.

    As Venzon & Moolgavkar (1988, Appl. Stat. 37), a Newton step for the quantity and one for the free parameter, both
    at a time: for the quantity on the root, which is nearly linear in it. It is held between the last place inside the
    interval and the last one outside.
    """
    move, free, upper, best = search.move, search.free, search.upper, search.best
    value, x, done = search.value, search.x, ~search.wanted
    inner, outer = best, np.where(upper, np.inf, 0.0) + np.zeros_like(best)
    for _ in range(_MOST_STEPS):
        log_d, log_s2 = (np.log(value) * move[:, k] + x * free[:, k] for k in (0, 1))
        deviance, gradient, hessian = _derivatives(search.setup, log_d, log_s2)
        along, across = ((gradient * direction).sum(-1) for direction in (move, free))
        turned = (hessian @ free[:, :, None])[..., 0]
        mixed, curvature = ((turned * direction).sum(-1) for direction in (move, free))
        bend = np.maximum(np.abs(curvature), 1e-12)
        step = np.clip(-across / bend, -_LONGEST, _LONGEST)
        settled = (np.abs(across * step) < _SETTLED) | (x + step < search.floor)
        # What the deviance will be, and how it goes with the quantity, once the free parameter is at its best.
        fall = np.where(curvature > 0, across * step / 2, 0.0)
        zeta = np.sqrt(np.maximum(deviance + fall - search.lowest, 0.0))
        arrived = settled & (np.abs(zeta - target) < _PRECISION)
        outside = zeta > target
        near, far = np.where(outside, inner, value), np.where(outside, value, outer)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            proposed = value + (target - zeta) * 2 * zeta * value / (along - mixed * across / bend)
        proposed = np.where(upper, np.minimum(proposed, best + _FURTHEST * (value - best)), proposed)
        between = (proposed > np.minimum(near, far)) & (proposed < np.maximum(near, far))
        halfway = np.where(np.isfinite(far), (near + far) / 2, best + 2 * (value - best))
        proposed = np.where(between, proposed, np.where(arrived, value, halfway))
        # The free parameter moves along with the quantity.
        along_with = np.clip(mixed / bend * np.log(proposed / value), -_LONGEST, _LONGEST)
        x = np.where(done, x, np.maximum(x + step - along_with, search.floor))
        value = np.where(done, value, proposed)
        inner, outer = np.where(settled, near, inner), np.where(settled, far, outer)
        done = done | arrived | (np.abs(outer - inner) <= 1e-12 * value)
        if done.all():
            break
    return np.where(search.wanted, value, 0.0)


def _deviance(penalty: FloatArray, r2: FloatArray, m: FloatArray, s2: FloatArray) -> FloatArray:
    """At a residual variance that need not be the best one, inside scale."""
    return np.asarray(penalty + m * np.log(2 * np.pi * s2) + r2 / s2)


def _derivatives(setup: Problem, log_d: FloatArray, log_s2: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The deviance (F, K), its gradient (F, K, 2) and its Hessian (F, K, 2, 2) in (log d, log s2)."""
    d, s2 = np.exp(log_d), np.exp(log_s2)
    here = profile(setup, d[..., None, None])
    r2, r2_1, r2_2 = here.r2 / s2, d * here.r2_gradient[..., 0] / s2, d**2 * here.r2_hessian[..., 0, 0] / s2
    by_d = d * here.penalty_gradient[..., 0] + r2_1
    hessian = np.empty((*d.shape, 2, 2))
    hessian[..., 0, 0] = by_d + d**2 * here.penalty_hessian[..., 0, 0] + r2_2
    hessian[..., 0, 1] = hessian[..., 1, 0] = -r2_1
    hessian[..., 1, 1] = r2
    return _deviance(here.penalty, here.r2, setup.m, s2), np.stack([by_d, setup.m - r2], axis=-1), hessian
