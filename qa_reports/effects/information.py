"""What the curvature of the likelihood says: degrees of freedom, standard errors of variances, joint tests.

Sizes: B = (F, K) fits and variants, r elements of D, p fixed effects. Inside scale unless said otherwise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qa_reports.effects.likelihood import Profile
from qa_reports.effects.problem import lower_triangle, symmetric_basis
from qa_reports.effects.small_matrices import unit_diagonal

FloatArray = NDArray[np.float64]

BOUND = 1e-6
"""Smallest eigenvalue of the random terms' correlation matrix below which they count as perfectly correlated."""


def satterthwaite_df(here: Profile, contrasts: FloatArray) -> FloatArray:
    """(F, L) Satterthwaite degrees of freedom of L contrasts c'b, `contrasts` (F, L, p), all on the inside scale.

    df = 2 V^2 / Var(V) with V = c'Var(b)c and Var(V) by the delta method from the information of the variance
    parameters (Giesbrecht & Burns 1985; Kuznetsova et al. 2017, lmerTest). Written in (D, log s2) the residual
    variance is a factor of V and Var(log V) = 2 / df has no unit. Observed information where it is positive
    definite, expected information otherwise (at a bound).
    """
    unscaled = contrasts @ here.s_inverse[:, 0]
    v = (unscaled * contrasts).sum(-1)
    change = -np.einsum("flp,fapq,flq->fla", unscaled, here.s_gradient[:, 0], unscaled)
    log_gradient = np.concatenate([change / v[..., None], np.ones((*v.shape, 1))], axis=-1)
    best = here.observed_information
    if not here.definite.all():
        best = np.where(here.definite[..., None, None], best, here.expected_information)
    return degrees_of_freedom(best[:, 0], log_gradient)


def degrees_of_freedom(info: FloatArray, log_gradient: FloatArray) -> FloatArray:
    """2 / Var(log V), `log_gradient` (B, L, r+1) the gradient of log V in (D, log s2), `info` (B, r+1, r+1)."""
    return np.asarray(2 / inverse_form(info, log_gradient, 1e-12))


def inverse_form(matrix: FloatArray, vectors: FloatArray, rcond: float) -> FloatArray:
    """(..., L) v'A^+ v of L vectors (..., L, r) each, with the pseudo-inverse of a symmetric A (..., r, r).

    Its eigenvalues up to `rcond` times the largest one count as 0.
    """
    values, axes = np.linalg.eigh(matrix)
    size = np.abs(values)
    seen = size > rcond * size.max(-1, keepdims=True)
    along = vectors @ axes
    return np.asarray((along**2 / np.where(seen, values, np.inf)[..., None, :]).sum(-1))


def component_standard_errors(
    here: Profile, relative: FloatArray, transform: FloatArray, unit: FloatArray
) -> FloatArray:
    """(F, r+1) standard errors of the variance components and the residual variance, user's units.

    By the delta method from the observed information of (D, log s2); NaN where that is not positive definite, as at a
    bound, where a standard error means nothing. `relative` (F, q, q) is D, `transform` (F, q, q) takes random terms to
    the user's columns, `unit` (F,) is the sd of y.
    """
    q = relative.shape[-1]
    rows, columns = lower_triangle(q)
    scale = here.s2[:, 0] * unit**2
    moved = transform[:, None] @ symmetric_basis(q) @ np.swapaxes(transform, -1, -2)[:, None]
    r = len(rows)
    jacobian = np.zeros((len(scale), r + 1, r + 1))
    jacobian[:, :r, :r] = scale[:, None, None] * np.swapaxes(moved[..., rows, columns], -1, -2)
    absolute = scale[:, None, None] * (transform @ relative @ np.swapaxes(transform, -1, -2))
    jacobian[:, :r, r] = absolute[:, rows, columns]
    jacobian[:, r, r] = scale
    at_bound = np.linalg.eigvalsh(unit_diagonal(relative))[:, 0] < BOUND
    usable = here.definite[:, 0] & ~at_bound
    variance = inverse_form(here.observed_information[:, 0], jacobian, 1e-12)
    return np.asarray(np.sqrt(np.where(usable[:, None] & (variance > 0), variance, np.nan)))


def wald_f(here: Profile, contrasts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """F statistics and denominator degrees of freedom (F,) of the joint test of L contrasts, `contrasts` (F, L, p).

    The contrasts are rotated to independent ones, each with its Satterthwaite degrees of freedom, which Fai & Cornelius
    (1996, J. Stat. Comput. Simul. 54) combine: 2E/(E - L) with E the sum of nu/(nu - 2) (as lmerTest does).
    """
    s2 = here.s2[:, 0]
    covariance = s2[:, None, None] * (contrasts @ here.s_inverse[:, 0] @ np.swapaxes(contrasts, -1, -2))
    estimate = (contrasts @ here.b[:, 0, :, None])[..., 0]
    values, vectors = np.linalg.eigh(covariance)
    rotated = np.swapaxes(vectors, -1, -2)
    squares = (rotated @ estimate[..., None])[..., 0] ** 2 / values
    size = contrasts.shape[1]
    nu = satterthwaite_df(here, rotated @ contrasts)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = (nu / (nu - 2)).sum(-1)
        combined = 2 * expected / (expected - size)
    df = np.where((nu > 2).all(-1), np.where(np.ptp(nu, axis=-1) < 1e-8, nu.mean(-1), combined), 2.0)
    return squares.sum(-1) / size, df
