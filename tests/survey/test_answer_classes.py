"""Every cell of an item has a class; jump codes and blanks are never nonresponse."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from qa_reports.survey.answer_classes import AnswerClass, class_of_reason
from qa_reports.survey.clean import Survey

Clean = Callable[..., Survey]


def test_every_cell_has_its_class(clean: Clean) -> None:
    text = "int,q\n1,3\n1,66\n1,77\n1,88\n1,99\n1,\n1,44\n1,96\n1,NA\n1,0\n"
    codes = {66: "Non applicable", 77: "Refus de répondre", 88: "Don't know", 99: "keine Angabe", 96: "Other party"}
    item = clean(text, items=[{"name": "q", "scale": [0, 10], "missing_codes": codes}]).items[0]
    assert [AnswerClass(value).name for value in item.answer_class] == [
        "VALID",
        "NOT_APPLICABLE",
        "REFUSAL",
        "DONT_KNOW",
        "NO_ANSWER",
        "BLANK",
        "OUT_OF_RANGE",
        "OTHER_MISSING",
        "BLANK",
        "VALID",
    ]
    assert ((item.answer_class == AnswerClass.VALID) == ~np.isnan(item.answers)).all()


def test_only_dont_know_refusal_and_no_answer_are_nonresponse() -> None:
    assert [one.name for one in AnswerClass if one.is_nonresponse] == ["DONT_KNOW", "REFUSAL", "NO_ANSWER"]
    assert class_of_reason("Not applicable: no children") is AnswerClass.NOT_APPLICABLE
    assert class_of_reason("Never heard of it") is AnswerClass.OTHER_MISSING
