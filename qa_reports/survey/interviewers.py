"""Who interviewed whom: ids as the user knows them, one position per interviewer, and counts by interviewer."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import pandas as pd
from msgspec import Struct

from qa_reports.survey.columns import BoolArray, IntArray, TextArray, as_text, parse_number
from qa_reports.survey.readers import VariableLabels

Tally = tuple[tuple[str, int], ...]
"""(interviewer id, count), most first."""


MOST_NAMED = 5
"""Interviewers whom a note names one by one."""
_MOST_ALIKE = 5
"""Interviewers whose several ids a note lists."""


class Interviewers(Struct, frozen=True, eq=False):
    """The J interviewers in natural order, and the interviewer of each of the n interviews."""

    ids: tuple[str, ...]
    position: IntArray
    """(n,) position in `ids`."""
    times: IntArray | None = None
    """(n,) how many interviews each stands for, where they are counts of cells that are alike; None is one each."""

    def counts(self, chosen: BoolArray) -> IntArray:
        """(J,) how many of the chosen interviews each interviewer has; chosen is (n,)."""
        weights = None if self.times is None else self.times[chosen]
        return np.bincount(self.position[chosen], weights, minlength=len(self.ids)).astype(np.int64)

    def total(self, chosen: BoolArray) -> int:
        """How many the chosen interviews are."""
        return int(chosen.sum() if self.times is None else self.times[chosen].sum())

    def tally(self, chosen: BoolArray) -> Tally:
        """The interviewers that have any of the chosen interviews, most first, then in natural order."""
        counts = self.counts(chosen)
        order = np.argsort(-counts, kind="stable")
        return tuple((self.ids[j], int(counts[j])) for j in order if counts[j])


def of_whom(tally: Tally) -> str:
    """ "of 2 interviewers (TUN07, TUN24)", "of 12 interviewers (1, 2, 3, 4, 5, and 7 more)": whom a note is about.

    Pseudonyms take the place of ids where these are all that such a list holds.
    """
    more = len(tally) - MOST_NAMED
    names = [name for name, _ in tally[:MOST_NAMED]]
    listed = ", ".join([*names, f"and {more:,} more"] if more > 0 else names)
    return f"of {counted(len(tally), 'interviewer')} ({listed})"


def interviewer_texts(table: pd.DataFrame, columns: tuple[str, ...]) -> TextArray:
    """(n,) interviewer ids, parts joined by "/"; "" where a part is blank."""
    parts = [as_text(table[column]) for column in columns]
    blank = np.logical_or.reduce([part == "" for part in parts])
    joined = parts[0]
    for part in parts[1:]:
        joined = joined + "/" + part
    return np.where(blank, "", joined)


def coded_as_missing(column: pd.Series, labels: VariableLabels) -> BoolArray:
    """(n,) cells that hold a value which the file declares user-missing."""
    texts = as_text(column)
    missing = np.isin(texts, as_text(pd.Series([*labels.user_missing, *labels.extended_missing], dtype=object)))
    if labels.user_missing_ranges:
        distinct, back = np.unique(texts.astype(str), return_inverse=True)
        numbers = np.array([np.nan if (number := parse_number(text)) is None else number for text in distinct])[back]
        for low, high in labels.user_missing_ranges:
            missing |= (numbers >= low) & (numbers <= high)
    return missing


def index_interviewers(texts: TextArray) -> Interviewers:
    """Number the interviewers in natural order: "9" before "10", "TUN2" before "TUN11"."""
    codes, distinct = pd.factorize(texts)
    order = sorted(range(len(distinct)), key=lambda code: natural_key(str(distinct[code])))
    rank = np.empty(len(distinct), dtype=np.int64)
    rank[order] = np.arange(len(distinct))
    return Interviewers(tuple(str(distinct[code]) for code in order), rank[codes])


def alike_notes(ids: Sequence[str]) -> tuple[str, ...]:
    """A note where several ids differ in case, blanks, accents' spelling or leading zeros only: perhaps one person."""
    groups: dict[str, list[str]] = {}
    for own in ids:
        groups.setdefault(_folded(own), []).append(own)
    alike = [group for group in groups.values() if len(group) > 1]
    if not alike:
        return ()
    listed = ", ".join(own for group in alike[:_MOST_ALIKE] for own in group)
    more = ", ..." if len(alike) > _MOST_ALIKE else ""
    people = "One interviewer" if len(alike) == 1 else f"{len(alike):,} interviewers"
    return (
        f"{people} may stand under several ids, which differ in case, blanks or leading zeros only ({listed}{more}): "
        "if so, write each id in one way.",
    )


def _folded(own: str) -> str:
    """An id without what people write in several ways."""
    letters = unicodedata.normalize("NFKC", own).casefold()
    return re.sub(r"(?<![0-9])0+(?=[0-9])", "", re.sub(r"\s+", "", letters))


def counted(count: int, noun: str) -> str:
    """ "1 interview", "2 interviews"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def natural_key(text: str) -> tuple[tuple[bool, int, str], ...]:
    """A sort key in which runs of digits count as numbers."""
    parts = (part for part in re.split(r"([0-9]+)", text) if part)
    return tuple((part[0] not in "0123456789", int(part) if part[0] in "0123456789" else 0, part) for part in parts)
