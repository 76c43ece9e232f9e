"""Files that are refused for reasons of their format, and stacked or joined files that contradict each other."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pyreadstat
import pytest
import xlsxwriter

from qa_reports.errors import DataError
from qa_reports.survey.joins import _key_texts
from qa_reports.survey.readers import foreign, read_data_file
from qa_reports.survey.stack import _labels_of
from tests.survey.wave_files import write_wave


def test_a_file_that_takes_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_wave(tmp_path, ".sav")
    monkeypatch.setattr(foreign, "_LONGEST", 0.001)
    with pytest.raises(DataError, match=r"^wave.sav: reading it takes more than 0.0 minutes; it may be damaged$"):
        read_data_file(tmp_path, "wave.sav")


def test_an_empty_sheet(tmp_path: Path) -> None:
    content = io.BytesIO()
    book = xlsxwriter.Workbook(content)
    book.add_worksheet()
    book.close()
    (tmp_path / "wave.xlsx").write_bytes(content.getvalue())
    with pytest.raises(DataError, match=r"^wave.xlsx: the sheet is empty$"):
        read_data_file(tmp_path, "wave.xlsx")


def test_a_header_with_a_quote_that_is_not_closed(tmp_path: Path) -> None:
    (tmp_path / "wave.csv").write_text('a,"' + "b" * 200_000 + "\n1,2\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"^wave.csv: the header cannot be read .*; a quote may not be closed$"):
        read_data_file(tmp_path, "wave.csv")


def test_files_that_declare_different_values_as_missing(tmp_path: Path) -> None:
    table = pd.DataFrame({"trust": [1.0, 2.0, 9.0]})
    for name, missing in (("one.sav", [9]), ("two.sav", [8])):
        pyreadstat.write_sav(table, str(tmp_path / name), missing_ranges={"trust": missing})
    files = tuple(read_data_file(tmp_path, name) for name in ("one.sav", "two.sav"))
    assert _labels_of("trust", files, used=False).user_missing
    with pytest.raises(DataError, match=r'^two.sav: declares other values of "trust" as missing than one.sav'):
        _labels_of("trust", files, used=True)


def test_a_key_of_numbers_that_are_too_long_to_be_exact() -> None:
    assert list(_key_texts(pd.Series([1.0, 2.0**53 - 1], name="id"), "a.csv")) == ["1", "9007199254740991"]
    with pytest.raises(DataError, match=r'^a.csv: the key "id" holds numbers of more than 15 digits'):
        _key_texts(pd.Series([1.0, 1e17], name="id"), "a.csv")
