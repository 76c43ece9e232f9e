"""The values of one indicator, summed up: in memory, or by an engine that has all interviews. J interviewers."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.survey.whole import MeasureWhole, Totals

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_CATEGORIES = 7
"""Ordered categories that counts and skewed measures are collapsed to, at most."""


class MeasureData(Struct, frozen=True, eq=False):
    """What is judged of a measure beside its model."""

    n: IntArray
    """(J,) interviews with a value."""
    total: FloatArray
    """(J,) sum of the values."""
    affected: IntArray
    """(J,) interviews with a value above 0."""
    within: float
    """Sum of squares about each interviewer's own mean."""
    about_mean: float
    """Sum of squares about everybody's mean."""
    skewness: float
    commonest: float
    """Share of the most frequent value."""
    values: FloatArray | None
    """(v,) different values, ascending; None where there are too many to be counted."""
    counts: FloatArray | None
    """(v,) interviews that have each."""
    cells: tuple[IntArray, FloatArray, FloatArray] | None
    """Interviewer, value and number of interviews of every cell; None where values are too many to be counted."""


def of_rows(values: FloatArray, owner: IntArray, n_interviewers: int) -> MeasureData:
    """Data in memory: values (n,), NaN where there is none, and the interviewer of each."""
    has = np.isfinite(values)
    return _of_cells(owner[has], values[has], np.ones(int(has.sum())), n_interviewers)


def of_whole(name: str, at_hand: FloatArray, whole: MeasureWhole, n_interviewers: int) -> MeasureData:
    """Data of all interviews."""
    cells = whole.value_cells(name)
    if cells is not None:
        return _of_cells(cells.interviewer, cells.value, cells.count, n_interviewers)
    known = at_hand[np.isfinite(at_hand)]
    # How often the commonest of very many values occurs, the interviews at hand tell well enough.
    commonest = float(np.unique(known, return_counts=True)[1].max() / len(known))
    return _of_totals(whole.totals(name), commonest)


def _of_cells(owner: IntArray, values: FloatArray, count: FloatArray, j: int) -> MeasureData:
    n = np.bincount(owner, count, minlength=j)
    total = np.bincount(owner, count * values, minlength=j)
    own = np.divide(total, n, out=np.zeros(j), where=n > 0)
    levels, place = np.unique(values, return_inverse=True)
    by_level = np.bincount(place, count, minlength=len(levels))
    away = levels - (by_level @ levels / max(n.sum(), 1.0))
    about_mean = float(by_level @ away**2)
    third = float(by_level @ away**3)
    varies = len(levels) > 1
    return MeasureData(
        n=np.rint(n).astype(np.int64),
        total=np.asarray(total, dtype=np.float64),
        affected=np.rint(np.bincount(owner, count * (values > 0), minlength=j)).astype(np.int64),
        within=float(count @ (values - own[owner]) ** 2),
        about_mean=about_mean,
        skewness=third / n.sum() / (about_mean / n.sum()) ** 1.5 if varies else 0.0,
        commonest=float(by_level.max(initial=0.0) / max(n.sum(), 1.0)),
        values=levels,
        counts=np.asarray(by_level, dtype=np.float64),
        cells=(owner, values, count),
    )


def _of_totals(totals: Totals, commonest: float) -> MeasureData:
    n, powers = totals.n, totals.powers
    every, mean = n.sum(), powers[:, 0].sum() / max(n.sum(), 1)
    second, third = powers[:, 1].sum() / max(every, 1), powers[:, 2].sum() / max(every, 1)
    variance = max(second - mean**2, 0.0)
    within = powers[:, 1] - np.divide(powers[:, 0] ** 2, n, out=np.zeros(len(n)), where=n > 0)
    return MeasureData(
        n=n,
        total=powers[:, 0] + n * totals.origin,
        affected=totals.above,
        within=float(np.maximum(within, 0.0).sum()),
        about_mean=variance * every,
        skewness=(third - 3 * mean * second + 2 * mean**3) / variance**1.5 if variance > 0 else 0.0,
        commonest=commonest,
        values=None,
        counts=None,
        cells=None,
    )


def collapse(counts: FloatArray) -> IntArray:
    """(v,) the place 0, 1, ... of each of v ascending values among at most seven ordered categories.

    Small neighbours are put together; `counts` (v,) says how many interviews have each value.
    """
    if len(counts) > 10 * _CATEGORIES:
        # Many different values: by their ranks first, so that merging neighbours stays cheap.
        rank = np.cumsum(counts) - (counts - 1) / 2
        _, place = np.unique(np.floor(rank / (counts.sum() + 1) * 10 * _CATEGORIES), return_inverse=True)
    else:
        place = np.arange(len(counts))
    sizes = np.bincount(place, counts).tolist()
    category = list(range(len(sizes)))
    while len(sizes) > _CATEGORIES:
        smallest = int(np.argmin([a + b for a, b in pairwise(sizes)]))
        sizes[smallest : smallest + 2] = [sizes[smallest] + sizes[smallest + 1]]
        category = [c - (c > smallest) for c in category]
    return np.asarray(category, dtype=np.int64)[place]


def bounds(values: FloatArray, category: IntArray) -> FloatArray:
    """(C - 1,) the highest value of every category but the last; values ascending."""
    return np.asarray(values[np.flatnonzero(np.diff(category))])
