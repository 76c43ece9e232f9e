"""Answers as the likelihood of cumulative-logit models reads them: counts, with the sums that its derivatives take.

A row is one category of one covariate pattern of one interviewer with its count: the counts are all that the likelihood
needs. The logits of the thresholds above and below an answer move with a threshold each, and both alike with everything
else.

Sizes: F fits of one shape, G interviewers over all fits, R rows, C categories, p covariates; D = C - 1 + p + 1
parameters in the order thresholds, covariates, s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray
from scipy import sparse

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class Rows(Struct, frozen=True, eq=False):
    """The counts of F fits, sorted by fit and interviewer."""

    covariates: FloatArray
    """(R, p)."""
    category: IntArray
    """(R,) 0 .. C-1."""
    count: FloatArray
    """(R,) positive; need not be whole."""
    group: IntArray
    """(R,) 0 .. G-1, the interviewer within the fit, ascending."""
    fit: IntArray
    """(G,) 0 .. F-1, ascending."""
    cell: IntArray
    """(R,) fit times C plus category."""
    n_fits: int
    n_categories: int
    upper: sparse.csr_array
    """(G (C-1), R) sums rows by interviewer and upper threshold, weighted by count."""
    lower: sparse.csr_array
    """(G (C-1), R) the same by lower threshold."""
    shared: sparse.csr_array
    """(G (p+1), R) sums rows by interviewer, weighted by count and by `both`."""
    both: FloatArray
    """(R, p+1) derivatives of either logit by what is no threshold: minus the covariates, minus 1 (for s, before the
    node)."""
    weighed: FloatArray
    """(R, C+p+1) which category a row is, and `both`, weighted by count."""
    member: sparse.csr_array
    """(G, R) sums rows by interviewer, weighted by count."""
    begins: IntArray
    """(G,) the first row of each interviewer."""

    @property
    def n_groups(self) -> int:
        """G."""
        return len(self.fit)

    @property
    def n_parameters(self) -> int:
        """D."""
        return self.n_categories - 1 + len(self.both[0])

    @property
    def first(self) -> IntArray:
        """(F,) the first interviewer of each fit."""
        return np.searchsorted(self.fit, np.arange(self.n_fits))

    def slices(self) -> Iterator[tuple[int, slice]]:
        """Each fit with its rows."""
        for f, (start, end) in enumerate(pairwise([*self.begins[self.first].tolist(), len(self.count)])):
            yield f, slice(start, end)

    def by_group(self, values: FloatArray) -> FloatArray:
        """(G,) sums of the rows' values (R,), weighted by count."""
        return np.asarray(np.add.reduceat(values * self.count, self.begins))

    def by_parameter(self, upper: FloatArray, lower: FloatArray) -> FloatArray:
        """(G, D, Q) sums of what rows say of their upper and lower logits (R, Q each), by what these move with."""
        sums, cut = np.empty((self.n_groups, self.n_parameters, upper.shape[1])), self.n_categories - 1
        sums[:, :cut] = (self.upper @ upper + self.lower @ lower).reshape(self.n_groups, cut, -1)
        sums[:, cut:] = (self.shared @ (upper + lower)).reshape(self.n_groups, self.both.shape[1], -1)
        return sums

    def apart(self) -> Rows:
        """Each interviewer as a fit of its own."""
        own = self.group * self.n_categories + self.category
        return replace(self, fit=np.arange(self.n_groups), n_fits=self.n_groups, cell=own)


def build_rows(
    covariates: Sequence[FloatArray],
    category: Sequence[IntArray],
    group: Sequence[IntArray],
    count: Sequence[FloatArray],
    n_categories: int,
) -> Rows:
    """Rows of F fits from, per fit, (m, p) covariates and (m,) categories, interviewers without gaps, and counts."""
    offset = np.concatenate([[0], np.cumsum([g.max() + 1 for g in group])])
    fit = np.repeat(np.arange(len(group)), np.diff(offset))
    x, y = np.concatenate(covariates), np.concatenate(category)
    g, w = np.concatenate([g + start for g, start in zip(group, offset, strict=False)]), np.concatenate(count)
    order = np.argsort(g, kind="stable")
    x, y, g, w = x[order], y[order], g[order], w[order]
    groups, cut, row = offset[-1], n_categories - 1, np.arange(len(y))
    both, below, above = np.column_stack([-x, -np.ones(len(y))]), np.flatnonzero(y < cut), np.flatnonzero(y > 0)
    width = both.shape[1]
    shared = (both * w[:, None]).ravel(), (g[:, None] * width + np.arange(width)).ravel(), np.repeat(row, width)
    return Rows(
        covariates=x, category=y, count=w, group=g, fit=fit, cell=fit[g] * n_categories + y, n_fits=len(group),
        n_categories=n_categories,
        upper=_summing(w[below], g[below] * cut + y[below], below, (groups * cut, len(y))),
        lower=_summing(w[above], g[above] * cut + y[above] - 1, above, (groups * cut, len(y))),
        shared=_summing(*shared, (groups * width, len(y))),
        both=both,
        weighed=np.concatenate([y[:, None] == np.arange(n_categories), both], axis=1) * w[:, None],
        member=_summing(w, g, row, (groups, len(y))),
        begins=np.searchsorted(g, np.arange(groups)),
    )  # fmt: skip


def _summing(values: FloatArray, into: IntArray, row: IntArray, shape: tuple[int, int]) -> sparse.csr_array:
    return sparse.csr_array((values, (into, row)), shape=shape)
