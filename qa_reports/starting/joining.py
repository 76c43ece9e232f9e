"""A second file beside the survey file that says who did each interview."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from msgspec import Struct

from qa_reports.errors import DataError, UserError
from qa_reports.starting.columns import columns_of
from qa_reports.starting.roles import guess_interviewer
from qa_reports.survey.columns import as_text
from qa_reports.survey.joins import JoinRecord, WantedJoin, join_file
from qa_reports.survey.readers import DataFile, VariableLabels, read_data_file

_MOST_FILES = 12
"""Files beside the survey file that are looked into."""
_LARGEST = 200_000_000
"""Bytes of a file beyond which it is not opened unasked."""
_LEAST_MATCHED = 0.8


class FoundJoin(Struct, frozen=True):
    """A join as the configuration writes it."""

    file: str
    on: tuple[str, ...]
    evidence: str


class Joined(Struct, frozen=True, eq=False):
    """The survey with a second file's columns."""

    table: pd.DataFrame
    labels: dict[str, VariableLabels]
    path: Path
    record: JoinRecord

    def found(self, folder: Path) -> FoundJoin:
        """How a configuration in `folder` asks for it."""
        matched, rows = self.record.matched, self.record.matched + self.record.unmatched
        file = Path(os.path.relpath(self.path.absolute(), folder.absolute())).as_posix()
        return FoundJoin(file, self.record.on, f"has a row for {matched:,} of {rows:,} interviews")


def join_beside(survey: DataFile, survey_file: Path, wanted: Path | None, interviewer: str | None) -> Joined | None:
    """Join the file the user names, or the first file beside the survey that says who asked.

    Raises:
        DataError: the file the user names cannot be joined.
    """
    if wanted is not None:
        joined = _joined(survey, survey_file, wanted)
        if joined is None:
            raise DataError(f"{wanted.name}: no column that it shares with {survey_file.name} tells its rows apart")
        return joined
    for path in _beside(survey_file):
        try:
            joined = _joined(survey, survey_file, path)
        except UserError:
            continue  # not asked for, so what cannot be read is simply not the file looked for
        if joined is None:
            continue
        columns = columns_of(joined.table, joined.labels)
        if interviewer in joined.table.columns if interviewer else guess_interviewer(columns) is not None:
            return joined
    return None


def _beside(survey_file: Path) -> Iterator[Path]:
    same_kind = sorted(
        path
        for path in survey_file.absolute().parent.iterdir()
        if path.suffix == survey_file.suffix and path.name != survey_file.name and path.is_file()
    )
    yield from (path for path in same_kind[:_MOST_FILES] if path.stat().st_size <= _LARGEST)


def _joined(survey: DataFile, survey_file: Path, path: Path) -> Joined | None:
    other = read_data_file(path.parent, path.name)
    on = _key(survey.table, other.table)
    if on is None:
        return None
    wanted = WantedJoin(path.name, on, on, "--join")
    table, record = join_file(survey.table, other, wanted, frozenset(), survey_file.name)
    return Joined(table, other.labels | survey.labels, path, record)


def _key(ours: pd.DataFrame, theirs: pd.DataFrame) -> tuple[str, ...] | None:
    """The column, or else all columns, that both files share and that tell the rows of the second apart."""
    shared = [column for column in theirs.columns if column in ours.columns]
    for on in (*((column,) for column in shared), *([tuple(shared)] if len(shared) > 1 else [])):
        left, right = (_keys(table, on) for table in (ours, theirs))
        present = right[right != ""]
        unique = len(present) > 0 and len(np.unique(present)) == len(present)
        if unique and np.isin(left, present).mean() >= _LEAST_MATCHED and len(np.unique(left)) > 1:
            return tuple(str(column) for column in on)
    return None


def _keys(table: pd.DataFrame, on: tuple[str, ...]) -> np.ndarray:
    return np.array(["\x1f".join(parts) for parts in zip(*(as_text(table[column]) for column in on), strict=True)])
