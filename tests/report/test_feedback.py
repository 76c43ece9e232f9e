"""Feedback sheets: a page each, about nobody else, with what went well and no verdict."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from msgspec import structs

from qa_reports.effects.indicator_effects import JudgedIndicators, estimate_indicators
from qa_reports.effects.patterns import PATTERNS
from qa_reports.indicators.collect import measure_indicators
from qa_reports.report.feedback import FeedbackSheets, feedback_sheets
from qa_reports.report.feedback_words import QUESTIONS
from qa_reports.report.pdf_layout import pdf_obstacle, write_pdf
from qa_reports.report.render import render_feedback
from qa_reports.report.summarise import Heading
from tests.report.example_survey import IDS, LOW, PRINTED, example_report_input

GIVEN = example_report_input()
HEADING = Heading("Trust Survey", "Wave 1", "Belgium", PRINTED)
ACCUSING = ("fraud", "fabricat", "guilt", "cheat", "suspic", "violat", "flag", "p <")


@pytest.fixture(scope="module")
def judged() -> JudgedIndicators:
    return estimate_indicators(GIVEN.survey, measure_indicators(GIVEN.survey, GIVEN.config))


@pytest.fixture(scope="module")
def sheets(judged: JudgedIndicators) -> FeedbackSheets:
    return feedback_sheets(GIVEN.survey, GIVEN.flags, judged, GIVEN.config, HEADING)


def test_everybody_has_a_page_that_names_nobody_else(sheets: FeedbackSheets) -> None:
    pages = render_feedback(sheets).split("<section>")[1:]
    assert len(pages) == len(IDS)
    for own, page in zip(IDS, pages, strict=True):
        assert set(re.findall(r"\b10[01][0-9]\b", page)) == {own}
        assert "What went well" in page
        assert "What these numbers cannot say" in page
        assert [word for word in ACCUSING if word in page.lower()] == []


def test_the_numbers_are_their_own_beside_the_usual_range(sheets: FeedbackSheets, judged: JudgedIndicators) -> None:
    lines = {line.label: line for line in sheets.sheets[LOW].lines}
    assert lines["Interviews"].own == "18"
    low, high = (float(end) for end in lines["Interviews"].usual.split(" to "))
    assert 3 <= low < high <= 16
    varied = next(one for one in judged.effects if one.measure.name == "variability")
    assert lines["Variety of answers within an interview, of the scale"].own == f"{varied.own[LOW]:.0%}"


def test_a_flag_becomes_a_question_and_without_one_nothing_stands_out(sheets: FeedbackSheets) -> None:
    assert sheets.sheets[LOW].talk_about[0] == QUESTIONS["one_battery"]
    calm = [sheet for sheet in sheets.sheets if not sheet.too_few and not sheet.talk_about]
    assert calm
    assert render_feedback(sheets).count("Nothing stands out.") == len(calm)


def test_a_reviewed_flag_is_no_topic(judged: JudgedIndicators) -> None:
    seen = tuple(structs.replace(flag, review=object()) for flag in GIVEN.flags.flags)  # type: ignore[arg-type]
    flags = structs.replace(GIVEN.flags, flags=seen)
    sheet = feedback_sheets(GIVEN.survey, flags, judged, GIVEN.config, HEADING).sheets[LOW]
    assert QUESTIONS["one_battery"] not in sheet.talk_about


def test_too_few_interviews_are_counted_and_not_judged(sheets: FeedbackSheets) -> None:
    sheet = sheets.sheets[-1]
    assert sheet.too_few
    assert sheet.talk_about == ()
    assert sheet.went_well == ("You did 3 interviews.",)
    assert {line.words for line in sheet.lines[1:]} <= {"\u2013"}


def test_there_is_a_question_for_every_pattern() -> None:
    assert set(QUESTIONS) == set(PATTERNS)


def test_names_are_escaped(judged: JudgedIndicators) -> None:
    given = example_report_input(interviewer="<b>7</b>")
    page = render_feedback(feedback_sheets(given.survey, given.flags, judged, given.config, HEADING))
    assert "<b>7</b>" not in page
    assert "&lt;b&gt;7&lt;/b&gt;" in page


@pytest.mark.skipif(pdf_obstacle() is not None, reason="no Pango")
def test_the_pdf_has_a_page_and_a_bookmark_each_and_the_same_bytes(sheets: FeedbackSheets, tmp_path: Path) -> None:
    pdf = write_pdf(render_feedback(sheets))
    assert pdf == write_pdf(render_feedback(sheets))
    if shutil.which("pdftotext") is None:
        return
    path = tmp_path / "feedback.pdf"
    path.write_bytes(pdf)
    text = subprocess.run(["pdftotext", str(path), "-"], check=True, capture_output=True, text=True).stdout
    pages = text.split("\f")[:-1]
    assert [f"Interviewer {name}" in page for name, page in zip(IDS, pages, strict=True)] == [True] * len(IDS)
    outline = ["pdftohtml", "-xml", "-i", "-stdout", str(path)]
    found = subprocess.run(outline, check=True, capture_output=True, text=True).stdout
    assert re.findall(r'<item page="(\d+)">Interviewer (\w+)</item>', found) == [
        (str(number), name) for number, name in enumerate(IDS, start=1)
    ]
