"""The record of cleaning: descriptive statistics before and after, and what it did to each interviewer's answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from qa_reports.survey.columns import FloatArray
from qa_reports.survey.interviewers import Interviewers
from qa_reports.survey.items import CleanItem

_MOST_DISTINCT = 50


@dataclass(frozen=True, slots=True)
class Descriptives:
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


@dataclass(frozen=True, slots=True)
class InterviewerAudit:
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


def describe(item: str, stage: Literal["before", "after"], values: FloatArray) -> Descriptives:
    """Describe (n,) values, NaN left out; the sd has n - 1 below, quartiles interpolate linearly."""
    present = values[~np.isnan(values)]
    if not len(present):
        return Descriptives(item, stage, 0, None, None, None, None, None, None, None, ())
    minimum, lower, median, upper, maximum = (float(q) for q in np.quantile(present, [0, 0.25, 0.5, 0.75, 1]))
    distinct, counts = np.unique(present, return_counts=True)
    few = len(distinct) <= _MOST_DISTINCT
    return Descriptives(
        item=item,
        stage=stage,
        n=len(present),
        mean=float(present.mean()),
        sd=float(present.std(ddof=1)) if len(present) > 1 else None,
        minimum=minimum,
        lower_quartile=lower,
        median=median,
        upper_quartile=upper,
        maximum=maximum,
        distribution=tuple(zip(distinct.tolist(), counts.tolist(), strict=True)) if few else (),
    )


def audit_interviewers(items: Sequence[CleanItem], interviewers: Interviewers) -> tuple[InterviewerAudit, ...]:
    """What cleaning did, by interviewer, in natural order of their ids; each cell of the items is counted once."""
    everybody = np.ones(len(interviewers.position), dtype=bool)
    counts = np.array(
        [
            interviewers.counts(everybody),
            sum(interviewers.counts(~np.isnan(item.responses.answers)) for item in items),
            sum(interviewers.counts(item.coded) for item in items),
            sum(interviewers.counts(item.blank) for item in items),
            sum(interviewers.counts(~np.isnan(item.responses.suspects)) for item in items),
        ]
    )
    return tuple(
        InterviewerAudit(name, *column) for name, column in zip(interviewers.ids, counts.T.tolist(), strict=True)
    )
