"""Mail through real servers: what arrives, what is refused, and that nobody gets anything twice."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import threading
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from qa_reports.config import EmailConfig
from qa_reports.delivery.mailing import Delivery, mail_run
from qa_reports.delivery.receipts import RECEIPTS_FILE
from qa_reports.errors import DataError, OutputError
from tests.delivery.archived_run import NORTH_PDF, PDF, WHOLE, email, write_run
from tests.delivery.mail_server import (
    PASSWORD,
    Certificates,
    Mailbox,
    ScriptedServer,
    free_port,
    make_certificates,
    running,
    scripted,
    silent,
)

AT_ONCE = (0.0, 0.0, 0.0)
"""Three further attempts, without waiting."""


def states(deliveries: tuple[Delivery, ...]) -> dict[str, str]:
    return {delivery.recipient: delivery.state for delivery in deliveries}


def events(run: Path) -> list[tuple[str, str]]:
    """(recipient, state) of every receipt, in the order of the file."""
    lines = (run.parent / RECEIPTS_FILE).read_text(encoding="utf-8").splitlines()
    return [(entry["matter"]["recipient"], entry["state"]) for entry in map(json.loads, lines)]


def test_mail_arrives_as_it_was_meant(run: Path, certificates: Certificates, login: dict[str, str]) -> None:
    mailbox = Mailbox()
    with running(mailbox, "starttls", certificates, auth=True) as port:
        deliveries = mail_run(run, email(port, "starttls", smtp=login, archive_url="https://qa.example/a"))
    assert states(deliveries) == {"a@x.example": "sent", "b@x.example": "sent", "c@x.example": "sent"}
    assert all(delivery.done for delivery in deliveries)
    message = mailbox.message_to("a@x.example")
    assert message["From"] == "QA desk <qa@agency.example>"
    assert message["To"] == "a@x.example, b@x.example"
    assert message["Cc"] == "c@x.example"
    assert message["Bcc"] is None
    assert message["Subject"] == (
        "Trust Survey, Wave 1: 2 interviewers to call, 1003 first; 1 data-preparation problem"
    )
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@agency.example>")
    assert parsedate_to_datetime(message["Date"]).tzinfo is not None
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "text/html", "application/pdf"
    ]  # fmt: skip
    (attachment,) = message.iter_attachments()
    assert attachment.get_filename() == "Trust-Survey-Wave-1.pdf"
    content = attachment.get_payload(decode=True)
    assert isinstance(content, bytes)
    assert hashlib.sha256(content).hexdigest() == hashlib.sha256(PDF).hexdigest()
    for kind in ("plain", "html"):
        body = message.get_body((kind,))
        assert body is not None
        for words in (WHOLE.sentence, "1003", "1009", "Answers lie higher.", WHOLE.notes[0]):
            assert words in body.get_content()
        assert "https://qa.example/a/Trust%20Survey/Wave%201/run-1/report.html" in body.get_content()
    ids = {mailbox.message_to(recipient)["Message-ID"] for recipient in mailbox.recipients}
    assert len(ids) == 3


def test_every_line_is_seven_bit_and_short(run: Path) -> None:
    mailbox = Mailbox()
    with running(mailbox) as port:
        mail_run(run, email(port))
    for _, content in mailbox.taken:
        assert content.isascii()
        assert max(map(len, content.split(b"\r\n"))) <= 998
        assert b"\n" not in content.replace(b"\r\n", b"")


def test_a_server_that_is_encrypted_from_the_start(run: Path, certificates: Certificates) -> None:
    mailbox = Mailbox()
    with running(mailbox, "tls", certificates) as port:
        assert states(mail_run(run, email(port, "tls", cc=[])))["a@x.example"] == "sent"
    assert mailbox.recipients == ["a@x.example", "b@x.example"]


def test_a_team_gets_its_own_pdf_and_nothing_else(run: Path) -> None:
    mailbox = Mailbox()
    section = {"to": ["a@x.example"], "cc": [], "archive_url": "https://qa.example/a"}
    with running(mailbox) as port:
        teams = {"North": ["n@x.example", "m@x.example"], "South": ["s@x.example"]}
        deliveries = mail_run(run, email(port, teams=teams, **section))
    assert [(delivery.recipient, delivery.team) for delivery in deliveries] == [
        ("a@x.example", None), ("n@x.example", "North"), ("m@x.example", "North")
    ]  # fmt: skip
    message = mailbox.message_to("n@x.example")
    assert message["To"] == "n@x.example, m@x.example"
    assert message["Cc"] is None
    assert message["Subject"] == "Trust Survey, Wave 1, team North: 1 interviewer to call: 1003"
    (attachment,) = message.iter_attachments()
    assert attachment.get_payload(decode=True) == NORTH_PDF
    for kind in ("plain", "html"):
        body = message.get_body((kind,))
        assert body is not None
        for words in ("1009", "South", "a@x.example", "qa.example/a"):
            assert words not in body.get_content()


@pytest.mark.parametrize("linked", [True, False])
def test_a_large_pdf_stays_in_the_archive(run: Path, linked: bool) -> None:
    mailbox = Mailbox()
    section = {"to": ["a@x.example"], "cc": [], "teams": {"North": ["n@x.example"]}, "attach_limit_mb": 0.000001}
    with running(mailbox) as port:
        mail_run(run, email(port, **section, **({"archive_url": "https://qa.example/a/"} if linked else {})))
    for recipient, page in (("a@x.example", "report.html"), ("n@x.example", "team-north.pdf")):
        message = mailbox.message_to(recipient)
        assert list(message.iter_attachments()) == []
        body = message.get_body(("plain",))
        assert body is not None
        place = f"https://qa.example/a/Trust%20Survey/Wave%201/run-1/{page}" if linked else "Trust Survey/Wave 1/run-1"
        assert "too large to attach" in body.get_content()
        assert place in body.get_content()


def test_a_run_without_a_pdf_is_still_told(tmp_path: Path) -> None:
    run = write_run(tmp_path, structs.replace(WHOLE, pdf=None, pdf_sha256=None))
    mailbox = Mailbox()
    with running(mailbox) as port:
        mail_run(run, email(port))
    assert list(mailbox.message_to("a@x.example").iter_attachments()) == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("flaw", ["unknown authority", "another name"])
def test_a_certificate_that_cannot_be_trusted(
    run: Path, tmp_path: Path, security: str, flaw: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates = make_certificates(tmp_path, "localhost" if flaw == "unknown authority" else "mail.example")
    if flaw == "another name":
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
    mailbox = Mailbox()
    with running(mailbox, security, certificates) as port:
        deliveries = mail_run(run, email(port, security), waits=AT_ONCE)
    assert set(states(deliveries).values()) == {"refused"}
    assert f"a@x.example: not sent: localhost:{port}: its certificate cannot be trusted (" in deliveries[0].words
    assert mailbox.attempts == mailbox.taken == []


def test_a_server_without_starttls_gets_nothing(run: Path) -> None:
    mailbox = Mailbox()
    with running(mailbox) as port:
        deliveries = mail_run(run, email(port, "starttls"), waits=AT_ONCE)
    assert f"localhost:{port}: offers no STARTTLS, and nothing is sent unencrypted; " in deliveries[0].words
    assert mailbox.attempts == []


def test_tls_on_the_port_of_starttls(run: Path) -> None:
    with running(Mailbox()) as port:
        (delivery, *_) = mail_run(run, email(port, "tls"), waits=AT_ONCE)
    assert delivery.state == "refused"
    assert f"localhost:{port}: could not be encrypted (" in delivery.words
    assert "email.smtp.security should be starttls" in delivery.words


def test_a_wrong_password_is_one_clear_line(
    run: Path, certificates: Certificates, login: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QA_TEST_PASSWORD", "hunter2")
    mailbox = Mailbox()
    with running(mailbox, "starttls", certificates, auth=True) as port:
        deliveries = mail_run(run, email(port, "starttls", smtp=login), waits=AT_ONCE)
    assert deliveries[0].words == (
        f"a@x.example: not sent: localhost:{port}: does not let qa in with the password from QA_TEST_PASSWORD "
        "(535 5.7.8 Authentication credentials invalid); email.smtp.user or the password behind "
        "email.smtp.password_env should be corrected"
    )
    assert mailbox.attempts == []
    assert "hunter2" not in (run.parent / RECEIPTS_FILE).read_text(encoding="utf-8")


@pytest.mark.parametrize("case", ["unset", "no file", "empty file"])
def test_a_password_that_is_not_there(run: Path, tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QA_TEST_PASSWORD", raising=False)
    secret = tmp_path / "secret"
    if case == "empty file":
        secret.write_text("\n", encoding="utf-8")
    source = {"password_env": "QA_TEST_PASSWORD"} if case == "unset" else {"password_file": str(secret)}
    deliveries = mail_run(run, email(free_port(), "starttls", smtp={"user": "qa", **source}))
    told = {
        "unset": "email.smtp.password_env: the environment variable QA_TEST_PASSWORD is not set",
        "no file": f"email.smtp.password_file: {secret} cannot be read (No such file or directory)",
        "empty file": f"email.smtp.password_file: {secret} is empty; it should hold the password and nothing else",
    }
    assert deliveries[0].state == "deferred"
    assert deliveries[0].words.endswith(told[case])


@pytest.mark.parametrize("password", [PASSWORD.decode(), "Käsefondue"])
def test_a_password_from_a_file(
    run: Path, tmp_path: Path, certificates: Certificates, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.delivery.mail_server.PASSWORD", password.encode())
    secret = tmp_path / "secret"
    secret.write_text(f"{password}\n", encoding="utf-8")
    smtp = {"user": "qa", "password_file": str(secret)}
    with running(Mailbox(), "starttls", certificates, auth=True) as port:
        assert set(states(mail_run(run, email(port, "starttls", smtp=smtp), waits=())).values()) == {"sent"}


def test_a_temporary_refusal_is_tried_again_and_the_others_do_not_wait(run: Path) -> None:
    mailbox = Mailbox(replies={"a@x.example": ["450 4.2.0 greylisted", "451 4.3.0 still busy"]})
    with running(mailbox) as port:
        deliveries = mail_run(run, email(port), waits=AT_ONCE)
    assert set(states(deliveries).values()) == {"sent"}
    assert mailbox.recipients == ["b@x.example", "c@x.example", "a@x.example"]
    assert events(run) == [
        ("a@x.example", "deferred"),
        ("b@x.example", "sending"), ("b@x.example", "sent"), ("c@x.example", "sending"), ("c@x.example", "sent"),
        ("a@x.example", "deferred"), ("a@x.example", "sending"), ("a@x.example", "sent"),
    ]  # fmt: skip


def test_waiting_grows(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("qa_reports.delivery.send.time.sleep", slept.append)
    deliveries = mail_run(run, email(free_port()))
    assert set(states(deliveries).values()) == {"deferred"}
    assert "cannot be reached" in deliveries[0].words
    assert slept == sorted(slept)
    assert len(slept) == 4
    assert slept[-1] == 60


def test_a_refusal_of_the_text_for_now_is_tried_again(run: Path) -> None:
    mailbox = Mailbox(after_data=["452 4.3.1 disk full"])
    with running(mailbox) as port:
        deliveries = mail_run(run, email(port, to=["a@x.example"], cc=[]), waits=AT_ONCE)
    assert states(deliveries) == {"a@x.example": "sent"}
    assert mailbox.recipients == ["a@x.example"]
    assert events(run) == [("a@x.example", state) for state in ("sending", "deferred", "sending", "sent")]


def test_one_refused_among_three(run: Path) -> None:
    mailbox = Mailbox(replies={"b@x.example": ["550 5.1.1 no such \x1b[31muser here"]})
    with running(mailbox) as port:
        deliveries = mail_run(run, email(port), waits=AT_ONCE)
    assert states(deliveries) == {"a@x.example": "sent", "b@x.example": "refused", "c@x.example": "sent"}
    assert mailbox.recipients == ["a@x.example", "c@x.example"]
    assert mailbox.attempts.count("b@x.example") == 1
    assert [delivery.done for delivery in deliveries] == [True, False, True]
    assert deliveries[1].words.startswith("b@x.example: not sent: 550 5.1.1 no such ")
    assert "\x1b" not in deliveries[1].words


def test_a_refused_text_is_refused(run: Path) -> None:
    mailbox = Mailbox(after_data=["554 5.7.1 not wanted"])
    with running(mailbox) as port:
        deliveries = mail_run(run, email(port), waits=AT_ONCE)
    assert states(deliveries) == {"a@x.example": "refused", "b@x.example": "sent", "c@x.example": "sent"}


def test_nobody_is_mailed_twice(run: Path) -> None:
    mailbox = Mailbox(replies={"b@x.example": ["550 5.1.1 no such user"]})
    with running(mailbox) as port:
        mail_run(run, email(port))
        deliveries = mail_run(run, email(port))
        assert states(deliveries) == {"a@x.example": "earlier", "b@x.example": "sent", "c@x.example": "earlier"}
        assert "was sent it on 20" in deliveries[0].words
        assert all(delivery.done for delivery in mail_run(run, email(port)))
        assert sorted(mailbox.recipients) == ["a@x.example", "b@x.example", "c@x.example"]
        assert set(states(mail_run(run, email(port), again=True)).values()) == {"sent"}
    assert len(mailbox.taken) == 6


def test_again_is_a_message_of_its_own(run: Path) -> None:
    mailbox = Mailbox()
    section = {"to": ["a@x.example"], "cc": []}
    with running(mailbox) as port:
        mail_run(run, email(port, **section))
        mail_run(run, email(port, **section), again=True)
    first, second = (content for _, content in mailbox.taken)
    ids = [line for content in (first, second) for line in content.splitlines() if line.startswith(b"Message-ID")]
    assert len(set(ids)) == 2


def test_the_same_results_in_another_run_are_not_mailed_again(tmp_path: Path) -> None:
    runs = [write_run(tmp_path, name="run-1"), write_run(tmp_path, name="run-2")]
    other = write_run(tmp_path, content="d" * 64, name="run-3")
    mailbox = Mailbox()
    with running(mailbox) as port:
        for run in runs:
            mail_run(run, email(port))
        assert len(mailbox.taken) == 3
        mail_run(other, email(port))
    assert len(mailbox.taken) == 6


def test_a_recipient_added_later_gets_it(run: Path) -> None:
    mailbox = Mailbox()
    with running(mailbox) as port:
        mail_run(run, email(port))
        mail_run(run, email(port, to=["A@X.example", "b@x.example", "new@x.example"]))
    assert mailbox.recipients[3:] == ["new@x.example"]


@pytest.mark.parametrize("place", ["EHLO", "MAIL", "RCPT", "DATA"])
def test_a_connection_that_breaks_before_the_text_is_tried_again(run: Path, place: str) -> None:
    with scripted(ScriptedServer(breaks_at=place)) as server:
        deliveries = mail_run(run, email(server.port, to=["a@x.example"], cc=[]), waits=AT_ONCE)
    assert states(deliveries) == {"a@x.example": "sent"}
    assert (server.taken, server.cut) == (1, 1)


@pytest.mark.parametrize("place", ["text", "reply"])
def test_a_connection_that_breaks_in_the_text_is_never_repeated(run: Path, place: str) -> None:
    with scripted(ScriptedServer(breaks_at=place)) as server:
        section = email(server.port, to=["a@x.example", "b@x.example"], cc=[])
        deliveries = mail_run(run, section, waits=AT_ONCE)
        assert states(deliveries) == {"a@x.example": "unknown", "b@x.example": "sent"}
        taken = server.taken
        assert taken == (1 if place == "text" else 2)
        deliveries = mail_run(run, section, waits=AT_ONCE)
        assert states(deliveries) == {"a@x.example": "unknown", "b@x.example": "earlier"}
        assert deliveries[0].words.endswith("only --again sends it again")
        assert not deliveries[0].done
        assert server.taken == taken
        mail_run(run, section, again=True, waits=AT_ONCE)
        assert server.taken == taken + 2


def test_a_server_that_says_nothing_is_given_up(run: Path) -> None:
    with silent() as port:
        deliveries = mail_run(run, email(port, smtp={"timeout": 0.2}), waits=(0.0,))
    assert set(states(deliveries).values()) == {"deferred"}
    assert "says nothing for 0.2 s" in deliveries[0].words


def _mail_and_die(run: Path, section: EmailConfig) -> None:
    from qa_reports.delivery import send

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    send._dot_stuffed = die  # type: ignore[assignment]
    mail_run(run, section)


def test_a_program_killed_while_sending_does_not_send_twice(run: Path) -> None:
    mailbox = Mailbox()
    with running(mailbox) as port:
        section = email(port, to=["a@x.example"], cc=[])
        process = multiprocessing.get_context("spawn").Process(target=_mail_and_die, args=(run, section))
        process.start()
        process.join(timeout=60)
        assert process.exitcode == -signal.SIGKILL
        assert events(run) == [("a@x.example", "sending")]
        deliveries = mail_run(run, section)
        assert states(deliveries) == {"a@x.example": "unknown"}
        assert "the program was stopped while it was sending" in deliveries[0].words
        assert mailbox.taken == []
        assert states(mail_run(run, section, again=True)) == {"a@x.example": "sent"}
    assert events(run)[1:] == [("a@x.example", state) for state in ("unknown", "sending", "sent")]


def test_two_at_once_send_once(run: Path) -> None:
    mailbox = Mailbox()
    with running(mailbox) as port:
        section = email(port)
        threads = [threading.Thread(target=mail_run, args=(run, section)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(mailbox.recipients) == ["a@x.example", "b@x.example", "c@x.example"]


def test_without_receipts_nothing_is_sent(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mailbox = Mailbox()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with running(mailbox) as port:
        with monkeypatch.context() as broken:
            broken.setattr("qa_reports.delivery.receipts.bring_to_disk", lambda _: None)
            broken.setattr("os.fsync", full)
            with pytest.raises(OutputError, match="without receipts nothing is sent"):
                mail_run(run, email(port))
        assert mailbox.taken == []
        (run.parent / RECEIPTS_FILE).unlink()
        (run.parent / RECEIPTS_FILE).mkdir()
        with pytest.raises(OutputError, match=r"receipts\.jsonl: cannot be written to"):
            mail_run(run, email(port))
    assert mailbox.attempts == ["a@x.example"]


def test_a_torn_last_line_of_receipts_is_dropped(run: Path) -> None:
    mailbox = Mailbox()
    with running(mailbox) as port:
        mail_run(run, email(port))
        receipts = run.parent / RECEIPTS_FILE
        whole = receipts.read_bytes()
        receipts.write_bytes(whole + b'{"matter": {"recip')
        mail_run(run, email(port))
        assert receipts.read_bytes() == whole
        receipts.write_bytes(b"garbage\n" + whole)
        with pytest.raises(DataError, match=r"receipts\.jsonl:1: is not a receipt"):
            mail_run(run, email(port))
    assert len(mailbox.taken) == 3


def test_a_pdf_that_was_changed_is_not_mailed(run: Path) -> None:
    (run / "team-north.pdf").write_bytes(PDF)
    mailbox = Mailbox()
    with running(mailbox) as port:
        section = email(port, teams={"North": ["n@x.example"]})
        with pytest.raises(DataError, match=r"team-north\.pdf: is not the PDF that this run made"):
            mail_run(run, section)
        (run / "team-north.pdf").unlink()
        with pytest.raises(DataError, match=r"team-north\.pdf: cannot be read"):
            mail_run(run, section)
    assert mailbox.attempts == []


def test_an_address_beyond_ascii_needs_a_server_for_it(run: Path) -> None:
    section: dict[str, Any] = {"to": ["jürgen@x.example", "b@x.example"], "cc": []}
    for offered in (False, True):
        mailbox = Mailbox()
        with running(mailbox, smtputf8=offered) as port:
            deliveries = mail_run(run, email(port, **section))
        if not offered:
            assert states(deliveries) == {"jürgen@x.example": "refused", "b@x.example": "sent"}
            assert "SMTPUTF8" not in mailbox.options
            assert mailbox.message_to("b@x.example")["To"] == "b@x.example"
        else:
            assert states(deliveries) == {"jürgen@x.example": "sent", "b@x.example": "earlier"}
            assert "SMTPUTF8" in mailbox.options
            assert mailbox.message_to("jürgen@x.example")["To"] == "jürgen@x.example, b@x.example"
