"""Whether one answer carries an interviewer's deviation, and the words for it."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from qa_reports.effects.one_answer import OneAnswer, one_answer
from qa_reports.effects.sentences import one_answer_sentence
from qa_reports.survey.clean import Survey
from qa_reports.survey.items import reverse
from tests.effects.synthetic import make_survey

OTHERS = [1.0] * 20 + [2.0] * 30 + [3.0] * 49 + [4.0]


def survey(own: list[float], others: list[float] = OTHERS) -> Survey:
    answers, interviewer = np.array([*own, *others]), np.repeat([0, 1], [len(own), len(others)])
    made = make_survey({"doctor": answers}, interviewer)
    item = replace(made.items[0], scale=(1, 4), categories=((1.0, "1"), (4.0, "Have never visited a doctor")))
    return replace(made, items=(item,))


def test_the_answer_that_nearly_all_gave() -> None:
    found = one_answer(survey([4.0] * 18 + [3.0, 2.0, 3.0]), "doctor", 0)
    assert found == OneAnswer(4.0, "Have never visited a doctor", 18, 21, 0.01)
    assert one_answer_sentence(found, None) == " 18 of 21 answers are 4 “Have never visited a doctor”; elsewhere 1%."
    assert one_answer_sentence(found, "Doctor") == (
        " 18 of 21 answers to “Doctor” are 4 “Have never visited a doctor”; elsewhere 1%."
    )


@pytest.mark.parametrize(
    ("own", "why"),
    [
        ([3.0] * 12 + [2.0] * 4 + [4.0] * 4, "several answers are more frequent"),
        ([4.0] * 3 + [3.0] * 17, "few gave it"),
        ([], "no answers"),
        (OTHERS, "nothing differs"),
    ],
)
def test_differences_that_are_not_one_answer(own: list[float], why: str) -> None:
    assert one_answer(survey(own), "doctor", 0) is None, why


def test_the_value_is_the_one_in_the_file_where_the_scale_is_turned_round() -> None:
    made = survey([4.0] * 20)
    found = one_answer(replace(made, items=(reverse(made.items[0]),)), "doctor", 0)
    assert found is not None
    assert (found.value, found.label) == (4.0, "Have never visited a doctor")


@pytest.mark.parametrize(("share", "words"), [(0.0, "elsewhere none."), (0.004, "elsewhere fewer than 1%.")])
def test_hardly_anybody_elsewhere(share: float, words: str) -> None:
    assert one_answer_sentence(OneAnswer(10.0, None, 9, 10, share), None) == f" 9 of 10 answers are 10; {words}"
