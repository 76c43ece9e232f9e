"""Step 5, report: the files of a report, each rendered whole in memory."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from qa_reports.config import Format
from qa_reports.report.excel import results_xlsx
from qa_reports.report.pdf import render_pdf
from qa_reports.report.render import render_html
from qa_reports.report.results import results_json
from qa_reports.report.summarise import ReportSummary

FILE_NAMES: Mapping[Format, str] = MappingProxyType(
    {"html": "report.html", "pdf": "report.pdf", "json": "results.json", "xlsx": "results.xlsx"}
)
"""Name of the file of each format, the one to open first."""


def report_files(
    summary: ReportSummary, document: Mapping[str, object], formats: tuple[Format, ...]
) -> dict[str, bytes]:
    """Render a report: file name -> contents, in the order of `FILE_NAMES`.

    Args:
        summary: what the pages show.
        document: what `results_document` returns.
        formats: which files to make.
    """
    return {name: _rendered(form, summary, document) for form, name in FILE_NAMES.items() if form in formats}


def _rendered(form: Format, summary: ReportSummary, document: Mapping[str, object]) -> bytes:
    match form:
        case "html":
            return render_html(summary).encode("utf-8")
        case "pdf":
            return render_pdf(summary, results_json(document))
        case "json":
            return results_json(document)
        case "xlsx":
            return results_xlsx(document)
