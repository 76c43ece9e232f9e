"""Interviews that stand in the file twice, from the file to the page: used once, and said wherever one looks."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import numpy as np
import pytest
from msgspec import structs

from qa_reports.cli import main
from qa_reports.report.excel import _cleaning_rows
from qa_reports.report.recontact import respondents_to_recontact
from qa_reports.report.results import results_schema
from tests.report.example_survey import IDS, LOW, example_report_input
from tests.report.test_html import section
from tests.small_wave import SmallWave

TITLE = "12 interviews stand in the file twice"


def append_again(wave: SmallWave) -> None:
    """All interviews of interviewer 105 and two of 101 once more, the comment (not in use) in other words."""
    header, *rows = wave.survey_file.read_text(encoding="utf-8").splitlines()
    again = [row.rpartition(",")[0] + ",once more" for row in (*rows[40:50], *rows[:2])]
    wave.survey_file.write_text("\n".join([header, *rows, *again]) + "\n", encoding="utf-8")


def report(wave: SmallWave, folder: str) -> tuple[dict[str, Any], str]:
    out = wave.folder / folder
    assert main([str(wave.config), "--output", str(out), "--formats", "html,json", "--quiet"]) == 0
    return json.loads((out / "results.json").read_text()), (out / "report.html").read_text(encoding="utf-8")


def test_the_second_rows_change_no_result_and_are_said(
    small_wave: SmallWave, capsys: pytest.CaptureFixture[str]
) -> None:
    before, _ = report(small_wave, "before")
    append_again(small_wave)
    after, page = report(small_wave, "after")

    for part in ("items", "effects", "flags", "interviewers", "similar_pairs", "indicators"):
        assert after[part] == before[part]
    cleaning = after["cleaning"]
    assert (cleaning["rows_in"], cleaning["rows_used"]) == (132, 120)
    repeated = cleaning["repeated_ids"]
    assert repeated["left_out"] == {
        "n": 12,
        "respondents": [str(n) for n in (*range(41, 51), 1, 2)],
        "interviewers": {"105": 10, "101": 2},
    }
    assert (before["cleaning"]["repeated_ids"], repeated["counted_twice"]["n"], repeated["others"]["n"]) == (None, 0, 0)
    jsonschema.Draft202012Validator(results_schema()).validate(after)

    verdict, calls, audit = (section(page, name) for name in ("verdict", "calls", "cleaning"))
    assert f"First put the data preparation right: {TITLE} (interviewers 105, 101)" in verdict
    assert "Data preparation 1 problem to put right first" in verdict
    assert f"{TITLE} Data preparation" in calls
    assert "132 rows in the file = 120 used + 12 dropped (delivered twice" in audit
    assert "Remove the second rows from the file." in audit

    capsys.readouterr()
    assert main(["check", str(small_wave.config)]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert last.endswith(f"120 interviews by 12 interviewers; to be put right: {TITLE}")
    assert "idno: 12 rows repeat an interview" in " ".join(line.strip() for line in lines)


def test_ids_of_respondents_that_stand_twice_have_pseudonyms(small_wave: SmallWave) -> None:
    text = small_wave.survey_file.read_text(encoding="utf-8")
    header, *rows = text.splitlines()
    rows = [f"{9_000_000 + k},{row.partition(',')[2]}" for k, row in enumerate(rows)]
    small_wave.survey_file.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    append_again(small_wave)
    small_wave.config.write_text(small_wave.config.read_text() + "report: {pseudonyms: true}\n")
    document, page = report(small_wave, "out")

    assert document["cleaning"]["repeated_ids"]["left_out"]["n"] == 12
    assert "90000" not in page
    assert "90000" not in json.dumps(document["cleaning"])


def test_a_respondent_to_ask_again_is_named_once() -> None:
    given = example_report_input()
    flags = [flag for flag in given.flags.flags if flag.interviewer == IDS[LOW]]
    own = np.flatnonzero(given.survey.interviewer == LOW)
    names = list(given.survey.respondents)
    for row in own[1::2]:
        names[row] = names[row - 1]
    survey = structs.replace(given.survey, respondents=tuple(names))

    for kind in (flags, [structs.replace(flags[0], kind="spread", items=())]):
        found = respondents_to_recontact(IDS[LOW], kind, survey).respondents
        assert len(set(found)) == len(found) > 1


def test_the_workbook_lists_repeats_that_are_used() -> None:
    none = {"n": 0, "respondents": [], "interviewers": {}}
    repeated = {"counted_twice": {"n": 3, "respondents": ["6"], "interviewers": {"12": 3}}, "others": none}
    cleaning = {"dropped": [], "joins": [], "recoded": [], "out_of_range": [], "repeated_ids": repeated}

    (row,) = _cleaning_rows(cleaning)

    assert (row["what"], row["n"], row["interviewers"]) == ("repeated id, used", 3, {"12": 3})


def test_without_ids_rows_are_interviews(small_wave: SmallWave) -> None:
    append_again(small_wave)
    small_wave.replace("respondent: idno, ", "")
    document, _ = report(small_wave, "out")

    assert document["cleaning"]["rows_used"] == 132
    assert document["cleaning"]["repeated_ids"] is None
