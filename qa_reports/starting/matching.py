"""Which column of a new wave's file is which of an earlier wave's: by its key, its label, or its name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from qa_reports.report.wave_words import same_question
from qa_reports.starting.columns import Column
from qa_reports.starting.lines import cut
from qa_reports.starting.words import question_text

_MOST_NEAR = 2
"""Columns with a label nearly alike that are named."""
_NO_LETTERS = re.compile(r"[\W_]+")


class Sought(Struct, frozen=True):
    """A column of an earlier wave."""

    name: str
    labels: tuple[str, ...]
    """What the earlier configuration and file call it; empty where neither says more than the name."""
    key: str | None = None


class Match(Struct, frozen=True):
    """The column it is now."""

    column: Column
    how: Literal["key", "label", "name"]


class NoMatch(Struct, frozen=True):
    """Why there is none."""

    reason: str


def match_columns(sought: Sequence[Sought], columns: Sequence[Column]) -> dict[str, Match | NoMatch]:
    """Name -> column of the new file, each column for one at most.

    The surest come first: a column called by the key, or with the same label; then the same name (or the key as a
    name) where the labels do not ask something else.
    """
    by_name = {column.name: column for column in columns}
    by_label = _by_label(columns)
    found: dict[str, Match | NoMatch] = {}
    taken: set[str] = set()

    def take(one: Sought, match: Match | None) -> None:
        if match is not None and match.column.name not in taken:
            found[one.name] = match
            taken.add(match.column.name)

    for one in sought:
        keyed = by_name.get(one.key) if one.key is not None else None
        same = keyed is not None and (not one.labels or not _label(keyed) or _label(keyed) in _labels(one))
        take(one, Match(keyed, "key") if keyed is not None and same else None)
    for one in sought:
        if one.name not in found:
            take(one, _with_its_label(one, by_label))
    for one in sought:
        for name, how in ((one.name, "name"), (one.key, "key")):
            column = by_name.get(name) if name is not None else None
            if one.name not in found and column is not None and _may_be(one, column):
                take(one, Match(column, "name" if how == "name" else "key"))
    free = [column for column in columns if column.name not in taken]
    return {one.name: found.get(one.name) or NoMatch(_why(one, free, by_label)) for one in sought}


def _with_its_label(one: Sought, by_label: Mapping[str, Sequence[Column]]) -> Match | None:
    """The one column with its label; of several the one with its name."""
    alike = {column.name: column for label in _labels(one) for column in by_label.get(label, ())}
    if one.name in alike:
        return Match(alike[one.name], "label")
    return Match(next(iter(alike.values())), "label") if len(alike) == 1 else None


def _may_be(one: Sought, column: Column) -> bool:
    theirs = column.labels.label
    return not theirs or not one.labels or any(same_question(label, question_text(theirs)) for label in one.labels)


def _why(one: Sought, free: Sequence[Column], by_label: Mapping[str, Sequence[Column]]) -> str:
    """Why there is no match, with the columns that come nearest."""
    names = {column.name: column for column in free}
    alike = sorted({column.name for label in _labels(one) for column in by_label.get(label, ())} & names.keys())
    if len(alike) > 1:
        return f"its label stands at {', '.join(alike)}"
    said = "neither its name nor its label is there"
    if one.name in names and not _may_be(one, names[one.name]):
        said = f'{one.name} now is "{cut(names[one.name].label)}"'
    near = [column for column in free if one.labels and column.labels.label and _may_be(one, column)]
    shown = [f'{column.name} "{cut(column.label)}"' for column in near[:_MOST_NEAR]]
    return f"{said}; perhaps {' or '.join(shown)}" if near else said


def _by_label(columns: Sequence[Column]) -> dict[str, list[Column]]:
    found: dict[str, list[Column]] = {}
    for column in columns:
        if _label(column):
            found.setdefault(_label(column), []).append(column)
    return found


def _labels(one: Sought) -> frozenset[str]:
    return frozenset(normal for label in one.labels if (normal := _normal(label)))


def _label(column: Column) -> str:
    return _normal(column.labels.label or "")


def _normal(label: str) -> str:
    """Without the question's number, in small letters, without signs: "Q59h. Trust (police)" is "trust police"."""
    text = unicodedata.normalize("NFKC", question_text(label)).casefold()
    return " ".join(_NO_LETTERS.sub(" ", text).split())
