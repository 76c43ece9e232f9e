"""The bytes of a message: headers that nobody can add to, letters of every script, and a size no program clips."""

from __future__ import annotations

import datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from qa_reports.config import MailAddress, parse_address
from qa_reports.delivery.mailing import write_messages
from qa_reports.delivery.message import Attachment, Correspondents, compose, make_message_id
from qa_reports.report.letter import HTML_LIMIT, MOST_CALLS, Enclosure, Letter, write_letter
from qa_reports.report.mail import MailEdition
from tests.delivery.archived_run import PDF, WHOLE, email, write_run

NOW = datetime.datetime(2026, 3, 1, 12, 0, tzinfo=datetime.UTC)
ENCLOSED = Enclosure(attached=True, size=10, link=None, folder="a/b/c")
HEADERS = {
    "from", "to", "cc", "subject", "date", "message-id", "auto-submitted", "mime-version", "content-type"
}  # fmt: skip
INJECTIONS = [
    "a\r\nBcc: evil@y.example",
    "a\nBcc: evil@y.example",
    "a\rBcc: evil@y.example",
    "a\r\n\r\nA body",
    "=?utf-8?q?a=0D=0ABcc=3A_evil=40y.example?=",
    "=?utf-8?q?a?= =?utf-8?b?DQpCY2M6IGV2aWxAeS5leGFtcGxl?=",
    "=?utf-8?b?DQpCY2M6IGV2aWxAeS5leGFtcGxl?=",
    "=?=?utf-8?q?x?=utf-8?q?a=0D=0ABcc=3A_e=40y?=",
    "a\x0bBcc: evil@y.example",
    "a\x85Bcc: evil@y.example",
    "a\u2028Bcc: evil@y.example",
    "a\x00b",
    "\ud800",
]


def address(text: str) -> MailAddress:
    parsed = parse_address(text)
    assert parsed is not None
    return parsed


def message_of(letter: Letter, to: tuple[MailAddress, ...] = (), attachment: Attachment | None = None) -> EmailMessage:
    to = to or (address("a@x.example"),)
    who = Correspondents(address("QA <qa@agency.example>"), to[0], to, (address("c@x.example"),))
    content = compose(letter, who, attachment, make_message_id(("1",), "agency.example"), NOW)
    parsed = BytesParser(policy=policy.default).parsebytes(content)
    assert isinstance(parsed, EmailMessage)
    return parsed


def hostile(text: str) -> MailEdition:
    call = structs.replace(WHOLE.calls[0], interviewer=text, team=text, sentences=(text,), action=text)
    return structs.replace(
        WHOLE, survey=text, wave=text, country=text, sentence=text, notes=(text,), calls=(call,), team=text
    )


class Elements(HTMLParser):
    """Names of the elements of a page, and the addresses it refers to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.references: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.references += [value or "" for name, value in attrs if name in ("href", "src", "action", "background")]


@pytest.mark.parametrize("text", INJECTIONS)
def test_nothing_can_add_a_header(text: str) -> None:
    message = message_of(write_letter(hostile(text), ENCLOSED), attachment=Attachment("report.pdf", PDF))
    assert {name.lower() for name in message} == HEADERS
    assert len(message.keys()) == len(HEADERS)
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "text/html", "application/pdf"
    ]  # fmt: skip
    assert len(message["Subject"].splitlines()) == 1


@pytest.mark.parametrize("text", INJECTIONS)
def test_nothing_can_add_a_header_by_a_name(text: str) -> None:
    message = message_of(write_letter(WHOLE, ENCLOSED), to=(MailAddress(text, "a", "x.example"),))
    assert {name.lower() for name in message} == HEADERS
    assert [recipient.addr_spec for recipient in message["To"].addresses] == ["a@x.example"]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80))
def test_any_survey_name_gives_a_message_that_can_be_read(name: str) -> None:
    message = message_of(write_letter(structs.replace(WHOLE, survey=name), ENCLOSED))
    assert {name.lower() for name in message} == HEADERS
    assert message["Subject"].endswith("1 data-preparation problem")


@pytest.mark.parametrize(
    "survey",
    ["Enquête « santé », été", "Исследование доверия", "信頼調査", "ثقة", "Überlebensfragen 😀", "a, b; <c> \"d\" 'e'"],
)
def test_letters_of_every_script_arrive(survey: str) -> None:
    edition = structs.replace(WHOLE, survey=survey, sentence=f"{survey}: fine.")
    names = (
        "Müller, Jürgen <j@x.example>",
        '"Ölçü Ünal" <u@büro.example>',
        "Plain, Name <p@x.example>",
        "李雷 <l@x.example>",
    )
    to = tuple(map(address, names)) * 3
    message = message_of(write_letter(edition, ENCLOSED), to=to)
    assert message["Subject"] == edition.subject
    assert survey in message["Subject"]
    assert [(one.display_name, one.addr_spec) for one in message["To"].addresses] == [(a.name, a.spec) for a in to]
    for kind in ("plain", "html"):
        body = message.get_body((kind,))
        assert body is not None
        text = body.get_content()
        assert (survey in text) or kind == "html"


def test_the_subject_is_the_verdict_in_few_words() -> None:
    nobody = structs.replace(WHOLE, calls=(), n_data_problems=0)
    assert nobody.subject == "Trust Survey, Wave 1: nobody to call"
    assert structs.replace(nobody, n_items_modelled=0).subject == "Trust Survey, Wave 1: no item could be modelled"
    one = structs.replace(WHOLE, calls=WHOLE.calls[:1], n_data_problems=2, wave=None)
    assert one.subject == "Trust Survey: 1 interviewer to call: 1003; 2 data-preparation problems"
    long = hostile("x" * 5000).subject
    assert len(long) < 220


def test_the_words_are_the_reports() -> None:
    letter = write_letter(WHOLE, ENCLOSED)
    assert letter.text.startswith(f"{WHOLE.sentence}\n\n- {WHOLE.notes[0]}\n\nCALL LIST\n\n1. Interviewer 1003, team")
    assert "The whole evidence is in the attached PDF." in letter.text
    assert "&" not in letter.text
    assert "Trust Survey, Wave 1, Belgium, 1 March 2026" in letter.text
    assert "South" in letter.html


def test_a_team_is_not_told_its_own_name_at_every_call() -> None:
    assert "1. Interviewer 1003: call first" in write_letter(structs.replace(WHOLE, team="North"), ENCLOSED).text


@pytest.mark.parametrize("kind", ["many", "long", "escaped"])
def test_the_page_is_too_small_to_be_clipped(kind: str) -> None:
    text = {"many": "few words", "long": "ä" * 100_000, "escaped": '<"&>' * 30_000}[kind]
    call = structs.replace(WHOLE.calls[0], sentences=(text,) * 5)
    edition = structs.replace(WHOLE, calls=(call,) * 900, notes=(text,) * 3)
    letter = write_letter(edition, ENCLOSED)
    assert len(letter.html.encode("utf-8")) < HTML_LIMIT
    assert len(letter.text.encode("utf-8")) < HTML_LIMIT
    listed = letter.text.count(call.sureness)
    assert 1 <= listed <= MOST_CALLS
    assert f"And {900 - listed} more interviewers, whom the report lists." in letter.text


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    text = '<script>alert(1)</script><img src="https://y.example/x.png"><a href="https://y.example">x</a>'
    page = Elements(write_letter(hostile(text), ENCLOSED).html)
    assert page.names.isdisjoint({"script", "img", "a", "link", "iframe", "form", "object"})
    assert page.references == []
    linked = structs.replace(ENCLOSED, link="https://qa.example/a?b=1&c=\"'<")
    assert Elements(write_letter(WHOLE, linked).html).references == [linked.link]


def test_the_same_message_is_the_same_bytes() -> None:
    letter = write_letter(WHOLE, ENCLOSED)
    who = Correspondents(address("qa@agency.example"), address("a@x.example"), (address("a@x.example"),), ())
    made = {compose(letter, who, Attachment("r.pdf", PDF), "<1@agency.example>", NOW) for _ in range(2)}
    assert len(made) == 1


def test_message_ids_differ_by_every_part() -> None:
    parts = [("a", "b"), ("ab", ""), ("a", "c"), ("", "ab")]
    ids = {make_message_id(part, "agency.example") for part in parts}
    assert len(ids) == len(parts)
    assert all(made.startswith("<") and made.endswith("@agency.example>") for made in ids)


def test_a_dry_run_writes_what_would_be_sent(tmp_path: Path) -> None:
    run = write_run(tmp_path / "archive")
    folder = tmp_path / "mail"
    section = email(1, teams={"North": "n@x.example"})
    names = write_messages(run, section, folder)
    assert names == ("01-a_x_example.eml", "02-b_x_example.eml", "03-c_x_example.eml", "04-n_x_example.eml")
    assert sorted(path.name for path in folder.iterdir()) == list(names)
    message = BytesParser(policy=policy.default).parsebytes((folder / names[3]).read_bytes())
    assert message["Subject"] == "Trust Survey, Wave 1, team North: 1 interviewer to call: 1003"
    assert sorted(path.name for path in run.parent.iterdir()) == [run.name]
