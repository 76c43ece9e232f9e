"""The items side by side: what evidence over all items is computed from."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.effects.between import Between, pair_weights, positive, shrink_between, weights_in_t
from qa_reports.effects.bounded import Bend, bend
from qa_reports.effects.estimate import ItemEffects
from qa_reports.effects.judge import level_cells

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

CHUNK = 200_000
"""Numbers handled at once: what fits into a processor's cache is fastest."""
_MOST_TOGETHER = 25
"""Items whose covariances between interviewers are estimated together, at most,"""
_INTERVIEWERS_PER_ITEM = 4
"""and interviewers that it takes for each of them: T of more is known badly (docs/simulations-flags.md)."""
_CUT = 0.1
"""What one more block weighs beside the correlation of the answers that it parts."""
_EVEN = 0.05
"""What a block of full length weighs, shorter ones by the square of their length: blocks of like length are better."""


class Table(Struct, frozen=True, eq=False):
    """The items side by side: J interviewers, K items."""

    deviation: FloatArray
    """(J, K) deletion residuals over the item's residual sd; NaN where an interviewer has no answer."""
    within: FloatArray
    """(K, K) covariance of two answers within interviewers, unit diagonal."""
    overlap: FloatArray
    """(J, K, K) n_jkl / (n_jk n_jl): the covariance of two means is this times `within`; 0 where there is no answer."""
    n: FloatArray
    """(J,) mean number of answers per item."""
    bends: tuple[Bend | None, ...]
    """(K,) how the ends of an item's scale bend effects."""
    respondents: FloatArray | None
    """(n, K) answers of respondents less their interviewer's mean, of variance `within`, 0 where there is none; None
    where means of answers are near enough to normal."""
    batteries: tuple[IntArray, ...] = ()
    """Positions of the items that are looked at by themselves, too."""

    def of(self, block: IntArray) -> Table:
        """Some of the items, or all in their order."""
        if len(block) == len(self.within):
            return self  # `overlap` is large
        overlap = self.overlap[:, block[:, None], block]
        return Table(self.deviation[:, block], self.within[np.ix_(block, block)], overlap, self.n, (), None)

    def groups(self) -> list[list[IntArray]]:
        """What statistics are made of, each the sum over its blocks of items: all items, then each battery."""
        everything = item_blocks(self.within, len(self.n))
        return [everything, *([block] for block in self.batteries if 1 < len(block) < len(self.within))]

    def between(self) -> Between:
        """T of the items."""
        present, weight = np.isfinite(self.deviation), weights_in_t(self.n)
        d = np.where(present, self.deviation, 0.0)
        raw = (d * weight[:, None]).T @ d - self.within * np.einsum("j,jkl->kl", weight, self.overlap)
        return shrink_between(raw / pair_weights(present, weight), self.within)


def item_blocks(within: FloatArray, n_interviewers: int) -> list[IntArray]:
    """Positions of neighbouring items whose covariances are estimated together; one block where there are few items.

    Batteries are seldom parted: cuts are where the answers to neighbouring items go least together. Blocks have like
    lengths where that does not matter.
    """
    most = max(1, min(_MOST_TOGETHER, n_interviewers // _INTERVIEWERS_PER_ITEM))
    parted = _CUT + np.abs(np.diagonal(within, 1))

    def weight(start: int, end: int) -> float:
        return (float(parted[start - 1]) if start else 0.0) + _EVEN * ((end - start) / most) ** 2

    before: list[tuple[float, int]] = [(0.0, 0)]  # of the first items: the least weight of cuts, and the last block
    for end in range(1, len(within) + 1):
        starts = range(max(0, end - most), end)
        before.append(min((before[start][0] + weight(start, end), start) for start in starts))
    blocks, end = [], len(within)
    while end:
        blocks.append(np.arange(before[end][1], end))
        end = before[end][1]
    return blocks[::-1]


def side_by_side(
    items: Sequence[ItemEffects], n_interviewers: int, sampled: bool, batteries: Sequence[Collection[str]] = ()
) -> Table:
    """The table of these items over J interviewers; `sampled` where interviews at hand are a sample."""
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
    # By far the largest array of very many interviewers or items: made in place, and of a sample not at all.
    overlap = np.zeros((0 if sampled else n_interviewers, len(items), len(items)))
    counts = np.zeros((n_interviewers, len(items)))
    respondents = np.zeros_like(residuals)
    products, pairs, total = np.zeros((3, len(items), len(items)))
    order = np.argsort(interviewer, kind="stable")
    ends = np.searchsorted(interviewer[order], np.arange(n_interviewers + 1))
    for j in range(n_interviewers):
        own = order[ends[j] : ends[j + 1]]
        has, values = answered[own].astype(float), np.nan_to_num(residuals[own])
        together = has.T @ has
        counts[j] = np.diagonal(together)
        n = np.maximum(counts[j], 1)
        centred = (values - values.sum(0) / n) * has
        # A mean that the own answers made takes some of their variance away.
        respondents[own] = centred * np.sqrt(n / np.maximum(n - 1, 1))
        products += centred.T @ centred
        pairs += np.maximum(together - 1, 0)
        total += together
        if not sampled:
            np.divide(together, np.outer(n, n), out=overlap[j])
    within = products / np.maximum(pairs, 1)
    if sampled:
        counts, overlap = _in_all(items, n_interviewers, total)
    # A categorical model may have judged interviews that the adjusted linear one lacks: these have no residuals here.
    deviation[counts == 0] = np.nan
    uneven = any((cells := level_cells(item)) is not None and cells.by_tail for item in items)
    held = answered.any(axis=1)
    several = held & (np.bincount(interviewer[held], minlength=n_interviewers)[interviewer] > 1)
    return Table(
        deviation,
        positive(within, 1e-3),
        overlap,
        counts.mean(1),
        tuple(None if (cells := level_cells(item)) is None or cells.by_tail else bend(item.judging) for item in items),
        respondents[several] if uneven else None,
        tuple(np.flatnonzero([item.item in battery for item in items]) for battery in batteries),
    )


def _in_all(items: Sequence[ItemEffects], n_interviewers: int, total: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Answers (J, K), and the overlap (J, K, K) of interviews with both answers, whose share is that in a sample.

    `total` (K, K) counts the interviews of the sample with both.
    """
    n = np.zeros((n_interviewers, len(items)))
    for k, item in enumerate(items):
        effects = item.judging.effects
        n[effects.interviewer, k] = effects.n_interviews
    root = np.sqrt(n)
    reciprocal = np.divide(1.0, root, out=np.zeros_like(root), where=root > 0)
    own = np.sqrt(np.maximum(np.diagonal(total), 1.0))
    overlap = reciprocal[:, :, None] * reciprocal[:, None, :]
    overlap *= total / np.outer(own, own)
    return n, overlap
