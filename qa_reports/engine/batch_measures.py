"""Measures of all interviews, computed as in memory, batch by batch: how often each value occurs, and sums."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from qa_reports.engine.batch_sums import Design, Sums, numbers, reading
from qa_reports.engine.batches import Batch, ReadColumn, each_batch, looked_up
from qa_reports.engine.tables import EngineTable
from qa_reports.survey.interviews import ARRAYS, AnsweredItem, Column, Condition, Interviews, Lengths
from qa_reports.survey.whole import Factor, Measures, ModelColumn, Totals, ValueCells

if TYPE_CHECKING:
    from qa_reports.engine.whole import EngineWhole

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_TABLE = "qa_measure"
_CODES = 2**31
"""More than there are different values of a measure."""
_MOST_CELLS = 4_000_000
"""Cells of batches that are held before those of the same interviewer and value are added up."""
_MOST_KEYS = 4
"""Possible cells per interview of a batch up to which they are counted without sorting."""
_NARROW = 64
"""Whole numbers so near to each other are told apart without looking which there are."""


class MeasureSums(Struct, frozen=True, eq=False):
    """What is summed up of one measure."""

    cells: ValueCells | None
    """None where it has too many different values."""
    totals: Totals | None
    """None where it has not."""
    crossed: Sums | None
    """With respondent covariates; of continuous measures."""


class EngineMeasures:
    """Measures of all interviews.

    Those that can be computed interview by interview are summed up in one pass. What else is asked of them is asked of
    their expressions, as all that is asked of the others, each of which is computed and held while it is asked for.
    """

    def __init__(
        self, every: EngineWhole, measures: Measures, compute: Callable[[Interviews], Mapping[str, Column]]
    ) -> None:
        """Of the interviews of `every`; `compute` makes them in memory."""
        self._every, self._measures, self._compute = every, measures, compute
        self._summed: tuple[Design, dict[str, MeasureSums]] | None = None
        self._held: tuple[str, EngineWhole] | None = None

    def has_values(self, name: str) -> bool:
        """Whether any interview has a value of a measure."""
        known = self._every.clean_rows.select(v=self._measures[name].expression).filter(lambda t: t.v.notnull())
        return bool(self._every.source.number(known.limit(1).count()))

    def of(self, name: str, columns: Sequence[ModelColumn]) -> EngineWhole:
        """All interviews, with this measure in the place of an item, and columns that will be asked for beside it."""
        every, one = self._every, {name: self._measures[name]}
        complete = frozenset(replace(factor, level=None) for column in columns for factor in column)
        design = every.design(complete, tuple(dict.fromkeys(columns)))
        if self._summed is None:
            self._summed = design, self._sum_up(design)
        of, summed = self._summed
        if name in summed:
            crossed = summed[name].crossed
            known = {} if crossed is None else {(name, of.complete, of.others): crossed}
            return replace(every.with_measures(one), summed={name: summed[name]}, known=known)
        if self._held is None or self._held[0] != name:
            if self._held is not None:
                every.source.drop(_TABLE)
            self._held = name, every.with_measures(one, _TABLE)
        return self._held[1]

    def _sum_up(self, design: Design) -> dict[str, MeasureSums]:
        every = self._every
        if every.source.engine != "duckdb":
            return {}
        return sum_measures(
            every.source, every.clean_rows, every.read, every.interviews, self._compute, self._measures, design,
            len(every.workload),
        )  # fmt: skip


class _Cells:
    """Counts by interviewer and value, from batches."""

    def __init__(self) -> None:
        self._codes: dict[float, int] = {}
        self._parts: list[tuple[IntArray, IntArray]] = []
        self._held = 0

    def add(self, values: FloatArray, who: IntArray, place: IntArray, count: IntArray) -> None:
        """Cells of one batch: their interviewers, the place of their value in `values`, and their counts."""
        codes = np.array([self._codes.setdefault(value, len(self._codes)) for value in values.tolist()], dtype=np.int64)
        self._parts.append((who * _CODES + codes[place], count))
        self._held += len(who)
        if self._held > _MOST_CELLS:
            self._add_up()

    def _add_up(self) -> None:
        keys, place = np.unique(np.concatenate([key for key, _ in self._parts]), return_inverse=True)
        counts = np.bincount(place, np.concatenate([count for _, count in self._parts]), len(keys))
        self._parts, self._held = [(keys, np.rint(counts).astype(np.int64))], 0

    def all(self) -> ValueCells:
        """By interviewer and value."""
        if not self._parts:
            return ValueCells(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0))
        self._add_up()
        ((keys, count),) = self._parts
        who, value = keys // _CODES, np.array(list(self._codes))[keys % _CODES]
        order = np.lexsort((value, who))
        return ValueCells(who[order], value[order], count[order].astype(np.float64))


def sum_measures(
    source: EngineTable,
    rows: Any,
    columns: Mapping[Factor, ReadColumn],
    every: Interviews,
    compute: Callable[[Interviews], Mapping[str, Column]],
    wanted: Measures,
    design: Design,
    j: int,
) -> dict[str, MeasureSums]:
    """Sum up the measures that can be computed interview by interview; the others are not among the results.

    Args:
        source: where the interviews are.
        rows: their table.
        columns: items and respondent covariates.
        every: the same interviews as expressions.
        compute: the measures of interviews in memory.
        wanted: which of them, and what is known of their values.
        design: respondent covariates.
        j: number of interviewers.
    """
    items = [Factor("item", item.name) for item in every.items]
    names = reading(columns, {*items, *design.factors})
    plain = _numbers(every)

    def work(batch: Batch) -> dict[str, Any]:
        found = compute(_interviews(batch, every, {factor: name for name, factor in names.items()}, columns))
        known = numbers(batch, {name: one for name, one in names.items() if one in design.factors}, columns)
        crossing = design.crossing(batch, known)
        sums: dict[str, Any] = {}
        for name, told in wanted.items():
            if name not in found:
                continue
            values = np.asarray(found[name], dtype=np.float64)
            origin = float(np.rint(told.usual))
            sums[name] = (
                _counted(batch, values, told.whole) if told.few else batch.summed(_powers(values, origin)),
                crossing.sums(_or_nan(values - origin)) if told.continuous else None,
            )
        return sums

    read = {name: columns[factor].expression for name, factor in names.items()} | plain
    counted: dict[str, _Cells] = {}
    powers: dict[str, FloatArray] = {}
    crossed: dict[str, FloatArray] = {}
    for batch, found in each_batch(source, rows, read, work):
        for name, (own, products) in found.items():
            if wanted[name].few:
                values, who, place, count = own
                counted.setdefault(name, _Cells()).add(values, batch.own[who], place, count)
            else:
                powers.setdefault(name, np.zeros((j, 5)))[batch.own] += own
            if products is not None:
                crossed.setdefault(name, np.zeros((j, design.width)))[batch.own] += products
    return {
        name: MeasureSums(
            cells=counted[name].all() if name in counted else None,
            totals=_totals(powers[name], float(np.rint(wanted[name].usual))) if name in powers else None,
            crossed=design.sums(crossed[name], float(np.rint(wanted[name].usual))) if name in crossed else None,
        )
        for name in wanted
        if name in counted or name in powers
    }


def _counted(batch: Batch, values: FloatArray, whole: bool) -> tuple[FloatArray, IntArray, IntArray, IntArray]:
    """Different values, and of each cell its interviewer's place, its value's place and its count.

    Args:
        batch: whose they are.
        values: (m,) NaN where there is none.
        whole: whether they are whole numbers.
    """
    has = np.isfinite(values)
    known = values[has]
    if not len(known):
        nothing = np.zeros(0, dtype=np.int64)
        return np.zeros(0), nothing, nothing, nothing
    low, high = known.min(), known.max()
    if whole and high - low < _NARROW:
        place, different = (known - low).astype(np.int64), np.arange(low, high + 1)
    else:
        place, different = pd.factorize(known)
    keys, v = batch.who[has] * len(different) + place, len(different)
    if len(batch.own) * v <= _MOST_KEYS * len(values):
        counts = np.bincount(keys)
        cells = np.flatnonzero(counts)
        count = counts[cells]
    else:
        cells, count = np.unique(keys, return_counts=True)
    return np.asarray(different, dtype=np.float64), cells // v, cells % v, count


def _or_nan(values: FloatArray) -> FloatArray:
    return np.where(np.isfinite(values), values, np.nan)


def _powers(values: FloatArray, origin: float) -> list[FloatArray]:
    """(m,) each: whether there is a value, its first three powers less the origin, and whether it is above 0."""
    has = np.isfinite(values)
    away = np.where(has, values - origin, 0.0)
    square = away * away
    return [has.astype(np.float64), away, square, square * away, (has & (values > 0)).astype(np.float64)]


def _totals(sums: FloatArray, origin: float) -> Totals:
    n, above = (np.rint(sums[:, at]).astype(np.int64) for at in (0, 4))
    return Totals(n, sums[:, 1:4], above, origin)


def _numbers(every: Interviews) -> dict[str, Any]:
    """Expressions of the columns that are read as numbers."""
    told = {f"o{k}": column.answers for k, column in enumerate(every.others)}
    if every.minutes is not None:
        told["minutes"] = every.minutes.spent
    return told | {f"t{k}": question.spent for k, question in enumerate(every.questions or ())}


def _interviews(
    batch: Batch, every: Interviews, names: Mapping[Factor, str], columns: Mapping[Factor, ReadColumn]
) -> Interviews:
    """A batch as it would be in memory, with what is known of all interviews; without the clock, which tells of
    interviews beside each other."""

    def item(one: AnsweredItem) -> AnsweredItem:
        factor = Factor("item", one.name)
        column, read = columns[factor], batch.columns[names[factor]]
        assert column.classes is not None
        classes = looked_up(column.classes, read)

        def in_classes(wanted: Collection[int]) -> Condition:
            bits = np.bitwise_or.reduce(np.uint8(1) << np.array([*wanted], dtype=np.uint8))
            return np.not_equal(classes & bits, 0)

        return replace(one, answers=column.numbers(read), in_classes=in_classes)

    def as_numbers(name: str) -> FloatArray:
        return np.asarray(batch.columns[name], dtype=np.float64)

    def spent(name: str, of: Lengths) -> Lengths:
        return replace(of, spent=as_numbers(name))

    return replace(
        every,
        arithmetic=ARRAYS,
        items=tuple(map(item, every.items)),
        others=tuple(
            replace(one, answers=as_numbers(f"o{k}"), in_classes=_unknown) for k, one in enumerate(every.others)
        ),
        minutes=None if every.minutes is None else spent("minutes", every.minutes),
        clock=None,
        questions=None
        if every.questions is None
        else tuple(spent(f"t{k}", one) for k, one in enumerate(every.questions)),
    )


def _unknown(_: object) -> Any:
    """Gates and numeric columns are read as numbers, whatever their missing cells hold."""
    raise AssertionError("a column that is read as numbers was asked for its texts")
