"""`results.xlsx`, read back from its XML."""

from __future__ import annotations

import io
import zipfile
from xml.etree import ElementTree

import pytest

from qa_reports.report.excel import results_xlsx
from qa_reports.report.results import results_document
from qa_reports.report.sheets import neutral
from tests.report.example_survey import example_report_input

NAMES = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


def workbook_of(*labels: str) -> zipfile.ZipFile:
    e = example_report_input(*labels)
    document = results_document(e.survey, e.items, e.damages, e.flags, e.config, e.versions, "ab" * 32, e.sensitivity)
    return zipfile.ZipFile(io.BytesIO(results_xlsx(document)))


def strings(workbook: zipfile.ZipFile) -> list[str]:
    root = ElementTree.fromstring(workbook.read("xl/sharedStrings.xml"))
    return ["".join(item.itertext()) for item in root.findall("m:si", NAMES)]


def test_every_sheet_with_frozen_headings_and_filters() -> None:
    workbook = workbook_of()
    root = ElementTree.fromstring(workbook.read("xl/workbook.xml"))
    names = [sheet.get("name") for sheet in root.findall("m:sheets/m:sheet", NAMES)]
    assert names == [
        *("flags", "interviewers", "items", "models", "fixed effects", "effects", "areas", "teams", "weights"),
        *("indicators", "indicators by interviewer", "similar interviews", "doubts", "cleaning"),
        *("item audit", "interviewer audit", "descriptives", "suspects"),
    ]
    words = strings(workbook)
    for number in range(1, len(names) + 1):
        sheet = ElementTree.fromstring(workbook.read(f"xl/worksheets/sheet{number}.xml"))
        pane = sheet.find("m:sheetViews/m:sheetView/m:pane", NAMES)
        assert pane is not None
        assert pane.get("state") == "frozen"
        assert sheet.find("m:autoFilter", NAMES) is not None
        cells = sheet.findall("m:sheetData/m:row[@r='1']/m:c/m:v", NAMES)
        headings = [words[int(cell.text or "")] for cell in cells]
        assert len(headings) == len(set(headings)) > 2


def test_effects_are_numbers_one_row_each() -> None:
    sheet = ElementTree.fromstring(workbook_of().read("xl/worksheets/sheet6.xml"))
    rows = sheet.findall("m:sheetData/m:row", NAMES)
    assert len(rows) == 1 + 5 * 12
    eblup = rows[1].findall("m:c", NAMES)[5]
    assert eblup.get("t") is None
    assert float(eblup.findtext("m:v", namespaces=NAMES) or "nan") == pytest.approx(
        example_report_input().items[0].judging.effects.eblup[0, 0]
    )


def test_rows_beyond_what_a_sheet_holds_are_said_to_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qa_reports.report.excel.MOST_RECORDS", 50)
    workbook = workbook_of()
    sheet = ElementTree.fromstring(workbook.read("xl/worksheets/sheet6.xml"))
    rows = sheet.findall("m:sheetData/m:row", NAMES)
    assert len(rows) == 1 + 50 + 1
    said = strings(workbook)[int(rows[-1].findtext("m:c/m:v", namespaces=NAMES) or "")]
    assert said == "10 more rows are in results.json: a sheet of Excel's has no place for them."
    filtered = sheet.find("m:autoFilter", NAMES)
    assert filtered is not None
    assert str(filtered.get("ref")).endswith("51")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_text_never_starts_like_a_formula(start: str) -> None:
    assert neutral(f"{start}1+1") == f" {start}1+1"
    assert neutral("plain") == "plain"


def test_hostile_text_is_a_string_cell() -> None:
    workbook = workbook_of('=HYPERLINK("http://x","y")', "@SUM(1)")
    assert ' =HYPERLINK("http://x","y")' in strings(workbook)
    assert " @SUM(1)" in strings(workbook)
    assert not any(text.startswith(("=", "+", "@", "-")) for text in strings(workbook))
    for name in workbook.namelist():
        assert b"<f>" not in workbook.read(name)
        assert b"hyperlink " not in workbook.read(name)


def test_same_document_same_bytes() -> None:
    first, second = workbook_of(), workbook_of()
    assert [first.read(n) for n in first.namelist()] == [second.read(n) for n in second.namelist()]
    assert [i.date_time for i in first.infolist()] == [i.date_time for i in second.infolist()]
    assert b"2000-01-01T00:00:00Z" in first.read("docProps/core.xml")


def cells_of(workbook: zipfile.ZipFile, number: int) -> list[list[str | None]]:
    """The rows of a sheet as texts: shared strings looked up, numbers as they are stored."""
    words = strings(workbook)
    sheet = ElementTree.fromstring(workbook.read(f"xl/worksheets/sheet{number}.xml"))
    rows = []
    for row in sheet.findall("m:sheetData/m:row", NAMES):
        texts: list[str | None] = []
        for cell in row.findall("m:c", NAMES):
            letters = (cell.get("r") or "A").rstrip("0123456789")
            place = sum((ord(letter) - 64) * 26**power for power, letter in enumerate(reversed(letters)))
            texts += [None] * (place - 1 - len(texts))  # empty cells are not in the file
            value = cell.findtext("m:v", namespaces=NAMES)
            texts.append(words[int(value)] if cell.get("t") == "s" and value else value)
        rows.append(texts + [None] * (len(rows[0]) - len(texts)) if rows else texts)
    return rows


def test_models_and_fixed_effects_have_a_row_each() -> None:
    workbook = workbook_of()
    models = cells_of(workbook, 4)
    assert [row[:3] for row in models[1:5]] == [
        ["trstplc", "null", "converged"],
        ["trstplc", "adjusted", "converged"],
        ["trstplc", "covariates", "failed"],
        ["pplhlp", "null", "converged"],
    ]
    assert models[1][models[0].index("ICC from")] == "0.012"
    assert models[1][models[0].index("exact p")] == "0.0031"
    assert models[3][models[0].index("reason")] == "Years of experience is the same for every interviewer."
    effects = cells_of(workbook, 5)
    assert effects[1][:3] == ["trstplc", "null", "(Intercept)"]
    assert float(effects[1][effects[0].index("standard error")] or "nan") == 0.12


def test_interviewers_have_their_spread_and_whom_to_ask_again() -> None:
    rows = cells_of(workbook_of(), 2)
    again = {row[0]: row[rows[0].index("respondents to re-contact first")] for row in rows[1:]}
    assert len((again["1003"] or "").split(", ")) == 5
    assert {value for name, value in again.items() if name != "1003"} == {None}
