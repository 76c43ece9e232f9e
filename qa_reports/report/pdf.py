"""Step 5, report: `report.pdf`, the report for the mail and the printer, laid out by WeasyPrint.

WeasyPrint is imported only when a PDF is asked for: it needs Pango, which may be missing, and takes a while to load.
"""

from __future__ import annotations

import contextlib
import datetime
import gc
import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from msgspec import Struct

from qa_reports.errors import UserError
from qa_reports.libraries import named_by_their_files
from qa_reports.report.figures import AnswerScatter, Figure
from qa_reports.report.front_page import MOST_CALLS, MOST_PROBLEMS, MOST_TOO_FEW, front_calls
from qa_reports.report.heat_map import HeatMap
from qa_reports.report.interviewers import Profile
from qa_reports.report.limits import MOST_ATTACHED, MOST_NAMED
from qa_reports.report.panels import draw_heat_map, draw_panels
from qa_reports.report.pdf_objects import write_once
from qa_reports.report.pdf_pictures import Picture, StandIns, picture
from qa_reports.report.render import template_environment
from qa_reports.report.summarise import ReportSummary

HEAT_MAP_ROWS = 56
"""Interviewers on the printed heat map; the others, who have the weakest evidence, are in the workbook."""

PREPARATION_PROFILES = 3
"""Printed profiles of interviewers with a suspicious code and no flag of their own."""

PROFILE_FIGURES = 3
"""Figures of answers on a printed profile; report.html has all."""


class PdfUnavailable(UserError):
    """WeasyPrint or a library it needs is missing; the message says what to install."""


class PrintPictures(Struct, frozen=True):
    """All pictures of the printed report, by the part they belong to."""

    heat_map: Picture | None
    items: dict[str, tuple[Picture, ...]]
    """A picture per row of figures, so that a page may end between them."""
    strips: dict[str, Picture]
    profiles: dict[str, Picture]
    suspects: tuple[Picture | None, ...]

    def all(self) -> tuple[Picture, ...]:
        """Every picture that the page names."""
        rows = (row for rows in self.items.values() for row in rows)
        parts = (self.heat_map, *rows, *self.strips.values(), *self.profiles.values(), *self.suspects)
        return tuple(part for part in parts if part is not None)


class PrintedPage(Struct, frozen=True):
    """What WeasyPrint lays out: the HTML with its style inside, and the pictures it names."""

    html: str
    pictures: tuple[Picture, ...]


def pdf_obstacle() -> str | None:
    """Why no PDF can be made here, in one sentence that says what to install; None when one can."""
    try:
        _load_weasyprint()
    except PdfUnavailable as missing:
        return str(missing)
    return None


def render_pdf(summary: ReportSummary, results: bytes | None = None) -> bytes:
    """The report as a tagged A4 PDF/A-3a for the archive; the same summary gives the same bytes.

    Nothing is loaded from files or the network while it is laid out: the page carries its own pictures.

    Args:
        summary: what the pages show.
        results: `results.json`, attached as the data behind the report unless it is very large; None for a team's
            part.

    Raises:
        PdfUnavailable: WeasyPrint or Pango is missing.
    """
    weasyprint, fetcher_of = _load_weasyprint()
    page = print_page(summary)
    stand_ins = StandIns(page.pictures)

    def finish(document: object, pdf: Any) -> None:
        stand_ins.replace(pdf)
        write_once(document, pdf)

    # The addresses of the pictures are digests of them.
    identifier = hashlib.sha256(page.html.encode("utf-8")).digest()[:16]
    carried = results if results is not None and len(results) <= MOST_ATTACHED else None
    attached = [] if carried is None else [_attachment(weasyprint, carried, summary.heading.printed)]
    with without_collector():
        document = weasyprint.HTML(string=page.html, url_fetcher=fetcher_of(stand_ins))
        return bytes(
            document.write_pdf(
                finisher=finish,
                pdf_identifier=identifier,
                pdf_variant="pdf/a-3a",
                pdf_tags=True,
                attachments=attached,
            )
        )


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """A layout makes a million objects that all live until it ends: looking for garbage among them costs a tenth.

    Nor are they looked through as soon as it has ended: they count as old, until the collector looks through all.
    Who lays out many documents collects in between.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.unfreeze()
        if was_on:
            gc.enable()


def _attachment(weasyprint: Any, results: bytes, day: datetime.date) -> Any:
    """results.json with the report's own date, so that bytes repeat."""
    noon = datetime.datetime.combine(day, datetime.time(12), datetime.UTC)
    return weasyprint.Attachment(
        string=results,
        name="results.json",
        description="Every number of this report, unrounded",
        created=noon,
        modified=noon,
        relationship="Data",
    )


def print_page(summary: ReportSummary) -> PrintedPage:
    """The HTML that WeasyPrint lays out and the pictures it names."""
    template = template_environment().get_template("print.html.j2")
    shown = 0 if summary.heat_map is None else min(len(summary.heat_map.interviewers), HEAT_MAP_ROWS)
    profiles = printed_profiles(summary)
    pictures = _draw_pictures(summary, profiles)
    html = template.render(
        report=summary,
        front_calls=front_calls(summary),
        most_calls=MOST_CALLS,
        most_problems=MOST_PROBLEMS,
        most_too_few=MOST_TOO_FEW,
        most_named=MOST_CALLS + MOST_NAMED,
        with_profile=frozenset(profile.interviewer for profile in profiles),
        profiles=profiles,
        pictures=pictures,
        heat_map_shown=shown,
        captions=_captions(summary),
    )
    return PrintedPage(html, pictures.all())


def printed_profiles(summary: ReportSummary) -> tuple[Profile, ...]:
    """Who is worth a call or looked into, and of those whose file needs mending who shows what it does to a slope.

    The others behind a data-preparation problem are listed with it; of very many worth a call the surest have one.
    """
    own = [one for one in summary.profiles if any(flag.severity != "data_preparation" for flag in one.flags)]
    shown = [
        one for one in summary.profiles if one not in own and any(isinstance(f, AnswerScatter) for f in one.figures)
    ]
    return (*own, *shown[:PREPARATION_PROFILES])


def _load_weasyprint() -> tuple[Any, Callable[[StandIns], Any]]:
    """WeasyPrint, and what makes a fetcher that knows stand-ins for pictures and nothing else."""
    try:
        # Without Pango, WeasyPrint prints a banner to stdout, where only the program's own last line belongs.
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                with named_by_their_files():
                    import weasyprint
            except OSError:  # its libraries are in no usual place
                import weasyprint
            from weasyprint.urls import URLFetcher, URLFetcherResponse
    except (ImportError, OSError) as error:
        raise PdfUnavailable(
            "the PDF needs WeasyPrint 68 or newer and the Pango library; on Debian and Ubuntu install it by "
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


def _draw_pictures(summary: ReportSummary, profiles: Sequence[Profile]) -> PrintPictures:
    heat_map = summary.heat_map
    return PrintPictures(
        heat_map=None if heat_map is None else _heat_map_picture(heat_map),
        items={
            item.item: tuple(_picture(item.figures[k : k + 3], 3) for k in range(0, len(item.figures), 3))
            for item in summary.items
            if item.figures and item.item in summary.printed_items
        },
        strips={who.interviewer: _picture([who.strip], 1) for who in profiles if who.strip is not None},
        profiles={
            who.interviewer: _picture(who.figures[:PROFILE_FIGURES], min(3, max(2, len(who.figures))))
            for who in profiles
            if who.figures
        },
        suspects=tuple(
            _picture(figures, 2) if (figures := [f for c in suspect.comparisons for f in c.figures]) else None
            for suspect in summary.suspects
        ),
    )


def _heat_map_picture(heat_map: HeatMap) -> Picture:
    part = heat_map.rows(0, HEAT_MAP_ROWS)
    return picture(f"{part.title}: {part.interviewers[0]} to {part.interviewers[-1]}", draw_heat_map(part))


def _picture(figures: Sequence[Figure], columns: int) -> Picture:
    return picture("; ".join(figure.title for figure in figures), draw_panels(figures, columns))


def _captions(summary: ReportSummary) -> tuple[tuple[str, str], ...]:
    """(title, how to read it) of every kind of item figure, each once: a page per item need not repeat them."""
    captions: dict[str, str] = {}
    for item in summary.items:
        for figure in item.figures if item.item in summary.printed_items else ():
            captions.setdefault(figure.caption, figure.title.partition(": ")[0])
    return tuple((title, caption) for caption, title in captions.items())
