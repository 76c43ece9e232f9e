"""Files of text for an engine: the same columns as in memory, of the types that hold them in few bytes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from qa_reports.config import ReadConfig
from qa_reports.engine import text, text_columns
from qa_reports.errors import DataError
from qa_reports.survey.readers.delimited import read_delimited
from tests.engine.test_engine import differences, example_config, in_engine, in_memory

pa = pytest.importorskip("pyarrow")
pytest.importorskip("duckdb")
pytest.importorskip("ibis")

LATE = 400
"""Rows before a cell comes that is not like those before; more than the first block has."""


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "_BLOCK", 2_048)


def everything(columns: Sequence[str]) -> Sequence[str]:
    return columns


def read(
    tmp_path: Path,
    content: str,
    delimiter: str = ",",
    wanted: Callable[[Sequence[str]], Sequence[str]] = everything,
) -> pa.Table:
    path = tmp_path / "wave.csv"
    path.write_text(content, encoding="utf-8", newline="")
    return text.read_text_files([("wave.csv", path)], delimiter, wanted, tmp_path)[0]


def late(usual: str, cell: str) -> list[str]:
    return [usual] * LATE + [cell] + [usual, ""] * 5


@pytest.mark.parametrize(
    ("cells", "kept"),
    [
        (late("7", "88"), "int8"),
        (late("7", "777"), "int16"),
        (late("-7", "-40000"), "int32"),
        (late("7", "9007199254740993"), "int64"),
        (late("", "3"), "int8"),
        (late("2000000000", "4000000000"), "int64"),
        (late("7", "007"), "dictionary"),
        (late("7", "-0"), "int8"),
        (late("7", "+5"), "int8"),
        (late("7", " 5"), "int8"),
        (late("7", "5.0"), "int8"),
        (late("7.0", "200.0"), "int16"),
        (late("7", "5.5"), "double"),
        (late("7", "1e3"), "int16"),
        (late("7", "NA"), "int8"),
        (late("7", "."), "int8"),
        (late("7", "0x1F"), "dictionary"),
        (late("7", "1_0"), "dictionary"),
        (late("7", "refused"), "dictionary"),
        (late("yes", "7"), "dictionary"),
        (late("TRUE", "FALSE"), "dictionary"),
        (late("0.5", "99999999999999999"), "dictionary"),
        (late("NA", ""), "dictionary"),
    ],
)
def test_a_column_is_what_it_is_in_memory(tmp_path: Path, cells: list[str], kept: str) -> None:
    content = "a,b\n" + "".join(f"{k},{cell}\n" for k, cell in enumerate(cells))
    found = read(tmp_path, content)
    memory = read_delimited(content.encode(), "wave.csv", "wave.csv", ReadConfig()).table

    assert str(found.schema.field("b").type).startswith(kept)
    assert found["a"].to_pylist() == list(range(len(cells)))
    theirs = [None if pd.isna(cell) else cell for cell in memory["b"]]
    if "9007199254740993" in cells:  # beside empty cells a float in memory, which has not so many digits
        theirs = [None if cell is None else int(cell) for cell in theirs]
    assert found["b"].to_pylist() == theirs


@pytest.mark.parametrize(
    ("content", "delimiter", "cells"),
    [
        ('a,b\n1,"x, y"\n2,"two\nlines"\n3,"say ""so"""\n', ",", ["x, y", "two\nlines", 'say "so"']),
        ("\ufeffa;b\r\n1;0,5\r\n2;1\r\n", ";", [0.5, 1.0]),
        ("a\tb\n1\t0,5\n2\t1\n", "\t", [0.5, 1.0]),
        ("a\tb\tc\n1\t0,5\t0.5\n2\t1\t1\n", "\t", ["0,5", "1"]),
        ('\n a , b \n"1",""\n2,5\n', ",", [None, 5]),
        ("a,b\n1,é\n2,\n", ",", ["é", None]),
        ("a,b\n", ",", []),
    ],
)
def test_cells_are_split_as_in_memory(tmp_path: Path, content: str, delimiter: str, cells: list[object]) -> None:
    assert read(tmp_path, content, delimiter)["b"].to_pylist() == cells


def test_a_column_of_very_many_texts_is_kept_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_columns, "_MOST_TEXTS", 100)
    rng = np.random.default_rng(3)
    weights = [f"{value:.6f}" for value in rng.random(2 * LATE)]
    ids = [f"CH-{k:05d}" for k in range(2 * LATE)]
    content = "a,b\n" + "".join(map("{},{}\n".format, weights, ids))
    found = read(tmp_path, content)

    assert found["a"].to_pylist() == [float(weight) for weight in weights]
    assert found["b"].to_pylist() == ids
    assert found.schema.field("b").type == pa.string()


@given(st.lists(st.none() | st.from_regex(r"[-+ ]?0*[0-9]{1,20}(\.0)?|0x[0-9a-f]{1,12}", fullmatch=True)))
def test_a_whole_number_gives_its_text_back(cells: list[str | None]) -> None:
    numbers = text_columns.whole_numbers(pa.array(cells, pa.string()))
    told = [cell for cell in cells if cell is not None]
    plain = all(re.fullmatch(r"0|-?[1-9][0-9]*", cell) and abs(int(cell)) < 2**63 for cell in told)

    assert (numbers is not None) == plain
    if numbers is not None:
        assert [None if number is None else str(number) for number in numbers.to_pylist()] == cells


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a,b\n1,2\n3,4,5\n", r"cannot be read \(CSV parse error.*xpected 2 columns, got 3\)$"),
        (b"a,b\n1,2\n3\n", r"cannot be read \(CSV parse error.*xpected 2 columns, got 1\)$"),
        (b"a,b\n1,2\n3,\xff\n", r"cannot be read \(.*UTF8"),
        (b'a,b\n1,"2\n3,4\n', "cannot be read"),
        (b"a,b,a\n1,2,3\n", 'two columns are called "a"'),
    ],
)
def test_a_file_that_is_no_table_is_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "wave.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"^wave.csv: {said}") as raised:
        text.read_text_files([("wave.csv", path)], ",", everything, tmp_path)
    assert "\n" not in str(raised.value)


def test_files_are_stacked_by_the_names_of_their_columns(tmp_path: Path) -> None:
    first, second = tmp_path / "one.csv", tmp_path / "two.csv"
    first.write_text("a,b\n1,2\n", encoding="utf-8")
    second.write_text("b,c,a\n007,x,3\n", encoding="utf-8")
    files = [("one.csv", first), ("two.csv", second)]
    found, _ = text.read_text_files(files, ",", everything, tmp_path)
    assert found.to_pydict() == {"a": [1, 3], "b": ["2", "007"]}

    second.write_text("b,c\n007,x\n", encoding="utf-8")
    with pytest.raises(DataError, match=r'^two.csv: has no column "a", which another file'):
        text.read_text_files(files, ",", everything, tmp_path)


@pytest.mark.parametrize("style", ["zeros", "floats", "texts"])
def test_a_survey_of_text_is_cleaned_as_in_memory(tmp_path: Path, style: str) -> None:
    table = pd.read_csv(Path(__file__).parents[2] / "configs" / "example_wave.csv")
    data: dict[str, object] = {}
    if style == "zeros":  # ids whose zeros count
        table["idno"] = table["idno"].map("{:06d}".format)
    elif style == "floats":  # as pandas writes columns with empty cells
        table.loc[::70, ["age", "pplhlp", "trstplc"]] = np.nan
        data["where"] = "age > 20"
    else:
        table["gender"] = table["gender"].map({1: "man", 2: "woman"})
    wave = tmp_path / "wave.csv"
    table.to_csv(wave, index=False)
    path = example_config(tmp_path, file=str(wave), **data)
    (memory, _), (engine, _) = in_memory(path), in_engine(path)

    logs = [survey.log for survey in (memory, engine)]
    if style == "floats":  # what was joined is counted over the rows in use here
        logs = [replace(log, joins=(), notes=()) for log in logs]
    assert list(differences(*logs)) == []
    assert list(memory.respondents) == list(engine.respondents)
    assert memory.interviewer_ids == engine.interviewer_ids
    for item in memory.items:
        assert list(differences(memory.answer_counts(item.name), engine.answer_counts(item.name))) == []


def test_what_is_let_go_can_be_asked_for_again(tmp_path: Path) -> None:
    path = tmp_path / "wave.csv"
    path.write_text("a,b\n" + "".join(f"{k},{k / 8}\n" for k in range(20_000)), encoding="utf-8")
    table, maps = text.read_text_files([("wave.csv", path)], ",", everything, tmp_path)
    assert len(maps) == 2  # as places of texts, and as the numbers they write
    text.let_go(maps)
    np.testing.assert_array_equal(table["a"].to_numpy(), np.arange(20_000))
    np.testing.assert_array_equal(table["b"].to_numpy(), np.arange(20_000) / 8)
