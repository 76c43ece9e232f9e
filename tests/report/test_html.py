"""The page: section by section, offline, escaped, the same bytes every time, and alive in a browser."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import operator
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
import numpy as np
import pytest
from msgspec import structs

from qa_reports.effects.flag import Flags
from qa_reports.report import render
from qa_reports.report.render import anchor, render_html, template_environment, templates_folder
from qa_reports.report.summarise import summarise
from tests.report.example_survey import IDS, ExampleReportInput, example_report_input

if TYPE_CHECKING:
    from playwright.sync_api import Page

HOSTILE = '<script>alert("1")</script>\' onload="x" & \u202eright to left'
VOID = frozenset({"meta", "link", "br", "input", "img", "hr"})
CHROMIUM = Path("/usr/bin/chromium")


class Outline(HTMLParser):
    """Tags, ids and links of a page; fails on a tag that is closed by another."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        named = dict(attrs)
        self.ids += [named["id"] or ""] if "id" in named else []
        self.links += [named["href"] or ""] if "href" in named else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page_of(given: ExampleReportInput) -> str:
    return render_html(summarise(**{field.name: getattr(given, field.name) for field in structs.fields(given)}))


def section_source(page: str, name: str) -> str:
    found = re.search(rf'<section id="{name}".*?</section>', page, re.DOTALL)
    assert found is not None
    return found.group()


def section(page: str, name: str) -> str:
    """The words of one section, tags removed and blanks joined."""
    without_figures = re.sub(r"<svg.*?</svg>", " ", section_source(page, name), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", without_figures).split())


@pytest.fixture(scope="module")
def page() -> str:
    return page_of(example_report_input())


def test_sections_stand_in_the_order_they_are_read(page: str) -> None:
    wanted = [
        "verdict",
        "calls",
        "fingerprint",
        "items",
        "sensitivity",
        "item-pages",
        "interviewers",
        "suspects",
        "cleaning",
        "methods",
    ]
    assert re.findall(r'<section id="([a-z-]+)"', page) == wanted


def test_verdict(page: str) -> None:
    words = section(page, "verdict")
    assert "One of 12 interviewers is worth a call: 1003" in words
    assert "Interviews 143 by 12 interviewers" in words
    assert "Items modelled 3 of 4" in words
    assert "Worth a call 1 about 0.5 expected by chance" in words
    assert "Data preparation 1 problem to put right first" in words
    assert "worst: 43 of 138" in words


def test_call_list_puts_data_preparation_first(page: str) -> None:
    words = section(page, "calls")
    assert words.index("88 in Trust in the police Data preparation") < words.index("Interviewer 1003 Call first")
    assert "missing_codes: {77: Refusal, 88: &#34;Don&#39;t know&#34;}" in words
    assert "Interviews 18 \u00b7 team North" in words
    assert "1 interviewer with too few interviews to judge" in words
    assert "Re-contact some of the respondents" in words


def test_call_list_without_anybody_is_friendly() -> None:
    given = example_report_input()
    verdicts = tuple(structs.replace(verdict, severity="none") for verdict in given.flags.interviewers)
    calm = structs.replace(given, flags=Flags((), verdicts, given.flags.expected_by_chance))
    page = page_of(calm)
    assert "Nobody to call" in section(page, "calls")
    assert "<article" not in re.sub(
        r"<template.*?</template>", "", section_source(page, "interviewers"), flags=re.DOTALL
    )


def test_more_than_ten_calls_end_in_a_table() -> None:
    given = example_report_input()
    verdicts = tuple(structs.replace(verdict, severity="warning") for verdict in given.flags.interviewers)
    flags = tuple(
        structs.replace(given.flags.flags[0], interviewer=name, severity="warning", sentence=f"{name} differs.")
        for name in IDS
    )
    page = page_of(
        structs.replace(given, flags=Flags(flags, verdicts, given.flags.expected_by_chance)),
    )
    words = section(page, "calls")
    assert len(re.findall(r'class="card warning"', page)) == 10
    assert "More interviewers worth a call" in words
    assert f"{IDS[11]} differs." in words


def test_sensitivity_shows_areas_teams_and_weights(page: str) -> None:
    words = section(page, "sensitivity")
    assert "Interviewer and area cannot be told apart: 6 of 12 interviewers (50%) worked in one area only" in words
    assert "Left out here: 3 interviews without an area." in words
    assert "1003 vanishes People are helpful: \u22124.60, \u22121.40 Trust in the police: \u22122.40, without" in words
    assert "Trust in the police trstplc 7.0% 5.0% .020 2.5% .034 0.200 (0.0800) 0.100 3.700 fitted" in words
    assert "the variance between areas is estimated as zero" in words
    assert "all interviews are in one area" in words
    assert "With 2 teams the variance between teams is known roughly only." in words
    assert "Left out here: 4 interviews without a weight and 1 interview with a weight of 0." in words
    assert "Trust in the police trstplc 3.5% 4.1% 5.0% 2.1% 5.600 5.710 0.200 121 of 135 fitted" in words
    assert "Interviewer and area cannot be told apart" in section(page, "verdict")
    assert "no longer stands out (1003)" in section(page, "verdict")
    assert "The difference vanishes when areas are allowed for" in section(page, "calls")


def test_without_areas_teams_and_weights_there_is_no_section_on_sensitivity() -> None:
    page = page_of(structs.replace(example_report_input(), sensitivity=None))
    assert 'id="sensitivity"' not in page
    assert "when areas are allowed for" not in page


def test_fingerprint_has_everybody_the_strongest_evidence_first(page: str) -> None:
    words = section(page, "fingerprint")
    assert "1003 \u25c6 worth a call North 18 <.001".replace("<", "&lt;") in words
    source = section_source(page, "fingerprint")
    rows = re.findall(r"<tr data-alike.*?</tr>", source, re.DOTALL)
    assert len(rows) == 12
    assert len(re.findall(r'class="(?:[np]\d )?f"', rows[0])) == 2, "the cells that the flag rests on are framed"
    assert re.search(r'<td class="n4 f">\u2212\d+\.\d</td>', rows[0]), "colour, sign and number say the same"
    assert 'id="interviewer-1003"' not in rows[0], "the profile has this id"
    assert '<th scope="row" id="interviewer-1012">' in rows[-1], "without the script a link finds the row"


def test_page_data_has_every_interviewer_with_printed_numbers(page: str) -> None:
    found = re.search(r'<script type="application/json" id="page-data">(.*?)</script>', page)
    assert found is not None
    block = json.loads(found.group(1))
    assert sorted(person["id"] for person in block["people"]) == sorted(IDS)
    first = block["people"][0]
    assert (first["id"], first["n"], first["covariates"]) == ("1003", "18", ["2", "male"])
    assert [item["name"] for item in block["items"]] == ["trstplc", "pplhlp", "gincdif"]
    n, mean, _, z, p, own, rank, _, counts = first["cells"][1].split("|")
    assert re.fullmatch(r"\u2212\d\.\d\d", z)
    assert (p, own, rank) == ("<.001", "62%", "1.0")
    answers = [float(value) for value in block["items"][1]["answers"]]
    given = [int(count) for count in counts.split()]
    assert sum(given) == int(n)
    assert f"{sum(map(operator.mul, answers, given)) / int(n):.2f}" == mean


def test_items_table_has_numbers_status_and_reasons(page: str) -> None:
    words = section(page, "items")
    assert (
        "Trust in the police trstplc 3.5% 1.2% to 31% 1.2% 1.42 100 of 142 0.133 .002 exact .003 \u2013 10% adjusted "
        "fitted referee agrees" in words
    )
    assert "Reduce income differences gincdif 0% 1.2% to 31% \u2013" in words
    assert "zero variance" in words
    assert "Always the same constant : Every interview has the same answer, 4." in words


def test_item_pages_have_all_models(page: str) -> None:
    words = section(page, "item-pages")
    assert "Slope: interviewers may differ in the slope y ~ trstplc + (1 + trstplc | intnum) fitted" in words
    assert "failed Years of experience is the same for every interviewer. no estimates" in words
    assert "AIC" in words
    assert (
        "null intercept variance 0.133 0.110 0 to 0.900 8.10 .002 .003 \u00bd \u03c7\u00b2(0) \u00bd \u03c7\u00b2(1)"
        in words
    )
    assert "slope, REML correlation of intercept and trstplc" in words
    assert "\u22121.000 to 0.400" in words
    assert "slope, REML covariance of intercept and trstplc \u22120.0600 0.0210 \u2013" in words
    assert "slope, ML slope variance (trstplc)" in words
    assert "5.80 .035 \u2013 \u00bd \u03c7\u00b2(1) \u00bd \u03c7\u00b2(2)" in words
    assert "adjusted respondent covariates age, region: South 4.20 2 and 96.4 .018 8.30 2 .016" in words
    assert "trust the test, not the standard error" in words
    assert "Where a standard error is missing (\u2013), a variance is 0" in words
    assert "2.0 \u00d7 10\u207b\u2079" in words
    assert "Without 1 flagged interviewer the ICC is 6.1%" in words


def test_item_pages_say_who_drives_the_variance(page: str) -> None:
    words = section(page, "item-pages")
    assert "Who drives the intercept variance of People are helpful (adjusted model)" in words
    assert "1003 18 0.90 \u221210% " in words
    assert "Who drives the slope variance (trstplc) of People are helpful (slope model)" in words
    assert '<th scope="row"><a href="#interviewer-1003">1003</a></th><td class="number">18</td>' in page


def test_zero_variance_has_no_drivers_but_a_reason() -> None:
    given = example_report_input()
    item = given.items[0]
    effects = structs.replace(item.adjusted.effects, variance_ratio=np.full((12, 1), np.nan))
    unjudged = structs.replace(effects, cooks_distance=np.full(12, np.nan))
    pages = []
    for changed in (effects, unjudged):
        adjusted = structs.replace(item.adjusted, effects=changed)
        items = (structs.replace(item, adjusted=adjusted), *given.items[1:])
        pages.append(section(page_of(structs.replace(given, items=items)), "item-pages"))
    assert "nobody drives it; the order is that of Cook&#39;s distance. Interviewer left out" in pages[0]
    assert re.search(r" 10\d\d \d+ \u2013 \u2013 0\.97 0\.\d+ 1\.04 ", pages[0])
    assert "Who drives the intercept variance (adjusted model): Without one of the interviewers there are" in pages[1]


def test_profiles_say_how_much_an_estimate_can_carry(page: str) -> None:
    words = section(page, "interviewers")
    assert (
        "On “People are helpful”, the estimate of this interviewer&#39;s level rests 62% on their own 18 answers, the "
        "rest on what is usual among colleagues. Expected rank, allowing for chance: 1.0 of 12, 1 being the lowest."
        in words
    )
    assert "With 18 answers, only shifts of " in words
    assert "62% 1.0 of 12 " in words


def test_profiles_suspects_cleaning_and_methods(page: str) -> None:
    assert "Years of experience 2 Sex male" in section(page, "interviewers")
    assert "z \u22124.60, p <.001, q <.001".replace("<", "&lt;") in section(page, "interviewers")
    assert "without 146 5.10 2.1% 1003" in section(page, "suspects")
    assert "88 left in 147 5.70 39% 1003 , 1007" in section(page, "suspects")
    cleaning = section(page, "cleaning")
    assert "145 rows in the file = 143 used + 2 dropped (no interviewer id)." in cleaning
    assert "pplhlp 88 Don&#39;t know 3 1001 (2), 1005 (1)" in cleaning
    methods = section(page, "methods")
    assert "ready to paste into a quality report" in methods
    assert "statsmodels 0.14.4" in methods
    assert "3f" * 32 in methods
    assert "Design effect How many times larger" in methods


def test_page_is_well_formed_with_unique_ids_and_links_that_lead_somewhere(page: str) -> None:
    outline = Outline(page)
    assert len(outline.ids) == len(set(outline.ids))
    assert {link.removeprefix("#") for link in outline.links} <= set(outline.ids)
    assert {"header", "nav", "main", "footer"} <= set(outline.tags)


def test_page_asks_the_network_for_nothing(page: str) -> None:
    outline = Outline(page)
    assert not {"link", "img", "iframe", "object", "embed", "base"} & set(outline.tags)
    assert not [name for name, _ in outline.attributes if name in ("src", "style", "srcset") or name.startswith("on")]
    assert "http:" not in page
    assert "https:" not in page
    assert "url(" not in page


def test_only_our_own_style_and_script_may_run(page: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    assert "default-src &#39;none&#39;" in policy.group(1)
    assert "unsafe" not in policy.group(1)
    for element in ("style", "script"):
        (text,) = re.findall(rf"<{element}>(.*?)</{element}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{element}-src &#39;sha256-{digest}&#39;" in policy.group(1)


def test_every_table_has_a_caption_and_scoped_headings(page: str) -> None:
    tables = re.findall(r"<table.*?</table>", page, re.DOTALL)
    assert len(tables) > 15
    for table in tables:
        assert "<caption>" in table
        assert re.findall(r"<th(?! scope=)", table.replace("<thead", "")) == []


def test_hostile_labels_and_ids_change_nothing_but_the_text() -> None:
    page = page_of(example_report_input(label=HOSTILE, interviewer=HOSTILE))
    calm = Outline(page_of(example_report_input()))
    outline = Outline(page)
    assert outline.tags.count("script") == 2  # the page's data, and its script
    assert outline.tags == calm.tags
    assert not [name for name, _ in outline.attributes if name.startswith("on")]
    assert len(outline.ids) == len(set(outline.ids))
    assert {link.removeprefix("#") for link in outline.links} <= set(outline.ids)


def test_same_input_same_bytes(page: str) -> None:
    assert page_of(example_report_input()) == page


def test_anchors_are_valid_ids_and_never_collide() -> None:
    assert anchor("pplhlp", "item") == "item-pplhlp"
    names = ["a b", "a_b", "a_20_b", "a/b", "\u00e4", HOSTILE]
    ids = [anchor(name, "item") for name in names]
    assert len(set(ids)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", each) for each in ids)


def test_environment_escapes_and_refuses_unknown_names() -> None:
    environment = template_environment()
    assert environment.from_string("{{ word }}").render(word="<b>") == "&lt;b&gt;"
    with pytest.raises(jinja2.UndefinedError, match="nothing"):
        environment.from_string("{{ nothing }}").render()


def test_compiled_templates_are_kept_and_damaged_ones_compiled_anew(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "templates"
    shutil.copytree(templates_folder(), folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(render, "templates_folder", lambda: folder)
    assert page_of(example_report_input()) == page
    compiled = list((folder / "__pycache__").glob("*.cache"))
    assert len(compiled) > 10
    for path in compiled:
        path.write_bytes(path.read_bytes()[:40])
    assert page_of(example_report_input()) == page
    assert all(path.stat().st_size > 40 for path in compiled)


def test_every_partial_is_part_of_a_page() -> None:
    folder = templates_folder()
    sources = "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.j2"))
    unused = [path.name for path in (folder / "partials").glob("*.j2") if f"partials/{path.name}" not in sources]
    assert unused == []


@pytest.fixture
def browser_page(page: str, tmp_path: Path) -> Iterator[Page]:
    sync_api = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM.exists():
        pytest.skip("no Chromium here")
    path = tmp_path / "report.html"
    path.write_text(page, encoding="utf-8")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        shown = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark")
        complaints: list[str] = []
        shown.on("console", lambda message: complaints.append(message.text))
        shown.on("pageerror", lambda error: complaints.append(str(error)))
        shown.on("request", lambda request: None if request.url.startswith("file:") else complaints.append(request.url))
        shown.goto(path.as_uri())
        yield shown
        assert complaints == []
        browser.close()


@pytest.mark.browser
def test_profile_of_anybody_on_demand_and_their_marks_in_figures(browser_page: Page) -> None:
    browser_page.evaluate("location.hash = 'interviewer-1009'")
    browser_page.wait_for_selector("#asked-for article")
    words = browser_page.inner_text("#asked-for")
    assert "Interviewer 1009" in words
    assert "No call needed" in words
    assert browser_page.locator("#asked-for tbody tr").count() == 3
    assert browser_page.inner_text("#chosen-words") == "Highlighted: 1009"
    browser_page.evaluate("location.hash = 'item-pplhlp'")
    browser_page.wait_for_selector("#item-pplhlp svg .chosen text")
    marked = browser_page.locator("#item-pplhlp svg[data-who]:has(.chosen)")
    assert marked.count() == browser_page.locator("#item-pplhlp svg[data-who]").count() >= 5
    words = browser_page.locator("#item-pplhlp .chosen text").all_text_contents()
    assert {word for word in words if not word.endswith("%")} == {"1009", "1009 (9)"}
    assert browser_page.locator("#item-pplhlp svg:has(path.bar) .chosen path").count() == 1
    browser_page.get_by_role("button", name="Clear").click()
    assert browser_page.locator("svg .chosen").count() == 0
    browser_page.get_by_label("Show interviewer").fill("1003")
    browser_page.keyboard.press("Enter")
    browser_page.wait_for_selector("#chosen-words:has-text('1003')")


@pytest.mark.browser
def test_bars_of_a_highlighted_interviewer_that_are_higher_than_the_figure_say_so(browser_page: Page) -> None:
    browser_page.evaluate("location.hash = 'item-pplhlp'")
    browser_page.wait_for_selector("#item-pplhlp svg path.bar")
    drawn = browser_page.evaluate(
        """() => {
          const k = pageData.items.findIndex((item) => item.anchor === "item-pplhlp");
          return pageData.people.map((person, position) => {
            choose(position);
            const group = document.querySelector("#item-pplhlp g.chosen.answers");
            return group && [
              person.cells[k].split("|")[8].split(" ").map(Number),
              group.querySelector("path").getAttribute("d").split("z").slice(0, -1),
              [...group.querySelectorAll("text")].map((text) => text.textContent),
            ];
          }).filter(Boolean);
        }"""
    )
    cut = 0
    for counts, bars, words in drawn:
        high = [k for k, bar in enumerate(bars) if "l" in bar]
        assert all(0 <= -float(re.split("[hl]", bar.partition("v")[2])[0]) <= 184 for bar in bars)
        assert words[:-1] == [f"{100 * counts[k] / sum(counts):.0f}%" for k in high]
        assert not high or max(counts) == max(counts[k] for k in high)
        cut += len(high)
    assert len(drawn) > 5
    assert 0 < cut < sum(len(bars) for _, bars, _ in drawn)


@pytest.mark.browser
def test_item_pages_are_built_while_idle_at_once_where_wanted_and_without_a_script(browser_page: Page) -> None:
    browser_page.wait_for_selector("details > noscript", state="detached")
    built = browser_page.evaluate("document.querySelector('#item-pages').innerHTML")
    browser_page.evaluate("document.querySelectorAll('details.page').forEach((fold) => { fold.open = true; })")
    assert browser_page.locator("#item-pages table:visible").count() > 5

    # Opened, linked to and printed before anybody had time.
    browser = browser_page.context.browser
    assert browser is not None
    busy = browser.new_page()
    busy.add_init_script("globalThis.requestIdleCallback = () => {}")
    busy.goto(browser_page.url.partition("#")[0] + "#item-gincdif")
    waiting = "[...document.querySelectorAll('details:has(> noscript)')].map((fold) => fold.id)"
    assert busy.evaluate(waiting) == ["item-trstplc", "item-pplhlp"]
    assert busy.locator("#item-gincdif table:visible").count() > 2
    busy.locator("#item-pplhlp > summary").click()
    busy.wait_for_selector("#item-pplhlp .tools button")
    busy.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert busy.evaluate(waiting) == []
    assert "<noscript" not in busy.evaluate("document.querySelector('#item-pages').innerHTML")
    busy.close()

    bare = browser.new_page(java_script_enabled=False)
    bare.goto(browser_page.url.partition("#")[0])
    bare.locator("#item-pplhlp > summary").click()
    assert bare.locator("#item-pplhlp svg.figure").first.is_visible()
    assert bare.locator("#item-pplhlp table:visible").count() > 2
    assert built.count("<table") >= bare.locator("#item-pages table").count() > 5
    bare.close()


@pytest.mark.browser
def test_fingerprint_by_keyboard_and_pointer(browser_page: Page) -> None:
    table = browser_page.locator("table.fingerprint")
    first = table.locator("tbody tr").first
    first.locator("th").focus()
    browser_page.keyboard.press("End")
    readout = browser_page.locator(".readout")
    assert "Interviewer 1003, team North, 18 interviews; Reduce income differences: z" in readout.inner_text()
    browser_page.keyboard.press("ArrowDown")
    assert "Reduce income differences" in readout.inner_text()
    assert "1003" not in readout.inner_text()
    table.locator("tbody tr").nth(4).locator("td").nth(4).hover()
    assert "scale points from colleagues; their mean" in readout.inner_text()
    shown = "[...document.querySelectorAll('table.fingerprint tbody tr:not([hidden]) th a')].map(a => a.textContent)"
    before = browser_page.evaluate(shown)
    browser_page.get_by_label("Interviewers: order").select_option("interviewer")
    assert browser_page.evaluate(shown) == sorted(before)
    columns = "[...document.querySelectorAll('table.fingerprint thead th.item')].map(th => th.title)"
    in_order = browser_page.evaluate(columns)
    browser_page.get_by_label("Items: order").select_option("alike beside alike")
    assert sorted(browser_page.evaluate(columns)) == sorted(in_order)
    browser_page.get_by_label("Find an interviewer or a team").fill("south")
    assert len(browser_page.evaluate(shown)) == 6
    table.locator("tbody tr:not([hidden]) th").first.focus()
    assert "team South" in readout.inner_text()
    browser_page.keyboard.press("Enter")
    assert browser_page.evaluate("location.hash").startswith("#interviewer-")


@pytest.mark.browser
def test_tables_are_downloaded_as_harmless_csv_and_terms_explained(browser_page: Page) -> None:
    browser_page.evaluate("document.querySelector('#items tbody th .name').textContent = '=1+1'")
    with browser_page.expect_download() as caught:
        browser_page.get_by_label("Download the table as CSV: Interviewer effects by item").click()
    assert caught.value.suggested_filename == "interviewer-effects-by-item.csv"
    text = caught.value.path().read_text(encoding="utf-8-sig")
    rows = list(csv.reader(text.splitlines()))
    assert [len(row) for row in rows] == [len(rows[0])] * 4
    assert not [field for row in rows for field in row if re.match(r"[=@+]", field)]
    fields = browser_page.evaluate("['=1+1', '\u22121,234.5', '+2.3', '-cmd'].map(csvField)")
    assert fields == [" =1+1", "-1234.5", "2.3", " -cmd"]
    browser_page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: {writeText: (t) => { copied = t; }}})")
    browser_page.get_by_label("Copy the table: Interviewer effects by item").click()
    copied = browser_page.evaluate("copied").split("\n")
    assert [line.count("\t") for line in copied] == [copied[0].count("\t")] * 4
    assert not [cell for line in copied for cell in line.split("\t") if re.match(r"[=@+]", cell)]
    browser_page.locator("#items").get_by_role("button", name="Design effect").focus()
    assert "How many times larger the variance" in browser_page.inner_text("#tip")
    browser_page.keyboard.press("Escape")
    assert not browser_page.locator("#tip").is_visible()


@pytest.mark.browser
def test_phone_sorting_filtering_and_deep_links(browser_page: Page) -> None:
    names = "[...document.querySelectorAll('#items tbody tr:not([hidden]) th .name')].map(cell => cell.textContent)"
    assert browser_page.evaluate("document.documentElement.scrollWidth") == 390
    assert browser_page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(19, 23, 27)"
    assert browser_page.evaluate(names) == ["trstplc", "pplhlp", "gincdif"]
    heading = browser_page.locator("#items").get_by_role("button", name="Interviewer ICC")
    heading.focus()
    browser_page.keyboard.press("Enter")
    assert browser_page.evaluate(names) == ["gincdif", "trstplc", "pplhlp"]
    browser_page.keyboard.press("Enter")
    assert browser_page.evaluate(names) == ["pplhlp", "trstplc", "gincdif"]
    browser_page.get_by_label("Find an item").first.fill("TRUST IN")
    assert browser_page.evaluate(names) == ["trstplc"]
    browser_page.evaluate("location.hash = 'item-gincdif'")
    browser_page.wait_for_selector("#item-gincdif[open]")
    for details in browser_page.query_selector_all("details"):
        details.evaluate("element => { element.open = true; }")
    assert browser_page.evaluate("document.documentElement.scrollWidth") == 390
