"""Damaged and disguised files: one clear sentence each, never a traceback, a warning or a hang."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_reports.config import ReadConfig, ReportConfig
from qa_reports.errors import DataError
from qa_reports.survey.load import load_survey
from qa_reports.survey.readers import foreign, read_data_file, unpack
from tests.robustness.kinds import damaged_file_is_read_or_refused
from tests.survey.wave_files import CSV, SUFFIXES, write_wave

EXAMPLES = int(os.environ.get("QA_FUZZ_EXAMPLES", "2"))
"""Damaged files tried per binary format: each costs a process. `QA_FUZZ_EXAMPLES=1000` looks harder."""
BINARY = tuple(suffix for suffix in SUFFIXES if suffix not in (".csv", ".tsv"))


def refusal(folder: Path, name: str, content: bytes | None = None, options: ReadConfig | None = None) -> str:
    """What is said about a file that cannot be read: one line that begins with its name."""
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(DataError) as error:
        read_data_file(folder, name, options or ReadConfig())
    message = str(error.value)
    assert message.startswith(f"{name}: ")
    assert "\n" not in message
    return message.removeprefix(f"{name}: ")


def zipped(**members: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(name.replace("_", "."), member)
    return content.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"<!DOCTYPE html><html>", "this is not a text table but a web page, such as a page to log in or an "),
        ("a.xls", b"\n<html><table>", "this is not a spreadsheet but a web page"),
        ("a.csv", b"%PDF-1.7 x", "this is not a text table but a PDF; export the table itself as CSV"),
        ("a.csv", b'[{"a": 1}]', "this is not a text table but JSON; export it as CSV"),
        ("a.csv", b"a,b\n1,\x00\n", "line 2 holds null bytes, so the file is damaged or no UTF-8 text"),
        ("a.csv", "a,b\n1,é\n".encode() + b"2,\xe9\n", "mixes encodings: line 2 is UTF-8 and line 3 is not"),
        ("a.csv", "a,b\n1,Привет\n".encode("cp1251"), "line 2 is not UTF-8 text; save it as"),
        ("a.csv", b"a,b\n1,\x81\n", "line 2 is not UTF-8 text; save it as"),
        ("a.csv", b'a,b\n1,"' + b"x" * 140_000, "field larger than field limit"),
        ("a.csv.gz", b"a,b\n1,2\n", "this is not a gzip file, though its name says so; take .gz off its name"),
        ("a.csv", gzip.compress(b"a,b\n1,2\n"), "this is not a text table but a gzip file; end its name in .gz"),
        ("a.csv.gz", gzip.compress(CSV.encode())[:-12], "the gzip file has been cut off; copy or download it again"),
        ("a.csv.gz", b"\x1f\x8b" + b"x" * 30, "the gzip file is damaged; copy or download it again"),
        ("a.csv.gz", gzip.compress(b""), "the file is empty"),
        ("a.zip", b"PK\x03\x04 and no more", "the zip file is damaged or cut off; copy or download it again"),
        ("a.zip", zipped(a_csv=b"a\n1\n", b_sav=b"$FL2")[:-9], "the zip file is damaged or cut off"),
        ("a.zip", zipped(a_csv=b"a\n1\n", b_csv=b"a\n1\n"), "the zip file holds several data files; name one under "),
        ("a.zip", zipped(a_pdf=b"%PDF"), "the zip file holds no data file that can be read; it holds a.pdf"),
        ("a.zip", zipped(), "the zip file holds no data file that can be read; it is empty"),
        ("a.sav", b"$FL2 and no more", "not a readable SPSS file"),
        ("a.sav", b"\x01\x02\x00\x03", "this is not an SPSS file, though its name says so; it may have been cut off"),
        ("a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(3000), "not a readable spreadsheet"),
        ("a.parquet", b"PAR1 and no more", "not a readable Parquet file"),
        ("a", b"a\n1\n", "cannot read a file without a suffix"),
    ],
    # Compressed bytes hold the time: workers would disagree on the names of the tests.
    ids=lambda value: "content" if isinstance(value, bytes) else None,
)
def test_what_is_said_of_a_disguised_file(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    assert message in refusal(tmp_path, name, content)


@pytest.mark.parametrize("suffix", [suffix for suffix in BINARY if suffix not in (".zsav", ".xls", ".ods")])
def test_a_wrong_end_of_the_name_is_answered_with_the_right_one(tmp_path: Path, suffix: str) -> None:
    content = write_wave(tmp_path, suffix).read_bytes()
    message = refusal(tmp_path, "report.csv", content)
    assert "by its content; rename it to report." in message
    assert message.endswith(suffix)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_empty_file(tmp_path: Path, suffix: str) -> None:
    assert refusal(tmp_path, f"empty{suffix}", b"") == "the file is empty"


def test_an_encrypted_member(tmp_path: Path) -> None:
    content = bytearray(zipped(a_csv=b"a\n1\n"))
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + flags] |= 1
    assert "a.csv in it is encrypted; unpack it" in refusal(tmp_path, "a.zip", bytes(content))


def test_one_member_may_be_chosen(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped(a_csv=b"a\n1\n", b_csv=b"b\n2\n", read_txt=b"read me"))
    assert list(read_data_file(tmp_path, "a.zip", ReadConfig(member="b.csv")).table) == ["b"]
    assert "holds no 'c.csv' (read.member)" in refusal(tmp_path, "a.zip", options=ReadConfig(member="c.csv"))


@pytest.mark.parametrize("pack", [gzip.compress, lambda content: zipped(a_csv=content)])
def test_a_bomb_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Callable[[bytes], bytes]
) -> None:
    monkeypatch.setattr(unpack, "FREE_OF_RATIO", 1024**2)
    name = "a.csv.gz" if pack is gzip.compress else "a.zip"
    assert "2 GB or 200 times its size unpacked" in refusal(tmp_path, name, pack(b"a,b\n" + bytes(4 * 1024**2)))


def test_pipes_devices_and_folders_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "device.csv").symlink_to("/dev/zero")
    assert "is no ordinary file" in refusal(tmp_path, "pipe.csv")
    assert "is no ordinary file" in refusal(tmp_path, "device.csv")
    assert refusal(tmp_path, "folder.csv") == "is a folder; name a file in it"
    assert "cannot be read" in refusal(tmp_path, "x" * 300 + ".csv")


def test_two_thousand_columns(tmp_path: Path) -> None:
    names = [f"q{number}" for number in range(2000)]
    (tmp_path / "wide.csv").write_text(",".join(names) + "\n" + ",".join("1" for _ in names) + "\n", encoding="utf-8")
    assert read_data_file(tmp_path, "wide.csv").table.shape == (1, 2000)


def test_columns_of_one_name_in_a_spreadsheet(tmp_path: Path) -> None:
    pd.DataFrame([[1, 2]], columns=["a", "a"]).to_excel(tmp_path / "twice.xlsx", index=False)
    assert refusal(tmp_path, "twice.xlsx") == 'two columns are called "a"; rename one of them'


def test_sheets_are_chosen_by_name(tmp_path: Path) -> None:
    with pd.ExcelWriter(tmp_path / "book.xlsx") as book:
        pd.DataFrame().to_excel(book, sheet_name="Notes")
        pd.DataFrame({"a": [1]}).to_excel(book, sheet_name="Wave", index=False)
        pd.DataFrame({"b": [2]}).to_excel(book, sheet_name="Old", index=False)
    chosen = read_data_file(tmp_path, "book.xlsx")
    assert list(chosen.table) == ["a"]
    assert chosen.notes == ("book.xlsx: its sheet 'Wave' is read, and not Notes, Old.",)
    assert list(read_data_file(tmp_path, "book.xlsx", ReadConfig(sheet="Old")).table) == ["b"]
    assert 'has no sheet "Waves" (read.sheet); did you mean "Wave"?' in refusal(
        tmp_path, "book.xlsx", options=ReadConfig(sheet="Waves")
    )


def test_labels_in_another_encoding(tmp_path: Path) -> None:
    content = write_wave(tmp_path, ".sav").read_bytes().replace(b"Refused", b"Refus\xe9d")
    (tmp_path / "wave.sav").write_bytes(content)
    assert "cannot be decoded; give its encoding under read.encoding" in refusal(tmp_path, "wave.sav")
    told = read_data_file(tmp_path, "wave.sav", ReadConfig(encoding="cp1252"))
    assert (8.0, "Refuséd") in told.labels["q"].values


def test_a_western_file_is_read_with_a_note(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("a,b\n1,Köln\n".encode("cp1252"))
    delivered = read_data_file(tmp_path, "a.csv")
    assert delivered.table["b"].tolist() == ["Köln"]
    assert delivered.notes[0].startswith("a.csv: is not UTF-8 and was read as Windows-1252")
    assert read_data_file(tmp_path, "a.csv", ReadConfig(encoding="cp1252")).notes == ()
    assert "line 2 is not utf-8 text" in refusal(tmp_path, "a.csv", options=ReadConfig(encoding="utf-8"))


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("a;b\n0,5;1\n", {}, [0.5, 1]),
        ("a\tb\n0,5\t1\n", {}, [0.5, 1]),
        ("a\tb\n0,5\t1.5\n", {}, ["0,5", 1.5]),
        ("a|b\n7|1\n", {}, [7, 1]),
        ('a,b\n"0,5",1\n', {"decimal": ","}, [0.5, 1]),
        ("a;b\n1.234;1\n", {"decimal": ","}, ["1.234", 1]),
        ("a;b\n0,5;1\n", {"decimal": "."}, ["0,5", 1]),
        ("sep=;\na;b\n3;1\n", {}, [3, 1]),
        ("a:b\n3:1\n", {"delimiter": ":"}, [3, 1]),
        ("a, x;b, y\n3;1\n", {}, [3, 1]),
    ],
)
def test_delimiters_and_decimal_commas(tmp_path: Path, text: str, options: dict[str, str], expected: object) -> None:
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    assert read_data_file(tmp_path, "a.csv", ReadConfig.model_validate(options)).table.iloc[0].tolist() == expected


@pytest.mark.parametrize("suffix", BINARY)
def test_damage_is_read_or_refused(suffix: str) -> None:
    @settings(max_examples=EXAMPLES, derandomize=True, deadline=None, database=None)
    @given(st.integers(0, 10**6))
    def one(seed: int) -> None:
        damaged_file_is_read_or_refused((suffix, seed))

    one()


def test_a_column_whose_name_ends_in_a_blank(monkeypatch: pytest.MonkeyPatch) -> None:
    """Damage makes such names, and the labels go by the name as the file has it."""
    said = {"label": "Day", "values": [], "missing": [], "extended": []}
    answer = {"table": {"DAY\x0b": [1.0]}, "variables": {"DAY\x0b": said}, "notes": []}
    monkeypatch.setattr(foreign, "_answer", lambda *_: answer)
    delivered = foreign.read_foreign("spss", b"", "wave.sav", ReadConfig())
    assert list(delivered.table) == ["DAY"]
    assert delivered.labels["DAY"].label == "Day"


def test_a_file_that_crashes_its_library(tmp_path: Path) -> None:
    """A value label for a variable that there is not ends ReadStat by a segmentation fault."""
    labelled = b"Refused\x04\x00\x00\x00\x01\x00\x00\x00\x03\x00"
    content = write_wave(tmp_path, ".sav").read_bytes()
    assert content.count(labelled) == 1
    broken = content.replace(labelled, labelled[:-1] + b"\xff")
    assert refusal(tmp_path, "wave.sav", broken) == "this SPSS file is damaged; export it again, or copy it again"


def test_what_stacked_files_must_agree_in(tmp_path: Path, configure: Callable[..., ReportConfig]) -> None:
    config = configure({"file": ["a.csv", "b.csv"]})

    def stack(first: str, second: str) -> pd.DataFrame:
        (tmp_path / "a.csv").write_text(first, encoding="utf-8")
        (tmp_path / "b.csv").write_text(second, encoding="utf-8")
        return load_survey(config, tmp_path).table

    assert stack("int,q\n1,5\n", "q,int\n6,2\n")["q"].tolist() == [5, 6]
    assert stack("int,q,x\n1,5,7\n", "int,q\n2,6\n")["x"].isna().tolist() == [False, True]
    for first, second, message in (
        ("int,q\n1,5\n", "int,Q\n1,5\n", 'b.csv: has no column "q", which another file of data.file has; did you '),
        ("int,q\n1,5\n", "int,q\n1,5\n", "b.csv: has the same bytes as a.csv; name each file of data.file once"),
        ("int,q\n01,5\n", "int,q\n1,5\n", 'b.csv: column "int" holds numbers and in a.csv text with leading zeros; '),
    ):  # fmt: skip
        with pytest.raises(DataError) as error:
            stack(first, second)
        assert str(error.value).startswith(message)
