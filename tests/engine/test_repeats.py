"""Interviews that a large file holds twice: what DuckDB finds is what is found in memory."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from qa_reports.engine import repeats
from qa_reports.survey.clean import DroppedRows
from qa_reports.survey.repeats import DELIVERED_TWICE
from tests.engine.test_engine import EXAMPLE, differences, example_config, in_engine, in_memory

pytest.importorskip("duckdb")
pytest.importorskip("ibis")


def wave(folder: Path, kind: str, *, text_ids: bool = False) -> Path:
    """The example wave with ten interviews again, three of them again with another age, two with other answers."""
    table = pd.read_csv(EXAMPLE / "example_wave.csv")
    config = example_config(folder)
    name = "idno"
    again = table.iloc[100:110]
    older = table.iloc[200:203].assign(age=lambda rows: rows.age + 1)
    others = table.iloc[300:302].assign(pplhlp=lambda rows: (rows.pplhlp + 1) % 10)
    table = pd.concat([table, again, again.iloc[:1], older, others], ignore_index=True)
    if text_ids:
        table[name] = "R" + table[name].astype(str)
    file = folder / f"twice.{kind}"
    table.to_csv(file, index=False) if kind == "csv" else table.to_parquet(file)
    path = folder / f"{kind}{text_ids}.yaml"
    path.write_text(config.read_text().replace(str(EXAMPLE / "example_wave.csv"), str(file)))
    return path


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("text_ids", [False, True])
def test_the_engine_leaves_out_what_is_left_out_in_memory(tmp_path: Path, kind: str, text_ids: bool) -> None:
    path = wave(tmp_path, kind, text_ids=text_ids)
    memory, _ = in_memory(path)
    engine, _ = in_engine(path)

    assert DroppedRows(DELIVERED_TWICE, 11) in engine.log.dropped
    found = engine.log.repeated_ids
    assert found is not None
    assert (found.left_out.n, found.counted_twice.n, found.others.n) == (11, 3, 2)
    assert list(differences(memory.log.repeated_ids, found)) == []
    assert memory.log.dropped == engine.log.dropped
    assert memory.log.rows_used == engine.log.rows_used == engine.n_interviews
    assert memory.respondents == engine.respondents
    assert memory.log.items == engine.log.items
    assert memory.workload.tolist() == engine.workload.tolist()


def test_too_many_repeats_are_counted_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "_MOST_ROWS", 5)
    engine, _ = in_engine(wave(tmp_path, "parquet"))

    found = engine.log.delivered_twice
    assert found is not None
    assert (found.compared, found.left_out.n, found.others.n) == (False, 0, 16)
    assert engine.log.rows_used == engine.log.rows_in
    assert "All are counted; remove second rows from the file." in found.sentences[0]
