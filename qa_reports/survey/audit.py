"""The record of cleaning: descriptive statistics before and after, and what it did to each interviewer's answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from msgspec import Struct

from qa_reports.survey.columns import FloatArray, IntArray
from qa_reports.survey.interviewers import Interviewers
from qa_reports.survey.items import CleanItem

_EVEN = 1e-12
"""Share of the weight that is nothing but rounding: weights that differ by less split evenly."""
_MOST_DISTINCT = 50


class WeightedDescriptives(Struct, frozen=True):
    """Descriptive statistics with the survey weights, over answers of interviews that have one above 0."""

    n: int
    mean: float
    sd: float | None
    """Weights scaled to sum to n, n - 1 below; None for a single answer."""
    lower_quartile: float
    median: float
    upper_quartile: float
    distribution: tuple[tuple[float, float], ...]
    """(value, share of the weights) in ascending order; empty where the unweighted one is."""


class Descriptives(Struct, frozen=True):
    """Descriptive statistics of one item over the interviews used, before (every number in the file) or after
    cleaning (valid answers)."""

    item: str
    stage: Literal["before", "after"]
    n: int
    mean: float | None
    sd: float | None
    minimum: float | None
    lower_quartile: float | None
    median: float | None
    upper_quartile: float | None
    maximum: float | None
    distribution: tuple[tuple[float, int], ...]
    """(value, count) in ascending order; empty when there are more than 50 different values."""
    weighted: WeightedDescriptives | None = None
    """None without weights, or without an answer that has one."""


class ItemAudit(Struct, frozen=True):
    """What stands in an item's cells: the interviews used = answers + codes + blank cells + values out of range."""

    item: str
    n_interviews: int
    n_answers: int
    n_recoded: int
    """Cells set to missing by a declared code."""
    n_blank: int
    """Cells empty as delivered."""
    n_out_of_range: int


class InterviewerAudit(Struct, frozen=True):
    """What cleaning did to one interviewer's interviews: answers over all items."""

    interviewer: str
    n_interviews: int
    n_answers: int
    """Valid answers over all items."""
    n_recoded: int
    """Answers set to missing by a declared code."""
    n_blank: int
    """Cells empty as delivered."""
    n_out_of_range: int


def describe(
    item: str,
    stage: Literal["before", "after"],
    values: FloatArray,
    weight: FloatArray | None = None,
    times: IntArray | None = None,
) -> Descriptives:
    """Describe (n,) values, NaN left out; the sd has n - 1 below, quartiles interpolate linearly.

    Args:
        weight: (n,) survey weights, NaN where there is none.
        times: (n,) how many interviews each value stands for; None is one each.
    """
    present = ~np.isnan(values)
    if not present.any():
        return Descriptives(item, stage, 0, None, None, None, None, None, None, None, ())
    distinct, place = np.unique(values[present], return_inverse=True)
    counts = np.bincount(place, None if times is None else times[present]).astype(np.int64)
    n, few = int(counts.sum()), len(distinct) <= _MOST_DISTINCT
    mean = float(distinct @ counts) / n
    minimum, lower, median, upper, maximum = _quantiles(distinct, counts, [0, 0.25, 0.5, 0.75, 1])
    return Descriptives(
        item=item,
        stage=stage,
        n=n,
        mean=mean,
        sd=float(np.sqrt((distinct - mean) ** 2 @ counts / (n - 1))) if n > 1 else None,
        minimum=minimum,
        lower_quartile=lower,
        median=median,
        upper_quartile=upper,
        maximum=maximum,
        distribution=tuple(zip(distinct.tolist(), counts.tolist(), strict=True)) if few else (),
        weighted=None if weight is None else _describe_weighted(values, weight, few),
    )


def _quantiles(distinct: FloatArray, counts: IntArray, at: Sequence[float]) -> list[float]:
    """Quantiles of values, each given so often, by linear interpolation between neighbours."""
    ends = np.cumsum(counts)
    place = np.asarray(at) * (ends[-1] - 1)
    low = np.floor(place).astype(np.int64)
    below, above = (distinct[np.searchsorted(ends, k, side="right")] for k in (low, np.minimum(low + 1, ends[-1] - 1)))
    return [float(value) for value in below + (above - below) * (place - low)]


def _describe_weighted(values: FloatArray, weight: FloatArray, few: bool) -> WeightedDescriptives | None:
    """As statsmodels' `DescrStatsW`; quartiles are averages of the two neighbours where the weights split evenly."""
    chosen = ~np.isnan(values) & (weight > 0)
    n = int(chosen.sum())
    if not n:
        return None
    distinct, place = np.unique(values[chosen], return_inverse=True)
    shares = np.asarray(np.bincount(place, weight[chosen] / weight[chosen].sum()), dtype=np.float64)
    mean = float(shares @ distinct)
    lower, median, upper = (_weighted_quantile(distinct, shares, p) for p in (0.25, 0.5, 0.75))
    return WeightedDescriptives(
        n=n,
        mean=mean,
        sd=float(np.sqrt(shares @ (distinct - mean) ** 2 * n / (n - 1))) if n > 1 else None,
        lower_quartile=lower,
        median=median,
        upper_quartile=upper,
        distribution=tuple(zip(distinct.tolist(), shares.tolist(), strict=True)) if few else (),
    )


def _weighted_quantile(distinct: FloatArray, shares: FloatArray, p: float) -> float:
    """The first of the ascending values with `p` of the weight at or below it; halfway to the next at just `p`."""
    below = np.cumsum(shares)
    at = min(int(np.searchsorted(below, p * (1 - _EVEN))), len(distinct) - 1)
    evenly = abs(below[at] - p) <= _EVEN and at + 1 < len(distinct)
    return float((distinct[at] + distinct[at + 1]) / 2 if evenly else distinct[at])


def audit_items(items: Sequence[CleanItem], interviewers: Sequence[Interviewers]) -> tuple[ItemAudit, ...]:
    """Count the cells of every item by what became of them.

    Raises:
        AssertionError: a cell is counted twice or not at all, which is a mistake of the program.
    """
    audits = []
    for item, people in zip(items, interviewers, strict=True):
        cells = np.array(
            [~np.isnan(item.responses.answers), item.coded, item.blank, ~np.isnan(item.responses.suspects)]
        )
        if not (cells.sum(axis=0) == 1).all():
            raise AssertionError(f"{item.responses.name}: a cell is no answer, code, blank or value out of range alone")
        everything = people.total(np.ones(cells.shape[1], dtype=bool))
        audits.append(ItemAudit(item.responses.name, everything, *(people.total(each) for each in cells)))
    return tuple(audits)


def describe_items(
    items: Sequence[CleanItem], weight: FloatArray | None, interviewers: Sequence[Interviewers]
) -> tuple[Descriptives, ...]:
    """Every item before cleaning (every number in the file) and after it (valid answers), as delivered."""
    return tuple(
        describe(item.responses.name, stage, values, weight, people.times)
        for item, people in zip(items, interviewers, strict=True)
        for stage, values in _stages(item)
    )


def _stages(item: CleanItem) -> tuple[tuple[Literal["before"], FloatArray], tuple[Literal["after"], FloatArray]]:
    return ("before", item.delivered), ("after", item.responses.answers)


def audit_interviewers(
    items: Sequence[CleanItem], interviewers: Sequence[Interviewers]
) -> tuple[InterviewerAudit, ...]:
    """What cleaning did, by interviewer, in natural order of their ids; each cell of the items is counted once."""
    pairs = list(zip(items, interviewers, strict=True))
    first = interviewers[0]
    counts = np.array(
        [
            first.counts(np.ones(len(first.position), dtype=bool)),
            sum(people.counts(~np.isnan(item.responses.answers)) for item, people in pairs),
            sum(people.counts(item.coded) for item, people in pairs),
            sum(people.counts(item.blank) for item, people in pairs),
            sum(people.counts(~np.isnan(item.responses.suspects)) for item, people in pairs),
        ]
    )
    return tuple(InterviewerAudit(name, *column) for name, column in zip(first.ids, counts.T.tolist(), strict=True))
