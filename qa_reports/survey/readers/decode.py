"""Bytes of a text file as text: UTF-8, UTF-16 with its mark, the encoding that is configured, or else Windows-1252."""

from __future__ import annotations

import codecs

from qa_reports.errors import DataError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MOST_FOREIGN_LETTERS = 0.3
"""Share of letters beyond ASCII up to which a text may be Western European; other scripts have nearly nothing else."""
_REMEDY = 'save it as "CSV UTF-8", or give its encoding under read.encoding'


def decode(content: bytes, name: str, encoding: str | None) -> tuple[str, tuple[str, ...]]:
    """The text and a note where its encoding had to be guessed.

    Raises:
        DataError: the bytes are no text in the configured encoding, or in none that can be told for sure.
    """
    marked = next((codec for mark, codec in _MARKS if content.startswith(mark)), None)
    codec = (marked if marked == "utf-8-sig" else encoding) or marked or "utf-8"
    try:
        text = content.decode(codec)
    except UnicodeError as error:
        if encoding is not None or marked is not None:
            raise DataError(f"{name}: {_place(content, error)}is not {encoding or codec} text; {_REMEDY}") from None
        text = _decode_western(content, name)
        return text, _guessed(name)
    _check_no_nulls(text, name)
    return text, ()


def _place(content: bytes, error: UnicodeError) -> str:
    return f"line {content.count(10, 0, error.start) + 1} " if isinstance(error, UnicodeDecodeError) else ""


def _guessed(name: str) -> tuple[str, ...]:
    return (
        f"{name}: is not UTF-8 and was read as Windows-1252 (Western European); if letters look wrong, give its "
        "encoding under read.encoding.",
    )


def _decode_western(content: bytes, name: str) -> str:
    """Windows-1252, where that is plausible: no line is UTF-8 beyond ASCII, and most letters are ASCII."""
    other = utf_8 = 0
    for number, line in enumerate(content.split(b"\n"), start=1):
        if line.isascii():
            continue
        try:
            line.decode("utf-8")
            utf_8 = utf_8 or number
        except UnicodeDecodeError:
            other = other or number
    if utf_8:
        raise DataError(
            f"{name}: mixes encodings: line {utf_8} is UTF-8 and line {other} is not; save the whole file in one"
        )
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError:
        raise DataError(f"{name}: line {other} is not UTF-8 text; {_REMEDY}") from None
    letters = [character for character in text if character.isalpha()]
    foreign = sum(not letter.isascii() for letter in letters)
    if b"\x00" in content or foreign > _MOST_FOREIGN_LETTERS * len(letters):
        raise DataError(f"{name}: line {other} is not UTF-8 text; {_REMEDY}")
    return text


def _check_no_nulls(text: str, name: str) -> None:
    position = text.find("\x00")
    if position >= 0:
        line = text.count("\n", 0, position) + 1
        raise DataError(f"{name}: line {line} holds null bytes, so the file is damaged or no UTF-8 text; {_REMEDY}")
