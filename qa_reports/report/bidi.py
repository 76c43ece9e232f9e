"""Names and labels in Arabic or Hebrew letters within English sentences: kept together, so that numbers stay in place.

Without isolates a number behind such a name is drawn into it: "أحمد: 15%" reads "15% :أحمد" (Unicode Standard Annex 9).
"""

from __future__ import annotations

import re

_LETTER = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc"
_LETTERS = re.compile(f"[{_LETTER}]")
_OTHER_LETTERS = re.compile(r"[A-Za-z]")
_QUOTED = re.compile(r"“([^“”]*)”")
_WORD = rf"\w*[{_LETTER}]\w*"
_RUN = re.compile(rf"{_WORD}(?:[ '\u2019.\-\u05be/]+{_WORD})*")
_BEFORE, _BEHIND = "\u2068", "\u2069\u200e"
"""First strong isolate; its end, and a left-to-right mark: on a line of its own the end of a name has no isolate."""


def isolated(text: str) -> str:
    """The text with isolates around what is written from right to left; any other text as it is.

    A text mostly of such letters is a name or a label, and isolated as a whole. Of a sentence, and of names with "and"
    between them, it is what stands in quotation marks, and else the words by themselves.
    """
    if not _LETTERS.search(text):
        return text
    if len(_LETTERS.findall(text)) > len(_OTHER_LETTERS.findall(text)) and " and " not in text:
        return _isolate(text)
    parts = _QUOTED.split(text)  # what stands between marks has the odd places
    return "".join(
        f"“{_isolate(part)}”" if place % 2 else _RUN.sub(lambda run: _isolate(run.group()), part)
        for place, part in enumerate(parts)
    )


def _isolate(text: str) -> str:
    return f"{_BEFORE}{text}{_BEHIND}" if _LETTERS.search(text) else text
