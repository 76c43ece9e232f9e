"""Evidence of one interviewer over all items together, and what a wave of normal interviewers would show.

d_j is the vector of an interviewer's deletion residuals over K items. For a normal interviewer its covariance is
A_j = T + W_j: T the covariance of the true interviewer effects, W_j that of the means of n_j answers. The statistic is
d_j' A_-j^-1 d_j with the interviewer left out of T. Its reference is not chi-square, because T is estimated: the same
computation is run on simulated waves of normal interviewers. Where interviewers differ in spread W_j is scaled by the
interviewer's own variance over all items (shrunk), in the simulated waves as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from qa_reports.effects.estimate import ItemEffects
from qa_reports.effects.judge import level_cells
from qa_reports.effects.rules import MINIMUM_SIZE, NAMED_BESIDE
from qa_reports.effects.spread import shrink_variances

FloatArray = NDArray[np.float64]

_SEED = 20_240_915
_SIMULATED_INTERVIEWERS = 150_000
"""Simulated waves times interviewers: p is resolved far below what any rule asks of it."""
_WAVES = (200, 1_000)
"""Fewest and most simulated waves, for very many and for few interviewers."""
_SHRINKAGE = 0.5
"""Weight of the equicorrelated target in T: with 150 interviewers a correlation between two interviewer effects is
known to about +-.2 only."""


@dataclass(frozen=True, slots=True, eq=False)
class OwnSpread:
    """How much more or less than usual the interviews of J interviewers vary, over all items."""

    shrunken: FloatArray
    """(J,) own residual variance over the pooled one, shrunk; 1 where nothing is known."""
    df: FloatArray
    """(J,) degrees of freedom of the own variance before shrinking; 0 where nothing is known."""
    centre: float
    tau: float
    """Log standard deviations of interviewers: centre and sd."""

    def simulate(self, rng: np.random.Generator, rows: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
        """Of normal interviewers with these degrees of freedom: true variances, and what would be made of them."""
        if self.tau == 0:
            return np.ones(len(rows)), np.ones(len(rows))
        true = np.exp(2 * (self.centre + self.tau * rng.standard_normal(len(rows))))
        df = self.df[rows]
        some = np.maximum(df, 1e-9)
        seen = true * rng.chisquare(some) / some
        return true, shrink_variances(np.maximum(seen, 1e-12), df, self.centre, self.tau)[0]


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedLevels:
    """W waves of the J' judged interviewers, all normal."""

    interviewer: NDArray[np.int64]
    """(J',) positions in `Survey.interviewer_ids`."""
    p: FloatArray
    """(W, J') p over all items."""
    remarkable: NDArray[np.bool_]
    """(W, J') whether any item is large and remarkable enough to be named."""
    n_cells: int
    """Interviewer-by-item cells per wave."""
    cell_wave: NDArray[np.int64]
    """(C,) the few cells with a small p, wave by wave: their wave,"""
    cell_row: NDArray[np.int64]
    """(C,) their interviewer, as a position in `interviewer`,"""
    cell_p: FloatArray
    """(C,) their p,"""
    cell_large: NDArray[np.bool_]
    """(C,) and whether they are large enough to be named."""


@dataclass(frozen=True, slots=True, eq=False)
class CombinedEvidence:
    """Evidence over all items. J interviewers of the survey."""

    p: FloatArray
    """(J,) p over all items; NaN for interviewers not judged."""
    simulated: SimulatedLevels | None
    """What normal interviewers would show; None where nobody was judged."""


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """The items side by side: J interviewers, K items."""

    deviation: FloatArray
    """(J, K) deletion residuals over the item's residual sd; NaN where an interviewer has no answer."""
    within: FloatArray
    """(K, K) covariance of two answers within interviewers, unit diagonal."""
    overlap: FloatArray
    """(J, K, K) n_jkl / (n_jk n_jl): the covariance of two means is this times `within`; 0 where there is no answer."""
    n: FloatArray
    """(J,) mean number of answers per item."""


def combine_evidence(
    items: Sequence[ItemEffects],
    n_interviewers: int,
    judged: NDArray[np.bool_],
    false_discovery_rate: float,
    spread: OwnSpread | None = None,
    sampled: bool = False,
) -> CombinedEvidence:
    """Combine the items' deletion residuals per interviewer.

    Args:
        items: modelled items.
        n_interviewers: J of the survey.
        judged: (J,) interviewers with enough interviews.
        false_discovery_rate: of the rule for "critical": cells with a larger p are not looked at.
        spread: own variances; None where interviewers do not differ.
        sampled: whether the interviews at hand are a sample of those the models rest on.
    """
    spread = spread or OwnSpread(np.ones(n_interviewers), np.zeros(n_interviewers), 0.0, 0.0)
    table = _side_by_side(items, n_interviewers, sampled)
    rows = np.flatnonzero(judged & np.isfinite(table.deviation).any(axis=1))
    p = np.full(n_interviewers, np.nan)
    if len(rows) < 3:
        # With two interviewers there is nobody to compare either with.
        return CombinedEvidence(p, None)
    # Interviews that vary twice as much say as much about a level as half as many.
    overlap = table.overlap[rows] * spread.shrunken[rows, None, None]
    table = _Table(table.deviation[rows], table.within, overlap, table.n[rows])
    between = _between_covariance(table.deviation, table.n, table.within, table.overlap)
    observed = _log_tail(table, between)
    waves = min(max(-(-_SIMULATED_INTERVIEWERS // len(rows)), _WAVES[0]), _WAVES[1])
    tails, cells, remarkable = _simulate(between, table.within, table.n, waves, false_discovery_rate, spread, rows)
    ordered = np.sort(tails.ravel())
    p[rows] = (1 + np.searchsorted(ordered, observed, side="right")) / (1 + len(ordered))
    ranks = (1 + np.searchsorted(ordered, tails, side="right")) / (1 + len(ordered))
    simulated = SimulatedLevels(rows, ranks, remarkable, len(rows) * len(items), *cells)
    return CombinedEvidence(p, simulated)


def _side_by_side(items: Sequence[ItemEffects], n_interviewers: int, sampled: bool) -> _Table:
    last = max(int(item.judging.rows.max()) for item in items) + 1
    deviation = np.full((n_interviewers, len(items)), np.nan)
    residuals = np.full((last, len(items)), np.nan)
    interviewer = np.zeros(last, dtype=np.int64)
    for k, item in enumerate(items):
        model, cells = item.judging, level_cells(item)
        sd = np.sqrt(model.variance.residual)
        if cells is not None:
            deviation[cells.interviewer, k] = cells.evidence / sd
        residuals[model.rows, k] = model.residuals / sd
        interviewer[model.rows] = model.interviewer
    answered = np.isfinite(residuals)
    together = np.zeros((n_interviewers, len(items), len(items)))
    products = np.zeros((len(items), len(items)))
    pairs = np.zeros((len(items), len(items)))
    for j in range(n_interviewers):
        own = np.flatnonzero(interviewer == j)
        has, values = answered[own].astype(float), np.nan_to_num(residuals[own])
        together[j] = has.T @ has
        counts = np.maximum(has.sum(0), 1)
        centred = (values - values.sum(0) / counts) * has
        products += centred.T @ centred
        pairs += np.maximum(together[j] - 1, 0)
    within = products / np.maximum(pairs, 1)
    if sampled:
        together = _together_in_all(items, together)
    counts = np.diagonal(together, axis1=1, axis2=2)
    size = counts[:, :, None] * counts[:, None, :]
    overlap = np.divide(together, size, out=np.zeros_like(together), where=size > 0)
    # A categorical model may have judged interviews that the adjusted linear one lacks: these have no residuals here.
    deviation[counts == 0] = np.nan
    return _Table(deviation, _positive(within, 1e-3), overlap, counts.mean(1))


def _together_in_all(items: Sequence[ItemEffects], together: FloatArray) -> FloatArray:
    """(J, K, K) interviews with both answers, from the share of them in a sample (J, K, K) and the counts of all."""
    n = np.zeros(together.shape[:2])
    for k, item in enumerate(items):
        effects = item.judging.effects
        n[effects.interviewer, k] = effects.n_interviews
    root = np.sqrt(n)
    total = together.sum(axis=0)
    own = np.sqrt(np.maximum(np.diagonal(total), 1.0))
    return np.asarray(total / np.outer(own, own) * root[:, :, None] * root[:, None, :])


def _positive(matrix: FloatArray, floor: float) -> FloatArray:
    """The nearest symmetric matrix with eigenvalues of at least `floor` times the largest."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return np.asarray((vectors * np.maximum(values, floor * max(values[-1], 0.0))) @ vectors.T)


def _weights(n: FloatArray) -> FloatArray:
    """(J,) how much an interviewer counts for T: more interviews say more, but less and less so."""
    return np.asarray(n / (n + n.mean()))


def _between_covariance(deviation: FloatArray, n: FloatArray, within: FloatArray, overlap: FloatArray) -> FloatArray:
    """(K, K) T by moments: what the products of deviations exceed their sampling part by, shrunk."""
    present = np.isfinite(deviation)
    d, weight = np.where(present, deviation, 0.0), _weights(n)
    pair_weight = (present * weight[:, None]).T.astype(float) @ present
    raw = (d * weight[:, None]).T @ d - within * np.einsum("j,jkl->kl", weight, overlap)
    return _shrunk(raw / np.maximum(pair_weight, 1e-12))


def _shrunk(raw: FloatArray) -> FloatArray:
    sd = np.sqrt(np.maximum(np.diagonal(raw), 0.0))
    scale = np.outer(sd, sd)
    off = ~np.eye(len(sd), dtype=bool)
    mean_correlation = float(np.clip(raw[off].sum() / max(scale[off].sum(), 1e-12), 0.0, 0.95)) if off.any() else 0.0
    target = scale * np.where(off, mean_correlation, 1.0)
    sample = np.clip(raw, -scale, scale)
    return _positive(_SHRINKAGE * target + (1 - _SHRINKAGE) * sample, 0.0)


def _leave_out(quadratic: FloatArray, n: FloatArray) -> FloatArray:
    """d'A_-j^-1 d from d'A_j^-1 d: leaving j out of T makes A_-j = (A_j - c dd')/(1 - c) (Sherman-Morrison)."""
    share = _weights(n) / _weights(n).sum()
    return np.asarray((1 - share) * quadratic / np.maximum(1 - share * quadratic, 1e-3))


def _log_tail(table: _Table, between: FloatArray) -> FloatArray:
    """(J,) log chi-square tail of the statistic: comparable between interviewers with different numbers of items."""
    quadratic, items = np.empty(len(table.n)), np.empty(len(table.n))
    for j, deviation in enumerate(table.deviation):
        has = np.isfinite(deviation)
        a = between[np.ix_(has, has)] + (table.within * table.overlap[j])[np.ix_(has, has)]
        quadratic[j] = deviation[has] @ np.linalg.lstsq(a, deviation[has], rcond=1e-10)[0]
        items[j] = has.sum()
    return np.asarray(stats.chi2.logsf(_leave_out(quadratic, table.n), items))


_SmallCells = tuple[NDArray[np.int64], NDArray[np.int64], FloatArray, NDArray[np.bool_]]


def _simulate(
    between: FloatArray,
    within: FloatArray,
    n: FloatArray,
    waves: int,
    rate: float,
    spread: OwnSpread,
    rows: NDArray[np.int64],
) -> tuple[FloatArray, _SmallCells, NDArray[np.bool_]]:
    """Waves of normal interviewers with these covariances and workloads, put through the same computation.

    Returns the log tails (waves, J), the cells that can have a small p (wave, interviewer, p, large), and whether an
    interviewer has any item that is large and remarkable enough to be named (waves, J).
    """
    rng = np.random.default_rng(_SEED)
    j, k = len(n), len(within)
    root = np.asarray(np.linalg.cholesky(within), dtype=np.float64)
    values, vectors = np.linalg.eigh(between)
    between_root = vectors * np.sqrt(np.maximum(values, 0.0))
    weight = _weights(n)
    sampling = (weight / n).sum() / weight.sum()
    tails = np.empty((waves, j))
    remarkable = np.empty((waves, j), dtype=bool)
    found: list[tuple[NDArray[np.int64], NDArray[np.int64], FloatArray, NDArray[np.bool_]]] = []
    # The t tail is slow, so only cells that can matter get a p.
    df = max(j - 2, 1)
    least = stats.t.isf(min(rate, 0.5), df) ** 2
    for wave in range(waves):
        true_variance, made_of_it = spread.simulate(rng, rows)
        true = rng.standard_normal((j, k)) @ between_root.T
        noise = rng.standard_normal((j, k)) @ root.T * np.sqrt(true_variance / n)[:, None]
        d = true + noise
        # A deletion residual is taken from the mean of the others.
        d = (d - weight @ d / weight.sum()) / (1 - weight / weight.sum())[:, None]
        t = _shrunk((d * weight[:, None]).T @ d / weight.sum() - within * sampling)
        counted = n / made_of_it
        tails[wave] = stats.chi2.logsf(_leave_out(_quadratic(d, t, root, counted), n), k)
        z2 = d**2 / (np.diagonal(t) + np.diagonal(within) / counted[:, None])
        z2 = _leave_out(z2.T, n).T
        large = np.abs(d) >= MINIMUM_SIZE
        who, what = np.nonzero(z2 > least)
        p = 2 * stats.t.sf(np.sqrt(z2[who, what]), df)
        found.append((np.full(len(who), wave), who, p, large[who, what]))
        remarkable[wave] = (large & (z2 > NAMED_BESIDE**2)).any(axis=1)
    wave_of, row_of, p_of, large_of = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return tails, (wave_of, row_of, p_of, large_of), remarkable


def _quadratic(d: FloatArray, between: FloatArray, root: FloatArray, n: FloatArray) -> FloatArray:
    """(J,) d'(T + W/n_j)^-1 d for all workloads from one decomposition: T in the metric of W = root root'."""
    inner = np.linalg.solve(root, np.linalg.solve(root, between).T)
    values, vectors = np.linalg.eigh((inner + inner.T) / 2)
    rotated = np.linalg.solve(root, d.T).T @ vectors
    return np.asarray((rotated**2 / (np.maximum(values, 0.0) + 1 / n[:, None])).sum(1))
