"""Profile-likelihood intervals of variance components, the intraclass correlation and the correlation of two terms.

An interval holds every value of a quantity whose best deviance lies within the chi-square(1) quantile of the minimum;
it respects the bounds 0 and +-1 and needs no standard error (Bates et al. 2015, section 5.1). All on the moments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from qa_reports.effects.likelihood import Method, Problem, deviance, penalty_and_r2, problem, profile
from qa_reports.effects.mixed_model import MixedModelFits, back_transform
from qa_reports.effects.moments import Moments

FloatArray = NDArray[np.float64]

_HALVINGS = 26
"""Of the distance from the estimate: 1e-8 of it."""
_SECTIONS = 34
"""Golden sections of a range of e^7: 1e-6 of a parameter, hence 1e-11 of a deviance."""
_ZETA = 1e-5
"""Precision of the signed root of the deviance at the end of an interval."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval; `lower` is 0 (or -1 for a correlation) where the data do not exclude the bound."""

    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class ComponentIntervals:
    """Profile intervals of variance components (and the correlation), user's units; None where there is none."""

    intercept: Interval
    slope: Interval | None
    correlation: Interval | None
    residual: Interval


def icc_intervals(moments: Moments, fits: MixedModelFits, level: float = 0.95) -> FloatArray:
    """(F, 2) profile intervals of Var(u)/(Var(u) + s2) of random-intercept models; NaN where the fit failed.

    The ICC is d/(1 + d) with d = Var(u)/s2, the very parameter of the profiled deviance.
    """
    bounds = np.full((len(fits.status), 2), np.nan)
    usable = [f for f, status in enumerate(fits.status) if status != "failed"]
    if not usable:
        return bounds
    setup = _problem(moments, usable, (0,), fits.method)
    d = fits.relative[usable, 0, 0]
    workload = setup.n[:, 0] / (setup.moments.n > 0).sum(1)

    def excess(candidate: FloatArray) -> FloatArray:
        return deviance(setup, candidate[:, None, None, None])[:, 0]

    limit = excess(d) + stats.chi2.ppf(level, 1)
    interval = _cross(excess, limit, d, 1 / workload)
    bounds[usable] = interval / (1 + interval)
    return bounds


def intercept_intervals(moments: Moments, fits: MixedModelFits, level: float = 0.95) -> tuple[FloatArray, FloatArray]:
    """(F, 2) profile intervals of the intercept variance and of the residual variance, user's units squared.

    With Var(u) = V fixed the deviance is minimised over d = V/s2, with s2 fixed over d; both have one dimension.
    """
    between, residual = (np.full((len(fits.status), 2), np.nan) for _ in range(2))
    usable = [f for f, status in enumerate(fits.status) if status != "failed"]
    if not usable:
        return between, residual
    setup = _problem(moments, usable, (0,), fits.method)
    unit = setup.moments.scale[:, -1] ** 2
    variance, s2 = fits.covariance[usable, 0, 0] / unit, fits.residual_variance[usable] / unit
    d = fits.relative[usable, 0, 0]
    limit = _deviance_at(setup, d, s2) + stats.chi2.ppf(level, 1)
    workload = setup.n[:, 0] / (setup.moments.n > 0).sum(1)

    def with_variance(v: FloatArray) -> FloatArray:
        zero = v <= 0
        best = _minimise_over(lambda ratio: _deviance_at(setup, np.where(zero, 0.0, v / ratio), ratio), s2)
        return np.asarray(best)

    def with_residual(value: FloatArray) -> FloatArray:
        start = np.maximum(d, 1e-3 / workload)
        inner = _minimise_over(lambda ratio: _deviance_at(setup, ratio, value), start, widest=1e3)
        return np.minimum(inner, _deviance_at(setup, np.zeros_like(d), value))

    between[usable] = _cross(with_variance, limit, variance, s2 / workload) * unit[:, None]
    # A residual variance of zero is impossible; a millionth of the estimate is as good a lower end.
    residual[usable] = _cross(with_residual, limit, s2, s2, floor=1e-6 * s2) * unit[:, None]
    return between, residual


def _problem(moments: Moments, usable: list[int], random: tuple[int, ...], method: Method) -> Problem:
    chosen = Moments(moments.cross[usable], moments.n[usable], moments.centre[usable], moments.scale[usable])
    return problem(chosen, random, method)


def _deviance_at(setup: Problem, d: FloatArray, s2: FloatArray) -> FloatArray:
    """(F,) deviance at a relative variance and a residual variance that need not be the best one, inside scale."""
    penalty, r2 = penalty_and_r2(setup, d[:, None, None, None])
    return np.asarray(penalty[:, 0] + setup.m[:, 0] * np.log(2 * np.pi * s2) + r2[:, 0] / s2)


def _minimise_over(value: Callable[[FloatArray], FloatArray], start: FloatArray, widest: float = 30.0) -> FloatArray:
    """(F,) minima over one positive number each, by golden sections of its logarithm around `start`."""
    golden = (np.sqrt(5) - 1) / 2
    low, high = np.log(start) - np.log(widest), np.log(start) + np.log(widest)
    left, right = high - golden * (high - low), low + golden * (high - low)
    at_left, at_right = value(np.exp(left)), value(np.exp(right))
    for _ in range(_SECTIONS):
        smaller = at_left < at_right
        low, high = np.where(smaller, low, left), np.where(smaller, right, high)
        new = np.where(smaller, high - golden * (high - low), low + golden * (high - low))
        at_new = value(np.exp(new))
        left, right = np.where(smaller, new, right), np.where(smaller, left, new)
        at_left, at_right = np.where(smaller, at_new, at_right), np.where(smaller, at_left, at_new)
    return np.minimum(at_left, at_right)


def _cross(
    value: Callable[[FloatArray], FloatArray],
    limit: FloatArray,
    best: FloatArray,
    unit: FloatArray,
    floor: FloatArray | float = 0.0,
) -> FloatArray:
    """(F, 2) where a function that is lowest at `best` crosses `limit`, from `floor` up; `floor` if it never does."""
    start = np.zeros_like(best) + floor
    excluded = value(start) > limit
    lower = np.where(excluded, _bisect(value, limit, start, best), start)
    far = np.maximum(best, unit)
    for _ in range(60):
        inside = value(far) <= limit
        if not inside.any():
            break
        far = np.where(inside, 3 * far, far)
    return np.stack([lower, _bisect(value, limit, far, best)], axis=1)


def _bisect(
    value: Callable[[FloatArray], FloatArray],
    limit: FloatArray,
    outside: FloatArray,
    inside: FloatArray,
) -> FloatArray:
    """(F,) the crossing between a point above the limit and one below it."""
    for _ in range(_HALVINGS):
        middle = (outside + inside) / 2
        above = value(middle) > limit
        outside, inside = np.where(above, middle, outside), np.where(above, inside, middle)
    return np.asarray((outside + inside) / 2)


def slope_intervals(moments: Moments, fits: MixedModelFits, f: int, level: float = 0.95) -> ComponentIntervals | None:
    """Profile intervals of one model with (1 + x | interviewer), the intercept where x = 0; None where it failed.

    The other parameters are re-estimated at every value of the one in question (sds a, b, correlation r, residual
    sd s; L-BFGS-B with the exact gradient).
    """
    if fits.status[f] == "failed" or fits.covariance.shape[-1] != 2:
        return None
    surface = _Surface(moments, fits, f)
    limit = surface.lowest + stats.chi2.ppf(level, 1)
    a, b, r, s = (surface.interval(k, limit) for k in range(4))
    return ComponentIntervals(_squared(a), _squared(b), r, _squared(s))


def _squared(interval: Interval) -> Interval:
    return Interval(interval.lower**2, interval.upper**2)


class _Surface:
    """The deviance of one intercept-and-slope model over (sd of intercept, sd of slope, correlation, residual sd).

    Parameters are in units of `unit`, so that the optimiser sees numbers of size one.
    """

    def __init__(self, moments: Moments, fits: MixedModelFits, f: int) -> None:
        random = (0, 1)
        self.setup = _problem(moments, [f], random, fits.method)
        k = back_transform(self.setup.moments)[0][np.ix_(random, random)] * self.setup.moments.scale[0, -1]
        self.to_inside = np.linalg.inv(k)
        self.residual_unit = self.setup.moments.scale[0, -1]
        d = fits.covariance[f]
        sd = np.sqrt(np.diag(d))
        residual = float(np.sqrt(fits.residual_variance[f]))
        # A term without variance has no scale of its own: what one residual sd means at the mean workload.
        fallback = residual * np.array([1.0, 1.0 / max(self.setup.moments.scale[0, 1], 1e-300)]) / 3
        self.unit = np.array([*np.where(sd > 1e-6 * fallback, sd, fallback), 1.0, residual])
        correlation = d[0, 1] / (sd[0] * sd[1]) if sd.all() else 0.0
        self.best = np.array([*(sd / self.unit[:2]), np.clip(correlation, -1, 1), 1.0])
        self.lowest = self.deviance(self.best)[0]

    def deviance(self, parameters: FloatArray) -> tuple[float, FloatArray]:
        """Deviance and its gradient in the scaled parameters."""
        a, b, r, s = parameters * self.unit
        root = np.array([[a * a, r * a * b], [r * a * b, b * b]])
        s2 = (s / self.residual_unit) ** 2
        inside = self.to_inside @ root @ self.to_inside.T
        here = profile(self.setup, (inside / s2)[None, None], second=False)
        m, r2 = float(here.m[0, 0]), float(here.r2[0, 0])
        value = float(here.penalty[0, 0]) + m * np.log(2 * np.pi * s2) + r2 / s2
        d_gradient = here.penalty_gradient[0, 0] + here.r2_gradient[0, 0] / s2
        g = np.array([[d_gradient[0], d_gradient[1] / 2], [d_gradient[1] / 2, d_gradient[2]]])
        outer = self.to_inside.T @ g @ self.to_inside / s2
        by_s2 = (m - r2 / s2) / s2 - float((g * inside).sum()) / s2**2
        gradient = np.array(
            [
                2 * (outer[0, 0] * a + outer[0, 1] * r * b),
                2 * (outer[1, 1] * b + outer[0, 1] * r * a),
                2 * outer[0, 1] * a * b,
                by_s2 * 2 * s / self.residual_unit**2,
            ]
        )
        return value, gradient * self.unit

    def profiled(self, k: int, value: float, start: FloatArray) -> tuple[float, FloatArray]:
        """Lowest deviance with parameter k held at `value`, and where."""
        free = [position for position in range(4) if position != k]
        bounds = [((0.0, None), (0.0, None), (-1.0, 1.0), (1e-3, None))[position] for position in free]

        def at(rest: FloatArray) -> tuple[float, FloatArray]:
            parameters = np.insert(rest, k, value)
            found, gradient = self.deviance(parameters)
            return found, gradient[free]

        result = optimize.minimize(
            at, start[free], jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-13, "gtol": 1e-7}
        )
        return float(result.fun), np.insert(result.x, k, value)

    def interval(self, k: int, limit: float) -> Interval:
        """Where the profiled deviance of parameter k crosses the limit on both sides of its estimate."""
        floor, ceiling = (-1.0, 1.0) if k == 2 else (0.0, np.inf)
        return Interval(
            float(self._side(k, limit, floor, -1) * self.unit[k]),
            float(self._side(k, limit, ceiling, 1) * self.unit[k]),
        )

    def _side(self, k: int, limit: float, bound: float, direction: int) -> float:
        """Secant steps on the signed root of the deviance, which is nearly linear in the parameter."""
        target, best = float(np.sqrt(limit - self.lowest)), float(self.best[k])
        inside, outside = (best, 0.0), (bound, np.inf)
        place, value = self.best, best + direction * 0.3
        for _ in range(40):
            value = float(np.clip(value, min(best, bound), max(best, bound)))
            found, there = self.profiled(k, value, place)
            zeta = float(np.sqrt(max(found - self.lowest, 0.0)))
            if abs(zeta - target) < _ZETA or (value == bound and zeta <= target):
                break
            if zeta < target:
                inside, place = (value, zeta), there
                slope = (value - best) / max(zeta, 1e-6)
                value = min(abs(target * slope), 3 * abs(value - best)) * direction + best
            else:
                outside = (value, zeta)
                value = inside[0] + (target - inside[1]) / (zeta - inside[1]) * (value - inside[0])
            if np.isfinite(outside[1]) and not min(inside[0], outside[0]) < value < max(inside[0], outside[0]):
                value = (inside[0] + outside[0]) / 2
        return value
