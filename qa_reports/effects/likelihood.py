"""The profiled likelihood of linear mixed models on per-interviewer moments, with exact first and second derivatives.

Model of one fit (Bates, Maechler, Bolker & Walker 2015, J. Stat. Softw. 67(1), section 3):
y_j = X_j b + Z_j u_j + e_j with Var(u_j) = s2 D, Var(e_j) = s2 I, so Var(y_j) = s2 H_j, H_j = I + Z_j D Z_j'.
Fixed effects b and residual variance s2 are profiled out; what is left is a function of D alone:

    deviance(D) = sum_j log|H_j| + [REML: log|X'H^-1 X|] + m (1 + log(2 pi r2 / m)),
    r2 = min_b (y - Xb)'H^-1(y - Xb),  m = n - p (REML) or n (ML).

Everything follows from Q_j = (I + Z_j'Z_j D)^-1: log|H_j| = -log|Q_j|, Z_j'H_j^-1 Z_j = Q_j Z_j'Z_j and
Z_j'H_j^-1 C_j = Q_j Z_j'C_j for C = [X y], which stay finite when D is singular or zero.

Sizes: F fits, K variants of each fit (which interviewers count, see `keep`), J interviewers, q random terms,
r = q(q+1)/2 elements of D, p fixed effects. All on the standardised scale of the moments.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from msgspec import Struct
from msgspec.structs import asdict
from numpy.typing import NDArray

from qa_reports.effects.problem import Problem, Setup, lower_triangle, units_around_units
from qa_reports.effects.small_matrices import eliminated, in_front, swept, times, unit_diagonal

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


class Profile(Struct, frozen=True, eq=False, dict=True):
    """The profiled likelihood at one D per fit and variant, B = (F, K). r2 and penalty come with derivatives in D."""

    m: FloatArray
    """(B) degrees of freedom."""
    s_inverse: FloatArray
    """(B, p, p) (X'H^-1 X)^-1; times s2 it is the covariance of the fixed effects."""
    s_gradient: FloatArray
    """(B, r, p, p) derivative of X'H^-1 X."""
    b: FloatArray
    """(B, p) fixed effects."""
    r2: FloatArray
    """(B) penalised residual sum of squares."""
    r2_gradient: FloatArray
    """(B, r)."""
    r2_hessian: FloatArray
    """(B, r, r)."""
    penalty: FloatArray
    """(B) sum log|H_j|, plus log|X'H^-1 X| for REML."""
    penalty_gradient: FloatArray
    """(B, r)."""
    penalty_hessian: FloatArray
    """(B, r, r); minus it is twice the expected information of D at fixed s2."""

    @property
    def s2(self) -> FloatArray:
        """(B) residual variance."""
        return self.r2 / self.m

    @property
    def deviance(self) -> FloatArray:
        """(B) minus twice the profiled log-likelihood."""
        return np.asarray(self.penalty + self.m * (1 + np.log(2 * np.pi * self.r2 / self.m)))

    @property
    def gradient(self) -> FloatArray:
        """(B, r) derivative of the deviance in the elements of D."""
        return self.penalty_gradient + (self.m / self.r2)[..., None] * self.r2_gradient

    @property
    def hessian(self) -> FloatArray:
        """(B, r, r) second derivative of the deviance in the elements of D."""
        outer = self.r2_gradient[..., :, None] * self.r2_gradient[..., None, :]
        scaled = self.r2_hessian / self.r2[..., None, None] - outer / (self.r2**2)[..., None, None]
        return self.penalty_hessian + self.m[..., None, None] * scaled

    @cached_property
    def observed_information(self) -> FloatArray:
        """(B, r+1, r+1) observed information of (elements of D, log s2).

        Twice minus the log-likelihood is penalty(D) + m log s2 + r2(D)/s2; s2 = r2/m.
        """
        s2 = self.s2
        inner = self.penalty_hessian + self.r2_hessian / s2[..., None, None]
        return _bordered(inner, -self.r2_gradient / s2[..., None], self.m)

    @cached_property
    def expected_information(self) -> FloatArray:
        """(B, r+1, r+1) expected REML information: r2_ab/s2 becomes -2 penalty_ab and r2_a/s2 becomes -penalty_a."""
        return _bordered(-self.penalty_hessian, self.penalty_gradient, self.m)

    @cached_property
    def definite(self) -> BoolArray:
        """(B) whether the observed information is positive definite, as it need not be at a bound."""
        return np.asarray(np.linalg.eigvalsh(unit_diagonal(self.observed_information))[..., 0] > 1e-8)


def _bordered(inner: FloatArray, border: FloatArray, corner: FloatArray) -> FloatArray:
    r = border.shape[-1]
    matrix = np.empty((*corner.shape, r + 1, r + 1))
    matrix[..., :r, :r], matrix[..., r, r] = inner, corner
    matrix[..., :r, r] = matrix[..., r, :r] = border
    return matrix / 2


def profile(problem: Problem, relative: FloatArray) -> Profile:
    """Evaluate the profiled likelihood at `relative` (F, K, q, q), the covariance D of the random terms over s2."""
    if len(problem.random) == 1:
        return _profile_one_term(problem, relative[..., 0, 0])
    return assemble_profile(problem, **asdict(sums_of_several_terms(problem, relative)))


def deviance(problem: Problem, relative: FloatArray) -> FloatArray:
    """(F, K) the deviance alone, several times cheaper than `profile`: for comparing candidates."""
    return _deviance(problem, *_parts(problem, relative))


def deviances_in_common(problem: Problem, relative: FloatArray) -> FloatArray:
    """(G, F, K) the deviance at G values `relative` (F, G, q, q); the variants differ in nothing but their method."""
    return _deviance(problem, *(part.T[..., None] for part in _parts(problem, relative)))


def _deviance(problem: Problem, log_h: FloatArray, log_xx: FloatArray, r2: FloatArray) -> FloatArray:
    penalty = log_h + np.where(problem.restricted, log_xx, 0.0)
    return np.asarray(penalty + problem.m * (1 + np.log(2 * np.pi * r2 / problem.m)))


def penalty_and_r2(
    problem: Problem, relative: FloatArray, fixed: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """(F, K) each: the two parts of the deviance, without derivatives; at given fixed effects (F, K, p), else at the
    best ones."""
    log_h, log_xx, r2 = _parts(problem, relative, fixed)
    return log_h + np.where(problem.restricted, log_xx, 0.0), r2


def _parts(
    problem: Problem, relative: FloatArray, fixed: FloatArray | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(F, K) each: sum log|H_j|, log|X'H^-1 X| and r2."""
    keep, p = problem.keep, problem.n_fixed
    if len(problem.random) == 1:
        d = relative[..., 0]
        shrink = np.asarray(1 / (1 + d * problem.zz[:, :, 0, 0]))
        explained = keep * d * shrink @ problem.zc_products
        log_h = -(keep * np.log(shrink)).sum(-1)
    else:
        weight, log_h_each = _explaining(problem.zz, relative)
        explained = (keep[:, :, None] * weight).reshape(*weight.shape[:2], -1) @ problem.zc_products
        log_h = (keep * log_h_each).sum(-1)
    s = problem.total - explained.reshape(*explained.shape[:2], p + 1, p + 1)
    if fixed is None:
        log_xx, r2 = eliminated(s)
    else:
        log_xx = np.linalg.slogdet(s[..., :p, :p])[1]
        v = np.concatenate([-fixed, np.ones((*fixed.shape[:-1], 1))], axis=-1)
        r2 = np.einsum("...a,...ab,...b->...", v, s, v)
    return log_h, log_xx, _positive(r2, problem)


def _positive(r2: FloatArray, problem: Setup) -> FloatArray:
    """Keep a sum of squares that is zero but for rounding positive: such a fit runs off to infinity and is refused."""
    return np.asarray(np.maximum(r2, 1e-14 * problem.total[..., -1, -1] + 1e-300))


def slope_and_curvature(problem: Problem, d: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(F, K) each: the derivatives of the deviance in the only element of D, as `profile` has them, and no more."""
    z, keep, p = problem.zz[:, :, 0, 0], problem.keep, problem.n_fixed
    shrink = 1 / (1 + d[..., None] * z)
    narrow, kept = z * shrink, keep * shrink
    f, k, j = shrink.shape
    weights = np.empty((f, k, 3, j))
    weights[:, :, 0], weights[:, :, 1] = -d[..., None] * kept, -kept * shrink
    weights[:, :, 2] = -2 * narrow * weights[:, :, 1]
    sums = (weights.reshape(f, 3 * k, j) @ problem.zc_products).reshape(f, k, 3, p + 1, p + 1)
    return derivatives_of_one(
        problem,
        problem.total + sums[:, :, 0],
        sums[:, :, 1:],
        (kept * z).sum(-1),
        -(kept * z * narrow).sum(-1),
    )


def derivatives_of_one(
    problem: Setup, s: FloatArray, change: FloatArray, slope: FloatArray, curvature: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """(B) each: the first two derivatives of the deviance in the only element of D.

    `s` (B, p+1, p+1) is [X y]'H^-1[X y], `change` (B, 2, p+1, p+1) its derivatives, `slope` and `curvature` (B) are
    those of log|H|.
    """
    p, known = problem.n_fixed, swept(in_front(s))
    inverse, r2 = -known[:p, :p], _positive(known[p, p], problem)
    v = np.concatenate([-known[:p, p], np.ones_like(r2)[None]])
    first, second = change = in_front(change, 3)
    moved = np.einsum("gab...,b...->ga...", change, v)
    r2_1, r2_2 = np.einsum("ga...,a...->g...", moved, v)
    r2_2 = r2_2 - 2 * np.einsum("a...,ab...,b...->...", moved[0, :p], inverse, moved[0, :p])
    if problem.restricted.any():
        scaled = np.einsum("ab...,bc...->ac...", inverse, first[:p, :p])
        bent = np.einsum("ab...,ab...->...", inverse, second[:p, :p]) - np.einsum("ab...,ba...->...", scaled, scaled)
        slope = slope + problem.restricted * np.einsum("aa...->...", scaled)
        curvature = curvature + problem.restricted * bent
    return slope + problem.m * r2_1 / r2, curvature + problem.m * (r2_2 / r2 - (r2_1 / r2) ** 2)


def _profile_one_term(problem: Problem, d: FloatArray) -> Profile:
    """One random term: all sums over interviewers are products of a weight and a constant, hence matrix products."""
    z = problem.zz[:, :, 0, 0]
    shrink = 1 / (1 + d[..., None] * z)
    keep, width = problem.keep, problem.n_fixed + 1

    def weighted(weight: FloatArray) -> FloatArray:
        return (keep * weight @ problem.zc_products).reshape(*d.shape, width, width)

    s = problem.total - weighted(d[..., None] * shrink)
    first, second = -weighted(shrink**2), weighted(2 * z * shrink**3)
    return assemble_profile(
        problem,
        s=s,
        s_gradient=first[..., None, :, :],
        s_hessian=second[..., None, None, :, :],
        log_h=-(keep * np.log(shrink)).sum(-1),
        log_h_gradient=(keep * z * shrink).sum(-1)[..., None],
        log_h_hessian=-(keep * (z * shrink) ** 2).sum(-1)[..., None, None],
    )


class Sums(Struct, frozen=True, eq=False):
    """What a profile is assembled from, B = (F, K): S = [X y]'H^-1[X y] and log|H| with derivatives in D."""

    s: FloatArray
    """(B, p+1, p+1)."""
    s_gradient: FloatArray
    """(B, r, p+1, p+1)."""
    s_hessian: FloatArray
    """(B, r, r, p+1, p+1)."""
    log_h: FloatArray
    """(B)."""
    log_h_gradient: FloatArray
    """(B, r)."""
    log_h_hessian: FloatArray
    """(B, r, r)."""


def sums_of_several_terms(problem: Problem, relative: FloatArray) -> Sums:
    """Several random terms.

    With T = Q Z'C, W = Q Z'Z and the units E_a of the basis of D, an interviewer's part of S is -(Z'C)'D T, that of S_a
    -T'E_a T and that of S_ab T'(E_a W E_b + E_b W E_a)T; those of the derivatives of log|H| are tr(E_a W) and
    -tr(E_a W E_b W). Summed over interviewers are the products of the elements of T with those of Z'C, of T, and of T
    times each element of W: D and the units come afterwards.
    """
    q, width, r = len(problem.random), problem.n_fixed + 1, len(problem.basis)
    shrink, log_h_each = shrinkage(problem.zz, relative)
    t = times(shrink, problem.zc)
    rows, columns = lower_triangle(q)
    w = t[:, :, rows, np.array(problem.random)[columns]]  # for C has the columns of Z
    f, k, _, j = w.shape
    factors = np.empty((f, k, 2 + r, q, width, j))
    factors[:, :, 0], factors[:, :, 1] = problem.zc, t
    np.multiply(w[:, :, :, None, None], t[:, :, None], out=factors[:, :, 2:])
    kept_t, kept_w = ((problem.keep[:, :, None] * each.reshape(f, k, -1, j)).swapaxes(-1, -2) for each in (t, w))
    products = factors.reshape(f, k, -1, j) @ kept_t
    # The products with Z'C, with T, and with T times each element of W: (F, K, 2 + r, q, q, p+1, p+1).
    products = products.reshape(f, k, 2 + r, q, width, q, width).swapaxes(4, 5)
    units, traces = units_around_units(q)
    half = units.reshape(r * r, -1) @ products[:, :, 2:].reshape(f, k, -1, width * width)
    half = half.reshape(f, k, r, r, width, width)
    return Sums(
        s=problem.total - np.einsum("fkil,fkilcd->fkcd", relative, products[:, :, 0]),
        s_gradient=-np.einsum("ail,fkilcd->fkacd", problem.basis, products[:, :, 1]),
        s_hessian=half + half.swapaxes(-1, -2),
        log_h=(problem.keep * log_h_each).sum(-1),
        log_h_gradient=kept_w.sum(-2) @ np.einsum("ail,eil->ea", problem.basis, problem.basis),
        log_h_hessian=-np.einsum("abeg,fkeg->fkab", traces, w @ kept_w),
    )


def _explaining(zz: FloatArray, relative: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The lower triangle of D Q (F, K, r, J), which is symmetric, and -log|Q| (F, K, J).

    Two-by-two, D Q is (D + |D| adj(Z'Z)) / |I + Z'Z D|, and the determinant is 1 + tr(Z'Z D) + |Z'Z| |D|.
    """
    triangle = lower_triangle(relative.shape[-1])
    d, z = relative[:, :, *triangle], zz[:, :, *triangle]
    if d.shape[-1] != 3:
        shrink, log_h_each = shrinkage(zz, relative)
        return np.einsum("...il,...lcj->...icj", relative, shrink)[:, :, *triangle], log_h_each
    d_determinant, z_determinant = (
        each[:, :, :1] * each[:, :, 2:] - each[:, :, 1:2] ** 2 for each in (d[..., None], z)
    )
    determinant = (d * [1, 2, 1])[:, :, None] @ z + d_determinant * z_determinant + 1
    weight = d_determinant * (z[:, :, ::-1] * np.array([[1.0], [-1.0], [1.0]])) + d[..., None]
    weight /= determinant
    return weight, np.log(determinant[:, :, 0])


def shrinkage(zz: FloatArray, relative: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Q = (I + Z'Z D)^-1 (F, K, q, q, J) and -log|Q| (F, K, J), of Z'Z (F, 1, q, q, J) and D (F, K, q, q).

    The eigenvalues of I + Z'Z D are all at least 1, so that the two-by-two case can be written out.
    """
    q = relative.shape[-1]
    m = np.einsum("...ilj,...lc->...icj", zz, relative)
    m += np.eye(q)[..., None]
    if q == 1:
        return 1 / m, np.log(m[..., 0, 0, :])
    if q != 2:
        back = np.moveaxis(m, -1, -3)
        return np.moveaxis(np.linalg.inv(back), -3, -1), np.linalg.slogdet(back)[1]
    determinant = m[..., 0, 0, :] * m[..., 1, 1, :] - m[..., 0, 1, :] * m[..., 1, 0, :]
    adjugate = m[..., ::-1, ::-1, :].swapaxes(-2, -3) * np.array([[1.0, -1.0], [-1.0, 1.0]])[..., None]
    return adjugate / determinant[..., None, None, :], np.log(determinant)


def assemble_profile(
    problem: Setup,
    *,
    s: FloatArray,
    s_gradient: FloatArray,
    s_hessian: FloatArray,
    log_h: FloatArray,
    log_h_gradient: FloatArray,
    log_h_hessian: FloatArray,
) -> Profile:
    """From S = [X y]'H^-1[X y] and its derivatives to the profile.

    r2 is the Schur complement of S_XX. With v = [-b; 1]: r2_a = v'S_a v and
    r2_ab = v'S_ab v - 2 (S_a v)_X' S_XX^-1 (S_b v)_X, because b moves along.
    """
    p = problem.n_fixed
    xx, xy = s[..., :p, :p], s[..., :p, p]
    s_inverse = np.asarray(np.linalg.inv(xx), dtype=np.float64)
    b = (s_inverse @ xy[..., None])[..., 0]
    v = np.concatenate([-b, np.ones((*b.shape[:-1], 1))], axis=-1)
    s_a_v = (s_gradient @ v[..., None, :, None])[..., 0]
    moved = s_a_v[..., :p] @ s_inverse
    r2_hessian = ((s_hessian @ v[..., None, None, :, None])[..., 0] * v[..., None, None, :]).sum(-1)
    r2_hessian -= 2 * moved @ np.swapaxes(s_a_v[..., :p], -1, -2)
    penalty, penalty_gradient, penalty_hessian = log_h, log_h_gradient, log_h_hessian
    gradient_xx = s_gradient[..., :p, :p]
    if problem.restricted.any():
        scaled = s_inverse[..., None, :, :] @ gradient_xx
        bent = np.einsum("...pq,...abqp->...ab", s_inverse, s_hessian[..., :p, :p])
        bent -= np.einsum("...apq,...bqp->...ab", scaled, scaled)
        penalty = penalty + problem.restricted * np.linalg.slogdet(xx)[1]
        penalty_gradient = penalty_gradient + problem.restricted[:, None] * np.trace(scaled, axis1=-2, axis2=-1)
        penalty_hessian = penalty_hessian + problem.restricted[:, None, None] * bent
    return Profile(
        m=problem.m,
        s_inverse=s_inverse,
        s_gradient=gradient_xx,
        b=b,
        r2=_positive(s[..., p, p] - (xy * b).sum(-1), problem),
        r2_gradient=(s_a_v * v[..., None, :]).sum(-1),
        r2_hessian=r2_hessian,
        penalty=penalty,
        penalty_gradient=penalty_gradient,
        penalty_hessian=penalty_hessian,
    )
