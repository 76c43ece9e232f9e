"""Two crossed or nested random intercepts, such as interviewer and area: exact profiled likelihoods, many fits at once.

y = Xb + Z1 u1 + Z2 u2 + e with Var(u_k) = s2 d_k I, so Var(y) = s2 H, H = I + d1 Z1Z1' + d2 Z2Z2'. The grouping with
more levels is eliminated first, which is cheap because its part of H is diagonal in its levels, then the other by a
dense inverse of its own size (a Schur complement). First and second derivatives in (d1, d2) follow from
H^-1' = -H^-1 Z Z' H^-1 and are exact:

    V_ab = Z_a'H^-1 Z_b,  U_a = Z_a'H^-1 [X y]:   log|H|_a = tr V_aa,  log|H|_ab = -tr V_ab V_ba,
    S = [X y]'H^-1 [X y]:   S_a = -U_a'U_a,  S_ab = U_a'V_ab U_b + (U_a'V_ab U_b)'.

Levels that no chain of shared interviews connects do not meet in H. So the levels of all fits lie side by side, and
every connected part of them is inverted by itself, all parts of a size at once; where one grouping is nested in the
other, a part is a single level.

Sizes: F fits, p fixed effects, w = p + 1; A eliminated and B kept levels of all fits together. Profiles lead with
(F, 1). Inside scale unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy import linalg, sparse
from scipy.sparse.csgraph import connected_components

from qa_reports.effects.likelihood import Profile, assemble_profile
from qa_reports.effects.problem import by_reml

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

_LARGE = 20
"""Size from which on matrices are inverted one by one, from their Cholesky factors, which takes a third of the time."""
_MOST_PAIRS = 1_000_000
"""Pairs of levels that are listed at once: some 24 MB."""
_MOST_ELEMENTS = 1_000_000
"""Elements of the matrices of the smaller grouping that are held for several fits at once: 8 MB each."""
_MOST_INTERVIEWS = 40_000
"""Of several fits at once: with more, their pairs of levels would be too many to be listed."""


class _Levels(Struct, frozen=True, eq=False):
    """One grouping, the levels of all fits."""

    fit: IntArray
    """(A or B,) the fit a level belongs to."""
    of_fit: sparse.csr_array
    """(F, A or B) ones, to add up the levels of each fit."""
    n: FloatArray
    """(A or B,) interviews."""
    sums: FloatArray
    """(A or B, w) sums of [X y]."""


class _Parts(Struct, frozen=True, eq=False):
    """The connected parts with one number of kept levels; their matrices lie one after the other."""

    size: int
    levels: slice
    """Which of the kept levels are in them."""
    places: slice
    """Which elements of all matrices are theirs."""


class _Pairs(Struct, frozen=True, eq=False):
    """Two kept levels that share an eliminated level, for N' diag(weights) N without a sparse product."""

    place: IntArray
    """(pairs,) which element of all matrices."""
    level: IntArray
    """(pairs,) the eliminated level they share."""
    product: FloatArray
    """(pairs,) product of their interviews there."""


class CrossedProblem(Struct, frozen=True, eq=False):
    """F fits of two random intercepts by REML."""

    gone: _Levels
    """The grouping that is eliminated."""
    kept: _Levels
    """The other one, part by part, small parts first."""
    incidence: sparse.csr_array
    """(A, B) interviews per eliminated level and kept level: N."""
    transposed: sparse.csr_array
    """(B, A)."""
    parts: tuple[_Parts, ...]
    row: IntArray
    """(B,) where a kept level's row begins among the elements of all matrices."""
    column: IntArray
    """(B,) a kept level's column within the matrix of its part."""
    pairs: _Pairs | None
    """None where there are too many: then the incidence is multiplied out."""
    swapped: bool
    """Whether the second grouping is the one eliminated."""
    total: FloatArray
    """(F, 1, w, w) [X y]'[X y]."""
    m: FloatArray
    """(F, 1) degrees of freedom of the residual variance."""
    n_fixed: int
    workload: FloatArray
    """(F, 2) mean interviews per level of the first and the second grouping."""

    @property
    def restricted(self) -> BoolArray:
        """(1,) always by REML."""
        return by_reml("REML")


def fits_at_once(n_interviews: int, n_levels: tuple[int, int]) -> int:
    """How many fits of one size belong into one problem: what is gained by that are calls, not work."""
    return max(1, min(_MOST_ELEMENTS // min(n_levels) ** 2, _MOST_INTERVIEWS // max(n_interviews, 1)))


def crossed_problem(
    insides: Sequence[FloatArray], first: Sequence[IntArray], second: Sequence[IntArray]
) -> CrossedProblem:
    """Set up F fits.

    Args:
        insides: (m, w) standardised columns [X y] of each fit.
        first: (m,) level of the first grouping, 0 or more, of each fit.
        second: (m,) level of the second.
    """
    f, width = len(insides), insides[0].shape[1]
    size = np.array([len(inside) for inside in insides])
    table, fit = np.concatenate(insides), np.repeat(np.arange(f), size)
    groups = [_side_by_side(fit, np.concatenate(levels)) for levels in (first, second)]
    swapped = len(groups[1][1]) > len(groups[0][1])
    (gone, gone_fit), (kept, kept_fit) = groups[::-1] if swapped else groups
    a, b = len(gone_fit), len(kept_fit)
    part, order = _connected(gone, kept, a, b)
    place = np.empty(b, dtype=np.int64)
    place[order] = np.arange(b)
    kept, kept_fit = place[kept], kept_fit[order]
    incidence = sparse.coo_array((np.ones(len(kept)), (gone, kept)), shape=(a, b)).tocsr()
    width_of_part = np.bincount(part)[part]
    row = np.cumsum(width_of_part) - width_of_part
    column = np.arange(b) - np.searchsorted(part, part)
    return CrossedProblem(
        gone=_levels(table, gone, gone_fit, f),
        kept=_levels(table, kept, kept_fit, f),
        incidence=incidence,
        transposed=incidence.T.tocsr(),
        parts=_by_size(width_of_part, row),
        row=row,
        column=column,
        pairs=_pairs(incidence, row, column),
        swapped=swapped,
        total=np.stack([inside.T @ inside for inside in insides])[:, None],
        m=(size - width + 1.0)[:, None],
        n_fixed=width - 1,
        workload=np.stack([size / np.bincount(of_levels, minlength=f) for _, of_levels in groups], axis=1),
    )


def _side_by_side(fit: IntArray, levels: IntArray) -> tuple[IntArray, IntArray]:
    """(m,) levels numbered without gaps, every fit's after those of the one before, and the fit of each level."""
    span = int(levels.max()) + 1
    found, number = np.unique(fit * span + levels, return_inverse=True)
    return number.astype(np.int64), found // span


def _connected(gone: IntArray, kept: IntArray, a: int, b: int) -> tuple[IntArray, IntArray]:
    """(B,) the connected part of each kept level, numbered by size, and the order of the levels that goes with it."""
    graph = sparse.coo_array((np.ones(len(kept)), (gone, a + kept)), shape=(a + b, a + b))
    part = connected_components(graph, directed=False)[1][a:]
    rank = np.empty(int(part.max()) + 1, dtype=np.int64)
    rank[np.argsort(np.bincount(part), kind="stable")] = np.arange(len(rank))
    order = np.argsort(rank[part], kind="stable")
    return rank[part][order], order


def _by_size(size: IntArray, row: IntArray) -> tuple[_Parts, ...]:
    """`size` (B,) of the part each kept level is in, in order; `row` as in `CrossedProblem`."""
    begins = np.flatnonzero(np.diff(size, prepend=0)).tolist()
    ends = [*begins[1:], len(size)]
    return tuple(
        _Parts(int(size[i]), slice(i, k), slice(int(row[i]), int(row[i] + (k - i) * size[i])))
        for i, k in zip(begins, ends, strict=True)
    )


def _levels(table: FloatArray, level: IntArray, fit: IntArray, n_fits: int) -> _Levels:
    size = len(fit)
    return _Levels(
        fit=fit,
        of_fit=sparse.csr_array((np.ones(size), (fit, np.arange(size))), shape=(n_fits, size)),
        n=np.bincount(level, minlength=size).astype(np.float64),
        sums=np.column_stack([np.bincount(level, column, minlength=size) for column in table.T]),
    )


def _pairs(incidence: sparse.csr_array, row: IntArray, column: IntArray) -> _Pairs | None:
    each = np.diff(incidence.indptr).astype(np.int64)
    if int((each**2).sum()) > _MOST_PAIRS:
        return None
    level = np.repeat(np.arange(len(each)), each)
    partners = each[level]
    first = np.repeat(np.arange(len(level)), partners)
    nth = np.arange(len(first)) - np.repeat(np.cumsum(partners) - partners, partners)
    second = incidence.indptr[level[first]].astype(np.int64) + nth
    place = row[incidence.indices[first]] + column[incidence.indices[second]]
    return _Pairs(place, level[first], incidence.data[first] * incidence.data[second])


def crossed_profile(problem: CrossedProblem, relative: FloatArray) -> Profile:
    """The profiled likelihoods and their derivatives at `relative` (F, 2), the two variances over the residual one."""
    gone, kept, width = problem.gone, problem.kept, problem.n_fixed + 1
    d1, d2 = relative[:, ::-1].T if problem.swapped else relative.T
    n, shrink = gone.n, 1 / (1 + d1[gone.fit] * gone.n)
    weighted, shrunk = n * shrink, shrink[:, None] * gone.sums
    inverse = _invert(problem, d1[gone.fit], d2[kept.fit])
    sums = kept.sums - d1[kept.fit, None] * (problem.transposed @ shrunk)
    u2 = inverse.times(sums)
    u1 = shrunk - (shrink * d2[gone.fit])[:, None] * (problem.incidence @ u2)
    gu = problem.transposed @ (shrink[:, None] * u1)
    ku2, kgu = np.split(inverse.times(np.concatenate([u2, gu], axis=1)), 2, axis=1)
    s_gone, first_gone, own_gone = _squares(gone, (shrunk, gone.sums), (u1, u1), (weighted[:, None] * u1, u1))
    s_kept, first_kept, own_kept, cross, second_kept = _squares(
        kept, (u2, sums), (u2, u2), (kgu, gu), (ku2, gu), (inverse.times(u2, inverse.kb), u2)
    )
    log_gone, trace, square = (gone.of_fit @ np.stack([-np.log(shrink), weighted, weighted**2], axis=1)).T
    log_kept, kb, ks, ks_k, k_s3, ks_ks, kb_kb = (kept.of_fit @ inverse.traces).T

    f = len(relative)
    s_hessian, log_h_hessian = np.empty((f, 2, 2, width, width)), np.empty((f, 2, 2))
    s_hessian[:, 0, 0] = 2 * (own_gone - d2[:, None, None] * own_kept)
    s_hessian[:, 0, 1] = s_hessian[:, 1, 0] = cross + np.swapaxes(cross, -1, -2)
    s_hessian[:, 1, 1] = 2 * second_kept
    log_h_hessian[:, 0, 0] = 2 * d2 * k_s3 - d2**2 * ks_ks - square
    log_h_hessian[:, 0, 1] = log_h_hessian[:, 1, 0] = -ks_k
    log_h_hessian[:, 1, 1] = -kb_kb
    order = [1, 0] if problem.swapped else [0, 1]
    return assemble_profile(
        problem,
        s=problem.total - (d1[:, None, None] * s_gone + d2[:, None, None] * s_kept)[:, None],
        s_gradient=-np.stack([first_gone, first_kept], axis=1)[:, None, order],
        s_hessian=s_hessian[:, None, order][:, :, :, order],
        log_h=(log_gone + log_kept)[:, None],
        log_h_gradient=np.stack([trace - d2 * ks, kb], axis=1)[:, None, order],
        log_h_hessian=log_h_hessian[:, None, order][:, :, :, order],
    )


class _Inverse(Struct, frozen=True, eq=False):
    """K = (I + d2 B)^-1 with B = Z2'H1^-1 Z2 and H1 = I + d1 Z1Z1', part by part."""

    parts: tuple[_Parts, ...]
    k: list[FloatArray]
    """(number, b, b) for parts of each size b."""
    kb: list[FloatArray]
    """K B."""
    traces: FloatArray
    """(B, 7) what each kept level adds to log|I + d2 B|, tr KB, tr KS, tr KSK, tr KT, tr KSKS and tr KBKB, where S and
    T are N' diag(w) N with w = 1/(1 + d1 n)^2 and n/(1 + d1 n)^3."""

    def times(self, columns: FloatArray, matrices: list[FloatArray] | None = None) -> FloatArray:
        """(B, c) K, or other matrices, times columns (B, c)."""
        found = np.empty_like(columns)
        for part, matrix in zip(self.parts, matrices or self.k, strict=True):
            own = columns[part.levels]
            found[part.levels] = (matrix @ own.reshape(-1, part.size, own.shape[1])).reshape(own.shape)
        return found


def _invert(problem: CrossedProblem, d1: FloatArray, d2: FloatArray) -> _Inverse:
    """At d1 (A,) and d2 (B,)."""
    n, kept = problem.gone.n, problem.kept
    shrink = 1 / (1 + d1 * n)
    all_b, all_s, all_t = (_weighted(problem, weights) for weights in (-d1 * shrink, shrink**2, n * shrink**3))
    all_b[problem.row + problem.column] += kept.n
    inverses, with_b, traces = [], [], np.empty((len(kept.n), 7))
    for part in problem.parts:
        b, s, t = (all_[part.places].reshape(-1, part.size, part.size) for all_ in (all_b, all_s, all_t))
        h = np.eye(part.size) + d2[part.levels].reshape(-1, part.size, 1) * b
        k, log = _inverse_and_log(h)
        kb, ks = k @ b, k @ s
        diagonals = (np.diagonal(product, axis1=-2, axis2=-1) for product in (kb, ks))
        rows = [log, *diagonals, *(np.einsum("nij,nij->ni", one, other) for one, other in ((ks, k), (k, t)))]
        rows += [np.einsum("nij,nji->ni", product, product) for product in (ks, kb)]
        traces[part.levels] = np.stack(rows, axis=-1).reshape(-1, len(rows))
        inverses.append(k)
        with_b.append(kb)
    return _Inverse(problem.parts, inverses, with_b, traces)


def _inverse_and_log(h: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Inverses of positive definite matrices (number, b, b), and (number, b) the summands of the log determinants."""
    if h.shape[-1] == 1:
        return 1 / h, np.log(h[..., 0])
    root = np.linalg.cholesky(h)
    log = 2 * np.log(np.diagonal(root, axis1=-2, axis2=-1))
    if h.shape[-1] < _LARGE:
        return np.asarray(np.linalg.inv(h), dtype=np.float64), log
    lower = np.stack([linalg.lapack.dpotri(one, lower=1)[0] for one in root])
    return np.tril(lower) + np.swapaxes(np.tril(lower, -1), -1, -2), log


def _weighted(problem: CrossedProblem, weights: FloatArray) -> FloatArray:
    """The elements of N' diag(weights) N within the parts."""
    n, pairs, size = problem.incidence, problem.pairs, problem.parts[-1].places.stop
    if pairs is not None:
        return np.asarray(np.bincount(pairs.place, pairs.product * weights[pairs.level], size), dtype=np.float64)
    scaled = sparse.csr_array((n.data * np.repeat(weights, np.diff(n.indptr)), n.indices, n.indptr), shape=n.shape)
    product = (problem.transposed @ scaled).tocoo()
    place = problem.row[product.row] + problem.column[product.col]
    # A product of nothing but zeros is empty, and an empty count has no type.
    return np.asarray(np.bincount(place, product.data, minlength=size), dtype=np.float64)


def _squares(levels: _Levels, *pairs: tuple[FloatArray, FloatArray]) -> FloatArray:
    """(pairs, F, w, w) one'other for columns (A or B, w) of the levels of each fit."""
    each = np.stack([one[:, :, None] * other[:, None, :] for one, other in pairs], axis=1)
    found = (levels.of_fit @ each.reshape(len(each), -1)).reshape(-1, *each.shape[1:])
    return np.moveaxis(found, 1, 0)
