"""The exact restricted likelihood-ratio test of a single variance, by simulation from its spectral form."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy import sparse

from qa_reports.effects.moments import Moments

FloatArray = NDArray[np.float64]

_SEED = 20_040_227
SIMULATIONS = 10_000
"""Draws from the null distribution: a p of .05 is known to +-.002 (one standard error)."""
_CHUNK = 2_000
_GRID = np.concatenate([[0.0], np.logspace(-4, 4, 60)])
"""Where the supremum is looked for: d times the mean of mu."""
_ROUNDING = 1e-15
"""Of vectors that together make up a matrix, the weight below which one adds nothing, over the largest."""
_MOST_EIGENVALUES = 400
"""With more interviewers neighbouring eigenvalues are taken together: the distribution depends on their spread only."""
_ALIKE = 0.01
"""Relative width of a neighbourhood, more where so many do not reach from the smallest to the largest. Its mean stands
for it: what that changes of the logarithms in the distribution is of the order of the width's square."""


class ExactTest(Struct, frozen=True):
    """Result of the exact test."""

    p: float
    zero_probability: float
    """P(statistic = 0) under the null: .5 in the mixture, larger with few or unequal interviewers."""


def exact_restricted_lrt(moments: Moments, term: int, statistics: FloatArray) -> list[ExactTest]:
    """p of the REML likelihood-ratio statistics (F,) of the only random term of F fits; NaN in, p NaN out.

    `term` is the fixed column with the random term: 0 for an intercept.

    Under the null the statistic is distributed as (Crainiceanu & Ruppert 2004, JRSS B 66(1), theorem 1)

        sup_d  (n - p) log(1 + N(d)/D(d)) - sum_s log(1 + d mu_s),
        N = sum_s d mu_s / (1 + d mu_s) w_s^2,  D = sum_s w_s^2 / (1 + d mu_s) + chi2(n - p - K),

    with mu_s the K non-zero eigenvalues of Z'(I - X(X'X)^-1 X')Z and w_s standard normal. All fits share the normal
    draws.
    """
    wanted = [f for f, statistic in enumerate(statistics) if np.isfinite(statistic)]
    spectra = [_spectrum(moments, term, f) for f in wanted]
    curves = dict(zip(wanted, _curves(spectra), strict=True))
    widest = max((len(spectrum.mu) for spectrum in spectra), default=0)
    reached, zero = np.zeros(len(statistics)), np.zeros(len(statistics))
    rng = np.random.default_rng(_SEED)
    for _ in range(SIMULATIONS // _CHUNK):
        squares = rng.standard_normal((_CHUNK, widest))
        squares *= squares
        by_eigenvalue = np.ascontiguousarray(squares.T)
        for f in wanted:
            peaks = _null_statistics(curves[f], by_eigenvalue, rng)
            reached[f] += (peaks >= statistics[f] - 1e-9).sum()
            zero[f] += (peaks <= 1e-9).sum()
    # The observed wave counts as one draw, so that p is never 0; a statistic of 0 is reached by all.
    p = (1 + reached) / (1 + SIMULATIONS)
    return [
        ExactTest(float(p[f]), float(zero[f] / SIMULATIONS)) if f in curves else ExactTest(float("nan"), float("nan"))
        for f in range(len(statistics))
    ]


class _Spectrum(Struct, frozen=True, eq=False):
    """What the null distribution of one fit depends on."""

    mu: FloatArray
    """(K,) non-zero eigenvalues, descending, or means of `count` neighbouring ones."""
    count: NDArray[np.int64]
    """(K,) eigenvalues each stands for."""
    df: int
    """n - p."""


class _Curve(Struct, frozen=True, eq=False):
    """The distribution of one fit over a grid of G values of d."""

    spectrum: _Spectrum
    alike: sparse.csr_array
    """(E, K) adds up the squared normals of equal eigenvalues."""
    weigh: FloatArray
    """(E, R + 1) what takes these to R sums that N is made of, and to their own sum."""
    height: FloatArray
    """(R + 1, G) what takes those and the sum of all squares to (D / (N + D)) exp(penalty / df) times that sum."""
    penalty: FloatArray
    """(G,) the sum over s of log(1 + d mu_s)."""


def _curves(spectra: Sequence[_Spectrum]) -> list[_Curve]:
    """The grids of several fits, with N at all points of them from a few sums of squared normals.

    d mu / (1 + d mu) is so smooth in both that, at the points of the grid, some twenty vectors make it up to rounding,
    whatever mu of whichever fit: one basis serves all.
    """
    if not spectra:
        return []
    relative = [spectrum.mu / np.average(spectrum.mu, weights=spectrum.count) for spectrum in spectra]
    least, most = min(mu[-1] for mu in relative), max(mu[0] for mu in relative)
    basis, weights, _ = np.linalg.svd(_share(np.geomspace(least, most, 2 * len(_GRID))), full_matrices=False)
    basis = basis[:, weights > _ROUNDING * weights[0]]
    curves = []
    for spectrum, mu in zip(spectra, relative, strict=True):
        penalty = np.log1p(_GRID[:, None] * mu) @ spectrum.count.astype(np.float64)
        different, k = np.flatnonzero(np.diff(mu, prepend=np.inf)), len(mu)
        alike = sparse.csr_array((np.ones(k), np.arange(k), np.append(different, k)), shape=(len(different), k))
        weigh = np.column_stack([_share(mu[different]).T @ basis, np.ones(len(different))])
        height = np.vstack([-basis.T, np.ones(len(penalty))]) * np.exp(penalty / spectrum.df)
        curves.append(_Curve(spectrum, alike, weigh, height, penalty))
    return curves


def _share(mu: FloatArray) -> FloatArray:
    """(G, K) d mu / (1 + d mu) over the grid."""
    growth = _GRID[:, None] * mu
    return np.asarray(growth / (1 + growth))


def _null_statistics(curve: _Curve, squares: FloatArray, rng: np.random.Generator) -> FloatArray:
    """(draws,) statistics under the null from squared normals (at least K, draws)."""
    count, df, penalty = curve.spectrum.count, curve.spectrum.df, curve.penalty
    own, draws = squares[: len(count)], squares.shape[1]
    more = count - 1
    if more.any():
        own = own + np.where(more > 0, rng.chisquare(np.maximum(more, 1), (draws, len(count))), 0.0).T
    left = df - int(count.sum())
    sums = (curve.alike @ own).T @ curve.weigh
    if left > 0:
        sums[:, -1] += rng.chisquare(left, draws)
    # 1 + N/D = total / (total - N), because N + D = total. The logarithm of the whole, whose supremum it is,
    # is needed around the highest point only, and not where that is d = 0.
    heights = sums @ curve.height
    best = heights.argmin(1)
    peaks, above = np.zeros(draws), np.flatnonzero(best)
    best, last = best[above], len(penalty) - 1
    around = np.minimum(best, last - 1)[:, None] + np.array([-1, 0, 1])
    found = df * np.log(sums[above, -1, None] / heights[above[:, None], around])
    peaks[above] = np.where(best < last, _parabola(found, best > 1), found.max(1))
    return peaks


def _parabola(curve: FloatArray, trusted: NDArray[np.bool_]) -> FloatArray:
    """Peak of the parabola through the highest grid point and its neighbours (n, 3), equal steps in log d.

    The highest point itself where it is not `trusted`: beside d = 0 steps are not equal.
    """
    left, middle, right = curve.T
    bend = left - 2 * middle + right
    with np.errstate(divide="ignore", invalid="ignore"):
        peak = middle - (right - left) ** 2 / (8 * bend)
    return np.asarray(np.where((bend < 0) & trusted, np.maximum(peak, middle), middle))


def _spectrum(moments: Moments, term: int, f: int) -> _Spectrum:
    """Eigenvalues of Z'P0 Z = diag(z_j'z_j) - Z'X (X'X)^-1 X'Z; z_j'z_j is n_j for an intercept.

    Of g interviewers with the same z'z all but p eigenvalues are that: in the space that X does not reach. So a group
    stands for its members by p columns that span the rest, and no matrix grows with the number of interviewers.
    """
    cross = moments.cross[f]
    p = cross.shape[-1] - 1
    present = np.flatnonzero(cross[:, term, term] > 0)
    order = present[np.argsort(cross[present, term, term], kind="stable")]
    own, zx = cross[order, term, term], cross[order, term, :p]
    group = _neighbours(own)
    square = np.bincount(group, own) / np.bincount(group)
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    spans = [rows if len(rows) <= p else np.linalg.qr(rows, mode="r") for rows in np.split(zx, starts[1:])]
    size = np.array([len(span) for span in spans])
    reach = np.concatenate(spans)
    inner = np.diag(np.repeat(square, size)) - reach @ np.linalg.solve(cross.sum(0)[:p, :p], reach.T)
    mu = np.concatenate([np.linalg.eigvalsh((inner + inner.T) / 2), square])
    count = np.concatenate([np.ones(size.sum(), dtype=np.int64), np.bincount(group) - size])
    kept = (mu > 1e-8 * mu.max()) & (count > 0)
    order = np.flatnonzero(kept)[np.argsort(mu[kept], kind="stable")]
    mu, count = mu[order], count[order]
    if len(own) <= _MOST_EIGENVALUES:
        mu, count = np.repeat(mu, count), np.ones(count.sum(), dtype=np.int64)
        return _Spectrum(mu[::-1], count, int(moments.n[f].sum()) - p)
    group = _neighbours(mu)
    counts = np.bincount(group, count).astype(np.int64)
    return _Spectrum((np.bincount(group, mu * count) / counts)[::-1], counts[::-1], int(moments.n[f].sum()) - p)


def _neighbours(values: FloatArray) -> NDArray[np.int64]:
    """(n,) 0, 1, ...: ascending positive values that are taken together; only equal ones where there are few."""
    if len(values) <= _MOST_EIGENVALUES:
        return np.cumsum(np.diff(values, prepend=values[:1]) > 0)
    height = np.log(values / values[0])
    places = np.floor(height / max(_ALIKE, height[-1] / _MOST_EIGENVALUES))
    return np.unique(places, return_inverse=True)[1]
