"""Tests of variance components, the false discovery rate and ranks that know their uncertainty."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qa_reports.effects.distributions import chi2_sf, normal_cdf

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MOST_PAIRED = 300
"""Interviewers of whom every pair is looked at for expected ranks."""
_REACH = 6.5
"""Standard deviations beyond which a normal density is zero."""
_FINENESS = 1.5
"""Steps of the grid of expected ranks in the least standard deviation: the sum over it is exact to 2e-10 of J."""
_WIDEST = 50.0
"""How many times as wide as the least the widest standard deviation is taken to be, at most."""
_TOGETHER = 2_000
"""Interviewers whose densities are added up in one go."""


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
    J. Educ. Stat. 14(1); Lingsma et al. 2010). Without any variance all ranks are equal. Of more than `MOST_PAIRED`
    interviewers not every pair is looked at: see `_ranks_on_grid`.
    """
    ranks = np.empty_like(eblup)
    for term in range(eblup.shape[1]):
        m, s = eblup[:, term], conditional_sd[:, term]
        if not s.any():
            ranks[:, term] = _mid_ranks(m)
        elif len(m) > MOST_PAIRED:
            ranks[:, term] = _ranks_on_grid(m, s)
        else:
            ranks[:, term] = _ranks_of_pairs(m, s)
    return ranks


def _mid_ranks(m: FloatArray) -> FloatArray:
    """(J,) ranks of values that are known, 1 lowest; equal ones share theirs."""
    ordered = np.sort(m)
    return np.asarray((np.searchsorted(ordered, m) + np.searchsorted(ordered, m, side="right") + 1) / 2)


def _ranks_of_pairs(m: FloatArray, s: FloatArray) -> FloatArray:
    ranks = np.empty_like(m)
    for start in range(0, len(m), 512):
        rows = slice(start, start + 512)
        spread = np.sqrt(s[rows, None] ** 2 + s**2)
        gap = m[rows, None] - m
        with np.errstate(divide="ignore", invalid="ignore"):
            above = np.where(spread > 0, normal_cdf(gap / spread), 0.5 * (1 + np.sign(gap)))
        # An interviewer is never above themselves: their own term is 1/2.
        ranks[rows] = 0.5 + above.sum(axis=1)
    return ranks


def _ranks_on_grid(m: FloatArray, s: FloatArray) -> FloatArray:
    """(J,) expected ranks at a cost that grows with J.

    The sum of P(u_j > u_k) over k is the integral of Phi((m_j - x)/s_j) times the density of everybody's effect, the
    sum of normals (m_k, s_k): a trapezoid sum over a grid. Its steps h are so small beside the least sd that it is
    exact to exp(-pi^2 s^2/h^2) of J. Sds below a fraction of the largest are taken for that fraction.
    """
    s = np.maximum(s, s.max() / _WIDEST)
    step = float(s.min()) / _FINENESS
    origin = float(m.min()) - 2 * _REACH * float(s.max())
    size = int(np.ceil((m.max() + 2 * _REACH * s.max() - origin) / step)) + 1
    chunks = np.array_split(np.argsort(s, kind="stable"), -(-len(m) // _TOGETHER))
    density = np.zeros(size)
    for some in chunks:
        cells, away = _window(m[some], s[some], origin, step)
        weight = np.exp(-(away**2) / 2) * (step / np.sqrt(2 * np.pi) / s[some, None])
        density += np.bincount(cells.ravel(), weight.ravel(), size)
    below = np.concatenate([[0.0], np.cumsum(density)])
    ranks = np.empty_like(m)
    for some in chunks:
        cells, away = _window(m[some], s[some], origin, step)
        ranks[some] = 0.5 + below[cells[:, 0]] + (density[cells] * normal_cdf(-away)).sum(axis=1)
    return ranks


def _window(m: FloatArray, s: FloatArray, origin: float, step: float) -> tuple[IntArray, FloatArray]:
    """(k, W) places of the grid around k means, and how many standard deviations they lie above them."""
    wide = int(np.ceil(_REACH * s.max() / step))
    cells = np.round((m - origin) / step).astype(np.int64)[:, None] + np.arange(-wide, wide + 1)
    return cells, (origin + step * cells - m[:, None]) / s[:, None]
