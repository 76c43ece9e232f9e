"""Tests of variance components and the false discovery rate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

FloatArray = NDArray[np.float64]


def boundary_p(statistic: float, added_terms: int) -> float:
    """p of a likelihood-ratio test of one more random term beside `added_terms` - 1 correlated ones.

    Under the null the variance lies on the boundary of its range: the statistic is an even mixture of chi-square with
    k - 1 and k degrees of freedom, k = `added_terms` (one variance and k - 1 covariances are added). A first random
    intercept has k = 1: half a point mass at zero (Self & Liang 1987, JASA 82; Stram & Lee 1994, Biometrics 50).
    """
    statistic = max(statistic, 0.0)
    upper = float(stats.chi2.sf(statistic, added_terms))
    lower = float(stats.chi2.sf(statistic, added_terms - 1)) if added_terms > 1 else float(statistic <= 0)
    return (upper + lower) / 2


def false_discovery_q(p: FloatArray) -> FloatArray:
    """Benjamini-Hochberg adjusted p of the finite entries of `p` (any shape); NaN stays NaN."""
    q = np.full(p.shape, np.nan)
    judged = np.isfinite(p)
    if judged.any():
        q[judged] = stats.false_discovery_control(p[judged])
    return q
