"""Which rows are used, and whose they are: judged on the different values that occur, then joined to the rows.

The filter, blank ids and ids that stand for nobody follow the same code as in memory. It sees every combination of the
columns they need once, with the number of rows that have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from msgspec import Struct

from qa_reports.config import ReportConfig
from qa_reports.engine.repeats import find_repeats
from qa_reports.engine.tables import EngineTable
from qa_reports.engine.times import TimeColumns, with_times
from qa_reports.errors import DataError
from qa_reports.survey.clean import DroppedRows
from qa_reports.survey.columns import BoolArray, IntArray
from qa_reports.survey.interviewers import Interviewers, alike_notes, index_interviewers, interviewer_texts
from qa_reports.survey.joins import JoinRecord, join_file
from qa_reports.survey.load import FileProvenance, VariableLabels, columns_in_use, interviewers_join
from qa_reports.survey.nobody import find_nobody
from qa_reports.survey.pseudonyms import PseudonymKey, in_order_of_pseudonyms
from qa_reports.survey.readers import read_data_file
from qa_reports.survey.repeats import DELIVERED_TWICE, RepeatedIds
from qa_reports.survey.where import parse_where

if TYPE_CHECKING:
    import ibis.expr.types as ir

WHO = "qa_who"
"""Column with the position of each row's interviewer."""
_MOST_COMBINATIONS = 1_000_000
_LONGEST_LIST = 3_000
"""Numbers from the smallest to the largest id up to which an expression lists all of them: it has to be written out."""
_N = "qa_n"
_NO_LABELS = VariableLabels()


class People(Struct, frozen=True, eq=False):
    """The rows in use and their J interviewers."""

    rows: ir.Table
    """`WHO` and the columns that are summed and counted, computed once."""
    every: ir.Table
    """The same rows with every column in use, computed when asked for."""
    times: TimeColumns
    """Where lengths and moments stand among `rows`."""
    interviewers: Interviewers
    """`position` holds each of J interviewers once, `times` their interviews."""
    known: pd.DataFrame
    """(J,) what the interviewers' file says of them, one row each; no column without a file."""
    labels: dict[str, VariableLabels]
    dropped: tuple[DroppedRows, ...]
    joins: tuple[JoinRecord, ...]
    provenance: tuple[FileProvenance, ...]
    notes: tuple[str, ...]
    repeated_ids: RepeatedIds | None = None


def find_people(source: EngineTable, config: ReportConfig, folder: Path, key: PseudonymKey | None = None) -> People:
    """Select the rows in use, number their interviewers (in the order of their pseudonyms, with a key of these), and
    compute that once.

    Raises:
        DataError: no row is left; the interviewers' file does not fit.
    """
    table, dropped = _matching(source, config)
    numbered = _number(table, source, config, key, dropped)
    dropped, notes = [*dropped, *numbered.dropped], numbered.notes
    found = find_repeats(numbered.rows, int(numbered.ids[_N].sum()), WHO, numbered.people.ids, source, config)
    if found is not None and found.rows.size:
        dropped.append(DroppedRows(DELIVERED_TWICE, found.rows.size))
        again = source.lookup(pd.DataFrame({"qa_left_out": found.rows}), "qa_left_out")
        table = table.anti_join(again, table[source.row or ""] == again.qa_left_out)
        numbered = _number(table, source, config, key, dropped)
    ids, rows, listed, people = numbered.ids, numbered.rows, numbered.listed, numbered.people
    interviewers = Interviewers(people.ids, people.position, ids[_N].to_numpy(dtype=np.int64))
    known, labels, joins, provenance = _known(ids, source, config, folder)
    first = np.unique(people.position, return_index=True)[1]
    own = Interviewers(people.ids, np.arange(len(people.ids)), interviewers.counts(np.ones(len(ids), dtype=bool)))
    timed, times_at = with_times(rows, source, config)
    # Several threads keep the order of rows that are read from files and joined to nothing.
    in_order = listed and table is source.table and timed is rows
    columns = dict.fromkeys((WHO, *_counted_columns(config, rows.columns), *times_at.names))
    return People(
        rows=source.store(timed.select(*columns), "qa_rows", in_order=in_order),
        every=rows,
        times=times_at,
        interviewers=own,
        known=known.iloc[first].reset_index(drop=True),
        labels=labels,
        dropped=tuple(dropped),
        joins=joins,
        provenance=provenance,
        notes=(*notes, *alike_notes(own.ids)),
        repeated_ids=None if found is None else found.ids,
    )


class _Numbered(Struct, frozen=True, eq=False):
    """The rows whose interviewer is somebody, with the interviewer's position."""

    rows: ir.Table
    ids: pd.DataFrame
    """The different ids as delivered, and how many rows have each."""
    people: Interviewers
    """`position` (ids,)."""
    listed: bool
    """Whether positions come from a list, so that nothing is joined."""
    dropped: list[DroppedRows]
    notes: tuple[str, ...]


def _number(
    table: Any, source: EngineTable, config: ReportConfig, key: PseudonymKey | None, before: Sequence[DroppedRows]
) -> _Numbered:
    """Number the interviewers of these rows; `before`: what is not among them already."""
    names = list(config.data.interviewer)
    ids = source.frame(table.group_by(names).aggregate(**{_N: table.count()}))
    ids = ids.sort_values(names, ignore_index=True, key=lambda column: column.map(str))
    times = ids[_N].to_numpy(dtype=np.int64)
    used, dropped, notes = _with_interviewer(ids, times, source, config)
    if not used.any():
        said = ", ".join(f"{rows.n} {rows.reason}" for rows in (*before, *dropped))
        raise DataError(f"{source.name}: no interview is left; every row was dropped: {said}")
    ids = ids[used].reset_index(drop=True)
    people = index_interviewers(interviewer_texts(ids, config.data.interviewer))
    if key is not None:
        people = _in_order(people, in_order_of_pseudonyms(people.ids, key))
    # A list is quicker where DuckDB reads files; of tables another engine may be asked, which has other expressions.
    from_files = config.data.table is None
    rows = _listed(table, ids[names[0]], people.position) if from_files and len(names) == 1 else None
    listed = rows is not None
    if rows is None:
        numbered = pd.DataFrame({f"{WHO}_{k}": ids[name] for k, name in enumerate(names)})
        numbered[WHO] = people.position.astype(np.int32)
        lookup = source.lookup(numbered, "qa_people")
        rows = table.join(lookup, [table[name] == lookup[f"{WHO}_{k}"] for k, name in enumerate(names)])
        rows = rows.select(WHO, *table.columns)
    return _Numbered(rows, ids, people, listed, dropped, notes)


def _listed(table: Any, ids: pd.Series, position: IntArray) -> Any | None:
    """The rows of these interviewers by a list of their positions; None where ids are no numbers near to each other."""
    import ibis

    column = table[str(ids.name)]
    if not column.type().is_integer() or int(ids.max()) - int(ids.min()) >= _LONGEST_LIST:
        return None
    low, high = int(ids.min()), int(ids.max())
    places: list[int | None] = [None] * (high - low + 1)
    for one, place in zip(ids.tolist(), position.tolist(), strict=True):
        places[int(one) - low] = place
    own = ibis.literal(places, type="array<int32>")[column.cast("int64") - low]
    rows = table.select(column.between(low, high).ifelse(own, None).name(WHO), *table.columns)
    return rows.filter(rows[WHO].notnull())


def _in_order(people: Interviewers, order: IntArray) -> Interviewers:
    return Interviewers(tuple(people.ids[j] for j in order), np.argsort(order)[people.position])


def _counted_columns(config: ReportConfig, columns: Sequence[str]) -> list[str]:
    """Items, covariates, teams, and what indicators need beside them."""
    covariates = (*config.respondent_covariates, *config.interviewers.covariates)
    wanted = {config.data.team, *(item.name for item in config.items), *(one.name for one in covariates)}
    wanted |= {*(one.name for one in config.indicators.gates), *(one.name for one in config.indicators.numeric)}
    return [column for column in columns if column in wanted]


def _matching(source: EngineTable, config: ReportConfig) -> tuple[ir.Table, list[DroppedRows]]:
    """The rows that `where` selects."""
    table: Any = source.table
    if config.data.where is None:
        return table, []
    row_filter = parse_where(config.data.where)
    row_filter.matching(pd.DataFrame(columns=list(table.columns)), source.name)  # a missing column is said here
    columns = row_filter.columns
    combinations = table.group_by(columns).aggregate(**{_N: table.count()})
    if source.number(combinations.count()) > _MOST_COMBINATIONS:
        raise DataError(
            f"{source.name}: the columns of data.where have more than {_MOST_COMBINATIONS:,} different values; filter "
            "by columns that have fewer"
        )
    seen = source.frame(combinations)
    wanted = row_filter.matching(seen, source.name)
    n_out = int(seen.loc[~wanted, _N].sum())
    if not n_out:
        return table, []
    dropped = [DroppedRows(f"not selected by where: {config.data.where}", n_out)]
    kept = seen.loc[wanted, columns].reset_index(drop=True)
    if kept.empty:  # a table without rows says nothing of its types
        return table.limit(0), dropped
    lookup = source.lookup(kept.rename(columns={name: f"qa_{k}" for k, name in enumerate(columns)}), "qa_where")
    same = [table[name].identical_to(lookup[f"qa_{k}"]) for k, name in enumerate(columns)]
    return table.semi_join(lookup, same), dropped


def _with_interviewer(
    ids: pd.DataFrame, times: IntArray, source: EngineTable, config: ReportConfig
) -> tuple[BoolArray, list[DroppedRows], tuple[str, ...]]:
    """Which ids are somebody's; as `clean_survey` says it."""
    used, names = np.ones(len(ids), dtype=bool), config.data.interviewer
    dropped: list[DroppedRows] = []

    def drop(reason: str, unwanted: BoolArray) -> None:
        if (used & unwanted).any():
            dropped.append(DroppedRows(reason, int(times[used & unwanted].sum())))
            used[unwanted] = False

    drop(f"no interviewer id ({', '.join(names)} is blank)", interviewer_texts(ids, names) == "")
    notes: list[str] = []
    for name in names:
        labels = source.labels.get(name, _NO_LABELS)
        at = np.flatnonzero(used)
        nobody, kept = find_nobody(ids.loc[used, name], labels, config.interviewers.missing_codes, times[used])
        for found in nobody:
            unwanted = np.zeros(len(ids), dtype=bool)
            unwanted[at[found.cells]] = True
            drop(found.reason, unwanted)
        notes += [*(found.note for found in nobody if found.note is not None), *kept]
    return used, dropped, tuple(notes)


def _known(
    ids: pd.DataFrame, source: EngineTable, config: ReportConfig, folder: Path
) -> tuple[pd.DataFrame, dict[str, VariableLabels], tuple[JoinRecord, ...], tuple[FileProvenance, ...]]:
    """What the interviewers' file says of each of the ids."""
    bare = ids[list(config.data.interviewer)]
    if config.interviewers.file is None:
        return bare, {}, (), ()
    other = read_data_file(folder, config.interviewers.file, config.interviewers.read)
    wanted = interviewers_join(config.interviewers.file, config, bare)
    times = ids[_N].to_numpy(dtype=np.int64)
    joined, record = join_file(bare, other, wanted, columns_in_use(config), source.name, times)
    return joined, other.labels, (record,), (other.provenance,)
