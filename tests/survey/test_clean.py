"""Cleaning: what becomes missing and why, which rows are used, and that everything is on record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyreadstat
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qa_reports.config import ReportConfig
from qa_reports.errors import ConfigError, DataError
from qa_reports.survey.clean import DroppedRows, InterviewerAudit, OutOfRange, Recode, Survey, clean_survey
from qa_reports.survey.load import FileProvenance, SurveyFile, VariableLabels, load_survey
from qa_reports.survey.repeats import DELIVERED_TWICE

Clean = Callable[..., Survey]
DEFAULT = {77: "Refusal", 88: "Don't know"}


def answers(survey: Survey, item: int = 0) -> list[float | None]:
    return [None if np.isnan(answer) else float(answer) for answer in survey.items[item].answers]


# --- interviewers and rows -------------------------------------------------------------------------------------------


def test_interviewers_stand_in_natural_order_without_point_zero(clean: Clean) -> None:
    survey = clean("int,q\n10,1\n9,2\n,3\n100,4\n9,5\n")
    assert survey.interviewer_ids == ("9", "10", "100")
    assert survey.interviewer.tolist() == [1, 0, 2, 0]
    assert survey.log.dropped == (DroppedRows("no interviewer id (int is blank)", 1),)


def test_nested_ids_keep_leading_zeros(clean: Clean) -> None:
    survey = clean("c,int,q\nCH,007,1\nCH,12,2\nDE,007,3\nDE,,4\n", {"interviewer": ["c", "int"]})
    assert survey.interviewer_ids == ("CH/007", "CH/12", "DE/007")
    assert survey.log.rows_used == 3


def test_where_comes_first_and_is_counted(clean: Clean) -> None:
    survey = clean("int,c,q\n1,CH,1\n,DE,2\n,CH,3\n2,CH,4\n", {"where": "c == 'CH'"})
    assert [(rows.reason, rows.n) for rows in survey.log.dropped] == [
        ("not selected by where: c == 'CH'", 1),
        ("no interviewer id (int is blank)", 1),
    ]
    assert survey.respondents == ("1", "4")


def test_user_missing_interviewers_are_nobody(tmp_path: Path, configure: Callable[..., ReportConfig]) -> None:
    table = pd.DataFrame({"int": [1.0, 9999.0, 2.0, -1.0], "q": [1.0, 2.0, 3.0, 4.0]})
    missing = {"int": [9999, {"lo": -9, "hi": -1}]}
    pyreadstat.write_sav(table, str(tmp_path / "wave.sav"), missing_ranges=missing)
    config = configure({"file": "wave.sav"})
    survey = clean_survey(load_survey(config, tmp_path), config)
    assert survey.interviewer_ids == ("1", "2")
    assert survey.log.dropped == (DroppedRows("the interviewer id is a missing code (int)", 2),)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, 'wave.csv has no column "int" (data.interviewer); did you mean "intr"?'),
        ({"interviewer": "who"}, 'wave.csv has no column "who" (data.interviewer); its columns are intr, blank, q'),
        (
            {"interviewer": "blank"},
            "wave.csv: no interview is left; every row was dropped: 2 no interviewer id (blank is blank)",
        ),
        (
            {"interviewer": "intr", "where": "q > 5"},
            "wave.csv: no interview is left; every row was dropped: 2 not selected by where: q > 5",
        ),
        (
            {"interviewer": "intr", "weight": "w"},
            'wave.csv has no column "w" (data.weight); its columns are intr, blank, q',
        ),
    ],
)
def test_surveys_without_interviewers_are_refused(clean: Clean, data: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as error:
        clean("intr,blank,q\n1,,1\n2,,2\n", data)
    assert str(error.value) == message


def test_a_broken_where_is_a_mistake_of_the_configuration(clean: Clean) -> None:
    with pytest.raises(ConfigError, match=r"data\.where"):
        clean("int,q\n1,1\n", {"where": "q ="})


def test_repeated_and_blank_respondents_are_noted(clean: Clean) -> None:
    others = "".join(f"2,{k},4\n" for k in range(6, 40))
    survey = clean(f"int,id,q\n1,5,1\n1,5,2\n1,,3\n{others}", {"respondent": "id"})
    assert survey.respondents[:4] == ("5", "5", "row 3", "6")
    assert survey.log.delivered_twice is None
    assert survey.log.said == (
        "id: 1 interview with a respondent id that an earlier one has already (5; interviewer 1), and other answers or "
        "another interviewer: they are counted.",
        "id: 1 interview without a respondent id, called by row.",
    )


def test_an_interview_that_was_delivered_twice_is_used_once(clean: Clean) -> None:
    survey = clean(
        "int,id,q,w\n1,5,1,1\n2,6,4,1\n1,5,1,1\n1,5,1,1\n2,6,4,2\n2,7,1,1\n3,7,1,1\n2,8,,1\n",
        {"respondent": "id", "weight": "w"},
    )
    found = survey.log.repeated_ids
    assert found is not None
    assert (found.left_out.n, found.left_out.respondents, found.left_out.interviewers) == (2, ("5",), (("1", 2),))
    # Another weight, and another interviewer: nothing says which is right.
    assert (found.counted_twice.n, found.counted_twice.respondents) == (1, ("6",))
    assert (found.others.n, found.others.respondents) == (1, ("7",))
    assert survey.log.dropped == (DroppedRows(DELIVERED_TWICE, 2),)
    assert survey.respondents == ("5", "6", "6", "7", "7", "8")
    assert found.title == "3 interviews stand in the file twice"
    assert found.in_short == (
        "3 interviews stand in the file twice (interviewers 1, 2): 2 with the same values in every column in use, "
        "counted once; 1 with the same answers and another value elsewhere, counted twice. Remove the second rows from "
        "the file."
    )


def test_an_id_of_something_else_loses_no_interview(clean: Clean) -> None:
    """Two members of a household may answer alike, where there are few questions."""
    rows = "".join(f"1,{k},1\n1,{k},{1 if k < 3 else 2}\n" for k in range(20))
    survey = clean(f"int,household,q\n{rows}", {"respondent": "household"})
    assert survey.log.rows_used == 40
    assert survey.log.dropped == ()
    assert "tells no interviews apart" in survey.log.said[0]


def test_interviews_are_told_apart_by_rows_where_there_are_no_ids(clean: Clean) -> None:
    survey = clean("int,q\n1,1\n1,1\n2,1\n")
    assert (survey.log.rows_used, survey.log.repeated_ids) == (3, None)


# --- items -----------------------------------------------------------------------------------------------------------


def test_default_codes_and_reasons(clean: Clean) -> None:
    survey = clean("int,q\n1,5\n1,88\n2,88\n1,88\n2,77\n2,\n", missing_codes=DEFAULT)
    assert answers(survey) == [5, None, None, None, None, None]
    assert survey.log.recoded == (
        Recode("q", 77.0, "Refusal", 1, (("2", 1),)),
        Recode("q", 88.0, "Don't know", 3, (("1", 2), ("2", 1))),
    )
    assert survey.log.interviewers == (
        InterviewerAudit("1", n_interviews=3, n_answers=1, n_recoded=2, n_blank=0, n_out_of_range=0),
        InterviewerAudit("2", n_interviews=3, n_answers=0, n_recoded=2, n_blank=1, n_out_of_range=0),
    )


def test_own_codes_replace_the_default_and_braces_mean_none(clean: Clean) -> None:
    items = [{"name": "q", "missing_codes": {7: "Refusal"}}, {"name": "r", "missing_codes": {}}]
    survey = clean("int,q,r\n1,7,7\n1,88,88\n", missing_codes=DEFAULT, items=items)
    assert answers(survey, 0) == [None, 88]
    assert answers(survey, 1) == [7, 88]


def test_the_files_codes_stand_between_the_items_own_and_the_default(
    tmp_path: Path, configure: Callable[..., ReportConfig]
) -> None:
    table = pd.DataFrame({"int": [1.0, 1, 1, 1], **{name: [3.0, 9, 88, 98] for name in "qrs"}})
    ranges = {name: [9, {"lo": 97, "hi": 99}] for name in "qr"}
    labels = {"q": {9: "Keine Antwort", 1: "Gar nicht", 98: "Verweigert"}}
    pyreadstat.write_sav(table, str(tmp_path / "wave.sav"), missing_ranges=ranges, variable_value_labels=labels)
    items = ["q", {"name": "r", "missing_codes": {3: "Missing"}}, "s"]
    config = configure({"file": "wave.sav"}, missing_codes=DEFAULT, items=items)
    survey = clean_survey(load_survey(config, tmp_path), config)
    assert answers(survey, 0) == [3, None, 88, None]
    assert answers(survey, 1) == [None, 9, 88, 98]
    assert answers(survey, 2) == [3, 9, None, 98]
    assert [(one.variable, one.code, one.reason) for one in survey.log.recoded] == [
        ("q", 9.0, "Keine Antwort"),
        ("q", 98.0, "Verweigert"),
        ("r", 3.0, "Missing"),
        ("s", 88.0, "Don't know"),
    ]
    assert survey.items[0].categories == ((1.0, "Gar nicht"),)


def test_text_codes_and_numbers_in_text_columns(clean: Clean) -> None:
    codes = {"DK": "Don't know", "88": "Don't know", -1: "Missing"}
    survey = clean("int,q\n1,7\n1,DK\n1, 7.0\n1,88\n1,-1\n1,NA\n1,\n", missing_codes=codes)
    assert answers(survey) == [7, None, 7, None, None, None, None]
    assert [(one.code, one.n) for one in survey.log.recoded] == [("DK", 1), (88.0, 1), (-1.0, 1)]
    assert survey.log.interviewers[0].n_blank == 2


def test_text_in_an_item_is_refused(clean: Clean) -> None:
    with pytest.raises(DataError) as error:
        clean("int,q\n,x\n1,5\n1,agree\n1,agree\n")
    assert str(error.value) == (
        "wave.csv: column \"q\" (items) has to be numbers, but row 3 holds text ('agree', 2 such cells); "
        "list its answers in their order under categories, declare what is no answer under missing_codes, "
        "or recode them"
    )


def test_a_default_code_inside_a_scale_is_refused_unless_overridden(clean: Clean) -> None:
    wave = "int,q\n1,5\n1,88\n"
    with pytest.raises(DataError) as error:
        clean(wave, missing_codes=DEFAULT, items=[{"name": "q", "scale": [0, 80]}])
    assert str(error.value) == (
        "items: q: the missing code 77 (Refusal) lies inside its scale 0 to 80; "
        "give the item its own missing_codes, {} for none"
    )
    overridden = [{"name": "q", "scale": [0, 80], "missing_codes": {}}]
    assert answers(clean(wave, missing_codes=DEFAULT, items=overridden)) == [5, None]


def test_values_outside_the_scale_are_set_aside(clean: Clean) -> None:
    survey = clean("int,q\n1,5\n2,88\n1,10\n2,88\n1,-3\n", items=[{"name": "q", "scale": [0, 10]}])
    assert answers(survey) == [5, None, 10, None, None]
    np.testing.assert_array_equal(survey.items[0].suspects, [np.nan, 88, np.nan, 88, -3])
    assert survey.log.out_of_range == (OutOfRange("q", -3.0, 1, (("1", 1),)), OutOfRange("q", 88.0, 2, (("2", 2),)))
    assert [audit.n_out_of_range for audit in survey.log.interviewers] == [1, 2]


def test_an_item_without_any_answer_stays_an_item(clean: Clean) -> None:
    survey = clean("int,q\n1,\n1,88\n", missing_codes=DEFAULT)
    assert answers(survey) == [None, None]
    after = survey.log.descriptives[1]
    assert (after.stage, after.n, after.mean, after.distribution) == ("after", 0, None, ())


def test_descriptives_before_and_after(clean: Clean) -> None:
    before, after = clean("int,q\n1,2\n1,4\n1,88\n1,\n", missing_codes=DEFAULT).log.descriptives
    assert (before.n, before.maximum, before.distribution) == (3, 88.0, ((2.0, 1), (4.0, 1), (88.0, 1)))
    assert (after.n, after.mean, after.median, after.lower_quartile, after.minimum) == (2, 3.0, 3.0, 2.5, 2.0)
    assert after.sd == pytest.approx(2**0.5)


# --- covariates, weights, area, team ---------------------------------------------------------------------------------


def test_default_codes_never_touch_covariates(clean: Clean) -> None:
    covariates = [{"name": "age", "missing_codes": {999: "Not available"}}]
    survey = clean("int,q,age\n1,88,88\n1,1,999\n1,2,77\n", missing_codes=DEFAULT, respondent_covariates=covariates)
    np.testing.assert_array_equal(survey.respondent_covariates[0].values, [88, np.nan, 77])
    assert [(one.variable, one.code, one.reason) for one in survey.log.recoded] == [
        ("q", 88.0, "Don't know"),
        ("age", 999.0, "Not available"),
    ]


def test_categories_in_code_order_with_the_files_labels(tmp_path: Path, configure: Callable[..., ReportConfig]) -> None:
    table = pd.DataFrame({"int": [1.0] * 5, "q": [1.0] * 5, "g": [10.0, 2.0, 9.0, None, 3.0]})
    labels = {"g": {2: "Female", 10: "Male", 3: "Male", 9: "No answer", 4: "Unused"}}
    pyreadstat.write_sav(table, str(tmp_path / "wave.sav"), variable_value_labels=labels, column_labels={"g": "Gender"})
    covariate = {"name": "g", "type": "categorical", "missing_codes": {9: "No answer"}}
    config = configure({"file": "wave.sav"}, respondent_covariates=[covariate])
    gender = clean_survey(load_survey(config, tmp_path), config).respondent_covariates[0]
    assert (gender.label, gender.levels) == ("Gender", ("Female", "Male (3)", "Male (10)"))
    np.testing.assert_array_equal(gender.values, [2, 0, np.nan, np.nan, 1])


def test_categories_of_text(clean: Clean) -> None:
    covariate = {"name": "r", "type": "categorical", "missing_codes": {"?": "Unknown"}}
    survey = clean("int,q,r\n1,1,R10\n1,1,R9\n1,1,?\n1,1,\n", respondent_covariates=[covariate])
    assert survey.respondent_covariates[0].levels == ("R9", "R10")
    np.testing.assert_array_equal(survey.respondent_covariates[0].values, [1, 0, np.nan, np.nan])


def test_text_in_a_numeric_covariate_is_refused(clean: Clean) -> None:
    remedy = (
        "; if its values are words, set type: categorical for it; else recode them, or declare what is no value under "
        "its own missing_codes"
    )
    text = "int,q,age\n1,1,30\n1,1,old\n2,1,40\n"
    with pytest.raises(DataError) as one:
        clean(text, respondent_covariates=["age"])
    assert 'column "age" (respondent_covariates) has to be numbers, but row 2 holds text' in str(one.value)
    assert str(one.value).endswith(remedy)
    with pytest.raises(DataError) as other:
        clean(text, interviewers={"covariates": ["age"]})
    assert 'column "age" (interviewers.covariates)' in str(other.value)
    assert str(other.value).endswith(remedy)


@pytest.mark.parametrize(
    ("data", "remedy"),
    [
        ({"weight": "w"}, "; recode them, and leave the cell empty where an interview has no weight"),
        (
            {"duration": {"minutes": "w"}},
            "; write each time as a number, and leave the cell empty where it is not known",
        ),
    ],
)
def test_text_in_a_weight_or_a_length_has_a_remedy_that_there_is(
    clean: Clean, data: dict[str, object], remedy: str
) -> None:
    with pytest.raises(DataError) as error:
        clean("int,q,w\n1,1,1.5\n1,1,heavy\n2,1,1\n", data)
    assert str(error.value).endswith(remedy)
    assert "missing_codes" not in str(error.value)


def test_interviewer_covariates_are_repaired_from_other_interviews(clean: Clean) -> None:
    people = {"covariates": [{"name": "age", "missing_codes": {999: "Not available"}}]}
    survey = clean("int,q,age\n2,1,50\n1,1,30\n1,1,999\n1,1,\n3,1,\n", interviewers=people)
    np.testing.assert_array_equal(survey.interviewer_covariates[0].values, [30, 50, np.nan])
    assert survey.log.notes == (
        "age: missing in some interviews of 1 interviewer (1); taken from their others.",
        "age: not known for 1 interviewer (3).",
    )


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("numeric", '"g" is an interviewer covariate, but interviewer 7 has both 1 and 2;'),
        ("categorical", '"g" is an interviewer covariate, but interviewer 7 has both 1 and 2;'),
    ],
)
def test_interviewer_covariates_that_vary_are_refused(clean: Clean, kind: str, message: str) -> None:
    with pytest.raises(DataError) as error:
        clean("int,q,g\n7,1,1\n8,1,1\n7,1,2\n", interviewers={"covariates": [{"name": "g", "type": kind}]})
    assert message in str(error.value)


def test_every_interviewer_whose_covariate_varies_is_named_with_the_values(
    tmp_path: Path, configure: Callable[..., ReportConfig]
) -> None:
    table = pd.DataFrame({"int": [1.0, 1, 2, 2, 3, 3], "q": 1.0, "age": [40.0, -1, 30, 31, 50, 50]})
    labels = {"age": {-1: "Missing"}}
    pyreadstat.write_sav(table, str(tmp_path / "wave.sav"), variable_value_labels=labels)
    config = configure({"file": "wave.sav"}, interviewers={"covariates": ["age"]})
    with pytest.raises(DataError) as error:
        clean_survey(load_survey(config, tmp_path), config)
    assert str(error.value) == (
        'wave.sav: "age" is an interviewer covariate, but interviewer 1 has both -1 and 40; interviewer 2 has both 30 '
        "and 31; correct it, or declare missing_codes: {-1: Missing}"
    )


def test_a_covariate_of_respondents_is_taken_for_one(clean: Clean) -> None:
    rows = "".join(f"{1 + row % 2},1,{20 + row}\n" for row in range(12))
    with pytest.raises(DataError) as error:
        clean(f"int,q,age\n{rows}", interviewers={"covariates": ["age"]})
    assert str(error.value).endswith(
        '"age" is an interviewer covariate, but interviewer 1 has 20, 22, 24 and 3 more values; interviewer 2 has 21, '
        "23, 25 and 3 more values; it looks like a covariate of respondents (respondent_covariates), or "
        "data.interviewer names the wrong column"
    )


def test_weights_area_and_team(clean: Clean) -> None:
    columns = {"weight": "w", "area": "psu", "team": "t"}
    survey = clean("int,q,w,psu,t\n1,1,0.5,10,B\n1,1,,9,A\n2,1,2,,B\n1,1,1,9,A\n3,1,1,9,\n", columns)
    assert survey.weight is not None
    np.testing.assert_array_equal(survey.weight, [0.5, np.nan, 2, 1, 1])
    assert survey.area == ("10", "9", None, "9", "9")
    assert survey.teams == ("A", "B", None)
    assert survey.log.notes == (
        "w: 1 interview without a weight, of 1 interviewer (1), is left out of weighted models and weighted "
        "descriptive statistics; everything else counts it.",
        "t: 1 interviewer in more than one team; the most frequent counts.",
    )


def test_interviewers_in_several_teams_are_counted_and_those_in_none_are_not(clean: Clean) -> None:
    survey = clean("int,q,t\n1,1,A\n1,1,B\n2,1,A\n2,1,B\n3,1,\n", {"team": "t"})
    assert survey.log.notes == ("t: 2 interviewers in more than one team; the most frequent counts.",)


def test_answers_are_counted_without_blanks(clean: Clean) -> None:
    counts = clean("int,q\n1,3\n1,\n1,3\n2,5\n2,7\n").answer_counts("q")
    assert counts.values.tolist() == [3, 5, 7]
    assert counts.counts.tolist() == [[2, 0, 0], [0, 1, 1]]


def test_negative_weights_are_refused(clean: Clean) -> None:
    with pytest.raises(DataError, match=r'column "w" \(data.weight\) is negative in row 2; a weight is zero or more'):
        clean("int,q,w\n1,1,1\n1,1,-1\n", {"weight": "w"})


def test_the_survey_without_options_has_none_of_it(clean: Clean) -> None:
    survey = clean("int,q\n1,1\n")
    assert (survey.weight, survey.area, survey.teams, survey.minutes) == (None, None, None, None)
    assert (survey.log.dropped, survey.log.recoded, survey.log.notes, survey.suspects) == ((), (), (), ())


# --- duration --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wave", "duration", "minutes"),
    [
        ("int,q,m\n1,1,45.5\n1,1,\n1,1,0\n", {"minutes": "m"}, [45.5, np.nan, np.nan]),
        ("int,q,a,b\n1,1,10:30,11:15\n1,1,23:50,00:20:30\n1,1,,9:00\n", {"start": "a", "end": "b"}, [45, 30.5, np.nan]),
        (
            "int,q,a,b\n1,1,2023-05-01 10:30,2023-05-01T11:00:30\n1,1,2023-05-02 10:00,2023-05-01 10:30\n",
            {"start": "a", "end": "b"},
            [30.5, np.nan],
        ),
        (
            "int,q,a,b\n1,1,,2023-05-01 10:30\n1,1,,2023-05-02 10:30\n",
            {"start": "a", "end": "b"},
            [np.nan, np.nan],
        ),
    ],
)
def test_minutes(clean: Clean, wave: str, duration: dict[str, str], minutes: list[float]) -> None:
    survey = clean(wave, {"duration": duration})
    assert survey.minutes is not None
    np.testing.assert_allclose(survey.minutes, minutes, rtol=1e-12)


def test_impossible_durations_are_noted(clean: Clean) -> None:
    survey = clean("int,q,m\n1,1,-5\n1,1,30\n", {"duration": {"minutes": "m"}})
    assert survey.log.notes == (
        "The duration is zero or less in 1 interview of 1 interviewer (1): it is not used, everything else of these "
        "interviews is.",
    )


def test_who_has_impossible_durations_is_named_most_first(clean: Clean) -> None:
    rows = [f"T{name},1,23:00,23:00" for name in (4, 7, 7, 2, 3, 5, 6, 8)]
    survey = clean("\n".join(["int,q,a,b", "T1,1,10:00,10:30", *rows]) + "\n", {"duration": {"start": "a", "end": "b"}})
    assert survey.log.notes == (
        "The duration is zero or less in 8 interviews of 7 interviewers (T7, T2, T3, T4, T5, and 2 more): it is not "
        "used, everything else of these interviews is.",
    )


def test_many_without_a_weight_are_not_named(clean: Clean) -> None:
    rows = "".join(f"{name},1,\n{name},1,2\n" for name in range(1, 7))
    assert clean(f"int,q,w\n{rows}", {"weight": "w"}).log.notes == (
        "w: 6 interviews without a weight are left out of weighted models and weighted descriptive statistics; "
        "everything else counts them.",
    )


def test_times_of_questions_are_found_by_the_items_that_have_one(clean: Clean) -> None:
    wave = "int,q,r,t_q,intro\n1,1,2,3.5,60\n1,1,2,0,\n"
    timings = {"timings": {"columns": ["t_{item}", "intro"]}}
    survey = clean(wave, items=["q", "r"], indicators=timings)
    assert survey.question_times is not None
    assert survey.question_times.columns == ("t_q", "intro")
    np.testing.assert_array_equal(survey.question_times.spent, [[3.5, 60], [np.nan, np.nan]])
    assert survey.log.notes == (
        "The time of a question is zero or less for 1 answer of 1 interviewer (1): it is not used, the answers are.",
    )


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("s_{item}", 'no item has a column like "s_q" (indicators.timings.columns: s_{item}); correct the pattern'),
        ("intr", '"intr"'),
        ("word", "indicators.timings.columns"),
    ],
)
def test_times_of_questions_that_cannot_be_read_are_named(clean: Clean, columns: str, message: str) -> None:
    with pytest.raises(DataError) as error:
        clean("int,q,t_q,intro,word\n1,1,3.5,60,fast\n", indicators={"timings": {"columns": columns}})
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ("noon,13:00", "column \"a\" (data.duration) holds 'noon' in row 1"),
        ("25:00,26:00", "column \"a\" (data.duration) holds '25:00' in row 1"),
        ("10:30,2023-05-01 11:00", "only one has dates"),
    ],
)
def test_unreadable_times_are_refused(clean: Clean, cells: str, message: str) -> None:
    with pytest.raises(DataError) as error:
        clean(f"int,q,a,b\n1,1,{cells}\n", {"duration": {"start": "a", "end": "b"}})
    assert message in str(error.value)


def test_spss_times(tmp_path: Path, configure: Callable[..., ReportConfig]) -> None:
    table = pd.DataFrame({"int": [1.0, 1.0], "q": [1.0, 2.0]})
    table["a"] = pd.to_datetime(["2023-05-01 10:00", None])
    table["b"] = pd.to_datetime(["2023-05-01 10:45", "2023-05-01 11:00"])
    pyreadstat.write_sav(table, str(tmp_path / "wave.sav"))
    config = configure({"file": "wave.sav", "duration": {"start": "a", "end": "b"}})
    np.testing.assert_array_equal(clean_survey(load_survey(config, tmp_path), config).minutes, [45, np.nan])


# --- the books balance -----------------------------------------------------------------------------------------------

CELL = st.sampled_from([None, 0.0, 3.0, 10.0, 77.0, 88.0, 99.0, -1.0, 4.5])
ROW = st.tuples(st.sampled_from([None, 1.0, 2.0, 9.0, 9999.0]), st.sampled_from(["CH", "DE"]), CELL, CELL)


@given(rows=st.lists(ROW, min_size=1, max_size=40), filtered=st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_row_and_every_cell_is_accounted_for(
    configure: Callable[..., ReportConfig], rows: list[tuple[Any, ...]], filtered: bool
) -> None:
    table = pd.DataFrame(rows, columns=["int", "c", "q", "r"]).astype({"int": float, "q": float, "r": float})
    labels = {"int": VariableLabels(user_missing=(9999.0,))}
    delivered_file = SurveyFile(table, labels, (FileProvenance("wave.csv", "", len(rows)),), ())
    items = [{"name": "q", "scale": [0, 10]}, {"name": "r", "missing_codes": {3: "Skipped"}}]
    where = {"where": "c == 'CH'"} if filtered else {}
    config = configure(where, missing_codes=DEFAULT, items=items)
    usable = table["int"].notna() & (table["int"] != 9999) & ((table["c"] == "CH") | (not filtered))
    if not usable.any():
        with pytest.raises(DataError, match="no interview is left"):
            clean_survey(delivered_file, config)
        return
    survey = clean_survey(delivered_file, config)
    log = survey.log
    assert log.rows_in == len(rows) == log.rows_used + sum(dropped.n for dropped in log.dropped)
    assert log.rows_used == survey.n_interviews == usable.sum() == sum(audit.n_interviews for audit in log.interviewers)
    for audit in log.interviewers:
        cells = audit.n_answers + audit.n_recoded + audit.n_blank + audit.n_out_of_range
        assert cells == 2 * audit.n_interviews
    for recode in log.recoded:
        assert (
            recode.n
            == sum(n for _, n in recode.interviewers)
            == (table.loc[usable, recode.variable] == recode.code).sum()
        )
    assert sum(audit.n_recoded for audit in log.interviewers) == sum(recode.n for recode in log.recoded)
    assert sum(audit.n_out_of_range for audit in log.interviewers) == sum(value.n for value in log.out_of_range)
    after = {described.item: described.n for described in log.descriptives if described.stage == "after"}
    assert after == {item.name: int((~np.isnan(item.answers)).sum()) for item in survey.items}


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_decimal_commas_between_commas_and_in_spreadsheets(
    tmp_path: Path, configure: Callable[..., ReportConfig], kind: str
) -> None:
    rows = [["int", "q", "w"], ["a", "1", "0,5"], ["a", "2", "1,25"], ["b", "3", "1"]]
    if kind == "csv":
        text = "\n".join(",".join(f'"{cell}"' for cell in row) for row in rows)
        (tmp_path / "wave.csv").write_text(text + "\n", encoding="utf-8")
    else:
        with xlsxwriter.Workbook(tmp_path / "wave.xlsx") as book:
            sheet = book.add_worksheet()
            for place, row in enumerate(rows):
                sheet.write_row(place, 0, row)
    data = {"file": f"wave.{kind}", "weight": "w"}
    config = configure(data)
    with pytest.raises(DataError, match=r'where a comma is the decimal sign, write read: {decimal: ","} for this file'):
        clean_survey(load_survey(config, tmp_path), config)
    config = configure(data | {"read": {"decimal": ","}})
    weight = clean_survey(load_survey(config, tmp_path), config).weight
    assert weight is not None
    assert weight.tolist() == [0.5, 1.25, 1]
