"""Step 6, deliver: a mail server's refusal in one sentence that names the key of the configuration to change.

A refusal is known by its code, by the enhanced code before its words (RFC 3463, `5.7.1`), and where servers agree on
neither, by its words. What fits no rule is told in the server's words alone: a wrong key would cost more than none.
"""

from __future__ import annotations

import math
import re
import smtplib
import socket
import ssl
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from qa_reports.config import SmtpConfig
from qa_reports.delivery.message import Envelope
from qa_reports.errors import one_line

State = Literal["sent", "refused", "deferred", "unknown"]
Step = Literal["EHLO", "MAIL", "RCPT", "DATA", "text"]
"""What the server answered to; `text` is the message itself."""

_MOST_LETTERS = 200
"""Letters of a server's reply that are kept."""
_FIT = "usually 587 with security starttls, 465 with tls"
_PLACE = f"email.smtp.host and email.smtp.port should be those of the mail server (port {_FIT})"
_ENCRYPT = "email.smtp.security should be starttls, or tls (usually with port 465)"
_OTHER_NAME = (62, 64)
"""OpenSSL's numbers for a certificate of another host, and of another IP address."""
_OTHER_DAY = (9, 10)
"""For a certificate that is not valid yet, or no more."""
_TAKES_PART = 57 / 78
"""Bytes of a file for each byte of the message: 57 become a line of 76 letters in base64, and its end."""


class Outcome(Struct, frozen=True):
    """What became of one message."""

    state: State
    reply: str


class Attempt(Struct, frozen=True):
    """One message that a server is asked to take."""

    envelope: Envelope
    size: int
    """Bytes of the whole message."""
    smtp: SmtpConfig
    offers: Mapping[str, str]
    """What the server says it can do, by keyword."""


def no_session(error: Exception, smtp: SmtpConfig, offers: Mapping[str, str] | None) -> Outcome:
    """Why the server cannot be used: `deferred` for now, or `refused` as long as it is configured like this.

    Args:
        offers: what the server says it can do, by keyword; None where it has not even greeted.
    """
    temporary, told = _why_no_session(error, smtp, offers)
    return Outcome("deferred" if temporary else "refused", f"{smtp.host}:{smtp.port}: {told}")


def no_utf8(envelope: Envelope) -> Outcome:
    """The server has no SMTPUTF8, which an address of the message needs."""
    return Outcome("refused", f"the mail server offers no SMTPUTF8; {_plain_address(envelope)}")


def broke_off(error: Exception, smtp: SmtpConfig, in_text: bool) -> Outcome:
    """The connection broke before the text of a message, or in it; then the server may have taken it."""
    slow = isinstance(error.__context__, TimeoutError)  # smtplib tells of a closed connection only
    remedy = f"; email.smtp.timeout should be longer than {smtp.timeout:g}" if slow else ""
    if in_text:
        return Outcome("unknown", f"the connection broke while the message was sent ({said(str(error))}){remedy}")
    return Outcome("deferred", f"the connection broke before the message was sent ({said(str(error))}){remedy}")


def answered(step: Step, code: int, reply: bytes, attempt: Attempt) -> Outcome:
    """What the server's answer means for a message."""
    kind = code // 100
    if step == "text" and kind == 2:
        state: State = "sent"
    elif step == "text" and kind not in (4, 5):
        state = "unknown"
    else:
        state = "refused" if kind == 5 else "deferred"
    remedy = _access(step, code, reply, attempt.smtp)
    if remedy is None and state == "refused":
        remedy = _about_message(step, code, reply, attempt)
    return Outcome(state, f"{code} {said(reply)}" + (f"; {remedy}" if remedy else ""))


def said(reply: bytes | str) -> str:
    """A server's words, which may be anything, on one line."""
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    plain = one_line(" ".join(text.split()))
    return plain if len(plain) <= _MOST_LETTERS else f"{plain[: _MOST_LETTERS - 1]}…"


def _why_no_session(error: Exception, smtp: SmtpConfig, offers: Mapping[str, str] | None) -> tuple[bool, str]:
    """Whether it may be otherwise in a minute, and what to say."""
    match error:
        case ssl.SSLCertVerificationError():
            return False, f"its certificate cannot be trusted ({error.verify_message}); {_certificate(error)}"
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return True, f"broke the connection off while it was being encrypted; email.smtp.port should fit ({_FIT})"
        case ssl.SSLError():
            remedy = "its administrator should let it use TLS 1.2 or newer"
            if smtp.security == "tls":
                remedy = "email.smtp.security should be starttls where encryption begins later (usual for port 587)"
            reason = (error.reason or "no reason given").replace("_", " ").lower()
            return False, f"could not be encrypted ({reason}); {remedy}"
        case smtplib.SMTPAuthenticationError():
            told = f"does not let {smtp.user} in with the password from {smtp.password_env or smtp.password_file}"
            remedy = f"; email.smtp.user or the password behind {_password_key(smtp)} should be corrected"
            temporary = 400 <= error.smtp_code < 500
            return temporary, f"{told} ({error.smtp_code} {said(error.smtp_error)}){'' if temporary else remedy}"
        case smtplib.SMTPResponseException():
            return not 500 <= error.smtp_code < 600, _bad_start(error, smtp)
        case smtplib.SMTPNotSupportedError():
            return False, _not_offered(error, smtp, offers or {})
        case smtplib.SMTPServerDisconnected() if offers is None:
            if isinstance(error.__context__, TimeoutError):
                told = f"takes the connection and says nothing for {smtp.timeout:g} s"
                return True, f"{told}; {_port_or_tls(smtp)}, or email.smtp.timeout longer"
            return True, f"hangs up before it has said a word; {_port_or_tls(smtp)}"
        case smtplib.SMTPException():
            return True, said(str(error))
        case socket.gaierror():
            remedy = "email.smtp.host should be the name of the mail server, as this machine's name server knows it"
            return True, f"its name is not found ({said(error.strerror or str(error))}); {remedy}"
        case TimeoutError():
            reason = f"no answer within {smtp.timeout:g} s"
            return True, f"cannot be reached ({reason}); {_PLACE}, and no firewall between"
        case OSError():
            return True, f"cannot be reached ({said(error.strerror or str(error))}); {_PLACE}"
    raise error


def _certificate(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code in _OTHER_NAME:
        return "email.smtp.host should be a name that the certificate is for"
    if error.verify_code in _OTHER_DAY:
        return "its administrator should renew it, unless this machine's clock is wrong"
    return "the environment variable SSL_CERT_FILE should name a file with the certificate of the authority behind it"


def _password_key(smtp: SmtpConfig) -> str:
    return "email.smtp.password_file" if smtp.password_env is None else "email.smtp.password_env"


def _bad_start(error: smtplib.SMTPResponseException, smtp: SmtpConfig) -> str:
    """The greeting, or the answer to EHLO or STARTTLS, is a refusal."""
    code, reply = error.smtp_code, error.smtp_error
    told = f"answered {code} {said(reply)}"
    if code < 0:
        return f"does not talk like a mail server ({said(reply)}); {_port_or_tls(smtp)}"
    if isinstance(error, smtplib.SMTPConnectError):
        return f"{told}; email.smtp.host should be a server that takes mail from this machine" if code >= 500 else told
    if isinstance(error, smtplib.SMTPHeloError):
        remedy = _access("EHLO", code, reply, smtp)
        return f"{told}; {remedy}" if remedy else told
    return f"{told} to STARTTLS, and nothing is sent unencrypted; {_instead_of_starttls(smtp)}" if code >= 500 else told


def _not_offered(error: smtplib.SMTPNotSupportedError, smtp: SmtpConfig, offers: Mapping[str, str]) -> str:
    if "STARTTLS" in str(error):
        return f"offers no STARTTLS, and nothing is sent unencrypted; {_instead_of_starttls(smtp)}"
    password = _password_key(smtp)
    mechanisms = offers.get("auth", "").split()
    if not mechanisms:
        remedy = f"email.smtp.port should be the one for log-ins ({_FIT}), or delete email.smtp.user and {password}"
        return f"offers no log-in; {remedy}"
    if "LOGIN" in mechanisms or "CRAM-MD5" in mechanisms:
        remedy = f"email.smtp.user and the password behind {password} should have no others"
        return f"takes only ASCII letters and signs for a log-in; {remedy}"
    offered = said(", ".join(mechanisms))
    return f"offers no log-in by password (only {offered}); email.smtp.host should be a server with PLAIN or LOGIN"


def _instead_of_starttls(smtp: SmtpConfig) -> str:
    here = ", or none for a server on this machine" if smtp.user is None else ""
    return f"email.smtp.security should be tls (usually with port 465){here}"


def _port_or_tls(smtp: SmtpConfig) -> str:
    if smtp.security == "tls":
        return f"email.smtp.port should be another ({_FIT})"
    return f"email.smtp.security should be tls where this is its encrypted port, or email.smtp.port another ({_FIT})"


def _access(step: Step, code: int, reply: bytes | str, smtp: SmtpConfig) -> str | None:
    """The server wants an encrypted connection or a log-in first, and the configuration has none."""
    enhanced, words = _parsed(reply)
    if code < 400 or (step == "text" and code != 530) or not (enhanced is None or enhanced.startswith("7.")):
        return None
    asks = code in (523, 538) or enhanced in ("7.10", "7.11") or re.search(r"\b(start)?tls\b|\bssl\b|encrypt", words)
    if asks and smtp.security == "none":
        return _ENCRYPT
    if smtp.user is None and (code == 530 or re.search(r"authenticat|\blog ?-?in\b|\brelay|rcpthosts", words)):
        beside = "" if smtp.security != "none" else ", and email.smtp.security should be starttls or tls"
        return f"email.smtp.user and email.smtp.password_env (or password_file) should be given{beside}"
    return None


def _about_message(step: Step, code: int, reply: bytes, attempt: Attempt) -> str | None:
    """The message is too large, or one of its addresses is none that the server takes."""
    enhanced, words = _parsed(reply)
    if enhanced in ("3.4", "2.3") or (code == 552 and enhanced is None and step in ("MAIL", "text")):
        return _smaller(attempt)
    if enhanced == "6.7" and attempt.envelope.needs_utf8:
        return _plain_address(attempt.envelope)
    if step not in ("MAIL", "RCPT"):
        return None
    if enhanced in ("1.7", "1.8") or re.search(r"\bsender\b(?! ip)", words) or (step == "MAIL" and code in (550, 553)):
        return "email.from should be an address from which this server takes mail"
    if step == "RCPT" and enhanced is not None and enhanced.startswith("1."):
        return f"the address in {attempt.envelope.key} should be corrected"
    return None


def _smaller(attempt: Attempt) -> str:
    """The limit that keeps this PDF out of the message; where the server tells its own, the largest that fits."""
    size, attached = attempt.size, attempt.envelope.attached
    told = f"the message has {size / 1e6:.1f} MB"
    limit = re.fullmatch(r"[1-9][0-9]{0,17}", attempt.offers.get("size", ""))
    most = int(limit[0]) if limit is not None and int(limit[0]) < size else None
    if most is not None:
        told += f" and the server takes {most / 1e6:.1f}"
    if not attached:
        return f"{told}, and nothing is attached to it, so its administrator should allow more"
    fits = attached - 1.0 if most is None else attached - (size - most) * _TAKES_PART
    megabytes = max(0, math.floor(fits / 1e5)) / 10
    return f"{told}; email.attach_limit_mb should be {megabytes:g} at most, so that the PDF stays in the archive"


def _plain_address(envelope: Envelope) -> str:
    """Which address has to do without letters like ü before its @."""
    key, address = (envelope.key, envelope.recipient) if envelope.sender.isascii() else ("email.from", envelope.sender)
    letter = next(letter for letter in address if not letter.isascii())
    return f"the address in {key} should have only ASCII letters before the @, no {letter}"


def _parsed(reply: bytes | str) -> tuple[str | None, str]:
    """The enhanced code without its class (`7.1`), and the words in lower case without addresses, which say nothing.

    The code stands in front or, as qmail has it, at the end: `(#5.7.1)`.
    """
    words = re.sub(r"\S+@\S+", "", said(reply).lower())
    found = re.match(r"[245]\.(\d{1,3}\.\d{1,3})\b", words) or re.search(r"\(#[245]\.(\d{1,3}\.\d{1,3})\)", words)
    return (None if found is None else found[1]), words
