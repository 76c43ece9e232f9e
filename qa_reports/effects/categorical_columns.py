"""What a logistic or cumulative-logit model is given: its columns, checked, standardised and counted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.effects.category_rows import Rows, build_rows

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MOST_CATEGORIES = 12
"""More categories than this are not worth a threshold each."""


class CategoricalColumns(Struct, frozen=True, eq=False):
    """What one model is fitted to; m rows."""

    fixed: FloatArray
    """(m, p) covariates; no constant, p may be 0."""
    category: IntArray
    """(m,) 0 .. C-1 in their order, every one in use."""
    interviewer: IntArray
    """(m,) 0 .. J-1."""
    count: FloatArray | None = None
    """(m,) how many interviews a row stands for; None is one each."""


class CategoricalFailure(Struct, frozen=True):
    """A model that cannot be estimated, and why, as a clause for a sentence."""

    reason: str
    column: int | None = None
    """The column of `fixed` that is to blame, where it is one."""


def number_categories(values: FloatArray) -> tuple[FloatArray, IntArray]:
    """The distinct values (C,) in ascending order, and each value's (m,) place among them."""
    levels, category = np.unique(values, return_inverse=True)
    return levels, category.reshape(values.shape).astype(np.int64)


class PreparedColumns(Struct, frozen=True, eq=False):
    """One model ready for the quadrature: covariates standardised, equal rows counted together, by interviewer."""

    covariates: FloatArray
    """(R, p)."""
    category: IntArray
    """(R,)."""
    group: IntArray
    """(R,) 0 .. G-1, places in `present`."""
    count: FloatArray
    """(R,)."""
    centre: FloatArray
    """(p,) what was subtracted from the covariates."""
    scale: FloatArray
    """(p,) what they were divided by."""
    present: IntArray
    """(G,) the interviewers that have rows."""
    n_categories: int


def prepare_columns(columns: CategoricalColumns) -> PreparedColumns | CategoricalFailure:
    """Check the columns, standardise the covariates and count equal rows together."""
    count = np.ones(len(columns.category)) if columns.count is None else np.asarray(columns.count, dtype=float)
    used = count > 0
    category, interviewer, fixed = columns.category[used], columns.interviewer[used], columns.fixed[used]
    count = count[used]
    if not len(category):
        return CategoricalFailure("there are no answers")
    totals = np.bincount(category, weights=count)
    if (totals == 0).any():
        return CategoricalFailure(
            f"nobody chose category {int(np.argmin(totals))}: number the chosen ones without gaps"
        )
    if len(totals) < 2:
        return CategoricalFailure("all answers are the same")
    if len(totals) > MOST_CATEGORIES:
        return CategoricalFailure(f"{len(totals)} different answers are too many for one threshold each")
    present, group = np.unique(interviewer, return_inverse=True)
    if len(present) < 2:
        return CategoricalFailure("there is only one interviewer")
    if not _varies_within(group, category):
        return CategoricalFailure(
            "no interviewer has two different answers, so nothing tells interviewers from respondents"
        )
    centre = count @ fixed / count.sum()
    scale = np.sqrt(count @ (fixed - centre) ** 2 / count.sum())
    if (scale <= 0).any():
        return CategoricalFailure("a covariate does not vary", int(np.argmin(scale)))
    inside = (fixed - centre) / scale
    order = np.lexsort([*inside.T, category, group])
    category, group, inside = category[order], group[order], inside[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (np.diff(group) != 0) | (np.diff(category) != 0) | (np.diff(inside, axis=0) != 0).any(axis=1)
    first = np.flatnonzero(new)
    return PreparedColumns(
        covariates=inside[first], category=category[first], group=group[first],
        count=np.add.reduceat(count[order], first), centre=centre, scale=scale, present=present,
        n_categories=len(totals),
    )  # fmt: skip


def _varies_within(group: IntArray, category: IntArray) -> bool:
    low, high = np.full(group.max() + 1, np.iinfo(np.int64).max), np.full(group.max() + 1, -1)
    np.minimum.at(low, group, category)
    np.maximum.at(high, group, category)
    return bool((high > low).any())


def rows_of(batch: Sequence[PreparedColumns]) -> Rows:
    """The rows of models of one shape, for the quadrature."""
    return build_rows(
        [one.covariates for one in batch], [one.category for one in batch], [one.group for one in batch],
        [one.count for one in batch], batch[0].n_categories,
    )  # fmt: skip
