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
        """(F, r J, (p+1)^2) z_a z_b' + z_b z_a' of the rows of Z'[X y] for every element (a, b) of D, once for a = b.

        Any sum over interviewers of C'Z M Z'C with a symmetric M is a product of the elements of M with these.
        """
        zc = self.zc[:, 0]
        f, _, q, width = zc.shape
        elements = []
        for a, b in zip(*np.tril_indices(q), strict=True):
            product = zc[:, :, a, :, None] * zc[:, :, b, None, :]
            elements.append(product if a == b else product + np.swapaxes(product, -1, -2))
        return np.stack(elements, axis=1).reshape(f, -1, width * width)

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
    zz, keep, p = problem.zz, problem.keep, problem.n_fixed
    if len(problem.random) == 1:
        d, z = relative[..., 0], zz[..., 0, 0]
        shrink = np.asarray(1 / (1 + d * z))
        explained = (keep * d * shrink @ problem.zc_products).reshape(problem.total.shape)
        log_h = -(keep * np.log(shrink)).sum(-1)
    else:
        _, shrink, log_h_each = _shrinkage(zz, relative)
        rows, columns = np.tril_indices(len(problem.random))
        weight = _times(np.moveaxis(relative, (-2, -1), (0, 1))[..., None], shrink)[rows, columns]
        explained = _weighted(problem, np.moveaxis(keep * weight, 0, 2))
        log_h = (keep * log_h_each).sum(-1)
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
    """Several random terms. Matrices over interviewers have their indices in front: (q, q, F, K, J), see `_times`.

    With T = Q Z'C, W = Q Z'Z and units e_i e_j' of the basis of D: S_a = -T'E_a T sums -C'Z G_ij Z'C with
    G_ij = (Q'e_i)(Q'e_j)', and S_ab = T'(E_a W E_b + E_b W E_a)T sums W_jk (G_il + G_li) over the units of a and b.
    """
    keep, q = problem.keep, len(problem.random)
    z, shrink, log_h_each = _shrinkage(problem.zz, relative)
    w = _times(shrink, z)
    elements = list(zip(*(index.tolist() for index in np.tril_indices(q)), strict=True))
    rows, columns = np.tril_indices(q)
    r = len(elements)
    units = [[(i, j)] if i == j else [(i, j), (j, i)] for i, j in elements]
    kept = keep * shrink
    # g[i, l]: the elements of G_il + G_li, packed like D.
    g = {(i, j): kept[i, rows] * shrink[j, columns] + kept[j, rows] * shrink[i, columns] for i, j in elements}
    g |= {(j, i): value for (i, j), value in g.items()}
    pairs = [(a, b) for a in range(r) for b in range(a + 1)] if second else []
    weights = np.empty((*shrink.shape[2:4], 1 + r + len(pairs), r, shrink.shape[-1]))
    with_d = _times(np.moveaxis(relative, (-2, -1), (0, 1))[..., None], shrink)[rows, columns]
    weights[:, :, 0] = np.moveaxis(keep * with_d, 0, 2)
    for place, (i, j) in enumerate(elements, start=1):
        weights[:, :, place] = np.moveaxis(g[i, j] if i != j else g[i, j] / 2, 0, 2)
    for place, (a, b) in enumerate(pairs, start=1 + r):
        of_pair = sum(w[j, k] * g[i, m] for i, j in units[a] for k, m in units[b])
        weights[:, :, place] = np.moveaxis(of_pair, 0, 2)
    sums = _weighted(problem, weights)
    s_hessian = np.full((*sums.shape[:2], r, r, *sums.shape[3:]), np.nan)
    log_h_hessian = np.full((*sums.shape[:2], r, r), np.nan)
    for place, (a, b) in enumerate(pairs, start=1 + r):
        s_hessian[:, :, a, b] = s_hessian[:, :, b, a] = sums[:, :, place]
        trace = sum(w[j, k] * w[m, i] for i, j in units[a] for k, m in units[b])
        log_h_hessian[:, :, a, b] = log_h_hessian[:, :, b, a] = -(keep * trace).sum(-1)
    return assemble_profile(
        problem,
        s=problem.total - sums[:, :, 0],
        s_gradient=-sums[:, :, 1 : 1 + r],
        s_hessian=s_hessian,
        log_h=(keep * log_h_each).sum(-1),
        log_h_gradient=np.stack([(keep * sum(w[j, i] for i, j in unit)).sum(-1) for unit in units], axis=-1),
        log_h_hessian=log_h_hessian,
    )


def _weighted(problem: Problem, weights: FloatArray) -> FloatArray:
    """(F, K, ..., p+1, p+1) sums over interviewers of C'Z M Z'C; `weights` (F, K, ..., r, J): the elements of M."""
    f, k, *between, r, j = weights.shape
    width = problem.n_fixed + 1
    sums = np.ascontiguousarray(weights).reshape(f, -1, r * j) @ problem.zc_products
    return np.asarray(sums.reshape(f, k, *between, width, width))


def _times(a: FloatArray, b: FloatArray) -> FloatArray:
    """The products of small matrices whose indices stand in front, (q, q, ...): element by element over long arrays.

    An interviewer's matrix is far smaller than a call to BLAS.
    """
    q = len(a)
    return np.stack([np.stack([sum(a[i, k] * b[k, j] for k in range(q)) for j in range(q)]) for i in range(q)])


def _shrinkage(zz: FloatArray, relative: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Z'Z (q, q, F, 1, J), Q = (I + Z'Z D)^-1 (q, q, F, K, J) and -log|Q| (F, K, J).

    The eigenvalues of I + Z'Z D are all at least 1, so that the two-by-two case can be written out.
    """
    z, d = (np.moveaxis(matrices, (-2, -1), (0, 1)) for matrices in (zz, relative[:, :, None]))
    m = _times(z, d)
    for k in range(len(m)):
        m[k, k] += 1.0
    if len(m) != 2:
        back = np.moveaxis(m, (0, 1), (-2, -1))
        inverse = np.asarray(np.linalg.inv(back), dtype=np.float64)
        return z, np.moveaxis(inverse, (-2, -1), (0, 1)), np.linalg.slogdet(back)[1]
    determinant = m[0, 0] * m[1, 1] - m[0, 1] * m[1, 0]
    inverse = np.stack([np.stack([m[1, 1], -m[0, 1]]), np.stack([-m[1, 0], m[0, 0]])])
    return z, inverse / determinant, np.log(determinant)


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
