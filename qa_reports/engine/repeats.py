"""Respondent ids that stand in a large survey more than once: only the rows that have one are looked at.

Ids are held against each other in one pass over their column, as digests of eight bytes. Where any repeats, the rows
that have it are read and judged by the same code as in memory (`survey/repeats.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from msgspec import Struct

from qa_reports.config import ReportConfig
from qa_reports.engine.tables import EngineTable
from qa_reports.survey.columns import BoolArray, IntArray, as_text
from qa_reports.survey.repeats import RepeatedIds, digests, judge_repeats, repeated, too_many

if TYPE_CHECKING:
    import ibis.expr.types as ir

_MOST_ROWS = 2_000_000
"""Rows with a repeated id that are held against each other at most: their ids and digests take 200 MB."""
_BATCH = 65_536
_DIGESTS = 2**62
"""So that a digest fits into a number with a sign."""


class Found(Struct, frozen=True, eq=False):
    """Repeated ids, and the rows to be left out."""

    ids: RepeatedIds
    rows: IntArray
    """Numbers of rows, as the engine has them."""


def find_repeats(
    rows: ir.Table, n_rows: int, who: str, interviewers: tuple[str, ...], source: EngineTable, config: ReportConfig
) -> Found | None:
    """Look for respondent ids that stand with several rows; None where there are none, or rows have no numbers.

    Args:
        rows: the rows in use, `who` the column with the position of their interviewer among `interviewers`.
        n_rows: how many.
        who: its name.
        interviewers: ids.
        source: where the rows are.
        config: names the columns.
    """
    name = config.data.respondent
    if name is None or source.row is None or not (again := _repeated_digests(rows, name, source)).size:
        return None
    lookup = source.lookup(pd.DataFrame({"qa_again": again}), "qa_again")
    hashed = rows.mutate(qa_digest=_digest(rows[name]))
    some = hashed.semi_join(lookup, [hashed.qa_digest == lookup.qa_again]).drop("qa_digest")
    if source.number(some.count()) > _MOST_ROWS:
        table = source.frame(some.select(name, who, source.row)).sort_values(source.row)
        ids = as_text(table[name])
        return Found(too_many(name, ids, _names(table, who, interviewers)), np.zeros(0, dtype=np.int64))
    return _judged(some, n_rows, name, who, interviewers, source, config)


def _digest(ids: Any) -> Any:
    """Whole numbers are their own digests."""
    whole = ids.type().is_integer() and not ids.type().is_unsigned_integer()
    return ids.cast("int64") if whole else (ids.hash() % _DIGESTS).cast("int64")


def _repeated_digests(rows: ir.Table, name: str, source: EngineTable) -> IntArray:
    """Digests of ids that stand with more than one row."""
    known = rows.filter(rows[name].notnull())
    parts = [
        batch.column("d").to_numpy(zero_copy_only=False)
        for batch in source.batches(known.select(d=_digest(known[name])), _BATCH)
    ]
    if not parts:
        return np.zeros(0, dtype=np.int64)
    ordered = np.concatenate(parts)
    ordered.sort()
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


def _judged(
    some: ir.Table,
    n_rows: int,
    name: str,
    who: str,
    interviewers: tuple[str, ...],
    source: EngineTable,
    config: ReportConfig,
) -> Found | None:
    """Read the rows with a repeated id batch by batch, of which nothing but digests is kept."""
    items = [item.name for item in config.items]
    columns = [column for column in some.columns if column not in (name, who, source.row)]
    kept = []
    for batch in source.batches(some, _BATCH):
        own = (name, who, source.row)
        table = pd.DataFrame(
            {column: _values(batch.column(column), as_it_is=column in own) for column in batch.schema.names}
        )
        digest = {"whole": digests(table, columns), "answers": digests(table, items)}
        answered = table[items].notna().any(axis=1)
        kept.append(table[[name, who, source.row]].assign(**digest, answered=answered))
    table = pd.concat(kept).sort_values(str(source.row), ignore_index=True)
    ids = as_text(table[name])
    again = repeated(ids)
    if not again.any():
        return None
    table, ids = table[again], ids[again]
    whole, answers = (table[key].to_numpy(dtype=np.uint64) for key in ("whole", "answers"))
    answered_rows: BoolArray = table["answered"].to_numpy(dtype=bool)
    found, same = judge_repeats(name, ids, _names(table, who, interviewers), whole, answers, answered_rows, n_rows)
    return Found(found, table[str(source.row)].to_numpy(dtype=np.int64)[same])


def _names(table: pd.DataFrame, who: str, interviewers: tuple[str, ...]) -> Any:
    return np.array(interviewers, dtype=object)[table[who].to_numpy(dtype=np.int64)]


def _values(column: Any, *, as_it_is: bool) -> Any:
    """Cells of which equal ones are equal in every batch, whether or not others are missing."""
    import pyarrow as pa

    if as_it_is or not pa.types.is_integer(column.type):
        return column.to_pandas()
    return column.to_numpy(zero_copy_only=False).astype(np.float64)
