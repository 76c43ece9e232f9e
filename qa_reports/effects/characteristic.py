"""Characteristic functions of totals of answers: what their exact distributions are made from (`predictive`).

Sizes: k interviewers, R covariate patterns over all of them, U nodes of the random intercept, C categories, A
frequencies.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

SILENT = 1e-18
"""Size of a characteristic function, times the weight of its node, that no tail notices."""
_AT_ONCE = 100_000
"""Patterns times nodes times frequencies that are multiplied at once."""


class Answers(Struct, frozen=True, eq=False):
    """The answers of k interviewers as a model has them."""

    share: FloatArray
    """(R, U, C) chances of the categories."""
    owner: IntArray
    """(R,) 0 .. k-1, ascending, without gaps."""
    count: FloatArray
    """(R,) answers."""


def transforms_of_totals(
    answers: Answers, weight: FloatArray, steps: IntArray, angle: FloatArray
) -> NDArray[np.complex128]:
    """(k, A) of the totals of scores `steps` (C,), the first of them 0, at frequencies `angle`, over nodes (U,).

    The squared size of an answer's is 1 - 2 sum p_k p_l (1 - cos(t (s_k - s_l))) over pairs of categories, so that a
    total's is at most exp(-sum p_k p_l (1 - cos(...))) over all answers. The more interviews, the fewer frequencies
    are not silent, beyond which the result is 0.
    """
    owner, count = answers.owner, answers.count
    first = np.flatnonzero(np.diff(owner, prepend=-1))
    one, other = np.triu_indices(len(steps), 1)
    pairs = np.add.reduceat(answers.share[..., one] * answers.share[..., other] * count[:, None, None], first)
    swing = 1 - np.cos(np.outer(steps[one] - steps[other], angle))
    with np.errstate(divide="ignore"):
        allowed = (np.log(weight) - np.log(SILENT))[:, None]
    # Interviewers side by side, each with as many patterns: those added are certain to score nothing.
    place = np.arange(len(owner)) - first[owner]
    share = np.zeros((len(first), int(place.max()) + 1, *answers.share.shape[1:]))
    share[..., 0] = 1.0
    share[owner, place] = answers.share
    several = np.flatnonzero(count != 1)
    # By the parts of complex numbers: NumPy would make shares complex, and multiply twice as much.
    wave = np.exp(-1j * np.outer(steps, angle)).view(np.float64)
    transform = np.zeros((len(first), len(angle)), dtype=complex)
    parts = min(len(weight), -(-share[..., 0].size * len(angle) // _AT_ONCE))
    for part in np.array_split(np.arange(len(weight)), parts):
        audible = np.flatnonzero(((pairs[:, part] @ swing) < allowed[part]).any(axis=(0, 1)))
        if not audible.size:
            continue
        used = int(audible[-1]) + 1
        single = share[:, :, part].reshape(-1, len(steps)) @ wave[:, : 2 * used]
        function = single.view(np.complex128).reshape(*share.shape[:2], len(part), used)
        if several.size:
            at = owner[several], place[several]
            function[at] = _powers(function[at], count[several, None, None])
        product = function.prod(axis=1).view(np.float64)
        transform[:, :used] += (weight[part] @ product).view(np.complex128)
    return transform


def _powers(base: NDArray[np.complex128], count: FloatArray) -> NDArray[np.complex128]:
    """Whole powers: NumPy multiplies out those below a hundred, and takes ten times as long for higher ones."""
    if (count < 100).all():
        return np.asarray(base**count)
    return np.asarray((base ** (count // 64)) ** 64 * base ** (count % 64))
