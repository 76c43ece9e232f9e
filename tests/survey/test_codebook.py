"""A codebook beside files that carry no labels: what it says is used, and its mistakes are shown with their line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat
import pytest

from qa_reports.config import ReportConfig
from qa_reports.errors import DataError
from qa_reports.survey.clean import Survey, clean_survey
from qa_reports.survey.codebook import read_codebook
from qa_reports.survey.load import VariableLabels, load_survey

CODEBOOK = """\
variable,label,value,category,missing
int,Interviewer,,,
q,Trust in the police,0,No trust at all,0
q,,10,Complete trust,0
q,,77,Refusal,1
q,Trust in the police,90..99,,yes
g,Gender,1,Male,
g,,2,Female,
notinthedata,,1,Yes,0
"""


@pytest.fixture
def described(tmp_path: Path, configure: Callable[..., ReportConfig]) -> Callable[..., Survey]:
    """Clean a wave with a codebook beside it."""

    def run(wave: str, codebook: str = CODEBOOK, **sections: object) -> Survey:
        (tmp_path / "wave.csv").write_text(wave, encoding="utf-8")
        (tmp_path / "codebook.csv").write_text(codebook, encoding="utf-8")
        config = configure({"codebook": "codebook.csv"}, **sections)
        return clean_survey(load_survey(config, tmp_path), config)

    return run


def test_a_codebook_describes_a_file_that_does_not(described: Callable[..., Survey]) -> None:
    survey = described(
        "int,q,G\n1,5,1\n1,77,2\n1,97,1\n1,88,2\n",
        missing_codes={88: "Don't know"},
        respondent_covariates=[{"name": "G", "type": "categorical"}],
    )
    item, gender = survey.items[0], survey.respondent_covariates[0]
    np.testing.assert_array_equal(item.answers, [5, np.nan, np.nan, 88])
    assert item.label == "Trust in the police"
    assert item.categories == ((0.0, "No trust at all"), (10.0, "Complete trust"))
    assert [(one.code, one.reason) for one in survey.log.recoded] == [(77.0, "Refusal"), (97.0, "Missing")]
    assert [one.value for one in survey.suspects] == [88.0]
    assert (gender.label, gender.levels) == ("Gender", ("Male", "Female"))
    assert [file.path for file in survey.provenance] == ["wave.csv", "codebook.csv"]


def test_the_configuration_wins_over_the_codebook_and_the_codebook_over_the_file(
    tmp_path: Path, configure: Callable[..., ReportConfig]
) -> None:
    pyreadstat.write_sav(
        pd.DataFrame({"int": [1.0, 1.0, 1.0], "q": [1.0, 8.0, 9.0], "r": [1.0, 8.0, 9.0]}),
        str(tmp_path / "wave.sav"),
        column_labels={"q": "Of the file", "r": "Of the file"},
        variable_value_labels={"q": {1: "yes", 8: "Refused"}, "r": {1: "yes", 8: "Refused"}},
        missing_ranges={"q": [8], "r": [8]},
    )
    (tmp_path / "codebook.csv").write_text(
        "variable,label,value,category,missing\nq,Of the codebook,9,Refus,1\nr,,9,Refus,\n", encoding="utf-8"
    )
    config = configure({"file": "wave.sav", "codebook": "codebook.csv"}, items=["q", {"name": "r", "label": "Mine"}])
    survey = clean_survey(load_survey(config, tmp_path), config)
    q, r = survey.items
    assert (q.label, r.label) == ("Of the codebook", "Mine")
    np.testing.assert_array_equal(q.answers, [1, 8, np.nan])
    np.testing.assert_array_equal(r.answers, [1, np.nan, 9])


def test_text_answers_are_numbered_by_the_codebook(described: Callable[..., Survey]) -> None:
    codebook = "variable,value,category,missing\nq,1,Disagree,0\nq,2,Agree,0\nq,8,Don't know,1\n"
    survey = described("int,q\n1,Agree\n1,DISAGREE\n1,Don't know\n", codebook)
    np.testing.assert_array_equal(survey.items[0].answers, [2, 1, np.nan])


@pytest.mark.parametrize(
    ("codebook", "message"),
    [
        (
            "name,label,value\nq,Trust,1\n",
            "codebook.csv: the column variable is missing; a codebook has the columns variable, label, value, "
            "category, missing; this file has name, label, value",
        ),
        (
            "Variables,value\nq,1\n",
            "codebook.csv: the column variable is missing; a codebook has the columns variable, label, value, "
            'category, missing; did you mean "variables"?',
        ),
        (
            "variable,missing\nq,1\n",
            "codebook.csv: the columns label and value are missing; a codebook has the columns variable, label, value, "
            "category, missing; this file has variable, missing",
        ),
        ("variable,value\nq,1\n,2\n", "codebook.csv:3: the column variable is empty; give the name of the variable"),
        (
            "variable,value,category\nq,,Yes\n",
            "codebook.csv:2: the column value is empty; give the value",
        ),
        (
            "variable,value,missing\nq,1,perhaps\n",
            "codebook.csv:2: missing is 'perhaps'; it should be 1 (no answer) or 0 (an answer)",
        ),
        (
            "variable,value,category\nq,1,Yes\nr,1,No\nq,1.0,No\n",
            "codebook.csv:4: contradicts codebook.csv:2, which is about the same value; keep one",
        ),
        (
            "variable,value,missing\nq,9,1\nq,9,0\n",
            "codebook.csv:3: contradicts codebook.csv:2, which is about the same value; keep one",
        ),
        (
            "variable,label\nq,Trust\nq,Faith\n",
            "codebook.csv:3: q has another label than at codebook.csv:2; keep one",
        ),
        (
            "variable,label\nx,Trust\n",
            'codebook.csv: describes none of the columns of the data (its first variable is "x"); name the codebook '
            "of these data under data.codebook",
        ),
    ],
)
def test_mistakes_in_a_codebook(described: Callable[..., Survey], codebook: str, message: str) -> None:
    with pytest.raises(DataError) as error:
        described("int,q\n1,5\n", codebook)
    assert str(error.value).startswith(message)


def test_the_codebook_of_a_real_survey(shared_data: Path) -> None:
    codebook = read_codebook(shared_data / "ess11_ch", "codebook.csv")
    assert codebook.variables["trstprl"].user_missing == (77.0, 88.0, 99.0)
    assert codebook.variables["gincdif"].user_missing == (7.0, 8.0, 9.0)
    assert codebook.variables["iphlppla"].user_missing == (66.0, 77.0, 88.0, 99.0)
    assert isinstance(codebook.variables["lrscale"], VariableLabels)


def test_a_codebook_without_categories_says_what_is_lost(described: Callable[..., Survey]) -> None:
    survey = described("int,q\n1,1\n1,88\n", "variable,value,categories,missing\nq,88,Don't know,1\n")
    assert [(one.code, one.reason) for one in survey.log.recoded] == [(88, "Missing")]
    assert survey.log.notes == (
        "codebook.csv: the column category is missing, so values have no labels, and missing codes no reason but "
        '"Missing"; did you mean "categories"?',
    )
    assert described("int,q\n1,1\n", "variable,label\nq,Trust\n").log.notes == ()
