"""A survey that is larger than memory: what is asked of all its interviews, while a sample of them is at hand.

Everything a model needs are sums over interviews per interviewer. Where a `Survey` holds all its interviews these are
taken from its columns; where it holds a sample, its `whole` is asked, which an engine answers (`qa_reports.engine`).
Sizes: J interviewers, K columns with the response last.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.survey.interviews import Column, Interviews

if TYPE_CHECKING:
    from qa_reports.survey.survey import Survey

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class Factor(Struct, frozen=True):
    """A column of the clean survey, or one category of it as 0 and 1."""

    kind: Literal["item", "respondent", "interviewer"]
    """An item, a respondent covariate, or an interviewer covariate (constant within an interviewer)."""
    name: str
    level: int | None = None
    """Position of a category; None for the numbers themselves."""


ModelColumn = tuple[Factor, ...]
"""The product of the factors; () is the constant 1."""


class Rows(Struct, frozen=True):
    """The interviews of one model: with an answer to `outcome` and all of `complete` known."""

    outcome: str
    complete: frozenset[Factor]
    left_out: tuple[int, ...] = ()
    """Interviewers set aside, as positions in `Survey.interviewer_ids`."""


class AnswerCounts(Struct, frozen=True, eq=False):
    """How often each interviewer's respondents gave each answer."""

    values: FloatArray
    """(v,) different valid answers, ascending."""
    counts: IntArray
    """(J, v)."""


def count_answers(answers: FloatArray, interviewer: IntArray, n_interviewers: int) -> AnswerCounts:
    """The counts of answers (m,), NaN where there is none, of interviewers 0 .. n_interviewers - 1."""
    valid = ~np.isnan(answers)
    values, place = np.unique(answers[valid], return_inverse=True)
    shape = n_interviewers, len(values)
    cells = np.bincount(interviewer[valid] * shape[1] + place, minlength=shape[0] * shape[1])
    return AnswerCounts(values, cells.reshape(shape))


class PairCounts(Struct, frozen=True, eq=False):
    """How often each pair of answers to two items was given; v pairs in ascending order."""

    first: FloatArray
    """(v,)."""
    second: FloatArray
    """(v,)."""
    count: FloatArray
    """(v,) interviews."""


class CrossSums(Struct, frozen=True, eq=False):
    """Sums over the interviews of each interviewer of products of (column - origin), columns [fixed, response]."""

    cross: FloatArray
    """(J, K, K)."""
    n: IntArray
    """(J,) interviews."""
    origin: FloatArray
    """(K,) what was subtracted first, 0 for the constant: near the mean, so that nothing cancels."""


class Patterns(Struct, frozen=True, eq=False):
    """Interviews of one model that are alike, counted together; R rows, p fixed columns."""

    fixed: FloatArray
    """(R, p)."""
    response: FloatArray
    """(R,)."""
    interviewer: IntArray
    """(R,)."""
    count: FloatArray | None
    """(R,) interviews that a row stands for; None is one each."""


class ToldMeasure(Struct, frozen=True, eq=False):
    """A measure that all interviews are asked for, and what those at hand tell of its values."""

    expression: Column
    whole: bool
    """Whether all are whole numbers."""
    continuous: bool
    """Whether a linear model may be asked for."""
    usual: float
    """Their mean."""
    few: bool
    """Whether so few differ that each can be counted by interviewer."""


Measures = Mapping[str, ToldMeasure]
"""By name."""
ResidualQuestion = tuple[Rows, tuple[ModelColumn, ...], FloatArray]
"""Interviews and columns of a model, and its fixed effects."""


class ValueCells(Struct, frozen=True, eq=False):
    """How often each interviewer's interviews have each value of a measure; c cells, by interviewer and value."""

    interviewer: IntArray
    """(c,)."""
    value: FloatArray
    """(c,)."""
    count: FloatArray
    """(c,) interviews."""


class Totals(Struct, frozen=True, eq=False):
    """Sums over the interviews of each interviewer of powers of (value - origin) of a measure."""

    n: IntArray
    """(J,) interviews with a value."""
    powers: FloatArray
    """(J, 3) first to third."""
    above: IntArray
    """(J,) interviews with a value above 0."""
    origin: float


class Whole(Protocol):
    """All interviews of a survey."""

    @property
    def n_interviews(self) -> int:
        """Number of interviews used."""
        ...

    @property
    def workload(self) -> IntArray:
        """(J,) interviews of each interviewer."""
        ...

    @property
    def interviews(self) -> Interviews:
        """All interviews, column by column, as expressions."""
        ...

    def n_known(self, factor: Factor) -> int:
        """Interviews for which a respondent covariate is known."""
        ...

    def measured(self, measures: Measures, compute: Callable[[Interviews], Mapping[str, Column]]) -> MeasuredWhole:
        """Measures of all interviews, to be asked for one by one in this order; `compute` makes them in memory."""
        ...

    def answer_counts(self, item: str) -> AnswerCounts:
        """Counts of the valid answers to an item."""
        ...

    def pair_counts(self, first: str, second: str) -> PairCounts:
        """How often each pair of answers to two items was given."""
        ...

    def with_all_of(self, survey: Survey, interviewers: Sequence[int]) -> Survey:
        """The survey with all interviews of these interviewers at hand, behind those that are."""
        ...

    def cross_sums(self, rows: Rows, columns: tuple[ModelColumn, ...]) -> CrossSums:
        """Cross products of the columns, the first of which is the constant, and the outcome."""
        ...

    def residual_powers(self, questions: Sequence[ResidualQuestion]) -> FloatArray:
        """(questions, J, 4) sums of the first four powers of outcome - columns @ fixed."""
        ...

    def patterns(self, rows: Rows, columns: tuple[ModelColumn, ...], most: int) -> Patterns | None:
        """Interviews that are alike in columns and outcome, counted; None where there are more than `most` kinds."""
        ...

    def without(self, values: Mapping[str, Collection[float]]) -> Whole:
        """The same with some answers (as `AnswerCounts.values` has them), by item, set to missing."""
        ...


class MeasuredWhole(Protocol):
    """Measures of all interviews."""

    def of(self, name: str, columns: Sequence[ModelColumn]) -> MeasureWhole:
        """All interviews, with this measure in the place of an item, and columns that will be asked for beside it."""
        ...

    def has_values(self, name: str) -> bool:
        """Whether any interview has a value of a measure."""
        ...


class MeasureWhole(Whole, Protocol):
    """All interviews with measures in the place of items."""

    def value_cells(self, name: str) -> ValueCells | None:
        """Counts of the values of a measure; None where it has very many different ones."""
        ...

    def totals(self, name: str) -> Totals:
        """Sums of a measure, however many different values it has."""
        ...

    def value_counts(self, name: str) -> tuple[FloatArray, FloatArray]:
        """(v,) different values, ascending, and (v,) the number of interviews that have each."""
        ...

    def cut(self, name: str, bounds: Sequence[float]) -> Whole:
        """With a measure replaced by the number of the bounds that its value exceeds."""
        ...
