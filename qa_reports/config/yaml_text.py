"""Text from files as YAML reads it back: labels and ids may hold anything."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[^\W\d_](?:[\w '\u2019()/-]*[\w')])?")
_ESCAPES = {'"': '\\"', "\\": "\\\\"}
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def yaml_text(text: str) -> str:
    """Text as it stands where YAML reads it as that text, else in double quotes."""
    plain = _PLAIN.fullmatch(text) and text.casefold() not in _WORDS
    return text if plain else yaml_quoted(text)


def yaml_quoted(text: str) -> str:
    """Text in double quotes, with YAML's escapes for what does not print."""
    letters = (_ESCAPES.get(letter, letter) if letter.isprintable() else _escaped(letter) for letter in text)
    return f'"{"".join(letters)}"'


def _escaped(letter: str) -> str:
    return f"\\u{ord(letter):04x}" if ord(letter) < 0x10000 else f"\\U{ord(letter):08x}"
