"""What each interview has for an item: a valid answer, or why there is none."""

from __future__ import annotations

from enum import IntEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from qa_reports.survey.columns import BoolArray, FloatArray
from qa_reports.survey.label_words import Reason, reason_of_label

ClassArray: TypeAlias = NDArray[np.int8]


class AnswerClass(IntEnum):
    """What stands in one cell of an item. Only `VALID` cells have a number in `ItemResponses.answers`."""

    VALID = 0
    DONT_KNOW = 1
    REFUSAL = 2
    NO_ANSWER = 3
    NOT_APPLICABLE = 4
    """A jump code: the question was not put to the respondent. Never nonresponse."""
    BLANK = 5
    """Empty as delivered (system-missing): nobody knows whether the question was put."""
    OUT_OF_RANGE = 6
    """Outside the declared scale, set aside as a code suspect."""
    OTHER_MISSING = 7
    """A declared missing code whose reason is none of the above."""

    @property
    def is_nonresponse(self) -> bool:
        """Whether the respondent was asked and gave no answer that counts."""
        return self in (AnswerClass.DONT_KNOW, AnswerClass.REFUSAL, AnswerClass.NO_ANSWER)


_CLASS_OF_REASON = {
    Reason.DONT_KNOW: AnswerClass.DONT_KNOW,
    Reason.REFUSAL: AnswerClass.REFUSAL,
    Reason.NO_ANSWER: AnswerClass.NO_ANSWER,
    Reason.NOT_APPLICABLE: AnswerClass.NOT_APPLICABLE,
    Reason.MISSING: AnswerClass.OTHER_MISSING,
}


def class_of_reason(reason: str) -> AnswerClass:
    """The class of a declared code, read from the words of its reason: "Refus" and "Refused to say" are refusals."""
    said = reason_of_label(reason)
    return AnswerClass.OTHER_MISSING if said is None else _CLASS_OF_REASON[said]


def classes_without_codes(answers: FloatArray, suspects: FloatArray) -> ClassArray:
    """(n,) classes where no code is declared: valid, set aside, or blank."""
    classes = np.where(np.isnan(answers), AnswerClass.BLANK, AnswerClass.VALID)
    return np.where(np.isnan(suspects), classes, AnswerClass.OUT_OF_RANGE).astype(np.int8)


def classes_where(cells: BoolArray, reason: str, classes: ClassArray) -> ClassArray:
    """(n,) the classes with those of the cells that hold a code of this reason."""
    return np.where(cells, np.int8(class_of_reason(reason)), classes).astype(np.int8)
