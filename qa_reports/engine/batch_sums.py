"""Sums over all interviews by interviewer, of all items at once, in one pass. Sizes: J interviewers, K columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations_with_replacement

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from qa_reports.engine.batches import Batch, ReadColumn, each_batch
from qa_reports.engine.tables import EngineTable
from qa_reports.survey.whole import Factor, ModelColumn, ResidualQuestion

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


class Sums(Struct, frozen=True, eq=False):
    """Sums of products of row-level columns [1, others ..., outcome], each less its origin."""

    cross: FloatArray
    """(J, K, K)."""
    n: IntArray
    """(J,)."""
    origin: FloatArray
    """(K,)."""


class Design(Struct, frozen=True, eq=False):
    """Columns that outcomes are crossed with, on the interviews of which all of `complete` is known."""

    complete: frozenset[Factor]
    others: tuple[ModelColumn, ...]
    origin: FloatArray
    """(1 + others,) what is subtracted first, 0 for the constant."""

    @property
    def factors(self) -> set[Factor]:
        """What has to be read."""
        return {*self.complete, *(replace(factor, level=None) for column in self.others for factor in column)}

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Of the constant and the others."""
        return list(combinations_with_replacement(range(len(self.origin)), 2))

    @property
    def width(self) -> int:
        """Sums of an outcome: of its interviews by pairs, of itself by columns, and of its square."""
        return len(self.pairs) + len(self.origin) + 1

    def columns(self, known: Mapping[Factor, FloatArray], m: int) -> tuple[list[FloatArray], BoolArray]:
        """(m,) the products of pairs, those with the constant first, and whether nothing is unknown, else all are 0."""
        complete = np.ones(m, dtype=bool)
        for factor in self.complete:
            complete &= np.isfinite(known[factor])
        table = [np.ones(m)]
        table += [product(column, known) - at for column, at in zip(self.others, self.origin[1:], strict=True)]
        table = [np.where(complete, column, 0.0) for column in table]
        return [table[b] if a == 0 else table[a] * table[b] for a, b in self.pairs], complete

    def by_values(self, batch: Batch, columns: Sequence[FloatArray], read: IntArray, values: FloatArray) -> FloatArray:
        """(g, width) sums of an outcome with few values: `values` (v,) less its origin, NaN where missing.

        Columns are added by interviewer and value, which spares their products with the outcome.
        """
        has = np.isfinite(values)
        different, place = np.unique(values[has], return_inverse=True)
        v, p = len(different) + 1, len(self.origin)  # the last place is that of what is missing
        places = np.full(len(values), v - 1)
        places[has] = place
        keys = batch.who * v + places[read]
        found = np.stack([np.bincount(keys, column, len(batch.own) * v) for column in columns])
        powers = np.stack([different**power for power in range(3)], axis=1)
        by_power = found.reshape(len(columns), -1, v)[:, :, :-1] @ powers
        return np.concatenate([by_power[:, :, 0], by_power[:p, :, 1], by_power[:1, :, 2]]).T

    def by_interviews(
        self, batch: Batch, columns: Sequence[FloatArray], complete: BoolArray, outcome: FloatArray
    ) -> FloatArray:
        """(g, width) sums of any outcome (m,) less its origin, NaN where there is none."""
        valid = np.isfinite(outcome) & complete
        y = np.where(valid, outcome, 0.0)
        products = [*(column * valid for column in columns), *(column * y for column in columns[: len(self.origin)])]
        return batch.summed([*products, y * y])

    def sums(self, added: FloatArray, origin: float) -> Sums:
        """Of an outcome with this origin, from its (J, width) sums."""
        p = len(self.origin)
        cross = np.zeros((len(added), p + 1, p + 1))
        for k, (a, b) in enumerate(self.pairs):
            cross[:, a, b] = cross[:, b, a] = added[:, k]
        cross[:, :p, p] = cross[:, p, :p] = added[:, len(self.pairs) : -1]
        cross[:, p, p] = added[:, -1]
        return Sums(cross, np.rint(added[:, 0]).astype(np.int64), np.append(self.origin, origin))


def product(column: ModelColumn, known: Mapping[Factor, FloatArray]) -> FloatArray:
    """(m,) the product of the factors, NaN where one is unknown."""
    made: FloatArray | None = None
    for factor in column:
        values = known[replace(factor, level=None)]
        if factor.level is not None:
            values = np.where(np.isnan(values), np.nan, values == factor.level)
        made = values if made is None else made * values
    assert made is not None
    return made


def reading(columns: Mapping[Factor, ReadColumn], wanted: set[Factor]) -> dict[str, Factor]:
    """Names under which these columns are read."""
    return {f"f{k}": factor for k, factor in enumerate(columns) if factor in wanted}


def numbers(
    batch: Batch, names: Mapping[str, Factor], columns: Mapping[Factor, ReadColumn]
) -> dict[Factor, FloatArray]:
    """(m,) each."""
    return {factor: columns[factor].numbers(batch.columns[name]) for name, factor in names.items()}


def item_sums(
    source: EngineTable,
    rows: object,
    columns: Mapping[Factor, ReadColumn],
    origins: Mapping[Factor, float],
    design: Design,
    j: int,
) -> dict[Factor, Sums]:
    """Of every outcome that has an origin here, all of few different values."""
    names = reading(columns, {*origins, *design.factors})
    added = np.zeros((j, len(origins), design.width))

    by_name = {factor: name for name, factor in names.items()}

    def work(batch: Batch) -> FloatArray:
        of_design = {name: factor for name, factor in names.items() if factor in design.factors}
        table, _ = design.columns(numbers(batch, of_design, columns), len(batch.who))
        found = []
        for factor, origin in origins.items():
            values = columns[factor].values
            assert values is not None
            found.append(design.by_values(batch, table, batch.columns[by_name[factor]], values - origin))
        return np.stack(found, axis=1)

    told = {name: columns[factor].expression for name, factor in names.items()}
    for batch, found in each_batch(source, rows, told, work):
        added[batch.own] += found
    return {factor: design.sums(added[:, k], origins[factor]) for k, factor in enumerate(origins)}


def residual_powers(
    source: EngineTable,
    rows: object,
    columns: Mapping[Factor, ReadColumn],
    questions: Sequence[ResidualQuestion],
    j: int,
) -> FloatArray:
    """(questions, J, 4) sums of the first four powers of outcome - columns @ fixed."""
    outcomes = [Factor("item", rows.outcome) for rows, _, _ in questions]
    wanted = [
        {*(factor for factor in rows.complete if factor.kind != "interviewer"),
         *(replace(factor, level=None) for column in of for factor in column)}
        for rows, of, _ in questions
    ]  # fmt: skip
    names = reading(columns, set(outcomes).union(*wanted))
    added = np.zeros((j, len(questions), 4))

    def work(batch: Batch) -> FloatArray:
        known = numbers(batch, names, columns)
        found = []
        for outcome, factors, (_, of, fixed) in zip(outcomes, wanted, questions, strict=True):
            residual = known[outcome] - fixed[0]
            for column, coefficient in zip(of[1:], fixed[1:], strict=True):
                residual -= product(column, known) * coefficient
            valid = np.isfinite(residual)
            for factor in factors:
                valid &= np.isfinite(known[factor])
            residual = np.where(valid, residual, 0.0)
            square = residual * residual
            found.append(batch.summed([residual, square, residual * square, square * square]))
        return np.stack(found, axis=1)

    told = {name: columns[factor].expression for name, factor in names.items()}
    for batch, found in each_batch(source, rows, told, work):
        added[batch.own] += found
    return np.moveaxis(added, 1, 0)
