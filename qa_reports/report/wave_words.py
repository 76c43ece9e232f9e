"""Step 5, report: waves by their names in a sentence, and which items of two waves are the same question."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from qa_reports.report.wave_results import ItemResult

_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|\w+")
"""Chinese and Japanese are written without blanks: there every letter counts by itself."""
_MOST_IN_COMMON = 0.5
"""Of the words of the shorter label, beyond which two labels are taken for one question."""


def wave_in_words(name: str) -> str:
    """A wave inside a sentence: "Round 6", but "wave 6" where it is a bare number."""
    return f"wave {name}" if name.isdigit() else name


class Labelled(Protocol):
    """An item of a wave, wherever it was read from."""

    @property
    def item(self) -> str:
        """Its name."""

    @property
    def label(self) -> str:
        """Its label, or its name again."""


def asks_the_same(now: Labelled, then: Labelled) -> bool:
    """Whether two items of one name have labels of one question; without a label on either side the name has to do."""
    unlabelled = now.label == now.item or then.label == then.item
    return unlabelled or same_question(now.label, then.label)


def same_question(first: str, second: str) -> bool:
    """Whether two labels have more than half of the words of the shorter one in common, in any case and order."""
    one, other = _words_of(first), _words_of(second)
    return one == other or len(one & other) > _MOST_IN_COMMON * min(len(one), len(other))


def with_this_label(now: ItemResult, items: Sequence[ItemResult]) -> ItemResult | None:
    """The one item of an earlier wave that has this item's label under another key."""
    if now.label == now.item:
        return None
    found = [then for then in items if _words_of(then.label) == _words_of(now.label)]
    return found[0] if len(found) == 1 and found[0].key != now.key else None


def _words_of(label: str) -> frozenset[str]:
    return frozenset(_TOKEN.findall(label.casefold()))
