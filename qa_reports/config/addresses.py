"""E-mail addresses as they stand in a configuration: `name@agency.example` or `Field team <name@agency.example>`."""

from __future__ import annotations

import re

from msgspec import Struct

_PART = r"[^\s@<>()\[\],;:\\\"]+"
_ADDRESS = re.compile(rf"(?P<local>{_PART})@(?P<domain>{_PART})")
_NAMED = re.compile(r"(?P<name>[^<>]*[^<>\s])\s*<(?P<address>[^<>]+)>")
_MOST_LOCAL, _MOST_DOMAIN = 64, 253
"""Octets that RFC 5321 allows before and after the @."""


class MailAddress(Struct, frozen=True):
    """One mailbox; the domain is in its ASCII form (`xn--...`), the part before the @ as it was written."""

    name: str
    """What mail programs show instead of the address; may be empty."""
    local: str
    domain: str

    @property
    def spec(self) -> str:
        """`local@domain`, as mail servers know it."""
        return f"{self.local}@{self.domain}"

    @property
    def needs_utf8(self) -> bool:
        """Whether only a server with SMTPUTF8 (RFC 6531) can take it."""
        return not self.local.isascii()


def parse_address(text: str) -> MailAddress | None:
    """An address with or without a name; None where it is none. Nothing in it can end or begin a header line."""
    if not text.isprintable():
        return None
    named = _NAMED.fullmatch(text.strip())
    name, plain = (named["name"].strip().strip('"'), named["address"]) if named else ("", text.strip())
    found = _ADDRESS.fullmatch(plain)
    if found is None:
        return None
    local, domain = found["local"], _ascii_domain(found["domain"])
    dots = local.startswith(".") or local.endswith(".") or ".." in local
    if domain is None or dots or len(local.encode("utf-8")) > _MOST_LOCAL:
        return None
    return MailAddress(name, local, domain)


def _ascii_domain(domain: str) -> str | None:
    """The domain as name servers know it; None where it cannot be one."""
    try:
        ascii_form = domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None
    labels = ascii_form.split(".")
    fine = all(re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", label) for label in labels)
    return ascii_form if fine and len(ascii_form) <= _MOST_DOMAIN else None
