"""Step 5, report: `feedback.pdf`, a page per interviewer with a bookmark, light enough for a thousand of them."""

from __future__ import annotations

import hashlib

from qa_reports.report.feedback import FeedbackSheets
from qa_reports.report.pdf import PdfUnavailable, pdf_obstacle, without_collector
from qa_reports.report.pdf_objects import write_once
from qa_reports.report.render import template_environment


def render_feedback(sheets: FeedbackSheets) -> bytes:
    """All sheets in one PDF; the same sheets give the same bytes.

    Raises:
        PdfUnavailable: WeasyPrint or Pango is missing.
    """
    obstacle = pdf_obstacle()
    if obstacle is not None:
        raise PdfUnavailable(obstacle)
    import weasyprint
    from weasyprint.urls import URLFetcher

    page = feedback_page(sheets)
    identifier = hashlib.sha256(page.encode("utf-8")).digest()[:16]
    with without_collector():
        document = weasyprint.HTML(string=page, url_fetcher=URLFetcher(allowed_protocols=()))
        return bytes(
            document.write_pdf(finisher=write_once, pdf_identifier=identifier, pdf_variant="pdf/a-3a", pdf_tags=True)
        )


def feedback_page(sheets: FeedbackSheets) -> str:
    """The HTML that is laid out, with its style inside."""
    return template_environment().get_template("feedback.html.j2").render(feedback=sheets)
