"""A clean survey, and the record of how it was cleaned: what all later steps work on."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from qa_reports.survey.audit import Descriptives, InterviewerAudit, ItemAudit
from qa_reports.survey.back_check import BackCheck
from qa_reports.survey.codes import Recode
from qa_reports.survey.columns import FloatArray, IntArray
from qa_reports.survey.covariates import Covariate
from qa_reports.survey.items import ItemResponses, OutOfRange
from qa_reports.survey.load import FileProvenance, JoinRecord
from qa_reports.survey.repeats import RepeatedIds
from qa_reports.survey.suspects import CodeSuspect
from qa_reports.survey.timing import InterviewTimes, QuestionTimes
from qa_reports.survey.whole import AnswerCounts, PairCounts, Whole, count_answers


class DroppedRows(Struct, frozen=True):
    """Rows that were not used, by reason."""

    reason: str
    n: int


class CleaningLog(Struct, frozen=True):
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
    items: tuple[ItemAudit, ...] = ()
    repeated_ids: RepeatedIds | None = None
    """Respondent ids that stand in the file more than once; None where none does."""

    @property
    def said(self) -> tuple[str, ...]:
        """All that a reader should know, one sentence each or a few: repeated ids first."""
        return (*(() if self.repeated_ids is None else self.repeated_ids.sentences), *self.notes)

    @property
    def delivered_twice(self) -> RepeatedIds | None:
        """Interviews that stand in the file twice, which is to be put right."""
        return self.repeated_ids if self.repeated_ids is not None and self.repeated_ids.is_problem else None

    def __post_init__(self) -> None:
        """A row that is neither used nor dropped for a reason is a mistake of the program."""
        dropped = sum(rows.n for rows in self.dropped)
        if self.rows_in != self.rows_used + dropped:
            raise AssertionError(f"{self.rows_in} rows are not {self.rows_used} used and {dropped} dropped")


class Survey(Struct, frozen=True, eq=False):
    """A clean survey. n interviews, J interviewers; rows keep the file's order, interviewers stand in natural order.

    A survey larger than memory has a sample of n of its interviews here, and all of them in `whole`.
    """

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
    """(n,) survey weights, NaN where blank."""
    area: tuple[str | None, ...] | None
    """(n,) area of each interview."""
    teams: tuple[str | None, ...] | None
    """(J,) team of each interviewer (the most frequent over their interviews)."""
    minutes: FloatArray | None
    """(n,) duration of each interview in minutes."""
    suspects: tuple[CodeSuspect, ...]
    log: CleaningLog
    provenance: tuple[FileProvenance, ...]
    times: InterviewTimes | None = None
    """When the interviews took place, where `data.duration` is configured."""
    question_times: QuestionTimes | None = None
    """How long single questions took, where `indicators.timings` is configured."""
    others: tuple[ItemResponses, ...] = ()
    """Columns that indicators use beside the items: gates, then numeric ones."""
    back_check: BackCheck | None = None
    """Re-interviews, where there is a file of them."""
    whole: Whole | None = None
    """All interviews, where those at hand are a sample of them."""

    @property
    def n_rows(self) -> int:
        """n, the interviews at hand."""
        return len(self.respondents)

    @property
    def n_interviews(self) -> int:
        """The number of interviews used."""
        return self.n_rows if self.whole is None else self.whole.n_interviews

    def with_all_of(self, interviewers: Collection[str]) -> Survey:
        """The same, with all interviews of these interviewers at hand, behind those that are at hand now."""
        if self.whole is None or self.n_rows == self.n_interviews:
            return self
        return self.whole.with_all_of(self, [j for j, name in enumerate(self.interviewer_ids) if name in interviewers])

    @property
    def at_hand(self) -> Survey:
        """The interviews at hand as a survey of their own."""
        return replace(self, whole=None)

    @property
    def workload(self) -> IntArray:
        """(J,) interviews of each interviewer."""
        if self.whole is not None:
            return self.whole.workload
        return np.bincount(self.interviewer, minlength=len(self.interviewer_ids)).astype(np.int64)

    def answer_counts(self, name: str) -> AnswerCounts:
        """How often each interviewer's respondents gave each answer to an item."""
        if self.whole is not None:
            return self.whole.answer_counts(name)
        answers = next(item.answers for item in self.items if item.name == name)
        return count_answers(answers, self.interviewer, len(self.interviewer_ids))

    def pair_counts(self, first: str, second: str) -> PairCounts:
        """How often each pair of answers to two items was given."""
        if self.whole is not None:
            return self.whole.pair_counts(first, second)
        x, y = (next(item.answers for item in self.items if item.name == name) for name in (first, second))
        both = ~np.isnan(x) & ~np.isnan(y)
        pairs, count = np.unique(np.column_stack([x[both], y[both]]), axis=0, return_counts=True)
        return PairCounts(pairs[:, 0], pairs[:, 1], count.astype(np.float64))

    @property
    def held(self) -> FloatArray:
        """(J,) share of each interviewer's interviews that is at hand; 1 where all are."""
        here = np.bincount(self.interviewer, minlength=len(self.interviewer_ids))
        return np.asarray(here / np.maximum(self.workload, 1))
