"""Back-checks: answers that a respondent gave differently when asked again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from qa_reports.indicators.answers import AnswerTable
from qa_reports.indicators.measure import IndicatorMeasure, not_applicable
from qa_reports.survey.back_check import BackCheck

_LABEL = "Answers that differ in the re-interview"


def back_check_measures(table: AnswerTable, again: BackCheck | None) -> Iterator[IndicatorMeasure]:
    """How many answers of an interview differ from those of its re-interview; interviews are in memory."""
    if again is None or not len(again.interview):
        reason = (
            "no file of re-interviews is configured (indicators.back_check)"
            if again is None
            else "no re-interview belongs to one of the interviews"
        )
        yield not_applicable("back_check", "back_check", _LABEL, reason)
        return
    first = np.column_stack([item.answers for item in table.of(again.items)])
    values = np.full(len(first), np.nan)
    first = first[again.interview]
    both = np.isfinite(first) & np.isfinite(again.answers)
    differ = (both & (first != again.answers)).sum(axis=1)
    values[again.interview] = np.where(both.any(axis=1), differ, np.nan)
    yield IndicatorMeasure(
        name="back_check",
        kind="back_check",
        label=_LABEL,
        values=values,
        unit="answers per re-interview",
        worrying="high",
        scale="count",
        threshold=f"another answer than in the interview, over {len(again.items)} "
        f"{'item' if len(again.items) == 1 else 'items'} asked again",
        unless="no answer was given in both the interview and the re-interview",
    )
