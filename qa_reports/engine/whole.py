"""All interviews of a survey, asked of an engine: the sums and counts that `qa_reports.survey.whole` promises.

DuckDB hands over batches of columns, of which sums are made here (`batch_sums.py`, `batch_measures.py`); counts are
queries. Spark gets one expression per item and set of columns, and so does DuckDB for what is asked seldom: products of
columns as doubles, summed by interviewer. Columns are taken about a whole number near their mean, so that sums of whole
numbers are exact, in whatever order they are added, and nothing cancels later. Sizes: J interviewers, K columns.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace
from numpy.typing import NDArray

from qa_reports.engine.batch_measures import EngineMeasures, MeasureSums
from qa_reports.engine.batch_sums import Design, Sums, item_sums, residual_powers
from qa_reports.engine.batches import ReadColumn
from qa_reports.engine.cells import CleanColumn
from qa_reports.engine.interviews import COVARIATE
from qa_reports.engine.people import WHO
from qa_reports.engine.tables import EngineTable
from qa_reports.survey.interviews import Column, Interviews
from qa_reports.survey.whole import (
    AnswerCounts,
    CrossSums,
    Factor,
    Measures,
    ModelColumn,
    PairCounts,
    Patterns,
    ResidualQuestion,
    Rows,
    Totals,
    ValueCells,
)

if TYPE_CHECKING:
    from qa_reports.survey.survey import Survey

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_N = "qa_n"
_WORTH_COUNTING = 20
"""Times the most patterns wanted: where more are possible, they are not even counted."""
_Key = tuple[str, frozenset[Factor], tuple[ModelColumn, ...]]


class EngineWhole(Struct, frozen=True, eq=False):
    """A clean survey in an engine."""

    source: EngineTable
    rows: Any
    """The Ibis table of the rows in use, with `WHO`."""
    columns: Mapping[Factor, CleanColumn]
    """Items and respondent covariates (positions of categories)."""
    read: Mapping[Factor, ReadColumn]
    """The same, as batches of `clean_rows` have them; empty where they have not."""
    of_interviewers: Mapping[str, FloatArray]
    """Interviewer covariates, (J,) each: numbers or positions of categories."""
    counts: Mapping[str, AnswerCounts]
    """Of every item."""
    workload: IntArray
    """(J,)."""
    clean_rows: Any
    """The same rows, with the respondent covariates as columns of their own."""
    interviews: Interviews
    """Column by column, as expressions."""
    showing: Callable[[Survey, Sequence[int]], Survey]
    """The survey with all interviews of some interviewers at hand."""
    known: dict[_Key, Sums] = field(default_factory=dict)
    """Sums that were asked for before."""
    measures: Measures = field(default_factory=dict)
    """What stands in the place of items."""
    summed: Mapping[str, MeasureSums] = field(default_factory=dict)
    """What is known of measures."""

    @property
    def n_interviews(self) -> int:
        """Number of interviews used."""
        return int(self.workload.sum())

    def answer_counts(self, item: str) -> AnswerCounts:
        """Counts of the valid answers to an item."""
        return self.counts[item]

    def without(self, values: Mapping[str, Collection[float]]) -> EngineWhole:
        """The same with some answers, by item, set to missing."""
        columns, counts, read = dict(self.columns), dict(self.counts), dict(self.read)
        for item, out in values.items():
            factor = Factor("item", item)
            old = columns[factor]
            columns[factor] = replace(old, expression=old.expression.isin(sorted(out)).ifelse(None, old.expression))
            of_places = read[factor].values
            assert of_places is not None
            read[factor] = replace(read[factor], values=np.where(np.isin(of_places, list(out)), np.nan, of_places))
            stays = ~np.isin(counts[item].values, list(out))
            counts[item] = AnswerCounts(counts[item].values[stays], counts[item].counts[:, stays])
        return replace(self, columns=columns, counts=counts, read=read, known={})

    def with_all_of(self, survey: Survey, interviewers: Sequence[int]) -> Survey:
        """The survey with all interviews of these interviewers at hand, behind those that are."""
        return self.showing(survey, interviewers)

    def pair_counts(self, first: str, second: str) -> PairCounts:
        """How often each pair of answers to two items was given."""
        x, y = (self.columns[Factor("item", name)].expression for name in (first, second))
        table = self.rows.select(x=x, y=y).filter(lambda t: t.x.notnull() & t.y.notnull())
        frame = self.source.frame(table.group_by(["x", "y"]).aggregate(**{_N: table.count()})).sort_values(["x", "y"])
        return PairCounts(*(frame[name].to_numpy(np.float64) for name in ("x", "y", _N)))

    def n_known(self, factor: Factor) -> int:
        """Interviews for which a respondent covariate is known."""
        return int(self.source.number(self.columns[factor].expression.notnull().sum()) or 0)

    def measured(self, measures: Measures, compute: Callable[[Interviews], Mapping[str, Column]]) -> EngineMeasures:
        """Measures of interviews in the place of items; `compute` makes them in memory."""
        return EngineMeasures(self, measures, compute)

    def with_measures(self, measures: Measures, table: str | None = None) -> EngineWhole:
        """Measures in the place of items, and respondent covariates; computed once where they get a table."""
        every = (factor for factor in self.columns if factor.kind == "respondent")
        covariates = {COVARIATE.format(k): factor for k, factor in enumerate(every)}
        told = {
            f"m{k}": told.expression.cast("int16" if told.whole else "float64")
            for k, told in enumerate(measures.values())
        }
        rows = self.clean_rows.select(WHO, *covariates, **told)
        if table is not None:
            rows = self.source.store(rows, table)
        columns = {factor: replace(self.columns[factor], expression=rows[name]) for name, factor in covariates.items()}
        columns |= {
            Factor("item", name): CleanColumn(rows[f"m{k}"].cast("float64"), float(np.rint(told.usual)), told.whole)
            for k, (name, told) in enumerate(measures.items())
        }
        return replace(self, rows=rows, columns=columns, read={}, counts={}, known={}, measures=measures)

    def value_cells(self, name: str) -> ValueCells | None:
        """Counts of the values of a measure; None where it has very many different ones."""
        if not self.measures[name].few:
            return None
        if name in self.summed:
            return self.summed[name].cells
        table = self._values(name)
        frame = self.source.frame(table.group_by([WHO, "v"]).aggregate(**{_N: table.count()}))
        frame = frame.sort_values([WHO, "v"], ignore_index=True)
        return ValueCells(
            frame[WHO].to_numpy(np.int64), frame["v"].to_numpy(np.float64), frame[_N].to_numpy(np.float64)
        )

    def totals(self, name: str) -> Totals:
        """Sums of a measure, however many different values it has."""
        if name in self.summed and (known := self.summed[name].totals) is not None:
            return known
        column = self.columns[Factor("item", name)]
        table = self._values(name).mutate(d=lambda t: t.v - column.origin)
        sums = table.group_by(WHO).aggregate(
            **{_N: table.count()},
            p1=table.d.sum(),
            p2=(table.d * table.d).sum(),
            p3=(table.d * table.d * table.d).sum(),
            above=(table.v > 0).sum(),
        )
        frame = self.source.frame(sums, ordered=not column.whole)
        who, j = frame[WHO].to_numpy(), len(self.workload)
        n, above, powers = np.zeros(j, dtype=np.int64), np.zeros(j, dtype=np.int64), np.zeros((j, 3))
        n[who], above[who] = frame[_N].to_numpy(), frame["above"].to_numpy()
        powers[who] = frame[["p1", "p2", "p3"]].to_numpy(dtype=np.float64)
        return Totals(n, powers, above, column.origin)

    def value_counts(self, name: str) -> tuple[FloatArray, FloatArray]:
        """(v,) different values, ascending, and (v,) the number of interviews that have each."""
        table = self._values(name)
        frame = self.source.frame(table.group_by("v").aggregate(**{_N: table.count()})).sort_values("v")
        return frame["v"].to_numpy(np.float64), frame[_N].to_numpy(np.float64)

    def cut(self, name: str, bounds: Sequence[float]) -> EngineWhole:
        """With a measure replaced by the number of the bounds that its value exceeds."""
        factor = Factor("item", name)
        value, a = self.columns[factor].expression, self.interviews.arithmetic
        place = a.where(a.known(value), sum(a.given(value > float(bound)) for bound in bounds))
        columns = {**self.columns, factor: CleanColumn(place, 0.0, whole=True)}
        placed = replace(self, columns=columns, counts={}, known={}, summed={})
        cells = self.value_cells(name)
        if cells is not None:
            who, count, at = cells.interviewer, cells.count, np.searchsorted(bounds, cells.value)
        else:
            few = replace(placed, measures={name: replace(self.measures[name], few=True)})
            cells = few.value_cells(name)
            assert cells is not None
            who, count, at = cells.interviewer, cells.count, cells.value.astype(np.int64)
        counts = np.zeros((len(self.workload), len(bounds) + 1), dtype=np.int64)
        np.add.at(counts, (who, at), np.rint(count).astype(np.int64))
        counted = AnswerCounts(np.arange(len(bounds) + 1, dtype=np.float64), counts)
        return replace(placed, counts={name: counted})

    def _values(self, name: str) -> Any:
        """Interviewers and values of a measure, where there is one."""
        table = self.rows.select(WHO, v=self.columns[Factor("item", name)].expression)
        return table.filter(table.v.notnull())

    def cross_sums(self, rows: Rows, columns: tuple[ModelColumn, ...]) -> CrossSums:
        """Cross products of the columns, the first of which is the constant, and the outcome."""
        at_rows = [tuple(factor for factor in column if factor.kind != "interviewer") for column in columns]
        sums = self._sums(rows, tuple(dict.fromkeys(column for column in at_rows if column)))
        places = {column: k for k, column in enumerate([(), *dict.fromkeys(c for c in at_rows if c)])}
        # Column k is v (m + origin of m) - own origin, m the row-level part and v what is constant for an interviewer.
        width, j = len(columns) + 1, len(self.workload)
        move, origin = np.zeros((j, width, len(sums.origin))), np.zeros(width)
        counted = np.ones(j, dtype=bool)
        for k, (column, part) in enumerate(zip(columns, at_rows, strict=True)):
            place, own = places[part], [factor for factor in column if factor.kind == "interviewer"]
            value = np.prod([self._of_interviewers(factor) for factor in own], axis=0) if own else np.ones(j)
            counted &= np.isfinite(value)
            move[:, k, place] = value
            if own:
                move[:, k, 0] += value * sums.origin[place] * (place > 0)
            else:
                origin[k] = sums.origin[place]
        move[:, -1, -1], origin[-1] = 1.0, sums.origin[-1]
        for factor in rows.complete:
            if factor.kind == "interviewer":
                counted &= np.isfinite(self._of_interviewers(factor))
        counted[list(rows.left_out)] = False
        move[~counted] = 0.0
        cross = move @ sums.cross @ np.swapaxes(move, 1, 2)
        return CrossSums(cross, np.where(counted, sums.n, 0), origin)

    def residual_powers(self, questions: Sequence[ResidualQuestion]) -> FloatArray:
        """(questions, J, 4) sums of the first four powers of outcome - columns @ fixed."""
        counted = [len(columns) == 1 and not self._row_level(rows) for rows, columns, _ in questions]
        asked = [question for question, known in zip(questions, counted, strict=True) if not known]
        found: Iterator[FloatArray] = iter(())
        if asked and self._batches:
            found = iter(residual_powers(self.source, self.clean_rows, self.read, asked, len(self.workload)))
        elif asked:
            found = (self._asked_powers(*question) for question in asked)
        powers = np.stack(
            [
                self._counted_powers(rows, fixed) if known else next(found)
                for (rows, _, fixed), known in zip(questions, counted, strict=True)
            ]
        )
        for own, (rows, _, _) in zip(powers, questions, strict=True):
            own[list(rows.left_out)] = 0.0
        return powers

    def _counted_powers(self, rows: Rows, fixed: FloatArray) -> FloatArray:
        counted = self.counts[rows.outcome]
        residual = counted.values - fixed[0]
        return np.stack([counted.counts @ residual**power for power in range(1, 5)], axis=1)

    def _asked_powers(self, rows: Rows, columns: tuple[ModelColumn, ...], fixed: FloatArray) -> FloatArray:
        table = self._complete(rows)
        residual = self._column((Factor("item", rows.outcome),), 0.0) - float(fixed[0])
        for column, coefficient in zip(columns[1:], fixed[1:], strict=True):
            residual = residual - self._column(column, 0.0) * float(coefficient)
        table = table.select(WHO, r=residual).mutate(s=lambda t: t.r * t.r)
        found = table.group_by(WHO).aggregate(
            p1=table.r.sum(), p2=table.s.sum(), p3=(table.r * table.s).sum(), p4=(table.s * table.s).sum()
        )
        frame = self.source.frame(found, ordered=True)
        powers = np.zeros((len(self.workload), 4))
        powers[frame[WHO].to_numpy()] = frame[["p1", "p2", "p3", "p4"]].to_numpy(dtype=np.float64)
        return powers

    def patterns(self, rows: Rows, columns: tuple[ModelColumn, ...], most: int) -> Patterns | None:
        """Interviews that are alike in columns and outcome, counted; None where there are more than `most` kinds."""
        if any(factor.kind == "interviewer" for column in columns for factor in column):
            return None
        if not self._row_level(rows):
            counted = self.counts[rows.outcome]
            who, place = np.nonzero(counted.counts)
            count = counted.counts[who, place].astype(np.float64)
            return Patterns(np.ones((len(who), 1)), counted.values[place], who.astype(np.int64), count)
        names = [f"x{k}" for k in range(1, len(columns))]
        table = self._complete(rows)
        parts = {name: self._column(column, 0.0) for name, column in zip(names, columns[1:], strict=True)}
        table = table.select(WHO, y=self._column((Factor("item", rows.outcome),), 0.0), **parts)
        if self.n_interviews > most:
            kinds = [self.source.number(table[name].nunique()) for name in ["y", *names]]
            if len(self.workload) * float(np.prod(kinds)) > _WORTH_COUNTING * most:
                return None
        keys = [WHO, *names, "y"]
        frame = self.source.frame(table.group_by(keys).aggregate(**{_N: table.count()}).limit(most + 1))
        if len(frame) > most:
            return None
        frame = frame.sort_values(keys, ignore_index=True)
        fixed = np.column_stack([np.ones(len(frame)), frame[names].to_numpy(dtype=np.float64)])
        response = frame["y"].to_numpy(dtype=np.float64)
        return Patterns(fixed, response, frame[WHO].to_numpy(np.int64), frame[_N].to_numpy(np.float64))

    def _row_level(self, rows: Rows) -> list[Factor]:
        return sorted((f for f in rows.complete if f.kind != "interviewer"), key=lambda f: (f.kind, f.name))

    def _of_interviewers(self, factor: Factor) -> FloatArray:
        values = self.of_interviewers[factor.name]
        if factor.level is None:
            return values
        return np.where(np.isnan(values), np.nan, (values == factor.level).astype(np.float64))

    def _column(self, column: ModelColumn, origin: float) -> Any:
        """The product of the factors less the origin, as an expression."""
        product: Any = None
        for factor in column:
            values = self.columns[replace(factor, level=None)].expression
            if factor.level is not None:
                values = (values == float(factor.level)).cast("float64")
            product = values if product is None else product * values
        return product - origin if origin else product

    def _origin(self, column: ModelColumn) -> float:
        """Near the mean; 0 for a category and for products, which need none."""
        if len(column) != 1 or column[0].level is not None:
            return 0.0
        return self.columns[column[0]].origin

    def _complete(self, rows: Rows) -> Any:
        """The rows with an answer to the outcome and everything else known."""
        needed = [Factor("item", rows.outcome), *self._row_level(rows)]
        table = self.rows
        return table.filter([self.columns[factor].expression.notnull() for factor in needed])

    def _sums(self, rows: Rows, others: tuple[ModelColumn, ...]) -> Sums:
        """Sums of row-level columns, of any wider question that was asked of the same rows before."""
        complete = frozenset(self._row_level(rows))
        for (outcome, known, wider), sums in self.known.items():
            if (outcome, known) == (rows.outcome, complete) and set(others) <= set(wider):
                chosen = [0, *(1 + wider.index(column) for column in others), len(wider) + 1]
                return Sums(sums.cross[:, chosen][..., chosen], sums.n, sums.origin[chosen])
        if not complete and rows.outcome in self.counts:
            self.known[rows.outcome, complete, others] = self._counted_sums(rows.outcome)
        elif self._batches:
            self._sum_batches(Factor("item", rows.outcome), self.design(complete, others))
        else:
            self.known[rows.outcome, complete, others] = self._asked_sums(rows, others)
        return self.known[rows.outcome, complete, others]

    def design(self, complete: frozenset[Factor], others: tuple[ModelColumn, ...]) -> Design:
        """Columns that outcomes are crossed with."""
        return Design(complete, others, np.array([0.0, *(self._origin(column) for column in others)]))

    def _sum_batches(self, outcome: Factor, design: Design) -> None:
        """What is asked of one item beside respondent covariates will be asked of all."""
        alike = all(factor.kind == "respondent" for factor in design.factors)
        outcomes = [factor for factor in self.read if factor.kind == "item"] if alike else [outcome]
        origins = {factor: self.columns[factor].origin for factor in outcomes}
        found = item_sums(self.source, self.clean_rows, self.read, origins, design, len(self.workload))
        for factor, sums in found.items():
            self.known[factor.name, design.complete, design.others] = sums

    @property
    def _batches(self) -> bool:
        """Whether sums are made of batches here, and not by the engine."""
        return self.source.engine == "duckdb" and bool(self.read)

    def _counted_sums(self, outcome: str) -> Sums:
        """[1, outcome] from the counts of its answers."""
        counted, origin = self.counts[outcome], self.columns[Factor("item", outcome)].origin
        away = counted.values - origin
        n, first, second = (counted.counts @ away**power for power in range(3))
        cross = np.stack([np.stack([n, first], -1), np.stack([first, second], -1)], -2)
        return Sums(cross, counted.counts.sum(axis=1), np.array([0.0, origin]))

    def _asked_sums(self, rows: Rows, others: tuple[ModelColumn, ...]) -> Sums:
        every = (*others, (Factor("item", rows.outcome),))
        origin = np.array([0.0, *(self._origin(column) for column in every)])
        table = self._complete(rows)
        parts = {f"c{k}": self._column(column, origin[k + 1]) for k, column in enumerate(every)}
        table = table.select(WHO, **parts)
        sums = {_N: table.count(), **{f"s{k}": table[f"c{k}"].sum() for k in range(len(every))}}
        pairs = [pair for pair in combinations_with_replacement(range(len(every)), 2) if not _apart(every, *pair)]
        sums |= {f"s{a}_{b}": (table[f"c{a}"] * table[f"c{b}"]).sum() for a, b in pairs}
        exact = all(self.columns[replace(factor, level=None)].whole for column in every for factor in column)
        frame = self.source.frame(table.group_by(WHO).aggregate(**sums), ordered=not exact)
        width = len(every) + 1
        cross, n = np.zeros((len(self.workload), width, width)), np.zeros(len(self.workload), dtype=np.int64)
        who = frame[WHO].to_numpy()
        n[who] = frame[_N].to_numpy()
        cross[who, 0, 0] = n[who]
        for k in range(len(every)):
            cross[who, 0, k + 1] = cross[who, k + 1, 0] = frame[f"s{k}"].to_numpy(dtype=np.float64)
        for a, b in pairs:
            cross[who, a + 1, b + 1] = cross[who, b + 1, a + 1] = frame[f"s{a}_{b}"].to_numpy(dtype=np.float64)
        return Sums(cross, n, origin)


def _apart(columns: Sequence[ModelColumn], a: int, b: int) -> bool:
    """Whether two columns are different categories of one covariate, whose product is always 0."""
    one, other = columns[a], columns[b]
    if a == b or len(one) != 1 or len(other) != 1 or one[0].level is None or other[0].level is None:
        return False
    return (one[0].kind, one[0].name) == (other[0].kind, other[0].name)
