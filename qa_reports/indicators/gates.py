"""Gate questions: an answer that opens no further questions makes the interview shorter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qa_reports.config import GateConfig
from qa_reports.indicators.measure import IndicatorMeasure, not_applicable
from qa_reports.survey.interviews import ARRAYS, AnsweredItem, Arithmetic

_LABEL = "Short way through gate questions"


def gate_measures(
    columns: Sequence[AnsweredItem], gates: Sequence[GateConfig], arithmetic: Arithmetic = ARRAYS
) -> Iterator[IndicatorMeasure]:
    """How many gates an interview was led past, of those that were asked.

    Args:
        columns: the cleaned columns of the gates, in their order.
        gates: which answers open each.
        arithmetic: how to compute with the columns.
    """
    if not gates:
        reason = "no gate questions are configured (indicators.gates)"
        yield not_applicable("short_way", "gate", _LABEL, reason)
        return
    a = arithmetic
    asked = a.count(a.known(column.answers) for column in columns)
    opened = a.count(a.among(column.answers, gate.opens) for column, gate in zip(columns, gates, strict=True))
    yield IndicatorMeasure(
        name="short_way",
        kind="gate",
        label=_LABEL,
        values=a.where(asked > 0, asked - opened),
        unit="gates per interview",
        worrying="high",
        scale="count",
        threshold=f"an answer that opens no further questions, over {len(gates)} gate "
        f"{'question' if len(gates) == 1 else 'questions'}",
    )
