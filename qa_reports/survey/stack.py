"""Several files of one survey as one, the rows of each behind those of the one before."""

from __future__ import annotations

import re

import pandas as pd
from msgspec import Struct
from msgspec.structs import replace

from qa_reports.errors import DataError
from qa_reports.survey.columns import as_text, did_you_mean
from qa_reports.survey.readers import DataFile, VariableLabels

_LEADING_ZERO = re.compile(r"0[0-9]+")
_LISTED = 8


class Stacked(Struct, frozen=True, eq=False):
    """The rows of all files; the index counts them from 0 through the files."""

    table: pd.DataFrame
    labels: dict[str, VariableLabels]
    notes: tuple[str, ...]


def stack_files(files: tuple[DataFile, ...], in_use: frozenset[str]) -> Stacked:
    """Put the files' rows below each other, columns found by their names.

    A column that some of the files lack is blank in their rows, and noted, unless it is in use.

    Args:
        in_use: the columns that the configuration names.

    Raises:
        DataError: a file stands twice, lacks a column that is in use and that another has, or contradicts another in
            how it writes ids or in which values it declares missing.
    """
    first = files[0]
    if len(files) == 1:
        return Stacked(first.table, first.labels, first.notes)
    _check_distinct(files)
    everywhere = dict.fromkeys(str(column) for file in files for column in file.table.columns)
    notes = [note for file in files for note in file.notes]
    for file in files:
        lacking = [column for column in everywhere if column not in file.table.columns]
        _check_lacking(file, lacking, in_use)
        if lacking:
            shown = ", ".join(lacking[:_LISTED]) + (", ..." if len(lacking) > _LISTED else "")
            notes.append(f"{file.provenance.path}: has none of the other files' columns {shown}; they are blank in it.")
    for column in sorted(in_use & set(everywhere)):
        _check_ids_alike(column, files)
    labels = {column: _labels_of(column, files, column in in_use) for column in everywhere}
    table = pd.concat([file.table for file in files], ignore_index=True)
    return Stacked(table, labels, tuple(notes))


def _check_distinct(files: tuple[DataFile, ...]) -> None:
    seen: dict[str, str] = {}
    for file in files:
        path, digest = file.provenance.path, file.provenance.sha256
        if digest in seen:
            raise DataError(f"{path}: has the same bytes as {seen[digest]}; name each file of data.file once")
        seen[digest] = path


def _check_lacking(file: DataFile, lacking: list[str], in_use: frozenset[str]) -> None:
    needed = [column for column in lacking if column in in_use]
    if needed:
        hint = did_you_mean(needed[0], (str(column) for column in file.table.columns))
        raise DataError(
            f'{file.provenance.path}: has no column "{needed[0]}", which another file of data.file has{hint}'
            f"{'' if hint else '; add it there, left blank, if it was not asked'}"
        )


def _check_ids_alike(column: str, files: tuple[DataFile, ...]) -> None:
    """00123 in one file and 123 as a number in another may be one id or two."""
    present = [file for file in files if column in file.table.columns]
    zeros = [file for file in present if _has_leading_zeros(file.table[column])]
    plain = [file for file in present if pd.api.types.is_numeric_dtype(file.table[column].dtype)]
    if zeros and plain:
        raise DataError(
            f'{plain[0].provenance.path}: column "{column}" holds numbers and in {zeros[0].provenance.path} text with '
            "leading zeros; write it alike in all files"
        )


def _has_leading_zeros(column: pd.Series) -> bool:
    if pd.api.types.is_numeric_dtype(column.dtype):
        return False
    return any(_LEADING_ZERO.fullmatch(text) for text in pd.unique(as_text(column)))


def _labels_of(column: str, files: tuple[DataFile, ...], used: bool) -> VariableLabels:
    """The first file's label, all files' value labels, and the missing values they agree on."""
    known = [(file, file.labels[column]) for file in files if column in file.labels]
    if not known:
        return VariableLabels()
    first_file, first = known[0]
    for file, labels in known[1:]:
        same = set(labels.user_missing) == set(first.user_missing)
        if used and not (same and set(labels.user_missing_ranges) == set(first.user_missing_ranges)):
            raise DataError(
                f'{file.provenance.path}: declares other values of "{column}" as missing than '
                f"{first_file.provenance.path}; make the files agree"
            )
    values = {value: label for _, labels in reversed(known) for value, label in labels.values}
    in_order = dict.fromkeys(value for _, labels in known for value, _ in labels.values)
    extended = sorted({code for _, labels in known for code in labels.extended_missing})
    return replace(
        first,
        label=next((labels.label for _, labels in known if labels.label), None),
        values=tuple((value, values[value]) for value in in_order),
        extended_missing=tuple(extended),
    )
