"""Codes in the interviewer column are nobody; ids that only look like codes stay."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from qa_reports.survey.clean import DroppedRows, Survey
from qa_reports.survey.interviewers import alike_notes
from qa_reports.survey.nobody import find_nobody
from qa_reports.survey.readers import VariableLabels

Clean = Callable[..., Survey]


def nobody(
    ids: list[object], labels: VariableLabels | None = None, declared: dict[float | str, str] | None = None
) -> set[str]:
    column = pd.Series(ids, name="int")
    found, _ = find_nobody(column, labels or VariableLabels(), declared)
    return {str(column[row]) for one in found for row in range(len(column)) if one.cells[row]}


@pytest.mark.parametrize(
    ("ids", "found"),
    [
        ([101, 102, 103, -2, 0, 9999], {"-2", "0", "9999"}),
        ([1, 2, 3, 30, 99], {"99"}),
        ([101, 102, 999], {"999"}),
        ([*range(900, 1000)], set()),
        ([100, 5000, 9500, 9999], set()),
        ([0, 0, 1, 1, 2, 2], set()),
        ([0, 1, 1, 1, 2, 2, 2], {"0"}),
        ([0, 11, 11, 12], {"0"}),
        ([-3, -2, -1], set()),
        (["TUN01", "TUN02", "-1", "99"], {"-1", "99"}),
        (["A1", "A2", "Missing", "keine Angabe", "NA"], {"Missing", "keine Angabe", "NA"}),
        (["AB", "NA", "KM", "ZT", "WN"], set()),
        ([7, 8, 9], set()),
    ],
)
def test_which_ids_are_nobody(ids: list[object], found: set[str]) -> None:
    assert nobody(ids) == found


def test_a_label_that_says_missing_makes_an_id_nobody() -> None:
    assert nobody([1, 2, 7], VariableLabels(values=((7.0, "Manquant"),))) == {"7"}


def test_the_configuration_says_it_alone() -> None:
    assert nobody([101, 102, -2, 9999], declared={}) == set()
    assert nobody([101, 102, -2, 9999], declared={102: "Unknown", "..-1": "Missing"}) == {"102", "-2"}


def test_rows_of_nobody_are_dropped_and_noted(clean: Clean) -> None:
    survey = clean("int,q\n101,1\n102,2\n9999,3\n,4\n-2,5\n9999,6\n")
    assert survey.interviewer_ids == ("101", "102")
    assert survey.log.dropped == (
        DroppedRows("no interviewer id (int is blank)", 1),
        DroppedRows("the interviewer id is 9999, which is nines far from all other ids (int)", 2),
        DroppedRows("the interviewer id is -2, which is a negative number among ids (int)", 1),
    )
    assert survey.log.notes[0] == (
        "int: 9999 is taken for nobody, not an interviewer (nines far from all other ids; 2 interviews); "
        "interviewers.missing_codes can say otherwise, {} for none."
    )
    declared = clean("int,q\n101,1\n102,2\n9999,3\n", interviewers={"missing_codes": {}})
    assert declared.interviewer_ids == ("101", "102", "9999")


def test_interviewers_numbered_from_zero_stay_with_a_note(clean: Clean) -> None:
    survey = clean("int,q\n0,1\n0,2\n1,3\n1,4\n")
    assert survey.interviewer_ids == ("0", "1")
    assert survey.log.notes[0].startswith("int: 0 is taken for an interviewer")


def test_ids_that_may_be_one_person_are_noted(clean: Clean) -> None:
    ids = ["0101", "101", "Int-7", "int-7", "M\u00fcller", "Mu\u0308ller", "A 1", "A\u00a01", "O1", "01a", "10", "100"]
    survey = clean("int,q\n" + "".join(f"{name},{k % 5}\n" for k, name in enumerate(ids)))
    (note,) = survey.log.notes
    assert note.startswith(
        "4 interviewers may stand under several ids, which differ in case, blanks or leading zeros only ("
    )
    assert all(name in note for name in ids[:8])
    assert not any(f" {name}," in note for name in ids[8:])
    assert len(survey.interviewer_ids) == len(ids)


def test_ids_that_are_different_are_not_noted() -> None:
    assert alike_notes(["1", "2", "10", "20", "100", "CH/1", "DE/1", "A1", "A10", "1A"]) == ()
    assert alike_notes(["CH/01", "CH/1", "DE/1"])[0].startswith("One interviewer may stand under several ids")
