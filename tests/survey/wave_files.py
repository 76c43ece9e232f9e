"""One small wave as every supported format has it: three interviews, with all that the format can say about them."""

from __future__ import annotations

import datetime as dt
import gzip
import zipfile
from pathlib import Path

import pandas as pd
import pyreadstat
import xlwt

REFERENCE = Path(__file__).parents[1] / "reference"
LABEL = "Trust in the police"
VALUES = {"q": {1: "Not at all", 8: "Refused"}}
WAVE = pd.DataFrame(
    {
        "idno": [1.0, 2.0, 3.0],
        "name": ["Zoë", "Bär", "x"],
        "q": [3.0, 98.0, 8.0],
        "day": [dt.date(2023, 5, 1), dt.date(2023, 5, 2), None],
        "start": [pd.Timestamp(2023, 5, 1, 10, 30), pd.Timestamp(2023, 5, 2, 9, 0), None],
        "end": [pd.Timestamp(2023, 5, 1, 11, 15), pd.Timestamp(2023, 5, 2, 9, 20), None],
        "clock": [dt.time(10, 30), dt.time(9, 0, 30), None],
    }
)
CSV = (
    "idno,name,q,day,start,end,clock\n"
    "1,Zoë,3,2023-05-01,2023-05-01 10:30:00,2023-05-01 11:15:00,10:30:00\n"
    "2,Bär,98,2023-05-02,2023-05-02 09:00:00,2023-05-02 09:20:00,09:00:30\n"
    "3,x,8,,,,\n"
)
SUFFIXES = (
    ".csv", ".tsv", ".sav", ".zsav", ".por", ".dta", ".sas7bdat", ".xpt", ".xlsx", ".xls", ".ods", ".parquet"
)  # fmt: skip


def write_wave(folder: Path, suffix: str) -> Path:
    """The wave as `wave<suffix>` in the folder; suffixes of packed files (`.csv.gz`) too."""
    path = folder / f"wave{suffix}"
    if suffix.endswith((".gz", ".zip")):
        inner = write_wave(folder, suffix.removesuffix(".gz").removesuffix(".zip"))
        if suffix.endswith(".gz"):
            path.write_bytes(gzip.compress(inner.read_bytes(), mtime=0))
        else:
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.write(inner, inner.name)
        return path
    match suffix:
        case ".csv":
            path.write_text(CSV, encoding="utf-8")
        case ".tsv":
            path.write_text(CSV.replace(",", "\t"), encoding="utf-8")
        case ".sav" | ".zsav":
            ranges = {"q": [8, {"lo": 97, "hi": 99}]}
            pyreadstat.write_sav(
                WAVE,
                str(path),
                column_labels={"q": LABEL},
                variable_value_labels=VALUES,
                missing_ranges=ranges,
                compress=suffix == ".zsav",
            )
        case ".dta":
            pyreadstat.write_dta(
                WAVE.assign(q=[3, "a", 8]),
                str(path),
                column_labels={"q": LABEL},
                variable_value_labels={"q": {1: "Not at all", 8: "Refused", "a": "Don't know"}},
                missing_user_values={"q": ["a"]},
            )
        case ".xpt":
            pyreadstat.write_xport(WAVE, str(path), column_labels={"q": LABEL}, file_format_version=5)
        case ".por" | ".sas7bdat":
            path.write_bytes((REFERENCE / f"formats{suffix}").read_bytes())
        case ".xlsx" | ".ods":
            WAVE.to_excel(path, index=False)
        case ".xls":
            _write_xls(path)
        case ".parquet":
            WAVE.to_parquet(path, index=False)
    return path


def _write_xls(path: Path) -> None:
    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet("wave")
    styles = {
        dt.date: xlwt.easyxf(num_format_str="YYYY-MM-DD"),
        pd.Timestamp: xlwt.easyxf(num_format_str="YYYY-MM-DD HH:MM:SS"),
        dt.time: xlwt.easyxf(num_format_str="HH:MM:SS"),
    }
    for column, name in enumerate(WAVE.columns):
        sheet.write(0, column, name)
        for row, cell in enumerate(WAVE[name], start=1):
            if not pd.isna(cell):
                style = styles.get(type(cell), xlwt.Style.default_style)
                sheet.write(row, column, cell.to_pydatetime() if isinstance(cell, pd.Timestamp) else cell, style)
    book.save(str(path))
