"""Join a second file to the survey: many interviews to one row, never the other way round."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from msgspec import Struct

from qa_reports.config import ReadConfig
from qa_reports.errors import DataError
from qa_reports.survey.columns import IntArray, TextArray, as_text, require_column
from qa_reports.survey.readers import DataFile

_SEPARATOR = "\x1f"
_AS_DETECTED = ReadConfig()
_EXACT_INTEGERS = 2.0**53
_ZEROS_AND_DIGITS = re.compile(r"0+([0-9]+)")
LISTED_KEYS = 50
"""Keys without a partner that are listed by name; the counts are of all."""


class WantedJoin(Struct, frozen=True):
    """A file to join and how."""

    file: str
    on: tuple[str, ...]
    """Key columns of the survey."""
    other_on: tuple[str, ...]
    """Key columns of the joined file, in the same order."""
    key: str
    """The configuration's key that asks for it, for messages."""
    read: ReadConfig = _AS_DETECTED


class JoinRecord(Struct, frozen=True):
    """What a join did: rows of the survey with and without a partner, and rows of the other file never used."""

    file: str
    on: tuple[str, ...]
    matched: int
    unmatched: int
    unused: int
    unmatched_keys: tuple[str, ...] = ()
    """The first keys of the survey without a partner, in the file's order; parts joined by "/"."""
    unused_keys: tuple[str, ...] = ()
    """The same of the other file's rows that were never used."""


def join_file(
    table: pd.DataFrame,
    other: DataFile,
    wanted: WantedJoin,
    in_use: frozenset[str],
    files: str,
    times: IntArray | None = None,
) -> tuple[pd.DataFrame, JoinRecord]:
    """Add the columns of `other` to `table`, one row of `other` per row of `table` at most.

    Keys are compared as text, so 123, 123.0 and "123" are one key; a row with a blank key has no partner. Whether 00123
    is 123 nobody can tell, so that is refused where it would matter. A column
    that stands in both files is kept from `table`; it is an error where they contradict each other and it is in use.

    Args:
        in_use: the columns that the configuration names.
        files: the survey's files so far, for messages.
        times: (n,) how many interviews each row of `table` stands for; None is one each.

    Raises:
        DataError: a key column is missing, a key stands twice in `other`, keys differ by leading zeros only, nothing
            matches, or columns contradict.
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
    unused = np.ones(len(right), dtype=bool)
    unused[partner[matched]] = False
    return joined, JoinRecord(
        file=name,
        on=wanted.on,
        matched=int(matched.sum() if times is None else times[matched].sum()),
        unmatched=int((~matched).sum() if times is None else times[~matched].sum()),
        unused=int(unused.sum()),
        unmatched_keys=_listed(left[~matched]),
        unused_keys=_listed(right[unused]),
    )


def _listed(keys: TextArray) -> tuple[str, ...]:
    return tuple(key.replace(_SEPARATOR, "/") or "blank" for key in list(dict.fromkeys(keys))[:LISTED_KEYS])


def _keys(table: pd.DataFrame, on: tuple[str, ...], key: str, files: str) -> TextArray:
    """(n,) the key of each row as one text, "" where a part is blank."""
    parts = [_key_texts(require_column(table, column, key, files), files) for column in on]
    blank = np.logical_or.reduce([part == "" for part in parts])
    joined = parts[0]
    for part in parts[1:]:
        joined = joined + _SEPARATOR + part
    return np.where(blank, "", joined)


def _key_texts(column: pd.Series, files: str) -> TextArray:
    """(n,) one part of the key as text; numbers too long to be exact could belong to the wrong row."""
    if pd.api.types.is_float_dtype(column.dtype) and bool((column.abs() >= _EXACT_INTEGERS).any()):
        raise DataError(
            f'{files}: the key "{column.name}" holds numbers of more than 15 digits, whose last digits are lost; write '
            "it as text in both files"
        )
    return as_text(column)


def _check_leading_zeros(left: TextArray, right: TextArray, partner: IntArray, wanted: WantedJoin, files: str) -> None:
    """Refuse keys that would have a partner without their leading zeros: 00123 and 123 may be one id or two.

    Raises:
        DataError: shows one such pair.
    """
    unmatched = dict.fromkeys(left[(partner < 0) & (left != "")])
    theirs = {_without_zeros(key): key for key in right if key}
    for key in unmatched:
        other = theirs.get(_without_zeros(key))
        if other is not None:
            raise DataError(
                f"{wanted.file}: {_shown(wanted.other_on, other)} may or may not be {_shown(wanted.on, key)} of "
                f"{files}, because only one of them has leading zeros; write the ids alike in both files, as text "
                "with the zeros or as numbers"
            )


def _without_zeros(key: str) -> str:
    parts = (_ZEROS_AND_DIGITS.fullmatch(part) for part in key.split(_SEPARATOR))
    texts = key.split(_SEPARATOR)
    return _SEPARATOR.join(match.group(1) if match else text for match, text in zip(parts, texts, strict=True))


def _partners(left: TextArray, right: TextArray, wanted: WantedJoin, files: str) -> IntArray:
    """(n,) the row of the other file that belongs to each row, -1 where there is none."""
    rows = np.flatnonzero(right != "")
    index = pd.Index(right[rows])
    if not index.is_unique:
        key = index[index.duplicated()][0]
        first, second = rows[np.flatnonzero(index == key)[:2]] + 1
        raise DataError(
            f"{wanted.file}: {_shown(wanted.other_on, str(key))} stands in more than one row, first in rows {first:,} "
            f"and {second:,}; a joined file needs one row per key"
        )
    position = index.get_indexer(pd.Index(left))
    found = position >= 0
    _check_leading_zeros(left, right, position, wanted, files)
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
