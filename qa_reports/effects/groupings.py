"""Interviewer and area, or interviewer and team: how far the two can be told apart, and the model with both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.effects.crossed_model import CrossedFit, fit_crossed
from qa_reports.effects.linear import ModelPlan
from qa_reports.effects.moments import Columns
from qa_reports.survey.clean import Survey

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

GroupingKind = Literal["area", "team"]

TOLD_APART = 0.25
"""Share of the comparisons between interviewers that must be possible within areas for the report not to warn that
interviewer and area cannot be told apart: 1 where interviewers and areas are fully interpenetrated, 0 where every area
has one interviewer."""


class Grouping(Struct, frozen=True, eq=False):
    """What each interview belongs to besides its interviewer."""

    kind: GroupingKind
    column: str
    """Name of the configured column."""
    level: IntArray
    """(n,) position in `names`; -1 where it is missing."""
    names: tuple[str, ...]


class NamedItem(Struct, frozen=True):
    """A modelled item, by what it is called."""

    item: str
    label: str


class GroupedItem(Struct, frozen=True):
    """The null model of one item with a random intercept for interviewers and one for areas (or teams), by REML."""

    item: str
    label: str
    status: Literal["converged", "singular", "zero_variance", "failed"]
    reason: str | None
    """What is zero, or why the model failed."""
    n_interviews: int
    n_interviewers: int
    n_groups: int
    intercept: float | None = None
    """Variance between interviewers."""
    intercept_se: float | None = None
    """Standard errors from the observed information; None at a variance of zero."""
    group: float | None = None
    """Variance between areas (or teams)."""
    group_se: float | None = None
    residual: float | None = None
    residual_se: float | None = None
    loglik: float | None = None
    icc: float | None = None
    """Share of the whole variance between interviewers."""
    group_icc: float | None = None
    """Share between areas (or teams)."""
    icc_alone: float | None = None
    """Share between interviewers without the areas in the model, on the same interviews."""
    statistic: float | None = None
    """REML likelihood ratio of the variance between interviewers, areas in both models."""
    p: float | None = None
    """Half chi-square(0), half chi-square(1)."""
    group_statistic: float | None = None
    group_p: float | None = None


class GroupingSensitivity(Struct, frozen=True):
    """All items with areas (or teams), and how interviewers and areas lie to each other."""

    kind: GroupingKind
    column: str
    reason: str | None
    """Why no item can be modelled with them."""
    n_groups: int
    n_without: int
    """Interviews whose area is missing; they are left out here."""
    n_interviewers: int
    """Interviewers with an area."""
    n_confined: int
    """Interviewers who worked in one area only (for teams: all)."""
    n_single: int
    """Areas (or teams) with one interviewer."""
    comparable: float | None
    """Share of the comparisons between interviewers that can be made within areas: (n - sum n_ja^2/n_a) /
    (n - sum n_j^2/n), the trace of the interviewers' design after areas over that after the mean."""
    items: tuple[GroupedItem, ...]

    @property
    def apart(self) -> bool:
        """Whether interviewers can be told apart from areas."""
        return self.comparable is not None and self.comparable >= TOLD_APART


def grouping_of(kind: GroupingKind, column: str, values: Sequence[str | None]) -> Grouping:
    """Number the areas or teams of the interviews."""
    names = tuple(sorted({value for value in values if value is not None}))
    position = {name: k for k, name in enumerate(names)}
    level = np.array([-1 if value is None else position[value] for value in values], dtype=np.int64)
    return Grouping(kind, column, level, names)


def compare_with_grouping(
    grouping: Grouping, items: Sequence[NamedItem], plans: Sequence[ModelPlan | None], survey: Survey
) -> GroupingSensitivity:
    """The null model of every item with the grouping in it, or the reason why there is none for any."""
    known = np.flatnonzero(grouping.level >= 0)
    interviewer, level = survey.interviewer[known], grouping.level[known]
    pairs = np.unique(np.column_stack([interviewer, level]), axis=0)
    areas_each, interviewers_each = (np.bincount(pairs[:, k]) for k in (0, 1))
    reason = _why_not(grouping, interviewer, level, pairs)
    return GroupingSensitivity(
        kind=grouping.kind,
        column=grouping.column,
        reason=reason,
        n_groups=len(grouping.names),
        n_without=int((grouping.level < 0).sum()),
        n_interviewers=int((areas_each > 0).sum()),
        n_confined=int((areas_each == 1).sum()),
        n_single=int((interviewers_each == 1).sum()),
        comparable=_comparable(interviewer, level),
        items=() if reason is not None else _grouped_items(grouping, items, plans, survey),
    )


def _why_not(grouping: Grouping, interviewer: IntArray, level: IntArray, pairs: IntArray) -> str | None:
    one, several = grouping.kind, f"{grouping.kind}s"
    if not len(level):
        return f"no interview has {'an' if one == 'area' else 'a'} {one}"
    if len(grouping.names) < 2:
        return f"all interviews are in one {one}"
    n_interviewers = len(np.unique(interviewer))
    if n_interviewers < 2:
        return "there is only one interviewer"
    if one == "area" and len(np.unique(level)) == len(level):
        return "every area has one interview, so areas cannot be told apart from respondents"
    if len(pairs) == n_interviewers == len(grouping.names):
        return (
            "every area has one interviewer who worked nowhere else, so interviewer and area are the same thing here"
            if one == "area"
            else "every team has one interviewer, so interviewers and teams are the same thing here"
        )
    if n_interviewers == len(interviewer):
        return f"every interviewer has one interview, so interviewers and {several} cannot be compared"
    return None


def _comparable(interviewer: IntArray, level: IntArray) -> float | None:
    if not len(level):
        return None
    n = len(level)
    cell = np.unique(np.column_stack([interviewer, level]), axis=0, return_inverse=True)[1].ravel()
    # Each interview's share: the cell's interviews over the area's.
    by_area = n - float((np.bincount(cell)[cell] / np.bincount(level)[level]).sum())
    overall = n - float((np.bincount(interviewer).astype(float) ** 2).sum()) / n
    return by_area / overall if overall > 0 else None


def with_group(plan: ModelPlan, grouping: Grouping) -> tuple[Columns, IntArray]:
    """The interviews of a plan that have an area (or team), and which."""
    level = grouping.level[plan.rows]
    kept = level >= 0
    columns = plan.columns
    return Columns(columns.fixed[kept], columns.response[kept], columns.interviewer[kept]), level[kept]


def _grouped_items(
    grouping: Grouping, items: Sequence[NamedItem], plans: Sequence[ModelPlan | None], survey: Survey
) -> tuple[GroupedItem, ...]:
    chosen = [(item, plan) for item, plan in zip(items, plans, strict=True) if plan is not None]
    parts = [with_group(plan, grouping) for _, plan in chosen]
    if not parts:
        return ()
    n_levels = (len(survey.interviewer_ids), len(grouping.names))
    fits = fit_crossed([columns for columns, _ in parts], [level for _, level in parts], n_levels)
    return tuple(
        _grouped_item(grouping, item, columns, level, fit)
        for (item, _), (columns, level), fit in zip(chosen, parts, fits, strict=True)
    )


def _grouped_item(
    grouping: Grouping, item: NamedItem, columns: Columns, level: IntArray, fit: CrossedFit
) -> GroupedItem:
    counts = (len(level), len(np.unique(columns.interviewer)), len(np.unique(level)))
    if fit.status == "failed":
        return GroupedItem(item.item, item.label, "failed", fit.reason, *counts)
    total = float(fit.variance.sum())
    first, second, residual = (float(value) for value in fit.variance)
    first_se, second_se, residual_se = (_finite(value) for value in fit.variance_se)
    return GroupedItem(
        item=item.item,
        label=item.label,
        status=cast(Literal["converged", "singular", "zero_variance", "failed"], fit.status),
        reason=_zero_words(grouping.kind, first, second),
        n_interviews=counts[0],
        n_interviewers=counts[1],
        n_groups=counts[2],
        intercept=first,
        intercept_se=first_se,
        group=second,
        group_se=second_se,
        residual=residual,
        residual_se=residual_se,
        loglik=fit.loglik,
        icc=first / total,
        group_icc=second / total,
        icc_alone=float(fit.alone[0] / fit.alone.sum()),
        statistic=_finite(fit.statistic[0]),
        p=_finite(fit.p[0]),
        group_statistic=_finite(fit.statistic[1]),
        group_p=_finite(fit.p[1]),
    )


def _zero_words(kind: GroupingKind, first: float, second: float) -> str | None:
    zero = [
        *(["interviewers"] if first == 0 else []),
        *([f"{kind}s"] if second == 0 else []),
    ]
    return f"the variance between {' and between '.join(zero)} is estimated as zero" if zero else None


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
