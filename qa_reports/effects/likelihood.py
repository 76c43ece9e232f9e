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

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from qa_reports.effects.moments import Moments

FloatArray = NDArray[np.float64]
Method = Literal["REML", "ML"]


class Setup(Protocol):
    """What a profile is assembled for; the arrays lead with B = (F, K)."""

    @property
    def method(self) -> Method:
        """REML or ML."""
        ...

    @property
    def n_fixed(self) -> int:
        """Number of fixed columns, p."""
        ...

    @property
    def m(self) -> FloatArray:
        """(B) degrees of freedom of the residual variance."""
        ...

    @property
    def total(self) -> FloatArray:
        """(B, p+1, p+1) cross products [X y]'[X y]."""
        ...


@dataclass(frozen=True, eq=False)
class Problem:
    """The part of the moments that does not change with D, for F fits in K variants.

    `keep` (F, K, J) says how often an interviewer counts in a variant: 1 or 0 (left out).
    """

    moments: Moments
    random: tuple[int, ...]
    """(q,) which fixed columns carry random terms."""
    method: Method
    keep: FloatArray

    @cached_property
    def basis(self) -> FloatArray:
        """(r, q, q) symmetric matrices E_a with D = sum_a d_a E_a, d the lower triangle of D row by row."""
        return symmetric_basis(len(self.random))

    @cached_property
    def workload(self) -> FloatArray:
        """(F, K, q) mean of the diagonal of Z'Z over the interviewers who count: the scale of 1/D."""
        present = self.keep * (self.moments.n[:, None, :] > 0)
        squares = np.diagonal(self.zz, axis1=-2, axis2=-1)
        return np.asarray((present[..., None] * squares).sum(2) / present.sum(2)[..., None])

    @cached_property
    def total(self) -> FloatArray:
        """(F, K, p+1, p+1) cross products of the interviewers kept."""
        f, j, width, _ = self.moments.cross.shape
        total = self.keep @ self.moments.cross.reshape(f, j, width * width)
        return np.asarray(total.reshape(f, -1, width, width))

    @cached_property
    def zz(self) -> FloatArray:
        """(F, 1, J, q, q) Z'Z."""
        return self.moments.cross[:, None, :, self.random, :][..., self.random]

    @cached_property
    def zc(self) -> FloatArray:
        """(F, 1, J, q, p+1) Z'[X y]."""
        return self.moments.cross[:, None, :, self.random, :]

    @cached_property
    def zc_products(self) -> FloatArray:
        """(F, J, (p+1)^2) outer products of Z'[X y], for a single random term."""
        zc = self.zc[:, 0, :, 0, :]
        return (zc[..., :, None] * zc[..., None, :]).reshape(*zc.shape[:2], -1)

    @cached_property
    def n(self) -> FloatArray:
        """(F, K) interviews."""
        return np.asarray(np.einsum("fkj,fj->fk", self.keep, self.moments.n.astype(float)))

    @cached_property
    def m(self) -> FloatArray:
        """(F, K) degrees of freedom of the residual variance."""
        return self.n - self.n_fixed if self.method == "REML" else self.n

    @property
    def n_fixed(self) -> int:
        """Number of fixed columns, p."""
        return int(self.moments.cross.shape[-1] - 1)


def symmetric_basis(q: int) -> FloatArray:
    """(r, q, q) matrices with ones at one place of the lower triangle, row by row, and at its mirror image."""
    rows, columns = np.tril_indices(q)
    basis = np.zeros((len(rows), q, q))
    basis[np.arange(len(rows)), rows, columns] = 1.0
    basis[np.arange(len(rows)), columns, rows] = 1.0
    return basis


def problem(moments: Moments, random: tuple[int, ...], method: Method, keep: FloatArray | None = None) -> Problem:
    """Set up F fits; `keep` (F, K, J) defaults to everyone once (K = 1)."""
    f, j = moments.n.shape
    return Problem(moments, random, method, np.ones((f, 1, j)) if keep is None else keep)


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
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


def profile(problem: Problem, relative: FloatArray, *, second: bool = True) -> Profile:
    """Evaluate the profiled likelihood at `relative` (F, K, q, q), the covariance D of the random terms over s2.

    `second=False` leaves the second derivatives of models with several random terms at NaN, which halves the cost.
    """
    if len(problem.random) == 1:
        return _profile_one_term(problem, relative[..., 0, 0])
    return _profile_several_terms(problem, relative, second)


def deviance(problem: Problem, relative: FloatArray) -> FloatArray:
    """(F, K) the deviance alone, several times cheaper than `profile`: for comparing candidates."""
    penalty, r2 = penalty_and_r2(problem, relative)
    return np.asarray(penalty + problem.m * (1 + np.log(2 * np.pi * r2 / problem.m)))


def penalty_and_r2(
    problem: Problem, relative: FloatArray, fixed: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """(F, K) each: the two parts of the deviance, without derivatives; at given fixed effects (F, K, p), else at the
    best ones."""
    zz, zc, keep, p = problem.zz, problem.zc, problem.keep, problem.n_fixed
    if len(problem.random) == 1:
        d, z = relative[..., 0], zz[..., 0, 0]
        shrink = np.asarray(1 / (1 + d * z))
        explained = (keep * d * shrink @ problem.zc_products).reshape(problem.total.shape)
        log_h = -(keep * np.log(shrink)).sum(-1)
    else:
        d = relative[:, :, None]
        q_inverse = np.eye(len(problem.random)) + zz @ d
        shrink, determinant = _inverse(q_inverse)
        # sum_j keep_j Z'C' D Q Z'C as one product of flat weights and flat constants.
        weight = keep[..., None, None] * (d @ shrink)
        explained = np.einsum("fkjab,fjap,fjbs->fkps", weight, zc[:, 0], zc[:, 0], optimize=True)
        log_h = (keep * np.log(determinant)).sum(-1)
    s = problem.total - explained
    xx, xy = s[..., :p, :p], s[..., :p, p]
    if fixed is None:
        r2 = _positive(s[..., p, p] - (xy * np.linalg.solve(xx, xy[..., None])[..., 0]).sum(-1), problem)
    else:
        v = np.concatenate([-fixed, np.ones((*fixed.shape[:-1], 1))], axis=-1)
        r2 = _positive(np.einsum("...a,...ab,...b->...", v, s, v), problem)
    return log_h + (np.linalg.slogdet(xx)[1] if problem.method == "REML" else 0.0), r2


def _positive(r2: FloatArray, problem: Setup) -> FloatArray:
    """Keep a sum of squares that is zero but for rounding positive: such a fit runs off to infinity and is refused."""
    return np.asarray(np.maximum(r2, 1e-14 * problem.total[..., -1, -1] + 1e-300))


def _profile_one_term(problem: Problem, d: FloatArray) -> Profile:
    """One random term: all sums over interviewers are products of a weight and a constant, hence matrix products."""
    z = problem.zz[..., 0, 0]
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


def _profile_several_terms(problem: Problem, relative: FloatArray, second: bool) -> Profile:
    zz, zc, keep, basis = problem.zz, problem.zc, problem.keep, problem.basis
    d = relative[:, :, None]
    q_inverse = np.eye(len(problem.random)) + zz @ d
    shrink, determinant = _inverse(q_inverse)
    w, t = shrink @ zz, shrink @ zc
    kept_t = keep[..., None, None] * t
    t_transposed = np.swapaxes(t, -1, -2)
    s = problem.total - (np.swapaxes(zc, -1, -2) @ d @ kept_t).sum(2)
    # e_t[a] = E_a T_j, e_w[a] = E_a W_j; one loop over the few elements of D keeps the arrays small.
    e_t = [e @ t for e in basis]
    e_w = [e @ w for e in basis]
    r = len(basis)
    s_gradient = np.stack([-(np.swapaxes(kept_t, -1, -2) @ e_t[a]).sum(2) for a in range(r)], axis=2)
    s_hessian = np.full((*s.shape[:2], r, r, *s.shape[2:]), np.nan)
    log_h_hessian = np.full((*s.shape[:2], r, r), np.nan)
    for a in range(r if second else 0):
        for b in range(a + 1):
            half = (keep[..., None, None] * (t_transposed @ (e_w[a] @ e_t[b]))).sum(2)
            s_hessian[:, :, a, b] = s_hessian[:, :, b, a] = half + np.swapaxes(half, -1, -2)
            trace = np.einsum("fkjab,fkjba->fkj", e_w[a], e_w[b])
            log_h_hessian[:, :, a, b] = log_h_hessian[:, :, b, a] = -(keep * trace).sum(-1)
    return assemble_profile(
        problem,
        s=s,
        s_gradient=s_gradient,
        s_hessian=s_hessian,
        log_h=(keep * np.log(determinant)).sum(-1),
        log_h_gradient=np.stack([(keep * np.trace(x, axis1=-2, axis2=-1)).sum(-1) for x in e_w], axis=-1),
        log_h_hessian=log_h_hessian,
    )


def _inverse(matrices: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Inverses (..., q, q) and determinants (...) of I + Z'Z D, whose eigenvalues are all at least 1.

    The two-by-two case is written out: an interviewer's matrix is far smaller than a call to LAPACK.
    """
    if matrices.shape[-1] != 2:
        return np.asarray(np.linalg.inv(matrices)), np.asarray(np.linalg.det(matrices))
    a, b, c, d = (matrices[..., i, j] for i in range(2) for j in range(2))
    determinant = a * d - b * c
    inverse = np.empty_like(matrices)
    inverse[..., 0, 0], inverse[..., 0, 1], inverse[..., 1, 0], inverse[..., 1, 1] = d, -b, -c, a
    return inverse / determinant[..., None, None], determinant


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
    if problem.method == "REML":
        scaled = s_inverse[..., None, :, :] @ gradient_xx
        penalty = penalty + np.linalg.slogdet(xx)[1]
        penalty_gradient = penalty_gradient + np.trace(scaled, axis1=-2, axis2=-1)
        penalty_hessian = (
            penalty_hessian
            + np.einsum("...pq,...abqp->...ab", s_inverse, s_hessian[..., :p, :p])
            - np.einsum("...apq,...bqp->...ab", scaled, scaled)
        )
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
