"""T, the covariance of true interviewer effects over items, and what a deviation is held against: T of the others."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_SHRINKAGE = 0.5
"""Weight of the target in T: with 150 interviewers a correlation between two interviewer effects is known to about
+-.2 only."""
_STEEPEST = 2.0
"""Rise of the correlation of interviewer effects with that of answers, at most."""


class Between(Struct, frozen=True, eq=False):
    """T of k items, of one wave or of several."""

    covariance: FloatArray
    """(..., k, k) T."""
    raw: FloatArray
    """(..., k, k) T by moments, before it was shrunk: mean products of deviations less their sampling part."""
    expected: FloatArray
    """(..., k, k) the correlations that it was shrunk towards."""


def weights_in_t(n: FloatArray) -> FloatArray:
    """(J,) how much an interviewer counts for T: more interviews say more, but less and less so."""
    return np.asarray(n / (n + n.mean()))


def pair_weights(present: NDArray[np.bool_], weight: FloatArray) -> FloatArray:
    """(k, k) sums of the weights (J,) of those who have answers (J, k) to both items."""
    return np.asarray(np.maximum((present * weight[:, None]).T.astype(float) @ present, 1e-12))


def shrink_between(raw: FloatArray, within: FloatArray) -> Between:
    """T from its raw moments (..., K, K), never negative, towards correlations that rise with those of the answers.

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
    return Between(positive(_SHRINKAGE * scale * expected + (1 - _SHRINKAGE) * sample, 0.0), raw, expected)


def positive(matrix: FloatArray, floor: float) -> FloatArray:
    """(..., K, K) the nearest symmetric matrices with eigenvalues of at least `floor` times the largest."""
    values, vectors = np.linalg.eigh((matrix + np.swapaxes(matrix, -1, -2)) / 2)
    least = floor * np.maximum(values[..., -1:], 0.0)
    return np.asarray((vectors * np.maximum(values, least)[..., None, :]) @ np.swapaxes(vectors, -1, -2))


def without(mean: FloatArray, own: FloatArray, share: FloatArray) -> FloatArray:
    """A weighted mean without what one interviewer adds to it; 0 of those who are all there is."""
    return np.asarray((mean - share * own) / np.maximum(1 - share, 1e-9))


def against_others(distance: FloatArray, sampling: FloatArray, target: FloatArray, raw: FloatArray) -> FloatArray:
    """The square of u'd over what u'd varies by in normal interviewers, T being that of the others.

    With u = (T + W)^-1 d, the direction in which d is most remarkable, this is d'(T_-j + W)^-1 d if leaving j out of T
    changes the variance in no other direction, and never more (Cauchy-Schwarz). Sherman and Morrison's formula
    would take dd' away as a whole, of which T holds half; with few interviewers more is taken away than there is.

    Args:
        distance: u'd, which is u'(T + W)u.
        sampling: u'Wu.
        target: u'(T_-j)u had the effects the correlations that T is shrunk towards, their variances without j.
        raw: u'(T_-j)u from the raw moments without j.
    """
    between = np.maximum(_SHRINKAGE * target + (1 - _SHRINKAGE) * raw, 0.0)
    return np.asarray(distance**2 / np.maximum(between + sampling, 1e-300))
