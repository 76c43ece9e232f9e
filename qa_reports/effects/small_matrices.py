"""Algebra of many small matrices at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def unit_diagonal(matrix: FloatArray) -> FloatArray:
    """Symmetric matrices (..., r, r) in units of the roots of their diagonals."""
    root = np.sqrt(np.abs(np.diagonal(matrix, axis1=-2, axis2=-1)))
    return np.asarray(matrix / np.maximum(root[..., :, None] * root[..., None, :], 1e-300))


def eliminated(s: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(...) log|XX| and yy - yX XX^-1 Xy of [X y]'[X y] (..., p+1, p+1): Gauss's elimination, many at a time.

    Where D is so large that XX has no digits left, log|XX| is infinite, so that no search goes there.
    """
    s, pivots = in_front(s), []
    for _ in range(len(s) - 1):
        pivots.append(s[0, 0])
        s = s[1:, 1:] - s[1:, :1] * (s[:1, 1:] / np.where(s[0, 0] > 0, s[0, 0], 1.0))
    found = np.stack(pivots)
    return np.where(found > 0, np.log(np.where(found > 0, found, 1.0)), np.inf).sum(0), s[0, 0]


def swept(s: FloatArray) -> FloatArray:
    """[X y]'[X y] (p+1, p+1, ...) with X swept out (Goodnight 1979, Am. Stat. 33(3)): -XX^-1 with XX^-1 Xy beside and
    below it, and yy - yX XX^-1 Xy in the corner."""
    for k in range(len(s) - 1):
        pivot = np.where(s[k, k] > 0, s[k, k], 1.0)
        row = s[k] / pivot
        s = s - s[:, k, None] * row
        s[k] = s[:, k] = row
        s[k, k] = -1 / pivot
    return s


def in_front(matrices: FloatArray, axes: int = 2) -> FloatArray:
    """Matrices (..., a, b) as (a, b, ...), or with more of the last axes: what is done to each element alike goes along
    rows as long as there are matrices."""
    batch = matrices.ndim - axes
    return np.ascontiguousarray(matrices.transpose(*range(batch, matrices.ndim), *range(batch)))


def times(a: FloatArray, b: FloatArray) -> FloatArray:
    """The products of small matrices (..., q, q, J) and (..., q, c, J), one for each interviewer.

    They are far smaller than a call to BLAS: it goes by element, over all interviewers at once.
    """
    return np.asarray(np.einsum("...ilj,...lcj->...icj", a, b))
