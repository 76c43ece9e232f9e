"""Step 5, report: the files of a report, each rendered whole in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from qa_reports.config import Format
from qa_reports.report.feedback import FeedbackSheets
from qa_reports.report.pdf_layout import attached, lay_out, write_pdf
from qa_reports.report.pdf_pictures import Picture
from qa_reports.report.render import render_feedback, render_item_pages, render_page, with_item_pages
from qa_reports.report.results import results_json
from qa_reports.report.summarise import ReportSummary
from qa_reports.second_core import IN_TURN, SecondCore, give_way

FILE_NAMES: Mapping[Format, str] = MappingProxyType(
    {
        "html": "report.html",
        "pdf": "report.pdf",
        "json": "results.json",
        "xlsx": "results.xlsx",
        "feedback": "feedback.pdf",
        "parquet": "effects.parquet",
    }
)
"""Name of the file of each format, the one to open first."""


def report_files(
    summary: ReportSummary,
    document: Callable[[], Mapping[str, object]],
    formats: tuple[Format, ...],
    core: SecondCore = IN_TURN,
    drawing: SecondCore = IN_TURN,
    press: SecondCore = IN_TURN,
    feedback: FeedbackSheets | None = None,
) -> dict[str, bytes]:
    """Render a report: file name -> contents, in the order of `FILE_NAMES`.

    Args:
        summary: what the pages show.
        document: gives what `results_document` returns; asked once, when the pages are begun.
        formats: which files to make.
        core: where the page is made beside the numbers.
        drawing: where what a PDF shows is written and drawn, and the pages of items are made.
        press: where PDFs are laid out beside all that.
        feedback: the pages for interviewers, where they are asked for.
    """
    pdf, html = "pdf" in formats, "html" in formats
    if pdf:  # nothing takes as long as to lay pages out, so that nothing may hold it up
        core.start(give_way)
    printed = drawing.start(_printed_page, summary) if pdf else None
    if pdf:
        drawing.start(give_way)
    page = core.start(render_page, summary) if html else str
    pictures = drawing.start(_pictures, summary) if pdf else tuple
    item_pages = drawing.start(render_item_pages, summary) if html else str
    numbers = document()
    results = results_json(numbers)
    made: dict[Format, bytes] = {"json": results}
    begun: dict[Format, Callable[[], bytes]] = {}
    if printed is not None:
        pages, n_pictures = printed()
        press.start(lay_out, pages, n_pictures)  # while the pictures are drawn
        begun["pdf"] = press.start(write_pdf, pages, pictures(), attached(results, summary.heading.printed))
    if feedback is not None:
        begun["feedback"] = press.start(write_pdf, render_feedback(feedback))
    if "xlsx" in formats:
        made["xlsx"] = _xlsx(numbers)
    if "parquet" in formats:
        made["parquet"] = _parquet(numbers)
    if html:
        made["html"] = with_item_pages(page(), item_pages()).encode("utf-8")
    return {
        name: begun[form]() if form in begun else made[form] for form, name in FILE_NAMES.items() if form in formats
    }


def _printed_page(summary: ReportSummary) -> tuple[str, int]:
    """The page that is laid out, and how many pictures it names."""
    from qa_reports.report.pdf import print_page

    page = print_page(summary)
    return page.html, page.n_pictures


def _pictures(summary: ReportSummary) -> tuple[Picture, ...]:
    from qa_reports.report.pdf import draw_pictures

    return draw_pictures(summary)


def _parquet(document: Mapping[str, object]) -> bytes:
    from qa_reports.report.parquet import effects_parquet

    return effects_parquet(document)


def _xlsx(document: Mapping[str, object]) -> bytes:
    from qa_reports.report.excel import results_xlsx

    return results_xlsx(document)
