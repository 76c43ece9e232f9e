"""A table of a PostgreSQL server: the columns in use are read once, in batches, into DuckDB, which sums them up.

The password stands in an environment variable. It is given to the driver and to nothing else: it is in no message, no
result and no file.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from qa_reports.config import DataConfig
from qa_reports.errors import ConfigError, DataError

_BATCH = 100_000
"""Rows read at once."""
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
_PLAIN = ("is_numeric", "is_string", "is_boolean", "is_timestamp", "is_date", "is_time")
"""Types that are taken as they are."""


def copy_table(
    backend: Any,
    data: DataConfig,
    name: str,
    wanted: Callable[[Sequence[str]], Sequence[str]],
    says: Callable[[str], str],
) -> None:
    """Read the columns in use of `data.table` into a table of DuckDB.

    Args:
        backend: DuckDB by Ibis.
        data: connection, table, user and the name of the password's variable.
        name: of the new table.
        wanted: which of the columns are in use; raises where one is missing.
        says: the first line of what an error says.

    Raises:
        ConfigError: the variable is not set, or the connection is none.
        DataError: the server cannot be reached, or has no such table.
    """
    import ibis

    host, port, database = _address(data.connection or "")
    password = None
    if data.password_env is not None:
        password = os.environ.get(data.password_env)
        if not password:
            raise ConfigError(f"data.password_env: the environment variable {data.password_env} is not set")
    *schema, table_name = str(data.table).split(".")
    place = f"{data.table}: cannot be read from {host}"
    try:
        server = ibis.postgres.connect(
            host=host, port=port, user=data.user, password=password, database=database, **_encryption(host)
        )
        try:
            table = server.table(table_name, database=".".join(schema) or None)
            rows = table.select(**{column: _plain(table[column]) for column in wanted(list(table.columns))})
            if data.respondent in rows.columns:
                rows = rows.order_by(data.respondent)  # a server has no order of its own
            batches = rows.to_pyarrow_batches(chunk_size=_BATCH)
            backend.con.register(f"{name}_batches", batches)
            backend.raw_sql(f'CREATE TEMP TABLE "{name}" AS SELECT * FROM "{name}_batches"')  # noqa: S608, our own names
            backend.con.unregister(f"{name}_batches")
        finally:
            server.disconnect()
    except (ConfigError, DataError):
        raise
    except Exception as error:
        said = str(error).replace(password, "...") if password else str(error)
        hint = "; see docs/scale.md on encryption" if re.search(r"SSL|certificate", said) else ""
        raise DataError(f"{place} ({says(said)}){hint}") from None


def _address(connection: str) -> tuple[str, int, str]:
    """Host, port and database."""
    with contextlib.suppress(ValueError):
        at = urlsplit(connection)
        database = at.path.strip("/")
        if at.hostname and database and "/" not in database:
            return at.hostname, at.port or 5432, database
    raise ConfigError(f"data.connection: {connection!r} is incomplete; write postgres://HOST:PORT/DATABASE")


def _encryption(host: str) -> dict[str, str]:
    """Encrypted, with a verified certificate, where answers leave this machine and libpq is not told otherwise."""
    if host in _THIS_MACHINE or "PGSSLMODE" in os.environ:
        return {}
    authorities = {} if "PGSSLROOTCERT" in os.environ else {"sslrootcert": "system"}
    return {"sslmode": "verify-full", **authorities}


def _plain(column: Any) -> Any:
    """A column of a type that files have, too."""
    kind = column.type()
    if kind.is_decimal():
        return column.cast("float64")
    return column if any(getattr(kind, name)() for name in _PLAIN) else column.cast("string")
