"""Tails and quantiles of the distributions that are used here: scipy.special's functions by their statistical names.

They are the functions behind `scipy.stats`, with the same precision far out in the tails; importing `scipy.stats` for
them would cost half a second.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

FloatArray = NDArray[np.float64]
Numbers = NDArray[np.float64] | NDArray[np.int64] | float


def normal_cdf(z: Numbers) -> FloatArray:
    """P(Z <= z), standard normal."""
    return np.asarray(special.ndtr(z))


def normal_sf(z: Numbers) -> FloatArray:
    """P(Z > z), standard normal."""
    return np.asarray(special.ndtr(-np.asarray(z)))


def normal_isf(p: Numbers) -> FloatArray:
    """z with P(Z > z) = p."""
    return np.asarray(-special.ndtri(p))


def t_sf(statistic: Numbers, df: Numbers) -> FloatArray:
    """P(T > statistic), Student's t; normal where `df` is infinite."""
    return np.asarray(special.stdtr(df, -np.asarray(statistic)))


def t_isf(p: Numbers, df: Numbers) -> FloatArray:
    """t with P(T > t) = p."""
    return np.asarray(-special.stdtrit(df, p))


def chi2_sf(statistic: Numbers, df: Numbers) -> FloatArray:
    """P(X > statistic), chi-square."""
    return np.asarray(special.chdtrc(df, statistic))


def chi2_isf(p: Numbers, df: Numbers) -> FloatArray:
    """x with P(X > x) = p, chi-square."""
    return np.asarray(special.chdtri(df, p))


def f_sf(statistic: Numbers, df: Numbers, df_residual: Numbers) -> FloatArray:
    """P(F > statistic) with `df` and `df_residual` degrees of freedom."""
    return np.asarray(special.fdtrc(df, df_residual, statistic))


def binomial_mid_p(hits: Numbers, n: Numbers, rate: Numbers) -> FloatArray:
    """P(X > hits) + P(X = hits)/2, binomial: the mean of the tails beyond `hits` and from `hits` on."""
    hits, n = np.asarray(hits, dtype=float), np.asarray(n, dtype=float)
    # P(X >= k) is the regularised incomplete beta function at (k, n - k + 1).
    beyond = np.where(hits < n, special.betainc(hits + 1, np.maximum(n - hits, 1), rate), 0.0)
    return np.where(hits > 0, beyond + special.betainc(np.maximum(hits, 1), n - hits + 1, rate), beyond + 1) / 2
