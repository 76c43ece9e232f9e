"""Step 6, deliver: messages to a mail server, one transaction for each recipient. The only module that knows SMTP.

A server's temporary refusals (4xx) and broken connections are tried again after a while, as long as the text of the
message has not left this machine. A connection that breaks afterwards leaves the outcome `unknown`: such a message is
never repeated here, because the server may have taken it.
"""

from __future__ import annotations

import base64
import os
import re
import smtplib
import ssl
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct

from qa_reports.config import SmtpConfig
from qa_reports.delivery.message import Envelope
from qa_reports.errors import UserError, one_line

WAITS = (5.0, 20.0, 60.0)
"""Seconds before the second, third and fourth attempt."""
_MOST_LETTERS = 200
"""Letters of a server's reply that are kept."""


class Outcome(Struct, frozen=True):
    """What became of one message."""

    state: Literal["sent", "refused", "deferred", "unknown"]
    reply: str


class Listener(Struct, frozen=True):
    """Told of every step, so that it can be recorded before the next one."""

    sending: Callable[[Envelope], None]
    """The server waits for the text; it goes out when this returns."""
    ended: Callable[[Envelope, Outcome], None]
    """An attempt is over; a deferred message may come again."""


class _NoSession(Exception):
    """The server cannot be used: for now (`temporary`), or not at all as it is configured."""

    def __init__(self, temporary: bool, text: str) -> None:
        super().__init__(text)
        self.temporary = temporary


def read_password(smtp: SmtpConfig) -> str | None:
    """The password from the environment or the file that the configuration names; None without a log-in.

    Raises:
        UserError: it is not there, or empty.
    """
    if smtp.password_env is not None:
        password = os.environ.get(smtp.password_env, "")
        if not password:
            raise UserError(f"email.smtp.password_env: the environment variable {smtp.password_env} is not set")
        return password
    if smtp.password_file is None:
        return None
    path = Path(smtp.password_file).expanduser()
    try:
        password = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UserError(f"email.smtp.password_file: {path} cannot be read ({reason})") from None
    if not password:
        raise UserError(f"email.smtp.password_file: {path} is empty; it should hold the password and nothing else")
    return password


def send_messages(
    envelopes: Sequence[Envelope],
    smtp: SmtpConfig,
    password: str | None,
    listener: Listener,
    waits: Sequence[float] = WAITS,
) -> None:
    """Send every message; the outcomes go to the listener. The certificate of the server is always verified.

    Args:
        password: what `read_password` returns.
        waits: seconds before each further attempt at what was deferred.
    """
    pending = list(envelopes)
    for wait in (0.0, *waits):
        if not pending:
            return
        time.sleep(wait)
        pending = _one_round(pending, smtp, password, listener)


def _one_round(
    envelopes: Sequence[Envelope], smtp: SmtpConfig, password: str | None, listener: Listener
) -> list[Envelope]:
    """Try each message once; returns those that were deferred."""
    deferred: list[Envelope] = []
    left = list(envelopes)
    session: smtplib.SMTP | None = None
    try:
        while left:
            session = session or _connect(smtp, password)
            outcome = _transact(session, left[0], listener)
            listener.ended(left[0], outcome)
            if outcome.state == "deferred":
                deferred.append(left[0])
            left.pop(0)
            if not _ready_again(session):
                session.close()
                session = None
    except _NoSession as error:  # it would be the same for all that are left
        for envelope in left:
            listener.ended(envelope, Outcome("deferred" if error.temporary else "refused", str(error)))
        return [*deferred, *left] if error.temporary else deferred
    except BaseException:
        if session is not None:
            session.close()  # not QUIT: in the middle of a message that would be a line of its text
        raise
    _say_goodbye(session)
    return deferred


def _connect(smtp: SmtpConfig, password: str | None) -> smtplib.SMTP:
    where = f"{smtp.host}:{smtp.port}"
    session: smtplib.SMTP | None = None
    try:
        context = ssl.create_default_context()
        if smtp.security == "tls":
            session = smtplib.SMTP_SSL(smtp.host, smtp.port, timeout=smtp.timeout, context=context)
        else:
            session = smtplib.SMTP(smtp.host, smtp.port, timeout=smtp.timeout)
        if smtp.security == "starttls":
            session.starttls(context=context)
        session.ehlo_or_helo_if_needed()
        if smtp.user is not None and password is not None:
            _log_in(session, smtp.user, password)
    except (smtplib.SMTPException, OSError) as error:
        if session is not None:
            session.close()
        raise _no_session(error, where, smtp) from None
    return session


def _log_in(session: smtplib.SMTP, user: str, password: str) -> None:
    """Log in; smtplib takes ASCII only, so that other passwords go by AUTH PLAIN in UTF-8 (RFC 4616)."""
    if (user + password).isascii():
        session.login(user, password)
        return
    if "PLAIN" not in session.esmtp_features.get("auth", "").upper().split():
        raise smtplib.SMTPNotSupportedError("the server does not offer AUTH PLAIN, which a password like this needs")
    secret = base64.b64encode(f"\0{user}\0{password}".encode()).decode("ascii")
    code, reply = session.docmd("AUTH", f"PLAIN {secret}")
    if code != 235:
        raise smtplib.SMTPAuthenticationError(code, reply)


def _no_session(error: Exception, where: str, smtp: SmtpConfig) -> _NoSession:
    """Why the server cannot be used, in one sentence for the person who edits the configuration."""
    match error:
        case ssl.SSLCertVerificationError():
            return _NoSession(False, f"{where}: its certificate cannot be trusted ({error.verify_message})")
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return _NoSession(True, f"{where}: broke the connection off while it was being encrypted")
        case ssl.SSLError():
            other = "starttls" if smtp.security == "tls" else "tls"
            reason = (error.reason or "no reason given").replace("_", " ").lower()
            return _NoSession(False, f"{where}: could not be encrypted ({reason}); is security: {other} meant?")
        case smtplib.SMTPAuthenticationError():
            source = smtp.password_env or smtp.password_file
            told = f"does not let {smtp.user} in with the password from {source}"
            return _NoSession(400 <= error.smtp_code < 500, f"{where}: {told} ({_said(error.smtp_error)})")
        case smtplib.SMTPResponseException():
            told = f"answered {error.smtp_code} {_said(error.smtp_error)}"
            return _NoSession(not 500 <= error.smtp_code < 600, f"{where}: {told}")
        case smtplib.SMTPNotSupportedError():
            if smtp.security == "starttls" and "STARTTLS" in str(error):
                return _NoSession(False, f"{where}: offers no STARTTLS, and nothing is sent unencrypted")
            return _NoSession(False, f"{where}: cannot be logged in to ({_said(str(error))})")
        case smtplib.SMTPException():
            return _NoSession(True, f"{where}: {_said(str(error))}")
        case OSError():
            return _NoSession(True, f"{where}: cannot be reached ({_said(error.strerror or str(error))})")
    raise error


def _transact(session: smtplib.SMTP, envelope: Envelope, listener: Listener) -> Outcome:
    """One message to one recipient. Never raises what a mail server or a network can cause."""
    if envelope.needs_utf8 and not session.has_extn("smtputf8"):
        return Outcome("refused", "the mail server takes no addresses like this one (it offers no SMTPUTF8)")
    content = envelope.compose()
    try:
        code, reply = session.mail(envelope.sender, _mail_options(session, envelope, len(content)))
        if code == 250:
            code, reply = session.rcpt(envelope.recipient)
        if code in (250, 251):
            code, reply = session.docmd("DATA")
    except (smtplib.SMTPException, OSError) as error:
        session.close()
        return Outcome("deferred", f"the connection broke before the message was sent ({_said(str(error))})")
    if code != 354:
        return Outcome("refused" if 500 <= code < 600 else "deferred", f"{code} {_said(reply)}")
    listener.sending(envelope)
    try:
        session.send(_dot_stuffed(content) + b".\r\n")
        code, reply = session.getreply()
    except (smtplib.SMTPException, OSError) as error:
        session.close()
        return Outcome("unknown", f"the connection broke while the message was sent ({_said(str(error))})")
    states: dict[int, Literal["sent", "deferred", "refused"]] = {2: "sent", 4: "deferred", 5: "refused"}
    return Outcome(states.get(code // 100, "unknown"), f"{code} {_said(reply)}")


def _mail_options(session: smtplib.SMTP, envelope: Envelope, size: int) -> list[str]:
    options = [f"SIZE={size}"] if session.has_extn("size") else []
    return [*options, "SMTPUTF8"] if envelope.needs_utf8 else options


def _dot_stuffed(content: bytes) -> bytes:
    """A line that begins with a dot gets another one, so that it does not end the message (RFC 5321, 4.5.2)."""
    return re.sub(rb"^\.", b"..", content, flags=re.MULTILINE)


def _ready_again(session: smtplib.SMTP) -> bool:
    """Whether the session can take another message."""
    if session.sock is None:
        return False
    try:
        return session.rset()[0] == 250
    except (smtplib.SMTPException, OSError):
        return False


def _say_goodbye(session: smtplib.SMTP | None) -> None:
    if session is not None:
        try:
            session.quit()
        except (smtplib.SMTPException, OSError):
            session.close()


def _said(reply: bytes | str) -> str:
    """A server's words, which may be anything, on one line."""
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    plain = one_line(" ".join(text.split()))
    return plain if len(plain) <= _MOST_LETTERS else f"{plain[: _MOST_LETTERS - 1]}…"
