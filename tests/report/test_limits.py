"""What a report shows of very many interviewers and items: it is bounded, and says where the rest is.

Tolerance:
- MOST_BYTES: of a page with 1,500 interviewers worth a call; 8 MB is the promise for a whole page.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from msgspec import structs

from qa_reports.report.limits import MOST_LISTED, MOST_NAMED, MOST_PAGES, MOST_ROWS, most_people, most_profiles
from qa_reports.report.pdf import print_page, render_pdf
from qa_reports.report.render import render_html
from qa_reports.report.summarise import ReportSummary, summarise
from qa_reports.report.teams import restrict_to_team
from qa_reports.survey.audit import InterviewerAudit
from tests.report.example_survey import FORGOTTEN, IDS, LOW, ExampleReportInput, example_report_input
from tests.report.test_html import CHROMIUM, section, section_source

MOST_BYTES = 2_000_000
CROWD = 1_500


def summary_of(given: ExampleReportInput) -> ReportSummary:
    return summarise(**{field.name: getattr(given, field.name) for field in structs.fields(given)})


@pytest.fixture(scope="module")
def summary() -> ReportSummary:
    return summary_of(example_report_input())


@pytest.fixture(scope="module")
def crowded(summary: ReportSummary) -> ReportSummary:
    """1,500 interviewers worth a call, with one profile, and many with too few interviews."""
    calls = tuple(structs.replace(summary.calls[0], interviewer=f"c{k}") for k in range(CROWD))
    too_few = tuple(structs.replace(summary.too_few[0], interviewer=f"t{k}") for k in range(CROWD))
    audits = tuple(InterviewerAudit(f"a{k}", 10, 90, k, 0, 0) for k in range(CROWD))
    profile = structs.replace(summary.profiles[0], interviewer="c0")
    return structs.replace(
        summary,
        calls=calls,
        too_few=too_few,
        profiles=(profile,),
        cleaning=structs.replace(summary.cleaning, interviewers=audits),
    )


def test_limits_go_by_the_number_of_items() -> None:
    assert (most_people(1), most_people(22), most_people(200), most_people(10_000)) == (1_000, 1_000, 110, 50)
    assert (most_profiles(1), most_profiles(22), most_profiles(200)) == (40, 40, 10)


def test_a_page_of_very_many_calls_is_bounded_and_says_where_the_rest_is(crowded: ReportSummary) -> None:
    page = render_html(crowded)
    assert len(page.encode()) < MOST_BYTES
    words, source = section(page, "calls"), section_source(page, "calls")
    assert f"The surest 1 of {CROWD:,} have a profile below" in words
    assert "The table has 500 more; results.json and the workbook ( results.xlsx ) have everybody." in words
    assert source.count('<article class="card critical"') == 10
    rows = re.findall(r'<tr><th scope="row">c(\d+)</th>', source)
    assert rows == [str(k) for k in range(10, 10 + MOST_LISTED)]
    first = crowded.calls[0].explanation.reasons
    assert words.count(first[0].sentence) >= MOST_LISTED
    assert all(words.count(reason.sentence) <= 10 for reason in first[1:])
    assert f"t{MOST_ROWS - 1} (3) and 500 more" in words
    cleaning = section_source(page, "cleaning")
    # Those with the most answers set aside, in the survey's order.
    assert re.findall(r'<th scope="row">a(\d+)</th>', cleaning) == [str(k) for k in range(500, CROWD)]
    assert "The 1,000 of 1,500 interviewers with the most answers that are not valid" in section(page, "cleaning")


def test_few_calls_have_all_their_reasons(summary: ReportSummary) -> None:
    several = tuple(structs.replace(summary.calls[0], interviewer=f"c{k}") for k in range(12))
    profiles = tuple(structs.replace(summary.profiles[0], interviewer=call.interviewer) for call in several)
    words = section(render_html(structs.replace(summary, calls=several, profiles=profiles)), "calls")
    assert all(words.count(reason.sentence) >= 12 for reason in several[0].explanation.reasons)
    assert "have a profile below" not in words


def test_who_is_worth_a_call_without_a_profile_can_be_asked_for(summary: ReportSummary) -> None:
    page = render_html(structs.replace(summary, profiles=()))
    data = re.search(r'id="page-data">(.*?)</script>', page, re.DOTALL)
    assert data is not None
    people = {person["id"]: person for person in json.loads(data.group(1))["people"]}
    reasons = [reason.sentence for reason in summary.calls[0].explanation.reasons]
    assert people[IDS[LOW]]["reasons"] == reasons
    assert people[IDS[LOW]]["severity"] == "critical"
    assert all("reasons" not in person for name, person in people.items() if name != IDS[LOW])
    # The call list and the fingerprint lead there.
    assert f'href="#interviewer-{IDS[LOW]}"' in section_source(page, "calls")
    assert f'id="interviewer-{IDS[LOW]}"' in section_source(page, "fingerprint")


def test_the_printed_report_names_some_and_counts_the_others(crowded: ReportSummary) -> None:
    page = print_page(crowded).html
    front = page[: page.index('class="contents"')]
    also = re.search(r"Also worth a call: (.*?)</p>", front, re.DOTALL)
    assert also is not None
    assert f"c{9 + MOST_NAMED} and {CROWD - 10 - MOST_NAMED:,} more." in also.group(1)
    assert "The surest have a profile below" in also.group(1)
    # No link leads nowhere.
    targets = set(re.findall(r'id="([^"]+)"', page))
    links = set(re.findall(r'href="#([^"]+)"', front))
    assert {link for link in links if link.startswith("interviewer-") and link not in targets} <= {
        f"interviewer-c{k}" for k in range(1, 10)
    }


def test_profiles_are_of_the_surest_and_teams_have_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    given = example_report_input()
    first = IDS[0]
    flag = structs.replace(given.flags.flags[0], interviewer=first, severity="warning")
    verdicts = tuple(
        structs.replace(verdict, severity="warning") if verdict.interviewer == first else verdict
        for verdict in given.flags.interviewers
    )
    flags = structs.replace(given.flags, flags=(*given.flags.flags, flag), interviewers=verdicts)
    team = next(verdict.team for verdict in verdicts if verdict.interviewer == first)
    assert team is not None
    mail = {"from": "qa@agency.example", "teams": {team: ["lead@agency.example"]}, "smtp": {"host": "mail"}}
    config = type(given.config).model_validate(
        given.config.model_dump(by_alias=True, exclude_unset=True) | {"email": mail}
    )
    monkeypatch.setattr("qa_reports.report.limits._MOST_PROFILES", 1)
    monkeypatch.setattr("qa_reports.report.limits._FEWEST_PROFILES", 1)
    for settings, of_teams in ((given.config, []), (config, [first])):
        report = summary_of(structs.replace(given, flags=flags, config=settings))
        assert [call.interviewer for call in report.calls] == [IDS[LOW], first]
        assert [profile.interviewer for profile in report.profiles] == [IDS[LOW], IDS[FORGOTTEN]]
        assert [profile.interviewer for profile in report.team_profiles] == of_teams
    assert first in [profile.interviewer for profile in restrict_to_team(report, team, flags).profiles]


def test_of_very_many_items_the_flagged_have_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_PAGES == 100
    monkeypatch.setattr("qa_reports.report.summarise.MOST_PAGES", 1)
    given = example_report_input()
    report = summary_of(given)
    with_page = [item for item in report.items if item.with_page]
    assert len(with_page) == 1
    assert len(with_page[0].flagged) == max(len(item.flagged) for item in report.items)
    assert all(not item.figures for item in report.items if not item.with_page)
    page = render_html(report)
    pages, table = section_source(page, "item-pages"), section_source(page, "items")
    assert pages.count('<details class="page"') == 1
    assert "results.xlsx have all of them" in section(page, "item-pages")
    for item in report.items:
        assert (f'id="item-{item.item}"' in pages) == item.with_page
        assert (f'id="item-{item.item}"' in table) != item.with_page


def test_a_pdf_carries_the_results_unless_they_are_very_large(
    summary: ReportSummary, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("weasyprint")
    if shutil.which("pdfdetach") is None:
        pytest.skip("no pdfdetach here (poppler-utils)")
    results, made = b'{"a": 1}', tmp_path / "report.pdf"

    def attached() -> str:
        made.write_bytes(render_pdf(summary, results))
        return subprocess.run(["pdfdetach", "-list", made], check=True, capture_output=True, text=True).stdout

    assert "results.json" in attached()
    monkeypatch.setattr("qa_reports.report.pdf_layout.MOST_ATTACHED", len(results) - 1)
    assert attached().startswith("0 embedded files")


@pytest.mark.browser
def test_a_profile_on_demand_says_why_somebody_is_worth_a_call(summary: ReportSummary, tmp_path: Path) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM.exists():
        pytest.skip("no Chromium here")
    path = tmp_path / "report.html"
    path.write_text(render_html(structs.replace(summary, profiles=())), encoding="utf-8")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        shown = browser.new_page()
        shown.goto(f"{path.as_uri()}#interviewer-{IDS[LOW]}")
        shown.wait_for_selector("#asked-for article")
        words = shown.inner_text("#asked-for")
        assert "Call first" in words
        assert "Nobody has to call" not in words
        assert all(reason.sentence in words for reason in summary.calls[0].explanation.reasons)
        assert shown.locator("#asked-for .badge.critical").count() == 1
        shown.evaluate("location.hash = 'interviewer-1009'")
        shown.wait_for_selector("#asked-for:has-text('Nobody has to call')")
        assert shown.locator("#asked-for .badge.critical, #asked-for p.say").count() == 0
        browser.close()
