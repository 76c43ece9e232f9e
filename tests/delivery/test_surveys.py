"""The page over several surveys, in a browser and before the judges of web pages."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from qa_reports.delivery.manifest import ManifestItem
from qa_reports.delivery.surveys import SurveyRow, SurveysIndex, facts_of, index_folder, write_surveys_index
from tests.delivery.archived import FACTS
from tests.report.web_checks import CHROMIUM, axe_source, nu_command


def some_surveys(folder: Path) -> Path:
    """Three reports, of which one knows no ICC, and one that failed."""
    rows = []
    for country, icc, flagged in (("Austria", 0.04, 3), ("Belgium", 0.12, 0), ("Cyprus", None, 21)):
        items = (ManifestItem("q1", "q1", "Trust in the police", icc), ManifestItem("q2", "q2", "Help", None))
        facts = replace(FACTS, country=country, items=items, n_flagged=flagged, expected_flagged=0.5)
        shown = facts_of(facts, folder / country, ("report.html", "results.json"), folder)
        rows.append(SurveyRow(f"{country}.yaml", shown, ()))
    rows.append(SurveyRow("Denmark.yaml", None, ("Denmark.yaml:3: itmes: is not a known key; did you mean items?",)))
    return write_surveys_index(SurveysIndex(tuple(rows)), folder)


def test_what_the_index_says(tmp_path: Path) -> None:
    page = some_surveys(tmp_path).read_text(encoding="utf-8")
    assert "of 36; by chance alone about 1.5" in page
    rows = json.loads((tmp_path / "index.json").read_text(encoding="utf-8"))["surveys"]
    assert [row["report"] and row["report"]["worst_icc"] for row in rows] == [0.04, 0.12, None, None]
    assert [row["report"] and row["report"]["n_items_modelled"] for row in rows] == [1, 1, 0, None]


def test_an_earlier_manifest_does_not_know_what_chance_would_flag(tmp_path: Path) -> None:
    known = SurveyRow("a.yaml", facts_of(replace(FACTS, expected_flagged=0.5), tmp_path, (), tmp_path), ())
    unknown = SurveyRow("b.yaml", facts_of(FACTS, tmp_path, (), tmp_path), ())
    assert SurveysIndex((known, known)).expected_flagged == 1.0
    assert SurveysIndex((known, unknown)).expected_flagged is None


def test_the_place_of_the_index(tmp_path: Path) -> None:
    configs = [tmp_path / "at" / "wave.yaml", tmp_path / "be" / "wave.yaml"]
    assert index_folder(configs, None) == tmp_path
    assert index_folder(configs[:1], None) == tmp_path / "at"
    assert index_folder(configs, Path("week3")) == Path("week3")


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_the_page_in_a_browser(tmp_path: Path, scheme: str, width: int) -> None:
    """It sorts, finds, fits the screen, and axe finds nothing."""
    sync_api = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM.exists():
        pytest.skip("no Chromium here")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(some_surveys(tmp_path).as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == width
        order = "[...document.querySelectorAll('tbody th .name')].map(name => name.textContent.split(' ')[0])"
        for heading, expected in (
            ("Typical ICC", ["Austria", "Belgium", "Cyprus"]),  # what is not known comes last
            ("Worth a call", ["Belgium", "Austria", "Cyprus"]),
        ):
            page.get_by_role("button", name=heading).click()
            assert page.evaluate(order) == expected
        page.get_by_label("Find a survey").fill("cypr")
        assert page.locator("tbody tr:visible").count() == 1
        page.get_by_label("Find a survey").fill("")
        page.evaluate(axe_source())
        found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
        assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found] == []
        assert complaints == []
        browser.close()


@pytest.mark.browser
def test_nu_checker_finds_no_error(tmp_path: Path) -> None:
    done = subprocess.run([*nu_command(), str(some_surveys(tmp_path))], capture_output=True, check=True)
    errors = [one["message"] for one in json.loads(done.stdout)["messages"] if one["type"] == "error"]
    assert [words for words in errors if "paint-order" not in words] == []
