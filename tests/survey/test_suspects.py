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


@given(
    reason=st.text(min_size=1), code=st.text(min_size=1, alphabet=st.characters(codec="utf-8", categories=["L", "P"]))
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_reason_survives_the_yaml_line(labelled: Clean, reason: str, code: str) -> None:
    suspect = labelled([0, 5, 88], {}, scale=[0, 10], missing_codes={77: reason, code: "Text code"}).suspects[0]
    assert yaml.safe_load(suspect.yaml) == {"missing_codes": {77: reason, code.strip(): "Text code", 88: "Missing"}}
