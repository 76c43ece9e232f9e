"""Step 5, report: pages become a PDF, laid out by WeasyPrint; `pdf.py` says what stands on them.

Little but WeasyPrint is imported, and that only when a PDF is asked for: it needs Pango, which may be missing, and
takes a while to load. So a process of its own can have it ready before there is anything to lay out.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import importlib
import io
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from qa_reports.config import Format
from qa_reports.errors import UserError
from qa_reports.libraries import named_by_their_files, properties_unlisted, without_collector
from qa_reports.report.limits import MOST_ATTACHED
from qa_reports.report.pdf_objects import LEVEL, deflated_sooner, write_once
from qa_reports.report.pdf_pictures import Picture, StandIns

LAID_OUT: frozenset[Format] = frozenset(("pdf", "feedback"))
"""What WeasyPrint is needed for."""


class PdfUnavailable(UserError):
    """WeasyPrint or a library it needs is missing; the message says what to install."""


class Attached(Struct, frozen=True):
    """`results.json`, which a PDF carries as the data behind it, and the report's own date."""

    results: bytes
    deflated: bytes
    """The same, deflated before it is sent: whoever lays out has more to do than anybody else."""
    day: datetime.date


def attached(results: bytes, day: datetime.date) -> Attached | None:
    """`results.json` as a PDF carries it; None where it is very large."""
    return Attached(results, zlib.compress(results, LEVEL), day) if len(results) <= MOST_ATTACHED else None


def pdf_obstacle() -> str | None:
    """Why no PDF can be made here, in one sentence that says what to install; None when one can."""
    try:
        _load_weasyprint()
    except PdfUnavailable as missing:
        return str(missing)
    return None


_laid_out: dict[str, Any] = {}
"""Pages that this process has laid out and not yet written."""


def lay_out(html: str, n_pictures: int) -> None:
    """Lay pages out and keep them for `write_pdf` in the same process: their pictures may not be drawn yet.

    Args:
        html: the page with its style inside; pictures are named `picture:1` to `picture:n_pictures`.

    Raises:
        PdfUnavailable: WeasyPrint or Pango is missing.
    """
    with without_collector():
        _laid_out[html] = _document(html, n_pictures)


def write_pdf(html: str, pictures: Sequence[Picture] = (), attached: Attached | None = None) -> bytes:
    """A tagged A4 PDF/A-3a for the archive; the same page and pictures give the same bytes.

    Nothing is loaded from files or the network: the page carries its own pictures.

    Args:
        html: as for `lay_out`, which need not have been called before.
        pictures: in the order of their numbers.

    Raises:
        PdfUnavailable: WeasyPrint or Pango is missing.
    """

    def finish(_: object, pdf: Any) -> None:
        StandIns(len(pictures)).replace(pdf, pictures)
        write_once(pdf, b"" if attached is None else attached.deflated)

    identifier = hashlib.sha256(html.encode("utf-8"))
    for one in pictures:
        identifier.update(one.deflated)
    with without_collector():
        document = _laid_out.pop(html, None) or _document(html, len(pictures))
        with deflated_sooner():
            return bytes(
                document.write_pdf(
                    finisher=finish,
                    pdf_identifier=identifier.digest()[:16],
                    attachments=[] if attached is None else [_attachment(attached)],
                    **_VARIANT,
                )
            )


_VARIANT: dict[str, Any] = {"pdf_variant": "pdf/a-3a", "pdf_tags": True}


def _document(html: str, n_pictures: int) -> Any:
    weasyprint, fetcher_of = _load_weasyprint()
    return weasyprint.HTML(string=html, url_fetcher=fetcher_of(StandIns(n_pictures))).render(**_VARIANT)


def _attachment(attached: Attached) -> Any:
    """results.json with the report's own date, so that bytes repeat."""
    weasyprint, _ = _load_weasyprint()
    noon = datetime.datetime.combine(attached.day, datetime.time(12), datetime.UTC)
    return weasyprint.Attachment(
        string=attached.results,
        name="results.json",
        description="Every number of this report, unrounded",
        created=noon,
        modified=noon,
        relationship="Data",
    )


def load_drawing() -> None:
    """Load what a PDF is written and drawn with, before there is anything to draw."""
    with without_collector(), properties_unlisted():
        importlib.import_module("qa_reports.report.pdf")


def _load_weasyprint() -> tuple[Any, Callable[[StandIns], Any]]:
    """WeasyPrint, and what makes a fetcher that knows stand-ins for pictures and nothing else."""
    try:
        # Without Pango, WeasyPrint prints a banner to stdout, where only the program's own last line belongs.
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                with named_by_their_files(), without_collector():
                    import weasyprint
            except OSError:  # its libraries are in no usual place
                import weasyprint
            from weasyprint.urls import URLFetcher, URLFetcherResponse
    except (ImportError, OSError) as error:
        raise PdfUnavailable(
            "the PDF needs WeasyPrint 70 or newer and the Pango library; on Debian and Ubuntu install it by "
            f"'apt install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0' ({str(error).splitlines()[0]})"
        ) from error

    class Fetcher(URLFetcher):  # type: ignore[misc]  # WeasyPrint has no types
        def __init__(self, stand_ins: StandIns) -> None:
            super().__init__(allowed_protocols=())
            self._stand_ins = stand_ins

        def fetch(self, url: str, headers: object = None) -> Any:
            png = self._stand_ins.png(url)
            if png is None:
                raise ValueError(f"the printed page loads nothing: {url[:60]}")
            return URLFetcherResponse(url, png, {"Content-Type": "image/png"})

    return weasyprint, Fetcher
