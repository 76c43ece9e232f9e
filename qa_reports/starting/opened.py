"""The survey file that a first configuration is for, with what lies beside it: codebook, and who asked."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
from msgspec import Struct

from qa_reports.config import ReadConfig
from qa_reports.errors import DataError, is_whole
from qa_reports.starting.columns import Column, columns_of
from qa_reports.starting.joining import Joined, join_beside
from qa_reports.starting.roles import guess_interviewer
from qa_reports.starting.rows import RowsGuess, guess_rows
from qa_reports.survey.codebook import Codebook, describe_columns, read_codebook
from qa_reports.survey.readers import DataFile, VariableLabels, read_data_file

_AS_DETECTED = ReadConfig()


class Wishes(Struct, frozen=True):
    """What the user said beyond the name of the survey file."""

    interviewer: str | None = None
    codebook: Path | None = None
    join: Path | None = None
    name: str | None = None
    wave: str | None = None
    most_items: int = 40


class Opened(Struct, frozen=True, eq=False):
    """A survey file as it was read."""

    delivered: DataFile
    """The file alone."""
    table: pd.DataFrame
    """With the columns of a joined file."""
    columns: tuple[Column, ...]
    rows: RowsGuess | None
    """Where the names of the columns stand, if not in the first row."""
    codebook: Path | None
    joined: Joined | None
    read_as_wished: bool
    """Whether it was read by other options than those that are detected."""


def open_survey(survey_file: Path, wishes: Wishes, read: ReadConfig = _AS_DETECTED) -> Opened:
    """Read a survey file, and what says more of its columns.

    Args:
        survey_file: one row per interview.
        wishes: what the user knows already.
        read: how to read it; what is left out is detected.

    Raises:
        DataError: a file cannot be read.
    """
    if not is_whole(survey_file.name):
        raise DataError(f"{survey_file}: its name is not UTF-8 text, so no configuration could name it; rename it")
    delivered = read_data_file(survey_file.parent, survey_file.name, read)
    rows = guess_rows(delivered.table) if not delivered.labels and read == _AS_DETECTED else None
    if rows is not None:
        delivered = read_data_file(survey_file.parent, survey_file.name, rows.read)
    codebook, codebook_file = _codebook(survey_file, delivered, wishes.codebook)
    joined = _join_if_needed(delivered, delivered.labels, survey_file, wishes)
    table, labels = (delivered.table, delivered.labels) if joined is None else (joined.table, joined.labels)
    if codebook is not None:
        labels = describe_columns(labels, codebook, (str(name) for name in table.columns))
    return Opened(delivered, table, columns_of(table, labels), rows, codebook_file, joined, read != _AS_DETECTED)


def relative_path(path: Path, folder: Path) -> str:
    """A path as the configuration writes it: relative to its folder, with forward slashes."""
    return Path(os.path.relpath(path.absolute(), folder.absolute())).as_posix()


def _codebook(survey_file: Path, delivered: DataFile, wanted: Path | None) -> tuple[Codebook | None, Path | None]:
    """The codebook the user names, or a file called codebook beside a survey file that has no labels of its own.

    Raises:
        DataError: the codebook the user names cannot be read.
    """
    if wanted is not None:
        return read_codebook(wanted.parent, wanted.name), wanted
    if delivered.labels:
        return None, None
    for path in sorted(survey_file.absolute().parent.glob("*codebook*.csv")):
        try:
            codebook = read_codebook(path.parent, path.name)
            describe_columns({}, codebook, delivered.table.columns)
        except DataError:
            continue  # not asked for, so a table that is no codebook of these data is simply not the one looked for
        return codebook, survey_file.with_name(path.name)
    return None, None


def _join_if_needed(
    delivered: DataFile, labels: dict[str, VariableLabels], survey_file: Path, wishes: Wishes
) -> Joined | None:
    """A second file where the first does not say who asked; None where it does, or where none is found."""
    columns = columns_of(delivered.table, labels)
    has_interviewer = (
        wishes.interviewer in delivered.table.columns if wishes.interviewer else guess_interviewer(columns) is not None
    )
    if wishes.join is None and has_interviewer:
        return None
    return join_beside(delivered, survey_file, wishes.join, wishes.interviewer)
