"""Two crossed or nested random intercepts, such as interviewer and area: exact profiled likelihood for one fit.

y = Xb + Z1 u1 + Z2 u2 + e with Var(u_k) = s2 d_k I, so Var(y) = s2 H, H = I + d1 Z1Z1' + d2 Z2Z2'. The grouping with
more levels is eliminated first, which is cheap because its part of H is diagonal in its levels, then the other by a
dense Cholesky factor of its own size (a Schur complement). Groups of levels that share no interview are factored one
by one. First and second derivatives in (d1, d2) follow from H^-1' = -H^-1 Z Z' H^-1 and are exact:

    V_ab = Z_a'H^-1 Z_b,  U_a = Z_a'H^-1 [X y]:   log|H|_a = tr V_aa,  log|H|_ab = -tr V_ab V_ba,
    S = [X y]'H^-1 [X y]:   S_a = -U_a'U_a,  S_ab = U_a'V_ab U_b + (U_a'V_ab U_b)'.

Sizes: m interviews, p fixed effects; a fit has the leading axes (1, 1) of a `Profile`. Inside scale unless said
otherwise.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy import linalg, sparse
from scipy.sparse.csgraph import connected_components

from qa_reports.effects.likelihood import Profile, assemble_profile
from qa_reports.effects.problem import Method

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_MAX_STEPS = 60
_DECREMENT = 1e-12
"""Stop when a Newton step promises to lower the deviance by less than this."""
_BLOCK = 96
"""Levels factored at once as long as no connected part of the two groupings is larger."""
_MOST_PAIRS = 1_000_000
"""Pairs of levels that are listed at once: some 24 MB."""
_UNBOUNDED = 1e8
"""Relative variance times workload that counts as infinite."""


class _Block(Struct, frozen=True, eq=False):
    """Levels of both groupings that share interviews with each other only."""

    incidence: sparse.csr_array
    """(A, B) interviews per eliminated level and kept level."""
    eliminated: FloatArray
    """(A,) interviews."""
    kept: FloatArray
    """(B,) interviews."""
    eliminated_sums: FloatArray
    """(A, p+1) sums of [X y]."""
    kept_sums: FloatArray
    """(B, p+1) sums of [X y]."""
    pairs: _Pairs | None
    """None where there are too many: then the incidence is multiplied out."""


class _Pairs(Struct, frozen=True, eq=False):
    """Two kept levels that share an eliminated level, for N' diag(weights) N without a sparse product."""

    place: IntArray
    """(pairs,) position in the flattened (B, B) matrix."""
    level: IntArray
    """(pairs,) the eliminated level they share."""
    product: FloatArray
    """(pairs,) product of their interviews there."""


class CrossedProblem(Struct, frozen=True, eq=False):
    """One fit of two random intercepts by REML."""

    blocks: tuple[_Block, ...]
    swapped: bool
    """Whether the second grouping is the one eliminated."""
    total: FloatArray
    """(1, 1, p+1, p+1) [X y]'[X y]."""
    m: FloatArray
    """(1, 1) degrees of freedom of the residual variance."""
    n_fixed: int
    workload: FloatArray
    """(2,) mean interviews per level of the first and the second grouping."""
    method: Method = "REML"


def crossed_problem(inside: FloatArray, first: IntArray, second: IntArray) -> CrossedProblem:
    """Set up one fit.

    Args:
        inside: (m, p+1) standardised columns [X y].
        first: (m,) level of the first grouping, any integers.
        second: (m,) level of the second.
    """
    groups = [np.unique(levels, return_inverse=True)[1].astype(np.int64) for levels in (first, second)]
    sizes = [int(group.max()) + 1 for group in groups]
    swapped = sizes[1] > sizes[0]
    eliminated, kept = (groups[1], groups[0]) if swapped else (groups[0], groups[1])
    width = inside.shape[1]
    return CrossedProblem(
        blocks=_blocks(inside, eliminated, kept),
        swapped=swapped,
        total=(inside.T @ inside)[None, None],
        m=np.array([[float(len(inside) - width + 1)]]),
        n_fixed=width - 1,
        workload=np.array([len(inside) / size for size in sizes]),
    )


def _blocks(inside: FloatArray, eliminated: IntArray, kept: IntArray) -> tuple[_Block, ...]:
    a, b = int(eliminated.max()) + 1, int(kept.max()) + 1
    counts = sparse.coo_array((np.ones(len(kept)), (eliminated, kept)), shape=(a, b)).tocsr()
    sums = [_sums(inside, levels, size) for levels, size in ((eliminated, a), (kept, b))]
    graph = sparse.coo_array((np.ones(len(kept)), (eliminated, a + kept)), shape=(a + b, a + b))
    _, part = connected_components(graph, directed=False)
    # Parts are filled up to some _BLOCK kept levels, so that many small ones do not cost a call each.
    size_of_part = np.bincount(part[a:])
    block_of_part = (np.cumsum(size_of_part) - size_of_part) // _BLOCK
    block = block_of_part[part]
    found = []
    for number in np.unique(block):
        rows, columns = np.flatnonzero(block[:a] == number), np.flatnonzero(block[a:] == number)
        own = counts[rows][:, columns].tocsr()
        found.append(
            _Block(
                incidence=own,
                eliminated=np.asarray(own.sum(axis=1), dtype=np.float64),
                kept=np.asarray(own.sum(axis=0), dtype=np.float64),
                eliminated_sums=sums[0][rows],
                kept_sums=sums[1][columns],
                pairs=_pairs(own),
            )
        )
    return tuple(found)


def _pairs(incidence: sparse.csr_array) -> _Pairs | None:
    each = np.diff(incidence.indptr).astype(np.int64)
    if int((each**2).sum()) > _MOST_PAIRS:
        return None
    level = np.repeat(np.arange(len(each)), each)
    partners = each[level]
    first = np.repeat(np.arange(len(level)), partners)
    within = np.arange(len(first)) - np.repeat(np.cumsum(partners) - partners, partners)
    second = incidence.indptr[level[first]].astype(np.int64) + within
    place = incidence.indices[first].astype(np.int64) * incidence.shape[1] + incidence.indices[second]
    return _Pairs(place, level[first], incidence.data[first] * incidence.data[second])


def _sums(inside: FloatArray, levels: IntArray, size: int) -> FloatArray:
    return np.column_stack([np.bincount(levels, column, minlength=size) for column in inside.T])


def crossed_profile(problem: CrossedProblem, relative: FloatArray) -> Profile:
    """The profiled likelihood and its derivatives at `relative` (2,), the two variances over the residual variance."""
    d1, d2 = relative[::-1] if problem.swapped else relative
    width = problem.n_fixed + 1
    s = problem.total[0, 0].copy()
    first, second = np.zeros((2, width, width)), np.zeros((2, 2, width, width))
    log_h, log_first, log_second = 0.0, np.zeros(2), np.zeros((2, 2))
    for block in problem.blocks:
        part = _profile_block(block, float(d1), float(d2))
        s += part.s
        first += part.first
        second += part.second
        log_h += part.log_h
        log_first += part.log_first
        log_second += part.log_second
    order = [1, 0] if problem.swapped else [0, 1]
    return assemble_profile(
        problem,
        s=s[None, None],
        s_gradient=first[order][None, None],
        s_hessian=second[order][:, order][None, None],
        log_h=np.array([[log_h]]),
        log_h_gradient=log_first[order][None, None],
        log_h_hessian=log_second[order][:, order][None, None],
    )


class _Part(Struct, frozen=True, eq=False):
    """What one block adds to S and log|H| and their derivatives, the eliminated grouping first."""

    s: FloatArray
    first: FloatArray
    second: FloatArray
    log_h: float
    log_first: FloatArray
    log_second: FloatArray


def _profile_block(block: _Block, d1: float, d2: float) -> _Part:
    """One block at d1 (eliminated) and d2 (kept). K = (I + d2 B)^-1 with B = Z2'H1^-1 Z2, H1 = I + d1 Z1Z1'."""
    n, sums = block.eliminated, block.eliminated_sums
    shrink = 1 / (1 + d1 * n)
    b = np.diag(block.kept) - d1 * _weighted(block, shrink)
    s2 = _weighted(block, shrink**2)
    s3 = _weighted(block, n * shrink**3)
    root = linalg.cholesky(np.eye(len(b)) + d2 * b, lower=True, check_finite=False)
    k = linalg.cho_solve((root, True), np.eye(len(b)), check_finite=False)
    kept_sums = block.kept_sums - d1 * (block.incidence.T @ (shrink[:, None] * sums))
    u2 = k @ kept_sums
    u1 = shrink[:, None] * (sums - d2 * (block.incidence @ u2))
    gu = block.incidence.T @ (shrink[:, None] * u1)
    kb, ks = k @ b, k @ s2
    cross = gu.T @ (k @ u2)
    weighted = n * shrink
    second = np.empty((2, 2, *u1.shape[1:], u1.shape[1]))
    second[0, 0] = 2 * (u1.T @ (weighted[:, None] * u1) - d2 * gu.T @ (k @ gu))
    second[0, 1] = second[1, 0] = cross + cross.T
    second[1, 1] = 2 * u2.T @ (kb @ u2)
    both = -float((ks * k).sum())
    own = weighted @ weighted - 2 * d2 * float((k * s3).sum()) + d2**2 * float((ks * ks.T).sum())
    return _Part(
        s=-d1 * sums.T @ (shrink[:, None] * sums) - d2 * kept_sums.T @ u2,
        first=np.stack([-u1.T @ u1, -u2.T @ u2]),
        second=second,
        log_h=float(np.log1p(d1 * n).sum() + 2 * np.log(np.diagonal(root)).sum()),
        log_first=np.array([weighted.sum() - d2 * float(np.trace(ks)), float(np.trace(kb))]),
        log_second=np.array([[-own, both], [both, -float((kb * kb.T).sum())]]),
    )


def _weighted(block: _Block, weights: FloatArray) -> FloatArray:
    """(B, B) N' diag(weights) N."""
    n, pairs, size = block.incidence, block.pairs, len(block.kept)
    if pairs is not None:
        weighted = np.bincount(pairs.place, pairs.product * weights[pairs.level], minlength=size * size)
        return np.asarray(weighted.reshape(size, size))
    scaled = sparse.csr_array((n.data * np.repeat(weights, np.diff(n.indptr)), n.indices, n.indptr), shape=n.shape)
    return np.asarray((n.T @ scaled).toarray())


class CrossedOptimum(Struct, frozen=True, eq=False):
    """The best relative variances of one fit."""

    relative: FloatArray
    """(2,) of the first and the second grouping, over the residual variance."""
    profile: Profile
    """There."""
    converged: bool


def told_apart(problem: CrossedProblem) -> bool:
    """Whether the data can tell the two variances and the residual variance from each other at all.

    They cannot where the expected information of the three is singular, e.g. where both groupings are the same.
    """
    information = crossed_profile(problem, np.zeros(2)).expected_information[0, 0]
    unit = np.sqrt(np.abs(np.diagonal(information)))
    if not (unit > 0).all():
        return False
    return bool(np.linalg.eigvalsh(information / np.outer(unit, unit))[0] > 1e-7)


def minimise_crossed(problem: CrossedProblem, starts: FloatArray) -> CrossedOptimum:
    """Minimise the deviance over non-negative relative variances by projected Newton steps.

    `starts` (S, 2): guesses, such as the fits without one of the two; the best of them is where the search begins.
    """
    floor = 1e-3 / problem.workload
    tried = [(start, crossed_profile(problem, start)) for start in (*starts, np.maximum(0.7 * starts.max(0), floor))]
    relative, here = min(tried, key=lambda found: float(found[1].deviance[0, 0]))
    for _ in range(_MAX_STEPS):
        step, decrement = _step(problem, relative, here)
        if decrement < _DECREMENT:
            break
        moved = _downhill(problem, relative, here, step)
        if moved is None:
            break
        relative, here = moved
    bounded = bool((relative * problem.workload < _UNBOUNDED).all())
    return CrossedOptimum(relative, here, bounded and _step(problem, relative, here)[1] < 1e-6)


def _step(problem: CrossedProblem, relative: FloatArray, here: Profile) -> tuple[FloatArray, float]:
    """A Newton step among the variances that are not held at zero, and the fall of the deviance it promises."""
    gradient, hessian = here.gradient[0, 0], here.hessian[0, 0]
    free = np.flatnonzero((relative > 0) | (gradient < 0))
    step = np.zeros(2)
    if not free.size:
        return step, 0.0
    unit = np.outer(problem.workload, problem.workload)
    inner = (hessian / unit)[np.ix_(free, free)]
    values, vectors = np.linalg.eigh(inner)
    if values[0] <= 1e-8 * max(1.0, values[-1]):
        # Where the deviance is not convex, expected information gives a direction that goes down all the same.
        values, vectors = np.linalg.eigh((-here.penalty_hessian[0, 0] / unit)[np.ix_(free, free)])
        values = np.maximum(values, 1e-8 * max(values[-1], 1e-300))
    rotated = vectors.T @ (gradient / problem.workload)[free]
    step[free] = -(vectors @ (rotated / values)) / problem.workload[free]
    return step, float((rotated**2 / values).sum())


def _downhill(
    problem: CrossedProblem, relative: FloatArray, here: Profile, step: FloatArray
) -> tuple[FloatArray, Profile] | None:
    """The step, projected on what is not negative and halved until the deviance does not rise."""
    before = float(here.deviance[0, 0])
    for _ in range(40):
        trial = np.maximum(relative + step, 0.0)
        if (trial == relative).all():
            return None
        there = crossed_profile(problem, trial)
        if float(there.deviance[0, 0]) <= before + 1e-12 * abs(before):
            return trial, there
        step = step / 2
    return None
