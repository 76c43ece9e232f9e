"""Evidence of one interviewer over all items together, and what a wave of normal interviewers would show.

d_j is the vector of an interviewer's deletion residuals over K items. For a normal interviewer its covariance is
A_j = T + W_j: T the covariance of the true interviewer effects, W_j that of the means of n_j answers. The statistic is
d_j' A_-j^-1 d_j with the interviewer left out of T. Its reference is not chi-square, because T is estimated: the same
computation is run on simulated waves of normal interviewers. Where interviewers differ in spread W_j is scaled by the
interviewer's own variance over all items (shrunk), in the simulated waves as well. Where items are very uneven (judged
by the tail of a categorical model) means of a few answers are not jointly normal, for one respondent with several rare
answers moves many items at once: then simulated interviewers meet respondents drawn from the survey's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa_reports.effects.distributions import chi2_isf, chi2_sf, t_isf, t_sf
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
_MOST_DRAWN = 100
"""Respondents drawn for one simulated interviewer, at most: what more of them add to a mean is close to normal."""
_CHUNK = 200_000
"""Numbers handled at once: what fits into a processor's cache is fastest."""
_SHRINKAGE = 0.5
"""Weight of the target in T: with 150 interviewers a correlation between two interviewer effects is known to about
+-.2 only."""
_STEEPEST = 2.0
"""Rise of the correlation of interviewer effects with that of answers, at most."""


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

    def of(self, rows: NDArray[np.int64]) -> OwnSpread:
        """Some of the interviewers."""
        return OwnSpread(self.shrunken[rows], self.df[rows], self.centre, self.tau)

    def simulate(self, rng: np.random.Generator, waves: int) -> tuple[FloatArray, FloatArray]:
        """(waves, J) of normal interviewers with these degrees of freedom: true variances, and what is made of them."""
        shape = (waves, len(self.df))
        if self.tau == 0:
            return np.ones(shape), np.ones(shape)
        true = np.exp(2 * (self.centre + self.tau * rng.standard_normal(shape)))
        some = np.maximum(self.df, 1e-9)
        seen = true * rng.chisquare(some, shape) / some
        return true, shrink_variances(np.maximum(seen, 1e-12), self.df, self.centre, self.tau)[0]


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
    respondents: FloatArray | None
    """(n, K) answers of respondents less their interviewer's mean, of variance `within`, 0 where there is none; None
    where means of answers are near enough to normal."""


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
    table = _Table(table.deviation[rows], table.within, overlap, table.n[rows], table.respondents)
    between = _between_covariance(table.deviation, table.n, table.within, table.overlap)
    observed = _observed(table, between)
    waves = min(max(-(-_SIMULATED_INTERVIEWERS // len(rows)), _WAVES[0]), _WAVES[1])
    statistic, cells, remarkable = _simulate(table, between, waves, false_discovery_rate, spread.of(rows))
    flat = statistic.ravel()
    order = np.argsort(flat)
    p[rows] = (1 + len(flat) - np.searchsorted(flat, observed, sorter=order)) / (1 + len(flat))
    of_simulated = np.empty(len(flat))
    of_simulated[order] = (1 + len(flat) - np.arange(len(flat))) / (1 + len(flat))
    simulated = SimulatedLevels(rows, of_simulated.reshape(statistic.shape), remarkable, len(rows) * len(items), *cells)
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
    respondents = np.zeros_like(residuals)
    products = np.zeros((len(items), len(items)))
    pairs = np.zeros((len(items), len(items)))
    order = np.argsort(interviewer, kind="stable")
    ends = np.searchsorted(interviewer[order], np.arange(n_interviewers + 1))
    for j in range(n_interviewers):
        own = order[ends[j] : ends[j + 1]]
        has, values = answered[own].astype(float), np.nan_to_num(residuals[own])
        together[j] = has.T @ has
        counts = np.maximum(has.sum(0), 1)
        centred = (values - values.sum(0) / counts) * has
        # A mean that the own answers made takes some of their variance away.
        respondents[own] = centred * np.sqrt(counts / np.maximum(counts - 1, 1))
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
    uneven = any((cells := level_cells(item)) is not None and cells.by_tail for item in items)
    held = answered.any(axis=1)
    several = held & (np.bincount(interviewer[held], minlength=n_interviewers)[interviewer] > 1)
    return _Table(deviation, _positive(within, 1e-3), overlap, counts.mean(1), respondents[several] if uneven else None)


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
    """(..., K, K) the nearest symmetric matrices with eigenvalues of at least `floor` times the largest."""
    values, vectors = np.linalg.eigh((matrix + np.swapaxes(matrix, -1, -2)) / 2)
    least = floor * np.maximum(values[..., -1:], 0.0)
    return np.asarray((vectors * np.maximum(values, least)[..., None, :]) @ np.swapaxes(vectors, -1, -2))


def _weights(n: FloatArray) -> FloatArray:
    """(J,) how much an interviewer counts for T: more interviews say more, but less and less so."""
    return np.asarray(n / (n + n.mean()))


def _between_covariance(deviation: FloatArray, n: FloatArray, within: FloatArray, overlap: FloatArray) -> FloatArray:
    """(K, K) T by moments: what the products of deviations exceed their sampling part by, shrunk."""
    present = np.isfinite(deviation)
    d, weight = np.where(present, deviation, 0.0), _weights(n)
    pair_weight = (present * weight[:, None]).T.astype(float) @ present
    raw = (d * weight[:, None]).T @ d - within * np.einsum("j,jkl->kl", weight, overlap)
    return shrink_between(raw / np.maximum(pair_weight, 1e-12), within)


def shrink_between(raw: FloatArray, within: FloatArray) -> FloatArray:
    """(..., K, K) T from its raw moments, never negative, towards correlations that rise with those of the answers.

    Items that respondents answer alike are items on which interviewers differ alike: towards equal correlations the
    batteries would be lost, and p over all items would be several times too large.
    """
    sd = np.sqrt(np.maximum(np.diagonal(raw, axis1=-2, axis2=-1), 0.0))
    scale = sd[..., :, None] * sd[..., None, :]
    off = ~np.eye(sd.shape[-1], dtype=bool)
    correlation = raw[..., off].sum(-1) / np.maximum(scale[..., off].sum(-1), 1e-12)
    of_answers = within[off] / np.sqrt(np.outer(np.diagonal(within), np.diagonal(within)))[off]
    above = of_answers - (scale[..., off] @ of_answers / np.maximum(scale[..., off].sum(-1), 1e-12))[..., None]
    rise = (raw[..., off] * above).sum(-1) / np.maximum((scale[..., off] * above**2).sum(-1), 1e-12)
    expected = correlation[..., None] + np.clip(rise, 0.0, _STEEPEST)[..., None] * above
    target = scale.copy()
    target[..., off] *= np.clip(expected, 0.0, 0.95)
    sample = np.clip(raw, -scale, scale)
    return _positive(_SHRINKAGE * target + (1 - _SHRINKAGE) * sample, 0.0)


def _leave_out(quadratic: FloatArray, share: FloatArray) -> FloatArray:
    """d'A_-j^-1 d from d'A_j^-1 d: leaving j out of T makes A_-j = (A_j - c dd')/(1 - c) (Sherman-Morrison).

    `share`: c, j's share of the weights in T.
    """
    return np.asarray((1 - share) * quadratic / np.maximum(1 - share * quadratic, 1e-3))


def _observed(table: _Table, between: FloatArray) -> FloatArray:
    """(J,) the statistic of each interviewer, comparable between interviewers with different numbers of items.

    With fewer than K items it is the chi-square(K) value with the same tail as the statistic has in chi-square(items).
    """
    has = np.isfinite(table.deviation)
    quadratic, k = np.empty(len(has)), has.shape[1]
    for part in np.array_split(np.arange(len(has)), -(-len(has) * k * k // _CHUNK)):
        # Items without answers are rows and columns of zeros, which a pseudo-inverse leaves out.
        both = has[part, :, None] & has[part, None]
        values, vectors = np.linalg.eigh(np.where(both, between + table.within * table.overlap[part], 0.0))
        known = values > 1e-10 * values[:, -1:]
        rotated = (np.where(has[part], table.deviation[part], 0.0)[:, None] @ vectors)[:, 0]
        quadratic[part] = (np.where(known, rotated**2, 0.0) / np.where(known, values, 1.0)).sum(1)
    weight = _weights(table.n)
    statistic, items = _leave_out(quadratic, weight / weight.sum()), has.sum(1)
    return np.where(items == k, statistic, chi2_isf(chi2_sf(statistic, items), k))


_Draw = Callable[[np.random.Generator, FloatArray], FloatArray]
"""Of a generator and variances (W, J), 1 being usual, the deviations (W, J, K) of normal interviewers."""

_SmallCells = tuple[NDArray[np.int64], NDArray[np.int64], FloatArray, NDArray[np.bool_]]


def _simulate(
    table: _Table, between: FloatArray, waves: int, rate: float, spread: OwnSpread
) -> tuple[FloatArray, _SmallCells, NDArray[np.bool_]]:
    """Waves of normal interviewers with this T and these workloads, put through the same computation.

    Returns the statistics (waves, J), the cells that can have a small p (wave, interviewer, p, large), and whether an
    interviewer has any item that is large and remarkable enough to be named (waves, J).
    """
    within, n = table.within, table.n
    rng = np.random.default_rng(_SEED)
    j, k = len(n), len(within)
    whiten = np.linalg.inv(np.linalg.cholesky(within))
    normal = _draw_normal(table, between, whiten)
    draw = normal if table.respondents is None else _draw_respondents(table, between)
    weight = _weights(n)
    share = weight / weight.sum()
    sampling = (share / n).sum()

    def deviations(draw: _Draw, variance: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(W, J, K) deletion residuals, deviations from the mean of the others, and (W, K, K) T as seen in them."""
        d = draw(rng, variance)
        d -= (share @ d)[:, None]
        d /= (1 - share)[:, None]
        return d, shrink_between(np.swapaxes(d * share[:, None], 1, 2) @ d - within * sampling, within)

    statistics = np.empty((waves, j))
    remarkable = np.empty((waves, j), dtype=bool)
    found = []
    df = max(j - 2, 1)
    least = float(t_isf(min(rate, 0.5), df)) ** 2
    for part in np.array_split(np.arange(waves), -(-waves * j * k // _CHUNK)):
        true_variance, made_of_it = spread.simulate(rng, len(part))
        d, t = deviations(draw, true_variance)
        counted = n / made_of_it
        statistics[part] = _leave_out(_quadratic(d, t, whiten, counted), share)
        if draw is not normal:  # single cells of uneven items go by a tail, whose normal score is normal
            d, t = deviations(normal, true_variance)
        size = np.abs(d)
        z2 = d**2
        z2 /= np.diagonal(t, axis1=1, axis2=2)[:, None] + np.diagonal(within) / counted[..., None]
        z2 = _leave_out(z2, share[:, None])
        remarkable[part] = ((size >= MINIMUM_SIZE) & (z2 > NAMED_BESIDE**2)).any(axis=-1)
        # Only cells that can matter get a p.
        place = np.nonzero(z2 > least)
        found.append((part[place[0]], place[1], 2 * t_sf(np.sqrt(z2[place]), df), size[place] >= MINIMUM_SIZE))
    wave_of, row_of, p_of, large_of = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return statistics, (wave_of, row_of, p_of, large_of), remarkable


def _draw_normal(table: _Table, between: FloatArray, whiten: FloatArray) -> _Draw:
    """The sum of a true effect ~ N(0, T) and a mean of answers ~ N(0, v W/n) is drawn at once.

    With W = RR', `whiten` the inverse of R, and T = B diag(l) B', B = R V, it is B e with e_k ~ N(0, l_k + v/n).
    """
    values, vectors = np.linalg.eigh(whiten @ between @ whiten.T)
    values, back = np.maximum(values, 0.0), np.linalg.solve(whiten, vectors).T

    def draw(rng: np.random.Generator, variance: FloatArray) -> FloatArray:
        d = rng.standard_normal((*variance.shape, len(values)))
        d *= np.sqrt(values + (variance / table.n)[..., None])
        return np.asarray(d @ back)

    return draw


def _draw_respondents(table: _Table, between: FloatArray) -> _Draw:
    """A true effect ~ N(0, T), and the mean of respondents drawn from the survey's own."""
    respondents = np.zeros((0, 0)) if table.respondents is None else table.respondents
    values, vectors = np.linalg.eigh(between)
    back = (vectors * np.sqrt(np.maximum(values, 0.0))).T
    drawn = np.clip(np.rint(table.n), 1, _MOST_DRAWN).astype(np.int64)
    starts = np.cumsum(drawn) - drawn
    # Drawn answers have the variance of the survey's, missing ones included.
    scale = np.sqrt(np.diagonal(table.within) / np.maximum((respondents**2).mean(0), 1e-12))

    def draw(rng: np.random.Generator, variance: FloatArray) -> FloatArray:
        d = rng.standard_normal((*variance.shape, len(values))) @ back
        for wave, own in zip(d, variance, strict=True):
            sums = np.add.reduceat(respondents[rng.integers(0, len(respondents), drawn.sum())], starts)
            wave += sums * (scale * np.sqrt(own / (drawn * table.n))[:, None])
        return np.asarray(d)

    return draw


def _quadratic(d: FloatArray, between: FloatArray, whiten: FloatArray, n: FloatArray) -> FloatArray:
    """(W, J) d'(T + W/n_j)^-1 d for all workloads from one decomposition per wave: T in the metric of W."""
    inner = whiten @ between @ whiten.T
    values, vectors = np.linalg.eigh((inner + np.swapaxes(inner, 1, 2)) / 2)
    rotated = d @ (whiten.T @ vectors)
    return np.asarray((rotated**2 / (np.maximum(values, 0.0)[:, None] + 1 / n[..., None])).sum(-1))
