"""Tails of sums of thousands of scores, without their distribution (Lugannani and Rice 1980, Adv. Appl. Probab. 12).

The formula for continuous sums approximates, on a lattice, the tail that has half of the chance of the sum itself.
Sizes: k interviewers, r rows (kinds of interviews) each of which belongs to one of them, U nodes, C categories.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_ROUNDS = 60
_CLOSE = 1e-10
"""Distance from the saddlepoint, in standard deviations of the sum."""
_FARTHEST = 2.0
"""A step towards the saddlepoint at most: beyond, the sum may be anywhere."""
_CENTRE = 1e-4
"""Standard deviations from the mean within which the formula is taken at its limit."""


def saddlepoint_tails(
    share: FloatArray, weight: FloatArray, owner: IntArray, count: FloatArray, steps: IntArray, total: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """(k,) chances of less and of more than the total (half of its own in both), and mean and sd of the sum.

    Args:
        share: (r, U, C) chances of the categories at every node of the random intercept.
        weight: (U,) of the nodes.
        owner: (r,) 0 .. k-1, ascending.
        count: (r,) interviews.
        steps: (C,) scores as whole steps, the first 0.
        total: (k,) sums of scores.
    """
    first = np.searchsorted(owner, np.arange(len(total)))
    scores = np.asarray(steps, dtype=np.float64)

    def summed(values: FloatArray) -> FloatArray:
        """(k, U) from (r, U)."""
        return np.asarray(np.add.reduceat(values * count[:, None], first))

    n = np.bincount(owner, count, len(total))
    low, high = total <= 0, total >= n * scores[-1]
    inside = ~(low | high)
    # A total at either end has its own chance, and no saddlepoint.
    aim = np.where(inside, total, n * scores[-1] / 2)[:, None]
    t = np.zeros((len(total), len(weight)))
    tilted = share
    lowest, highest = np.full(t.shape, -np.inf), np.full(t.shape, np.inf)
    for _ in range(_ROUNDS):
        tilted = share * np.exp(t[owner][..., None] * scores)
        tilted /= tilted.sum(axis=-1, keepdims=True)
        mean = tilted @ scores
        variance = np.maximum(summed(tilted @ scores**2 - mean**2), 1e-300)
        step = (aim - summed(mean)) / variance
        # The mean rises with t. Newton's steps may go to and fro about where it is met: then halve what lies between.
        lowest, highest = np.where(step > 0, t, lowest), np.where(step < 0, t, highest)
        t = t + np.clip(step, -_FARTHEST, _FARTHEST)
        beyond = (t <= lowest) & (step < 0) | (t >= highest) & (step > 0)
        t[beyond] = (lowest[beyond] + highest[beyond]) / 2
        if (np.abs(step) * np.sqrt(variance) < _CLOSE * np.maximum(1.0, np.abs(t) * np.sqrt(variance))).all():
            break
    cumulant = summed(np.log((share * np.exp(t[owner][..., None] * scores)).sum(axis=-1)))
    mean = tilted @ scores
    variance = np.maximum(summed(tilted @ scores**2 - mean**2), 1e-300)
    w = np.sign(t) * np.sqrt(2 * np.maximum(t * aim - cumulant, 0.0))
    v = t * np.sqrt(variance)
    third = summed(((scores - mean[..., None]) ** 3 * tilted).sum(axis=-1))
    central = np.abs(w) < _CENTRE
    correction = np.where(
        central,
        -third / variance**1.5 / 6,
        1 / np.where(central, 1.0, v) - 1 / np.where(central, 1.0, w),
    ) * np.exp(-(w**2) / 2) / np.sqrt(2 * np.pi)  # fmt: skip
    above, below = special.ndtr(-w) + correction, special.ndtr(w) - correction
    with np.errstate(divide="ignore"):
        ends = [np.exp(summed(np.log(share[..., at]))) / 2 for at in (0, -1)]
    below = np.where(low[:, None], ends[0], np.where(high[:, None], 1 - ends[1], below))
    above = np.where(low[:, None], 1 - ends[0], np.where(high[:, None], ends[1], above))
    own = share @ scores
    mean_at, variance_at = summed(own), summed(share @ scores**2 - own**2)
    expected = mean_at @ weight
    spread = np.sqrt(np.maximum(variance_at @ weight + mean_at**2 @ weight - expected**2, 0.0))
    return np.clip(below, 0, 1) @ weight, np.clip(above, 0, 1) @ weight, expected, spread
