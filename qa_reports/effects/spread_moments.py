"""What the answers to one item say about spread: own variance over the expected one, and how surely.

Answers on a bounded scale are not normal. Two things keep false alarms nominal. An interviewer's level tells what
spread to expect: nobody whose answers lie near an end of the scale can have the usual spread. All answers to the item,
tilted until their mean is the interviewer's (p(y) exp(t y); Jorgensen 1997, exponential dispersion models), have a
variance V(mean), skewness g and excess kurtosis k at every mean. Then, exactly in quadratic variance families (Morris
1982: normal, binomial, Poisson ...) and nearly in others,

    E(own variance | own mean) = V(own mean) / (1 + c/n),  c = (k - g^2)/2,

where V is scaled so that own variances are as expected on average: all answers vary between interviewers, too. And
the relative variance of the own variance given the own mean is 2/(n - 1) + 2 c/n, which makes 2/(relative variance)
effective degrees of freedom.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_NO_INFORMATION = -0.95
"""c from which the own mean determines the own variance, as with two answers (c = -1)."""
_CURVATURE = (-1.0, 20.0)
"""c at least, which is its least value, and at most."""
_BINS = 200
"""Different answers that are tilted one by one; more are counted in so many bins."""
_TILTS = np.sinh(np.linspace(-4.0, 4.0, 97)) / 4
"""Tilts, in one over the standard deviation of all answers: from nearly all answers at one end to the other."""


class SpreadMoments(Struct, frozen=True, eq=False):
    """One item; J interviewers, m interviews."""

    ratio: FloatArray
    """(J,) own variance about the own mean over the one expected at that mean; 1 where `df` is 0."""
    df: FloatArray
    """(J,) effective degrees of freedom of `ratio`; 0 where it says nothing."""
    n: IntArray
    """(J,) interviews."""
    expected: FloatArray
    """(J,) the own variance that is expected at the own mean, in squared units of the answer."""
    sd: float
    """Residual standard deviation within interviewers, in the answer's unit."""
    surprise: FloatArray
    """(m,) squared residual over the expected one, less what its own sign and the skewness explain: mean 1."""


def spread_moments(
    residuals: FloatArray, interviewer: IntArray, values: FloatArray, counts: IntArray, step: float
) -> SpreadMoments:
    """Measure spread.

    Args:
        residuals: (m,) answers minus the fixed part of a model, the interviewer's level still in them.
        interviewer: (m,) 0 .. J - 1.
        values: (V,) the different answers to the item, ascending.
        counts: (J, V) how often they were given to each interviewer.
        step: smallest distance of two answers. Within-rounding variance step^2/12 is added to own and expected
            variances, so that equal answers have a finite log variance.
    """
    j = len(counts)
    n = np.bincount(interviewer, minlength=j)
    many = np.maximum(n, 1)
    mean = np.bincount(interviewer, residuals, j) / many
    e = residuals - mean[interviewer]
    m2, m3, m4 = (np.bincount(interviewer, e**power, j) / many for power in (2, 3, 4))
    return _measured(_Central(n, mean, m2, m3, m4), residuals, interviewer, values, counts, step)


def spread_moments_of_sums(
    n: IntArray,
    powers: FloatArray,
    residuals: FloatArray,
    interviewer: IntArray,
    values: FloatArray,
    counts: IntArray,
    step: float,
) -> SpreadMoments:
    """The same from sums over all interviews, `residuals` and `interviewer` (m,) being those of a sample of them.

    Args:
        n: (J,) interviews.
        powers: (J, 4) sums of the first four powers of their residuals, which are near 0.
        values: as above, of all interviews, like `counts` and `step`.
    """
    many = np.maximum(n, 1)
    mean, r2, r3, r4 = powers.T / many
    central = _Central(
        n=n,
        mean=mean,
        m2=np.maximum(r2 - mean**2, 0.0),
        m3=r3 - 3 * mean * r2 + 2 * mean**3,
        m4=np.maximum(r4 - 4 * mean * r3 + 6 * mean**2 * r2 - 3 * mean**4, 0.0),
    )
    return _measured(central, residuals, interviewer, values, counts, step)


class _Central(Struct, frozen=True, eq=False):
    """(J,) each: interviews, their mean, and their second to fourth central moments."""

    n: IntArray
    mean: FloatArray
    m2: FloatArray
    m3: FloatArray
    m4: FloatArray


def _measured(
    central: _Central, residuals: FloatArray, interviewer: IntArray, values: FloatArray, counts: IntArray, step: float
) -> SpreadMoments:
    """`residuals` (m,) are those of all interviews or of a sample."""
    n, mean, squares = central.n, central.mean, central.n * central.m2
    many, freed = np.maximum(n, 1), np.maximum(n - 1, 0)
    tilted = _tilt(values, counts.sum(axis=0))
    level = counts @ values / np.maximum(counts.sum(axis=1), 1)
    expected, skewness, curvature = (np.interp(level, tilted.mean, of) for of in tilted[1:])
    # All answers vary between interviewers and with their spreads, too: tilted they tell how c changes with the level.
    usual = np.interp(np.average(values, weights=counts.sum(axis=0)), tilted.mean, tilted.curvature)
    curvature = np.clip(_curvature(central) + curvature - usual, *_CURVATURE)
    expected /= np.maximum(1 + curvature / many, 0.05)
    expected *= squares.sum() / max(float((freed * expected).sum()), 1e-300)
    rounding = step**2 / 12
    with np.errstate(divide="ignore"):
        relative = 2 / np.maximum(freed, 1e-9) + 2 * curvature / many
    # Where the level leaves less variance than rounding hides, all answers at an end of the scale are no surprise.
    tells = (n > 1) & (expected > rounding) & (curvature > _NO_INFORMATION)
    own = squares / np.maximum(freed, 1)
    of_residual = np.sqrt(np.maximum(expected, rounding) * freed / many)  # about a mean that it has a share in
    scaled = (residuals - mean[interviewer]) / np.where(tells, of_residual, 1.0)[interviewer]
    return SpreadMoments(
        ratio=np.where(tells, (own + rounding) / np.where(tells, expected + rounding, 1.0), 1.0),
        df=np.where(tells, 2 / np.maximum(relative, 1e-9), 0.0),
        n=n,
        expected=expected,
        sd=float(np.sqrt(squares.sum() / max(freed.sum(), 1))),
        surprise=np.where(tells[interviewer], scaled**2 - skewness[interviewer] * scaled, 1.0),
    )


def _curvature(central: _Central) -> float:
    """c within interviewers from unbiased k-statistics, not inflated by differences in spread."""
    enough = central.n >= 4
    if not enough.any():
        return 0.0
    n, m2, m3, m4 = (of[enough].astype(float) for of in (central.n, central.m2, central.m3, central.m4))
    k3 = n**2 * m3 / ((n - 1) * (n - 2))
    k4 = n**2 * ((n + 1) * m4 - 3 * (n - 1) * m2**2) / ((n - 1) * (n - 2) * (n - 3))
    fourth_power = ((n * m2 / (n - 1)) ** 2 - k4 / n) * (n - 1) / (n + 1)
    weight = n - 3
    sd4 = float(np.average(fourth_power, weights=weight))
    if sd4 <= 0:
        return 0.0
    skewness = float(np.average(k3, weights=weight)) / sd4**0.75
    excess = float(np.average(k4, weights=weight)) / sd4
    return float(excess - skewness**2) / 2


class _Tilted(NamedTuple):
    """(T,) each: the moments of all answers, tilted, in the order of their means."""

    mean: FloatArray
    variance: FloatArray
    skewness: FloatArray
    curvature: FloatArray


def _tilt(support: FloatArray, counts: IntArray) -> _Tilted:
    if len(support) > _BINS:
        counts, edges = np.histogram(support, _BINS, weights=counts)
        support = (edges[1:] + edges[:-1]) / 2
    usual = np.average(support, weights=counts)
    sd = np.sqrt(np.average((support - usual) ** 2, weights=counts))
    exponent = _TILTS[:, None] * (support - usual) / max(sd, 1e-300)
    weight = counts * np.exp(exponent - exponent.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    mean = weight @ support
    from_mean = support - mean[:, None]
    m2, m3, m4 = ((weight * from_mean**power).sum(axis=1) for power in (2, 3, 4))
    m2 = np.maximum(m2, 1e-300)
    skewness = m3 / m2**1.5
    return _Tilted(mean, m2, skewness, np.clip((m4 / m2**2 - 3 - skewness**2) / 2, *_CURVATURE))
