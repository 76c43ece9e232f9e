"""Step 5, report: `feedback.pdf`, a page per interviewer with a bookmark, light enough for a thousand of them."""

from __future__ import annotations

from qa_reports.report.feedback import FeedbackSheets
from qa_reports.report.pdf_layout import write_pdf
from qa_reports.report.render import template_environment


def render_feedback(sheets: FeedbackSheets) -> bytes:
    """All sheets in one PDF; the same sheets give the same bytes.

    Raises:
        PdfUnavailable: WeasyPrint or Pango is missing.
    """
    return write_pdf(feedback_page(sheets))


def feedback_page(sheets: FeedbackSheets) -> str:
    """The HTML that is laid out, with its style inside."""
    return template_environment().get_template("feedback.html.j2").render(feedback=sheets)
