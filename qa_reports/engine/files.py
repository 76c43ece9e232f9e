"""The files of a survey for DuckDB, which opens Parquet itself and is given what `text.py` reads of any other."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from qa_reports.config import ReportConfig
from qa_reports.engine.text import read_text_files
from qa_reports.errors import DataError
from qa_reports.survey.columns import did_you_mean
from qa_reports.survey.readers.delimited import sniff_delimiter
from qa_reports.survey.readers.recognise import kind_by_name

_BEGINNING = 100_000
"""Bytes of text that show what separates its cells, and how long its lines are."""


class Files(Struct, frozen=True):
    """What DuckDB is told of the files."""

    source: str
    """What DuckDB reads them from."""
    name: str
    """In messages."""
    opened: tuple[str, ...]
    """Which of them it opens itself."""
    maps: tuple[mmap.mmap, ...] = ()
    """What was read of text."""


def files_source(
    backend: Any, config: ReportConfig, folder: Path, scratch: str, wanted: Callable[[Sequence[str]], Sequence[str]]
) -> Files:
    """The files of a configuration for DuckDB: Parquet as it is, text read once.

    Args:
        backend: DuckDB by Ibis.
        config: names the files, and how text is split.
        folder: where they are.
        scratch: for what is read of text.
        wanted: which of the columns are in use; raises where one is missing.

    Raises:
        DataError: there is no such file, or it is no table.
    """
    for name in config.data.file:
        if not (folder / name).is_file():
            beside = [file.name for file in folder.iterdir()] if folder.is_dir() else []
            raise DataError(f"{name}: there is no such file in {folder.absolute()}{did_you_mean(name, beside)}")
    together = " + ".join(config.data.file)
    if kind_by_name(config.data.file[0]) == "parquet":
        paths = ", ".join(sql_text(str(folder / name)) for name in config.data.file)
        return Files(f"read_parquet([{paths}])", together, config.data.file)
    delimiter = config.data.read.delimiter or _delimiter(folder / config.data.file[0])
    files = [(name, folder / name) for name in config.data.file]

    table, maps = read_text_files(files, delimiter, wanted, Path(scratch))
    backend.con.register("qa_text", table)
    return Files('"qa_text"', together, (), maps)


def _delimiter(path: Path) -> str:
    with path.open("rb") as file:
        beginning = file.read(_BEGINNING).decode("utf-8", errors="replace")
    return sniff_delimiter(beginning.rsplit("\n", 1)[0])


def sql_text(value: str) -> str:
    """A text as DuckDB's SQL writes it."""
    return "'" + value.replace("'", "''") + "'"


def about_how_many(path: Path) -> float:
    """Rows of a Parquet file, which says how many, or of text, by the length of its first lines.

    0 where that cannot be told: whoever reads the file then says why.
    """
    if not path.is_file():
        return 0
    if kind_by_name(path.name) == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return int(pq.read_metadata(path).num_rows)
        except (pa.ArrowException, OSError):
            return 0
    with path.open("rb") as file:
        beginning = file.read(_BEGINNING)
    lines = beginning.count(b"\n")
    return path.stat().st_size * lines / len(beginning) if beginning else 0
