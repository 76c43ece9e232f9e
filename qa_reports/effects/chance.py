"""How many interviewers a wave of normal ones would show: their p values put through the rules of flagging."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qa_reports.effects.distributions import t_isf, t_sf
from qa_reports.effects.evidence import CombinedEvidence
from qa_reports.effects.findings import ExpectedByChance
from qa_reports.effects.rules import EXPECTED_WARNINGS
from qa_reports.effects.simulated_levels import SimulatedLevels
from qa_reports.effects.sources import EvidenceSource, cell_weights, combine_sources

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_SEED = 20_251_122
_AT_ONCE = 2_000_000
"""Numbers that are combined at once."""
_NEARLY = 1 - 1e-9
"""Of a bound on t that stands for one on p: rounding must not keep out who is in."""
_SMALL = 0.1
"""p of a source that is called small where sources are asked how often theirs is."""


def expected_by_chance(evidence: CombinedEvidence, sources: Sequence[EvidenceSource], rate: float) -> ExpectedByChance:
    """Flagged interviewers and cells per wave of normal interviewers.

    Levels come from the simulated waves of `evidence`. Other sources have uniform p values, or small ones less often
    where those of the survey are (`_how_often`), and counts as large enough to be named whenever its p is small.
    """
    levels = evidence.simulated
    if levels is None:
        return ExpectedByChance(0.0, 0.0, "nobody was judged")
    rng = np.random.default_rng(_SEED)
    flagged = _flagged_over_all(levels, sources, rate, rng)
    cells = _single_cells(levels, sources, rate, rng)
    flagged |= cells > 0
    return ExpectedByChance(
        interviewers=float(flagged.sum(1).mean()),
        cells=float(cells.sum(1).mean()),
        method=f"{len(flagged):,} simulated waves of normal interviewers with this survey's workloads, variances and "
        "correlations, judged by the same rules",
    )


def _flagged_over_all(
    levels: SimulatedLevels, sources: Sequence[EvidenceSource], rate: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """(waves, J) who is flagged by everything together."""
    waves, j = levels.p.shape
    others = [source for source in sources if source.kind != "level"]
    judging = [source for source in others if np.isfinite(source.p).any()]
    level = next(source for source in sources if source.kind == "level")
    weights = np.array([level.weight, *(source.weight for source in judging)])
    p = np.empty((waves, j, len(weights)))
    p[..., 0] = levels.p
    for s, source in enumerate(judging, start=1):
        known = np.isfinite(source.p[levels.interviewer])
        drawn = rng.uniform(size=(waves, j)) / _how_often(source.p)
        p[..., s] = np.where(known, np.minimum(drawn, 1.0), np.nan)
    # Together no p is below the smallest: where none is small, nothing is notable and nothing has to be combined.
    combined = np.ones((waves, j))
    near = (p < max(rate, EXPECTED_WARNINGS / j)).any(-1)
    combined[near] = _combined(p[near], weights)
    notable = (combined < EXPECTED_WARNINGS / j) | _low_q(combined, rate)
    # Where levels alone make it notable an item has to be large enough to be named.
    flagged, in_doubt = notable & levels.remarkable, notable & ~levels.remarkable
    other = _combined(p[in_doubt, 1:], weights[1:]) if len(weights) > 1 else np.ones(in_doubt.sum())
    flagged[in_doubt] = other <= combined[in_doubt] * weights.sum() / max(weights[1:].sum(), 1e-12)
    return np.asarray(flagged)


def _combined(p: FloatArray, weights: FloatArray) -> FloatArray:
    """(n,) as `combine_sources` of (n, S), some at a time: it takes several times the memory of what it is given."""
    parts = max(1, min(p.size // _AT_ONCE, len(p)))
    return np.concatenate([combine_sources(part, weights) for part in np.array_split(p, parts)])


def _how_often(p: FloatArray) -> float:
    """How often p is small, over nominal, and at most 1: p of rare events and of measures that go together is often 1.

    Counted below a p at which those few who are not normal weigh nothing, and pulled towards 1 where few are judged.
    """
    judged = np.isfinite(p)
    return float(min(1.0, (1 + np.sum(p[judged] < _SMALL)) / (1 + _SMALL * judged.sum())))


def _low_q(p: FloatArray, rate: float) -> NDArray[np.bool_]:
    """(waves, J) where the Benjamini-Hochberg q of a wave is below `rate`."""
    ordered = np.sort(p, axis=1)
    passing = ordered * p.shape[1] < rate * np.arange(1, p.shape[1] + 1)
    bound = np.where(passing, ordered, -1.0).max(axis=1)
    return np.asarray(p <= bound[:, None])


def _single_cells(
    levels: SimulatedLevels, sources: Sequence[EvidenceSource], rate: float, rng: np.random.Generator
) -> IntArray:
    """(waves, J) flagged single cells. Only a weighted p below `rate` can be one: of other sources those are drawn."""
    waves, j = levels.p.shape
    position = {int(interviewer): row for row, interviewer in enumerate(levels.interviewer)}
    weights = cell_weights(sources)
    owners, weight_of_owner, weight_of_level = [], [], 1.0
    for source, weight in zip(sources, weights, strict=True):
        if source.kind == "level":
            weight_of_level = weight
            continue
        rows = [position[cell.interviewer] for cell in source.cells if cell.interviewer in position]
        owners += rows
        often = _how_often(np.array([cell.p for cell in source.cells]))
        weight_of_owner += [weight * often] * len(rows)
    owner, share = np.array(owners, dtype=np.int64), np.array(weight_of_owner)
    size = levels.n_cells / j + np.bincount(owner, minlength=j)  # cells of each interviewer
    drawn = np.asarray(
        rng.binomial(len(owner), rate * share.mean(), waves) if owners else np.zeros(waves), dtype=np.int64
    )
    p_of_others = rng.uniform(0, rate, drawn.sum())
    others = rng.choice(owner, drawn.sum(), p=share / share.sum()) if drawn.any() else owner[:0]
    of_levels = levels.cell_wave.astype(np.int64) * j + levels.cell_row
    of_others = np.repeat(np.arange(waves), drawn) * j + others
    count = np.bincount(of_levels, minlength=waves * j) + np.bincount(of_others, minlength=waves * j)
    # No cell's rank is above the number of its interviewer's candidates: most are out before anything is sorted, and
    # most of those before they have a p, by the t that the p would need.
    most = np.minimum(weight_of_level * rate * np.arange(count.max() + 1) / size.min(), 1.0)
    some = np.flatnonzero(levels.cell_t > (_NEARLY * t_isf(most / 2, levels.df))[count[of_levels]])
    p = np.concatenate([2 * t_sf(levels.cell_t[some], levels.df) / weight_of_level, p_of_others])
    large = np.concatenate([levels.cell_large[some], np.ones(len(others), dtype=bool)])
    family = np.concatenate([of_levels[some], of_others])
    wave, whose = np.divmod(family, j)
    candidate = np.flatnonzero(p * size[whose] < rate * count[family])
    order = candidate[np.lexsort((p[candidate], family[candidate]))]
    own = family[order]
    adjusted = p[order] * size[whose[order]] / (np.arange(len(order)) - np.searchsorted(own, own) + 1)
    simes = np.ones(waves * j)
    np.minimum.at(simes, own, adjusted)
    chosen = _low_q(simes.reshape(waves, j), rate).sum(1)
    passing = adjusted < rate * chosen[wave[order]] / j
    last = np.full(waves * j, -1.0)  # stepping up within the interviewer: all p up to the largest that passes
    np.maximum.at(last, own[passing], p[order[passing]])
    sure = order[p[order] <= last[own]]
    counts = np.zeros((waves, j), dtype=np.int64)
    np.add.at(counts, (wave[sure[large[sure]]], whose[sure[large[sure]]]), 1)
    return counts
