"""Joins: one row of the other file per interview at most, keys compared as text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyreadstat
import pytest

from qa_reports.config import ReportConfig
from qa_reports.errors import DataError
from qa_reports.survey.clean import Survey
from qa_reports.survey.load import JoinRecord, SurveyFile, load_survey

Load = Callable[..., SurveyFile]


@pytest.fixture
def load(tmp_path: Path, configure: Callable[..., ReportConfig]) -> Load:
    """Write the survey and `people.csv`, which is joined on `id` unless the test says otherwise."""

    def run(wave: str, people: str, data: dict[str, Any] | None = None, **sections: Any) -> SurveyFile:
        (tmp_path / "wave.csv").write_text(wave, encoding="utf-8")
        (tmp_path / "people.csv").write_text(people, encoding="utf-8")
        if data is None:
            data = {"join": [{"file": "people.csv", "on": "id"}]}
        return load_survey(configure(data, **sections), tmp_path)

    return run


def test_many_interviews_to_one_row(load: Load) -> None:
    joined = load("id,q\n2,5\n1,6\n2,7\n9,8\n", "id,age\n1,30\n2,40\n3,50\n")
    assert joined.table["q"].tolist() == [5, 6, 7, 8]
    assert joined.table["age"].tolist()[:3] == [40, 30, 40]
    assert joined.table["age"].isna().tolist() == [False, False, False, True]
    assert joined.joins == (JoinRecord("people.csv", ("id",), 3, 1, 1, unmatched_keys=("9",), unused_keys=("3",)),)
    assert [file.path for file in joined.provenance] == ["wave.csv", "people.csv"]


def test_keys_of_several_columns_and_blank_keys(load: Load) -> None:
    on = {"join": [{"file": "people.csv", "on": ["c", "id"]}]}
    joined = load("c,id,q\nCH,1,5\nDE,1,6\n,1,7\n", "c,id,age\nDE,1,40\nCH,1,30\n,1,99\n", on)
    assert joined.table["age"].fillna(-1).tolist() == [30, 40, -1]
    assert joined.joins[0].unused == 1


def test_keys_are_the_same_number_however_they_are_written(tmp_path: Path, configure: Any) -> None:
    pyreadstat.write_sav(pd.DataFrame({"id": [123.0, 7.0], "q": [1.0, 2.0]}), str(tmp_path / "wave.sav"))
    (tmp_path / "people.csv").write_text("id,age\n123,30\nx7,40\n7.0,50\n", encoding="utf-8")
    config = configure({"file": "wave.sav", "join": [{"file": "people.csv", "on": "id"}]})
    assert load_survey(config, tmp_path).table["age"].tolist() == [30, 50]


def test_interviews_without_a_row_are_noted(clean: Callable[..., Survey], tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("int,age\n1,30\n", encoding="utf-8")
    survey = clean("int,q\n1,1\n2,2\n", interviewers={"file": "people.csv", "covariates": ["age"]})
    assert survey.log.notes == ("people.csv: no row for 1 of 2 interviews.", "age: not known for 1 interviewer (2).")


def test_leading_zeros_are_part_of_the_key(load: Load) -> None:
    assert load("id,q\n0123,5\n123,6\n", "id,age\n0123,30\n123,40\n").table["age"].tolist() == [30, 40]


def test_the_interviewers_file_is_joined_on_the_interviewer(load: Load) -> None:
    people = {"interviewers": {"file": "people.csv", "covariates": ["age"]}}
    assert load("int,q\n8,1\n9,2\n8,3\n", "int,age\n8,30\n9,40\n", {}, **people).table["age"].tolist() == [30, 40, 30]


def test_the_interviewers_file_may_call_the_interviewer_otherwise(load: Load) -> None:
    people = {"interviewers": {"file": "people.csv", "on": "number", "covariates": ["age"]}}
    joined = load("int,q\n8,1\n9,2\n", "number,age\n9,40\n8,30\n", {}, **people)
    assert joined.table["age"].tolist() == [30, 40]
    assert "number" not in joined.table


def test_a_column_of_both_files_is_kept_where_they_agree(load: Load) -> None:
    joined = load("id,c,q\n1,CH,5\n2,CH,6\n", "id,c,age\n2,CH,40\n1,CH,30\n3,DE,50\n")
    assert joined.table.columns.tolist() == ["id", "c", "q", "age"]


def test_columns_that_contradict_each_other_count_only_where_they_are_used(load: Load) -> None:
    wave, people = "id,edition,q\n1,1.0,5\n2,1.0,6\n", "id,edition,age\n1,2.0,30\n2,2.0,40\n"
    assert load(wave, people).table["edition"].tolist() == [1, 1]
    join = [{"file": "people.csv", "on": "id"}]
    for used in ({"where": "edition == 1"}, {"where": "`edition` == 1"}, {"area": "edition"}):
        with pytest.raises(DataError, match='column "edition" is also in the survey file'):
            load(wave, people, {"join": join, **used})


@pytest.mark.parametrize(
    ("wave", "people", "message"),
    [
        (
            "id,q\n1,5\n",
            "id,age\n1,30\n2,40\n2,41\n",
            "people.csv: id=2 stands in more than one row, first in rows 2 and 3; a joined file needs one row per key",
        ),
        (
            "id,q\n1,5\n",
            "id,q\n1,6\n",
            "people.csv: column \"q\" is also in the survey file, with other values ('5' and '6'); "
            "rename it in one of the files or join on it",
        ),
        ("id,q\n1,5\n", "idd,age\n1,30\n", 'people.csv has no column "id" (data.join); did you mean "idd"?'),
        ("nr,q\n1,5\n", "id,age\n1,30\n", 'wave.csv has no column "id" (data.join); its columns are nr, q'),
        (
            "id,q\n001,5\n",
            "id,age\n1,30\n",
            "people.csv: id=1 may or may not be id=001 of wave.csv, because only one of them has leading zeros; "
            "write the ids alike in both files, as text with the zeros or as numbers",
        ),
        (
            "id,q\nTUN1,5\n",
            "id,age\n1,30\n",
            "people.csv: no row belongs to a row of wave.csv (keys look like id=TUN1 and id=1)",
        ),
    ],
)
def test_what_is_refused(load: Load, wave: str, people: str, message: str) -> None:
    with pytest.raises(DataError) as error:
        load(wave, people)
    assert str(error.value) == message
