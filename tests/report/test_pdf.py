"""`report.pdf`: what it says, its pages, its fonts, its bytes."""

from __future__ import annotations

import builtins
import io
import re
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest
from msgspec.structs import replace
from PIL import Image

from qa_reports.errors import UserError
from qa_reports.report.front_page import front_calls
from qa_reports.report.pdf import draw_pictures, print_page, printed_profiles, render_pdf
from qa_reports.report.pdf_layout import PdfUnavailable, lay_out, pdf_obstacle, write_pdf
from qa_reports.report.pdf_objects import LEVEL, deflated_sooner
from qa_reports.report.pdf_pictures import Picture, StandIns, source
from qa_reports.report.sensitivity import summarise_sensitivity
from qa_reports.report.summarise import ReportSummary, summarise
from tests.report.example_sensitivity import example_sensitivity
from tests.report.example_survey import example_report_input
from tests.report.web_checks import preflight_command

needs_pango = pytest.mark.skipif(pdf_obstacle() is not None, reason="no Pango")
needs_poppler = pytest.mark.skipif(shutil.which("pdftotext") is None, reason="no poppler-utils")


def summary(*labels: str) -> ReportSummary:
    e = example_report_input(*labels)
    return summarise(e.survey, e.items, e.damages, e.flags, e.config, e.printed_date, e.versions)


@pytest.fixture(scope="module")
def pdf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pdf") / "report.pdf"
    path.write_bytes(render_pdf(summary()))
    return path


def tool(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@needs_pango
@needs_poppler
def test_objects_are_deflated_sooner_only_while_a_pdf_is_written() -> None:
    import pydyf

    stream = pydyf.Stream([b"as long as it takes " * 500], compress=True)
    slowest = stream.data
    with deflated_sooner():
        sooner = stream.data
    assert stream.data == slowest
    packed = [one.partition(b"stream\n")[2].removesuffix(b"\nendstream") for one in (slowest, sooner)]
    assert [zlib.decompress(one) for one in packed] == [b"as long as it takes " * 500] * 2
    assert [zlib.compressobj(level).compress(b"")[1] for level in (9, LEVEL)] == [one[1] for one in packed]


def test_page_one_says_whom_to_call(pdf: Path) -> None:
    page = " ".join(tool("pdftotext", "-l", "1", "-layout", str(pdf), "-").split())
    assert "One of 12 interviewers is worth a call: 1003" in page
    assert "Interviewer 1003" in page
    assert "88 in Trust in the police" in page
    assert "Page 1 of" in page


@needs_pango
@needs_poppler
@pytest.mark.slow
@pytest.mark.parametrize(("n", "details"), [(1, {"whole"}), (3, {"whole", "short"}), (14, {"short", "line"})])
def test_the_call_list_fits_on_page_one(tmp_path: Path, n: int, details: set[str]) -> None:
    report, label = summary(), "Equal numbers of women and men in higher management: good for businesses "
    call = report.calls[0]
    reason = replace(call.explanation.reasons[0], sentence=f"In 41 interviews, {label * 3} lie 1.2 points below.")
    explanation = replace(call.explanation, reasons=(reason, reason, reason))
    calls = tuple(replace(call, explanation=explanation) for _ in range(n))
    report = replace(report, calls=calls, verdict=replace(report.verdict, notes=(label * 2,) * 4))
    assert {shown.detail for shown in front_calls(report)} == details
    made = tmp_path / "report.pdf"
    made.write_bytes(render_pdf(report))
    first = tool("pdftotext", "-l", "1", "-layout", str(made), "-")
    assert first.count("Interviewer 1003") == min(n, 10)
    assert "Glossary" in first  # the contents stand below the cards
    assert "Call list" not in tool("pdftotext", "-f", "2", "-l", "2", "-layout", str(made), "-")


def test_a_code_alone_prints_a_profile_only_where_it_moves_a_slope() -> None:
    report = summary()
    calls = {call.interviewer for call in report.calls}
    printed = {
        name
        for name in (one.interviewer for one in report.profiles)
        if f">Interviewer {name} " in print_page(report).html
    }
    assert printed == {one.interviewer for one in report.profiles}
    assert printed > calls
    flat = replace(report, profiles=tuple(replace(one, figures=()) for one in report.profiles))
    assert {one.interviewer for one in printed_profiles(flat)} == calls


@needs_pango
@needs_poppler
def test_every_part_is_there_with_its_running_header(pdf: Path) -> None:
    text = tool("pdftotext", "-layout", str(pdf), "-")
    for words in ("Data-preparation problems", "Interviewers by items", "Models of every item",
                  "Items, one by one", "Cleaning audit",
                  "Methods and provenance", "Glossary", "Always the same is not modelled", "SHA-256"):  # fmt: skip
        assert words in text
    pages = text.split("\f")[:-1]
    assert all("Trust Survey, Wave 1, Belgium" in page for page in pages)
    assert all(f"Page {number} of {len(pages)}" in page for number, page in enumerate(pages, start=1))


@needs_pango
@needs_poppler
def test_items_and_profiles_have_intervals_tests_and_influence(pdf: Path) -> None:
    text = " ".join(tool("pdftotext", "-layout", str(pdf), "-").split())
    for words in ("1.2% to 31%", ".002 / .003", "0 to 0.900", "Trust the test, not the standard error",
                  "Respondent covariates together: F(2; 96.4) = 4.20, p .018; LR 8.30, p .016",
                  "Who drives the slope variance (trstplc)", "rests 62% on their own 18 answers",
                  "correlation of intercept and trstplc", "AIC 623.5"):  # fmt: skip
        assert words in text


@needs_pango
@needs_poppler
def test_no_column_is_squeezed_to_a_letter_a_line(pdf: Path) -> None:
    lines = [line.strip() for line in tool("pdftotext", "-layout", str(pdf), "-").splitlines()]
    short = [line for line in lines if line.isalpha() and len(line) <= 2]
    assert len(short) < 5, short


@needs_poppler
def test_metadata_and_embedded_fonts(pdf: Path) -> None:
    facts = tool("pdfinfo", str(pdf))
    assert "Trust Survey, Wave 1: interviewer effects" in facts
    assert "Author" not in facts
    assert "Mar  1 00:00:00 2026" in facts
    fonts = tool("pdffonts", str(pdf)).splitlines()[2:]
    assert fonts
    assert all(line.split()[-5] == "yes" for line in fonts)


@needs_pango
@pytest.mark.skipif(shutil.which("qpdf") is None, reason="no qpdf")
def test_qpdf_finds_nothing_wrong(pdf: Path) -> None:
    assert "No syntax or stream encoding errors found" in tool("qpdf", "--check", str(pdf))


@needs_pango
@needs_poppler
def test_archivable_tagged_and_with_its_data_attached(tmp_path: Path) -> None:
    made, results = tmp_path / "report.pdf", b'{"schema_version": 1}\n'
    made.write_bytes(render_pdf(summary(), results))
    metadata = tool("pdfinfo", "-meta", str(made))
    assert re.search(r"pdfaid:part\W+3\b", metadata)
    assert re.search(r"pdfaid:conformance\W+A\b", metadata)
    assert "Tagged:          yes" in tool("pdfinfo", str(made))
    tool("pdfdetach", "-save", "1", "-o", str(tmp_path / "attached.json"), str(made))
    assert (tmp_path / "attached.json").read_bytes() == results
    assert made.read_bytes() == render_pdf(summary(), results)


ONLY_IN_PDF_A_1 = (
    r"cross reference streams are not allowed",
    r"EmbeddedFile entry is present in the Names dictionary",
    r"EmbeddedFile entry is present in a FileSpecification dictionary",
    r"The CIDSet entry is missing for the Composite Subset",
    # Written as attributes, as XMP allows, which it does not see: `test_archivable_tagged_...` reads part and level.
    r"Schema is not set in this document : http://www\.aiim\.org/pdfa/ns/id/",
)
"""What PDF/A-1 forbids or asks for and PDF/A-3 does not: Preflight knows part 1 only, whose other rules still hold."""


@needs_pango
def test_preflight_finds_nothing_that_pdf_a_forbids(tmp_path: Path) -> None:
    command, made = preflight_command(), tmp_path / "report.pdf"
    made.write_bytes(render_pdf(summary(), b"{}"))
    told = subprocess.run([*command, str(made)], capture_output=True, text=True, check=False)
    assert told.stderr == ""
    errors = [line for line in told.stdout.splitlines() if re.match(r"\d", line)]
    assert any("EmbeddedFile" in line for line in errors)  # it has looked
    assert [line for line in errors if not any(re.search(words, line) for words in ONLY_IN_PDF_A_1)] == []


def test_paper_shows_the_items_that_areas_teams_or_weights_move() -> None:
    given = example_sensitivity("Trust in the police", "1003")
    shown = summarise_sensitivity(
        given, {"trstplc": "Trust in the police", "pplhlp": "People are helpful", "gincdif": "Income"}
    )
    assert shown is not None
    assert [row.label for row in shown.rows][:2] == ["Trust in the police", "People are helpful"]
    # Two percentage points less with areas; the other item's ICC stays, and nothing of it lies between areas or teams.
    assert [row.label for row in shown.printed_rows] == ["Trust in the police"]


def test_items_with_flags_have_pages_and_all_where_asked() -> None:
    short = summary()
    flagged = [item.item for item in short.items if item.flagged]
    assert 0 < len(flagged) < len(short.items)
    assert list(short.printed_items) == flagged
    e = example_report_input()
    section = e.config.report.model_copy(update={"pdf_items": "all"})
    config = e.config.model_copy(update={"report": section})
    whole = summarise(e.survey, e.items, e.damages, e.flags, config, e.printed_date, e.versions)
    for shown in (short, whole):
        page = print_page(shown).html
        printed = [item.item for item in shown.items if f'<h3 id="item-{item.item}">' in page]
        assert printed == list(shown.printed_items)
    assert whole.printed_items == tuple(item.item for item in whole.items)


@needs_pango
@needs_poppler
def test_the_pictures_have_taken_the_place_of_their_stand_ins(pdf: Path) -> None:
    listed = tool("pdfimages", "-list", str(pdf)).splitlines()[2:]
    sizes = {(int(line.split()[3]), int(line.split()[4]), line.split()[5]) for line in listed}
    assert sizes == {(one.width, one.height, "rgb") for one in draw_pictures(summary())}


def test_pictures_have_the_size_that_the_page_gives_them() -> None:
    report = summary()
    heights = re.findall(r'<img src="picture:([0-9]+)"[^>]* style="height: ([0-9.]+)mm"', print_page(report).html)
    drawn = draw_pictures(report)
    assert [int(number) for number, _ in sorted(heights, key=lambda one: int(one[0]))] == list(range(1, len(drawn) + 1))
    assert {int(number): height for number, height in heights} == {
        number: f"{174 * one.height / one.width:.2f}" for number, one in enumerate(drawn, start=1)
    }
    assert all(len(zlib.decompress(one.deflated)) == one.width * one.height * 3 for one in drawn)


def test_stand_ins_tell_which_picture_they_stand_for() -> None:
    stand_ins = StandIns(2)
    found = [stand_ins.png(source(number)) or b"" for number in (1, 2)]
    assert [Image.open(io.BytesIO(png)).size for png in found] == [(1, 1), (2, 1)]
    for address in (
        "picture:0",
        "picture:3",
        "picture:-1",
        "picture:1x",
        "picture:",
        "file:///etc/passwd",
        source(10**9),
    ):
        assert stand_ins.png(address) is None


@needs_pango
def test_pages_laid_out_beforehand_are_the_same_and_kept_once() -> None:
    html = '<html lang="en"><title>t</title><h1>Words</h1><img src="picture:1" alt="a" style="height: 9mm">'
    shown = (Picture(1, 2, zlib.compress(bytes((1, 2, 3, 4, 5, 6)))),)
    at_once = write_pdf(html, shown)
    lay_out(html, 1)
    assert write_pdf(html, shown) == at_once
    assert write_pdf(html, shown) == at_once  # laid out anew: what was kept has been written
    assert write_pdf(html, (Picture(1, 2, zlib.compress(bytes(6))),)) != at_once


@needs_pango
def test_same_summary_same_bytes(pdf: Path) -> None:
    assert render_pdf(summary()) == pdf.read_bytes()


def test_page_loads_nothing_and_escapes_everything() -> None:
    printed = print_page(summary('<script>alert(1)</script><img src="file:///etc/passwd">', '"><b>1003</b>'))
    page = printed.html
    assert "<script" not in page
    assert "<b>1003" not in page
    named = re.findall(r'<img src="([^"]*)"', page)
    assert len(named) == page.count("<img")
    assert set(named) == {source(number) for number in range(1, printed.n_pictures + 1)}
    assert "url(" not in page


@needs_pango
def test_hostile_labels_make_a_pdf() -> None:
    assert render_pdf(summary("\u202e\U0001f600" + "x" * 300, "=1+1\x1f")).startswith(b"%PDF-")


def test_missing_library_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def without_pango(name: str, *rest: object, **options: object) -> object:
        if name.startswith("weasyprint"):
            raise OSError("cannot load library 'libpango-1.0-0'")
        return real_import(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without_pango)
    obstacle = pdf_obstacle()
    assert obstacle is not None
    assert "Pango" in obstacle
    assert "\n" not in obstacle
    assert issubclass(PdfUnavailable, UserError)
