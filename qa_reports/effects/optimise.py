"""Find the covariance of the random terms that minimises the profiled deviance: exact Newton steps, many fits at once.

One variance is searched over the whole half line (a coarse grid, then safeguarded Newton steps), so that a second,
lower minimum is not missed and zero is compared with everything else. Several terms use Newton steps on a factor L of
D = LL', where a singular D is an ordinary inner point, and are checked at the end against the conditions that hold at
a minimum over all covariance matrices: no direction that makes D larger lowers the deviance.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qa_reports.effects.likelihood import Problem, deviance, profile

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_MAX_STEPS = 100
_DECREMENT = 1e-13
"""Stop when a Newton step promises to lower the deviance by less than this: far below the 1e-6 that is asked of a
log-likelihood, and at the rounding error of a deviance in the thousands."""
_GRID = np.concatenate([[0.0], np.logspace(-6, 8, 29)])
"""Relative variance times the mean workload: from invisible to an intraclass correlation of practically one."""


@dataclass(frozen=True, slots=True, eq=False)
class Optimum:
    """The best relative covariance D of each fit and variant."""

    relative: FloatArray
    """(F, K, q, q)."""
    converged: BoolArray
    """(F, K) False: the deviance still falls, or D grows without bound."""


def minimise(problem: Problem, start: FloatArray | None = None) -> Optimum:
    """Minimise the deviance over D. `start` (F, K, q, q): a good guess, e.g. the fit with everyone."""
    if len(problem.random) == 1:
        return _minimise_one(problem, None if start is None else start[..., 0, 0])
    return _minimise_several(problem, start)


def _minimise_one(problem: Problem, start: FloatArray | None) -> Optimum:
    scale = 1 / problem.workload[..., 0]
    if start is None:
        grid = _GRID[:, None, None] * scale
    else:
        around = np.maximum(start, 1e-2 * scale) * np.array([0, 0.03, 0.2, 0.6, 1, 1.7, 5, 30, 1e4])[:, None, None]
        grid = np.concatenate([around, np.maximum(1e8 * scale, 2 * around[-1])[None]])
    best = _on_grid(problem, grid).argmin(axis=0)[None]
    low = np.take_along_axis(grid, np.maximum(best - 1, 0), 0)[0]
    high = np.take_along_axis(grid, np.minimum(best + 1, len(grid) - 1), 0)[0]
    d = np.take_along_axis(grid, best, 0)[0]
    unbounded = best[0] == len(grid) - 1
    zero = (best[0] == 0) & (profile(problem, np.zeros((*d.shape, 1, 1))).gradient[..., 0] >= 0)
    d = np.where((best[0] == 0) & ~zero, high / 2, d)
    done = zero | unbounded
    for _ in range(_MAX_STEPS):
        if done.all():
            break
        here = profile(problem, d[..., None, None])
        slope, curvature = here.gradient[..., 0], here.hessian[..., 0, 0]
        high, low = np.where(slope > 0, d, high), np.where(slope > 0, low, d)
        with np.errstate(divide="ignore", invalid="ignore"):
            newton = d - slope / curvature
            decrement = slope**2 / curvature
        inside = (curvature > 0) & (newton > low) & (newton < high)
        halved = np.where(low > 0, np.sqrt(low * high), high / 8)
        arrived = (curvature > 0) & (decrement < _DECREMENT)
        # The last step is taken as well: it squares the remaining error, and costs nothing.
        d = np.where(done, d, np.where(inside, newton, np.where(arrived, d, halved)))
        done |= arrived | (high - low <= 1e-14 * high)
    better = deviance(problem, d[..., None, None]) < deviance(problem, np.zeros((*d.shape, 1, 1)))
    d = np.where(better & ~zero, d, 0.0)
    return Optimum(d[..., None, None], done & ~unbounded)


def _on_grid(problem: Problem, grid: FloatArray) -> FloatArray:
    """(G, F, K) deviances at (G, F, K) relative variances; those of one variant are computed as variants at once."""
    if grid.shape[2] > 1:
        return np.stack([deviance(problem, d[..., None, None]) for d in grid])
    side_by_side = replace(problem, keep=np.repeat(problem.keep, len(grid), axis=1))
    return deviance(side_by_side, grid[:, :, 0].T[..., None, None]).T[:, :, None]


def _minimise_several(problem: Problem, start: FloatArray | None) -> Optimum:
    best = _newton(problem, _starting_factor(problem, start))
    for _ in range(3):
        # A factor with a zero column cannot leave the boundary by itself: look from D whether anything lies beyond.
        escape, blocked = _way_out(problem, best)
        if not blocked.any():
            break
        other = _newton(problem, escape)
        better = _deviance(problem, other) < _deviance(problem, best) - 1e-9
        best = np.where((better & blocked)[..., None, None], other, best)
        if not (better & blocked).any():
            break
    relative = best @ np.swapaxes(best, -1, -2)
    bounded = (np.diagonal(relative, axis1=-2, axis2=-1) * problem.workload).max(-1) < 1e8
    return Optimum(relative, bounded & (_decrement(problem, best) < 1e-6))


def _deviance(problem: Problem, factor: FloatArray) -> FloatArray:
    return deviance(problem, factor @ np.swapaxes(factor, -1, -2))


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
    factors = [np.sqrt(c / workload)[..., None] * np.eye(q) for c in combinations]
    best = np.stack([_deviance(problem, factor) for factor in factors]).argmin(axis=0)
    return np.asarray(np.take_along_axis(np.stack(factors), best[None, ..., None, None], axis=0)[0])


def _lower_triangular(factor: FloatArray) -> FloatArray:
    """A lower triangular L with LL' = AA'."""
    upper = np.linalg.qr(np.swapaxes(factor, -1, -2)).R
    return np.swapaxes(upper, -1, -2)


def _derivatives(problem: Problem, factor: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Deviance (F, K), gradient (F, K, r) and Hessian (F, K, r, r) in the lower triangle of the factor.

    D = LL' gives dD = dL L' + L dL' and d2D = 2 dL dL'; the chain rule does the rest.
    """
    here = profile(problem, factor @ np.swapaxes(factor, -1, -2))
    rows, columns = np.tril_indices(factor.shape[-1])
    r = len(rows)
    # Gradient in D as a symmetric matrix G with d deviance = trace(G dD).
    half = np.where(rows == columns, 1.0, 0.5)
    g = np.einsum("fka,aij->fkij", here.gradient * half, problem.basis)
    gradient = 2 * (g @ factor)[..., rows, columns]
    # jacobian[a, k]: change of element a of D with element k = (i, j) of L.
    jacobian = np.zeros((*factor.shape[:2], r, r))
    for k, (i, j) in enumerate(zip(rows, columns, strict=True)):
        change = np.zeros_like(factor)
        change[..., i, :] = factor[..., :, j]
        change = change + np.swapaxes(change, -1, -2)
        jacobian[..., k] = change[..., rows, columns]
    hessian = np.swapaxes(jacobian, -1, -2) @ here.hessian @ jacobian
    same_column = columns[:, None] == columns[None, :]
    hessian = hessian + 2 * same_column * g[..., rows[:, None], rows[None, :]]
    return here.deviance, gradient, hessian


def newton_step(gradient: FloatArray, hessian: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Descent step with the absolute eigenvalues of the Hessian, and the fall of the deviance it promises (twice)."""
    values, vectors = np.linalg.eigh(hessian)
    size = np.abs(values)
    size = np.maximum(size, 1e-9 * size.max(-1, keepdims=True) + 1e-12)
    along = (np.swapaxes(vectors, -1, -2) @ gradient[..., None])[..., 0]
    return -(vectors @ (along / size)[..., None])[..., 0], (along**2 / size).sum(-1)


def _decrement(problem: Problem, factor: FloatArray) -> FloatArray:
    _, gradient, hessian = _derivatives(problem, factor)
    return newton_step(gradient, hessian)[1]


def _newton(problem: Problem, factor: FloatArray) -> FloatArray:
    rows, columns = np.tril_indices(factor.shape[-1])
    limit = np.sqrt(30.0) / np.sqrt(problem.workload).min(-1)
    for _ in range(_MAX_STEPS):
        before, gradient, hessian = _derivatives(problem, factor)
        step, decrement = newton_step(gradient, hessian)
        length = np.linalg.norm(step, axis=-1)
        allowed = limit + np.linalg.norm(factor, axis=(-2, -1))
        step *= np.minimum(1, allowed / np.maximum(length, 1e-300))[..., None]
        moving = decrement > _DECREMENT
        for _ in range(40):
            trial = factor.copy()
            trial[..., rows, columns] += step
            after = _deviance(problem, trial)
            # Rounding may hide the fall of the last, tiny steps.
            accepted = ~moving | (after <= before + 1e-12 * np.abs(before))
            if accepted.all():
                break
            step = np.where(accepted[..., None], step, step / 2)
        factor = np.where(accepted[..., None, None], trial, factor)
        if not (moving & accepted).any():
            break
    return factor


def _way_out(problem: Problem, factor: FloatArray) -> tuple[FloatArray, BoolArray]:
    """A factor a little beyond the boundary where the deviance still falls in some direction v: D + e vv'."""
    relative = factor @ np.swapaxes(factor, -1, -2)
    here = profile(problem, relative)
    rows, columns = np.tril_indices(factor.shape[-1])
    g = np.einsum("fka,aij->fkij", here.gradient * np.where(rows == columns, 1.0, 0.5), problem.basis)
    workload = problem.workload
    unit = np.sqrt(workload[..., :, None] * workload[..., None, :])
    values, vectors = np.linalg.eigh(g / unit)
    direction = vectors[..., 0] / np.sqrt(workload)
    blocked = values[..., 0] < -1e-7
    grown = relative + 0.1 * direction[..., :, None] * direction[..., None, :]
    roots, axes = np.linalg.eigh(grown)
    return _lower_triangular(axes * np.sqrt(np.maximum(roots, 0))[..., None, :]), blocked
