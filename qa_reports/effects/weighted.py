"""Random-intercept models of weighted answers: pseudo-likelihood on weighted moments, with sandwich standard errors.

An interview of weight w counts as w interviews by the same interviewer with the same answers (Pfeffermann et al. 1998,
JRSS B 60(1); Rabe-Hesketh & Skrondal 2006, JRSS A 169(4)): the logarithm of its density, given the interviewer's
effect, is multiplied by w. For linear models the integral over the effect has a closed form, and everything it needs
from interviewer j is again a cross product, A_j = [X y]' diag(w) [X y].

Sizes: F fits, J interviewers, p fixed effects.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy import sparse

from qa_reports.effects.likelihood import profile
from qa_reports.effects.mixed_model import back_transform, variance_within
from qa_reports.effects.moments import Columns, Moments
from qa_reports.effects.optimise import minimise
from qa_reports.effects.problem import problem

FloatArray = NDArray[np.float64]
Scaling = Literal["number", "effective"]

_NO_VARIANCE = 1e-6
"""Reliability at the mean workload below which the variance between interviewers counts as zero."""


class WeightedFits(Struct, frozen=True, eq=False):
    """F fits by maximum pseudo-likelihood, user's units. Where `status` is "failed" all numbers are NaN."""

    status: tuple[str, ...]
    """(F,) converged | zero_variance | failed."""
    reason: tuple[str | None, ...]
    """(F,)."""
    loglik: FloatArray
    """(F,) logarithm of the pseudo-likelihood."""
    fixed: FloatArray
    """(F, p) fixed effects."""
    fixed_se: FloatArray
    """(F, p) sandwich standard errors, interviewers as the independent units."""
    variance: FloatArray
    """(F, 2) variance between interviewers, residual variance."""
    variance_se: FloatArray
    """(F, 2) sandwich standard errors; NaN for the variance between interviewers when it is zero."""
    icc: FloatArray
    """(F,)."""
    icc_se: FloatArray
    """(F,) sandwich standard error by the delta method; NaN when the ICC is zero."""


def scale_weights(weights: FloatArray, interviewer: NDArray[np.int64], to: Scaling = "number") -> FloatArray:
    """(m,) weights scaled within each interviewer; all weights must be positive.

    Scaled to "number" they add up to the interviewer's interviews n_j (method 2 of Pfeffermann et al. 1998), scaled to
    "effective" to (sum w)^2 / sum w^2, the interviews that they leave (method 1). Unscaled, a large sum of weights
    would pass for a large workload. With weights that have nothing to do with the answers the mean of an interviewer
    has the variance s2 sum w^2 / (sum w)^2, which "effective" expects and "number" takes for less: what is over goes
    into the variance between interviewers, about s2 (n sum w^2 / (sum w)^2 - 1) / n_j.
    """
    # Ratios to the largest weight first, so that sums of huge weights stay finite.
    relative = weights / weights.max() if weights.size else weights
    total = np.bincount(interviewer, relative)
    wanted = np.bincount(interviewer).astype(float)
    if to == "effective":
        squares = np.bincount(interviewer, relative**2)
        wanted = total**2 / np.where(squares > 0, squares, 1.0)
    return np.asarray(relative * (wanted / np.where(total > 0, total, 1.0))[interviewer])


def weighted_moments(fits: Sequence[Columns], weights: Sequence[FloatArray], n_interviewers: int) -> Moments:
    """Weighted cross products per interviewer of standardised columns; `n` holds the sums of weights.

    Every fit must have the same number of fixed columns; weights (m,) must not be negative.
    """
    parts = [_moments_of_one(columns, w, n_interviewers) for columns, w in zip(fits, weights, strict=True)]
    cross, n, centre, scale = zip(*parts, strict=True)
    return Moments(np.stack(cross), np.stack(n), np.stack(centre), np.stack(scale))


def _moments_of_one(
    columns: Columns, weights: FloatArray, n_interviewers: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    table = np.column_stack([columns.fixed, columns.response])
    m, width = table.shape
    centre, scale = np.zeros(width), np.ones(width)
    if m and weights.sum() > 0:
        share = weights / weights.sum()
        centre[1:] = share @ table[:, 1:]
        spread = np.sqrt(share @ (table[:, 1:] - centre[1:]) ** 2)
        scale[1:] = np.where(spread > 1e-10 * np.abs(table[:, 1:]).max(axis=0), spread, 1.0)
    inside = (table - centre) / scale
    products = (weights[:, None, None] * inside[:, :, None] * inside[:, None, :]).reshape(m, width * width)
    membership = sparse.csr_array((np.ones(m), (columns.interviewer, np.arange(m))), shape=(n_interviewers, m))
    cross = np.asarray(membership @ products).reshape(n_interviewers, width, width)
    n = np.bincount(columns.interviewer, weights, minlength=n_interviewers).astype(np.float64)
    return cross, n, centre, scale


def fit_weighted(moments: Moments) -> WeightedFits:
    """Maximise the pseudo-likelihood of F random-intercept models; one that fails does not disturb the others."""
    reasons = [_cannot_fit(moments, f) for f in range(len(moments.n))]
    usable = [f for f, reason in enumerate(reasons) if reason is None]
    p = moments.cross.shape[-1] - 1
    shapes = {"loglik": (), "fixed": (p,), "fixed_se": (p,), "variance": (2,), "variance_se": (2,), "icc": ()}
    numbers = {name: np.full((len(reasons), *shape), np.nan) for name, shape in {**shapes, "icc_se": ()}.items()}
    status = ["failed"] * len(reasons)
    if usable:
        chosen = moments.of(usable)
        setup = problem(chosen, (0,), "ML")
        optimum = minimise(setup)
        d = optimum.relative[:, 0, 0, 0]
        workload = setup.workload[:, 0, 0]
        d = np.where(d * workload / (1 + d * workload) > _NO_VARIANCE, d, 0.0)
        here = profile(setup, d[:, None, None, None])
        loglik = -here.deviance[:, 0] / 2 - here.m[:, 0] * np.log(chosen.scale[:, p])
        for k, f in enumerate(usable):
            if not optimum.converged[k, 0]:
                reasons[f] = "the likelihood has no finite maximum that could be found"
                continue
            status[f] = "converged" if d[k] > 0 else "zero_variance"
            reasons[f] = None if d[k] > 0 else "the variance between interviewers is estimated as zero"
            numbers["loglik"][f] = loglik[k]
            inside = _Estimate(here.b[k, 0], float(d[k] * here.s2[k, 0]), float(here.s2[k, 0]))
            for name, value in _in_units(chosen.of([k]), inside).items():
                numbers[name][f] = value
    return WeightedFits(tuple(status), tuple(reasons), **numbers)


class _Estimate(Struct, frozen=True, eq=False):
    """One fit, inside scale."""

    b: FloatArray
    between: float
    residual: float


def _cannot_fit(moments: Moments, f: int) -> str | None:
    """Why fit f has no answer, or None."""
    total = moments.cross[f].sum(0)
    p = total.shape[0] - 1
    sum_of_weights = float(moments.n[f].sum())
    if sum_of_weights <= 0:
        return "no interviews with a weight are left"
    if (moments.n[f] > 0).sum() < 2:
        return "only one interviewer has interviews with a weight"
    if total[p, p] <= 0.5 * sum_of_weights:
        return "all answers are the same"
    if np.linalg.eigvalsh(total[:p, :p])[0] < 1e-9 * sum_of_weights:
        return "the covariates determine each other (collinear)"
    if variance_within(moments.cross[f], (0,)) <= 1e-9 * total[p, p]:
        return "no interviewer has different answers that count, so interviewers and residual cannot be told apart"
    return None


def _in_units(moments: Moments, inside: _Estimate) -> dict[str, FloatArray]:
    """Estimates and standard errors of one fit, from the inside scale to the user's."""
    p = len(inside.b)
    to_units, sd = back_transform(moments)[0], float(moments.scale[0, p])
    fixed = sd * (to_units @ inside.b)
    fixed[0] += moments.centre[0, p]
    covariance = sandwich_covariance(moments.cross[0], inside.b, inside.between, inside.residual)
    variance = np.array([inside.between, inside.residual])
    total = variance.sum()
    change = np.array([inside.residual, -inside.between]) / total**2
    icc_variance = change @ covariance[p:, p:] @ change
    alive = inside.between > 0
    with np.errstate(invalid="ignore"):  # NaN at the bound, and where rounding is all that is left of a variance
        fixed_se = sd * np.sqrt(np.diagonal(to_units @ covariance[:p, :p] @ to_units.T))
        variance_se = sd**2 * np.sqrt(np.diagonal(covariance)[p:])
        icc_se = np.sqrt(icc_variance)
    return {
        "fixed": fixed,
        "fixed_se": fixed_se,
        "variance": variance * sd**2,
        "variance_se": variance_se,
        "icc": np.asarray(inside.between / total),
        "icc_se": np.asarray(icc_se if alive else np.nan),
    }


def sandwich_covariance(cross: FloatArray, b: FloatArray, between: float, residual: float) -> FloatArray:
    """(p+2, p+2) covariance of (b, variance between, residual variance): A^-1 B A^-1 J/(J - 1).

    A is minus the second derivative of the log pseudo-likelihood, B the sum over the J interviewers of the outer
    products of its first derivative (Rabe-Hesketh & Skrondal 2006, section 4). With W_j = sum w, T_j = sum w e,
    S_j = sum w e^2, D_j = s + t W_j, an interviewer's part is

        -1/2 [(W - 1) log s + log D + (S - T^2/W)/s + T^2/(W D)].

    A variance t of zero is held there: its rows and columns are NaN.
    """
    p = len(b)
    cross = cross[cross[:, 0, 0] > 0]
    v = np.append(-b, 1.0)
    s, t = residual, between
    w, x1 = cross[:, 0, 0], cross[:, 0, :p]
    xx, xe = cross[:, :p, :p], cross[:, :p, :] @ v
    total = cross[:, 0, :] @ v
    squares = np.einsum("a,jab,b->j", v, cross, v)
    d = s + t * w
    between_part = total**2 / w
    within_part = np.maximum(squares - between_part, 0.0)

    score = np.empty((len(w), p + 2))
    score[:, :p] = xe / s - (t * total / (s * d))[:, None] * x1
    score[:, p] = -(w / d - between_part * w / d**2) / 2
    score[:, p + 1] = -((w - 1) / s + 1 / d - within_part / s**2 - between_part / d**2) / 2

    bread = np.empty((p + 2, p + 2))
    bread[:p, :p] = (xx / s - (t / (s * d))[:, None, None] * x1[:, :, None] * x1[:, None, :]).sum(0)
    bread[:p, p] = bread[p, :p] = ((total / d**2)[:, None] * x1).sum(0)
    bread[:p, p + 1] = bread[p + 1, :p] = (xe / s**2 - (t * total * (d + s) / (s * d) ** 2)[:, None] * x1).sum(0)
    bread[p, p] = ((-(w**2) / d**2 + 2 * between_part * w**2 / d**3) / 2).sum()
    bread[p, p + 1] = bread[p + 1, p] = ((-w / d**2 + 2 * between_part * w / d**3) / 2).sum()
    bread[p + 1, p + 1] = ((-(w - 1) / s**2 - 1 / d**2 + 2 * within_part / s**3 + 2 * between_part / d**3) / 2).sum()

    free = np.arange(p + 2) if t > 0 else np.delete(np.arange(p + 2), p)
    inverse = np.linalg.pinv(bread[np.ix_(free, free)], rcond=1e-14, hermitian=True)
    meat = score[:, free].T @ score[:, free]
    count = len(w)
    covariance = np.full((p + 2, p + 2), np.nan)
    covariance[np.ix_(free, free)] = inverse @ meat @ inverse * (count / (count - 1))
    return covariance
