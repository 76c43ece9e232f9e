"""Which format a file has: by the end of its name, checked against what it begins with."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Literal

from qa_reports.errors import DataError

Kind = Literal["text", "spss", "por", "stata", "sas7bdat", "xport", "workbook", "parquet"]

SUFFIXES: dict[str, Kind] = {
    ".csv": "text",
    ".tsv": "text",
    ".tab": "text",
    ".txt": "text",
    ".sav": "spss",
    ".zsav": "spss",
    ".por": "por",
    ".dta": "stata",
    ".sas7bdat": "sas7bdat",
    ".xpt": "xport",
    ".xlsx": "workbook",
    ".xlsm": "workbook",
    ".xls": "workbook",
    ".ods": "workbook",
    ".parquet": "parquet",
}
"""How a file's name ends -> the format it has to have."""
PACKED = (".gz", ".zip")
"""What may stand behind each of them, and `.zip` alone."""

_NAMES: dict[Kind, tuple[str, str]] = {
    "text": ("a text table", ".csv"),
    "spss": ("an SPSS file", ".sav"),
    "por": ("an SPSS portable file", ".por"),
    "stata": ("a Stata file", ".dta"),
    "sas7bdat": ("a SAS file", ".sas7bdat"),
    "xport": ("a SAS transport file", ".xpt"),
    "workbook": ("a spreadsheet", ".xlsx"),
    "parquet": ("a Parquet file", ".parquet"),
}
_BEGINNINGS: tuple[tuple[bytes, Kind], ...] = (
    (b"$FL2", "spss"),
    (b"$FL3", "spss"),
    (b"<stata_dta>", "stata"),
    (b"\x00" * 12 + b"\xc2\xea\x81\x60\xb3\x14\x11\xcf\xbd\x92\x08\x00\x09\xc7\x31\x8c\x18\x1f\x10\x11", "sas7bdat"),
    (b"HEADER RECORD*******LIB", "xport"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "workbook"),
    (b"PAR1", "parquet"),
)
_STATA_12_AND_EARLIER = re.compile(rb"[\x68\x69\x6c\x6e-\x73][\x01\x02]\x01")
_NO_TABLES: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (
        re.compile(rb"\s*(<!doctype html|<html|<head|<table|<div|<\?xml[^>]*>\s*<!doctype html)", re.IGNORECASE),
        "a web page, such as a page to log in or an error; download the file again",
    ),
    (re.compile(rb"\s*(<\?xml|<[a-zA-Z]+[ >])"), "an XML file; export it as CSV"),
    (re.compile(rb"%PDF-"), "a PDF; export the table itself as CSV"),
    (re.compile(rb"\{\\rtf"), "a text document; export the table as CSV"),
    (re.compile(rb"\s*[\[{]\s*[\[{\"]"), "JSON; export it as CSV"),
    (re.compile(rb"RD[AX][0-9]\n|X\n\x00\x00\x00"), "an R data file; write it as CSV, .sav or .parquet there"),
    (re.compile(rb"ARROW1"), "an Arrow file; write it as Parquet"),
    (
        re.compile(rb"BZh|\xfd7zXZ\x00|7z\xbc\xaf\x27\x1c|Rar!|\x28\xb5\x2f\xfd"),
        "packed; unpack it, or use gzip or zip",
    ),
    (re.compile(rb"\x1f\x8b"), "a gzip file; end its name in .gz, such as wave.csv.gz"),
)


def kind_by_name(name: str) -> Kind | None:
    """The format that a file's name promises, None where its end is not known."""
    return next((kind for suffix, kind in SUFFIXES.items() if name.lower().endswith(suffix)), None)


def kind_of(name: str, content: bytes, shown: str) -> Kind:
    """The format of a file with this name (its packing taken off), which messages call `shown`.

    Raises:
        DataError: the end of the name is not known, or the file begins otherwise than files of that kind.
    """
    promised = kind_by_name(name)
    found = _kind_by_content(content)
    if found is not None and found != promised:
        what, suffix = _NAMES[found]
        stem = name.rsplit(".", 1)[0] if promised or name.count(".") else name
        raise DataError(f"{shown}: this is {what} by its content; rename it to {stem}{suffix}")
    if promised is None:
        ending = re.search(r"\.[^./]*$", name)
        kind = f'"{ending.group(0)}" files' if ending else "a file without a suffix"
        raise DataError(f"{shown}: cannot read {kind}; supported are {', '.join((*SUFFIXES, *PACKED))}")
    if found is None:
        other = next((what for pattern, what in _NO_TABLES if pattern.match(content[:1000])), None)
        if other is not None:
            raise DataError(f"{shown}: this is not {_NAMES[promised][0]} but {other}")
    if promised != "text" and found is None:
        what, suffix = _NAMES[promised]
        hint = "; a table of text has to end in .csv or .tsv" if _is_text(content) else "; it may have been cut off"
        raise DataError(f"{shown}: this is not {what}, though its name says so{hint}")
    return promised


def _kind_by_content(content: bytes) -> Kind | None:
    """The binary format a file begins as."""
    for beginning, kind in _BEGINNINGS:
        if content.startswith(beginning):
            return kind
    if _STATA_12_AND_EARLIER.match(content):
        return "stata"
    if b"SPSSPORT" in content[:500].replace(b"\r", b"").replace(b"\n", b""):
        return "por"
    return "workbook" if content.startswith(b"PK") and _is_workbook(content) else None


def _is_workbook(content: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return b"[Content_Types].xml" in content[:2000] or b"opendocument.spreadsheet" in content[:200]
    return any(member.startswith("xl/") for member in members) or {"content.xml", "mimetype"} <= members


def _is_text(content: bytes) -> bool:
    beginning = content[:1000]
    return b"\x00" not in beginning and all(byte >= 32 or byte in b"\t\r\n" for byte in beginning)
