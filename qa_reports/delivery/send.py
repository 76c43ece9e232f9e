"""Step 6, deliver: messages to a mail server, one transaction for each recipient. The only module that talks SMTP.

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

from msgspec import Struct

from qa_reports.config import SmtpConfig
from qa_reports.delivery.message import Envelope
from qa_reports.delivery.refusals import Attempt, Outcome, Step, answered, broke_off, no_session, no_utf8
from qa_reports.errors import UserError

WAITS = (5.0, 20.0, 60.0)
"""Seconds before the second, third and fourth attempt."""


class Listener(Struct, frozen=True):
    """Told of every step, so that it can be recorded before the next one."""

    sending: Callable[[Envelope], None]
    """The server waits for the text; it goes out when this returns."""
    ended: Callable[[Envelope, Outcome], None]
    """An attempt is over; a deferred message may come again."""


class _NoSession(Exception):
    """The server cannot be used, and every message that is left has the same outcome."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.reply)
        self.outcome = outcome


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
            outcome = _transact(session, left[0], smtp, listener)
            listener.ended(left[0], outcome)
            if outcome.state == "deferred":
                deferred.append(left[0])
            left.pop(0)
            if not _ready_again(session):
                session.close()
                session = None
    except _NoSession as error:  # it would be the same for all that are left
        for envelope in left:
            listener.ended(envelope, error.outcome)
        return [*deferred, *left] if error.outcome.state == "deferred" else deferred
    except BaseException:
        if session is not None:
            session.close()  # not QUIT: in the middle of a message that would be a line of its text
        raise
    _say_goodbye(session)
    return deferred


def _connect(smtp: SmtpConfig, password: str | None) -> smtplib.SMTP:
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
        offers = None if session is None else session.esmtp_features
        if session is not None:
            session.close()
        raise _NoSession(no_session(error, smtp, offers)) from None
    return session


def _log_in(session: smtplib.SMTP, user: str, password: str) -> None:
    """Log in; smtplib takes ASCII only, so that other passwords go by AUTH PLAIN in UTF-8 (RFC 4616)."""
    plain = (user + password).isascii()
    usable = {"CRAM-MD5", "PLAIN", "LOGIN"} if plain else {"PLAIN"}
    if usable.isdisjoint(session.esmtp_features.get("auth", "").split()):
        raise smtplib.SMTPNotSupportedError("AUTH")
    secret = base64.b64encode(f"\0{user}\0{password}".encode())
    try:
        if plain:
            session.login(user, password)
            return
        code, reply = session.docmd("AUTH", f"PLAIN {secret.decode('ascii')}")
        if code != 235:
            raise smtplib.SMTPAuthenticationError(code, reply)
    except smtplib.SMTPAuthenticationError as error:  # some servers repeat what they were sent
        told = error.smtp_error if isinstance(error.smtp_error, bytes) else error.smtp_error.encode()
        for spoken in (secret, base64.b64encode(password.encode()), password.encode()):
            told = told.replace(spoken, b"...")
        raise smtplib.SMTPAuthenticationError(error.smtp_code, told) from None
    except smtplib.SMTPServerDisconnected:
        raise
    except (smtplib.SMTPException, ValueError):  # challenges that are no base64, or do not end
        raise smtplib.SMTPException("its log-in does not follow the rules") from None


def _transact(session: smtplib.SMTP, envelope: Envelope, smtp: SmtpConfig, listener: Listener) -> Outcome:
    """One message to one recipient. Never raises what a mail server or a network can cause."""
    if envelope.needs_utf8 and not session.has_extn("smtputf8"):
        return no_utf8(envelope)
    content = envelope.compose()
    attempt = Attempt(envelope, len(content), smtp, session.esmtp_features)
    step: Step = "MAIL"
    try:
        code, reply = session.mail(envelope.sender, _mail_options(session, envelope, len(content)))
        if code == 250:
            step = "RCPT"
            code, reply = session.rcpt(envelope.recipient)
        if code in (250, 251):
            step = "DATA"
            code, reply = session.docmd("DATA")
    except (smtplib.SMTPException, OSError) as error:
        session.close()
        return broke_off(error, smtp, in_text=False)
    if code != 354:
        return answered(step, code, reply, attempt)
    listener.sending(envelope)
    try:
        session.send(_dot_stuffed(content) + b".\r\n")
        code, reply = session.getreply()
    except (smtplib.SMTPException, OSError) as error:
        session.close()
        return broke_off(error, smtp, in_text=True)
    return answered("text", code, reply, attempt)


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
