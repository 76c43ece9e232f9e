"""Evidence of one interviewer over all items together, and what a wave of normal interviewers would show.

d_j is the vector of an interviewer's deletion residuals over K items. For a normal interviewer its covariance is
A_j = T + W_j: T the covariance of the true interviewer effects, W_j that of the means of n_j answers. The statistic is
the squared distance in the direction A_j^-1 d_j, held against what the others vary by in it (between.py). Its reference
is not chi-square, because T is estimated: the same computation is run on simulated waves of normal interviewers. Where
interviewers differ in spread W_j is scaled by the interviewer's own variance over all items (shrunk), in the simulated
waves as well. Of many items, or few interviewers, blocks of neighbouring items have a T each, and their statistics are
added.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from qa_reports.effects.between import Between, against_others, pair_weights, weights_in_t, without
from qa_reports.effects.distributions import chi2_isf, chi2_sf
from qa_reports.effects.estimate import ItemEffects
from qa_reports.effects.side_by_side import CHUNK, Table, item_blocks, side_by_side
from qa_reports.effects.simulated_levels import OwnSpread, SimulatedLevels, of_any_workload, simulate_levels

FloatArray = NDArray[np.float64]


class CombinedEvidence(Struct, frozen=True, eq=False):
    """Evidence over all items. J interviewers of the survey."""

    p: FloatArray
    """(J,) p over all items; NaN for interviewers not judged."""
    simulated: SimulatedLevels | None
    """What normal interviewers would show; None where nobody was judged."""


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
    table = side_by_side(items, n_interviewers, sampled)
    rows = np.flatnonzero(judged & np.isfinite(table.deviation).any(axis=1))
    p = np.full(n_interviewers, np.nan)
    if len(rows) < 3:
        # With two interviewers there is nobody to compare either with.
        return CombinedEvidence(p, None)
    # Interviews that vary twice as much say as much about a level as half as many.
    overlap = table.overlap if len(rows) == n_interviewers else table.overlap[rows]
    overlap *= spread.shrunken[rows, None, None]
    table = replace(table, deviation=table.deviation[rows], overlap=overlap, n=table.n[rows])
    observed = _observed(table, [(block, table.between(block)) for block in item_blocks(table.within, len(rows))])
    between = table.between(slice(None)).covariance
    statistic, cells, remarkable = simulate_levels(table, between, false_discovery_rate, spread.of(rows))
    observed, statistic = of_any_workload(observed, statistic, table.n)
    flat = statistic.ravel()
    order = np.argsort(flat)
    p[rows] = (1 + len(flat) - np.searchsorted(flat, observed, sorter=order)) / (1 + len(flat))
    of_simulated = np.empty(len(flat))
    of_simulated[order] = (1 + len(flat) - np.arange(len(flat))) / (1 + len(flat))
    simulated = SimulatedLevels(rows, of_simulated.reshape(statistic.shape), remarkable, len(rows) * len(items), *cells)
    return CombinedEvidence(p, simulated)


def _observed(table: Table, between: Sequence[tuple[slice, Between]]) -> FloatArray:
    """(J,) the statistic of each interviewer, comparable between interviewers with different numbers of items.

    With fewer than K items it is the chi-square(K) value with the same tail as the statistic has in chi-square(items).
    `between`: the blocks of items with their T.
    """
    has = np.isfinite(table.deviation)
    items, k = has.sum(1), has.shape[1]
    statistic = np.sum([_of_block(table, block, t) for block, t in between], axis=0)
    return np.where(items == k, statistic, chi2_isf(chi2_sf(statistic, items), k))


def _of_block(table: Table, block: slice, between: Between) -> FloatArray:
    """(J,) the statistic over the items of a block that an interviewer has."""
    deviation, within = table.deviation[:, block], table.within[block, block]
    has, weight = np.isfinite(deviation), weights_in_t(table.n)
    total = pair_weights(has, weight)
    d, statistic, k = np.where(has, deviation, 0.0), np.empty(len(has)), has.shape[1]
    for part in np.array_split(np.arange(len(has)), -(-len(has) * k * k // CHUNK)):
        # Items without answers are rows and columns of the unit matrix, and 0 in d.
        both = has[part, :, None] & has[part, None]
        sampling = within * table.overlap[part, block, block]
        matrix = np.where(both, between.covariance + sampling, np.eye(k))
        u = np.linalg.solve(matrix, d[part, :, None])[..., 0]
        products = d[part, :, None] * d[part, None] - sampling
        raw = without(between.raw, products, weight[part, None, None] * both / total)
        turned = u * np.sqrt(np.maximum(np.diagonal(raw, axis1=1, axis2=2), 0.0))
        statistic[part] = against_others(
            np.einsum("jk,jk->j", u, d[part]),
            *(
                np.einsum("jk,jkl,jl->j", v, of, v)
                for v, of in ((u, sampling), (turned, np.broadcast_to(between.expected, raw.shape)), (u, raw))
            ),
        )
    return statistic
