"""Step 5, report: the words of one e-mail: subject, plain text and HTML, small enough that no mail program clips it."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from qa_reports.errors import one_line
from qa_reports.report.mail import MailCall, MailEdition
from qa_reports.report.render import template_environment

HTML_LIMIT = 100_000
"""Bytes of HTML; Gmail hides what lies beyond 102 kB."""
MOST_CALLS = 25
"""Interviewers a message lists at most; the report has them all."""
_MOST_LETTERS = 600
"""Letters of one sentence; labels come from survey files and may be of any length."""


class Enclosure(Struct, frozen=True):
    """Where the reader finds the PDF."""

    attached: bool
    size: int | None
    """Bytes of the PDF; None where there is none."""
    link: str | None
    """Web address of what the reader may open, where the archive has one."""
    folder: str
    """Where the run stands in the archive, for readers without a link."""


class Letter(Struct, frozen=True):
    """What a message says."""

    subject: str
    text: str
    html: str


def write_letter(edition: MailEdition, enclosure: Enclosure) -> Letter:
    """The words of a message. As many interviewers are listed as fit; the rest is counted and left to the report."""
    mail = _tidy(edition)
    environment = template_environment()
    page = environment.get_template("email.html.j2")
    plain = environment.overlay(autoescape=False).get_template("email.txt.j2")
    shown = MOST_CALLS
    while True:
        words = {
            "mail": mail,
            "calls": mail.calls[:shown],
            "n_more": max(len(edition.calls) - shown, 0),
            "closing": _closing(enclosure),
            "link": enclosure.link,
        }
        html = page.render(words)
        if len(html.encode("utf-8")) < HTML_LIMIT or shown == 0:
            return Letter(edition.subject, plain.render(words), html)
        shown //= 2


def _closing(enclosure: Enclosure) -> str:
    also = " It is also in the archive:" if enclosure.link else ""
    if enclosure.attached:
        return f"The whole evidence is in the attached PDF.{also}"
    place = "in the archive:" if enclosure.link else f"in the archive, in {_said(enclosure.folder)}."
    if enclosure.size is None:
        return f"The whole evidence is {place}"
    return f"The PDF ({enclosure.size / 1e6:.1f} MB) is too large to attach; it is {place}"


def _tidy(edition: MailEdition) -> MailEdition:
    """The calls that may be listed; every text on one line and of a length that can be read."""
    return replace(
        edition,
        survey=_said(edition.survey),
        wave=None if edition.wave is None else _said(edition.wave),
        country=None if edition.country is None else _said(edition.country),
        team=None if edition.team is None else _said(edition.team),
        sentence=_said(edition.sentence),
        notes=tuple(_said(note) for note in edition.notes),
        calls=tuple(_tidy_call(call) for call in edition.calls[:MOST_CALLS]),
    )


def _tidy_call(call: MailCall) -> MailCall:
    return replace(
        call,
        interviewer=_said(call.interviewer),
        team=None if call.team is None else _said(call.team),
        sentences=tuple(_said(sentence) for sentence in call.sentences),
        action=None if call.action is None else _said(call.action),
        pattern=None if call.pattern is None else _said(call.pattern),
        without=None if call.without is None else _said(call.without),
    )


def _said(text: str) -> str:
    plain = one_line(" ".join(text[: 2 * _MOST_LETTERS].split()))
    return plain if len(plain) <= _MOST_LETTERS else f"{plain[: _MOST_LETTERS - 1]}…"
