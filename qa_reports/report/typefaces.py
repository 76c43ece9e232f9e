"""Step 5, report: which font has the letters of a text: for the words in pictures, and to say what lacks one."""

from __future__ import annotations

import re
from functools import cache

from matplotlib.font_manager import FontProperties, findfont, findSystemFonts, get_font
from PIL import ImageFont

_SHAPED = re.compile("[\u0300-\u036f\u0590-\u1cff\u200c\u200d\ua800-\uabff\ufb1d-\ufdff\ufe70-\ufefc]")
"""What is written from right to left, or in letters that join or change beside each other."""
_JOINERS = "\u200c\u200d"
"""They have no picture of their own."""


def typeface(words: str, pixels: float, bold: bool) -> ImageFont.FreeTypeFont:
    """DejaVu Sans as it comes with Matplotlib, so that a picture does not depend on the fonts of the machine; for
    letters that it lacks the machine's font that has most of them.

    Only words that need it are laid out by Raqm (HarfBuzz and FriBidi, which come with Pillow and Pango): it takes
    several times as long.
    """
    lacking = frozenset(ord(letter) for letter in words) - _letters_of(_dejavu(bold))
    return _open(_font_for(lacking, bold), pixels, bool(_SHAPED.search(words)))


def printable(words: str) -> str:
    """Characters that no font has become an empty box: an id or a label may hold anything."""
    usual = _letters_of(_dejavu(False))
    lacking = frozenset(ord(letter) for letter in words) - usual
    if not lacking and words.isprintable():
        return words
    others = _letters_of(_font_for(lacking, False))
    return "".join(
        letter
        if letter in _JOINERS or (letter.isprintable() and (ord(letter) in usual or ord(letter) in others))
        else "\N{WHITE SQUARE}"
        for letter in words
    )


def letters_without_font(text: str) -> str:
    """The characters, sorted, that no font installed on this machine has: in the PDF they are empty boxes."""
    wanted = {ord(letter) for letter in text if letter.isprintable() and not letter.isspace()}
    for file in _installed():
        if not wanted:
            break
        wanted -= _letters_of(file)
    return "".join(map(chr, sorted(wanted)))


@cache
def _font_for(lacking: frozenset[int], bold: bool) -> str:
    """The file of the font to write with: the first of those that have most of what DejaVu Sans lacks."""
    if not lacking:
        return _dejavu(bold)
    found = [(len(lacking & _letters_of(file)), file) for file in _installed()]
    most = max((n for n, _ in found), default=0)
    best = [file for n, file in found if n == most] if most else []
    return next((file for file in best if ("bold" in file.casefold()) == bold), next(iter(best), _dejavu(bold)))


@cache
def _open(file: str, pixels: float, shaped: bool) -> ImageFont.FreeTypeFont:
    layout = ImageFont.Layout.RAQM if shaped else ImageFont.Layout.BASIC
    return ImageFont.truetype(file, pixels, layout_engine=layout)


@cache
def _dejavu(bold: bool) -> str:
    return findfont(FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal"))


@cache
def _installed() -> tuple[str, ...]:
    return tuple(sorted(findSystemFonts()))


@cache
def _letters_of(file: str) -> frozenset[int]:
    """The characters that a font has; none of one that cannot be read, such as one of bitmaps."""
    try:
        return frozenset(get_font(file).get_charmap())
    except (OSError, RuntimeError, ValueError):
        return frozenset()
