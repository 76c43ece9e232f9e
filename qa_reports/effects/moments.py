"""Cross products per interviewer: all that the likelihood of a linear mixed model needs from the interviews.

Sizes: F fits (items, say), J interviewers, n interviews, p fixed columns; K = p + 1 columns with the response last.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import cast

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_TOGETHER = 100_000
"""Interviews of several fits that are summed in one go."""

_Parts = tuple[FloatArray, IntArray, FloatArray, FloatArray]
"""The fields of `Moments`, of some of the fits."""


class Columns(Struct, frozen=True, eq=False):
    """The columns of one fit, complete cases only (m of them)."""

    fixed: FloatArray
    """(m, p) fixed-effect columns; the first is the constant 1."""
    response: FloatArray
    """(m,) answers."""
    interviewer: IntArray
    """(m,) 0 .. J-1."""


class CrossProducts(Struct, frozen=True, eq=False):
    """The columns of one fit, complete cases only, as sums of products of (column - origin) per interviewer."""

    cross: FloatArray
    """(J, K, K); column 0 is the constant 1, the response the last."""
    n: IntArray
    """(J,) interviews."""
    origin: FloatArray
    """(K,) what was subtracted, 0 for the constant."""

    def of(self, kept: Sequence[int]) -> CrossProducts:
        """With some of the columns, the first and the last among them."""
        chosen = list(kept)
        return CrossProducts(self.cross[:, chosen][..., chosen], self.n, self.origin[chosen])


class Moments(Struct, frozen=True, eq=False):
    """Cross products of standardised columns: inside = (column - centre) / scale, the constant stays 1.

    Standardising first keeps every later tolerance free of units and the cross products free of cancellation.
    """

    cross: FloatArray
    """(F, J, K, K) sums over an interviewer's interviews of column products, no unit."""
    n: IntArray | FloatArray
    """(F, J) interviews, or the sum of their weights; 0 where an interviewer has none in a fit."""
    centre: FloatArray
    """(F, K) what was subtracted, in the column's unit."""
    scale: FloatArray
    """(F, K) what was divided by, in the column's unit; 1 for columns that do not vary."""

    def of(self, fits: Sequence[int]) -> Moments:
        """The moments of some of the fits."""
        chosen = list(fits)
        return Moments(self.cross[chosen], self.n[chosen], self.centre[chosen], self.scale[chosen])

    def columns(self, kept: Sequence[int]) -> Moments:
        """The same fits with some of the columns (the response, the last one, among them)."""
        chosen = list(kept)
        return Moments(self.cross[:, :, chosen][..., chosen], self.n, self.centre[:, chosen], self.scale[:, chosen])


def weighted_moments(fits: Sequence[Columns], weights: Sequence[FloatArray], n_interviewers: int) -> Moments:
    """The moments of interviews that count `weights` (m,) times, of each fit, none negative; `n` is their sum.

    Every fit must have the same number of fixed columns.
    """
    return _stacked(_moments_of_columns(list(fits), n_interviewers, True, list(weights)))


def compute_moments(
    fits: Sequence[Columns | CrossProducts], n_interviewers: int, *, centre_fixed: bool = True
) -> Moments:
    """Standardise the columns of every fit and sum their products per interviewer.

    `centre_fixed=False` leaves the fixed columns where they are (only scaled): a random slope without a random
    intercept is a different model after a shift of its predictor.

    Every fit must have the same number of fixed columns.
    """
    parts: list[_Parts] = []
    for kind, group in itertools.groupby(fits, type):
        if kind is CrossProducts:
            parts += [_moments_of_products(cast(CrossProducts, fit), centre_fixed) for fit in group]
        else:
            parts += _moments_of_columns(cast(list[Columns], list(group)), n_interviewers, centre_fixed)
    return _stacked(parts)


def _stacked(parts: list[_Parts]) -> Moments:
    cross, *others = parts[0] if len(parts) == 1 else map(np.concatenate, zip(*parts, strict=True))
    # In one order: another process gets it so, and sums in another order end in other digits.
    return Moments(np.ascontiguousarray(cross), *others)


def _moments_of_columns(
    fits: list[Columns], n_interviewers: int, centre_fixed: bool, weights: list[FloatArray] | None = None
) -> list[_Parts]:
    """As many fits at a time as stay near the processor."""
    parts: list[_Parts] = []
    ends = np.cumsum([len(fit.response) for fit in fits])
    start = 0
    while start < len(fits):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + _TOGETHER, side="right")))
        weight = None if weights is None else np.concatenate(weights[start:stop])
        parts.append(_moments_of_some(fits[start:stop], n_interviewers, centre_fixed, weight))
        start = stop
    return parts


def _moments_of_some(
    fits: Sequence[Columns], n_interviewers: int, centre_fixed: bool, weight: FloatArray | None
) -> _Parts:
    """All interviews of the fits in one table: every product of two columns is summed for everybody at once.

    `weight` (m of all fits,): how often each counts; once without.
    """
    size = np.array([len(fit.response) for fit in fits])
    f, k, ends = len(fits), fits[0].fixed.shape[1], np.cumsum(size)
    rows = [slice(end - m, end) for end, m in zip(ends.tolist(), size.tolist(), strict=True)]
    table = np.empty((k, int(ends[-1])))
    for fit, own in zip(fits, rows, strict=True):
        table[:-1, own], table[-1, own] = fit.fixed[:, 1:].T, fit.response
    filled = np.flatnonzero(size)
    centre, scale = np.zeros((f, k + 1)), np.ones((f, k + 1))
    if filled.size:
        starts, number = (ends - size)[filled], size[filled]
        if weight is not None:
            number = np.add.reduceat(weight, starts)
            number[number == 0] = 1.0
        mean = np.add.reduceat(_counted(table, weight), starts, axis=1) / number
        inside = table if centre_fixed else table.copy()
        for at, own in enumerate(rows[place] for place in filled):
            inside[:, own] -= mean[:, [at]]
        spread = np.sqrt(np.add.reduceat(_counted(inside**2, weight), starts, axis=1) / number)
        # The mean of a constant column may miss it by a rounding error: such a column has no scale.
        scale[filled, 1:] = np.where(spread > 1e-10 * np.abs(mean), spread, 1.0).T
        if not centre_fixed:
            inside[:-1], mean[:-1] = table[:-1], 0.0
        centre[filled, 1:] = mean.T
        table = inside
    owner = np.concatenate([fit.interviewer for fit in fits]) + n_interviewers * np.repeat(np.arange(f), size)
    cells = f * n_interviewers
    n = np.bincount(owner, weight, cells)
    cross = np.empty((k + 1, k + 1, cells))
    cross[0, 0] = n
    for a, column in enumerate(_counted(table, weight), start=1):
        cross[0, a] = cross[a, 0] = np.bincount(owner, column, cells)
        for b in range(1, a + 1):
            cross[a, b] = cross[b, a] = np.bincount(owner, column * table[b - 1], cells)
    by_fit = np.moveaxis(cross.reshape(k + 1, k + 1, f, n_interviewers), (0, 1), (2, 3))
    units = scale[:, None, :, None] * scale[:, None, None, :]
    return by_fit / units, n.reshape(f, n_interviewers), centre, scale


def _counted(table: FloatArray, weight: FloatArray | None) -> FloatArray:
    return table if weight is None else table * weight


def _moments_of_products(products: CrossProducts, centre_fixed: bool) -> _Parts:
    """The same from cross products: shift from the origin to the centre, then divide by the scale."""
    total, width = products.cross.sum(axis=0), len(products.origin)
    centre, scale = np.zeros(width), np.ones(width)
    m = max(total[0, 0], 1.0)
    mean = total[0] / m
    if total[0, 0]:
        shifted = slice(1, None) if centre_fixed else slice(width - 1, None)
        centre[shifted] = (products.origin + mean)[shifted]
        variance = np.maximum(np.diagonal(total) / m - mean**2, 0.0)
        size = np.maximum(np.abs(products.origin + mean), np.sqrt(np.diagonal(total) / m))
        varies = np.sqrt(variance) > 1e-10 * size
        scale[1:] = np.where(varies, np.sqrt(variance), 1.0)[1:]
    move = np.eye(width)
    move[1:, 0] = (products.origin - centre)[1:]
    move /= scale[:, None]
    return (move @ products.cross @ move.T)[None], products.n[None], centre[None], scale[None]
