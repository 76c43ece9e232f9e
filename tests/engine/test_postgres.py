"""A table of a PostgreSQL server gives what the same file gives, and its password is told to nobody."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from msgspec import structs

from qa_reports.errors import ConfigError, DataError
from tests.engine.test_engine import EXAMPLE, differences, example_config, in_engine, in_memory

pytest.importorskip("psycopg")
pytest.importorskip("duckdb")

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PROGRAMS, reason="no PostgreSQL server is installed (Debian: postgresql)"),
    pytest.mark.skipif(
        os.geteuid() == 0 and shutil.which("runuser") is None, reason="PostgreSQL does not run as root, and no runuser"
    ),
]
PASSWORD = secrets.token_urlsafe(12)
VARIABLE = "QA_TEST_DB_PASSWORD"


def run(*command: str, **options: Any) -> None:
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*prefix, str(PROGRAMS[-1] / command[0]), *command[1:]], check=True, capture_output=True, **options)


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    """The port of a server of its own, with the example wave in field.wave."""
    import psycopg

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="qa-pg-") as place:
        folder = Path(place)
        (folder / "password").write_text(PASSWORD)
        for path in (folder, folder / "password"):
            path.chmod(0o755)
            if os.geteuid() == 0:
                shutil.chown(path, "postgres")
        run("initdb", "-D", f"{place}/data", "-U", "qa", "-A", "scram-sha-256", f"--pwfile={place}/password", cwd=place)
        options = f"-p {port} -c listen_addresses=127.0.0.1 -k {place} -F"
        run("pg_ctl", "-D", f"{place}/data", "-o", options, "-l", f"{place}/log", "-w", "start", cwd=place)
        try:
            table = pd.read_csv(EXAMPLE / "example_wave.csv")
            kinds = {"i": "integer", "f": "numeric"}
            columns = ", ".join(f'"{name}" {kinds.get(dtype.kind, "text")}' for name, dtype in table.dtypes.items())
            where = f"host=127.0.0.1 port={port} user=qa dbname=postgres password={PASSWORD}"
            with psycopg.connect(where) as connection, connection.cursor() as cursor:
                cursor.execute("CREATE SCHEMA field")
                cursor.execute(f"CREATE TABLE field.wave ({columns})")  # type: ignore[arg-type]
                with cursor.copy("COPY field.wave FROM STDIN WITH (FORMAT csv, HEADER)") as copy:
                    copy.write((EXAMPLE / "example_wave.csv").read_text())
            yield port
        finally:
            run("pg_ctl", "-D", f"{place}/data", "-m", "immediate", "stop", cwd=place)


def of_server(folder: Path, port: int, **changes: Any) -> Path:
    connection = f"postgres://127.0.0.1:{port}/postgres"
    named = {"file": None, "table": "field.wave", "connection": connection, "user": "qa", "password_env": VARIABLE}
    return example_config(folder, **(named | changes))


def test_a_server_gives_what_the_file_gives(tmp_path: Path, server: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, PASSWORD)
    where = {"where": "age >= 30"}
    memory, _ = in_memory(example_config(tmp_path, **where))
    engine, _ = in_engine(of_server(tmp_path, server, **where))

    assert len(engine.respondents) == engine.n_interviews == memory.n_interviews
    logs = (structs.replace(survey.log, joins=(), notes=(), descriptives=()) for survey in (memory, engine))
    assert list(differences(*logs)) == []
    for item in memory.items:
        assert list(differences(memory.answer_counts(item.name), engine.answer_counts(item.name))) == []
    assert PASSWORD not in repr(engine.provenance)


@pytest.mark.parametrize(
    ("changes", "value", "said"),
    [
        ({}, "wrong-word", r"^field.wave: cannot be read from 127.0.0.1 \(.*authentication failed"),
        ({"table": "field.none"}, PASSWORD, r"field.none: cannot be read from 127.0.0.1 \("),
        ({"interviewer": "intnumm"}, PASSWORD, 'has no column "intnumm"'),
    ],
    ids=["wrong password", "no such table", "no such column"],
)
def test_what_is_wrong_is_one_line_without_the_password(
    tmp_path: Path, server: int, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], value: str, said: str
) -> None:
    monkeypatch.setenv(VARIABLE, value)
    with pytest.raises(DataError, match=said) as raised:
        in_engine(of_server(tmp_path, server, **changes))
    assert "\n" not in str(raised.value)
    assert value not in str(raised.value)


def test_a_password_that_is_not_set_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(ConfigError, match=f"the environment variable {VARIABLE} is not set"):
        in_engine(of_server(tmp_path, 1))


@pytest.mark.parametrize(
    "connection", ["postgres://[half/db", "postgres://host:port/db", "postgres://host", "postgres:db"]
)
def test_an_address_that_is_none(tmp_path: Path, connection: str) -> None:
    with pytest.raises(ConfigError, match=r"is incomplete; write postgres://HOST:PORT/DATABASE"):
        in_engine(of_server(tmp_path, 1, connection=connection, password_env=None))


def test_answers_leave_this_machine_encrypted_or_not_at_all(
    tmp_path: Path, server: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """127.1 is the same server by a name that may be of any machine; it has no certificate."""
    monkeypatch.setenv(VARIABLE, PASSWORD)
    path = of_server(tmp_path, server, connection=f"postgres://127.1:{server}/postgres")
    with pytest.raises(DataError, match=r"SSL was required.*; see docs/scale.md on encryption"):
        in_engine(path)
    monkeypatch.setenv("PGSSLMODE", "disable")
    assert in_engine(path)[0].n_interviews > 0


def test_a_password_is_taken_out_before_anything_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ibis

    secret = "two  blanks, and long"

    def fail(**_: object) -> None:
        raise RuntimeError(f"{'x' * 190}{secret}\n\nmore")

    monkeypatch.setenv(VARIABLE, secret)
    monkeypatch.setattr(ibis.postgres, "connect", fail)
    with pytest.raises(DataError) as raised:
        in_engine(of_server(tmp_path, 1))
    assert str(raised.value).endswith(f"({'x' * 190}...)")
