"""The items side by side: what evidence over all items is computed from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.effects.bounded import Bend, bend
from qa_reports.effects.estimate import ItemEffects
from qa_reports.effects.judge import level_cells

FloatArray = NDArray[np.float64]

CHUNK = 200_000
"""Numbers handled at once: what fits into a processor's cache is fastest."""
_MOST_TOGETHER = 25
"""Items whose covariances between interviewers are estimated together, at most,"""
_INTERVIEWERS_PER_ITEM = 4
"""and interviewers that it takes for each of them: from fewer T is so close to what was seen that nobody can be left
out of it any more, and p depends on the workload (docs/simulations-flags.md)."""
_CUT = 0.1
"""What one more block weighs beside the correlation of the answers that it parts."""
_EVEN = 0.05
"""What a block of full length weighs, shorter ones by the square of their length: blocks of like length are better."""
_SHRINKAGE = 0.5
"""Weight of the target in T: with 150 interviewers a correlation between two interviewer effects is known to about
+-.2 only."""
_STEEPEST = 2.0
"""Rise of the correlation of interviewer effects with that of answers, at most."""


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

    def between(self, block: slice) -> FloatArray:
        """(k, k) T of a block of items."""
        return between_covariance(
            self.deviation[:, block], self.n, self.within[block, block], self.overlap[:, block, block]
        )


def item_blocks(within: FloatArray, n_interviewers: int) -> list[slice]:
    """Blocks of neighbouring items whose covariances are estimated together; one where there are few items.

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
        blocks.append(slice(before[end][1], end))
        end = before[end][1]
    return blocks[::-1]


def side_by_side(items: Sequence[ItemEffects], n_interviewers: int, sampled: bool) -> Table:
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
        _positive(within, 1e-3),
        overlap,
        counts.mean(1),
        tuple(None if (cells := level_cells(item)) is None or cells.by_tail else bend(item.judging) for item in items),
        respondents[several] if uneven else None,
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


def _positive(matrix: FloatArray, floor: float) -> FloatArray:
    """(..., K, K) the nearest symmetric matrices with eigenvalues of at least `floor` times the largest."""
    values, vectors = np.linalg.eigh((matrix + np.swapaxes(matrix, -1, -2)) / 2)
    least = floor * np.maximum(values[..., -1:], 0.0)
    return np.asarray((vectors * np.maximum(values, least)[..., None, :]) @ np.swapaxes(vectors, -1, -2))


def weights_in_t(n: FloatArray) -> FloatArray:
    """(J,) how much an interviewer counts for T: more interviews say more, but less and less so."""
    return np.asarray(n / (n + n.mean()))


def between_covariance(deviation: FloatArray, n: FloatArray, within: FloatArray, overlap: FloatArray) -> FloatArray:
    """(K, K) T by moments: what the products of deviations exceed their sampling part by, shrunk."""
    present = np.isfinite(deviation)
    d, weight = np.where(present, deviation, 0.0), weights_in_t(n)
    pair_weight = (present * weight[:, None]).T.astype(float) @ present
    raw = (d * weight[:, None]).T @ d - within * np.einsum("j,jkl->kl", weight, overlap)
    return shrink_between(raw / np.maximum(pair_weight, 1e-12), within)


def shrink_between(raw: FloatArray, within: FloatArray) -> FloatArray:
    """(..., K, K) T from its raw moments, never negative, towards correlations that rise with those of the answers.

    Items that respondents answer alike are items on which interviewers differ alike: towards equal correlations the
    batteries would be lost, and p over all items would be several times too large.
    """
    # Whole matrices with a diagonal of zeros: picking out what is beside the diagonal takes longer than all else here.
    sd = np.sqrt(np.maximum(np.diagonal(raw, axis1=-2, axis2=-1), 0.0))
    scale, off = sd[..., :, None] * sd[..., None, :], 1.0 - np.eye(sd.shape[-1])
    apart = scale * off
    total = np.maximum(apart.sum((-2, -1)), 1e-12)
    correlation = np.einsum("...kl,kl->...", raw, off) / total
    of_answers = within / np.sqrt(np.outer(np.diagonal(within), np.diagonal(within)))
    above = of_answers - (np.einsum("...kl,kl->...", apart, of_answers) / total)[..., None, None]
    squares = np.einsum("...kl,...kl->...", apart * above, above)
    rise = np.einsum("...kl,...kl,kl->...", raw, above, off) / np.maximum(squares, 1e-12)
    above *= np.clip(rise, 0.0, _STEEPEST)[..., None, None]
    expected = np.clip(above + correlation[..., None, None], 0.0, 0.95)
    np.einsum("...kk->...k", expected)[...] = 1.0  # a view of the diagonal
    sample = np.clip(raw, -scale, scale)
    return _positive(_SHRINKAGE * scale * expected + (1 - _SHRINKAGE) * sample, 0.0)


def leave_out(quadratic: FloatArray, share: FloatArray) -> FloatArray:
    """d'A_-j^-1 d from d'A_j^-1 d: leaving j out of T makes A_-j = (A_j - c dd')/(1 - c) (Sherman-Morrison).

    `share`: c, j's share of the weights in T.
    """
    left = 1 - share * quadratic
    np.maximum(left, 1e-3, out=left)
    return np.asarray(np.divide((1 - share) * quadratic, left, out=left))
