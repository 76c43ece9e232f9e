"""What of the call list fits on the first page of the PDF: whole cards, short ones, and lines for the rest.

WeasyPrint does not fit text to a page, so the height of each piece is measured here before, with the sizes that
`styles/print.css` gives them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct

from qa_reports.report.draw import lines_of
from qa_reports.report.interviewers import Call
from qa_reports.report.limits import MOST_NAMED
from qa_reports.report.summarise import ReportSummary

Detail = Literal["whole", "short", "line"]
MOST_CALLS = 10
"""Cards and lines on page one; the others are named in a sentence."""
MOST_PROBLEMS = 3
"""Cards of data-preparation problems."""
MOST_TOO_FEW = 20
"""Interviewers with too few interviews that are named."""

PAGE_MM = 259.0
"""Height of the text on an A4 page."""
WIDTH_MM = 174.0
CARD_WIDTH_MM = 165.0
"""Of the text in a card: less its border and padding, and a little for what measuring misses."""
FIXED_MM = 66.0
"""Date, figures, the heading of the call list, the contents, and all space between them."""
CARD_MM = 10.6
"""A card's heading, border, padding and margin."""
LINE_MM = 4.6
"""One interviewer in a line."""
MM_PER_POINT = 25.4 / 72


class FrontCall(Struct, frozen=True):
    """One interviewer of the call list on page one, and how much is said of them."""

    call: Call
    detail: Detail


def front_calls(report: ReportSummary) -> tuple[FrontCall, ...]:
    """The call list of page one: as many whole cards as there is room for, the surest first."""
    calls = report.calls[:MOST_CALLS]
    room = PAGE_MM - _height_of_the_rest(report)
    heights = {
        "whole": [_card(_whole(call)) for call in calls],
        "short": [_card(_short(call)) for call in calls],
        "line": [LINE_MM for _ in calls],
    }
    for plan in _plans(len(calls)):
        if sum(heights[detail][k] for k, detail in enumerate(plan)) <= room:
            break
    return tuple(FrontCall(call, detail) for call, detail in zip(calls, plan, strict=True))


def _plans(n: int) -> Iterator[tuple[Detail, ...]]:
    """From all whole to all in lines: first fewer whole cards, then fewer short ones."""
    steps: tuple[tuple[Detail, Detail], ...] = (("whole", "short"), ("short", "line"))
    for richer, poorer in steps:
        for first in range(n, -1, -1):
            yield (richer,) * first + (poorer,) * (n - first)


def _whole(call: Call) -> list[str]:
    """The paragraphs of a whole card, as the template writes them."""
    explanation = call.explanation
    sure = f"{call.sureness} (p <.001). {call.n_interviews} interviews, team {call.team or ''}."
    without = [] if explanation.without is None else [explanation.without.sentence]
    area = [] if call.area_note is None else [call.area_note]
    steps = f"What to do: {' '.join(explanation.steps[:2])}"
    reasons = [reason.sentence for reason in explanation.reasons]
    return [f"{explanation.name}, also {', '.join(explanation.also)}", *reasons, *without, sure, *area, steps]


def _short(call: Call) -> list[str]:
    """The paragraphs of a short card."""
    explanation = call.explanation
    first = "".join(reason.sentence for reason in explanation.reasons[:1])
    return [f"{explanation.name}. {first}", f"What to do: {''.join(explanation.steps[:1])}"]


def _card(paragraphs: Sequence[str]) -> float:
    """Millimetres of a card with paragraphs of 7.7 points, each with half a millimetre below."""
    lines = sum(len(lines_of(text, CARD_WIDTH_MM, 7.7)) for text in paragraphs)
    return CARD_MM + lines * 7.7 * 1.25 * MM_PER_POINT + 0.5 * len(paragraphs)


def _height_of_the_rest(report: ReportSummary) -> float:
    """Millimetres of everything on page one but the interviewers to call."""
    heading, verdict = report.heading, report.verdict
    name = ", ".join(part for part in (heading.survey, heading.wave, heading.country) if part)

    def text(words: str, points: float, spacing: float, bold: bool = False, width: float = WIDTH_MM - 3) -> float:
        return len(lines_of(words, width, points, bold)) * points * spacing * MM_PER_POINT

    height = FIXED_MM + text(name, 17, 1.2, bold=True) + text(verdict.sentence, 13, 1.25, bold=True)
    height += sum(text(note, 8.5, 1.3, width=WIDTH_MM - 8) for note in verdict.notes)
    remedies = [" If so, correct it at item: scale: [0, 10]" if one.wider else "" for one in report.problems]
    height += sum(
        _card([f"{problem.sentence}{remedy} What it would have done"])
        for problem, remedy in zip(report.problems[:MOST_PROBLEMS], remedies, strict=False)
    )
    if report.cleaning.delivered_twice is not None:
        height += _card(
            [f"{report.cleaning.delivered_twice.in_short} This is a matter of the file, not of the interviewer."]
        )
    height += sum(text(f"{flag.interviewer}, {flag.pattern}: {flag.sentence}", 9, 1.4) for flag in report.reviewed[:10])
    height += 12.0 * bool(report.reviewed)
    if report.too_few:
        named = ", ".join(f"{one.interviewer} ({one.n_interviews})" for one in report.too_few[:MOST_TOO_FEW])
        words = f"Too few interviews to judge (fewer than 5), which does not mean fine: {named} and 100 more."
        height += text(words, 8, 1.3) + 2
    if len(report.calls) > MOST_CALLS:
        others = ", ".join(call.interviewer for call in report.calls[MOST_CALLS : MOST_CALLS + MOST_NAMED])
        more = " and 1,000 more. The surest have a profile below; everybody is in the dashboard or results.json"
        height += text(f"Also worth a call: {others}{more if len(report.calls) > MOST_NAMED else ''}.", 9, 1.4) + 2
    return height
