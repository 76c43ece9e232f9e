"""The page as judges of web pages see it: accessible, valid, printable."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from qa_reports.report.render import render_html
from qa_reports.report.summarise import summarise
from tests.report.example_survey import example_report_input
from tests.report.web_checks import CHROMIUM, axe_source, nu_command

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HOSTILE = '<img src=x onerror="alert(1)">\u202e\U0001f600' + "very long " * 30
UNKNOWN_TO_NU = ("paint-order",)
"""CSS that browsers know and the checker does not."""

pytestmark = pytest.mark.browser


def write_page(path: Path, label: str = "Trust in the police", interviewer: str = "1003") -> Path:
    given = example_report_input(label=label, interviewer=interviewer)
    fields = {name: getattr(given, name) for name in given.__struct_fields__}
    path.write_text(render_html(summarise(**fields)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    sync_api = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM.exists():
        pytest.skip("no Chromium here")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_with_everything_open(
    browser: Browser, tmp_path: Path, scheme: Literal["light", "dark"], width: int
) -> None:
    path, axe = write_page(tmp_path / "report.html"), axe_source()
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(f"{path.as_uri()}#interviewer-1009")
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    page.evaluate(axe)
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found] == []
    page.close()


def test_nu_checker_finds_no_error(tmp_path: Path) -> None:
    pages = [write_page(tmp_path / "calm.html"), write_page(tmp_path / "hostile.html", HOSTILE, HOSTILE)]
    done = subprocess.run([*nu_command(), *map(str, pages)], capture_output=True, check=True)
    messages = json.loads(done.stdout)["messages"]
    errors = [one["message"] for one in messages if one["type"] == "error"]
    assert [words for words in errors if not any(name in words for name in UNKNOWN_TO_NU)] == []


def test_hostile_labels_run_nothing_and_stay_on_the_page(browser: Browser, tmp_path: Path) -> None:
    path = write_page(tmp_path / "report.html", HOSTILE, HOSTILE)
    page = browser.new_page(viewport={"width": 390, "height": 844})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.goto(path.as_uri())
    page.get_by_label("Show interviewer").fill(HOSTILE)
    page.keyboard.press("Enter")
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    assert page.evaluate("document.querySelectorAll('img').length") == 0
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert complaints == []
    page.close()


def test_printed_page_has_no_buttons_and_all_cells(browser: Browser, tmp_path: Path) -> None:
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    page.goto(write_page(tmp_path / "report.html").as_uri())
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    assert [one for one in page.locator(".tools, nav, button.copy").all() if one.is_visible()] == []
    region = page.locator(".scroll.tall")
    assert region.evaluate("region => region.scrollHeight <= region.clientHeight + 1")
    page.close()


def test_deep_link_opens_the_profile_of_anybody_at_once(browser: Browser, tmp_path: Path) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{write_page(tmp_path / 'report.html').as_uri()}#interviewer-1009")
    page.wait_for_timeout(100)
    top = page.locator("#asked-for article").evaluate("article => article.getBoundingClientRect().top")
    assert 0 <= top < 450
    page.close()
