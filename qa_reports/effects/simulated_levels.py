"""Simulated waves of normal interviewers, which evidence over all items is held against.

Answers are not normal, and so simulated interviewers are not either. On a scale with ends an effect shifts answers less
the nearer they come to an end (bounded.py). Where items are very uneven (judged by the tail of a categorical model)
means of a few answers are not jointly normal, for one respondent with several rare answers moves many items at once:
then simulated interviewers meet respondents drawn from the survey's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy import sparse

from qa_reports.effects.between import against_others, shrink_between, weights_in_t, without
from qa_reports.effects.bounded import bent
from qa_reports.effects.distributions import t_isf
from qa_reports.effects.rules import MINIMUM_SIZE, NAMED_BESIDE
from qa_reports.effects.side_by_side import CHUNK, Table
from qa_reports.effects.spread import shrink_variances
from qa_reports.effects.threads import mapped

FloatArray = NDArray[np.float64]

_SEED = 20_240_915
_SIMULATED_INTERVIEWERS = 100_000
"""Simulated waves times interviewers: p is resolved far below what any rule asks of it."""
_WAVES = (200, 2_000)
"""Fewest and most simulated waves, for many and for few interviewers."""
_MOST_INTERVIEWERS, _FEWEST_WAVES = 2_000_000, 50
"""Of very many interviewers as many waves as make so many, and at least this many: one wave says much by itself."""
_MOST_DRAWN = 100
"""Respondents drawn for one simulated interviewer, at most: what more of them add to a mean is close to normal."""
_MATCHED = (0.5, 0.99)
"""Quantiles of the simulated statistic that the reference of a workload has, smoothed over logarithms of workloads."""


class OwnSpread(Struct, frozen=True, eq=False):
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


class SimulatedLevels(Struct, frozen=True, eq=False):
    """W waves of the J' judged interviewers, all normal."""

    interviewer: NDArray[np.int64]
    """(J',) positions in `Survey.interviewer_ids`."""
    p: FloatArray
    """(W, J') p over all items."""
    remarkable: NDArray[np.bool_]
    """(W, J') whether any item is large and remarkable enough to be named."""
    n_cells: int
    """Interviewer-by-item cells per wave."""
    cell_wave: NDArray[np.int32]
    """(C,) the few cells with a small p, wave by wave: their wave,"""
    cell_row: NDArray[np.int32]
    """(C,) their interviewer, as a position in `interviewer`,"""
    cell_t: FloatArray
    """(C,) the size of their Student's t,"""
    cell_large: NDArray[np.bool_]
    """(C,) and whether they are large enough to be named."""
    df: int
    """Degrees of freedom of t."""


def of_any_workload(observed: FloatArray, simulated: FloatArray, n: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Statistics (J,) and (W, J) on a log scale, with the same middle and upper tail whatever the workload.

    T is known less well than W/n, and matters more the more interviews there are: busy interviewers would be flagged by
    chance ten times as often as others.
    """
    observed, simulated = (np.log(np.maximum(statistic, 1e-300)) for statistic in (observed, simulated))
    middle, tail = np.quantile(simulated, _MATCHED, axis=0)
    busy = np.log(n) - np.log(n).mean()
    curve = np.stack([np.ones_like(busy), busy, busy**2], axis=1)
    smooth = curve @ np.linalg.lstsq(curve, np.stack([middle, tail], axis=1), rcond=None)[0]
    width = np.maximum(smooth[:, 1] - smooth[:, 0], 0.05)
    return (observed - smooth[:, 0]) / width, (simulated - smooth[:, 0]) / width


_Draw = Callable[[np.random.Generator, FloatArray], FloatArray]
"""Of a generator and variances (W, J), 1 being usual, the deviations (W, J, K) of normal interviewers."""

_SmallCells = tuple[NDArray[np.int32], NDArray[np.int32], FloatArray, NDArray[np.bool_], int]


class _Drawn(Struct, frozen=True, eq=False):
    """Some of the waves, before anything is made of them; W waves, J interviewers, K items."""

    waves: NDArray[np.int64]
    """(W,)."""
    counted: FloatArray
    """(W, J) answers, as far as they say something about a level."""
    deviation: FloatArray
    """(W, J, K) deletion residuals: deviations from the mean of the others,"""
    of_cells: FloatArray
    """(W, J, K) and those of single cells: of uneven items they go by a tail, whose normal score is normal."""


def simulate_levels(
    table: Table, rate: float, spread: OwnSpread, between: FloatArray | None = None, threads: int = 1
) -> tuple[FloatArray, _SmallCells, NDArray[np.bool_]]:
    """Waves of normal interviewers with this T and these workloads, put through the same computation.

    `between` (K, K): T, where it is not that of the table. Returns the statistics (S, waves, J) of the table's S groups
    of items, the cells that can have a small p (wave, interviewer, t, large, and the degrees of freedom of t), and
    whether an interviewer has any item that is large and remarkable enough to be named (waves, J).

    Waves are drawn in turn from one stream of random numbers, and so many threads make statistics of them: the same
    ones, however many threads there are.
    """
    within, n = table.within, table.n
    j, k = len(n), len(within)
    waves = min(max(-(-_SIMULATED_INTERVIEWERS // j), _WAVES[0]), _WAVES[1])
    waves = min(waves, max(_MOST_INTERVIEWERS // j, _FEWEST_WAVES))
    weight = weights_in_t(n)
    share = weight / weight.sum()
    groups = table.groups()
    statistics = np.empty((len(groups), waves, j))
    remarkable = np.empty((waves, j), dtype=bool)
    df = max(j - 2, 1)
    least = float(t_isf(min(rate, 0.5), df)) ** 2

    def made_of(drawn: _Drawn) -> tuple[NDArray[np.int32], NDArray[np.int32], FloatArray, NDArray[np.bool_]]:
        """Statistics where they belong, and the small cells."""
        d, part = drawn.deviation, drawn.waves
        sampling = np.diagonal(within) / drawn.counted[..., None]
        z2 = d**2
        variance = _variances_of_others(z2 - sampling, share)
        for statistic, blocks in zip(statistics, groups, strict=True):
            statistic[part] = sum(
                _of_block(d[..., block], within[np.ix_(block, block)], drawn.counted, share, variance[..., block])
                for block in blocks
            )
        if drawn.of_cells is not d:
            d = drawn.of_cells
            z2 = d**2
            variance = _variances_of_others(z2 - sampling, share)
        size = np.abs(d)
        variance += sampling
        z2 /= variance
        remarkable[part] = ((size >= MINIMUM_SIZE) & (z2 > NAMED_BESIDE**2)).any(axis=-1)
        place = np.flatnonzero(z2 > least)
        family = place // k
        wave, row = part[family // j].astype(np.int32), (family % j).astype(np.int32)  # there are millions of them
        return wave, row, np.sqrt(z2.ravel()[place]), size.ravel()[place] >= MINIMUM_SIZE

    found = mapped(made_of, _drawn(table, spread, between, np.arange(waves), share), threads)
    wave_of, row_of, t_of, large_of = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return statistics, (wave_of, row_of, t_of, large_of, df), remarkable


def _drawn(
    table: Table, spread: OwnSpread, between: FloatArray | None, waves: NDArray[np.int64], share: FloatArray
) -> Iterator[_Drawn]:
    """The waves, as many at once as fit into a processor's cache; interviewers with a `share` (J,) in T."""
    rng = np.random.default_rng(_SEED)
    between = table.between().covariance if between is None else between
    normal = _draw_normal(table, between)
    draw = normal if table.respondents is None else _draw_respondents(table, between)

    def deviations(draw: _Draw, variance: FloatArray) -> FloatArray:
        d = draw(rng, variance)
        d -= (share @ d)[:, None]
        d /= (1 - share)[:, None]
        return d

    for part in np.array_split(waves, min(len(waves), -(-len(waves) * len(table.n) * len(between) // CHUNK))):
        true_variance, made_of_it = spread.simulate(rng, len(part))
        d = deviations(draw, true_variance)
        of_cells = d if draw is normal else deviations(normal, true_variance)
        yield _Drawn(part, table.n / made_of_it, d, of_cells)


def _draw_normal(table: Table, between: FloatArray) -> _Draw:
    """True effects ~ N(0, T) and means of answers ~ N(0, v W/n), which on bounded scales are bent.

    With W = RR', `whiten` the inverse of R, and T = B diag(l) B', B = R V, effects are B diag(sqrt(l)) V'e and means
    R e with e_k ~ N(0, 1) and N(0, v/n). Where nothing is bent the sum is drawn at once: B diag(sqrt(l + v/n)) V'e.
    The signs of V, and which vectors it has for eigenvalues that are alike, are a matter of rounding: only products in
    which they do not show are used.
    """
    whiten = _whitening(table.within)
    root = np.linalg.inv(whiten).T
    values, vectors = np.linalg.eigh(whiten @ between @ whiten.T)
    values, back = np.maximum(values, 0.0), vectors.T @ root
    effect = vectors * np.sqrt(values) @ back
    ends = bent(table.bends, np.diagonal(between))

    def draw(rng: np.random.Generator, variance: FloatArray) -> FloatArray:
        d = rng.standard_normal((*variance.shape, len(values)))
        if ends is None:
            d = d @ vectors
            d *= np.sqrt(values + (variance / table.n)[..., None])
            return np.asarray(d @ back)
        effects = rng.standard_normal(d.shape) @ effect
        d = d @ root
        d *= np.sqrt(variance / table.n)[..., None]
        d *= ends.spread(effects)
        d += ends.level(effects)
        return np.asarray(d)

    return draw


def _draw_respondents(table: Table, between: FloatArray) -> _Draw:
    """A true effect ~ N(0, T), and the mean of respondents drawn from the survey's own."""
    respondents = np.zeros((0, 0)) if table.respondents is None else table.respondents
    values, vectors = np.linalg.eigh(between)
    root = vectors * np.sqrt(np.maximum(values, 0.0)) @ vectors.T  # the only one that rounding leaves as it is
    drawn = np.clip(np.rint(table.n), 1, _MOST_DRAWN).astype(np.int64)
    per_wave = int(drawn.sum())
    # Drawn answers have the variance of the survey's, missing ones included.
    scale = np.sqrt(np.diagonal(table.within) / np.maximum((respondents**2).mean(0), 1e-12))

    def draw(rng: np.random.Generator, variance: FloatArray) -> FloatArray:
        d = rng.standard_normal((*variance.shape, len(values))) @ root
        who = rng.integers(0, len(respondents), len(d) * per_wave)
        ends = np.append(0, np.cumsum(np.tile(drawn, len(d))))
        # A row for every interviewer: who was drawn. Its product adds their answers up without setting them out.
        chosen = sparse.csr_array((np.ones(len(who)), who, ends), shape=(variance.size, len(respondents)))
        d += (chosen @ respondents).reshape(d.shape) * (scale * np.sqrt(variance / (drawn * table.n))[..., None])
        return np.asarray(d)

    return draw


def _whitening(within: FloatArray) -> FloatArray:
    """(K, K) the inverse of R, W = RR'."""
    return np.asarray(np.linalg.inv(np.linalg.cholesky(within)))


def _variances_of_others(own: FloatArray, share: FloatArray) -> FloatArray:
    """(W, J, K) variances of true effects without each interviewer, never negative.

    `own` (W, J, K): what each adds to them, squares of deviations less their sampling part; it is overwritten.
    """
    total = (share @ own)[:, None]
    own *= -share[:, None]
    own += total
    own /= (1 - share)[:, None]
    return np.maximum(own, 0.0, out=own)


def _of_block(d: FloatArray, within: FloatArray, n: FloatArray, share: FloatArray, variance: FloatArray) -> FloatArray:
    """(W, J) the statistic of each interviewer, from one decomposition per wave: T in the metric of W.

    Args:
        d: (W, J, k) deviations.
        within: (k, k) W of a single answer.
        n: (W, J) answers.
        share: (J,) shares of the interviewers in T.
        variance: (W, J, k) T's diagonal without each interviewer.
    """
    raw = np.swapaxes(d * share[:, None], 1, 2) @ d
    raw -= within * ((1 / n) @ share)[:, None, None]
    between = shrink_between(raw, within)
    whiten = _whitening(within)
    inner = whiten @ between.covariance @ whiten.T
    values, vectors = np.linalg.eigh((inner + np.swapaxes(inner, 1, 2)) / 2)
    turn = whiten.T @ vectors
    u = d @ turn
    u /= np.maximum(values, 0.0)[:, None] + (1 / n)[..., None]
    sampling = np.einsum("wjk,wjk->wj", u, u) / n  # W turned is the unit matrix
    u = u @ np.swapaxes(turn, 1, 2)
    distance = np.einsum("wjk,wjk->wj", u, d)
    others = without(np.einsum("wjk,wjk->wj", u @ raw, u), distance**2 - sampling, share)
    u *= np.sqrt(variance)
    target = np.einsum("wjk,wjk->wj", u @ between.expected, u)
    return against_others(distance, sampling, target, others)
