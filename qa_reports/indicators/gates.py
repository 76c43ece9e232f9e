"""Gate questions: an answer that opens no further questions makes the interview shorter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from qa_reports.config import GateConfig
from qa_reports.indicators.measure import IndicatorMeasure, not_applicable
from qa_reports.survey.clean import ItemResponses

_LABEL = "Short way through gate questions"


def gate_measures(columns: Sequence[ItemResponses], gates: Sequence[GateConfig], n: int) -> Iterator[IndicatorMeasure]:
    """How many gates an interview was led past, of those that were asked.

    Args:
        columns: the cleaned columns of the gates, in their order.
        gates: which answers open each.
        n: interviews.
    """
    if not gates:
        reason = "no gate questions are configured (indicators.gates)"
        yield not_applicable(n, "short_way", "gate", _LABEL, reason)
        return
    answers = np.column_stack([column.answers for column in columns])
    asked = np.isfinite(answers)
    opened = np.column_stack([np.isin(column.answers, gate.opens) for column, gate in zip(columns, gates, strict=True)])
    yield IndicatorMeasure(
        name="short_way",
        kind="gate",
        label=_LABEL,
        values=np.where(asked.any(axis=1), (asked & ~opened).sum(axis=1), np.nan).astype(float),
        unit="gates per interview",
        worrying="high",
        scale="count",
        threshold=f"an answer that opens no further questions, over {len(gates)} gate "
        f"{'question' if len(gates) == 1 else 'questions'}",
    )
