"""Profile-likelihood intervals of models with several random terms: variances, their correlations, the residual.

As in `intervals.py`, an interval holds every value whose best deviance lies within the chi-square(1) quantile of the
minimum. To hold one quantity fixed, the terms are ordered so that it is an element of a Cholesky factor L of D = LL':
a variance is L_11 squared with its term first; a correlation r of the first two terms is L_21 = r t, L_22 =
sqrt(1 - r^2) t; the residual variance stands apart. All other elements are free and unbounded, so that a singular D is
an ordinary inner point of the search (L-BFGS-B with the exact gradient).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from qa_reports.effects.distributions import chi2_isf
from qa_reports.effects.intervals import ZETA, Interval
from qa_reports.effects.likelihood import problem, profile
from qa_reports.effects.mixed_model import MixedModelFits, back_transform
from qa_reports.effects.moments import Moments

FloatArray = NDArray[np.float64]

_OFF_THE_BOUNDARY = 0.05
"""Smallest diagonal element of a starting factor, in the components' own units: a zero column could not grow."""


@dataclass(frozen=True, slots=True)
class JointIntervals:
    """95 % profile intervals of q random terms and the residual variance, user's units."""

    variances: tuple[Interval, ...]
    """(q,) in the order of the terms."""
    correlations: tuple[tuple[int, int, Interval], ...]
    """(term, term, interval), positions of the terms."""
    residual: Interval


def joint_intervals(
    moments: Moments, random: tuple[int, ...], fits: MixedModelFits, f: int, level: float = 0.95
) -> JointIntervals | None:
    """Profile intervals of fit f, the intercept taken where the predictors are 0.

    None where the fit failed, and where x = 0 lies more than a thousand standard deviations from the data: an
    intercept out there is determined by the slopes alone.
    """
    if fits.status[f] == "failed":
        return None
    away = np.abs(moments.centre[f, list(random)]) > 1e3 * moments.scale[f, list(random)]
    if 0 in random and away.any():
        return None
    surface = _Surface(moments, random, fits, f)
    rise, q = float(np.sqrt(chi2_isf(1 - level, 1))), len(random)
    pairs = [(k, m) for k in range(q) for m in range(k + 1, q)]
    return JointIntervals(
        variances=tuple(_squared(_interval(surface.variance(k), surface.lowest, rise)) for k in range(q)),
        correlations=tuple((k, m, _interval(surface.correlation(k, m), surface.lowest, rise)) for k, m in pairs),
        residual=_squared(_interval(surface.residual(), surface.lowest, rise)),
    )


def _squared(interval: Interval) -> Interval:
    return Interval(interval.lower**2, interval.upper**2)


@dataclass(frozen=True, slots=True, eq=False)
class _Target:
    """One quantity to be profiled, in `unit`s: its estimate, its bounds, and the deviance with it held."""

    best: float
    low: float
    high: float
    unit: float
    start: FloatArray
    """(k,) the other parameters at the estimate."""
    deviance: Callable[[float, FloatArray], tuple[float, FloatArray]]
    """(value, other parameters) -> deviance and its gradient in the other parameters."""


class _Surface:
    """The deviance of one model over D = LL' and the residual sd s, both in units that make the estimates one."""

    def __init__(self, moments: Moments, random: tuple[int, ...], fits: MixedModelFits, f: int) -> None:
        q = len(random)
        self.setup = problem(moments.of([f]), random, fits.method)
        sd_y = float(self.setup.moments.scale[0, -1])
        to_users = back_transform(self.setup.moments)[0][np.ix_(random, random)] * sd_y
        residual = float(np.sqrt(fits.residual_variance[f]))
        sd = np.sqrt(np.diag(fits.covariance[f]))
        # A term without variance has no scale of its own: a third of what one residual sd means.
        fallback = residual / 3 / np.maximum(self.setup.moments.scale[0, list(random)], 1e-300)
        self.unit = np.where(sd > 1e-6 * fallback, sd, fallback)
        self.residual_unit = residual
        self.inside = np.linalg.inv(to_users) * self.unit
        self.residual_inside = (residual / sd_y) ** 2
        self.covariance = fits.covariance[f] / np.outer(self.unit, self.unit)
        self.lower = np.tril_indices(q)
        values, vectors = np.linalg.eigh(self.covariance)  # any root will do, and perfect correlations have no other
        self.lowest = self.deviance(vectors * np.sqrt(np.maximum(values, 0.0)), 1.0, np.arange(q))[0]

    def deviance(self, factor: FloatArray, s: float, order: NDArray[np.int64]) -> tuple[float, FloatArray, float]:
        """Deviance, its gradient in the factor (q, q) and in s; row k of the factor belongs to term order[k]."""
        root = np.empty_like(factor)
        root[order] = factor
        root = self.inside @ root
        s2 = s * s * self.residual_inside
        relative = root @ root.T / s2
        here = profile(self.setup, relative[None, None], second=False)
        m, r2 = float(here.m[0, 0]), float(here.r2[0, 0])
        value = float(here.penalty[0, 0]) + m * np.log(2 * np.pi * s2) + r2 / s2
        by_element = here.penalty_gradient[0, 0] + here.r2_gradient[0, 0] / s2
        rows, columns = self.lower
        g = np.zeros_like(relative)
        g[rows, columns] = by_element * np.where(rows == columns, 1.0, 0.5)
        g = g + np.tril(g, -1).T
        by_factor = (2 * self.inside.T @ g @ root / s2)[order]
        by_s2 = (m - r2 / s2) / s2 - float((g * relative).sum()) / s2
        return value, by_factor, by_s2 * 2 * s * self.residual_inside

    def variance(self, k: int) -> _Target:
        """The sd of term k: element (0, 0) of the factor with the term first."""
        order = np.array([k, *(other for other in range(len(self.unit)) if other != k)])
        free = np.ones(len(self.lower[0]), dtype=bool)
        free[0] = False

        def at(value: float, rest: FloatArray) -> tuple[float, FloatArray]:
            found, by_factor, by_s = self.deviance(self._filled(rest[:-1], free, value), float(rest[-1]), order)
            return found, np.append(by_factor[self.lower][free], by_s)

        best = float(np.sqrt(self.covariance[k, k]))
        start = np.append(self._factor(order)[self.lower][free], 1.0)
        return _Target(best, 0.0, np.inf, float(self.unit[k]), start, at)

    def correlation(self, k: int, m: int) -> _Target:
        """The correlation r of terms k and m: the second row of the factor is t (r, sqrt(1 - r^2))."""
        order = np.array([k, m, *(other for other in range(len(self.unit)) if other not in (k, m))])
        factor = self._factor(order)
        free = np.ones(len(self.lower[0]), dtype=bool)
        free[1:3] = False

        def at(value: float, rest: FloatArray) -> tuple[float, FloatArray]:
            row = np.array([value, np.sqrt(max(0.0, 1 - value * value))])
            filled = self._filled(rest[:-2], free, 0.0)
            filled[1, :2] = rest[-2] * row
            found, by_factor, by_s = self.deviance(filled, float(rest[-1]), order)
            return found, np.concatenate([by_factor[self.lower][free], [by_factor[1, :2] @ row, by_s]])

        product = np.sqrt(self.covariance[k, k] * self.covariance[m, m])
        best = float(np.clip(self.covariance[k, m] / product, -1, 1)) if product > 0 else 0.0
        start = np.concatenate([factor[self.lower][free], [np.linalg.norm(factor[1, :2]), 1.0]])
        return _Target(best, -1.0, 1.0, 1.0, start, at)

    def residual(self) -> _Target:
        """The residual sd; the whole factor is free."""
        order = np.arange(len(self.unit))
        free = np.ones(len(self.lower[0]), dtype=bool)

        def at(value: float, rest: FloatArray) -> tuple[float, FloatArray]:
            found, by_factor, _ = self.deviance(self._filled(rest, free, 0.0), value, order)
            return found, by_factor[self.lower]

        # A residual variance of zero is impossible; a thousandth of the estimate is low enough to stop at.
        return _Target(1.0, 1e-3, np.inf, self.residual_unit, self._factor(order)[self.lower], at)

    def _factor(self, order: NDArray[np.int64]) -> FloatArray:
        """(q, q) a factor of the estimate in this order of terms, moved off the boundary."""
        values, vectors = np.linalg.eigh(self.covariance[np.ix_(order, order)])
        root = vectors * np.sqrt(np.maximum(values, _OFF_THE_BOUNDARY**2))
        factor = np.linalg.qr(root.T).R.T
        return np.asarray(factor * np.where(np.diag(factor) < 0, -1.0, 1.0))

    def _filled(self, free_elements: FloatArray, free: NDArray[np.bool_], first: float) -> FloatArray:
        q = len(self.unit)
        elements = np.zeros(len(free))
        elements[free] = free_elements
        elements[0] = elements[0] if free[0] else first
        factor = np.zeros((q, q))
        factor[self.lower] = elements
        return factor


def _interval(target: _Target, lowest: float, rise: float) -> Interval:
    """Where the signed root of the deviance above its minimum `lowest` is -rise and +rise."""
    profiled = _Profile(target, lowest)
    return Interval(profiled.side(rise, -1) * target.unit, profiled.side(rise, 1) * target.unit)


class _Profile:
    """The best deviance of one quantity as a function of its value.

    The search over the other parameters runs in coordinates in which the deviance at the estimate is a sphere, so that
    L-BFGS takes a handful of steps.
    """

    def __init__(self, target: _Target, lowest: float) -> None:
        self.target = target
        self.lowest = lowest
        size, h = len(target.start), 1e-3
        # At the estimate, or just off it where it lies at a bound and a column of the factor is empty.
        value = float(np.clip(target.best, target.low + 0.01, target.high - 0.01))
        differences = [
            (target.deviance(value, target.start + step)[1] - target.deviance(value, target.start - step)[1]) / (2 * h)
            for step in h * np.eye(size)
        ]
        values, vectors = np.linalg.eigh((np.array(differences) + np.array(differences).T) / 2)
        self.axes = vectors / np.sqrt(np.maximum(np.abs(values), 1e-3 * np.abs(values).max()))

    def least(self, value: float, start: FloatArray) -> tuple[float, FloatArray]:
        """Lowest deviance above the minimum with the quantity at `value`, and the other parameters there."""

        def at(place: FloatArray) -> tuple[float, FloatArray]:
            found, gradient = self.target.deviance(value, start + self.axes @ place)
            return found - self.lowest, self.axes.T @ gradient

        result = optimize.minimize(
            at, np.zeros(len(start)), jac=True, method="L-BFGS-B", options={"ftol": 1e-13, "gtol": 1e-3}
        )
        return float(result.fun), start + self.axes @ np.asarray(result.x)

    def side(self, rise: float, direction: int) -> float:
        """Secant steps on the root of the deviance, which is nearly linear in the quantity."""
        best, bound = self.target.best, self.target.low if direction < 0 else self.target.high
        inside, outside = (best, 0.0), (bound, np.inf)
        place, value = self.target.start, best + direction * 0.3
        for _ in range(40):
            value = float(np.clip(value, min(best, bound), max(best, bound)))
            # The other parameters move along nearly in proportion.
            ahead = 0.0 if inside[0] == best else (value - inside[0]) / (inside[0] - best)
            found, there = self.least(value, place + ahead * (place - self.target.start))
            zeta = float(np.sqrt(max(found, 0.0)))
            if abs(zeta - rise) < ZETA or (value == bound and zeta <= rise):
                break
            if zeta < rise:
                inside, place = (value, zeta), there
                slope = (value - best) / max(zeta, 1e-6)
                value = min(abs(rise * slope), 3 * abs(value - best)) * direction + best
            else:
                outside = (value, zeta)
                value = inside[0] + (rise - inside[1]) / (zeta - inside[1]) * (value - inside[0])
            if np.isfinite(outside[1]) and not min(inside[0], outside[0]) < value < max(inside[0], outside[0]):
                value = (inside[0] + outside[0]) / 2
        return value
