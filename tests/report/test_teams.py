"""A team's part of a report: nothing in it, in words, figures or files, is about another team's interviewers."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest
from msgspec import Struct, structs

from qa_reports.report.figures import Caterpillar
from qa_reports.report.indicators import IndicatorRow, IndicatorsSummary, PairRow
from qa_reports.report.pdf import print_page, render_pdf
from qa_reports.report.summarise import ReportSummary, summarise
from qa_reports.report.teams import ELSEWHERE, restrict_to_team, team_file_name
from tests.report.example_survey import FORGOTTEN, IDS, LOW, example_report_input

GIVEN = example_report_input()
NORTH, SOUTH = IDS[:6], IDS[6:]


@pytest.fixture(scope="module")
def whole() -> ReportSummary:
    return summarise(**{field.name: getattr(GIVEN, field.name) for field in structs.fields(GIVEN)})


def texts(value: object) -> Iterator[str]:
    """Every text anywhere inside a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Struct):
        for field in structs.fields(value):
            yield from texts(getattr(value, field.name))
    elif isinstance(value, (tuple, list, frozenset, set)):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, dict):
        yield from texts(list(value.items()))


def named(words: Iterator[str] | list[str], ids: tuple[str, ...]) -> set[str]:
    found = re.compile(rf"(?<![\w.])({'|'.join(map(re.escape, ids))})(?![\w.])")
    return {name for text in words for name in found.findall(text)}


def visible(page: str) -> str:
    return re.sub(r'"data:image/png;base64,[^"]*"', '""', page)


@pytest.mark.parametrize(("team", "own", "others"), [("North", NORTH, SOUTH), ("South", SOUTH, NORTH)])
def test_only_the_teams_own_interviewers_are_named(
    whole: ReportSummary, team: str, own: tuple[str, ...], others: tuple[str, ...]
) -> None:
    assert named(texts(whole), others) == set(others)
    part = restrict_to_team(whole, team, GIVEN.flags)
    assert named(texts(part), others) == set()
    assert named(texts(part), own) == set(own)
    page = visible(print_page(part).html)
    assert named([page], others) == set()
    assert ({"North", "South"} - {team}).pop() not in page
    assert f"team {team}" in page


def test_the_flagged_interviewers_team_is_told_of_the_call(whole: ReportSummary) -> None:
    part = restrict_to_team(whole, "North" if LOW < 6 else "South", GIVEN.flags)
    assert [call.interviewer for call in part.calls] == [IDS[LOW]]
    assert part.verdict.sentence.startswith("1 of 6 interviewers of team")
    assert f"is worth a call: {IDS[LOW]} (in the whole survey 1 of 12)." in part.verdict.sentence
    assert part.verdict.n_flagged == part.verdict.n_critical == 1
    assert part.heat_map is not None
    assert part.heat_map.interviewers[part.heat_map.flagged[0]] == IDS[LOW]


def test_the_other_team_has_nobody_to_call(whole: ReportSummary) -> None:
    part = restrict_to_team(whole, "South" if LOW < 6 else "North", GIVEN.flags)
    assert part.calls == ()
    assert "needs a call (in the whole survey 1 of 12)." in part.verdict.sentence
    assert any(IDS[LOW] in item.flagged for item in whole.items)
    for item in part.items:
        assert IDS[LOW] not in item.flagged
        assert item.without_flagged is None or IDS[LOW] not in item.without_flagged.interviewers


def test_numbers_of_the_whole_survey_stay(whole: ReportSummary) -> None:
    part = restrict_to_team(whole, "South", GIVEN.flags)
    assert [item.icc for item in part.items] == [item.icc for item in whole.items]
    assert part.verdict.n_interviews == whole.verdict.n_interviews
    assert part.suspects == ()
    assert "The survey file has 1 data-preparation problem, which the whole report explains." in part.verdict.notes
    drawn = [figure for figure in part.items[0].figures if isinstance(figure, Caterpillar)]
    full = [figure for figure in whole.items[0].figures if isinstance(figure, Caterpillar)]
    assert np.array_equal(drawn[0].estimate, full[0].estimate)
    assert set(drawn[0].interviewers) - {""} < set(full[0].interviewers)


def test_heat_map_rows_keep_their_values(whole: ReportSummary) -> None:
    part = restrict_to_team(whole, "North", GIVEN.flags)
    assert whole.heat_map is not None
    assert part.heat_map is not None
    for row, name in enumerate(part.heat_map.interviewers):
        np.testing.assert_array_equal(part.heat_map.z[row], whole.heat_map.z[whole.heat_map.interviewers.index(name)])


def test_profile_behind_a_data_problem_is_its_own_teams(whole: ReportSummary) -> None:
    team, other = ("North", "South") if FORGOTTEN < 6 else ("South", "North")
    assert IDS[FORGOTTEN] in [who.interviewer for who in restrict_to_team(whole, team, GIVEN.flags).profiles]
    assert IDS[FORGOTTEN] not in [who.interviewer for who in restrict_to_team(whole, other, GIVEN.flags).profiles]


def test_a_teams_pdf_is_a_pdf_without_attachments(whole: ReportSummary) -> None:
    content = render_pdf(restrict_to_team(whole, "North", GIVEN.flags))
    assert content.startswith(b"%PDF-")
    assert b"/EmbeddedFile" not in content
    assert b"/Filespec" not in content


def test_file_names_are_safe_and_different() -> None:
    assert team_file_name("north") == "team-north.pdf"
    assert team_file_name("Süd/Köln").startswith("team-sud-koln-")
    names = ["North", "north", "NORTH", "Nord/1", "Nord-1", "../../etc/passwd", "", ".", "München", "a\nb", "x" * 300]
    made = [team_file_name(name) for name in names]
    assert len({name.casefold() for name in made}) == len(names)
    for name in made:
        assert re.fullmatch(r"team(-[a-z0-9]+)+\.pdf", name)
        assert len(name) < 70


def test_indicators_name_the_teams_own_and_nobody_else(whole: ReportSummary) -> None:
    row = IndicatorRow(
        name="fast", kind="Speed", label="Fast interviews", reason=None, threshold="20 minutes or less",
        n_interviews=146, mean=0.05, unit="share of interviews", method="exact binomial",
        not_modelled=None, icc=None, latent=False, variance=None, variance_p=None,
        remarkable=((SOUTH[0], 0.001), (SOUTH[1], 0.01), (SOUTH[2], 0.02), (NORTH[0], 0.03)),
    )  # fmt: skip
    pairs = (
        PairRow(("r1", "r2"), (SOUTH[0], SOUTH[0]), 1.0, 22),
        PairRow(("r3", "r4"), (NORTH[0], SOUTH[0]), 1.0, 22),
        PairRow(("r5", "r6"), (NORTH[1], NORTH[1]), 0.9, 22),
    )
    indicators = IndicatorsSummary((row,), (), pairs, 3, 0.9)
    part = restrict_to_team(structs.replace(whole, indicators=indicators), "North", GIVEN.flags).indicators
    assert part is not None
    assert part.rows[0].worst == ((NORTH[0], 0.03),)
    assert part.n_pairs == 2
    assert [(pair.interviewers, pair.respondents) for pair in part.pairs] == [
        ((NORTH[0], ELSEWHERE), ("r3", "")),
        ((NORTH[1], NORTH[1]), ("r5", "r6")),
    ]
    page = visible(print_page(structs.replace(restrict_to_team(whole, "North", GIVEN.flags), indicators=part)).html)
    assert "How the interviews were done" in page
    assert named([page], SOUTH) == set()
