"""Sums over all interviews by interviewer, of all items at once, in one pass. Sizes: J interviewers, K columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations_with_replacement

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from qa_reports.engine.batches import Batch, ReadColumn, each_batch, looked_up
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

    def crossing(self, batch: Batch, known: Mapping[Factor, FloatArray]) -> Crossing:
        """What every outcome of a batch is crossed with."""
        m = len(batch.who)
        complete = np.ones(m, dtype=bool)
        for factor in self.complete:
            complete &= np.isfinite(known[factor])
        table = [np.ones(m)]
        table += [product(column, known) - at for column, at in zip(self.others, self.origin[1:], strict=True)]
        table = [np.where(complete, column, 0.0) for column in table]
        products = [table[b] if a == 0 else table[a] * table[b] for a, b in self.pairs]
        return Crossing(batch, products, len(self.origin), batch.summed(products))

    def sums(self, added: FloatArray, origin: float) -> Sums:
        """Of an outcome with this origin, from its (J, width) sums."""
        p = len(self.origin)
        cross = np.zeros((len(added), p + 1, p + 1))
        for k, (a, b) in enumerate(self.pairs):
            cross[:, a, b] = cross[:, b, a] = added[:, k]
        cross[:, :p, p] = cross[:, p, :p] = added[:, len(self.pairs) : -1]
        cross[:, p, p] = added[:, -1]
        return Sums(cross, np.rint(added[:, 0]).astype(np.int64), np.append(self.origin, origin))


class Crossing(Struct, frozen=True, eq=False):
    """What every outcome of m interviews of g interviewers is crossed with."""

    batch: Batch
    products: list[FloatArray]
    """(m,) each: products of pairs of the design, those with the constant first; all 0 where one is unknown."""
    p: int
    """How many those with the constant are."""
    of_all: FloatArray
    """(g, pairs) their sums, whatever outcome there is."""

    def sums(self, outcome: FloatArray) -> FloatArray:
        """(g, `Design.width`) sums of an outcome (m,) less its origin, NaN where there is none; that becomes 0."""
        batch, products = self.batch, self.products
        missing = np.flatnonzero(np.isnan(outcome))
        outcome[missing] = 0.0
        if 2 * len(missing) <= len(outcome):
            who, g = batch.who[missing], len(batch.own)
            valid = self.of_all - np.stack([np.bincount(who, column[missing], g) for column in products], axis=1)
        else:
            has = np.ones(len(outcome))
            has[missing] = 0.0
            valid = batch.summed([column * has for column in products])
        crossed = [column * outcome for column in products[: self.p]]
        return np.concatenate([valid, batch.summed([*crossed, crossed[0] * outcome])], axis=1)


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


def _values(column: ReadColumn) -> FloatArray:
    assert column.values is not None
    return column.values


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
    by_name = {factor: name for name, factor in names.items()}
    added = np.zeros((j, len(origins), design.width))
    less = {factor: _values(columns[factor]) - origin for factor, origin in origins.items()}

    def work(batch: Batch) -> FloatArray:
        of_design = {name: factor for name, factor in names.items() if factor in design.factors}
        crossing = design.crossing(batch, numbers(batch, of_design, columns))
        return np.stack(
            [crossing.sums(looked_up(less[factor], batch.columns[by_name[factor]])) for factor in origins], axis=1
        )

    told = {name: columns[factor].expression for name, factor in names.items()}
    for batch, found in each_batch(source, rows, told, work):
        added[batch.own] += found
    return {factor: design.sums(added[:, k], origins[factor]) for k, factor in enumerate(origins)}


def _unknown(known: Mapping[Factor, FloatArray], factors: frozenset[Factor], m: int) -> BoolArray:
    """(m,) where one of the factors is unknown."""
    found = np.zeros(m, dtype=bool)
    for factor in factors:
        found |= ~np.isfinite(known[factor])
    return found


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
        frozenset(
            (*(factor for factor in rows.complete if factor.kind != "interviewer"),
             *(replace(factor, level=None) for column in of for factor in column))
        )
        for rows, of, _ in questions
    ]  # fmt: skip
    names = reading(columns, set(outcomes).union(*wanted))
    by_name = {factor: name for name, factor in names.items()}
    of_columns = {name: factor for name, factor in names.items() if factor in frozenset().union(*wanted)}
    added = np.zeros((j, len(questions), 4))

    def work(batch: Batch) -> FloatArray:
        known = numbers(batch, of_columns, columns)
        products = {
            column: product(column, known) for column in dict.fromkeys(c for _, of, _ in questions for c in of[1:])
        }
        unknown = {factors: _unknown(known, factors, len(batch.who)) for factors in set(wanted)}
        found = []
        for outcome, factors, (_, of, fixed) in zip(outcomes, wanted, questions, strict=True):
            residual = columns[outcome].numbers(batch.columns[by_name[outcome]]) - fixed[0]
            for column, coefficient in zip(of[1:], fixed[1:], strict=True):
                residual -= products[column] * coefficient
            residual[unknown[factors] | np.isnan(residual)] = 0.0
            square = residual * residual
            found.append(batch.summed([residual, square, residual * square, square * square]))
        return np.stack(found, axis=1)

    told = {name: columns[factor].expression for name, factor in names.items()}
    for batch, found in each_batch(source, rows, told, work):
        added[batch.own] += found
    return np.moveaxis(added, 1, 0)
