"""The survey as a table of an engine: Parquet and CSV files by DuckDB, tables of a database or of Spark."""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import re
import shutil
import tempfile
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
from msgspec import Struct, structs

from qa_reports.config import ReportConfig
from qa_reports.engine.files import about_how_many, files_source, sql_text
from qa_reports.engine.postgres import copy_table
from qa_reports.errors import ConfigError, DataError
from qa_reports.survey.codebook import describe_columns, read_codebook
from qa_reports.survey.columns import require_column
from qa_reports.survey.load import FileProvenance, VariableLabels, columns_in_use
from qa_reports.survey.readers.header import has_head
from qa_reports.survey.readers.recognise import kind_by_name

if TYPE_CHECKING:
    import ibis.expr.types as ir

EngineName = Literal["duckdb", "spark"]

MEMORY = "1GB"
"""What DuckDB may hold in memory; beyond it, it writes to a temporary folder."""
_MOST_IN_MEMORY = 500_000
"""Interviews beyond which files are left to DuckDB: with 22 items they take some 4 GB in memory."""
_SMALL = 2_000_000
"""Bytes of files that have not as many interviews, whatever they are."""
_HASHES = 2**31 - 1
"""Hashes are taken modulo this, so that a sum over billions of rows is exact."""
_ROW = "qa_row"


_Stamp = tuple[int, int, int]
"""Which file a path led to, its size and when it was last written to (nanoseconds)."""


class EngineTable(Struct, frozen=True, eq=False):
    """The rows as delivered, nothing read yet but what is said here."""

    engine: EngineName
    backend: Any
    """The Ibis backend."""
    table: ir.Table
    """The columns in use, and `row` from 0 where the engine knows the order."""
    row: str | None
    """Name of that column."""
    n_rows: int
    name: str
    """How messages call it."""
    provenance: tuple[FileProvenance, ...]
    labels: dict[str, VariableLabels]
    opened: tuple[tuple[Path, _Stamp], ...] = ()
    """The files that are read, as they were before."""
    maps: tuple[mmap.mmap, ...] = ()
    """What was read of files of text: memory that `let_go` frees."""
    notes: tuple[str, ...] = ()

    def require_unchanged(self) -> None:
        """The files are read more than once, so that what was counted and what was hashed must be the same.

        Raises:
            DataError: one of them was written to in the meantime.
        """
        changed = [path for path, stamp in self.opened if not path.is_file() or _stamp(path) != stamp]
        if changed:
            raise DataError(f"{changed[0].name}: has been changed while it was read; run it again once it is whole")

    def number(self, expression: Any) -> Any:
        """The value of an expression that is a single number, None where there is none."""
        with answering(self.name):
            return expression.to_pyarrow().as_py()

    def lookup(self, frame: pd.DataFrame, name: str) -> ir.Table:
        """A small table of the program's own, to join with."""
        if self.engine == "spark":
            self.backend._session.createDataFrame(frame).createOrReplaceTempView(name)
        else:
            self.backend.con.register(name, frame)
        return self.backend.table(name)

    def store(self, table: ir.Table, name: str, *, in_order: bool = False) -> ir.Table:
        """Compute a table once, for the many questions that follow, its rows always in the same order.

        `in_order`: several threads keep it, too.
        """
        with contextlib.nullcontext() if in_order else self._one_thread(), answering(self.name):
            return table.cache() if self.engine == "spark" else self.backend.create_table(name, table, temp=True)

    def view(self, table: ir.Table, name: str) -> ir.Table:
        """A table by name, so that what is computed of its columns names them, and does not repeat what they are."""
        if self.engine == "spark":
            return table.cache()
        self.backend.raw_sql(f'CREATE TEMP VIEW "{name}" AS {self.backend.compile(table)}')
        return self.backend.table(name)

    def drop(self, name: str) -> None:
        """Forget a table that was stored."""
        if self.engine == "duckdb":
            self.backend.raw_sql(f'DROP TABLE "{name}"')

    def batches(self, table: ir.Table, size: int) -> Iterator[Any]:
        """The rows of a table in their order, as Arrow batches of about `size` rows; DuckDB only."""
        with answering(self.name):
            relation = self.backend.con.sql(self.backend.compile(table))
            read = relation.to_arrow_reader if hasattr(relation, "to_arrow_reader") else relation.fetch_arrow_reader
            yield from read(size)

    def frame(self, expression: ir.Table, *, ordered: bool = False) -> pd.DataFrame:
        """The rows of an expression. `ordered`: sums of numbers that are not whole, always in the same order."""
        with self._one_thread() if ordered else contextlib.nullcontext(), answering(self.name):
            return pd.DataFrame(expression.to_pyarrow().to_pandas())

    @contextlib.contextmanager
    def _one_thread(self) -> Iterator[None]:
        """Keep DuckDB from doing what comes first in no certain order, and joins from turning tables round.

        A join keeps the order of its left table as long as it looks rows up in the right one; before 2.0 DuckDB does it
        the other way round where it thinks that the right one is larger.
        """
        if self.engine != "duckdb":
            yield
            return
        self.backend.raw_sql("SET threads = 1")
        self.backend.raw_sql("SET disabled_optimizers = 'build_side_probe_side'")
        try:
            yield
        finally:
            self.backend.raw_sql("RESET threads")
            self.backend.raw_sql("RESET disabled_optimizers")


@contextlib.contextmanager
def answering(name: str) -> Iterator[None]:
    """Turn what an engine says of the data into one line; anything else is a mistake of the program."""
    try:
        yield
    except Exception as error:
        if type(error).__module__.split(".")[0] not in ("duckdb", "_duckdb", "pyspark"):
            raise
        raise DataError(f"{name}: cannot be read ({_first_line(error)})") from None


def wants_engine(config: ReportConfig, folder: Path) -> bool:
    """Whether an engine is asked for, or the files are so large that it is better.

    Raises:
        ConfigError: an engine is asked for, and the configuration has something that only works in memory.
    """
    data = config.data
    if data.engine == "memory":
        return False
    obstacle = _obstacle(config)
    if data.table is not None or data.engine == "duckdb":
        if obstacle is not None:
            raise ConfigError(f"data: {obstacle}; an engine cannot do this, see docs/scale.md")
        return True
    files = [folder / name for name in data.file]
    if obstacle is not None or sum(_size(file) for file in files) < _SMALL:
        return False
    return _installed("duckdb") and _installed("ibis") and sum(map(about_how_many, files)) > _MOST_IN_MEMORY


def _obstacle(config: ReportConfig) -> str | None:
    """What of the configuration an engine cannot do."""
    data = config.data
    if data.join:
        return "join: is for files that are read into memory"
    if config.indicators.back_check is not None:
        return "indicators.back_check: is for files that are read into memory"
    unreadable = [name for name in data.file if kind_by_name(name) not in ("text", "parquet")]
    if unreadable:
        return f"file: {unreadable[0]} is neither a .csv nor a .parquet file as they are"
    if has_head(data.read):
        return "read: names_row, labels_row and first_row are for files that are read into memory"
    if data.read.encoding is not None or data.read.decimal == ",":
        return "read: an encoding other than UTF-8 or a decimal comma is for files that are read into memory"
    return None


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _installed(package: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(package) is not None


def open_table(config: ReportConfig, folder: Path) -> EngineTable:
    """Open the survey's files or table; only its columns and the number of its rows are looked at.

    Raises:
        DataError: there is no such file or table, or it lacks a column in use.
        ConfigError: the connection is none, or what it needs is not installed.
    """
    connection = config.data.connection or ""
    files = [folder / name for name in config.data.file if (folder / name).is_file()]
    opened = tuple((path, _stamp(path)) for path in files)
    maps: tuple[mmap.mmap, ...] = ()
    if config.data.table is not None and connection.startswith("spark"):
        engine: EngineName = "spark"
        backend, table, name = _spark_table(connection, config.data.table, folder)
        row = None
    else:
        engine, row = "duckdb", _ROW
        backend, scratch = _duckdb()
        allowed: Sequence[str] = ()
        wanted = partial(_in_use, config, name=config.data.table or " + ".join(config.data.file))
        if config.data.table is None:
            source, name, allowed, maps = structs.astuple(files_source(backend, config, folder, scratch, wanted))
        elif connection.startswith("postgres:"):
            source, name = _postgres_source(backend, config, wanted), config.data.table
        else:
            source, name = _database_source(backend, connection, config.data.table, folder), config.data.table
            allowed = (connection.partition(":")[2],)
        _close_off(backend, [str(folder / path) for path in allowed], scratch)
        table = _numbered(backend, source, name)
    labels: dict[str, VariableLabels] = {}
    provenance: tuple[FileProvenance, ...] = ()
    notes: tuple[str, ...] = ()
    columns = [str(column) for column in table.columns if column != row]
    if config.data.codebook is not None:
        codebook = read_codebook(folder, config.data.codebook)
        labels, provenance = describe_columns({}, codebook, columns), (codebook.provenance,)
        notes = codebook.notes
    used = [column for column in columns if column in columns_in_use(config)]
    _require_columns(config, columns, name)
    table = table.select(*([row] if row else []), *used)
    with answering(name):
        n_rows = int(table.count().to_pyarrow().as_py())
    if not n_rows:
        raise DataError(f"{name}: holds no rows")
    own = _provenance(config, folder, table, used, n_rows)
    return EngineTable(engine, backend, table, row, n_rows, name, (*own, *provenance), labels, opened, maps, notes)


def _stamp(path: Path) -> _Stamp:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _duckdb() -> tuple[Any, str]:
    """DuckDB in memory, and the folder for what does not fit, which is removed with it."""
    _require("duckdb", "scale")
    import ibis

    scratch = tempfile.mkdtemp(prefix="qa-report-")
    backend = ibis.duckdb.connect(temp_directory=scratch, memory_limit=MEMORY)
    weakref.finalize(backend, shutil.rmtree, scratch, ignore_errors=True)
    backend.raw_sql("SET enable_progress_bar = false")
    return backend, scratch


def _close_off(backend: Any, paths: Sequence[str], scratch: str) -> None:
    """Let DuckDB open these files and no others: a view in a database from the field may name any file or address."""
    backend.raw_sql("SET autoinstall_known_extensions = false")
    backend.raw_sql("SET autoload_known_extensions = false")
    backend.raw_sql(f"SET allowed_paths = [{', '.join(map(sql_text, paths))}]")
    backend.raw_sql(f"SET allowed_directories = [{sql_text(scratch)}]")
    backend.raw_sql("SET enable_external_access = false")


def _require(package: str, extra: str) -> None:
    missing = [name for name in (package, "ibis") if not _installed(name)]
    if missing:
        raise ConfigError(
            f"data: needs {' and '.join(missing)}, which is not installed: pip install 'qa-reports[{extra}]'"
        )


def _database_source(backend: Any, connection: str, table: str, folder: Path) -> str:
    kind, _, path = connection.partition(":")
    if kind != "duckdb" or not path:
        raise ConfigError(
            f"data.connection: {connection!r} is no connection; write duckdb:FILE, postgres://HOST/DATABASE, "
            "spark:local[2] or spark://HOST:PORT"
        )
    if not (folder / path).is_file():
        raise DataError(f"{path}: there is no such database in {folder}")
    try:
        backend.raw_sql(f"ATTACH {sql_text(str(folder / path))} AS survey (READ_ONLY)")
    except Exception as error:
        raise DataError(f"{path}: cannot be opened as a DuckDB database ({_first_line(error)})") from None
    quoted = ".".join('"' + part.replace('"', '""') + '"' for part in table.split("."))
    return f"survey.{quoted}"


def _in_use(config: ReportConfig, columns: Sequence[str], name: str) -> list[str]:
    _require_columns(config, columns, name)
    return [column for column in columns if column in columns_in_use(config)]


def _postgres_source(backend: Any, config: ReportConfig, wanted: Callable[[Sequence[str]], Sequence[str]]) -> str:
    """DuckDB's copy of the table's columns in use."""
    _require("psycopg", "postgres")
    copy_table(backend, config.data, "qa_copy", wanted, _first_line)
    return '"qa_copy"'


def _numbered(backend: Any, source: str, name: str) -> ir.Table:
    """All columns, and the number of each row, in the order of the source."""
    try:
        select = f'SELECT row_number() OVER () - 1 AS "{_ROW}", * FROM {source}'  # noqa: S608, quoted where it was made
        backend.raw_sql(f"CREATE TEMP VIEW survey_rows AS {select}")
        return backend.table("survey_rows")
    except Exception as error:
        raise DataError(f"{name}: cannot be read ({_first_line(error)})") from None


def _first_line(error: Exception | str) -> str:
    return re.sub(r"\s+", " ", str(error).strip().split("\n\n")[0])[:200]


def _spark_table(connection: str, table: str, folder: Path) -> tuple[Any, ir.Table, str]:
    _require("pyspark", "spark")
    import ibis
    from pyspark.sql import SparkSession

    master = connection.removeprefix("spark:") if not connection.startswith("spark://") else connection
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            builder = SparkSession.builder.appName("qa-report").config("spark.ui.enabled", "false")
            if master.startswith("local"):
                builder = builder.config("spark.sql.shuffle.partitions", "4")
            session = builder.master(master or "local[*]").getOrCreate()
            session.sparkContext.setLogLevel("ERROR")
            backend = ibis.pyspark.connect(session)
            path = folder / table
            if path.exists():
                return backend, backend.read_parquet(str(path)), table
            return backend, backend.table(table), table
    except Exception as error:
        raise DataError(f"{table}: cannot be read through {connection} ({_first_line(error)})") from None


def _require_columns(config: ReportConfig, columns: Sequence[str], name: str) -> None:
    """Raise what `clean_survey` would say of a missing column, before anything is computed."""
    empty = pd.DataFrame(columns=list(columns))
    options, duration = config.data, config.data.duration
    wanted = [(one, "data.interviewer") for one in options.interviewer]
    wanted += [(item.name, "items") for item in config.items]
    wanted += [(covariate.name, "respondent_covariates") for covariate in config.respondent_covariates]
    if config.interviewers.file is None:
        wanted += [(covariate.name, "interviewers.covariates") for covariate in config.interviewers.covariates]
    single = [(options.respondent, "data.respondent"), (options.weight, "data.weight"), (options.area, "data.area")]
    single += [(options.team, "data.team")]
    if duration is not None:
        single += [(part, "data.duration") for part in (duration.minutes, duration.start, duration.end)]
    for column, key in (*wanted, *single):
        if column is not None:
            require_column(empty, column, key, name)


def _provenance(
    config: ReportConfig, folder: Path, table: ir.Table, used: Sequence[str], n_rows: int
) -> tuple[FileProvenance, ...]:
    """The files with their SHA-256; of a table, a digest of the columns in use whatever the order of its rows."""
    if config.data.table is None:
        rows = n_rows if len(config.data.file) == 1 else 0
        return tuple(FileProvenance(name, _sha256(folder / name), rows) for name in config.data.file)
    hashes = table.aggregate(
        **{f"h{k}": (table[column].hash() % _HASHES).cast("int64").sum() for k, column in enumerate(used)}
    )
    said = [n_rows, *used, *hashes.to_pyarrow().to_pylist()[0].values()]
    return (FileProvenance(config.data.table, hashlib.sha256(repr(said).encode()).hexdigest(), n_rows),)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
