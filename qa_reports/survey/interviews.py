"""What every interview has, column by column, and how to compute with columns: in memory, or told to an engine.

What an indicator measures is written once, over these columns. In memory a column is an array, in an engine an
expression (`qa_reports.engine`). Columns are added, multiplied, divided and compared as numbers are, in the same order
on both sides, so that both come to the same number. A comparison with what is missing holds for nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from qa_reports.survey.items import ItemResponses

FloatArray = NDArray[np.float64]
Column: TypeAlias = Any
"""A number per interview, missing where there is none: (n,) with NaN in memory."""
Condition: TypeAlias = Any
"""Whether something holds, per interview."""


class Arithmetic(Protocol):
    """What cannot be written with operators."""

    def given(self, condition: Condition) -> Column:
        """1 where a condition holds, else 0."""
        ...

    def count(self, conditions: Iterable[Condition]) -> Column:
        """How many of the conditions hold, of which there is one at least."""
        ...

    def where(self, condition: Condition, value: Column) -> Column:
        """The value where a condition holds, else missing."""
        ...

    def filled(self, column: Column, value: float) -> Column:
        """With a value where there is none."""
        ...

    def divide(self, column: Column, by: Column) -> Column:
        """A quotient, missing where it would be by 0."""
        ...

    def known(self, column: Column) -> Condition:
        """Where there is a number."""
        ...

    def among(self, column: Column, values: Collection[float]) -> Condition:
        """Where the number is one of the values."""
        ...

    def least(self, columns: Sequence[Column]) -> Column:
        """The smallest of the numbers there are."""
        ...

    def greatest(self, columns: Sequence[Column]) -> Column:
        """The largest of the numbers there are."""
        ...

    def log(self, column: Column) -> Column:
        """Natural logarithm of numbers above 0, and only such."""
        ...

    def root(self, column: Column) -> Column:
        """Square root; of what lies below 0 it is 0."""
        ...

    def rounded(self, column: Column) -> Column:
        """To whole numbers."""
        ...

    def absolute(self, column: Column) -> Column:
        """Without the sign."""
        ...

    def remainder(self, column: Column, divisor: float) -> Column:
        """Of a division; with the sign of the column or of the divisor, so that only 0 tells something below 0."""
        ...


class _Arrays:
    """Columns in memory."""

    def given(self, condition: Condition) -> Column:
        return np.asarray(condition, dtype=np.float64)

    def count(self, conditions: Iterable[Condition]) -> Column:
        first, *others = (np.asarray(condition) for condition in conditions)
        # The narrowest type that cannot overflow: a byte is added in an eighth of the time of a float.
        number = first.astype(np.uint8 if len(others) < np.iinfo(np.uint8).max else np.uint16)
        for other in others:
            np.add(number, other.view(np.uint8), out=number)
        return number.astype(np.float64)

    def where(self, condition: Condition, value: Column) -> Column:
        return np.where(condition, value, np.nan)

    def filled(self, column: Column, value: float) -> Column:
        return np.where(np.isfinite(column), column, value)

    def divide(self, column: Column, by: Column) -> Column:
        return np.divide(column, by, out=np.full(np.shape(by), np.nan), where=by != 0)

    def known(self, column: Column) -> Condition:
        return np.isfinite(column)

    def among(self, column: Column, values: Collection[float]) -> Condition:
        return np.isin(column, list(values))

    def least(self, columns: Sequence[Column]) -> Column:
        return np.fmin.reduce(columns)

    def greatest(self, columns: Sequence[Column]) -> Column:
        return np.fmax.reduce(columns)

    def log(self, column: Column) -> Column:
        return np.log(column)

    def root(self, column: Column) -> Column:
        return np.sqrt(np.maximum(column, 0.0))

    def rounded(self, column: Column) -> Column:
        return np.rint(column)

    def absolute(self, column: Column) -> Column:
        return np.abs(column)

    def remainder(self, column: Column, divisor: float) -> Column:
        return np.mod(column, divisor)


ARRAYS: Arithmetic = _Arrays()


class AnsweredItem(Struct, frozen=True, eq=False):
    """The column of an item, and what is known of all its answers."""

    name: str
    answers: Column
    in_classes: Callable[[Collection[int]], Condition]
    """Where the cell is of one of these answer classes."""
    values: FloatArray
    """(v,) the different valid answers, ascending."""
    present: frozenset[int]
    """Answer classes that occur."""
    scale: tuple[float, float] | None
    categories: tuple[tuple[float, str], ...]

    def with_facts_of(self, other: AnsweredItem) -> AnsweredItem:
        """The same cells as a part of the interviews that `other` knows."""
        return replace(self, values=other.values, present=other.present)


def answered(item: ItemResponses) -> AnsweredItem:
    """An item in memory."""
    return AnsweredItem(
        name=item.name,
        answers=item.answers,
        in_classes=lambda classes: np.isin(item.answer_class, list(classes)),
        values=np.unique(item.answers[np.isfinite(item.answers)]),
        present=frozenset(np.unique(item.answer_class).tolist()),
        scale=item.scale,
        categories=item.categories,
    )


class Lengths(Struct, frozen=True, eq=False):
    """A column of times that interviews or questions took, and what is known of all of them."""

    spent: Column
    """Above 0, or missing."""
    n: int
    """How many are known."""
    quantile: Callable[[float], float]
    """Of the known ones, linear between neighbours."""

    @property
    def median(self) -> float:
        """NaN where none is known."""
        return self.quantile(0.5) if self.n else float("nan")


def lengths(spent: FloatArray) -> Lengths:
    """Times in memory."""
    known = np.sort(spent[np.isfinite(spent)])
    return Lengths(spent, len(known), lambda share: quantile(share, len(known), lambda rank: float(known[rank])))


def quantile(share: float, n: int, at: Callable[[int], float]) -> float:
    """A quantile of n sorted numbers, linear between the two neighbours (Hyndman and Fan 1996, type 7)."""
    place = share * (n - 1)
    below = int(place)
    low, high = at(below), at(min(below + 1, n - 1))
    return (low + high) / 2 if place - below == 0.5 else low + (high - low) * (place - below)


class Clock(Struct, frozen=True, eq=False):
    """When interviews began and ended, in minutes since 1970, or since midnight where `on_clock`."""

    start: Column
    end: Column
    on_clock: bool
    overlapping: Callable[[Condition], Condition]
    """Of the interviews for which a condition holds: those that share at least a minute with another of the same
    interviewer's."""


class Interviews(Struct, frozen=True, eq=False):
    """All that indicators are computed from."""

    arithmetic: Arithmetic
    items: tuple[AnsweredItem, ...]
    others: tuple[AnsweredItem, ...] = ()
    """Gates, then numeric columns."""
    minutes: Lengths | None = None
    clock: Clock | None = None
    questions: tuple[Lengths, ...] | None = None
    """Times of single questions; None where not configured."""

    def with_facts_of(self, other: Interviews) -> Interviews:
        """The same interviews as a part of those that `other` knows: limits and scales are those of all."""

        def times(own: Lengths, of_all: Lengths) -> Lengths:
            return replace(of_all, spent=own.spent)

        def items(own: Sequence[AnsweredItem], of_all: Sequence[AnsweredItem]) -> tuple[AnsweredItem, ...]:
            return tuple(one.with_facts_of(whole) for one, whole in zip(own, of_all, strict=True))

        minutes, questions, clock = self.minutes, self.questions, self.clock
        return replace(
            self,
            items=items(self.items, other.items),
            others=items(self.others, other.others),
            minutes=None if minutes is None or other.minutes is None else times(minutes, other.minutes),
            clock=None if clock is None or other.clock is None else replace(clock, on_clock=other.clock.on_clock),
            questions=None
            if questions is None or other.questions is None
            else tuple(times(own, of_all) for own, of_all in zip(questions, other.questions, strict=True)),
        )
