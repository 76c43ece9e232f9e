"""The dashboard in Firefox; `test_html.py` has more, in Chromium."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.report.example_survey import example_report_input
from tests.report.firefox import FIREFOX, firefox
from tests.report.test_html import page_of


@pytest.mark.browser
@pytest.mark.skipif(FIREFOX is None, reason="no Firefox")
def test_the_dashboard_works_in_firefox(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(page_of(example_report_input()), encoding="utf-8")
    with firefox(tmp_path / "profile") as shown:
        shown.open(page.as_uri())
        shown.wait_for("!document.querySelector('details > noscript')")  # item pages are built while idle
        assert shown.run("return document.querySelectorAll('#item-pages table').length") > 5

        rows = "[...document.querySelectorAll('#items table tbody tr')].filter((row) => row.offsetParent)"
        first = f"return {rows}[0].cells[0].textContent.trim()"
        click = "document.querySelector('#items thead th:nth-child(2) button').click()"
        sorted_ways = {shown.run(f"{click}; {first}") for _ in range(2)}
        assert len(sorted_ways) == 2
        find = "const box = document.querySelector('#items input'); box.value = 'police'; "
        find += "box.dispatchEvent(new Event('input', { bubbles: true }))"
        assert shown.run(f"{find}; return {rows}.length") == 1

        # A profile made when it is asked for, which no browser has laid out before, is scrolled to all the same.
        for place, there in (("interviewer-1009", "#asked-for article"), ("item-pplhlp", "#item-pplhlp")):
            shown.open(f"{page.as_uri()}#{place}")
            shown.wait_for(f"document.querySelector('{there}')")
            top = f"document.querySelector('{there}').getBoundingClientRect().top"
            shown.wait_for(f"{top} >= 0 && {top} < innerHeight / 2")
        assert shown.run("return document.getElementById('item-pplhlp').open")
