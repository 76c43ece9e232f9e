"""Step 5, report: `report.pdf`, the report for the mail and the printer; `pdf_layout.py` lays it out."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from msgspec import Struct

from qa_reports.report.draw import in_pixels
from qa_reports.report.figures import AnswerScatter, Figure
from qa_reports.report.front_page import MOST_CALLS, MOST_PROBLEMS, MOST_TOO_FEW, front_calls
from qa_reports.report.heat_map import HeatMap
from qa_reports.report.interviewers import Profile
from qa_reports.report.limits import MOST_NAMED
from qa_reports.report.panels import WIDTH_MM, draw_heat_map, draw_panels, heat_map_height, panels_height
from qa_reports.report.pdf_layout import attached, write_pdf
from qa_reports.report.pdf_objects import LEVEL
from qa_reports.report.pdf_pictures import Picture, source
from qa_reports.report.render import template_environment
from qa_reports.report.summarise import ReportSummary

HEAT_MAP_ROWS = 56
"""Interviewers on the printed heat map; the others, who have the weakest evidence, are in the workbook."""

PREPARATION_PROFILES = 3
"""Printed profiles of interviewers with a suspicious code and no flag of their own."""

PROFILE_FIGURES = 3
"""Figures of answers on a printed profile; report.html has all."""


class Drawing(Struct, frozen=True):
    """A picture of the printed page that is still to be drawn: figures in rows of `columns`, or a heat map."""

    number: int
    """Of the pictures of the page, from 1."""
    words: str
    shown: tuple[Figure, ...] | HeatMap
    columns: int = 1

    @property
    def source(self) -> str:
        """The address the page names it by."""
        return source(self.number)

    @property
    def height_mm(self) -> str:
        """Its height as wide as the text, which its stand-in does not tell."""
        if isinstance(self.shown, HeatMap):
            height = heat_map_height(self.shown)
        else:
            height = panels_height(len(self.shown), self.columns)
        across, down = in_pixels(WIDTH_MM, height)
        return f"{WIDTH_MM * down / across:.2f}"

    def draw(self) -> Picture:
        """The picture itself."""
        drawn = draw_heat_map(self.shown) if isinstance(self.shown, HeatMap) else draw_panels(self.shown, self.columns)
        height, width, _ = drawn.shape
        return Picture(width, height, zlib.compress(drawn.tobytes(), LEVEL))


class Drawings(Struct, frozen=True):
    """All pictures of the printed report, by the part they belong to."""

    heat_map: Drawing | None
    items: dict[str, tuple[Drawing, ...]]
    """A picture per row of figures, so that a page may end between them."""
    strips: dict[str, Drawing]
    profiles: dict[str, Drawing]
    suspects: tuple[Drawing | None, ...]
    all: tuple[Drawing, ...]
    """Every picture that the page names, in the order of their numbers."""


class PrintedPage(Struct, frozen=True):
    """What is laid out: the HTML with its style inside, and how many pictures it names."""

    html: str
    n_pictures: int


def render_pdf(summary: ReportSummary, results: bytes | None = None) -> bytes:
    """The report as a tagged A4 PDF/A-3a for the archive; the same summary gives the same bytes.

    Args:
        summary: what the pages show.
        results: `results.json`, attached as the data behind the report unless it is very large; None for a team's
            part.

    Raises:
        PdfUnavailable: WeasyPrint or Pango is missing.
    """
    carried = None if results is None else attached(results, summary.heading.printed)
    return write_pdf(print_page(summary).html, draw_pictures(summary), carried)


def draw_pictures(summary: ReportSummary) -> tuple[Picture, ...]:
    """The pictures that `print_page` names, in the order of their numbers."""
    return tuple(one.draw() for one in _drawings(summary, printed_profiles(summary)).all)


def print_page(summary: ReportSummary) -> PrintedPage:
    """The HTML that is laid out; `draw_pictures` draws the pictures it names."""
    template = template_environment().get_template("print.html.j2")
    shown = 0 if summary.heat_map is None else min(len(summary.heat_map.interviewers), HEAT_MAP_ROWS)
    profiles = printed_profiles(summary)
    drawings = _drawings(summary, profiles)
    html = template.render(
        report=summary,
        front_calls=front_calls(summary),
        most_calls=MOST_CALLS,
        most_problems=MOST_PROBLEMS,
        most_too_few=MOST_TOO_FEW,
        most_named=MOST_CALLS + MOST_NAMED,
        with_profile=frozenset(profile.interviewer for profile in profiles),
        profiles=profiles,
        pictures=drawings,
        heat_map_shown=shown,
        captions=_captions(summary),
    )
    return PrintedPage(html, len(drawings.all))


def printed_profiles(summary: ReportSummary) -> tuple[Profile, ...]:
    """Who is worth a call or looked into, and of those whose file needs mending who shows what it does to a slope.

    The others behind a data-preparation problem are listed with it; of very many worth a call the surest have one.
    """
    own = [one for one in summary.profiles if any(flag.severity != "data_preparation" for flag in one.flags)]
    shown = [
        one for one in summary.profiles if one not in own and any(isinstance(f, AnswerScatter) for f in one.figures)
    ]
    return (*own, *shown[:PREPARATION_PROFILES])


def _drawings(summary: ReportSummary, profiles: Sequence[Profile]) -> Drawings:
    made: list[Drawing] = []

    def add(words: str, shown: tuple[Figure, ...] | HeatMap, columns: int = 1) -> Drawing:
        made.append(Drawing(len(made) + 1, words, shown, columns))
        return made[-1]

    def panels(figures: Sequence[Figure], columns: int) -> Drawing:
        return add("; ".join(figure.title for figure in figures), tuple(figures), columns)

    heat_map = None if summary.heat_map is None else summary.heat_map.rows(0, HEAT_MAP_ROWS)
    return Drawings(
        heat_map=None
        if heat_map is None
        else add(f"{heat_map.title}: {heat_map.interviewers[0]} to {heat_map.interviewers[-1]}", heat_map),
        items={
            item.item: tuple(panels(item.figures[k : k + 3], 3) for k in range(0, len(item.figures), 3))
            for item in summary.items
            if item.figures and item.item in summary.printed_items
        },
        strips={who.interviewer: panels([who.strip], 1) for who in profiles if who.strip is not None},
        profiles={
            who.interviewer: panels(who.figures[:PROFILE_FIGURES], min(3, max(2, len(who.figures))))
            for who in profiles
            if who.figures
        },
        suspects=tuple(
            panels(figures, 2) if (figures := [f for c in suspect.comparisons for f in c.figures]) else None
            for suspect in summary.shown_suspects
        ),
        all=tuple(made),
    )


def _captions(summary: ReportSummary) -> tuple[tuple[str, str], ...]:
    """(title, how to read it) of every kind of item figure, each once: a page per item need not repeat them."""
    captions: dict[str, str] = {}
    for item in summary.items:
        for figure in item.figures if item.item in summary.printed_items else ():
            captions.setdefault(figure.caption, figure.title.partition(": ")[0])
    return tuple((title, caption) for caption, title in captions.items())
