"""Every section of the page and of the printed report, as it was looked at last.

`pytest tests/report/test_sections.py --snapshot-update` writes them anew after a change.
Sections, never pages: what one shows must not depend on the others. The survey is that of `example_survey.py`.
"""

from __future__ import annotations

import re

import pytest
from msgspec import structs
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from qa_reports.effects.indicator_effects import estimate_indicators
from qa_reports.indicators.collect import measure_indicators
from qa_reports.report.pdf import print_page
from qa_reports.report.render import render_html
from qa_reports.report.results import results_document
from qa_reports.report.summarise import ReportSummary, summarise
from qa_reports.report.wave_results import results_of
from qa_reports.report.waves import Wave, compare_waves
from tests.report.example_survey import example_report_input

HTML_SECTIONS = (
    "verdict", "calls", "waves", "fingerprint", "items", "sensitivity", "item-pages", "indicators", "interviewers",
    "suspects", "cleaning", "methods",
)  # fmt: skip
PRINTED_SECTIONS = (
    "front", "contents", "waves", "suspects", "items", "heat-map", "sensitivity", "indicators", "profiles", "models",
    "item-pages", "cleaning", "methods", "glossary",
)  # fmt: skip


class Section(SingleFileSnapshotExtension):
    """One readable file per section."""

    _write_mode = WriteMode.TEXT
    file_extension = "html"


@pytest.fixture(scope="module")
def summary() -> ReportSummary:
    """The example survey with indicators, as measured, and an earlier wave that was just the same."""
    given = example_report_input()
    parts = {field.name: getattr(given, field.name) for field in structs.fields(given)}
    indicators = estimate_indicators(given.survey, measure_indicators(given.survey, given.config))
    document = results_document(
        given.survey, given.items, given.damages, given.flags, given.config, given.versions, "0" * 64
    )
    now = Wave("Wave 1", None, results_of(document))
    waves = compare_waves((Wave("Wave 0", None, now.results),), now, given.config.flags.false_discovery_rate, True)
    return summarise(**parts | {"indicators": indicators, "waves": waves})


@pytest.fixture(scope="module")
def html_sections(summary: ReportSummary) -> dict[str, str]:
    page = re.sub(r'(id="page-data">).*?(</script>)', r"\1\2", render_html(summary), flags=re.DOTALL)
    found = re.findall(r'(<section id="([a-z-]+)".*?</section>)', page, re.DOTALL)
    sections = {name: text for text, name in found}
    # One item stands for all of them.
    sections["item-pages"] = sections["item-pages"].partition("</details>")[0]
    return sections


@pytest.fixture(scope="module")
def printed_sections(summary: ReportSummary) -> dict[str, str]:
    page = print_page(summary).html
    sections: dict[str, str] = {}
    for text in re.findall(r"<section.*?</section>", page, re.DOTALL):
        name = next(name for name in PRINTED_SECTIONS if name in _names(text))
        sections.setdefault(name, text)
    return sections


def _names(section: str) -> set[str]:
    """What a printed section may be called: its own id, or that of its heading."""
    if 'class="survey-name"' in section:
        return {"front"}
    if 'class="contents"' in section:
        return {"contents"}
    if 'class="page profile"' in section:
        return {"profiles"}
    if re.match(r'<section class="flow">\s*<h3 id="item-', section):
        return {"item-pages"}
    return set(re.findall(r'<(?:section|h2)[^>]* id="([a-z-]+)"', section))


@pytest.mark.parametrize("name", HTML_SECTIONS)
def test_section_of_the_page(name: str, html_sections: dict[str, str], snapshot: SnapshotAssertion) -> None:
    if name not in html_sections:
        pytest.fail(f"the example survey has no section {name}")
    assert html_sections[name] == snapshot(extension_class=Section)


@pytest.mark.parametrize("name", PRINTED_SECTIONS)
def test_printed_section(name: str, printed_sections: dict[str, str], snapshot: SnapshotAssertion) -> None:
    if name not in printed_sections:
        pytest.fail(f"the example survey has no printed section {name}")
    assert printed_sections[name] == snapshot(extension_class=Section)


def test_no_section_is_left_out(html_sections: dict[str, str], printed_sections: dict[str, str]) -> None:
    assert set(html_sections) == set(HTML_SECTIONS)
    assert set(printed_sections) == set(PRINTED_SECTIONS)
