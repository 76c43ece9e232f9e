"""Who interviewed whom: ids as the user knows them, one position per interviewer, and counts by interviewer."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from msgspec import Struct

from qa_reports.survey.columns import BoolArray, IntArray, TextArray, as_text, parse_number
from qa_reports.survey.readers import VariableLabels

Tally = tuple[tuple[str, int], ...]
"""(interviewer id, count), most first."""


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


def counted(count: int, noun: str) -> str:
    """ "1 interview", "2 interviews"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def natural_key(text: str) -> tuple[tuple[bool, int, str], ...]:
    """A sort key in which runs of digits count as numbers."""
    parts = (part for part in re.split(r"([0-9]+)", text) if part)
    return tuple((part[0] not in "0123456789", int(part) if part[0] in "0123456789" else 0, part) for part in parts)
