"""The two variances of crossed random intercepts that minimise the profiled deviance, many fits at once."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.effects.crossed import CrossedProblem, crossed_profile
from qa_reports.effects.likelihood import Profile
from qa_reports.effects.small_matrices import unit_diagonal

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_MAX_STEPS = 60
_DECREMENT = 1e-12
"""Stop when a Newton step promises to lower the deviance by less than this."""
_UNBOUNDED = 1e8
"""Relative variance times workload that counts as infinite: the search stops there, where the residual variance has
vanished beside the others and the fixed effects have few digits left."""


class CrossedOptimum(Struct, frozen=True, eq=False):
    """The best relative variances of F fits."""

    relative: FloatArray
    """(F, 2) of the first and the second grouping, over the residual variance."""
    profile: Profile
    """There."""
    converged: BoolArray
    """(F,)."""


def told_apart(problem: CrossedProblem) -> BoolArray:
    """(F,) whether the data can tell the two variances and the residual variance from each other at all.

    They cannot where the expected information of the three is singular, e.g. where both groupings are the same.
    """
    information = crossed_profile(problem, np.zeros_like(problem.workload)).expected_information[:, 0]
    informed = (np.diagonal(information, axis1=-2, axis2=-1) != 0).all(-1)
    return np.asarray(informed & (np.linalg.eigvalsh(unit_diagonal(information))[:, 0] > 1e-7))


def minimise_crossed(problem: CrossedProblem, starts: FloatArray) -> CrossedOptimum:
    """Minimise the deviances over non-negative relative variances by projected Newton steps.

    `starts` (S, F, 2): guesses, such as the fits without one of the two; the best of them is where the search begins.
    """
    between = np.maximum(0.7 * starts.max(0), 1e-3 / problem.workload)
    first, *others = (_within(problem, start) for start in (*starts, between))
    relative, here = first, crossed_profile(problem, first)
    for start in others:
        there = crossed_profile(problem, start)
        better = there.deviance[:, 0] < here.deviance[:, 0]
        relative, here = np.where(better[:, None], start, relative), _chosen(better, there, here)
    step, decrement = _step(problem, relative, here)
    for _ in range(_MAX_STEPS):
        relative, here, moved = _downhill(problem, relative, here, step)
        # The last step is taken as well: it squares the remaining error.
        going = moved & (decrement >= _DECREMENT)
        step, decrement = _step(problem, relative, here)
        if not going.any():
            break
        step = np.where(going[:, None], step, 0.0)
    bounded = (relative < _UNBOUNDED / problem.workload).all(1)
    return CrossedOptimum(relative, here, bounded & (decrement < 1e-6))


def _within(problem: CrossedProblem, relative: FloatArray) -> FloatArray:
    """(F, 2) neither negative nor beyond what counts as infinite."""
    return np.clip(relative, 0.0, _UNBOUNDED / problem.workload)


def _chosen(first: BoolArray, one: Profile, other: Profile) -> Profile:
    """For each fit one profile or the other; `first` (F,)."""

    def pick(name: str) -> FloatArray:
        values = getattr(one, name)
        return np.asarray(np.where(first.reshape(-1, *(1,) * (values.ndim - 1)), values, getattr(other, name)))

    return Profile(*(pick(name) for name in Profile.__struct_fields__))


def _step(problem: CrossedProblem, relative: FloatArray, here: Profile) -> tuple[FloatArray, FloatArray]:
    """(F, 2) Newton steps among the variances not held at zero; (F,) the falls of the deviance that they promise."""
    scale = problem.workload
    gradient = here.gradient[:, 0]
    free = (relative > 0) | (gradient < 0)
    gradient = np.where(free, gradient / scale, 0.0)
    values, vectors = np.linalg.eigh(_among(free, here.hessian[:, 0], scale))
    # Where the deviance is not convex, expected information gives a direction that goes down all the same.
    dented = values[:, 0] <= 1e-8 * np.maximum(1.0, values[:, 1])
    if dented.any():
        expected, axes = np.linalg.eigh(_among(free, -here.penalty_hessian[:, 0], scale))
        expected = np.maximum(expected, 1e-8 * np.maximum(expected[:, 1:], 1e-300))
        values = np.where(dented[:, None], expected, values)
        vectors = np.where(dented[:, None, None], axes, vectors)
    rotated = (gradient[:, None] @ vectors)[:, 0]
    step = -(vectors @ (rotated / values)[..., None])[..., 0] / scale
    return np.where(free, step, 0.0), (rotated**2 / values).sum(1)


def _among(free: BoolArray, matrices: FloatArray, scale: FloatArray) -> FloatArray:
    """(F, 2, 2) in units of the workloads, the rows and columns held replaced such that they change nothing."""
    inner = matrices / (scale[:, :, None] * scale[:, None])
    inner = np.where(free[:, :, None] & free[:, None], inner, 0.0)
    alone = np.where(free.any(1), inner.sum((1, 2)), 1.0)
    return np.asarray(inner + np.eye(2) * np.where(free, 0.0, alone[:, None])[:, None])


def _downhill(
    problem: CrossedProblem, relative: FloatArray, here: Profile, step: FloatArray
) -> tuple[FloatArray, Profile, BoolArray]:
    """The steps, projected on what is allowed and halved until no deviance rises; (F,) which fits moved."""
    allowed = here.deviance[:, 0] + 1e-12 * np.abs(here.deviance[:, 0])
    for _ in range(40):
        trial = _within(problem, relative + step)
        there = crossed_profile(problem, trial)
        accepted = there.deviance[:, 0] <= allowed
        if accepted.all():
            break
        step = np.where(accepted[:, None], step, step / 2)
    else:
        trial, there = np.where(accepted[:, None], trial, relative), _chosen(accepted, there, here)
    return trial, there, (trial != relative).any(1)
