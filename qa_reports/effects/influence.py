"""Leave-one-interviewer-out: how far each interviewer lies from a model fitted without them.

An outlier inflates the variance it is judged by, so every interviewer is judged by the fit of all others.
Sizes: F fits, J interviewers, q random terms, p fixed effects.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from qa_reports.effects.likelihood import Problem, problem, profile
from qa_reports.effects.mixed_model import MixedModelFits, degrees_of_freedom, information
from qa_reports.effects.moments import Moments
from qa_reports.effects.optimise import minimise

FloatArray = NDArray[np.float64]

_CHUNK = 2_000_000
"""Left-out interviewers times interviewers handled at once: bounds the memory at some 100 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class Deletions:
    """The interviewers of F fits against the fit without them; NaN where not estimable."""

    deviation: FloatArray
    """(F, J, q) r_j = (Z'Z)^-1 Z'(y_j - X_j b_-j), user's units, intercept at the grand mean of the predictors."""
    se: FloatArray
    """(F, J, q) standard error of the deviation for a normal interviewer: random terms, residual and b_-j together."""
    df: FloatArray
    """(F, J, q) Satterthwaite degrees of freedom of se squared."""
    p: FloatArray
    """(F, J, q) two-sided, t distribution."""
    z: FloatArray
    """(F, J, q) the deletion z: normal score of p with the sign of the deviation."""


def delete_interviewers(moments: Moments, random: tuple[int, ...], fits: MixedModelFits) -> Deletions:
    """Refit every model once without each interviewer (by REML) and compare the interviewer with it.

    The variance of r_j is V = D_-j + s2_-j (Z'Z)^-1 + R Var(b_-j) R', R = (Z'Z)^-1 Z'X_j. Its degrees of freedom are
    Satterthwaite's, from the expected information of the variance parameters, which exists at zero variance too.
    """
    f, j = moments.n.shape
    q = len(random)
    inside = np.full((3, f, j, q), np.nan)
    for fit in range(f):
        if fits.status[fit] == "failed":
            continue
        one = Moments(*(getattr(moments, name)[fit : fit + 1] for name in ("cross", "n", "centre", "scale")))
        present = np.flatnonzero(one.n[0] > 0)
        for chunk in np.array_split(present, max(1, -(-len(present) * j // _CHUNK))):
            inside[:, fit, chunk] = _delete_chunk(one, random, fits.relative[fit], chunk)
    deviation, se, df = inside
    unit = moments.scale[:, -1:] / moments.scale[:, random]
    p, z = two_sided(deviation / se, df)
    return Deletions(deviation * unit[:, None], se * unit[:, None], df, p, z)


def _delete_chunk(
    moments: Moments, random: tuple[int, ...], relative: FloatArray, out: NDArray[np.int64]
) -> FloatArray:
    """(3, k, q): deviation, standard error and df of the k interviewers `out` of one fit, inside scale."""
    k = len(out)
    keep = np.ones((1, k, moments.n.shape[1]))
    keep[0, np.arange(k), out] = 0.0
    own = moments.cross[0, out]
    zz, zc = own[:, random][:, :, random], own[:, random, :]
    solvable = np.linalg.cond(zz) < 1e10
    answerable = _others_identify(moments, keep)
    judged = np.flatnonzero(solvable & answerable)
    q = len(random)
    result = np.full((3, k, q), np.nan)
    if judged.size:
        setup = problem(moments, random, "REML", keep[:, judged])
        start = np.broadcast_to(relative, (1, judged.size, q, q))
        result[:, judged] = _compare(setup, start, zz[judged], zc[judged])
    return result


def _others_identify(moments: Moments, keep: FloatArray) -> NDArray[np.bool_]:
    """(k,) whether the interviewers left can still carry the model: two of them, and full-rank fixed columns."""
    p = moments.cross.shape[-1] - 1
    present = moments.n[0] > 0
    enough = (keep[0] * present).sum(-1) >= 2
    repeated = (keep[0] * (moments.n[0] > 1)).sum(-1) >= 1
    total = np.tensordot(keep[0], moments.cross[0], axes=1)
    n = keep[0] @ moments.n[0]
    rank = np.linalg.eigvalsh(total[:, :p, :p])[:, 0] > 1e-9 * n
    return np.asarray(enough & repeated & rank & (n > p + 1))


def _compare(
    setup: Problem, start: FloatArray, zz: FloatArray, zc: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    best = minimise(setup, start).relative
    here = profile(setup, best)
    p = setup.n_fixed
    own = np.linalg.pinv(zz, hermitian=True)
    v = np.concatenate([-here.b[0], np.ones((len(own), 1))], axis=-1)
    deviation = (own @ zc @ v[:, :, None])[..., 0]
    design = own @ zc[..., :p]
    projected = design @ here.s_inverse[0]
    variance = np.diagonal(best[0] + own, axis1=-2, axis2=-1) + (projected * design).sum(-1)
    from_d = np.diagonal(setup.basis, axis1=-2, axis2=-1).T
    from_b = -np.einsum("kqp,kaps,kqs->kqa", projected, here.s_gradient[0], projected)
    log_gradient = (from_d + from_b) / variance[..., None]
    log_gradient = np.concatenate([log_gradient, np.ones((*variance.shape, 1))], axis=-1)
    df = degrees_of_freedom(information(here, expected=True)[0], log_gradient)
    return deviation, np.sqrt(here.s2[0][:, None] * variance), df


def two_sided(statistic: FloatArray, df: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Two-sided p of a t statistic, and the normal score with its sign (finite for p down to 1e-300)."""
    half = np.maximum(stats.t.sf(np.abs(statistic), df), 1e-300)
    return np.minimum(2 * half, 1.0), np.sign(statistic) * stats.norm.isf(half)
