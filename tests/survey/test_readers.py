"""Files as delivered: what survives reading, and what is refused with which words."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd
import pyreadstat
import pytest

from qa_reports.errors import DataError
from qa_reports.survey.readers import DataFile, VariableLabels, read_data_file


def read(folder: Path, content: str | bytes, name: str = "wave.csv") -> DataFile:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return read_data_file(folder, name)


def cells(folder: Path, content: str | bytes, name: str = "wave.csv") -> dict[object, list[object]]:
    table = read(folder, content, name).table
    return {column: [None if pd.isna(cell) else cell for cell in table[column]] for column in table}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a,b\n1,x\n", {"a": [1], "b": ["x"]}),
        (b"\xef\xbb\xbfa,b\n1,x\n", {"a": [1], "b": ["x"]}),
        ("a;b\n1;x\n", {"a": [1], "b": ["x"]}),
        ("a\tb\n1\tx\n", {"a": [1], "b": ["x"]}),
        ('"a,1;2";b\n1;"x;y"\n', {"a,1;2": [1], "b": ["x;y"]}),
        ("a\n1\n", {"a": [1]}),
        ("a,b\r\n1,x\r\n", {"a": [1], "b": ["x"]}),
        ("\n\na, b \n1,x\n\n2,y\n", {"a": [1, 2], "b": ["x", "y"]}),
        ("a,b,\n1,x,\n", {"a": [1], "b": ["x"], "unnamed column 3": [None]}),
    ],
)
def test_delimiters_and_headers(tmp_path: Path, content: str | bytes, expected: object) -> None:
    assert cells(tmp_path, content) == expected


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (["00123", "7"], ["00123", "7"]),
        (["0", "0.5"], [0, 0.5]),
        (["12", "NA"], [12, None]),
        (["12", "."], [12, None]),
        (["CH", "NA"], ["CH", "NA"]),
        (["12", ""], [12, None]),
        (["TRUE", "FALSE"], ["TRUE", "FALSE"]),
        (["123456789012345678", ""], ["123456789012345678", None]),
        (["12", "inf"], ["12", "inf"]),
        (["12", "1e999"], ["12", "1e999"]),
        ([" 7", "8 "], [7, 8]),
        (["2023-01-05", "x"], ["2023-01-05", "x"]),
    ],
)
def test_only_columns_of_numbers_become_numbers(tmp_path: Path, column: list[str], expected: list[object]) -> None:
    text = "n,v\n" + "".join(f"{row},{cell}\n" for row, cell in enumerate(column))
    assert cells(tmp_path, text)["v"] == expected


def test_a_decimal_comma_counts_where_semicolons_separate(tmp_path: Path) -> None:
    assert cells(tmp_path, "a;w\n1;0,5\n2;1\n")["w"] == [0.5, 1]
    assert cells(tmp_path, 'a,w\n1,"0,5"\n2,1\n')["w"] == ["0,5", "1"]


def test_a_tsv_is_split_at_tabs_only(tmp_path: Path) -> None:
    assert cells(tmp_path, "a,b,c\td\n1\t2\n", "wave.tsv") == {"a,b,c": [1], "d": [2]}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("wave.csv", "", "wave.csv: the file is empty"),
        ("wave.csv", b"\xef\xbb\xbf", "wave.csv: the file is empty"),
        ("wave.csv", "a,b\n", "wave.csv: the file has columns but no rows"),
        ("wave.csv", "a,a\n1,2\n", 'wave.csv: two columns are called "a"; rename one of them'),
        (
            "wave.csv",
            "a,b\n1,2,3\n",
            "wave.csv: line 2 holds 3 cells and the header 2 columns; put cells that hold the delimiter into quotes",
        ),
        (
            "wave.csv",
            "a,b\n1,2\n1,2,3\n",
            "wave.csv: line 3 holds 3 cells and the header 2 columns; put cells that hold the delimiter into quotes",
        ),
        (
            "wave.csv",
            "a,b\n1\n2\n3,4\n",
            "wave.csv: line 2 holds 1 cell (and 1 more such) and the header 2 columns; write every cell, also empty "
            "ones, and put cells that hold line breaks into quotes",
        ),
        (
            "wave.csv",
            "a,b\n1,2\n3",
            "wave.csv: line 3 holds 1 cell and the header 2 columns; it is the last line: if the file was cut "
            "off, export or copy it again; if it is a remark, delete it",
        ),
        (
            "wave.sav",
            "no SPSS",
            "wave.sav: this is not an SPSS file, though its name says so; a table of text has to end in .csv or .tsv",
        ),
        (
            "wave.docx",
            "x",
            'wave.docx: cannot read ".docx" files; supported are .csv, .tsv, .tab, .txt, .sav, .zsav, .por, .dta, '
            ".sas7bdat, .xpt, .xlsx, .xlsm, .xls, .ods, .parquet, .gz, .zip",
        ),
    ],
)
def test_what_is_refused(tmp_path: Path, name: str, content: str | bytes, message: str) -> None:
    with pytest.raises(DataError) as error:
        read(tmp_path, content, name)
    assert str(error.value) == message


def test_utf_16_needs_its_mark(tmp_path: Path) -> None:
    assert cells(tmp_path, "a\tb\n1\té\n".encode("utf-16")) == {"a": [1], "b": ["é"]}
    with pytest.raises(DataError, match="null bytes"):
        read(tmp_path, "a,b\n1,2\n".encode("utf-16-le"))


def test_a_missing_file_names_its_neighbour(tmp_path: Path) -> None:
    read(tmp_path, "a\n1\n")
    with pytest.raises(DataError, match=r'wavve.csv: there is no such file in .*; did you mean "wave.csv"\?'):
        read_data_file(tmp_path, "wavve.csv")


def test_provenance_is_what_sha256sum_prints(tmp_path: Path) -> None:
    provenance = read(tmp_path, "a,b\n1,2\n3,4\n").provenance
    assert (provenance.path, provenance.rows) == ("wave.csv", 2)
    assert provenance.sha256 == hashlib.sha256(b"a,b\n1,2\n3,4\n").hexdigest()


@pytest.mark.parametrize("suffix", [".sav", ".zsav"])
def test_spss_keeps_codes_and_labels(tmp_path: Path, suffix: str) -> None:
    table = pd.DataFrame({"int": ["TUN01", "TUN02", ""], "q": [3.0, 98.0, 8.0], "plain": [1.0, None, 2.0]})
    pyreadstat.write_sav(
        table,
        str(tmp_path / f"wave{suffix}"),
        column_labels={"q": "Trust in the police"},
        variable_value_labels={"q": {1: "Not at all", 8: "Refused"}},
        missing_ranges={"q": [8, {"lo": 97, "hi": 99}], "int": ["TUN02"]},
        compress=suffix == ".zsav",
    )
    delivered = read_data_file(tmp_path, f"wave{suffix}")
    assert delivered.table["q"].tolist() == [3, 98, 8]
    assert delivered.labels["q"] == VariableLabels(
        label="Trust in the police",
        values=((1.0, "Not at all"), (8.0, "Refused")),
        user_missing=(8.0,),
        user_missing_ranges=((97.0, 99.0),),
    )
    assert delivered.labels["int"].user_missing == ("TUN02",)
    assert delivered.labels["plain"] == VariableLabels()
