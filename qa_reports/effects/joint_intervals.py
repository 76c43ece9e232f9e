"""Profile-likelihood intervals of models with several random terms: variances, their correlations, the residual.

As in `intervals.py`, an interval holds every value whose best deviance lies within the chi-square(1) quantile of the
minimum. To hold one quantity fixed, the terms are ordered so that it is an element of a Cholesky factor L of D = LL':
a variance is L_11 squared with its term first; a correlation v of the first two terms is L_21 = v t, L_22 =
sqrt(1 - v^2) t; the residual variance stands apart. All other elements are free and unbounded, so that a singular D is
an ordinary inner point of the search (Newton steps with exact derivatives). All ends of all intervals are looked for
side by side.

Sizes: B ends of intervals, q random terms, r = q(q+1)/2 elements of L.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.effects.distributions import chi2_isf
from qa_reports.effects.intervals import ZETA, Interval
from qa_reports.effects.likelihood import penalty_and_r2, profile
from qa_reports.effects.mixed_model import MixedModelFits, back_transform
from qa_reports.effects.moments import Moments
from qa_reports.effects.optimise import newton_step
from qa_reports.effects.problem import lower_triangle, problem

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_OFF_THE_BOUNDARY = 0.05
"""Smallest diagonal element of a factor that a search starts from, in the components' own units: a zero column could
not grow."""
_SMALL = 1e-6
"""Fall of the deviance that a Newton step promises, at which the other parameters are at their best."""


class JointIntervals(Struct, frozen=True):
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
    q = len(random)
    pairs = [(k, m) for k in range(q) for m in range(k + 1, q)]
    targets = [surface.variance(k) for k in range(q)]
    targets += [surface.correlation(k, m) for k, m in pairs]
    targets.append(surface.residual())
    ends = _Ends(surface, targets).reach(float(np.sqrt(chi2_isf(1 - level, 1))))
    for place, pair in enumerate(pairs, start=q):
        if (ends[list(pair), 0] == 0).any():  # without a variance every correlation is as good
            ends[place] = -1.0, 1.0
    intervals = [Interval(low * t.unit, high * t.unit) for t, (low, high) in zip(targets, ends.tolist(), strict=True)]
    return JointIntervals(
        variances=tuple(map(_squared, intervals[:q])),
        correlations=tuple((k, m, interval) for (k, m), interval in zip(pairs, intervals[q:-1], strict=True)),
        residual=_squared(intervals[-1]),
    )


def _squared(interval: Interval) -> Interval:
    return Interval(interval.lower**2, interval.upper**2)


class _Target(Struct, frozen=True, eq=False):
    """One quantity to be profiled, in `unit`s: its estimate, its bounds, and how the other parameters are free.

    All parameters are (elements of L, residual sd s) with L's rows in this order of terms.
    """

    best: float
    low: float
    high: float
    unit: float
    order: NDArray[np.int64]
    held: int | None
    """Which parameter is the quantity; None for a correlation."""
    start: FloatArray
    """(r + 1,) all parameters at the estimate, moved off the boundary."""


class _Surface:
    """The deviance of one model over D = LL' and the residual sd s, both in units that make the estimates one."""

    def __init__(self, moments: Moments, random: tuple[int, ...], fits: MixedModelFits, f: int) -> None:
        q = len(random)
        self.moments, self.random, self.method = moments.of([f]), random, fits.method
        sd_y = float(self.moments.scale[0, -1])
        to_users = back_transform(self.moments)[0][np.ix_(random, random)] * sd_y
        residual = float(np.sqrt(fits.residual_variance[f]))
        sd = np.sqrt(np.diag(fits.covariance[f]))
        # A term without variance has no scale of its own: a third of what one residual sd means.
        fallback = residual / 3 / np.maximum(self.moments.scale[0, list(random)], 1e-300)
        self.unit = np.where(sd > 1e-6 * fallback, sd, fallback)
        self.residual_unit = residual
        self.inside = np.linalg.inv(to_users) * self.unit
        self.residual_inside = (residual / sd_y) ** 2
        self.covariance = fits.covariance[f] / np.outer(self.unit, self.unit)
        self.rows, self.columns = lower_triangle(q)
        setup = problem(self.moments, random, fits.method)
        relative = self.inside @ self.covariance @ self.inside.T / self.residual_inside
        penalty, r2 = penalty_and_r2(setup, relative[None, None])
        self.lowest = float(
            penalty[0, 0] + setup.m[0, 0] * np.log(2 * np.pi * self.residual_inside) + r2[0, 0] / self.residual_inside
        )

    def variance(self, k: int) -> _Target:
        """The sd of term k: element (0, 0) of the factor with the term first."""
        order = np.array([k, *(other for other in range(len(self.unit)) if other != k)])
        best = float(np.sqrt(self.covariance[k, k]))
        return _Target(best, 0.0, np.inf, float(self.unit[k]), order, 0, self._start(order))

    def correlation(self, k: int, m: int) -> _Target:
        """The correlation of terms k and m: the second row of the factor is t (v, sqrt(1 - v^2))."""
        order = np.array([k, m, *(other for other in range(len(self.unit)) if other not in (k, m))])
        product = np.sqrt(self.covariance[k, k] * self.covariance[m, m])
        best = float(np.clip(self.covariance[k, m] / product, -1, 1)) if product > 0 else 0.0
        return _Target(best, -1.0, 1.0, 1.0, order, None, self._start(order))

    def residual(self) -> _Target:
        """The residual sd; the whole factor is free."""
        order = np.arange(len(self.unit))
        # A residual variance of zero is impossible; a thousandth of the estimate is low enough to stop at.
        return _Target(1.0, 1e-3, np.inf, self.residual_unit, order, len(self.rows), self._start(order))

    def _start(self, order: NDArray[np.int64]) -> FloatArray:
        values, vectors = np.linalg.eigh(self.covariance[np.ix_(order, order)])
        root = vectors * np.sqrt(np.maximum(values, _OFF_THE_BOUNDARY**2))
        factor = np.linalg.qr(root.T).R.T
        factor = factor * np.where(np.diag(factor) < 0, -1.0, 1.0)
        return np.append(factor[self.rows, self.columns], 1.0)


class _Slopes(Struct, frozen=True, eq=False):
    """How the lowest deviance at some values of the quantities goes with them."""

    first: FloatArray
    """(B,) its derivative."""
    second: FloatArray
    """(B,) its second derivative at the estimates, where the first one vanishes."""
    free: FloatArray
    """(B, r) the derivatives of the free parameters."""


class _Ends:
    """The lower and the upper ends of all targets, B = 2 x targets, as variants of one problem."""

    def __init__(self, surface: _Surface, targets: list[_Target]) -> None:
        self.surface = surface
        both = [target for target in targets for _ in range(2)]
        self.direction = np.tile([-1.0, 1.0], len(targets))
        self.best = np.array([t.best for t in both])
        self.bound = np.array([t.low if d < 0 else t.high for t, d in zip(both, self.direction, strict=True)])
        self.inside = np.stack([surface.inside[:, t.order] for t in both])
        self.held = np.array([-1 if t.held is None else t.held for t in both])
        self.start = np.stack([t.start for t in both])
        on_diagonal = np.append(surface.rows == surface.columns, False).astype(float)
        self.diagonal = self._free_part(np.tile(on_diagonal, (len(both), 1))) > 0
        b, j = len(both), surface.moments.n.shape[1]
        self.setup = problem(surface.moments, surface.random, surface.method, np.ones((1, b, j)))

    def _free(self, value: FloatArray) -> tuple[FloatArray, FloatArray]:
        """c (B, r+1) and M (B, r+1, r): all parameters are c + M x with r free ones x, the quantities at `value`."""
        b, size = self.start.shape
        c, m = np.zeros((b, size)), np.zeros((b, size, size - 1))
        for end, held in enumerate(self.held.tolist()):
            if held >= 0:
                c[end, held] = value[end]
                m[end] = np.delete(np.eye(size), held, axis=1)
            else:
                m[end] = np.delete(np.eye(size), 1, axis=1)
                m[end, 1:3, 1] = value[end], np.sqrt(max(0.0, 1 - value[end] ** 2))
        return c, m

    def _relative(self, parameters: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """N L (B, q, q) on the inside scale, D (B, q, q), and s2 (B,)."""
        surface = self.surface
        factor = np.zeros((len(parameters), len(surface.unit), len(surface.unit)))
        factor[:, surface.rows, surface.columns] = parameters[:, :-1]
        root = self.inside @ factor
        s2 = parameters[:, -1] ** 2 * surface.residual_inside
        return root, root @ np.swapaxes(root, 1, 2) / s2[:, None, None], s2

    def deviance(self, parameters: FloatArray) -> FloatArray:
        """(B,) above the minimum."""
        _, relative, s2 = self._relative(parameters)
        penalty, r2 = penalty_and_r2(self.setup, relative[None])
        return np.asarray(penalty[0] + self.setup.m[0] * np.log(2 * np.pi * s2) + r2[0] / s2 - self.surface.lowest)

    def derivatives(self, parameters: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Gradient (B, r+1) and Hessian (B, r+1, r+1) of the deviance in all parameters.

        With D = N LL'N'/s2 and F(D, s2) = penalty(D) + m log s2 + r2(D)/s2 by the chain rule; s2 is s^2 times a
        constant, so that d/ds of 1/s2 is -2/(s s2).
        """
        root, relative, s2 = self._relative(parameters)
        here = profile(self.setup, relative[None])
        rows, columns, s = self.surface.rows, self.surface.columns, parameters[:, -1]
        r2, r2_first = here.r2[0] / s2, here.r2_gradient[0] / s2[:, None]
        by_d = here.penalty_gradient[0] + r2_first
        curved = here.penalty_hessian[0] + here.r2_hessian[0] / s2[:, None, None]
        elements = relative[:, rows, columns]
        b, r = elements.shape
        # jacobian[:, a, k]: change of element a of D with element k = (i, j) of L, or with s.
        jacobian = np.empty((b, r, r + 1))
        for k, (i, j) in enumerate(zip(rows, columns, strict=True)):
            change = self.inside[:, :, i, None] * root[:, None, :, j]
            change = change + np.swapaxes(change, 1, 2)
            jacobian[..., k] = change[:, rows, columns] / s2[:, None]
        jacobian[..., r] = -2 * elements / s[:, None]
        gradient = np.einsum("bak,ba->bk", jacobian, by_d)
        hessian = np.swapaxes(jacobian, 1, 2) @ curved @ jacobian
        g = np.zeros_like(relative)
        g[:, rows, columns] = g[:, columns, rows] = by_d * np.where(rows == columns, 1.0, 0.5)
        g = np.swapaxes(self.inside, 1, 2) @ g @ self.inside / s2[:, None, None]
        same_column = columns[:, None] == columns[None, :]
        hessian[:, :r, :r] += 2 * same_column * g[:, rows[:, None], rows[None, :]]
        mixed = -2 / s[:, None] * np.einsum("bak,ba->bk", jacobian, r2_first)
        hessian[:, :, r] += mixed
        hessian[:, r] += mixed
        # d2D/dL ds is -2/s dD/dL, and d2D/ds2 is 6 D/s^2.
        by_s = -2 / s[:, None] * gradient[:, :r]
        hessian[:, :r, r] += by_s
        hessian[:, r, :r] += by_s
        m = self.setup.m[0]
        hessian[:, r, r] += (6 * np.einsum("ba,ba->b", by_d, elements) - 2 * m + 6 * r2) / s**2
        gradient[:, r] += 2 * (m - r2) / s
        return gradient, hessian

    def _moving(self, value: FloatArray, x: FloatArray) -> FloatArray:
        """(B, r+1) how all parameters move with the quantities, the free ones held."""
        moving = np.zeros_like(self.start)
        held, pairs = np.flatnonzero(self.held >= 0), np.flatnonzero(self.held < 0)
        moving[held, self.held[held]] = 1.0
        moving[pairs, 1], moving[pairs, 2] = x[pairs, 1], x[pairs, 1] * self._bend(value[pairs])
        return moving

    def _bend(self, correlation: FloatArray) -> FloatArray:
        """How sqrt(1 - v^2) moves with v."""
        return np.asarray(-correlation / np.sqrt(np.maximum(1 - correlation**2, 1e-12)))

    def _slopes(
        self, value: FloatArray, x: FloatArray, free: FloatArray, gradient: FloatArray, hessian: FloatArray
    ) -> _Slopes:
        """From the derivatives in all parameters near the best free ones `x`; `free` is M of `_free`."""
        moving, turned = self._moving(value, x), np.swapaxes(free, 1, 2)
        own = (hessian @ moving[..., None])[..., 0]
        mixed = (turned @ own[..., None])[..., 0]
        pairs = np.flatnonzero(self.held < 0)
        mixed[pairs, 1] += gradient[pairs, 1] + gradient[pairs, 2] * self._bend(value[pairs])
        inner = turned @ hessian @ free
        step, _ = newton_step((turned @ gradient[..., None])[..., 0], inner)
        along, _ = newton_step(mixed, inner)
        return _Slopes(
            first=(gradient * moving).sum(1) + (mixed * step).sum(1),
            second=(own * moving).sum(1) + (mixed * along).sum(1),
            free=along,
        )

    def least(self, value: FloatArray, x: FloatArray) -> tuple[FloatArray, FloatArray, _Slopes]:
        """Lowest deviance above the minimum (B,) with the quantities at `value`, the free parameters (B, r) there, and
        how both go with the quantities.

        Newton steps, halved until the deviance does not rise, from the free parameters `x`.
        """
        c, free = self._free(value)
        turned = np.swapaxes(free, 1, 2)

        def at(x: FloatArray) -> FloatArray:
            return self.deviance(c + (free @ x[..., None])[..., 0])

        now = at(x)
        for _ in range(60):
            gradient, hessian = self.derivatives(c + (free @ x[..., None])[..., 0])
            step, decrement = newton_step((turned @ gradient[..., None])[..., 0], turned @ hessian @ free)
            moving = decrement > _SMALL
            if not moving.any():
                break
            step = _limited(step)
            for _ in range(30):
                after = at(x + step)
                worse = moving & ~(after <= now + 1e-12 * np.abs(self.surface.lowest))
                if not worse.any():
                    break
                step = np.where(worse[:, None], step / 2, step)
            accepted = moving & ~worse
            x, now = np.where(accepted[:, None], x + step, x), np.where(accepted, after, now)
            if not accepted.any():
                break
        # What the last step, which is not taken, would still make of the deviance.
        fall = np.where(decrement < _SMALL, decrement / 2, 0.0)
        return now - fall, x, self._slopes(value, x, free, gradient, hessian)

    def reach(self, rise: float) -> FloatArray:
        """(targets, 2) where the signed root of the deviance above its minimum is -rise and +rise.

        Newton steps on the root, which is nearly linear in the quantity; between an end inside and one outside.
        """
        low, high = np.minimum(self.best, self.bound), np.maximum(self.best, self.bound)
        inside, outside, reached = self.best, self.bound, np.zeros(len(self.best), dtype=bool)
        found, done = self.best, np.zeros(len(self.best), dtype=bool)
        x_inside = self._free_part(self.start)
        c, free = self._free(self.best)
        slopes = self._slopes(self.best, x_inside, free, *self.derivatives(c + (free @ x_inside[..., None])[..., 0]))
        value, along = self._first(rise, slopes.second), slopes.free
        for _ in range(40):
            value = np.where(done, found, value)
            # The other parameters move along, from where they are known to be at their best.
            ahead = x_inside + _limited(along * (value - inside)[:, None])
            off_zero = np.where(np.abs(ahead) < _OFF_THE_BOUNDARY, np.copysign(_OFF_THE_BOUNDARY, ahead), ahead)
            deviance, x, slopes = self.least(value, np.where(self.diagonal, off_zero, ahead))
            zeta = np.sqrt(np.maximum(deviance, 0.0))
            with np.errstate(divide="ignore", invalid="ignore"):
                newton = value + (rise - zeta) * 2 * zeta / slopes.first
            right = np.isfinite(newton) & ((newton - value) * (rise - zeta) * self.direction > 0)
            at_bound = (value == self.bound) & (zeta <= rise)
            arrived = ~done & ((np.abs(zeta - rise) < ZETA) | at_bound)
            # The last step is taken as well: it squares what is left.
            found = np.where(done, found, np.where(arrived & right & ~at_bound, np.clip(newton, low, high), value))
            done = done | arrived
            if done.all():
                break
            short = zeta < rise
            inside, outside, reached = np.where(short, value, inside), np.where(short, outside, value), reached | ~short
            x_inside, along = (np.where(short[:, None], new, old) for new, old in ((x, x_inside), (slopes.free, along)))
            furthest = 3 * np.abs(value - self.best)
            onwards = np.where(right, np.minimum(np.abs(newton - self.best), furthest), furthest)
            value = np.where(short, self.best + self.direction * onwards, np.where(right, newton, inside))
            held_in = (value > np.minimum(inside, outside)) & (value < np.maximum(inside, outside))
            value = np.clip(np.where(reached & ~held_in, (inside + outside) / 2, value), low, high)
        return found.reshape(-1, 2)

    def _first(self, rise: float, second: FloatArray) -> FloatArray:
        """(B,) where the search begins: as far out as the standard errors say, if these say anything.

        Far from the estimate there may be other minima, and beside a bound the wrong one is soon reached.
        """
        size = rise * np.sqrt(2 / np.maximum(second, 1e-12))
        size = np.where((second > 0) & (size > 0.03) & (size < 1), size, 0.3)
        return np.asarray(self.best + self.direction * np.minimum(size, np.abs(self.bound - self.best) / 2))

    def _free_part(self, parameters: FloatArray) -> FloatArray:
        """(B, r) the free parameters of all (B, r+1)."""
        free = np.empty((len(parameters), parameters.shape[1] - 1))
        for end, held in enumerate(self.held.tolist()):
            free[end] = np.delete(parameters[end], held if held >= 0 else 1)
            if held < 0:
                free[end, 1] = np.hypot(*parameters[end, 1:3])
        return free


def _limited(step: FloatArray) -> FloatArray:
    """Steps (B, r) of which no element moves by more than about its own size."""
    return np.asarray(step * np.minimum(1.0, 1.5 / np.maximum(np.abs(step).max(axis=1), 1e-300))[:, None])
