"""Where the likelihood of logistic and cumulative-logit models is highest: Newton steps for F fits at once."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.effects.category_rows import Rows
from qa_reports.effects.quadrature import Evaluation, Parameters, evaluate, shift_at_zero

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

NODES = 10
"""Quadrature nodes; lme4 and ordinal are given the same number in the reference tables."""
_ITERATIONS = 60
_DECREMENT = 1e-13
"""Twice the log-likelihood still to be gained, by Newton's own estimate, over the size of the log-likelihood: done."""
SEPARATED = 15.0
"""A coefficient of this many logits per standard deviation has no maximum."""
BOUNDLESS = 12.0
"""A random intercept with this sd (latent ICC .98) means that answers hardly vary within interviewers."""
_SLIGHT = 0.02
"""A random intercept with this sd (latent ICC .0001), from which the likelihood rises towards none at all, vanishes."""
_STEP = 3.0
"""Longest step of a coefficient, in logits."""


def starting_values(rows: Rows) -> Parameters:
    """Thresholds from the marginal shares of the categories, no covariate matters, no variance."""
    own = rows.fit[rows.group]
    totals = np.zeros((rows.n_fits, rows.n_categories))
    np.add.at(totals, (own, rows.category), rows.count)
    share = np.cumsum(totals, axis=1)[:, :-1] / totals.sum(axis=1, keepdims=True)
    return Parameters(
        np.log(share / (1 - share)), np.zeros((rows.n_fits, rows.covariates.shape[1])), np.zeros(rows.n_fits)
    )


class Maximum(Struct, frozen=True, eq=False):
    """Where the likelihood of F fits is highest."""

    at: Parameters
    found: NDArray[np.bool_]
    """(F,) whether the search arrived."""
    here: Evaluation


def maximise(
    rows: Rows,
    start: Parameters,
    *,
    nodes: int = NODES,
    free_sd: bool = True,
    modes: FloatArray | None = None,
    downhill: NDArray[np.bool_] | None = None,
    decrement: float = _DECREMENT,
    iterations: int = _ITERATIONS,
) -> Maximum:
    """Newton with the exact gradient, step halving, and curvature made definite where the likelihood is not concave.

    With the sd held (`free_sd` false) the likelihood is log-concave (Prekopa 1973; Pratt 1981, JASA 76), so there is
    one maximum at most. Fits that go `downhill` (F,) from a variance of zero are left where it vanishes again: Newton,
    which looks for a place where the likelihood is level, would follow the sd for ever smaller.
    """
    at, here = start, evaluate(rows, start, nodes, modes)
    active = np.ones(rows.n_fits, dtype=bool)
    for iteration in range(iterations + 1):
        step, left = _newton_step(here.gradient, here.curvature, free_sd)
        active &= left > decrement * np.maximum(1.0, np.abs(here.loglik))
        active &= ~_runaway(at)
        if downhill is not None:
            active &= ~(downhill & (at.sd < _SLIGHT) & (here.gradient[:, -1] < 0))
        if not active.any() or iteration == iterations:
            break
        step = _within_reach(at, step) * active[:, None]
        at, here, stuck = _climb(rows, at, here, step, nodes)
        active &= ~stuck
    found = (left < 1e-6 * np.maximum(1.0, np.abs(here.loglik))) & ~_runaway(at)
    return Maximum(at, found, here)


def _newton_step(gradient: FloatArray, curvature: FloatArray, free_sd: bool) -> tuple[FloatArray, FloatArray]:
    """(F, D) step and (F,) gradient times step; directions of the wrong curvature are taken with their sign turned."""
    used = gradient.shape[1] - (0 if free_sd else 1)
    # In units of each parameter's own curvature, so that no direction is small by its scale alone.
    unit = 1 / np.sqrt(np.maximum(np.abs(np.diagonal(curvature, axis1=1, axis2=2)[:, :used]), 1e-12))
    inside = -curvature[:, :used, :used] * unit[:, :, None] * unit[:, None]
    values, vectors = np.linalg.eigh((inside + np.swapaxes(inside, 1, 2)) / 2)
    values = np.maximum(np.abs(values), 1e-8)
    projected = np.einsum("fdk,fd->fk", vectors, gradient[:, :used] * unit)
    step = np.zeros_like(gradient)
    step[:, :used] = np.einsum("fdk,fk->fd", vectors, projected / values) * unit
    return step, (projected**2 / values).sum(axis=1)


def _within_reach(at: Parameters, step: FloatArray) -> FloatArray:
    """No parameter moves by more than `_STEP` logits, and the sd falls to a quarter of itself at most."""
    size = np.maximum(np.abs(step).max(axis=1) / _STEP, -step[:, -1] / np.maximum(0.75 * at.sd, 1e-300))
    return np.asarray(step / np.maximum(size, 1.0)[:, None])


def _climb(
    rows: Rows, at: Parameters, here: Evaluation, step: FloatArray, nodes: int
) -> tuple[Parameters, Evaluation, NDArray[np.bool_]]:
    """Take the step, halved until the likelihood does not fall; (F,) fits where no length of it helps stay."""
    tolerance = 1e-12 * np.maximum(1.0, np.abs(here.loglik))
    for _ in range(30):
        moved = at.moved(step)
        there = evaluate(rows, moved, nodes, here.mode)
        worse = there.loglik < here.loglik - tolerance
        if not worse.any():
            return moved, there, worse
        step = np.where(worse[:, None], step / 2, step)
    step = np.where(worse[:, None], 0.0, step)
    moved = at.moved(step)
    return moved, evaluate(rows, moved, nodes, here.mode), worse


def _runaway(at: Parameters) -> NDArray[np.bool_]:
    """(F,) fits with a parameter beyond what a maximum can have."""
    far = (np.abs(at.slopes) > SEPARATED).any(axis=1) | (np.abs(at.thresholds) > 3 * SEPARATED).any(axis=1)
    return far | (at.sd > BOUNDLESS)


def sd_slope_at_zero(rows: Rows, at: Parameters) -> tuple[FloatArray, FloatArray]:
    """(F,) the derivative of the log-likelihood by the variance at variance zero, and its expected information.

    Half the sum over interviewers of (score^2 - information), score and information by a shift of all their logits.
    """
    score, information = shift_at_zero(rows, at)
    slope, expected = (
        np.bincount(rows.fit, weights=values, minlength=rows.n_fits) / 2
        for values in (score**2 - information, information**2)
    )
    return slope, expected
