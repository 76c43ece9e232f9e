"""Step 2, clean: missing codes, ranges and exclusions; every change is counted and on record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qa_reports.config import ReportConfig
from qa_reports.survey.load import FileProvenance, JoinRecord, SurveyFile
from qa_reports.survey.suspects import CodeSuspect

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ItemResponses:
    """The answers to one item, cleaned. n is the number of interviews used (`Survey.n_interviews`)."""

    name: str
    label: str
    """The configuration's label, else the file's, else the name."""
    scale: tuple[float, float] | None
    """Lowest and highest valid answer, where declared."""
    categories: tuple[tuple[float, str], ...]
    """(answer, its label) of valid answers, where the file has value labels."""
    answers: FloatArray
    """(n,), NaN where there is no valid answer."""
    suspects: FloatArray
    """(n,), the value as delivered where it was set aside as a code suspect, else NaN."""


@dataclass(frozen=True, slots=True, eq=False)
class Covariate:
    """A respondent covariate (values per interview) or an interviewer covariate (values per interviewer)."""

    name: str
    label: str
    kind: Literal["numeric", "categorical"]
    values: FloatArray
    """(n,) or (J,): the number, or the position in `levels`; NaN where missing."""
    levels: tuple[str, ...]
    """The categories of a categorical covariate, the first is the reference; empty for a numeric one."""


@dataclass(frozen=True, slots=True)
class Recode:
    """Answers of one variable that were set to missing because of a declared code."""

    variable: str
    code: float | str
    reason: str
    n: int
    interviewers: tuple[tuple[str, int], ...]
    """(interviewer id, number of answers), most first."""


@dataclass(frozen=True, slots=True)
class OutOfRange:
    """Answers of one item outside its declared scale, set aside."""

    item: str
    value: float
    n: int
    interviewers: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class DroppedRows:
    """Rows that were not used, by reason."""

    reason: str
    n: int


@dataclass(frozen=True, slots=True)
class Descriptives:
    """Descriptive statistics of one item before (every number in the file) or after cleaning (valid answers)."""

    item: str
    stage: Literal["before", "after"]
    n: int
    mean: float | None
    sd: float | None
    minimum: float | None
    lower_quartile: float | None
    median: float | None
    upper_quartile: float | None
    maximum: float | None
    distribution: tuple[tuple[float, int], ...]
    """(value, count) in ascending order; empty when there are more than 50 different values."""


@dataclass(frozen=True, slots=True)
class InterviewerAudit:
    """What cleaning did to one interviewer's interviews: answers over all items."""

    interviewer: str
    n_interviews: int
    n_answers: int
    """Valid answers over all items."""
    n_recoded: int
    """Answers set to missing by a declared code."""
    n_blank: int
    """Cells empty as delivered."""
    n_out_of_range: int


@dataclass(frozen=True, slots=True)
class CleaningLog:
    """Everything cleaning did: rows in = rows used + rows dropped, and every recode and exclusion with its reason."""

    rows_in: int
    rows_used: int
    dropped: tuple[DroppedRows, ...]
    recoded: tuple[Recode, ...]
    out_of_range: tuple[OutOfRange, ...]
    descriptives: tuple[Descriptives, ...]
    interviewers: tuple[InterviewerAudit, ...]
    joins: tuple[JoinRecord, ...]
    notes: tuple[str, ...]
    """Other things a reader should know, one sentence each."""


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """A clean survey. n interviews, J interviewers; rows keep the file's order, interviewers stand in natural order."""

    respondents: tuple[str, ...]
    """(n,) respondent ids as the user knows them, row numbers where none is configured."""
    interviewer: IntArray
    """(n,) position of the interview's interviewer in `interviewer_ids`."""
    interviewer_ids: tuple[str, ...]
    """(J,) ids as the user knows them (no ".0"), composites joined by "/"."""
    items: tuple[ItemResponses, ...]
    respondent_covariates: tuple[Covariate, ...]
    interviewer_covariates: tuple[Covariate, ...]
    weight: FloatArray | None
    """(n,) survey weights."""
    area: tuple[str | None, ...] | None
    """(n,) area of each interview."""
    teams: tuple[str | None, ...] | None
    """(J,) team of each interviewer (the most frequent over their interviews)."""
    minutes: FloatArray | None
    """(n,) duration of each interview in minutes."""
    suspects: tuple[CodeSuspect, ...]
    log: CleaningLog
    provenance: tuple[FileProvenance, ...]

    @property
    def n_interviews(self) -> int:
        return len(self.respondents)


def clean_survey(survey_file: SurveyFile, config: ReportConfig) -> Survey:
    """Turn a file as delivered into a `Survey`.

    Raises:
        DataError: a column is missing, an item holds text, no interviewer is left; the message says what would be right.
    """
    raise NotImplementedError
