"""Which questions were asked together as one grid, and which to begin with."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from msgspec import Struct

from qa_reports.starting import words
from qa_reports.starting.items import ItemGuess

_FEWEST = 3
_LARGEST_GAP = 2
"""Columns from one item of a grid to the next: one other column may stand between them."""
_SAME_START = 4
"""Letters that names share where they belong together although they do not stand together."""
_EMPTY_WORDS = frozenset({"how", "the", "do you", "how often", "what", "how much", "how likely", "wie", "comment"})
_STEM = re.compile(r"(?P<stem>[A-Za-z]*_?[0-9]+)(?:[_.]?[A-Za-z0-9]{0,3})(?:[_.][A-Za-z0-9]+)*")


class BatteryGuess(Struct, frozen=True):
    """Questions with the same answers to choose from that stand together, and what speaks for a grid."""

    name: str
    items: tuple[ItemGuess, ...]
    evidence: str


def guess_batteries(items: Sequence[ItemGuess]) -> tuple[BatteryGuess, ...]:
    """Group items that stand together, share their answers, and have alike names or labels."""
    runs: list[list[ItemGuess]] = []
    for item in items:
        if runs and item.position - runs[-1][-1].position <= _LARGEST_GAP and _belongs(item, runs[-1]):
            runs[-1].append(item)
        else:
            home = next((run for run in runs if item.signature == run[0].signature and _same_subject(item, run)), None)
            if home is None:
                runs.append([item])
            else:
                home.append(item)
    grids = [run for run in runs if len(run) >= _FEWEST]
    names = Counter(_name(run) for run in grids)
    return tuple(BatteryGuess(_unique(_name(run), run, names), tuple(run), _evidence(run)) for run in grids)


def choose_items(items: Sequence[ItemGuess], batteries: Sequence[BatteryGuess], most: int) -> frozenset[str]:
    """The names of the items to begin with, `most` of them: whole grids on opinions first, then single questions."""
    chosen: set[str] = set()
    most_answers = max((item.n_answers for item in items), default=1)
    by_interest = sorted(batteries, key=lambda grid: (-_interest(grid.items, most_answers), grid.items[0].position))
    for grid in by_interest:
        if len(chosen) + len(grid.items) <= most:
            chosen |= {item.name for item in grid.items}
    rest = [item for item in items if item.name not in chosen]
    for item in sorted(rest, key=lambda item: (not item.is_attitude, item.position)):
        if len(chosen) < most:
            chosen.add(item.name)
    return frozenset(chosen)


def _interest(items: Sequence[ItemGuess], most_answers: int) -> float:
    """Opinions before behaviours, a long grid before a short one up to ten questions, and what most people answered."""
    opinions = sum(item.is_attitude for item in items) / len(items)
    answered = sum(item.n_answers for item in items) / len(items) / most_answers
    return (10 * opinions + min(len(items), 10) / 2) * answered


def _belongs(item: ItemGuess, run: Sequence[ItemGuess]) -> bool:
    last = run[-1]
    if item.signature != last.signature:
        same_ends = item.scale == last.scale and _first_words(item) == _first_words(last) and _first_words(item)
        return bool(same_ends) and _alike(item.name, last.name) >= 2
    first_two = [words.plain(one.label).split()[:2] for one in (item, last)]
    same_words = first_two[0] == first_two[1] and len(first_two[0]) == 2
    return _stem(item.name) == _stem(last.name) or _alike(item.name, last.name) >= 2 or same_words


def _same_subject(item: ItemGuess, run: Sequence[ItemGuess]) -> bool:
    """Whether labels begin with the same word and names with the same letters."""
    first = run[0]
    begins = [words.plain(label).split()[:1] for label in (item.label, first.label)]
    return (
        begins[0] == begins[1]
        and begins[0] != []
        and _alike(item.name, first.name) >= _SAME_START
        and (_stem(item.name) == _stem(first.name))
    )


def _stem(name: str) -> str:
    """ "Q59" of "Q59A_TUN", "trst" of "trstplc": what the names of a grid share."""
    match = _STEM.fullmatch(name)
    return match["stem"].casefold() if match else name[:_SAME_START].casefold()


def _alike(first: str, second: str) -> int:
    """How many letters two names share from the start; question numbers count only as a whole."""
    if _STEM.fullmatch(first) and _STEM.fullmatch(second):
        return len(first) if _stem(first) == _stem(second) else 0
    return next((n for n, (a, b) in enumerate(zip(first.casefold(), second.casefold(), strict=False)) if a != b),
                min(len(first), len(second)))  # fmt: skip


def _first_words(item: ItemGuess) -> list[list[str]]:
    return [words.plain(end).split()[:2] for end in item.ends]


def _name(run: Sequence[ItemGuess]) -> str:
    """What the labels share at their beginning or end, else from which column to which."""
    labels = [item.label.split() for item in run]
    shared = " ".join(_shared(labels)).strip(" :-,;.?(")
    behind = " ".join(reversed(_shared([list(reversed(label)) for label in labels]))).strip(" :-,;.?)")
    text = (
        shared if len(shared) >= 4 and words.plain(shared) not in _EMPTY_WORDS else behind if len(behind) >= 6 else ""
    )
    return text[:1].upper() + text[1:] if text else f"{run[0].name} to {run[-1].name}"


def _shared(labels: Sequence[Sequence[str]]) -> list[str]:
    shared: list[str] = []
    for together in zip(*labels, strict=False):
        if len({word.casefold() for word in together}) > 1:
            break
        shared.append(together[0])
    return shared


def _unique(name: str, run: Sequence[ItemGuess], names: Counter[str]) -> str:
    return name if names[name] == 1 else f"{name} ({run[0].name} to {run[-1].name})"


def _evidence(run: Sequence[ItemGuess]) -> str:
    together = all(b.position - a.position <= _LARGEST_GAP for a, b in pairwise(run))
    place = "next to each other" if together else "in two places of the file"
    return f"{len(run)} questions with the same answers, {place}"
