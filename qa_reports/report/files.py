"""Step 5, report: the files of a report, each rendered whole in memory."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from types import MappingProxyType

from qa_reports.config import Format
from qa_reports.libraries import properties_unlisted, without_collector
from qa_reports.report.feedback import FeedbackSheets
from qa_reports.report.pdf_layout import attached, lay_out, write_pdf
from qa_reports.report.pdf_pictures import Picture
from qa_reports.report.render import render_feedback, render_item_pages, render_page, with_item_pages
from qa_reports.report.results import results_json
from qa_reports.report.summarise import ReportSummary
from qa_reports.second_core import IN_TURN, SecondCore

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
    document: Mapping[str, object],
    formats: tuple[Format, ...],
    core: SecondCore = IN_TURN,
    press: SecondCore = IN_TURN,
    feedback: FeedbackSheets | None = None,
) -> dict[str, bytes]:
    """Render a report: file name -> contents, in the order of `FILE_NAMES`.

    Args:
        summary: what the pages show.
        document: what `results_document` returns.
        formats: which files to make.
        core: where the page is made beside the numbers, and what a PDF shows is written and drawn.
        press: where PDFs are laid out beside all that.
        feedback: the pages for interviewers, where they are asked for.
    """
    printed = core.start(_printed_page, summary) if "pdf" in formats else None
    pictures = core.start(_pictures, summary) if "pdf" in formats else tuple
    page = core.start(render_page, summary) if "html" in formats else str
    results = results_json(document)
    made: dict[Format, bytes] = {"json": results}
    begun: dict[Format, Callable[[], bytes]] = {}
    if printed is not None:
        pages, n_pictures = printed()
        press.start(lay_out, pages, n_pictures)  # while the pictures are drawn
    item_pages = render_item_pages(summary) if "html" in formats else ""
    if printed is not None:
        begun["pdf"] = press.start(write_pdf, pages, pictures(), attached(results, summary.heading.printed))
    if feedback is not None:
        begun["feedback"] = press.start(write_pdf, render_feedback(feedback))
    if "xlsx" in formats:
        made["xlsx"] = _xlsx(document)
    if "parquet" in formats:
        made["parquet"] = _parquet(document)
    if "html" in formats:
        made["html"] = with_item_pages(page(), item_pages).encode("utf-8")
    return {
        name: begun[form]() if form in begun else made[form] for form, name in FILE_NAMES.items() if form in formats
    }


def load_drawing() -> None:
    """Load what a PDF is written and drawn with, before there is anything to draw."""
    with without_collector(), properties_unlisted():
        importlib.import_module("qa_reports.report.pdf")


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
