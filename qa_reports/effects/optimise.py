"""Find the covariance of the random terms that minimises the profiled deviance: exact Newton steps, many fits at once.

One variance is searched over the whole half line (a coarse grid, then safeguarded Newton steps), so that a second,
lower minimum is not missed and zero is compared with everything else. Several terms use Newton steps on a factor L of
D = LL', where a singular D is an ordinary inner point, and are checked at the end against the conditions that hold at
a minimum over all covariance matrices: no direction that makes D larger lowers the deviance.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.effects.likelihood import Profile, deviance, deviances_in_common, profile, slope_and_curvature
from qa_reports.effects.problem import Problem, lower_triangle

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

_MAX_STEPS = 100
_DECREMENT = 1e-13
"""Stop when a Newton step promises to lower the deviance by less than this: far below the 1e-6 that is asked of a
log-likelihood, and at the rounding error of a deviance in the thousands."""
_NOTHING = 1e-22
"""Not even a last step is made: it would move D by a hundred-billionth of its standard error."""
_SHORTEST = 1e-12
"""Share of a Newton step below which no fall of the deviance is looked for."""
_GRID = np.concatenate([[0.0], np.logspace(-6, 8, 29)])
"""Relative variance times the mean workload: from invisible to an intraclass correlation of practically one."""

_ONE_MINIMUM = 50
"""Interviewers from which on several random terms have one minimum: of 1,500 simulated waves of 8 interviewers one had
two that a search may end in, of 6,600 others with 4 to 150 interviewers none."""


class Optimum(Struct, frozen=True, eq=False):
    """The best relative covariance D of each fit and variant."""

    relative: FloatArray
    """(F, K, q, q)."""
    converged: BoolArray
    """(F, K) False: the deviance still falls, or D grows without bound."""
    deviance: FloatArray
    """(F, K) there."""
    profile: Profile | None = None
    """There, as far as the search came by it."""

    def of(self, variant: int) -> Optimum:
        """One variant, its profile aside."""
        chosen = slice(variant, variant + 1)
        return Optimum(self.relative[:, chosen], self.converged[:, chosen], self.deviance[:, chosen])


def minimise(problem: Problem, start: FloatArray | None = None) -> Optimum:
    """Minimise the deviance over D. `start` (F, K, q, q): a good guess, e.g. the fit with everyone."""
    if len(problem.random) == 1:
        return _minimise_one(problem, None if start is None else start[..., 0, 0])
    return _minimise_several(problem, start)


def minimise_also_from(problem: Problem, start: FloatArray) -> Optimum:
    """The lower of the minima found by `minimise` and from `start` (F, K, q, q).

    Of several random terms and few interviewers there may be two, one at a bound and one inside: of many the minimum is
    looked for from `start` only.
    """
    if len(problem.random) == 1:
        return minimise(problem)
    found = minimise(problem, start)
    if ((problem.moments.n > 0).sum(axis=1) >= _ONE_MINIMUM).all():
        return found
    other = minimise(problem)
    lower = other.converged & ~(found.deviance <= other.deviance + 1e-9)
    if not lower.any():
        return found
    return Optimum(
        np.where(lower[..., None, None], other.relative, found.relative),
        np.where(lower, other.converged, found.converged),
        np.where(lower, other.deviance, found.deviance),
    )


def profile_at(problem: Problem, optimum: Optimum) -> Profile:
    """The profile where the deviance is least."""
    return optimum.profile or profile(problem, optimum.relative)


def _minimise_one(problem: Problem, start: FloatArray | None) -> Optimum:
    scale = 1 / problem.workload[..., 0]
    if start is None:
        grid = _GRID[:, None, None] * scale
    else:
        around = np.maximum(start, 1e-2 * scale) * np.array([0, 0.03, 0.2, 0.6, 1, 1.7, 5, 30, 1e4])[:, None, None]
        grid = np.concatenate([around, np.maximum(1e8 * scale, 2 * around[-1])[None]])
    deviances = _on_grid(problem, grid[..., None, None])
    best = deviances.argmin(axis=0)[None]
    low = np.take_along_axis(grid, np.maximum(best - 1, 0), 0)[0]
    high = np.take_along_axis(grid, np.minimum(best + 1, len(grid) - 1), 0)[0]
    d = np.take_along_axis(grid, best, 0)[0]
    unbounded = best[0] == len(grid) - 1
    zero = best[0] == 0
    if zero.any():
        zero &= slope_and_curvature(problem, np.zeros_like(d))[0] >= 0
    d = np.where((best[0] == 0) & ~zero, high / 2, d)
    done = zero | unbounded
    for _ in range(_MAX_STEPS):
        if done.all():
            break
        slope, curvature = slope_and_curvature(problem, d)
        high, low = np.where(slope > 0, d, high), np.where(slope > 0, low, d)
        newton, decrement = newton_of_one(d, slope, curvature, scale)
        inside = (newton > low) & (newton < high)
        halved = np.where(low > 0, np.sqrt(low * high), high / 8)
        arrived = decrement < _DECREMENT
        # The last step is taken as well: it squares the remaining error, and costs nothing.
        d = np.where(done, d, np.where(inside, newton, np.where(arrived, d, halved)))
        done |= arrived | (high - low <= 1e-14 * high)
    found = deviance(problem, d[..., None, None])
    better = ~zero & (found < deviances[0])
    d, found = np.where(better, d, 0.0), np.where(better, found, deviances[0])
    return Optimum(d[..., None, None], done & ~unbounded, found)


def newton_of_one(
    d: FloatArray, slope: FloatArray, curvature: FloatArray, scale: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """(B) each: Newton's next d for the deviance as a function of 1/(d + scale), and twice the fall that it promises.

    With the reciprocal of the mean workload as `scale`, that is nearly a parabola. Where it bends downwards there is no
    next d, NaN, and no end to the fall.
    """
    whole = d + scale
    bend = curvature + 2 * slope / whole
    bend = np.where(bend > 0, bend, np.nan)
    step = slope / bend
    return d - step / (1 + step / whole), np.where(bend > 0, slope * step, np.inf)


def _on_grid(problem: Problem, grid: FloatArray) -> FloatArray:
    """(G, F, K) deviances at relative covariances (G, F, K, q, q); one variant's side by side."""
    if problem.keep.shape[1] > 1:
        return np.stack([deviance(problem, relative) for relative in grid])
    return deviances_in_common(problem, np.swapaxes(grid[:, :, 0], 0, 1))


_OF_PLACES = ("factor", "step", "decrement")


class _Place(Struct, frozen=True, eq=False):
    """A factor L of D = LL', what the deviance does there, and the Newton step from there."""

    factor: FloatArray
    """(F, K, q, q)."""
    here: Profile
    step: FloatArray
    """(F, K, r) in the lower triangle of the factor."""
    decrement: FloatArray
    """(F, K) twice the fall of the deviance that the step promises."""

    def of(self, chosen: BoolArray, axis: int) -> _Place:
        """Some of the fits (axis 0) or variants (axis 1)."""
        return self._each(lambda values: np.compress(chosen, values, axis))

    def with_part(self, chosen: IntArray, part: _Place, axis: int) -> _Place:
        """The same but for the fits (axis 0) or variants (axis 1) at the places `chosen`."""

        def put(values: FloatArray, others: FloatArray) -> FloatArray:
            values = values.copy()
            values[(slice(None),) * axis + (chosen,)] = others
            return values

        return self._each(put, part)

    def where(self, chosen: BoolArray, other: _Place) -> _Place:
        """This of the fits and variants `chosen` (F, K), the other place of all others."""

        def choose(values: FloatArray, others: FloatArray) -> FloatArray:
            return np.where(chosen.reshape(chosen.shape + (1,) * (values.ndim - 2)), values, others)

        return self._each(choose, other)

    def _each(self, change: Callable[..., FloatArray], *others: _Place) -> _Place:
        """All arrays changed alike."""
        places = (self, *others)
        here = Profile(*(change(*(getattr(p.here, name) for p in places)) for name in Profile.__struct_fields__))
        factor, step, decrement = (change(*(getattr(p, name) for p in places)) for name in _OF_PLACES)
        return _Place(factor, here, step, decrement)


def _part(problem: Problem, chosen: BoolArray, axis: int) -> Problem:
    """The problem of some of the fits (axis 0) or variants (axis 1)."""
    moments = problem.moments.of(np.flatnonzero(chosen).tolist()) if axis == 0 else problem.moments
    return Problem(moments, problem.random, problem.restricted, np.compress(chosen, problem.keep, axis))


def _many(values: FloatArray) -> int:
    """The axis of (F, K, ...) along which searches that have arrived rest: fits, unless there are variants."""
    return 0 if values.shape[1] == 1 else 1


def _minimise_several(problem: Problem, start: FloatArray | None) -> Optimum:
    best = _newton(problem, _starting_factor(problem, start))
    axis = _many(best.factor)
    for _ in range(3):
        # A factor with a zero column cannot leave the boundary by itself: look from D whether anything lies beyond.
        escape, blocked = _way_out(problem, best)
        some = np.asarray(blocked.any(axis=1 - axis))
        if not some.any():
            break
        before = best.of(some, axis)
        other = _newton(_part(problem, some, axis), np.compress(some, escape, axis))
        better = np.compress(some, blocked, axis) & (other.here.deviance < before.here.deviance - 1e-9)
        if not better.any():
            break
        best = best.with_part(np.flatnonzero(some), other.where(better, before), axis)
    relative = _squared(best.factor)
    bounded = (np.diagonal(relative, axis1=-2, axis2=-1) * problem.workload).max(-1) < 1e8
    converged = bounded & (best.decrement < 1e-6)
    return Optimum(relative, converged, best.here.deviance, best.here)


def _squared(factor: FloatArray) -> FloatArray:
    return np.asarray(factor @ np.swapaxes(factor, -1, -2))


def _starting_factor(problem: Problem, start: FloatArray | None) -> FloatArray:
    """(F, K, q, q) the best of a coarse grid of diagonal factors, or the Cholesky-like root of `start`."""
    workload = problem.workload
    q = len(problem.random)
    if start is not None:
        values, vectors = np.linalg.eigh(start)
        # Off the boundary, where a factor could not move.
        values = np.maximum(values, 1e-3 / workload)
        return _lower_triangular(vectors * np.sqrt(values)[..., None, :])
    levels = np.array([1e-2, 0.3, 3.0, 100.0])
    combinations = np.stack(np.meshgrid(*[levels] * q, indexing="ij"), axis=-1).reshape(-1, q)
    grid = combinations[:, None, None, :, None] / workload[..., None] * np.eye(q)
    best = _on_grid(problem, grid).argmin(axis=0)
    return np.asarray(np.sqrt(np.take_along_axis(grid, best[None, ..., None, None], axis=0)[0]))


def _lower_triangular(factor: FloatArray) -> FloatArray:
    """A lower triangular L with LL' = AA'."""
    upper = np.linalg.qr(np.swapaxes(factor, -1, -2)).R
    return np.swapaxes(upper, -1, -2)


def _at(problem: Problem, factor: FloatArray) -> _Place:
    """By the chain rule; the elements of D = LL' are squares and products of those of L."""
    here = profile(problem, _squared(factor))
    bends, by_d = _bends_of_square(factor.shape[-1]), here.gradient
    jacobian = np.einsum("akm,...m->...ak", bends, factor[..., *lower_triangle(factor.shape[-1])])
    gradient = (by_d[..., None, :] @ jacobian)[..., 0, :]
    hessian = np.swapaxes(jacobian, -1, -2) @ here.hessian @ jacobian + np.tensordot(by_d, bends, 1)
    step, decrement = newton_step(gradient, hessian)
    allowed = np.sqrt(30.0 / problem.workload.min(-1)) + np.linalg.norm(factor, axis=(-2, -1))
    step *= np.minimum(1, allowed / np.maximum(np.linalg.norm(step, axis=-1), 1e-300))[..., None]
    return _Place(factor, here, step, decrement)


@cache
def _bends_of_square(q: int) -> FloatArray:
    """(r, r, r) second derivatives of the elements of D = LL' in two elements of the triangular L.

    Times an element of L they add up to the first derivatives.
    """
    rows, columns = lower_triangle(q)
    units = np.zeros((len(rows), q, q))
    units[np.arange(len(rows)), rows, columns] = 1.0
    products = np.einsum("kil,mjl->ijkm", units, units)
    return np.asarray((products + products.swapaxes(0, 1))[rows, columns])


def _as_matrix(problem: Problem, here: Profile) -> FloatArray:
    """(F, K, q, q) the gradient in D as a symmetric matrix G: the deviance changes by trace(G dD)."""
    rows, columns = lower_triangle(len(problem.random))
    half = np.where(rows == columns, 1.0, 0.5)
    return np.asarray(np.einsum("fka,aij->fkij", here.gradient * half, problem.basis))


def newton_step(gradient: FloatArray, hessian: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Descent step with the absolute eigenvalues of the Hessian, and the fall of the deviance it promises (twice)."""
    values, vectors = np.linalg.eigh(hessian)
    size = np.abs(values)
    size = np.maximum(size, 1e-9 * size.max(-1, keepdims=True) + 1e-12)
    along = (np.swapaxes(vectors, -1, -2) @ gradient[..., None])[..., 0]
    return -(vectors @ (along / size)[..., None])[..., 0], (along**2 / size).sum(-1)


def _newton(problem: Problem, factor: FloatArray) -> _Place:
    axis = _many(factor)
    active, part = np.arange(factor.shape[axis]), problem
    place = whole = _at(problem, factor)
    share, last = np.ones(factor.shape[:2]), np.zeros(factor.shape[:2], dtype=bool)
    for _ in range(_MAX_STEPS):
        going = np.asarray((~last & (place.decrement > _NOTHING)).any(axis=1 - axis))
        if not going.any():
            break
        if going.sum() <= len(active) / 2:  # a few take longer than the others
            whole = place if part is problem else whole.with_part(active, place, axis)
            active, part, place = active[going], _part(part, going, axis), place.of(going, axis)
            share, last = np.compress(going, share, axis), np.compress(going, last, axis)
        there = _at(part, _moved(place.factor, share[..., None] * place.step))
        # Rounding may hide the fall of the last, tiny steps.
        arrived, before = place.decrement < _DECREMENT, place.here.deviance
        falls = arrived | (there.here.deviance <= before + 1e-12 * np.abs(before))
        last = (falls & arrived) | (share < _SHORTEST)
        share = np.where(falls, 1.0, share / 2)
        place = there if falls.all() else there.where(falls, place)
    return place if part is problem else whole.with_part(active, place, axis)


def _moved(factor: FloatArray, step: FloatArray) -> FloatArray:
    moved = factor.copy()
    moved[(..., *lower_triangle(factor.shape[-1]))] += step
    return moved


def _way_out(problem: Problem, place: _Place) -> tuple[FloatArray, BoolArray]:
    """A factor a little beyond the boundary where the deviance still falls in some direction v: D + e vv'."""
    workload = problem.workload
    unit = np.sqrt(workload[..., :, None] * workload[..., None, :])
    values, vectors = np.linalg.eigh(_as_matrix(problem, place.here) / unit)
    direction = vectors[..., 0] / np.sqrt(workload)
    blocked = values[..., 0] < -1e-7
    grown = _squared(place.factor) + 0.1 * direction[..., :, None] * direction[..., None, :]
    roots, axes = np.linalg.eigh(grown)
    return _lower_triangular(axes * np.sqrt(np.maximum(roots, 0))[..., None, :]), blocked
