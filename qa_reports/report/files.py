"""Step 5, report: the files of a report, each rendered whole in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from qa_reports.config import Format
from qa_reports.report.feedback import FeedbackSheets
from qa_reports.report.render import render_item_pages, render_page, with_item_pages
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
        core: where the page is made beside the numbers.
        press: where the PDF is made beside both.
        feedback: the pages for interviewers, where they are asked for.
    """
    page = core.start(render_page, summary) if "html" in formats else str
    results = results_json(document)
    made: dict[Format, Callable[[], bytes]] = {
        "pdf": press.start(_pdf, summary, results) if "pdf" in formats else bytes,
        "feedback": bytes if feedback is None else press.start(_feedback, feedback),
        "json": lambda: results,
        "parquet": lambda: _parquet(document),
        "xlsx": lambda: _xlsx(document),
        "html": lambda: _page(page, render_item_pages(summary)),
    }
    contents = {form: make() for form, make in reversed(made.items()) if form in formats}
    return {name: contents[form] for form, name in FILE_NAMES.items() if form in formats}


def _page(rest: Callable[[], str], item_pages: str) -> bytes:
    """The pages of items are made while the rest is."""
    return with_item_pages(rest(), item_pages).encode("utf-8")


def _pdf(summary: ReportSummary, results: bytes) -> bytes:
    """What draws and lays out is loaded where it is needed: in the second process, and only for a PDF."""
    from qa_reports.report.pdf import render_pdf

    return render_pdf(summary, results)


def _feedback(sheets: FeedbackSheets) -> bytes:
    """Likewise."""
    from qa_reports.report.feedback_pdf import render_feedback

    return render_feedback(sheets)


def _parquet(document: Mapping[str, object]) -> bytes:
    from qa_reports.report.parquet import effects_parquet

    return effects_parquet(document)


def _xlsx(document: Mapping[str, object]) -> bytes:
    from qa_reports.report.excel import results_xlsx

    return results_xlsx(document)
