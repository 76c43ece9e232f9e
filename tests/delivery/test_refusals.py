"""A mail server's refusal names the key that would put it right, and nobody loses the report by it or gets two."""

from __future__ import annotations

import base64
import datetime
import hashlib
import re
import socket
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from pydantic import BaseModel

from qa_reports.config import EmailConfig
from qa_reports.delivery.mailing import Delivery, mail_run
from qa_reports.delivery.receipts import RECEIPTS_FILE
from tests.delivery.archived_run import PDF, WHOLE, email, write_run
from tests.delivery.mail_server import Certificates, Mailbox, free_port, make_certificates, running, silent
from tests.delivery.refusing_server import Refusing, refusing

AT_ONCE = (0.0,)
ONE: dict[str, Any] = {"to": ["a@x.example"], "cc": []}
NO_TLS = "email.smtp.security should be starttls, or tls (usually with port 465)"
NO_LOGIN = "email.smtp.user and email.smtp.password_env (or password_file) should be given"
AND_TLS = ", and email.smtp.security should be starttls or tls"
SENDER = "email.from should be an address from which this server takes mail"
FIT = "usually 587 with security starttls, 465 with tls"
PLACE = f"email.smtp.host and email.smtp.port should be those of the mail server (port {FIT})"
TLS_OR_PORT = f"email.smtp.security should be tls where this is its encrypted port, or email.smtp.port another ({FIT})"
INSTEAD = "email.smtp.security should be tls (usually with port 465)"


def keys_in(words: str) -> set[str]:
    return set(re.findall(r"email\.[a-z_]+(?:\.[a-z_]+)?", words))


def is_key(name: str) -> bool:
    """Whether it is a key of the `email` section; a team is one of `teams`."""
    model: Any = EmailConfig
    for part in name.split(".")[1:]:
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return False
        fields = {field.alias or own: field.annotation for own, field in model.model_fields.items()}
        if part not in fields:
            return False
        model = fields[part]
    return True


def told(delivery: Delivery) -> str:
    """The sentence without the recipient; every key in it is a real one."""
    _, told = re.split(r": (?:not sent(?:, the next run tries again)?|perhaps sent): ", delivery.words, maxsplit=1)
    assert all(map(is_key, keys_in(told))), told
    return told


def mailed(run: Path, server: Refusing, security: str = "none", **section: Any) -> Delivery:
    """What became of the only recipient."""
    with refusing(server):
        (delivery,) = mail_run(run, email(server.port, security, **{**ONE, **section}), waits=AT_ONCE)
    return delivery


def assert_still_to_be_had(run: Path, **section: Any) -> None:
    """A server that takes it gets it once, however often the program is run."""
    mailbox = Mailbox()
    with running(mailbox, smtputf8=True) as port:
        states = [mail_run(run, email(port, **{**ONE, **section}))[0].state for _ in range(2)]
    assert states == ["sent", "earlier"]
    assert len(mailbox.taken) == 1


REFUSED = {
    "encryption first": ("MAIL", "530 5.7.0 Must issue a STARTTLS command first", NO_TLS),
    "encryption first, old server": ("RCPT", "530 Must issue a STARTTLS command first", NO_TLS),
    "encryption first, at the recipient": ("RCPT", "550 5.7.0 Encryption required", NO_TLS),
    "encryption first, at the text": ("DATA", "554 5.7.10 not like this", NO_TLS),
    "encryption by code": ("MAIL", "538 5.7.11 not like this", NO_TLS),
    "log-in first": ("MAIL", "530 5.7.0 Authentication required", NO_LOGIN + AND_TLS),
    "log-in first, Exchange": ("DATA", "530 5.7.57 Client was not authenticated to send mail", NO_LOGIN + AND_TLS),
    "relay, Postfix": ("RCPT", "554 5.7.1 <a@x.example>: Relay access denied", NO_LOGIN + AND_TLS),
    "relay, Exim": ("RCPT", "550 relay not permitted", NO_LOGIN + AND_TLS),
    "relay, qmail": (
        "RCPT",
        "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
        NO_LOGIN + AND_TLS,
    ),
    "sender": ("MAIL", "553 5.1.8 Domain of sender address does not exist", SENDER),
    "sender, by the command": ("MAIL", "550 not from there", SENDER),
    "sender, told at the recipient": ("RCPT", "553 5.7.1 <qa@agency.example>: Sender address rejected", SENDER),
    "recipient": ("RCPT", "550 5.1.1 no such user", "the address in email.to should be corrected"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_names_its_key(run: Path, case: str) -> None:
    command, reply, remedy = REFUSED[case]
    delivery = mailed(run, Refusing({command: reply}))
    assert (delivery.state, told(delivery)) == ("refused", f"{reply}; {remedy}")
    assert_still_to_be_had(run)


UNEXPLAINED = {
    "mailbox full": ("RCPT", "552 5.2.2 mailbox full"),
    "spam": ("TEXT", "554 5.7.1 looks like spam"),
    "unauthenticated domain": ("TEXT", "550 5.7.26 the sender is unauthenticated"),
    "an address with such words": ("RCPT", "550 <relay-tls-log-in@x.example>: no such user"),
    "sender's IP": ("RCPT", "550 5.7.1 sender IP is on a list"),
    "a virus": ("TEXT", "552 5.7.0 blocked for its content"),
    "later": ("RCPT", "450 4.2.0 greylisted"),
    "closing": ("MAIL", "421 4.3.2 closing"),
}


@pytest.mark.parametrize("case", UNEXPLAINED)
def test_what_no_key_would_put_right_is_told_in_the_servers_words(run: Path, case: str) -> None:
    command, reply = UNEXPLAINED[case]
    assert told(mailed(run, Refusing({command: reply}))) == reply
    assert_still_to_be_had(run)


def test_encryption_wanted_for_now_is_explained_and_tried_again(run: Path) -> None:
    server = Refusing({"MAIL": "451 5.7.3 STARTTLS is required to send mail"})
    delivery = mailed(run, server)
    assert delivery.state == "deferred"
    assert told(delivery).endswith(NO_TLS)
    assert server.heard.count("MAIL") == 2
    assert_still_to_be_had(run)


def test_encryption_wanted_before_the_first_command(run: Path) -> None:
    server = Refusing({"EHLO": "530 TLS needed", "HELO": "530 TLS needed"})
    assert told(mailed(run, server)) == f"localhost:{server.port}: answered 530 TLS needed; {NO_TLS}"


def test_a_log_in_is_wanted_on_an_encrypted_connection(run: Path, certificates: Certificates) -> None:
    server = Refusing({"MAIL": "530 5.7.0 Authentication required"}, ("STARTTLS",), certificates)
    assert told(mailed(run, server, "starttls")) == f"530 5.7.0 Authentication required; {NO_LOGIN}"


def test_who_is_logged_in_is_not_told_to_log_in(run: Path, certificates: Certificates, login: dict[str, str]) -> None:
    reply = "554 5.7.1 <a@x.example>: Relay access denied"
    server = Refusing({"RCPT": reply, "AUTH": "235 welcome"}, ("STARTTLS", "AUTH PLAIN"), certificates)
    assert told(mailed(run, server, "starttls", smtp=login)) == reply


@pytest.mark.parametrize("user", [False, True])
@pytest.mark.parametrize("reply", ["not offered", "502 5.5.1 not implemented"])
def test_starttls_is_asked_for_and_not_to_be_had(run: Path, reply: str, user: bool, login: dict[str, str]) -> None:
    offered = reply != "not offered"
    server = Refusing({"STARTTLS": reply} if offered else {}, ("STARTTLS",) if offered else ())
    delivery = mailed(run, server, "starttls", smtp=login if user else {})
    remedy = INSTEAD if user else f"{INSTEAD}, or none for a server on this machine"
    said = f"answered {reply} to STARTTLS" if offered else "offers no STARTTLS"
    assert delivery.state == "refused"
    assert told(delivery) == f"localhost:{server.port}: {said}, and nothing is sent unencrypted; {remedy}"
    assert {"AUTH", "MAIL"}.isdisjoint(server.heard)
    assert_still_to_be_had(run)


LOGIN_OFFERS = {
    "none": (
        (),
        "offers no log-in; email.smtp.port should be the one for log-ins "
        f"({FIT}), or delete email.smtp.user and email.smtp.password_env",
    ),
    "others": (
        ("AUTH GSSAPI XOAUTH2",),
        "offers no log-in by password (only GSSAPI, XOAUTH2); email.smtp.host should be a server with PLAIN or LOGIN",
    ),
}


@pytest.mark.parametrize("case", LOGIN_OFFERS)
def test_a_log_in_is_configured_and_not_offered(
    run: Path, certificates: Certificates, login: dict[str, str], case: str
) -> None:
    offers, words = LOGIN_OFFERS[case]
    server = Refusing({}, ("STARTTLS", *offers), certificates)
    delivery = mailed(run, server, "starttls", smtp=login)
    assert (delivery.state, told(delivery)) == ("refused", f"localhost:{server.port}: {words}")
    assert_still_to_be_had(run)


def test_a_password_that_no_offered_log_in_can_carry(
    run: Path, certificates: Certificates, login: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QA_TEST_PASSWORD", "Käsefondue")
    server = Refusing({}, ("STARTTLS", "AUTH LOGIN CRAM-MD5"), certificates)
    words = told(mailed(run, server, "starttls", smtp=login))
    assert words.endswith("email.smtp.user and the password behind email.smtp.password_env should have no others")
    assert "Käsefondue" not in words


@pytest.mark.parametrize("source", ["password_env", "password_file"])
def test_a_refused_log_in_names_where_the_password_came_from(
    run: Path, tmp_path: Path, certificates: Certificates, login: dict[str, str], source: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("correct horse\n", encoding="utf-8")
    smtp = login if source == "password_env" else {"user": "qa", "password_file": str(secret)}
    server = Refusing({"AUTH": "535 5.7.8 no"}, ("STARTTLS", "AUTH PLAIN LOGIN"), certificates)
    delivery = mailed(run, server, "starttls", smtp=smtp)
    assert (delivery.state, told(delivery)) == (
        "refused",
        f"localhost:{server.port}: does not let qa in with the password from {smtp[source]} (535 5.7.8 no); "
        f"email.smtp.user or the password behind email.smtp.{source} should be corrected",
    )


def test_a_log_in_refused_for_now_blames_nobody(run: Path, certificates: Certificates, login: dict[str, str]) -> None:
    server = Refusing({"AUTH": "454 4.7.0 no"}, ("STARTTLS", "AUTH PLAIN"), certificates)
    delivery = mailed(run, server, "starttls", smtp=login)
    assert delivery.state == "deferred"
    assert told(delivery).endswith("(454 4.7.0 no)")


@pytest.mark.parametrize("password", ["correct horse", "Käsefondue"])
@pytest.mark.parametrize("form", ["plain", "AUTH PLAIN", "AUTH LOGIN"])
def test_a_server_that_repeats_the_password_is_not_quoted(
    run: Path,
    certificates: Certificates,
    login: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    password: str,
    form: str,
) -> None:
    monkeypatch.setenv("QA_TEST_PASSWORD", password)
    spoken = {
        "plain": password,
        "AUTH PLAIN": base64.b64encode(f"\0qa\0{password}".encode()).decode(),
        "AUTH LOGIN": base64.b64encode(password.encode()).decode(),
    }[form]
    server = Refusing({"AUTH": f"535 what is {spoken}?"}, ("STARTTLS", "AUTH PLAIN"), certificates)
    assert "(535 what is ...?)" in told(mailed(run, server, "starttls", smtp=login))
    assert spoken not in (run.parent / RECEIPTS_FILE).read_text(encoding="utf-8")


@pytest.mark.parametrize("challenge", ["334 abc", "334 QUJD"])
def test_a_log_in_against_the_rules_is_one_line(
    run: Path, certificates: Certificates, login: dict[str, str], challenge: str
) -> None:
    replies = {"AUTH": challenge}
    for secret in ("correct horse", "qa"):
        replies[base64.b64encode(secret.encode()).decode().upper()] = challenge
    server = Refusing(replies, ("STARTTLS", "AUTH LOGIN"), certificates)
    words = told(mailed(run, server, "starttls", smtp=login))
    assert words == f"localhost:{server.port}: its log-in does not follow the rules"


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ({"to": ["jürgen@x.example"]}, "email.to"),
        ({"to": [], "cc": ["jürgen@x.example"]}, "email.cc"),
        ({"to": [], "teams": {"North": ["jürgen@x.example"]}}, "email.teams.North"),
        ({"from": "jürgen@agency.example"}, "email.from"),
    ],
)
@pytest.mark.parametrize("offered", [False, True])
def test_an_address_beyond_ascii_is_named_by_its_key(
    run: Path, section: dict[str, Any], key: str, offered: bool
) -> None:
    reply = "553 5.6.7 not such letters"
    server = Refusing({"RCPT": reply}, ("SMTPUTF8",)) if offered else Refusing()
    said = reply if offered else "the mail server offers no SMTPUTF8"
    delivery = mailed(run, server, **section)
    assert delivery.state == "refused"
    remedy = f"the address in {key} should have only ASCII letters before the @, no ü"
    assert delivery.words.endswith(f": not sent: {said}; {remedy}")
    assert is_key(".".join(key.split(".")[:2]))
    assert_still_to_be_had(run, **section)


def write_run_of(folder: Path, size: int, name: str = "run-1") -> Path:
    """A run whose PDF has so many bytes."""
    pdf = (PDF * (size // len(PDF) + 1))[:size]
    run = write_run(
        folder, structs.replace(WHOLE, pdf_sha256=hashlib.sha256(pdf).hexdigest()), content=name * 8, name=name
    )
    (run / "report.pdf").write_bytes(pdf)
    return run


def test_too_large_names_the_largest_pdf_that_fits(tmp_path: Path) -> None:
    mailbox = Mailbox()
    with running(mailbox, size_limit=1_500_000) as port:
        run = write_run_of(tmp_path, 2_000_000)
        (delivery,) = mail_run(run, email(port, **ONE), waits=AT_ONCE)
        assert delivery.state == "refused"
        assert told(delivery) == (
            "552 Error: message size exceeds fixed maximum message size; the message has 2.7 MB and the server takes "
            "1.5; email.attach_limit_mb should be 1 at most, so that the PDF stays in the archive"
        )
        assert mailbox.taken == []
        assert [one.state for one in mail_run(run, email(port, attach_limit_mb=1, **ONE))] == ["sent"]
        assert list(mailbox.message_to("a@x.example").iter_attachments()) == []
        mailbox.taken.clear()
        assert [one.state for one in mail_run(run, email(port, attach_limit_mb=1, **ONE))] == ["earlier"]
        fits = write_run_of(tmp_path, 1_000_000, name="run-2")
        assert [one.state for one in mail_run(fits, email(port, attach_limit_mb=1, **ONE))] == ["sent"]
        assert len(list(mailbox.message_to("a@x.example").iter_attachments())) == 1


@pytest.mark.parametrize("command", ["MAIL", "TEXT"])
@pytest.mark.parametrize("offers", [(), ("SIZE",), ("SIZE 0",), (f"SIZE {'9' * 5000}",)])
def test_too_large_for_a_limit_that_is_not_told(tmp_path: Path, command: str, offers: tuple[str, ...]) -> None:
    run = write_run_of(tmp_path, 400_000)
    delivery = mailed(run, Refusing({command: "552 5.3.4 too big"}, offers))
    assert delivery.state == "refused"
    assert told(delivery) == (
        "552 5.3.4 too big; the message has 0.6 MB; email.attach_limit_mb should be 0.3 at most, "
        "so that the PDF stays in the archive"
    )
    assert_still_to_be_had(run)


def test_too_large_without_a_pdf_is_the_servers_affair(run: Path) -> None:
    words = told(mailed(run, Refusing({"TEXT": "552 too big"}), attach_limit_mb=0))
    assert words.endswith("nothing is attached to it, so its administrator should allow more")


def test_a_port_where_nobody_listens(run: Path) -> None:
    port = free_port()
    (delivery,) = mail_run(run, email(port, **ONE), waits=AT_ONCE)
    assert delivery.state == "deferred"
    assert told(delivery) == f"localhost:{port}: cannot be reached (Connection refused); {PLACE}"
    assert_still_to_be_had(run)


def test_a_name_that_nobody_knows(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", unknown)
    (delivery,) = mail_run(run, email(587, smtp={"host": "mail.agency.invalid"}, **ONE), waits=())
    assert delivery.state == "deferred"
    assert told(delivery) == (
        "mail.agency.invalid:587: its name is not found (Name or service not known); email.smtp.host should be the "
        "name of the mail server, as this machine's name server knows it"
    )


def test_an_address_that_does_not_answer(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def late(*_: object, **__: object) -> None:
        raise TimeoutError("timed out")

    monkeypatch.setattr("socket.create_connection", late)
    (delivery,) = mail_run(run, email(587, **ONE), waits=())
    assert (
        told(delivery) == f"localhost:587: cannot be reached (no answer within 5 s); {PLACE}, and no firewall between"
    )


@pytest.mark.parametrize("security", ["none", "starttls"])
def test_the_encrypted_port_without_tls(run: Path, certificates: Certificates, security: str) -> None:
    server = Refusing(certificates=certificates, encrypted=True)
    delivery = mailed(run, server, security, smtp={"timeout": 0.2})
    assert delivery.state == "deferred"
    assert told(delivery) == (
        f"localhost:{server.port}: takes the connection and says nothing for 0.2 s; {TLS_OR_PORT}, "
        "or email.smtp.timeout longer"
    )
    assert_still_to_be_had(run)


def test_tls_where_nothing_is_said(run: Path) -> None:
    with silent() as port:
        (delivery,) = mail_run(run, email(port, "tls", smtp={"timeout": 0.2}, **ONE), waits=())
    assert told(delivery).startswith(f"localhost:{port}: cannot be reached (no answer within 0.2 s); {PLACE}")


@pytest.mark.parametrize(
    ("greeting", "words"),
    [
        (
            "554 5.7.1 no service",
            "answered 554 5.7.1 no service; email.smtp.host should be a server that takes mail from",
        ),
        ("421 4.3.2 busy", "answered 421 4.3.2 busy"),
        ("HTTP/1.1 400 Bad Request", f"does not talk like a mail server (/1.1 400 Bad Request); {TLS_OR_PORT}"),
    ],
)
def test_a_greeting_that_is_none(run: Path, greeting: str, words: str) -> None:
    server = Refusing({"HELLO": greeting})
    assert told(mailed(run, server)).startswith(f"localhost:{server.port}: {words}")


FLAWS = {
    "unknown authority": "the environment variable SSL_CERT_FILE should name a file with the certificate of the "
    "authority behind it",
    "another name": "email.smtp.host should be a name that the certificate is for",
    "another address": "email.smtp.host should be a name that the certificate is for",
    "run out": "its administrator should renew it, unless this machine's clock is wrong",
}


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("flaw", FLAWS)
def test_a_certificate_says_what_would_be_right(
    run: Path, tmp_path: Path, security: str, flaw: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC) if flaw == "run out" else None
    made = make_certificates(tmp_path, "other.example" if flaw == "another name" else "localhost", past)
    if flaw != "unknown authority":
        monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
    server = Refusing({}, ("STARTTLS",), made, encrypted=security == "tls")
    host = "127.0.0.1" if flaw == "another address" else "localhost"
    delivery = mailed(run, server, security, smtp={"host": host})
    assert delivery.state == "refused"
    assert told(delivery).startswith(f"{host}:{server.port}: its certificate cannot be trusted (")
    assert told(delivery).endswith(f"; {FLAWS[flaw]}")
    assert {"AUTH", "MAIL"}.isdisjoint(server.heard)
    assert_still_to_be_had(run)


@pytest.mark.parametrize(("command", "state"), [("MAIL", "deferred"), ("TEXT", "unknown")])
def test_a_slow_server_names_the_timeout(run: Path, command: str, state: str) -> None:
    delivery = mailed(run, Refusing({command: ""}), smtp={"timeout": 0.2})
    assert delivery.state == state
    assert "email.smtp.timeout should be longer than 0.2" in told(delivery)
    if state == "deferred":
        assert_still_to_be_had(run)
    else:  # it may have been taken, so it is never sent again by itself
        server = Refusing()
        assert mailed(run, server).state == "unknown"
        assert server.taken == 0


def test_the_documentation_names_real_keys() -> None:
    page = (Path(__file__).parents[2] / "docs" / "e-mail.md").read_text(encoding="utf-8")
    table = page.split("| the server | then this should be changed |")[1].split("\n\n")[0]
    named = set(re.findall(r"`(smtp\.[a-z_]+)`", table))
    assert len(named) >= 6
    assert all(is_key(f"email.{name}") for name in named)
