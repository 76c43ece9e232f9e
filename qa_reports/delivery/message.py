"""Step 6, deliver: one e-mail as bytes, ready for a mail server or an `.eml` file."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable, Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

from msgspec import Struct

from qa_reports.config import MailAddress
from qa_reports.errors import one_line
from qa_reports.report.letter import Letter

_POLICY = SMTP.clone(cte_type="7bit")
"""Seven bits only: no server needs 8BITMIME to take the message."""


class Attachment(Struct, frozen=True):
    """A PDF and the name it is saved under."""

    name: str
    content: bytes


class Envelope(Struct, frozen=True):
    """One message for one mailbox."""

    sender: str
    recipient: str
    key: str
    """Where the recipient stands in the configuration: `email.to`, `email.cc` or `email.teams.North`."""
    needs_utf8: bool
    """Whether only a server with SMTPUTF8 can take it: the part before an @ is not ASCII."""
    message_id: str
    attached: int
    """Bytes of the PDF in it, 0 for none."""
    compose: Callable[[], bytes]
    """Makes the whole message, lines ended by CRLF, when it is its turn: a hundred PDFs need no memory at once."""


class Correspondents(Struct, frozen=True):
    """Whose names stand on a message."""

    sender: MailAddress
    recipient: MailAddress
    """Who gets this copy; one of `to` or `cc`."""
    to: tuple[MailAddress, ...]
    cc: tuple[MailAddress, ...]

    @property
    def need_utf8(self) -> bool:
        """Whether the message needs SMTPUTF8."""
        return self.sender.needs_utf8 or self.recipient.needs_utf8


def compose(
    letter: Letter,
    who: Correspondents,
    attachment: Attachment | None,
    message_id: str,
    date: datetime.datetime,
) -> bytes:
    """The message to one recipient. Its header names all of `to` and `cc`; it is sent to the recipient alone.

    An address that needs SMTPUTF8 stands in its own copy only, so that it cannot spoil the others' delivery.
    """
    message = EmailMessage(_POLICY.clone(utf8=who.need_utf8))
    message["From"] = _header_address(who.sender)
    for header, addresses in (("To", who.to), ("Cc", who.cc)):
        shown = [address for address in addresses if not address.needs_utf8 or address == who.recipient]
        if shown:
            message[header] = [_header_address(address) for address in shown]
    message["Subject"] = header_text(letter.subject)
    message["Date"] = date
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text, cte="quoted-printable")
    message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    if attachment is not None:
        message.add_attachment(attachment.content, maintype="application", subtype="pdf", filename=attachment.name)
    _set_boundaries(message, message_id)
    return message.as_bytes()


def make_message_id(parts: Sequence[str], domain: str) -> str:
    """The same for the same parts, so that a receiving server can tell a repetition from a new message."""
    digest = hashlib.sha256("\x00".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"<{digest}@{domain}>"


def header_text(text: str) -> str:
    """Text that stays what it is inside a header.

    Besides line ends, an encoded word has to be taken apart: Python decodes `=?utf-8?q?x=0D=0ABcc=3A...?=` in a value
    that is assigned to a header, and would write its line end as one.
    """
    return one_line(" ".join(text.split())).replace("=?", "= ?").replace("?=", "? =")


def _header_address(address: MailAddress) -> Address:
    return Address(header_text(address.name), address.local, address.domain)


def _set_boundaries(message: EmailMessage, message_id: str) -> None:
    """Boundaries from the message's id instead of random ones: the same message is the same bytes."""
    for depth, part in enumerate(part for part in message.walk() if part.is_multipart()):
        part.set_boundary(f"=={hashlib.sha256(f'{depth}{message_id}'.encode()).hexdigest()[:40]}==")
