"""All interviews once, as arrays: batches of columns that DuckDB hands over, worked on by several threads.

A batch is small enough to stay near the processor while hundreds of sums are made of it. An engine goes through all
rows for a few sums at a time, and adds numbers that are not whole in no fixed order unless it has one thread. Batches
come in the order of the rows and are added in that order, so the same input gives the same bytes.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.engine.cells import Cells, plain
from qa_reports.engine.people import WHO
from qa_reports.engine.tables import EngineTable
from qa_reports.survey.answer_classes import AnswerClass

if TYPE_CHECKING:
    import pyarrow as pa

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
T = TypeVar("T")
_Number = TypeVar("_Number", np.float64, np.uint8)

_ROWS = 65_536
"""Interviews of a batch: what is computed of them stays near the processor."""
_LONG = 8
"""Interviews of an interviewer in a batch from which they are added as a stretch."""
_WAITING = 2
"""Batches that each thread may be behind, before the engine is asked for more."""
_MOST_PLACES = 30_000
"""Values from the smallest to the largest whole number of a column that is told by the distance from the smallest."""


class ReadColumn(Struct, frozen=True, eq=False):
    """A column as it is read, and what that stands for."""

    expression: Any
    """Places in `values`, never NULL; or, where `values` is None, numbers, NULL where missing."""
    values: FloatArray | None = None
    """(v,) NaN where missing."""
    classes: NDArray[np.uint8] | None = None
    """(v,) a bit for the `AnswerClass` of each."""

    def numbers(self, read: NDArray[Any]) -> FloatArray:
        """(m,) NaN where missing."""
        return np.asarray(read, dtype=np.float64) if self.values is None else looked_up(self.values, read)


def looked_up(values: NDArray[_Number], places: NDArray[Any]) -> NDArray[_Number]:
    """(m,) values at these places, all of which exist: NumPy is not asked to see to that."""
    return values.take(places.astype(np.intp), mode="clip")


def by_places(rows: Any, cells: Cells, clean: FloatArray, classes: NDArray[Any] | None = None) -> ReadColumn:
    """A column whose different values are known, from what became of each cell: `clean` and `classes` (c,)."""
    column = rows[str(cells.column.name)]
    codes, distinct = pd.factorize(cells.column)
    of_cells = np.zeros(len(codes), dtype=np.int64) if classes is None else np.asarray(classes, dtype=np.int64)
    whole = bool(column.type().is_integer()) and len(distinct) > 0
    low, high = (int(distinct.min()), int(distinct.max())) if whole else (0, len(distinct) - 1)
    if whole and high - low < _MOST_PLACES:
        place = np.asarray(distinct, dtype=np.int64) - low
        expression = (column.cast("int64") - low).cast("int16").fill_null(high - low + 1)
    else:
        low, high, place = 0, len(distinct) - 1, np.arange(len(distinct))
        told = [(plain(raw), k) for k, raw in enumerate(distinct)]
        blank = len(distinct)
        expression = column.cases(*told, else_=blank).cast("int16") if told else column.isnull().cast("int16") * 0
    # The last place is that of empty cells.
    values, of_places = np.full(high - low + 2, np.nan), np.full(high - low + 2, int(AnswerClass.BLANK))
    at = np.where(codes >= 0, np.append(place, high - low + 1)[codes], high - low + 1)
    values[at], of_places[at] = clean, of_cells
    return ReadColumn(expression, values, np.uint8(1) << of_places.astype(np.uint8))


class Batch(Struct, frozen=True, eq=False):
    """m interviews of g interviewers, by interviewer."""

    who: IntArray
    """(m,) places in `own`, ascending."""
    starts: IntArray
    """(g,) the first interview of each."""
    own: IntArray
    """(g,) interviewers."""
    columns: Mapping[str, NDArray[Any]]
    """As they were read."""

    def summed(self, columns: Iterable[FloatArray]) -> FloatArray:
        """(g, w) sums by interviewer of w columns (m,)."""
        if len(self.who) < _LONG * len(self.own):
            return np.stack([np.bincount(self.who, column, len(self.own)) for column in columns], axis=1)
        # NumPy lets other threads work meanwhile, which it does not while it counts.
        return np.stack([np.add.reduceat(column, self.starts) for column in columns], axis=1)


def each_batch(
    source: EngineTable, rows: Any, columns: Mapping[str, Any], work: Callable[[Batch], T]
) -> Iterator[tuple[Batch, T]]:
    """What `work` makes of every batch, in the order of the rows; threads work on several of them at a time."""
    threads = os.cpu_count() or 1
    waiting: deque[Future[tuple[Batch, T]]] = deque()

    def worked_on(record: Any) -> tuple[Batch, T]:
        batch = _batch(record)
        return batch, work(batch)

    with ThreadPoolExecutor(threads) as pool:
        for record in of_size(source.batches(rows.select(WHO, **columns), _ROWS), _ROWS):
            waiting.append(pool.submit(worked_on, record))
            if len(waiting) > threads * _WAITING:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def of_size(batches: Iterable[pa.RecordBatch], size: int) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of `size` rows, wherever those of the engine end: that depends on how it stored them."""
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    n = 0
    for batch in batches:
        held.append(batch)
        n += batch.num_rows
        while n >= size:
            table = pa.Table.from_batches(held)
            yield from table.slice(0, size).combine_chunks().to_batches()
            held, n = table.slice(size).to_batches(), n - size
    if n:
        yield from pa.Table.from_batches(held).combine_chunks().to_batches()


def _batch(record: Any) -> Batch:
    columns = {name: record.column(name).to_numpy(zero_copy_only=False) for name in record.schema.names}
    who = columns.pop(WHO)
    # A radix sort, where the numbers are short.
    order = np.argsort(who.astype(np.int16) if who.max() < np.iinfo(np.int16).max else who, kind="stable")
    ordered = who[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    place = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(who))))
    of_each = {name: column[order] for name, column in columns.items()}
    return Batch(place, starts, ordered[starts].astype(np.int64), of_each)
