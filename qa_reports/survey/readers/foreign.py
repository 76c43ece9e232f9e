"""Files of other programs, statistical packages, spreadsheets and Parquet, as tables with labels."""

from __future__ import annotations

import datetime
import importlib.util
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from qa_reports.config import ReadConfig
from qa_reports.errors import DataError
from qa_reports.survey.columns import cell_text, did_you_mean
from qa_reports.survey.readers.delimited import numbers_between_empty_marks
from qa_reports.survey.readers.delivered import Delivered, VariableLabels, column_names
from qa_reports.survey.readers.header import labels_of, read_head
from qa_reports.survey.readers.recognise import Kind

_PROGRAM = Path(__file__).with_name("isolated.py")
_LIBRARIES: dict[Kind, tuple[str, str]] = {
    "workbook": ("python_calamine", "qa-reports[excel]"),
    "parquet": ("pyarrow", "qa-reports[parquet]"),
}
"""Kind -> the library that reads it and the extra that installs it."""
_FORMATS: dict[Kind, str] = {
    "spss": "SPSS file",
    "por": "SPSS portable file",
    "stata": "Stata file",
    "sas7bdat": "SAS file",
    "xport": "SAS transport file",
    "workbook": "spreadsheet",
    "parquet": "Parquet file",
}
_LONGEST = 900
"""Seconds that a library may take for one file."""


def read_foreign(kind: Kind, content: bytes, name: str, options: ReadConfig) -> Delivered:
    """Read a file of a binary format.

    Raises:
        DataError: the file is damaged, or the library that reads it is not installed.
    """
    library, extra = _LIBRARIES.get(kind, ("pyreadstat", ""))
    if importlib.util.find_spec(library) is None:
        raise DataError(f"{name}: reading a {_FORMATS[kind]} needs {library}; pip install '{extra}'")
    answer = _answer(kind, content, name, options)
    if "refused" in answer:
        raise DataError(_refusal(kind, name, answer, options))
    if kind == "workbook":
        table, labels = _from_rows(answer["table"], name, options)
        return Delivered(table, labels, tuple(f"{name}: {note}." for note in answer["notes"]))
    table = _from_columns(answer, name)
    said = answer["variables"]  # by the names as the file has them, blanks and all
    labels = {
        column: _labels(**said[own]) for column, own in zip(table.columns, said and answer["table"], strict=False)
    }
    return Delivered(table, labels, tuple(f"{name}: {note}." for note in answer["notes"]))


def _answer(kind: Kind, content: bytes, name: str, options: ReadConfig) -> dict[str, Any]:
    """What `isolated.py` makes of the file, in a process of its own."""
    request = json.dumps({"kind": kind, "encoding": options.encoding, "sheet": options.sheet}).encode() + b"\n"
    try:
        run = subprocess.run(  # noqa: S603 - our own program, with nothing of the user's in the command
            [sys.executable, "-P", str(_PROGRAM)], input=request + content, capture_output=True, timeout=_LONGEST
        )
    except subprocess.TimeoutExpired:
        raise DataError(f"{name}: reading it takes more than {_LONGEST // 60} minutes; it may be damaged") from None
    if run.returncode < 0:
        raise DataError(f"{name}: this {_FORMATS[kind]} is damaged; export it again, or copy it again")
    if run.returncode > 0:
        if b"PanicException" in run.stderr:  # how calamine ends on a damaged file
            raise DataError(f"{name}: this {_FORMATS[kind]} is damaged; export it again, or copy it again")
        raise RuntimeError(f"{_PROGRAM.name} failed:\n{run.stderr.decode(errors='replace')}")
    answer: dict[str, Any] = pickle.loads(run.stdout)  # noqa: S301 - written by our own program
    return answer


def _refusal(kind: Kind, name: str, answer: dict[str, Any], options: ReadConfig) -> str:
    reason = str(answer["refused"]).strip().rstrip(".!")
    if reason == "no sheet":
        sheets: list[str] = answer["sheets"]
        hint = did_you_mean(str(options.sheet), sheets) or f"; it has {', '.join(sheets[:8])}"
        return f'{name}: has no sheet "{options.sheet}" (read.sheet){hint}'
    if reason.startswith("encoding: ") or "requested encoding" in reason or "character set" in reason:
        said = f" as {options.encoding}" if options.encoding else ""
        return (
            f"{name}: the text in this {_FORMATS[kind]} cannot be decoded{said}; give its encoding under read.encoding"
        )
    if "password" in reason:
        return f"{name}: is protected by a password; save it without one"
    return f"{name}: not a readable {_FORMATS[kind]} ({reason}); export or copy it again"


def _labels(
    label: str | None,
    values: list[tuple[float | str, str]],
    missing: list[tuple[float | str, float | str]],
    extended: list[str],
) -> VariableLabels:
    """SPSS writes a discrete user-missing value as a range from the value to itself."""
    ranges = tuple((float(low), float(high)) for low, high in missing if low != high)
    discrete = tuple(low for low, high in missing if low == high)
    return VariableLabels(label or None, tuple(values), discrete, ranges, tuple(sorted(extended)))


def _from_columns(answer: dict[str, Any], name: str) -> pd.DataFrame:
    columns = answer["table"]
    names = column_names([str(column) for column in answer.get("names", columns)], name)
    return pd.DataFrame({column: _column(cells) for column, cells in zip(names, columns.values(), strict=True)})


def _from_rows(rows: list[list[Any]], name: str, options: ReadConfig) -> tuple[pd.DataFrame, dict[str, VariableLabels]]:
    """A sheet's table and the labels of its columns.

    The first row that is not blank is the header, unless it is said to be another; blank rows are left out.
    """
    filled = [place for place, row in enumerate(rows) if any(cell != "" for cell in row)]
    if not filled:
        raise DataError(f"{name}: the sheet is empty")
    head = read_head(([cell_text(cell) for cell in row] for row in rows), options, name)
    names = column_names(head.names, name)
    data = [rows[place] for place in filled if place >= head.n_rows]
    columns = [_column([None if row[place] == "" else row[place] for row in data]) for place in range(len(names))]
    used = [place for place in range(len(names)) if head.names[place] or columns[place].notna().any()]
    table = pd.DataFrame({names[place]: columns[place] for place in used})
    labels = {name: label for name, label in labels_of(names, head.labels).items() if name in table.columns}
    # Numbers that are kept as text, as spreadsheets that were made from text have them.
    return numbers_between_empty_marks(table, decimal_comma=options.decimal == ","), labels


def _column(cells: Any) -> pd.Series:
    """One column: numbers, moments, or cells as they are; truth values are the words TRUE and FALSE."""
    if isinstance(cells, np.ndarray):
        return pd.Series(cells)
    kinds = {type(cell) for cell in cells} - {type(None)}
    if not kinds:
        return pd.Series(np.full(len(cells), np.nan))
    if kinds <= {int, float}:
        return pd.Series(np.array(cells, dtype=np.float64))
    if kinds <= {datetime.datetime, datetime.date, pd.Timestamp} and kinds != {datetime.date}:
        moments = pd.to_datetime(pd.Series(cells, dtype=object), errors="coerce")
        if pd.api.types.is_datetime64_any_dtype(moments.dtype) and int(moments.notna().sum()) == _present(cells):
            return moments
    if bool in kinds or not kinds <= {str, float, int, datetime.date, datetime.datetime, datetime.time}:
        cells = [_as_word(cell) for cell in cells]
    return pd.Series(cells) if kinds == {str} else pd.Series(cells, dtype=object)


def _present(cells: list[Any]) -> int:
    return sum(cell is not None for cell in cells)


def _as_word(cell: object) -> object:
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "backslashreplace")
    return cell if cell is None or isinstance(cell, (str, int, float)) else str(cell)
