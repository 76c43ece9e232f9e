"""The table of all effects has what results.json has, row by row."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from qa_reports.cli import main
from qa_reports.errors import ConfigError
from qa_reports.report.parquet import NUMBERS, TEXTS, require_parquet
from tests.small_wave import SmallWave

parquet = pytest.importorskip("pyarrow.parquet")


def test_the_table_has_every_effect_of_the_results(small_wave: SmallWave, tmp_path: Path) -> None:
    written = []
    for place in ("one", "two"):
        folder = tmp_path / place
        assert main([str(small_wave.config), "--formats", "json,parquet", "--output", str(folder), "--quiet"]) == 0
        written.append((folder / "effects.parquet").read_bytes())
    table = parquet.read_table(io.BytesIO(written[0]))
    rows = json.loads((tmp_path / "one" / "results.json").read_text())["effects"]

    assert written[0] == written[1]
    assert table.column_names == [*TEXTS, *NUMBERS, "fixed_change", "n_interviews"]
    assert table.to_pylist() == rows
    assert {row["term"] for row in rows} == {"intercept", "spread"}


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        ConfigError, match=r"needs pyarrow, which is not installed: pip install 'qa-reports\[parquet\]'"
    ):
        require_parquet()
