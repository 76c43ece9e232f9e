"""Random-intercept models of weighted answers: pseudo-likelihood on weighted moments, with sandwich standard errors.

An interview of weight w counts as w interviews by the same interviewer with the same answers (Pfeffermann et al. 1998,
JRSS B 60(1); Rabe-Hesketh & Skrondal 2006, JRSS A 169(4)): the logarithm of its density, given the interviewer's
effect, is multiplied by w. For linear models the integral over the effect has a closed form, and everything it needs
from interviewer j is again a cross product, A_j = [X y]' diag(w) [X y].

Sizes: F fits, J interviewers, p fixed effects.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.effects.likelihood import Profile, profile
from qa_reports.effects.mixed_model import back_transform, variance_within
from qa_reports.effects.moments import Moments
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


def fit_weighted(moments: Moments) -> WeightedFits:
    """Maximise the pseudo-likelihood of F random-intercept models; one that fails does not disturb the others."""
    reasons = _obstacles(moments)
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
        found = _in_units(chosen, profile(setup, d[:, None, None, None]), d)
        for k, f in enumerate(usable):
            if not optimum.converged[k, 0]:
                reasons[f] = "the likelihood has no finite maximum that could be found"
                continue
            status[f] = "converged" if d[k] > 0 else "zero_variance"
            reasons[f] = None if d[k] > 0 else "the variance between interviewers is estimated as zero"
            for name, values in found.items():
                numbers[name][f] = values[k]
    return WeightedFits(tuple(status), tuple(reasons), **numbers)


def _obstacles(moments: Moments) -> list[str | None]:
    """(F,) why a fit has no answer, or None; of several reasons the first is told."""
    total, sum_of_weights = moments.cross.sum(1), moments.n.sum(1)
    p = total.shape[-1] - 1
    checks = (
        (sum_of_weights <= 0, "no interviews with a weight are left"),
        ((moments.n > 0).sum(1) < 2, "only one interviewer has interviews with a weight"),
        (total[:, p, p] <= 0.5 * sum_of_weights, "all answers are the same"),
        (
            np.linalg.eigvalsh(total[:, :p, :p])[:, 0] < 1e-9 * sum_of_weights,
            "the covariates determine each other (collinear)",
        ),
        (
            variance_within(moments.cross, (0,)) <= 1e-9 * total[:, p, p],
            "no interviewer has different answers that count, so interviewers and residual cannot be told apart",
        ),
    )
    return [next((reason for holds, reason in checks if holds[f]), None) for f in range(len(total))]


def _in_units(moments: Moments, here: Profile, d: FloatArray) -> dict[str, FloatArray]:
    """Estimates and standard errors, from the inside scale to the user's; `d` (F,) relative variances."""
    b, residual, between = here.b[:, 0], here.s2[:, 0], d * here.s2[:, 0]
    p = b.shape[-1]
    to_units, sd = back_transform(moments), moments.scale[:, p]
    fixed = sd[:, None] * (to_units @ b[..., None])[..., 0]
    fixed[:, 0] += moments.centre[:, p]
    covariance = sandwich_covariance(moments.cross, b, between, residual)
    variance = np.stack([between, residual], axis=1)
    total = variance.sum(1)
    change = np.stack([residual, -between], axis=1) / total[:, None] ** 2
    icc_variance = np.einsum("fa,fab,fb->f", change, covariance[:, p:, p:], change)
    of_fixed = to_units @ covariance[:, :p, :p] @ np.swapaxes(to_units, -1, -2)
    with np.errstate(invalid="ignore"):  # NaN at the bound, and where rounding is all that is left of a variance
        fixed_se = sd[:, None] * np.sqrt(np.diagonal(of_fixed, axis1=-2, axis2=-1))
        variance_se = sd[:, None] ** 2 * np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1)[:, p:])
        icc_se = np.sqrt(icc_variance)
    return {
        "loglik": -here.deviance[:, 0] / 2 - here.m[:, 0] * np.log(sd),
        "fixed": fixed,
        "fixed_se": fixed_se,
        "variance": variance * sd[:, None] ** 2,
        "variance_se": variance_se,
        "icc": between / total,
        "icc_se": np.where(d > 0, icc_se, np.nan),
    }


def sandwich_covariance(cross: FloatArray, b: FloatArray, between: FloatArray, residual: FloatArray) -> FloatArray:
    """(F, p+2, p+2) covariance of (b, variance between, residual variance): A^-1 B A^-1 J/(J - 1).

    A is minus the second derivative of the log pseudo-likelihood, B the sum over the J interviewers of the outer
    products of its first derivative (Rabe-Hesketh & Skrondal 2006, section 4). With W_j = sum w, T_j = sum w e,
    S_j = sum w e^2, D_j = s + t W_j, an interviewer's part is

        -1/2 [(W - 1) log s + log D + (S - T^2/W)/s + T^2/(W D)].

    A variance t of zero is held there: its rows and columns are NaN.

    Args:
        cross: (F, J, p+1, p+1) weighted cross products.
        b: (F, p) fixed effects.
        between: (F,) t.
        residual: (F,) s.
    """
    f, p = b.shape
    v = np.concatenate([-b, np.ones((f, 1))], axis=1)
    s, t = residual[:, None], between[:, None]
    present = cross[..., 0, 0] > 0
    w, x1 = np.where(present, cross[..., 0, 0], 1.0), cross[..., 0, :p]  # who is not there adds nothing
    all_e = (cross @ v[:, None, :, None])[..., 0]
    xe, total = all_e[..., :p], all_e[..., 0]
    squares = (all_e * v[:, None]).sum(-1)
    d = s + t * w
    between_part = total**2 / w
    within_part = np.maximum(squares - between_part, 0.0)

    score = np.empty((*w.shape, p + 2))
    score[..., :p] = xe / s[..., None] - (t * total / (s * d))[..., None] * x1
    score[..., p] = -(w / d - between_part * w / d**2) / 2
    score[..., p + 1] = -((w - 1) / s + 1 / d - within_part / s**2 - between_part / d**2) / 2

    score *= present[..., None]

    bread = np.empty((f, p + 2, p + 2))
    whole = cross.sum(1)
    bread[:, :p, :p] = whole[:, :p, :p] / s[..., None] - np.swapaxes(x1 * (t / (s * d))[..., None], -1, -2) @ x1
    bread[:, :p, p] = bread[:, p, :p] = ((total / d**2)[..., None] * x1).sum(1)
    of_residual = xe / s[..., None] ** 2 - (t * total * (d + s) / (s * d) ** 2)[..., None] * x1
    bread[:, :p, p + 1] = bread[:, p + 1, :p] = of_residual.sum(1)
    second = (
        (p, p, -(w**2) / d**2 + 2 * between_part * w**2 / d**3),
        (p, p + 1, -w / d**2 + 2 * between_part * w / d**3),
        (p + 1, p + 1, -(w - 1) / s**2 - 1 / d**2 + 2 * within_part / s**3 + 2 * between_part / d**3),
    )
    for row, column, parts in second:
        bread[:, row, column] = bread[:, column, row] = (parts * present).sum(1) / 2

    held = between <= 0
    bread[held, p] = bread[held, :, p] = 0.0
    bread[held, p, p] = bread[held, p + 1, p + 1]
    inverse = np.linalg.pinv(bread, rcond=1e-14, hermitian=True)
    meat = np.swapaxes(score, -1, -2) @ score
    count = present.sum(1)
    covariance = inverse @ meat @ inverse * (count / (count - 1))[:, None, None]
    covariance[held, p] = covariance[held, :, p] = np.nan
    return np.asarray(covariance)
