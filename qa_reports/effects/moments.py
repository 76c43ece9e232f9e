"""Cross products per interviewer: all that the likelihood of a linear mixed model needs from the interviews.

Sizes: F fits (items, say), J interviewers, n interviews, p fixed columns; K = p + 1 columns with the response last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """The columns of one fit, complete cases only (m of them)."""

    fixed: FloatArray
    """(m, p) fixed-effect columns; the first is the constant 1."""
    response: FloatArray
    """(m,) answers."""
    interviewer: IntArray
    """(m,) 0 .. J-1."""


@dataclass(frozen=True, slots=True, eq=False)
class CrossProducts:
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


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
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


def compute_moments(
    fits: Sequence[Columns | CrossProducts], n_interviewers: int, *, centre_fixed: bool = True
) -> Moments:
    """Standardise the columns of every fit and sum their products per interviewer.

    `centre_fixed=False` leaves the fixed columns where they are (only scaled): a random slope without a random
    intercept is a different model after a shift of its predictor.

    Every fit must have the same number of fixed columns.
    """
    parts = [
        _moments_of_products(fit, centre_fixed)
        if isinstance(fit, CrossProducts)
        else _moments_of_one(fit, n_interviewers, centre_fixed)
        for fit in fits
    ]
    cross, n, centre, scale = zip(*parts, strict=True)
    return Moments(np.stack(cross), np.stack(n), np.stack(centre), np.stack(scale))


def _moments_of_one(
    columns: Columns, n_interviewers: int, centre_fixed: bool
) -> tuple[FloatArray, IntArray, FloatArray, FloatArray]:
    table = np.column_stack([columns.fixed, columns.response])
    m, width = table.shape
    centre, scale = np.zeros(width), np.ones(width)
    if m:
        shifted = slice(1, None) if centre_fixed else slice(width - 1, None)
        centre[shifted] = table[:, shifted].mean(axis=0)
        # The mean of a constant column may miss it by a rounding error: such a column has no scale.
        spread = table[:, 1:].std(axis=0)
        varies = spread > 1e-10 * np.abs(table[:, 1:]).max(axis=0)
        scale[1:] = np.where(varies, spread, 1.0)
    inside = (table - centre) / scale
    products = (inside[:, :, None] * inside[:, None, :]).reshape(m, width * width)
    n = np.bincount(columns.interviewer, minlength=n_interviewers)
    ends = np.concatenate([[0], np.cumsum(n)])
    # One row per interviewer, made in the order it is stored: what a check of coordinates would find out again.
    membership = sparse.csr_array(
        (np.ones(m), np.argsort(columns.interviewer, kind="stable"), ends), shape=(n_interviewers, m)
    )
    cross = np.asarray(membership @ products).reshape(n_interviewers, width, width)
    return cross, n, centre, scale


def _moments_of_products(
    products: CrossProducts, centre_fixed: bool
) -> tuple[FloatArray, IntArray, FloatArray, FloatArray]:
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
    return move @ products.cross @ move.T, products.n, centre, scale
