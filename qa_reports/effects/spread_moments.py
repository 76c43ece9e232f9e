"""What the answers to one item say about spread: own variance over the expected one, and how surely.

Answers on a bounded scale are not normal. Two things keep false alarms nominal (Morris 1982, quadratic variance
functions). An interviewer's level tells what spread to expect: with skewness g and excess kurtosis k of the answers
within interviewers, sd the usual residual sd and d = (own mean - usual mean)/sd,

    V(d) = sd^2 (1 + g d + c d^2),  c = (k - g^2)/2;   E(own variance | own mean) = V(d) / (1 + c/n)

is the tilted distribution's variance, exact for two answers (p(1 - p)). And the relative variance of the own variance
given the own mean is 2/(n - 1) + 2 c/n, which makes 2/(relative variance) effective degrees of freedom.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_NO_INFORMATION = -0.95
"""c from which the own mean determines the own variance, as with two answers (c = -1)."""


@dataclass(frozen=True, slots=True, eq=False)
class SpreadMoments:
    """One item; J interviewers, m interviews."""

    ratio: FloatArray
    """(J,) own variance about the own mean over the one expected at that mean; 1 where `df` is 0."""
    df: FloatArray
    """(J,) effective degrees of freedom of `ratio`; 0 where it says nothing."""
    n: IntArray
    """(J,) interviews."""
    sd: float
    """Residual standard deviation within interviewers, in the answer's unit."""
    skewness: float
    curvature: float
    """c, half of excess kurtosis minus squared skewness."""
    surprise: FloatArray
    """(m,) squared standardised residual less what its own sign and the skewness explain: mean 1."""


def spread_moments(residuals: FloatArray, interviewer: IntArray, n_interviewers: int, step: float) -> SpreadMoments:
    """Measure spread.

    Args:
        residuals: (m,) answers minus the fixed part of a model: the interviewer's level still in them, or not.
        interviewer: (m,) 0 .. n_interviewers - 1.
        step: smallest distance of two answers. Within-rounding variance step^2/12 is added to own and expected
            variances, so that equal answers have a finite log variance.
    """
    n = np.bincount(interviewer, minlength=n_interviewers)
    many = np.maximum(n, 1)
    mean = np.bincount(interviewer, residuals, n_interviewers) / many
    e = residuals - mean[interviewer]
    m2, m3, m4 = (np.bincount(interviewer, e**power, n_interviewers) / many for power in (2, 3, 4))
    return _measured(_Central(n, mean, m2, m3, m4), e, interviewer, step)


def spread_moments_of_sums(
    n: IntArray, powers: FloatArray, residuals: FloatArray, interviewer: IntArray, step: float
) -> SpreadMoments:
    """The same from sums over all interviews, `residuals` and `interviewer` (m,) being those of a sample of them.

    Args:
        n: (J,) interviews.
        powers: (J, 4) sums of the first four powers of their residuals, which are near 0.
        step: as above.
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
    return _measured(central, residuals - mean[interviewer], interviewer, step)


@dataclass(frozen=True, slots=True, eq=False)
class _Central:
    """(J,) each: interviews, their mean, and their second to fourth central moments."""

    n: IntArray
    mean: FloatArray
    m2: FloatArray
    m3: FloatArray
    m4: FloatArray


def _measured(central: _Central, e: FloatArray, interviewer: IntArray, step: float) -> SpreadMoments:
    """`e` (m,) are residuals less their interviewer's mean, of all interviews or of a sample."""
    n, mean, m2, m3, m4 = central.n, central.mean, central.m2, central.m3, central.m4
    many = np.maximum(n, 1)
    variance = float((n * m2).sum() / max((n - (n > 0)).sum(), 1))
    sd = np.sqrt(variance)
    skewness, curvature = _shape(n.astype(float), m2, m3, m4)
    usual = float(np.average(mean, weights=n))
    d = (mean - usual) / sd
    expected = variance * np.maximum(1 + skewness * d + curvature * d**2, 0.0) / np.maximum(1 + curvature / many, 0.05)
    rounding = step**2 / 12
    with np.errstate(divide="ignore"):
        relative = 2 / np.maximum(n - 1, 1e-9) + 2 * curvature / many
    # Where the level leaves less variance than rounding hides, all answers at an end of the scale are no surprise.
    tells = (n > 1) & (expected > rounding) & (curvature > _NO_INFORMATION)
    own = n * m2 / np.maximum(n - 1, 1)
    scaled = e / sd * np.sqrt(many / np.maximum(many - 1, 1))[interviewer]
    return SpreadMoments(
        ratio=np.where(tells, (own + rounding) / np.where(tells, expected + rounding, 1.0), 1.0),
        df=np.where(tells, 2 / np.maximum(relative, 1e-9), 0.0),
        n=n,
        sd=float(sd),
        skewness=skewness,
        curvature=curvature,
        surprise=scaled**2 - skewness * scaled,
    )


def _shape(n: FloatArray, m2: FloatArray, m3: FloatArray, m4: FloatArray) -> tuple[float, float]:
    """Skewness and c within interviewers from unbiased k-statistics, not inflated by differences in spread."""
    enough = n >= 4
    if not enough.any():
        return 0.0, 0.0
    n, m2, m3, m4 = n[enough], m2[enough], m3[enough], m4[enough]
    k3 = n**2 * m3 / ((n - 1) * (n - 2))
    k4 = n**2 * ((n + 1) * m4 - 3 * (n - 1) * m2**2) / ((n - 1) * (n - 2) * (n - 3))
    fourth_power = ((n * m2 / (n - 1)) ** 2 - k4 / n) * (n - 1) / (n + 1)
    weight = n - 3
    sd4 = float(np.average(fourth_power, weights=weight))
    if sd4 <= 0:
        return 0.0, 0.0
    skewness = float(np.average(k3, weights=weight)) / sd4**0.75
    excess = float(np.average(k4, weights=weight)) / sd4
    return skewness, float(np.clip((excess - skewness**2) / 2, -1.0, 20.0))
