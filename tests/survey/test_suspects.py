"""Codes nobody declared: which values are suspected, and the line that declares them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyreadstat
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qa_reports.config import ReportConfig
from qa_reports.survey.clean import CodeSuspect, Survey, clean_survey
from qa_reports.survey.load import load_survey
from qa_reports.survey.wider_scale import values_words

Clean = Callable[..., Survey]
DEFAULT = {77: "Refusal", 88: "Don't know", 99: "No answer"}
ZERO_TO_TEN = [*range(11), 5, 5, 6]


def wave(*values: float) -> str:
    return "int,q,r\n" + "".join(f"{row % 3 + 1},{value},1\n" for row, value in enumerate(values))


def test_the_forgotten_88(clean: Clean) -> None:
    items = [{"name": "q", "scale": [0, 10], "missing_codes": {77: "Refusal", 99: "No answer"}}, "r"]
    survey = clean(wave(*ZERO_TO_TEN, 88), missing_codes=DEFAULT, items=items)
    assert survey.suspects == (
        CodeSuspect(
            item="q",
            value=88.0,
            n=1,
            interviewers=(("3", 1),),
            reason="outside the scale 0 to 10",
            yaml="missing_codes: {77: Refusal, 99: No answer, 88: Don't know}",
            set_aside=True,
        ),
    )


def test_pasting_the_line_declares_the_suspects(clean: Clean) -> None:
    text = wave(*ZERO_TO_TEN, 66, 88, 96)
    item: dict[str, Any] = {"name": "q", "scale": [0, 10], "missing_codes": {77: "Refusal", "X": "yes: {no}"}}
    suspects = clean(text, missing_codes=DEFAULT, items=[item]).suspects
    assert [suspect.value for suspect in suspects] == [66, 88, 96]
    assert len({suspect.yaml for suspect in suspects}) == 1
    repaired = clean(text, missing_codes=DEFAULT, items=[item | yaml.safe_load(suspects[0].yaml)])
    assert repaired.suspects == ()
    assert [(one.code, one.reason) for one in repaired.log.recoded] == [
        (66.0, "Missing"),
        (88.0, "Don't know"),
        (96.0, "Missing"),
    ]


def test_the_reason_comes_from_another_item_where_the_default_has_none(clean: Clean) -> None:
    items = [{"name": "q", "scale": [1, 5]}, {"name": "r", "missing_codes": {8: "Can't choose"}}]
    assert clean(wave(1, 2, 8), items=items).suspects[0].yaml == "missing_codes: {8: Can't choose}"


@pytest.mark.parametrize(
    ("values", "suspected"),
    [
        ((*range(11), 77, 88), [77, 88]),
        ((*[1, 2, 3, 4, 5] * 40, 7, 8, 9), [7, 8, 9]),
        ((0, 1, 2, 3, 4, 5, 6, 7, 8, 9), []),
        ((0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 99), [99]),
        ((1, 2, 3, 4, 5, 6, 7), []),
        ((18, 25, 40, 66, 77, 80, 88), []),
        ((*range(18, 81), 999), [999]),
        ((0, 1, 2, 3, -1), [-1]),
        ((-2, -1, 0, 1, 2, 3), [-2, -1]),
        ((-2.5, -1, 0, 1, 2.5), []),
        ((1, 2, 3, 60), []),
        ((5, 5, 5), []),
        ((), []),
    ],
)
def test_without_a_scale_isolated_codes_are_listed_and_stay_in(
    clean: Clean, values: tuple[float, ...], suspected: list[float]
) -> None:
    survey = clean(wave(*values) + "1,,1\n", items=["q"])
    assert [suspect.value for suspect in survey.suspects] == suspected
    assert not any(suspect.set_aside for suspect in survey.suspects)
    assert survey.log.descriptives[0].n == survey.log.descriptives[1].n == len(values)


@pytest.fixture
def labelled(tmp_path: Path, configure: Callable[..., ReportConfig]) -> Clean:
    """Clean one item `q` with value labels."""

    def run(values: list[float], labels: dict[float, str], **item: Any) -> Survey:
        table = pd.DataFrame({"int": [1.0] * len(values), "q": [float(value) for value in values]})
        pyreadstat.write_sav(table, str(tmp_path / "wave.sav"), variable_value_labels={"q": labels})
        config = configure({"file": "wave.sav"}, items=[{"name": "q", **item}])
        return clean_survey(load_survey(config, tmp_path), config)

    return run


def test_labels_tell_codes(labelled: Clean) -> None:
    labels = {-1.0: "Missing", 0.0: "Not at all", 3.0: "A lot", 9.0: "Don't know/Haven't heard enough"}
    survey = labelled([-1, 0, 1, 2, 3, 9, 8], labels)
    assert [(suspect.value, suspect.reason) for suspect in survey.suspects] == [
        (-1.0, 'labelled "Missing"'),
        (8.0, "outside the labelled answers 0 to 3"),
        (9.0, "labelled \"Don't know/Haven't heard enough\""),
    ]
    assert survey.suspects[0].yaml == "missing_codes: {-1: Missing, 8: Missing, 9: Don't know/Haven't heard enough}"
    assert survey.items[0].categories == ((0.0, "Not at all"), (3.0, "A lot"))


def test_a_labelled_code_inside_the_scale_is_listed_but_stays_in(labelled: Clean) -> None:
    survey = labelled([0, 5, 9, 11], {9.0: "Refused"}, scale=[0, 10])
    assert [(suspect.value, suspect.set_aside) for suspect in survey.suspects] == [(9.0, False), (11.0, True)]
    assert survey.items[0].answers[2] == 9


def test_labels_of_single_values_are_no_scale(labelled: Clean) -> None:
    assert labelled([0, 1, 20, 30, 45], {0.0: "None", 1.0: "Less than one"}).suspects == ()


def tells(survey: Survey) -> dict[float, str]:
    """Suspect -> its kind, with the scale where it speaks for one."""
    return {one.value: one.kind if one.wider is None else one.wider.yaml for one in survey.suspects}


CODES_AND_MORE = {7: "Refusal", 8: "Don't know", 9: "No answer"}


def test_what_adjoins_the_scale_asks_for_the_scale_and_borrows_no_reason(clean: Clean) -> None:
    items = [{"name": "q", "scale": [0, 1]}, {"name": "r", "missing_codes": CODES_AND_MORE}]
    survey = clean(wave(*ZERO_TO_TEN, 88), missing_codes={77: "Refusal"}, items=items)
    assert tells(survey) == dict.fromkeys(range(2, 11), "scale: [0, 10]") | {88: "missing_code"}
    assert survey.suspects[0].yaml == (
        "missing_codes: {77: Refusal, 2: Missing, 3: Missing, 4: Missing, 5: Missing, 6: Missing, 7: Missing, "
        "8: Missing, 9: Missing, 10: Missing, 88: Missing}"
    )
    assert survey.suspects[-1].yaml == "missing_codes: {77: Refusal, 88: Missing}"
    wider = survey.suspects[0].wider
    assert wider is not None
    assert (wider.share, wider.where) == (12 / 15, "just outside the declared scale 0 to 1")
    assert survey.suspects[0].reason == "outside the scale 0 to 1"


def test_pasting_the_scale_counts_the_answers_again(clean: Clean) -> None:
    item: dict[str, Any] = {"name": "q", "scale": [1, 10]}
    (suspect,) = clean(wave(*ZERO_TO_TEN), missing_codes=DEFAULT, items=[item]).suspects
    assert suspect.wider is not None
    repaired = clean(wave(*ZERO_TO_TEN), missing_codes=DEFAULT, items=[item | yaml.safe_load(suspect.wider.yaml)])
    assert repaired.suspects == ()
    assert repaired.log.descriptives[0].n == len(ZERO_TO_TEN)


@pytest.mark.parametrize(
    ("scale", "values", "told"),
    [
        pytest.param([1, 5], [*[1, 2, 3, 4, 5] * 40, 7, 8, 9], [7, 8, 9], id="codes beyond a gap"),
        pytest.param([1, 6], [*[1, 2, 3, 4, 5, 6] * 40, 7, 8, 9], [7, 8, 9], id="a few 7 8 9 beside 6"),
        pytest.param([0, 10], [*range(11), 66, 77, 88, 99], [66, 77, 88, 99], id="two digits"),
        pytest.param([0, 10], [*range(11), *[66] * 40], [66], id="a question that most were not asked"),
        pytest.param([0, 10], [*range(11), -1, -2], [-2, -1], id="negative codes"),
        pytest.param([0, 10], [*ZERO_TO_TEN * 10, 55], [55], id="a slip of the keyboard"),
    ],
)
def test_what_still_looks_like_a_code(clean: Clean, scale: list[float], values: list[float], told: list[float]) -> None:
    survey = clean(wave(*values), items=[{"name": "q", "scale": scale}])
    assert tells(survey) == dict.fromkeys(told, "missing_code")


@pytest.mark.parametrize(
    ("scale", "values", "told"),
    [
        pytest.param([1, 5], [*[1, 2, 3, 4, 5] * 40, 6], {6: "[1, 6]"}, id="one beside it"),
        pytest.param([0, 5], range(-5, 6), dict.fromkeys(range(-5, 0), "[-5, 5]"), id="the lower half"),
        pytest.param([0, 5], [0, 1, 5, 10, 30, 50], dict.fromkeys([10, 30, 50], "[0, 50]"), id="tens"),
        pytest.param([0, 6], [*range(1, 7), *[7, 8, 9] * 4], dict.fromkeys([7, 8, 9], "[0, 9]"), id="7 8 9 beside it"),
        pytest.param([1, 5], [1, 5, *[7, 8, 9] * 4], dict.fromkeys([7, 8, 9], "[1, 9]"), id="most beyond a gap"),
    ],
)
def test_what_says_that_the_scale_is_mistyped(
    clean: Clean, scale: list[float], values: list[float], told: dict[float, str]
) -> None:
    survey = clean(wave(*values), items=[{"name": "q", "scale": scale}])
    assert tells(survey) == {value: f"scale: {ends}" for value, ends in told.items()}


def test_a_code_of_another_item_beyond_a_gap_is_no_answer_however_often_it_stands(clean: Clean) -> None:
    items = [{"name": "q", "scale": [1, 5]}, {"name": "r", "missing_codes": {55: "Not applicable"}}]
    survey = clean(wave(1, 2, 3, 55, 55), missing_codes={}, items=items)
    assert tells(survey) == {55: "missing_code"}
    assert survey.suspects[0].yaml == "missing_codes: {55: Not applicable}"


def test_a_label_tells_a_code_beside_the_scale(labelled: Clean) -> None:
    survey = labelled([1, 5, 10, 11, 12], {11.0: "Refused"}, scale=[1, 10])
    assert tells(survey) == {11: "missing_code", 12: "scale: [1, 12]"}
    assert survey.suspects[0].yaml == "missing_codes: {11: Refused}"


def test_values_in_words() -> None:
    assert values_words([0.0]) == "0"
    assert values_words([0.0, 11.0]) == "0 and 11"
    assert values_words([2.0, 3.0, 4.0]) == "2 to 4"
    assert values_words([10.0, 20.0, 30.0]) == "10, 20 and 30"
    assert values_words([float(ten) for ten in range(10, 80, 10)]) == "10, 20, 30, 40, 50 and 2 more"


@given(
    reason=st.text(min_size=1), code=st.text(min_size=1, alphabet=st.characters(codec="utf-8", categories=["L", "P"]))
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_reason_survives_the_yaml_line(labelled: Clean, reason: str, code: str) -> None:
    suspect = labelled([0, 5, 88], {}, scale=[0, 10], missing_codes={77: reason, code: "Text code"}).suspects[0]
    assert yaml.safe_load(suspect.yaml) == {"missing_codes": {77: reason, code.strip(): "Text code", 88: "Missing"}}
