"""All interviews column by column, as expressions of an engine: what indicators are computed from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from qa_reports.config import ItemConfig, ReportConfig
from qa_reports.engine.cells import Cells, clean_column, count_values, finite, plain
from qa_reports.engine.people import WHO, People
from qa_reports.engine.tables import EngineTable
from qa_reports.survey.answer_classes import AnswerClass
from qa_reports.survey.codes import own_codes
from qa_reports.survey.interviews import (
    AnsweredItem,
    Arithmetic,
    Clock,
    Column,
    Condition,
    Interviews,
    Lengths,
    quantile,
)
from qa_reports.survey.items import CleanItem, clean_item
from qa_reports.survey.load import VariableLabels

ITEM, COVARIATE = "qa_a{}", "qa_c{}"
"""Columns of cleaned items and respondent covariates, by their place."""
_NO_LABELS = VariableLabels()
_DAY = 24 * 60.0


class _Expressions:
    """Columns that an engine computes; a condition that nobody can tell does not hold."""

    def given(self, condition: Condition) -> Column:
        return condition.ifelse(1.0, 0.0)

    def count(self, conditions: Iterable[Condition]) -> Column:
        return sum(map(self.given, conditions))

    def where(self, condition: Condition, value: Column) -> Column:
        return condition.ifelse(value, None)

    def filled(self, column: Column, value: float) -> Column:
        return column.fill_null(value)

    def divide(self, column: Column, by: Column) -> Column:
        return column / by.nullif(0.0)

    def known(self, column: Column) -> Condition:
        return column.notnull()

    def among(self, column: Column, values: Collection[float]) -> Condition:
        return column.isin(sorted(values))

    def least(self, columns: Sequence[Column]) -> Column:
        import ibis

        return ibis.least(*columns)

    def greatest(self, columns: Sequence[Column]) -> Column:
        import ibis

        return ibis.greatest(*columns)

    def log(self, column: Column) -> Column:
        return column.ln()

    def root(self, column: Column) -> Column:
        import ibis

        return ibis.greatest(column, 0.0).sqrt()

    def rounded(self, column: Column) -> Column:
        return column.round()

    def absolute(self, column: Column) -> Column:
        return column.abs()

    def remainder(self, column: Column, divisor: float) -> Column:
        return column % float(divisor)


EXPRESSIONS: Arithmetic = _Expressions()


def interviews_of(
    rows: Any,
    people: People,
    source: EngineTable,
    config: ReportConfig,
    items: Sequence[tuple[CleanItem, Cells]],
    labels: dict[str, VariableLabels],
) -> Interviews:
    """The columns of all interviews.

    Args:
        rows: the rows in use with what stands in `ITEM` columns, the cleaned items.
        people: whose they are.
        source: where they are.
        config: which columns indicators need beside the items.
        items: each cleaned by its different values, with these.
        labels: of all columns.
    """
    wanted = (*config.indicators.gates, *config.indicators.numeric)
    minutes, clock = _times(rows, people, source)
    return Interviews(
        arithmetic=EXPRESSIONS,
        items=tuple(answered_cells(rows, item, cells, rows[ITEM.format(k)]) for k, (item, cells) in enumerate(items)),
        others=tuple(_other(entry, rows, people, source, labels) for entry in wanted),
        minutes=minutes,
        clock=clock,
        questions=None
        if config.indicators.timings is None
        else tuple(_lengths(_above_zero(finite(rows[name])), rows, source) for name in people.times.questions),
    )


def answered_cells(rows: Any, item: CleanItem, cells: Cells, answers: Column) -> AnsweredItem:
    """An item by its different values."""
    raw, responses = rows[str(cells.column.name)], item.responses
    classes = responses.answer_class
    of_class = {
        int(one): [plain(value) for value in cells.column[classes == one].dropna().unique()]
        for one in np.unique(classes)
        if one not in (AnswerClass.VALID, AnswerClass.BLANK)
    }

    def in_classes(wanted: Collection[int]) -> Condition:
        values = [value for one in wanted for value in of_class.get(one, [])]
        found = raw.isin(values) if values else None
        if AnswerClass.VALID in wanted:
            valid = answers.notnull()
            return valid if found is None else valid | found.fill_null(False)
        import ibis

        return ibis.literal(False) if found is None else found

    return AnsweredItem(
        name=responses.name,
        answers=answers,
        in_classes=in_classes,
        values=np.unique(responses.answers[~np.isnan(responses.answers)]),
        present=frozenset(np.unique(classes).tolist()),
        scale=responses.scale,
        categories=responses.categories,
    )


def _other(
    entry: Any, rows: Any, people: People, source: EngineTable, labels: dict[str, VariableLabels]
) -> AnsweredItem:
    """A gate or a numeric column, its own missing codes set to missing."""
    of_column = labels.get(entry.name, _NO_LABELS)
    cells = count_values(people, source, entry.name)
    as_item = ItemConfig(name=entry.name, label=entry.label)
    item = clean_item(
        cells.column, as_item, own_codes(entry.missing_codes, of_column), of_column, cells.interviewers, source.name
    )
    return answered_cells(rows, item, cells, clean_column(rows, cells, item.responses.answers).expression)


def _times(rows: Any, people: People, source: EngineTable) -> tuple[Lengths | None, Clock | None]:
    times = people.times
    if times.minutes is not None:
        return _lengths(_above_zero(finite(rows[times.minutes])), rows, source), None
    if times.start is None or times.end is None:
        return None, None
    start, end = rows[times.start], rows[times.end]
    minutes = end - start
    if times.on_clock:
        minutes = (minutes < 0).ifelse(minutes + _DAY, minutes)
    return _lengths(_above_zero(minutes), rows, source), Clock(
        start, end, times.on_clock, lambda usable: _overlapping(start, end, rows[WHO], usable)
    )


def _above_zero(column: Column) -> Column:
    return (column > 0).ifelse(column, None)


def _lengths(spent: Column, rows: Any, source: EngineTable) -> Lengths:
    """With its quantiles, from the number of interviews that have each length."""
    table = rows.select(v=spent).filter(lambda t: t.v.notnull())
    frame = source.frame(table.group_by("v").aggregate(n=table.count())).sort_values("v")
    values, below = frame["v"].to_numpy(dtype=np.float64), np.cumsum(frame["n"].to_numpy(dtype=np.int64))
    n = int(below[-1]) if len(below) else 0

    def at(rank: int) -> float:
        return float(values[np.searchsorted(below, rank, side="right")])

    return Lengths(spent, n, lambda share: quantile(share, n, at))


def _overlapping(start: Column, end: Column, who: Column, usable: Condition) -> Condition:
    """An interview begins before an earlier one has ended, or a later one begins before it has, by a minute at least.

    Of the later ones only those that take a minute count, and of this one, where it is the later.
    """
    import ibis

    begins = usable.fill_null(False).ifelse(start, None)
    ends = usable.fill_null(False).ifelse(end, None)
    order = {"group_by": who, "order_by": [start, end]}
    latest = ends.max().over(ibis.window(preceding=(None, 1), **order))
    long = (ends >= begins + 1).ifelse(begins, None)
    soonest = long.min().over(ibis.window(following=(1, None), **order))
    later = (begins + 1 <= ends) & (begins + 1 <= latest)
    return later.fill_null(False) | (soonest + 1 <= ends).fill_null(False)
