"""Join a second file to the survey: many interviews to one row, never the other way round."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from qa_reports.errors import DataError
from qa_reports.survey.columns import IntArray, TextArray, as_text, require_column
from qa_reports.survey.readers import DataFile

_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class WantedJoin:
    """A file to join and how."""

    file: str
    on: tuple[str, ...]
    """Key columns of the survey."""
    other_on: tuple[str, ...]
    """Key columns of the joined file, in the same order."""
    key: str
    """The configuration's key that asks for it, for messages."""


@dataclass(frozen=True, slots=True)
class JoinRecord:
    """What a join did: rows of the survey with and without a partner, and rows of the other file never used."""

    file: str
    on: tuple[str, ...]
    matched: int
    unmatched: int
    unused: int


def join_file(
    table: pd.DataFrame, other: DataFile, wanted: WantedJoin, in_use: frozenset[str], files: str
) -> tuple[pd.DataFrame, JoinRecord]:
    """Add the columns of `other` to `table`, one row of `other` per row of `table` at most.

    Keys are compared as text, so 123, 123.0 and "123" are one key; a row with a blank key has no partner. A column
    that stands in both files is kept from `table`; it is an error where they contradict each other and it is in use.

    Args:
        in_use: the columns that the configuration names.
        files: the survey's files so far, for messages.

    Raises:
        DataError: a key column is missing, a key stands twice in `other`, nothing matches, or columns contradict.
    """
    name = other.provenance.path
    left = _keys(table, wanted.on, wanted.key, files)
    right = _keys(other.table, wanted.other_on, wanted.key, name)
    partner = _partners(left, right, wanted, files)
    matched = partner >= 0
    addition = other.table.drop(columns=list(wanted.other_on))
    in_both = addition.columns.intersection(table.columns)
    for column in in_both.intersection(sorted(in_use)):
        _check_same(table[column], addition[column], partner, name)
    addition = addition.drop(columns=in_both)
    added = addition.iloc[partner] if matched.all() else addition.reindex(partner)
    joined = pd.concat([table, added.set_axis(table.index)], axis=1)
    used = len(np.unique(partner[matched]))
    return joined, JoinRecord(name, wanted.on, int(matched.sum()), int((~matched).sum()), len(right) - used)


def _keys(table: pd.DataFrame, on: tuple[str, ...], key: str, files: str) -> TextArray:
    """(n,) the key of each row as one text, "" where a part is blank."""
    parts = [as_text(require_column(table, column, key, files)) for column in on]
    blank = np.logical_or.reduce([part == "" for part in parts])
    joined = parts[0]
    for part in parts[1:]:
        joined = joined + _SEPARATOR + part
    return np.where(blank, "", joined)


def _partners(left: TextArray, right: TextArray, wanted: WantedJoin, files: str) -> IntArray:
    """(n,) the row of the other file that belongs to each row, -1 where there is none."""
    rows = np.flatnonzero(right != "")
    index = pd.Index(right[rows])
    if not index.is_unique:
        example = _shown(wanted.other_on, str(index[index.duplicated()][0]))
        raise DataError(f"{wanted.file}: {example} stands in more than one row; a joined file needs one row per key")
    position = index.get_indexer(pd.Index(left))
    found = position >= 0
    if not found.any():
        sides = ((wanted.on, left), (wanted.other_on, right))
        given = [_shown(on, next((value for value in keys if value), "")) for on, keys in sides]
        raise DataError(f"{wanted.file}: no row belongs to a row of {files} (keys look like {given[0]} and {given[1]})")
    partner = np.full(len(left), -1, dtype=np.int64)
    partner[found] = rows[position[found]]
    return partner


def _shown(on: tuple[str, ...], key: str) -> str:
    return ", ".join(f"{column}={part or 'blank'}" for column, part in zip(on, key.split(_SEPARATOR), strict=False))


def _check_same(ours: pd.Series, theirs: pd.Series, partner: IntArray, name: str) -> None:
    matched = partner >= 0
    left, right = as_text(ours)[matched], as_text(theirs)[partner[matched]]
    different = np.flatnonzero(left != right)
    if len(different):
        first = different[0]
        raise DataError(
            f'{name}: column "{ours.name}" is also in the survey file, with other values ({left[first]!r} and '
            f"{right[first]!r}); rename it in one of the files or join on it"
        )
