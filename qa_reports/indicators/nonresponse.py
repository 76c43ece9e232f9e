"""Item nonresponse: questions that were put and not answered, by reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qa_reports.indicators.measure import IndicatorMeasure, not_applicable
from qa_reports.survey.answer_classes import AnswerClass
from qa_reports.survey.interviews import ARRAYS, AnsweredItem, Arithmetic

_TOTAL = ("nonresponse", "Unanswered questions", "don't know, refusal or no answer")
_BY_REASON = (
    ("dont_know", "Answers of don't know", "don't know", AnswerClass.DONT_KNOW),
    ("refusal", "Refused answers", "refusal", AnswerClass.REFUSAL),
    ("no_answer", "Answers missing for no stated reason", "no answer", AnswerClass.NO_ANSWER),
)


def nonresponse_measures(items: Sequence[AnsweredItem], arithmetic: Arithmetic = ARRAYS) -> Iterator[IndicatorMeasure]:
    """How many of the items an interview leaves unanswered, in all and by reason.

    Jump codes, empty cells and values set aside are no nonresponse: nobody knows that the question was put, or there
    is an answer.
    """
    a, present = arithmetic, frozenset[int]().union(*(item.present for item in items))
    reasons = [int(answer_class) for *_, answer_class in _BY_REASON]
    n_items = f"over {len(items)} {'item' if len(items) == 1 else 'items'}"
    unit = "answers per interview"
    if present.isdisjoint(reasons):
        reason = "no answer is a missing code whose reason says don't know, refusal or no answer (missing_codes)"
        yield not_applicable(_TOTAL[0], "nonresponse", _TOTAL[1], reason)
        return
    put = [int(AnswerClass.VALID), int(AnswerClass.OUT_OF_RANGE), *reasons]
    asked = a.count(item.in_classes(put) for item in items)

    def measure(name: str, label: str, rule: str, counted: list[int]) -> IndicatorMeasure:
        number = a.count(item.in_classes(counted) for item in items)
        values = a.where(asked > 0, number)
        return IndicatorMeasure(name, "nonresponse", label, values, unit, "high", "count", f"{rule}, {n_items}")

    yield measure(*_TOTAL, reasons)
    for name, label, rule, answer_class in _BY_REASON:
        if int(answer_class) in present:
            yield measure(name, label, rule, [int(answer_class)])
        else:
            reason = f"no answer has a missing code that says {rule}"
            yield not_applicable(name, "nonresponse", label, reason)
