"""Evidence of one interviewer over all items together, and what a wave of normal interviewers would show.

d_j is the vector of an interviewer's deletion residuals over K items. For a normal interviewer its covariance is
A_j = T + W_j: T the covariance of the true interviewer effects, W_j that of the means of n_j answers. The statistic is
the squared distance in the direction A_j^-1 d_j, held against what the others vary by in it (between.py). Its reference
is not chi-square, because T is estimated: the same computation is run on simulated waves of normal interviewers. Where
interviewers differ in spread W_j is scaled by the interviewer's own variance over all items (shrunk), in the simulated
waves as well. Of many items, or few interviewers, blocks of neighbouring items have a T each, and their statistics are
added. Batteries are looked at by themselves, too: few items that deviate together are lost among many.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from qa_reports.effects.between import against_others, pair_weights, weights_in_t, without
from qa_reports.effects.distributions import chi2_isf, chi2_sf
from qa_reports.effects.estimate import ItemEffects
from qa_reports.effects.few import FEWEST_JUDGED
from qa_reports.effects.side_by_side import CHUNK, Table, side_by_side
from qa_reports.effects.simulated_levels import OwnSpread, SimulatedLevels, of_any_workload, simulate_levels
from qa_reports.effects.threads import mapped

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


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
    batteries: Sequence[Collection[str]] = (),
    threads: int = 1,
) -> CombinedEvidence:
    """Combine the items' deletion residuals per interviewer.

    Args:
        items: modelled items.
        n_interviewers: J of the survey.
        judged: (J,) interviewers with enough interviews.
        false_discovery_rate: of the rule for "critical": cells with a larger p are not looked at.
        spread: own variances; None where interviewers do not differ.
        sampled: whether the interviews at hand are a sample of those the models rest on.
        batteries: names of items that are looked at by themselves, too.
        threads: that work on simulated interviewers beside each other.
    """
    spread = spread or OwnSpread(np.ones(n_interviewers), np.zeros(n_interviewers), 0.0, 0.0)
    table = side_by_side(items, n_interviewers, sampled, batteries)
    rows = np.flatnonzero(judged & np.isfinite(table.deviation).any(axis=1))
    p = np.full(n_interviewers, np.nan)
    if len(rows) < FEWEST_JUDGED:
        return CombinedEvidence(p, None)
    # Interviews that vary twice as much say as much about a level as half as many.
    overlap = table.overlap if len(rows) == n_interviewers else table.overlap[rows]
    overlap *= spread.shrunken[rows, None, None]
    table = replace(table, deviation=table.deviation[rows], overlap=overlap, n=table.n[rows])
    observed = np.stack([_observed(table, blocks) for blocks in table.groups()])
    statistics, cells, remarkable = simulate_levels(table, false_discovery_rate, spread.of(rows), threads=threads)
    p[rows], of_simulated = _p_values(observed, statistics, table.n, threads)
    simulated = SimulatedLevels(rows, of_simulated, remarkable, len(rows) * len(items), *cells)
    return CombinedEvidence(p, simulated)


def _p_values(
    observed: FloatArray, simulated: FloatArray, n: FloatArray, threads: int = 1
) -> tuple[FloatArray, FloatArray]:
    """(J,) and (W, J) p of statistics (S, J) and (S, W, J): all items, and the most remarkable battery.

    Both at their p are one more statistic, and so are the p of batteries; whatever they have in common is in the
    simulated waves.
    """
    pairs = zip(observed, simulated, strict=True)
    each = mapped(lambda statistics: _held_against(*of_any_workload(*statistics, n)), pairs, threads)
    if len(each) > 2:
        each = [each[0], _smallest(each[1:])]
    return each[0] if len(each) == 1 else _smallest(each)


def _smallest(p: Sequence[tuple[FloatArray, FloatArray]]) -> tuple[FloatArray, FloatArray]:
    """p of the smallest of several p, (J,) and (W, J) each."""
    observed, simulated = (np.minimum.reduce(each) for each in zip(*p, strict=True))
    return _held_against(-observed, -simulated)


def _held_against(observed: FloatArray, simulated: FloatArray) -> tuple[FloatArray, FloatArray]:
    """p (J,) and (W, J): how often a simulated statistic is as large; of equal ones the later has the smaller p."""
    order, ascending = _sorted(simulated.ravel())
    n = 1 + len(order)
    of_simulated = np.empty(len(order))
    of_simulated[order] = (n - np.arange(len(order))) / n
    return (n - np.searchsorted(ascending, observed)) / n, of_simulated.reshape(simulated.shape)


def _sorted(values: FloatArray) -> tuple[IntArray, FloatArray]:
    """The stable order of values (N,), the same on every processor, and the values in it.

    NumPy's stable sort takes three times as long as sorting at first anyhow and then the places of equal values.
    """
    order = np.argsort(values)
    ascending = values[order]
    larger = ascending[1:] > ascending[:-1]
    if not larger.all():
        order += np.append(0, np.cumsum(larger)) * len(values)
        order.sort()
        order %= len(values)
    return order, ascending


def _observed(table: Table, blocks: Sequence[IntArray]) -> FloatArray:
    """(J,) the statistic of each interviewer, comparable between interviewers with different numbers of items.

    With fewer than K items it is the chi-square(K) value with the same tail as the statistic has in chi-square(items).
    Without any it is 0.
    """
    items = np.isfinite(table.deviation[:, np.concatenate(blocks)]).sum(1)
    k = sum(map(len, blocks))
    statistic = np.sum([_of_block(table.of(block)) for block in blocks], axis=0)
    fewer = (items > 0) & (items < k)
    statistic[fewer] = chi2_isf(chi2_sf(statistic[fewer], items[fewer]), k)
    return np.asarray(statistic)


def _of_block(table: Table) -> FloatArray:
    """(J,) the statistic over the items that an interviewer has."""
    deviation, within, between = table.deviation, table.within, table.between()
    has, weight = np.isfinite(deviation), weights_in_t(table.n)
    total = pair_weights(has, weight)
    d, statistic, k = np.where(has, deviation, 0.0), np.empty(len(has)), has.shape[1]
    for part in np.array_split(np.arange(len(has)), -(-len(has) * k * k // CHUNK)):
        # Items without answers are rows and columns of the unit matrix, and 0 in d.
        both = has[part, :, None] & has[part, None]
        sampling = within * table.overlap[part]
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
