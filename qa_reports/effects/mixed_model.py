"""Fit linear mixed models to moments: variance components, fixed effects, EBLUPs and their two standard errors.

Sizes: F fits, J interviewers, q random terms, p fixed effects. Results are in the user's units: the standardised
scale of the moments ends here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.effects.information import BOUND, component_standard_errors, inverse_form, satterthwaite_df
from qa_reports.effects.likelihood import Profile, deviance, profile, shrinkage
from qa_reports.effects.moments import Moments
from qa_reports.effects.optimise import Optimum, minimise, minimise_also_from, profile_at
from qa_reports.effects.problem import Method, Problem, problem
from qa_reports.effects.small_matrices import times

FloatArray = NDArray[np.float64]

SINGULAR = 1e-6
"""A random term whose reliability at the mean workload is below this counts as having no variance."""


class MixedModelFits(Struct, frozen=True, eq=False):
    """F fitted models. Where `status` is "failed" all numbers are NaN and `reason` says why."""

    method: Method
    status: tuple[str, ...]
    """(F,) converged | zero_variance | singular | failed."""
    reason: tuple[str | None, ...]
    """(F,) what bound was reached or why it failed."""
    n: FloatArray
    """(F,) interviews."""
    fixed: FloatArray
    """(F, p) fixed effects."""
    fixed_covariance: FloatArray
    """(F, p, p) their covariance, s2 (X'H^-1 X)^-1."""
    satterthwaite_df: FloatArray
    """(F, p) degrees of freedom of each fixed effect's t."""
    residual_variance: FloatArray
    """(F,)."""
    covariance: FloatArray
    """(F, q, q) covariance of the random terms."""
    component_se: FloatArray
    """(F, r+1) standard errors of the lower triangle of `covariance`, row by row, and of the residual variance; NaN
    at a bound."""
    loglik: FloatArray
    """(F,) log-likelihood by `method`, in the units of the data and the basis of the columns as given."""
    loglik_ml: FloatArray
    """(F,) maximised full log-likelihood; for ML fits the same as `loglik`."""
    loglik_without: FloatArray
    """(F,) log-likelihood by `method` without any random term: for the test of a single variance."""
    eblup: FloatArray
    """(F, J, q) predicted random effects; 0 for interviewers without interviews."""
    conditional_sd: FloatArray
    """(F, J, q) sd of the random effect given the data, fixed effects known (lme4's condVar)."""
    diagnostic_se: FloatArray
    """(F, J, q) sd of the EBLUP itself, sqrt(Var(u) - Var(u|y)), fixed effects known (Skrondal & Rabe-Hesketh 2009)."""
    relative: FloatArray
    """(F, q, q) covariance of the random terms over the residual variance on the standardised scale: a start for
    further fits on the same moments."""
    relative_ml: FloatArray
    """(F, q, q) the same where the full likelihood is highest; for ML fits `relative`."""


def fit_mixed_models(
    moments: Moments, random: tuple[int, ...], method: Method, start: FloatArray | None = None
) -> MixedModelFits:
    """Fit F models at once; `random` names the fixed columns (by position) that vary between interviewers.

    A fit that cannot be estimated does not disturb the others. `start` (F, q, q): the relative covariances of a similar
    fit, such as with fewer covariates, from where the search is made as well.
    """
    return _fit_usable(moments, random, method, minimise if start is None else minimise_also_from, start)


def fit_by_ml(moments: Moments, random: tuple[int, ...], reml: MixedModelFits) -> MixedModelFits:
    """Fits by ML of models that were fitted by REML, which have found out where the full likelihood is highest."""
    return _fit_usable(moments, random, "ML", minimise, None if len(random) == 1 else reml.relative_ml)


def _fit_usable(
    moments: Moments,
    random: tuple[int, ...],
    method: Method,
    search: Callable[[Problem, FloatArray], Optimum],
    start: FloatArray | None,
) -> MixedModelFits:
    reasons = obstacles(moments, random)
    usable = [f for f, reason in enumerate(reasons) if reason is None]
    if not usable:
        return _all_failed(moments, random, method, reasons)
    some = moments.of(usable)
    if start is None or np.isnan(start[usable]).any():
        fits = _fit(some, random, method, minimise)
    else:
        fits = _fit(some, random, method, lambda setup: search(setup, start[usable, None]))
    return fits if len(usable) == len(reasons) else _scatter(fits, usable, reasons)


def obstacles(moments: Moments, random: tuple[int, ...]) -> list[str | None]:
    """(F,) why a fit has no answer, found before fitting; None where nothing stands in the way.

    The checks are on standardised moments, so no tolerance has a unit.
    """
    n, total = moments.n, moments.cross.sum(1)
    p = total.shape[-1] - 1
    all_n = n.sum(1)
    collinear = np.linalg.eigvalsh(total[:, :p, :p])[:, 0] <= 1e-9 * all_n
    fixed = np.where(collinear[:, None, None], np.eye(p), total[:, :p, :p])
    # Of several reasons the first is told.
    checks = (
        (all_n == 0, "no interviews are left"),
        ((n > 0).sum(1) < 2, "only one interviewer has interviews"),
        (n.max(1) < 2, "every interviewer has one interview, so interviewers and residual cannot be told apart"),
        (total[:, p, p] <= 0.5, "all answers are the same"),
        (all_n - p - len(random) < 1, "{n} interviews are too few for {p} fixed effects"),
        (collinear, "the covariates determine each other (collinear)"),
        (
            _tell_interviewers_apart(moments.cross, fixed, random),
            "the covariates alone tell the interviewers apart, so their variance cannot be estimated",
        ),
        (
            variance_within(moments.cross, random) <= 1e-12 * total[:, p, p],
            "the answers of each interviewer are all the same, so there is no residual variance",
        ),
    )
    return [next((reason.format(n=all_n[f], p=p) for holds, reason in checks if holds[f]), None) for f in range(len(n))]


def _tell_interviewers_apart(cross: FloatArray, fixed: FloatArray, random: tuple[int, ...]) -> NDArray[np.bool_]:
    """(F,) whether the fixed effects span the columns of a random term; `fixed` (F, p, p) is X'X."""
    p = fixed.shape[-1]
    found = np.zeros(len(cross), dtype=bool)
    for term in random:
        zx, zz = cross[:, :, term, :p], cross[:, :, term, term].sum(1)
        found |= spanned(fixed, zz, np.swapaxes(zx, -1, -2) @ zx)
    return found


def spanned(xx: FloatArray, zz: FloatArray, xzzx: FloatArray) -> NDArray[np.bool_]:
    """(...) whether the fixed effects span the columns of a random term, such as one covariate of two interviewers.

    With M = I - X(X'X)^-1X' then Z'MZ = 0: REML sees nothing of the term's variance and has no maximum.

    Args:
        xx: (..., p, p) X'X.
        zz: (...) the trace of Z'Z.
        xzzx: (..., p, p) X'ZZ'X.
    """
    return np.asarray(zz - np.einsum("...ab,...ab->...", np.linalg.inv(xx), xzzx) <= 1e-9 * zz)


def variance_within(cross: FloatArray, random: tuple[int, ...]) -> FloatArray:
    """(...) residual sum of squares when every interviewer has own random terms and all fixed effects are free.

    `cross`: (..., J, p+1, p+1).
    """
    left, roots = cross.sum(-3), list[FloatArray]()
    for term in random:
        # A row of the Cholesky factor of each interviewer's products, nothing where the terms before say it all.
        row = cross[..., term, :] - sum(root[..., [term]] * root for root in roots)
        pivot = row[..., [term]]
        known = pivot > 1e-10 * cross[..., term, [term]]
        roots.append(row / np.sqrt(np.where(known, pivot, np.inf)))
        left = left - np.swapaxes(roots[-1], -1, -2) @ roots[-1]
    p = left.shape[-1] - 1
    return np.asarray(left[..., p, p] - inverse_form(left[..., :p, :p], left[..., None, :p, p], 1e-8)[..., 0])


def _fit(
    moments: Moments, random: tuple[int, ...], method: Method, search: Callable[[Problem], Optimum]
) -> MixedModelFits:
    setup = problem(moments, random, method)
    if method == "REML" and len(random) == 1:
        both = minimise(setup.by("REML", "ML"))
        optimum, by_ml = both.of(0), both.of(1)
    else:
        optimum = search(setup)
        by_ml = minimise_also_from(setup.by("ML"), optimum.relative) if method == "REML" else optimum
    relative = _snap_to_bound(setup, optimum.relative)
    here = profile_at(setup, optimum) if (relative == optimum.relative).all() else profile(setup, relative)
    outcomes = _statuses(setup, relative[:, 0], optimum.converged[:, 0])
    by_ml = by_ml if method == "REML" else Optimum(relative, optimum.converged, here.deviance)
    return _in_units(setup, method, here, relative[:, 0], outcomes, by_ml)


def _reliability(setup: Problem, relative: FloatArray) -> FloatArray:
    """(F, K, q) reliability of each random term at the mean workload: D n / (1 + D n)."""
    signal = np.diagonal(relative, axis1=-2, axis2=-1) * setup.workload
    return np.asarray(signal / (1 + signal))


def _snap_to_bound(setup: Problem, relative: FloatArray) -> FloatArray:
    """Set a variance that is zero but for rounding to exactly zero, with its covariances."""
    alive = _reliability(setup, relative) > 1e-9
    return np.asarray(relative * alive[..., :, None] * alive[..., None, :])


_OUTCOMES: tuple[tuple[str, str | None], ...] = (
    ("failed", "the likelihood has no finite maximum that could be found"),
    ("zero_variance", "the variance between interviewers is estimated as zero"),
    ("singular", "one of the variances between interviewers is estimated as zero"),
    ("singular", "the random terms are estimated as perfectly correlated"),
    ("converged", None),
)


def _statuses(setup: Problem, relative: FloatArray, converged: NDArray[np.bool_]) -> list[tuple[str, str | None]]:
    """(F,) statuses and reasons; `relative` (F, q, q), `converged` (F,)."""
    variances = np.diagonal(relative, axis1=-2, axis2=-1)
    correlated = np.zeros(len(relative), dtype=bool)
    varied = np.flatnonzero((variances > 0).all(-1))
    if relative.shape[-1] > 1 and varied.size:
        sd = np.sqrt(variances[varied])
        correlations = relative[varied] / (sd[:, :, None] * sd[:, None])
        correlated[varied] = np.linalg.eigvalsh(correlations)[:, 0] < BOUND
    hidden = (_reliability(setup, relative[:, None])[:, 0] <= SINGULAR).any(-1)
    holds = np.stack([~converged, ~variances.any(-1), hidden, correlated, np.ones_like(converged)])
    return [_OUTCOMES[first] for first in holds.argmax(0).tolist()]


def _in_units(
    setup: Problem,
    method: Method,
    here: Profile,
    relative: FloatArray,
    outcomes: list[tuple[str, str | None]],
    by_ml: Optimum,
) -> MixedModelFits:
    """From the standardised scale to the user's: y = centre + scale y_in, x = centre + scale x_in.

    Fixed effects: b = sd_y K b_in with K = [1, -m_k/s_k; 0, 1/s_k] (plus the centre of y on the intercept); random
    terms likewise with the rows and columns of K they occupy. The REML log-likelihood depends on the basis of X:
    log|X'H^-1 X| in the user's basis is the inside one minus 2 log|det T| with X_in = X T, det T = prod 1/s_k.
    """
    moments, random = setup.moments, setup.random
    p = setup.n_fixed
    to_units = back_transform(moments)
    sd = moments.scale[:, p]
    s2 = here.s2[:, 0]
    fixed = sd[:, None] * (to_units @ here.b[:, 0, :, None])[..., 0]
    fixed[:, 0] += moments.centre[:, p]
    k = to_units[:, random][:, :, random]
    log_scale = np.log(sd)
    basis = -np.log(moments.scale[:, :p]).sum(1) if method == "REML" else 0.0
    within_sd = np.sqrt(s2) * sd
    eblup, conditional, marginal = _random_effects(moments, random, here.b[:, 0], relative)
    keep_units = sd[:, None, None] * np.einsum("fab,fjb->fja", k, eblup)
    k_s = within_sd[:, None, None] * k
    covariance = within_sd[:, None, None] ** 2 * (k @ relative @ np.swapaxes(k, -1, -2))
    fits = MixedModelFits(
        method=method,
        status=tuple(status for status, _ in outcomes),
        reason=tuple(reason for _, reason in outcomes),
        n=setup.n[:, 0],
        fixed=fixed,
        fixed_covariance=(within_sd**2)[:, None, None]
        * (to_units @ here.s_inverse[:, 0] @ np.swapaxes(to_units, -1, -2)),
        satterthwaite_df=satterthwaite_df(here, to_units),
        residual_variance=within_sd**2,
        covariance=covariance,
        component_se=component_standard_errors(here, relative, k, sd),
        loglik=-here.deviance[:, 0] / 2 - here.m[:, 0] * log_scale + basis,
        loglik_ml=-by_ml.deviance[:, 0] / 2 - setup.n[:, 0] * log_scale,
        loglik_without=-deviance(setup, np.zeros_like(relative[:, None]))[:, 0] / 2 - here.m[:, 0] * log_scale + basis,
        eblup=keep_units,
        conditional_sd=_root_of_diagonal(k_s, conditional),
        diagnostic_se=_root_of_diagonal(k_s, marginal),
        relative=relative,
        relative_ml=by_ml.relative[:, 0].copy(),  # `relative` itself where that is by ML
    )
    return _blank_failed(fits)


def back_transform(moments: Moments) -> FloatArray:
    """(F, p, p) K: fixed effects per standard deviation of y in user columns = K times those of the inside columns."""
    f, width = moments.centre.shape
    p = width - 1
    to_units = np.zeros((f, p, p))
    to_units[:, np.arange(p), np.arange(p)] = 1 / moments.scale[:, :p]
    to_units[:, 0, :] -= moments.centre[:, :p] / moments.scale[:, :p]
    return to_units


def _random_effects(
    moments: Moments, random: tuple[int, ...], b: FloatArray, relative: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Inside scale, over s2: EBLUPs (F, J, q), Var(u|y) and Var(u_hat), both (F, q, q, J).

    u_hat = D Z'H^-1(y - Xb) and Var(u_hat) = D Z'H^-1Z D for known b; Var(u|y) = D - Var(u_hat).
    """
    v = np.concatenate([-b, np.ones((len(b), 1))], axis=-1)
    own = np.stack([(moments.cross[:, :, term] @ v[..., None])[..., 0] for term in random], axis=-1)
    z = np.moveaxis(moments.cross[:, :, random][..., random], 1, -1)
    gain = np.einsum("fil,flcj->ficj", relative, shrinkage(z[:, None], relative[:, None])[0][:, 0])
    marginal = np.einsum("filj,flc->ficj", times(gain, z), relative)
    return np.einsum("filj,fjl->fji", gain, own), relative[..., None] - marginal, marginal


def _root_of_diagonal(k: FloatArray, matrices: FloatArray) -> FloatArray:
    """(F, J, q) roots of the diagonals of K M K', of K (F, q, q) and M (F, q, q, J)."""
    return np.asarray(np.sqrt(np.maximum(np.einsum("fab,fbcj,fac->fja", k, matrices, k), 0.0)))


_NUMBERS = (
    "fixed", "fixed_covariance", "satterthwaite_df", "residual_variance", "covariance",
    "component_se",
    "loglik", "loglik_ml", "loglik_without", "eblup", "conditional_sd", "diagnostic_se", "relative",
    "relative_ml",
)  # fmt: skip


def _blank_failed(fits: MixedModelFits) -> MixedModelFits:
    for f, status in enumerate(fits.status):
        if status == "failed":
            for name in _NUMBERS:
                getattr(fits, name)[f] = np.nan
    return fits


def _scatter(fits: MixedModelFits, usable: list[int], reasons: list[str | None]) -> MixedModelFits:
    """Put the fits that could be made among those that could not."""
    count = len(reasons)

    def spread(values: FloatArray) -> FloatArray:
        out = np.full((count, *values.shape[1:]), np.nan)
        out[usable] = values
        return out

    status: list[str] = ["failed"] * count
    reason = list(reasons)
    for position, f in enumerate(usable):
        status[f], reason[f] = fits.status[position], fits.reason[position]
    return MixedModelFits(
        fits.method, tuple(status), tuple(reason), spread(fits.n), *(spread(getattr(fits, name)) for name in _NUMBERS)
    )


def _all_failed(moments: Moments, random: tuple[int, ...], method: Method, reasons: list[str | None]) -> MixedModelFits:
    f, j, width, _ = moments.cross.shape
    p, q = width - 1, len(random)
    own, random_terms = (j, q), (q, q)
    components = (q * (q + 1) // 2 + 1,)
    shapes = ((p,), (p, p), (p,), (), random_terms, components, (), (), (), own, own, own, random_terms, random_terms)
    return MixedModelFits(
        method, ("failed",) * f, tuple(reasons), np.full(f, np.nan), *(np.full((f, *s), np.nan) for s in shapes)
    )
