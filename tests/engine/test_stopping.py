"""What the system ends leaves no answers behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("duckdb")
pytest.importorskip("ibis")

EXAMPLE = Path(__file__).parents[2] / "configs"
SECONDS = 60
"""Until a report has begun, or has ended, at most."""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_program_that_is_ended_leaves_no_folder_of_answers(tmp_path: Path, number: signal.Signals) -> None:
    (scratch := tmp_path / "scratch").mkdir()
    wave = Path(shutil.copytree(EXAMPLE, tmp_path / "wave"))
    config = (wave / "example.yaml").read_text(encoding="utf-8")
    (wave / "example.yaml").write_text(config.replace("\ndata:\n", "\ndata:\n  engine: duckdb\n", 1), encoding="utf-8")
    command = [sys.executable, "-c", "from qa_reports.cli import program; program()", "example.yaml", "--output", "out"]
    with subprocess.Popen(
        command,
        cwd=wave,
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as running:
        until = time.monotonic() + SECONDS
        while not any(scratch.glob("qa-report-*/*")) and time.monotonic() < until:
            time.sleep(0.02)
        assert any(scratch.glob("qa-report-*/*"))
        running.send_signal(number)
        _, told = running.communicate(timeout=SECONDS)
    assert running.returncode == 130, told
    assert told.splitlines()[-1] == "stopped"
    assert not list(scratch.iterdir())
    assert not (wave / "out").exists()
