"""Tests of variance components, the false discovery rate and ranks that know their uncertainty."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qa_reports.effects.distributions import chi2_sf, normal_cdf

FloatArray = NDArray[np.float64]


def boundary_p(statistic: float, added_terms: int) -> float:
    """p of a likelihood-ratio test of one more random term beside `added_terms` - 1 correlated ones.

    Under the null the variance lies on the boundary of its range: the statistic is an even mixture of chi-square with
    k - 1 and k degrees of freedom, k = `added_terms` (one variance and k - 1 covariances are added). A first random
    intercept has k = 1: half a point mass at zero (Self & Liang 1987, JASA 82; Stram & Lee 1994, Biometrics 50).
    """
    statistic = max(statistic, 0.0)
    upper = float(chi2_sf(statistic, added_terms))
    lower = float(chi2_sf(statistic, added_terms - 1)) if added_terms > 1 else float(statistic <= 0)
    return (upper + lower) / 2


def false_discovery_q(p: FloatArray) -> FloatArray:
    """Benjamini-Hochberg adjusted p of the finite entries of `p` (any shape); NaN stays NaN."""
    q = np.full(p.shape, np.nan)
    judged = np.isfinite(p)
    given = p[judged]
    order = np.argsort(given)[::-1]
    rank = np.arange(len(given), 0, -1)
    adjusted = np.empty(len(given))
    adjusted[order] = np.minimum.accumulate(given[order] * len(given) / rank)
    q[judged] = np.minimum(adjusted, 1.0)
    return q


def expected_ranks(eblup: FloatArray, conditional_sd: FloatArray) -> FloatArray:
    """(J, q) expected rank of each interviewer, 1 lowest: 1 + sum over others of P(u_j > u_k | data).

    With normal conditional distributions P(u_j > u_k) = Phi((m_j - m_k) / sqrt(v_j + v_k)) (Laird & Louis 1989,
    J. Educ. Stat. 14(1); Lingsma et al. 2010). Without any variance all ranks are equal.
    """
    ranks = np.empty_like(eblup)
    for term in range(eblup.shape[1]):
        m, v = eblup[:, term], conditional_sd[:, term] ** 2
        for start in range(0, len(m), 512):
            rows = slice(start, start + 512)
            spread = np.sqrt(v[rows, None] + v[None])
            gap = m[rows, None] - m[None]
            with np.errstate(divide="ignore", invalid="ignore"):
                above = np.where(spread > 0, normal_cdf(gap / spread), 0.5 * (1 + np.sign(gap)))
            # An interviewer is never above themselves: their own term is 1/2.
            ranks[rows, term] = 0.5 + above.sum(1)
    return ranks
