"""Files of text, read once: numbers as numbers of as few bytes as they need, other texts by their different values.

DuckDB would take sixteen bytes for every cell of text, and read the file anew for every question. Arrow splits the
cells, and what they are is judged as it is in memory (`survey/readers/delimited.py`): a column is one of numbers where
each of its different texts writes one, and nothing is lost by it. What is read is kept in files beside DuckDB's own,
which are mapped into memory as it is asked for.
"""

from __future__ import annotations

import csv
import io
import mmap
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

from qa_reports.engine.text_columns import TEXTS, TextColumn
from qa_reports.errors import DataError
from qa_reports.survey.readers.delimited import DECIMAL_POINT, parse_cells
from qa_reports.survey.readers.delivered import column_names

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK = 2**22
"""Bytes of text that are split at once."""
_HEADER = 2**20
"""Bytes within which the header ends."""
_DECIMAL = r"^-?(0|[1-9][0-9]{0,14})(\.[0-9]+)?$"
"""How numbers are written in a column of so many that not all of its different texts are looked at."""


class _Header(Struct, frozen=True):
    name: str
    """How messages call the file."""
    path: Path
    columns: list[str]
    lines: int
    """Lines before the first row; 0 where there is no row."""


def read_text_files(
    files: Sequence[tuple[str, Path]],
    delimiter: str,
    wanted: Callable[[Sequence[str]], Sequence[str]],
    scratch: Path,
) -> tuple[pa.Table, tuple[mmap.mmap, ...]]:
    """Read the columns in use of files that are split alike, the rows of each behind those of the one before.

    Args:
        files: name in messages, and path.
        delimiter: between cells.
        wanted: which of the columns are in use; raises where one is missing.
        scratch: a folder for what is read, which has to stay as long as the table is used.

    Returns:
        The table, and the maps that it stands in.

    Raises:
        DataError: a file is no table of text in UTF-8, or lacks a column in use.
    """
    headers = [_header(name, path, delimiter) for name, path in files]
    for header in headers:
        _require_closed_quotes(header, delimiter)
    used = wanted(headers[0].columns)
    for header in headers:
        if lacking := [column for column in used if column not in header.columns]:
            raise DataError(f'{header.name}: has no column "{lacking[0]}", which another file of data.file has')
    told = {column: TextColumn() for column in used}
    kept: dict[str, pa.ChunkedArray] = {}
    left, maps = list(told), list[mmap.mmap]()
    while left:
        of = {column: told[column] for column in left}
        table = _pass(headers, delimiter, of, scratch / f"text{len(kept)}.arrow", maps)
        kept |= {column: table[column] for column in left if not told[column].again}
        left = [column for column in left if told[column].again]
    in_order = {column: kept[column] for column in told}
    return _decoded(in_order, told, delimiter, scratch / "numbers.arrow", maps), tuple(maps)


def let_go(maps: Iterable[mmap.mmap]) -> None:
    """Free the memory of what is mapped; it is read again where it is asked for."""
    for mapped in maps:
        if hasattr(mmap, "MADV_DONTNEED"):  # not on every system
            mapped.madvise(mmap.MADV_DONTNEED)


def _header(name: str, path: Path, delimiter: str) -> _Header:
    with path.open("rb") as file:
        start = file.read(_HEADER)
    rows = csv.reader(io.StringIO(start.decode("utf-8-sig", errors="replace"), newline=""), delimiter=delimiter)
    try:
        columns = column_names(next((row for row in rows if row), []), name)
        lines = rows.line_num
        bare = len(start) < _HEADER and not any(map(any, rows))
    except csv.Error as error:
        raise DataError(f"{name}: cannot be read ({error}); a quote may not be closed") from None
    return _Header(name, path, columns, 0 if bare else lines)


def _require_closed_quotes(header: _Header, delimiter: str) -> None:
    """Arrow takes all that follows an open quote for one cell, so that rows would be lost without a word."""
    with header.path.open("rb") as file:
        quotes = sum(block.count(b'"') for block in iter(lambda: file.read(_BLOCK), b""))
    if quotes % 2 == 0:
        return
    with header.path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            for _ in rows:
                pass
        except csv.Error as error:
            raise DataError(
                f"{header.name}: cannot be read (line {rows.line_num}: {error}); a quote may not be closed"
            ) from None


def _pass(
    headers: Sequence[_Header], delimiter: str, told: Mapping[str, TextColumn], to: Path, maps: list[mmap.mmap]
) -> pa.Table:
    """Go through the files once, and keep these columns in a file."""
    import pyarrow as pa

    for column in told.values():
        column.begin()
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:

        def batches() -> Iterator[pa.RecordBatch]:
            for header in headers:
                for batch in _batches(header, delimiter, list(told)):
                    kept = pool.map(lambda column, cells: column.take(cells), told.values(), batch.columns)
                    yield pa.record_batch(list(kept), names=list(told))

        table = _written(batches(), list(told), to, maps)
    for column in told.values():
        column.end()
    return table


def _batches(header: _Header, delimiter: str, wanted: list[str]) -> Iterator[pa.RecordBatch]:
    """The cells of these columns as text, null where empty."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    if not header.lines:
        return
    try:
        yield from arrow_csv.open_csv(
            str(header.path),
            read_options=arrow_csv.ReadOptions(block_size=_BLOCK, column_names=header.columns, skip_rows=header.lines),
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=wanted,
                column_types=dict.fromkeys(wanted, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        said = re.sub(r"\s+", " ", str(error))
        shape = re.match(r".*?got \d+", said)  # what follows is the row itself
        raise DataError(f"{header.name}: cannot be read ({shape.group() if shape else said[:200]})") from None


def _written(batches: Iterator[pa.RecordBatch], names: list[str], to: Path, maps: list[mmap.mmap]) -> pa.Table:
    """The table of some batches, in a file that is mapped into memory; `maps` takes in the map."""
    import pyarrow as pa

    first = next(batches, None)
    schema = pa.schema([(name, pa.int8()) for name in names]) if first is None else first.schema
    with pa.OSFile(str(to), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        if first is not None:
            writer.write_batch(first)
        for batch in batches:
            writer.write_batch(batch)
    with to.open("rb") as file:
        maps.append(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    return pa.ipc.open_file(pa.py_buffer(maps[-1])).read_all()


def _decoded(
    kept: Mapping[str, pa.ChunkedArray],
    told: Mapping[str, TextColumn],
    delimiter: str,
    to: Path,
    maps: list[mmap.mmap],
) -> pa.Table:
    """The table, columns whose texts all write numbers as numbers, others as their texts."""
    import pyarrow as pa

    comma = _decimal_comma(told, delimiter)
    table = pa.table(dict(kept))
    numbers, texts = {}, {}
    for name, column in told.items():
        if column.kept == TEXTS:
            parsed = parse_cells([text.strip() for text in column.texts], comma, decimal_point=True)
            if parsed is None:
                texts[name] = pa.array([*column.texts], pa.string())
            else:
                numbers[name] = _smallest(np.array(parsed))
        elif column.kept is not None and column.type == pa.string() and _all_decimal(table[name]):
            numbers[name] = None
    if numbers:

        def batches() -> Iterator[pa.RecordBatch]:
            for batch in table.select(list(numbers)).to_batches():
                made = [
                    cells.cast(pa.float64()) if values is None else values.take(cells)
                    for cells, values in zip(batch.columns, numbers.values(), strict=True)
                ]
                yield pa.record_batch(made, names=list(numbers))

        decoded = _written(batches(), list(numbers), to, maps)
        for name in numbers:
            table = table.set_column(table.column_names.index(name), name, decoded[name])
    for name, values in texts.items():
        chunks = [pa.DictionaryArray.from_arrays(cells, values) for cells in table[name].chunks]
        column_type = pa.dictionary(pa.int32(), pa.string())
        table = table.set_column(table.column_names.index(name), name, pa.chunked_array(chunks, column_type))
    return table


def _smallest(values: np.ndarray[Any, np.dtype[np.float64]]) -> pa.Array:
    """(v,) numbers as few bytes hold them, null where NaN."""
    import pyarrow as pa

    known = values[np.isfinite(values)]
    if (known == np.rint(known)).all() and (np.abs(known) < 2**31).all():
        kind = np.result_type(*(np.min_scalar_type(-int(abs(value)) - 1) for value in (known.min(), known.max())))
        return pa.array(np.nan_to_num(values).astype(kind), mask=np.isnan(values))
    return pa.array(values, mask=np.isnan(values))


def _all_decimal(column: pa.ChunkedArray) -> bool:
    import pyarrow.compute as pc

    return all(pc.all(pc.match_substring_regex(cells, _DECIMAL)).as_py() is not False for cells in column.chunks)


def _decimal_comma(told: Mapping[str, TextColumn], delimiter: str) -> bool:
    """Whether `0,5` is a number: where semicolons separate, and where tabs or bars do and no column has `0.5`."""
    if delimiter in ",;":
        return delimiter == ";"
    return not any(
        any(DECIMAL_POINT.fullmatch(text.strip()) for text in column.texts)
        and parse_cells([text.strip() for text in column.texts], decimal_comma=False, decimal_point=True) is not None
        for column in told.values()
    )
