"""What page, mail and results say of answers just outside a scale that may be mistyped."""

from __future__ import annotations

import html
import json
import re

import pytest
from msgspec import structs

from qa_reports.cli import main
from qa_reports.effects.sentences import missing_code_sentence
from qa_reports.report.suspects import MOST_OF_SCALE, by_item, suspect_notes
from qa_reports.survey.wider_scale import WiderScale
from tests.report.example_survey import example_report_input
from tests.report.test_summarise import summary_of
from tests.small_wave import SmallWave

NARROW = WiderScale((1.0, 10.0), (0.0, 10.0), 0.079, True, (0.0,))


@pytest.fixture
def written(small_wave: SmallWave, request: pytest.FixtureRequest) -> tuple[str, dict]:
    """The page's words and the results, with trust's scale as given."""
    small_wave.replace("{name: trust, label: Trust in others, scale: [0, 10]", request.param)
    folder = small_wave.folder / "out"
    assert main([str(small_wave.config), "--output", str(folder), "--formats", "html,json", "--quiet"]) == 0
    page = (folder / "report.html").read_text(encoding="utf-8")
    words = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())
    return words, json.loads((folder / "results.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("written", ["{name: trust, label: Trust in others, scale: [4, 10]"], indirect=True)
def test_the_page_asks_for_the_scale_first(written: tuple[str, dict]) -> None:
    words, results = written
    assert {one["kind"] for one in results["code_suspects"]} == {"scale"}
    low, high = results["code_suspects"][0]["perhaps_scale"]
    assert (low, high) == (min(one["value"] for one in results["code_suspects"]), 10)
    assert (
        "First put the data preparation right: answers stand just outside the declared scale, which may be mistyped "
        f"({low} to 3 in Trust in others: is its scale {low} to 10?)."
    ) in words
    scale, codes = f"scale: [{low}, 10]", "Only if they are no answers, declare them there instead: missing_codes:"
    assert words.index(f"if the scale is {low} to 10, correct it at the item trust and run again: {scale}") < (
        words.index(codes)
    )
    assert "nobody declared (" not in words
    assert "Suspicious values" in words


@pytest.mark.parametrize(
    "written",
    ["{name: trust, label: Trust in others, missing_codes: {99: No answer}, scale: [0, 10]"],
    indirect=True,
)
def test_a_code_beyond_a_gap_is_told_as_before(written: tuple[str, dict]) -> None:
    words, results = written
    (suspect,) = results["code_suspects"]
    assert (suspect["kind"], suspect["perhaps_scale"]) == ("missing_code", None)
    assert "1 value looks like a missing code that nobody declared (88 in Trust in others)." in words
    assert "may be mistyped" not in words


@pytest.mark.parametrize("written", ["{name: trust, label: Trust in others, scale: [9, 10]"], indirect=True)
def test_of_many_values_outside_a_scale_the_page_shows_the_doings_of_the_first(written: tuple[str, dict]) -> None:
    words, results = written
    values = [one["value"] for one in results["code_suspects"]]
    assert len(values) > MOST_OF_SCALE
    assert re.findall(r"What (\d+) would have done", words) == [str(value) for value in values[:MOST_OF_SCALE]]
    headings = re.findall(r"(\d+) in Trust in others The value", words)
    assert headings == [str(value) for value in values[:MOST_OF_SCALE]]
    assert "(of the values outside one scale the first; results.json has all)" in words


def test_scales_come_before_codes_and_stand_by_themselves() -> None:
    (code,) = summary_of(example_report_input()).suspects
    beside = structs.replace(code, value=0.0, value_text="0", n=192, wider=NARROW)
    problems = by_item((code, beside))
    assert [problem.title for problem in problems] == ["0 in Trust in the police", "88 in Trust in the police"]
    assert problems[0].sentence == (
        "192 answers at 1 interviewer (7.9% of all) stand just outside the declared scale 1 to 10, which may be "
        "mistyped: is the scale 0 to 10?"
    )
    assert suspect_notes((code, beside)) == (
        "First put the data preparation right: answers stand just outside the declared scale, which may be mistyped "
        "(0 in Trust in the police: is its scale 0 to 10?).",
        "Also in the data preparation: 1 value looks like a missing code that nobody declared "
        "(88 in Trust in the police).",
    )
    assert suspect_notes(()) == ()


def test_what_an_interviewer_who_stands_out_by_it_is_told() -> None:
    assert missing_code_sentence(3, 0.0, "Trust", "outside the scale 1 to 10", [], NARROW) == (
        "3 answers of 0 to “Trust” stand just outside the declared scale 1 to 10, which may be mistyped (is it "
        "0 to 10?): a matter of data preparation, not of the interviewer."
    )
