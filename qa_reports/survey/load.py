"""Step 1, load: survey and interviewer files as delivered, with their labels and where they came from."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from qa_reports.config import ReportConfig


@dataclass(frozen=True, slots=True)
class VariableLabels:
    """What a file says about one of its columns (all empty for a CSV file)."""

    label: str | None = None
    values: tuple[tuple[float | str, str], ...] = ()
    """(value, label) pairs in the file's order."""
    user_missing: tuple[float | str, ...] = ()
    """Discrete user-missing values."""
    user_missing_ranges: tuple[tuple[float, float], ...] = ()
    """Inclusive ranges of user-missing values."""


@dataclass(frozen=True, slots=True)
class FileProvenance:
    """A file that was read: its path as the configuration names it, its SHA-256 and its number of rows."""

    path: str
    sha256: str
    rows: int


@dataclass(frozen=True, slots=True)
class JoinRecord:
    """What a join did: rows of the survey with and without a partner, and rows of the other file never used."""

    file: str
    on: tuple[str, ...]
    matched: int
    unmatched: int
    unused: int


@dataclass(frozen=True, slots=True, eq=False)
class SurveyFile:
    """One row per interview, values as delivered (codes not yet recoded), after the joins and before any exclusion."""

    table: pd.DataFrame
    labels: dict[str, VariableLabels]
    provenance: tuple[FileProvenance, ...]
    joins: tuple[JoinRecord, ...]


def load_survey(config: ReportConfig) -> SurveyFile:
    """Read the survey file, join the interviewer files, keep labels and provenance.

    Raises:
        DataError: a file or a column is missing or unreadable; the message names it and says what would be right.
    """
    raise NotImplementedError
