"""Ranges and groups of missing codes, answers that stand as text, and scales turned round."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyreadstat
import pytest

from qa_reports.config import ReportConfig
from qa_reports.errors import DataError
from qa_reports.survey.answer_classes import AnswerClass
from qa_reports.survey.clean import Survey, clean_survey
from qa_reports.survey.load import load_survey

Clean = Callable[..., Survey]
AGREE = ["Disagree strongly", "Disagree", "Neither", "Agree", "Agree strongly"]


def answers(survey: Survey, item: int = 0) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in survey.items[item].answers]


@pytest.mark.parametrize(
    ("codes", "kept"),
    [
        ({"90..99": "No answer", "..-1": "Missing"}, [5, None, None, None, 100]),
        ({"90-99": "No answer"}, [5, None, None, -8, 100]),
        ({"90..": "No answer"}, [5, None, None, -8, None]),
        ({97: "Refusal", "95 .. 100": "Missing"}, [5, 90, None, -8, None]),
    ],
)
def test_ranges_of_codes(clean: Clean, codes: dict[float | str, str], kept: list[float | None]) -> None:
    survey = clean("int,q\n1,5\n1,90\n1,97\n1,-8\n1,100\n", missing_codes=codes)
    assert answers(survey) == kept


def test_a_code_of_its_own_says_more_than_the_range_around_it(clean: Clean) -> None:
    survey = clean("int,q\n1,5\n1,90\n1,97\n", missing_codes={"90..99": "No answer", 97: "Refusal"})
    assert [(one.code, one.reason) for one in survey.log.recoded] == [(97.0, "Refusal"), (90.0, "No answer")]


def test_the_line_to_paste_keeps_ranges(clean: Clean) -> None:
    items = [{"name": "q", "scale": [0, 10], "missing_codes": {"90..99": "No answer"}}]
    suspects = clean("int,q\n1,5\n1,97\n1,88\n", items=items).suspects
    assert [one.yaml for one in suspects] == ['missing_codes: {"90..99": No answer, 88: Missing}']


def test_items_of_a_group_take_its_codes_and_an_items_own_win(clean: Clean) -> None:
    survey = clean(
        "int,a,b,c\n1,7,7,7\n1,8,8,8\n1,9,9,9\n1,3,3,3\n",
        items=["a", {"name": "b", "missing_codes": {8: "Don't know"}}, "c"],
        missing_codes={9: "No answer"},
        missing_code_groups=[{"items": ["a", "b"], "missing_codes": {7: "Refusal"}}],
    )
    assert [answers(survey, item) for item in range(3)] == [[None, 8, 9, 3], [7, None, 9, 3], [7, 8, None, 3]]


def test_text_answers_are_numbered_in_the_configurations_order(clean: Clean) -> None:
    text = "int,q\n1,Agree\n1,disagree  strongly\n1,Don't know\n1,Neither\n1,\n"
    codes = {"Don't know": "Don't know"}
    item = clean(text, items=[{"name": "q", "categories": AGREE, "missing_codes": codes}]).items[0]
    np.testing.assert_array_equal(item.answers, [4, 1, np.nan, 3, np.nan])
    assert item.scale == (1, 5)
    assert item.categories == tuple((float(place), text) for place, text in enumerate(AGREE, start=1))
    assert list(item.answer_class) == [0, 0, AnswerClass.DONT_KNOW, 0, AnswerClass.BLANK]


def test_numbers_can_be_given_to_answers(clean: Clean) -> None:
    items = [{"name": "q", "categories": {0: "No trust", 10: "Complete trust"}}]
    item = clean("int,q\n1,No trust\n1,7\n1,Complete trust\n1,88\n", items=items).items[0]
    np.testing.assert_array_equal(item.answers, [0, 7, 10, np.nan])
    np.testing.assert_array_equal(item.suspects, [np.nan, np.nan, np.nan, 88])


def test_text_that_is_no_category_is_refused(clean: Clean) -> None:
    with pytest.raises(DataError, match=r"row 2 holds text \('Agre', 1 such cell\); list its answers in their order"):
        clean("int,q\n1,Agree\n1,Agre\n", items=[{"name": "q", "categories": AGREE}])


def test_text_answers_are_numbered_by_the_files_labels(tmp_path: Path, configure: Callable[..., ReportConfig]) -> None:
    """A file can hold texts and label its codes in the same words; user-missing codes then apply to the texts."""
    pyreadstat.write_sav(
        pd.DataFrame({"int": [1.0, 1.0, 1.0], "q": [1.0, 2.0, 9.0]}),
        str(tmp_path / "wave.sav"),
        variable_value_labels={"q": {1: "Bad", 2: "Good", 9: "Refused"}},
        missing_ranges={"q": [9]},
    )
    config = configure({"file": "wave.sav"})
    loaded = load_survey(config, tmp_path)
    loaded.table["q"] = ["Good", "bad", "Refused"]
    survey = clean_survey(loaded, config)
    assert answers(survey) == [2, 1, None]
    assert [(one.code, one.reason, one.n) for one in survey.log.recoded] == [(9.0, "Refused", 1)]


def test_a_reversed_scale_turns_answers_and_their_labels_but_not_the_record(clean: Clean) -> None:
    items = [{"name": "q", "categories": AGREE, "reverse": True}, {"name": "r", "scale": [0, 10], "reverse": True}]
    survey = clean("int,q,r\n1,Agree strongly,0\n1,Disagree,7\n1,Neither,88\n", items=items)
    q, r = survey.items
    assert answers(survey, 0) == [1, 4, 3]
    assert q.categories[0] == (1.0, "Agree strongly")
    assert q.reversed
    np.testing.assert_array_equal(r.answers, [10, 3, np.nan])
    np.testing.assert_array_equal(r.suspects, [np.nan, np.nan, 88])
    assert (r.scored(88), [one.value for one in survey.suspects]) == (-78, [88])
    after = next(one for one in survey.log.descriptives if (one.item, one.stage) == ("r", "after"))
    assert after.distribution == ((0.0, 1), (7.0, 1))


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"name": "q", "categories": ["Agree"]}, "is not a set of answers"),
        ({"name": "q", "categories": ["Agree", "agree"]}, "has the answer 'agree' twice; keep one"),
        ({"name": "q", "missing_codes": {"9-7": "No answer"}}, "has the range 9-7, which runs backwards"),
    ],
)
def test_mistakes(configure: Callable[..., ReportConfig], item: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        configure(items=[item])
