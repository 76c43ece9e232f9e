"""Read one file as delivered: its table, what it says about its columns, and where it came from."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pandas as pd

from qa_reports.errors import DataError
from qa_reports.survey.columns import EMPTY_MARKS, did_you_mean, parse_number

_EXACT_INTEGERS = 2.0**53
_LEADING_ZERO = re.compile(r"[+-]?0[0-9]+")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")


@dataclass(frozen=True, slots=True)
class VariableLabels:
    """What a file says about one of its columns (all empty for a CSV file)."""

    label: str | None = None
    values: tuple[tuple[float | str, str], ...] = ()
    """(value, label) pairs in the file's order."""
    user_missing: tuple[float | str, ...] = ()
    """Discrete user-missing values."""
    user_missing_ranges: tuple[tuple[float, float], ...] = ()
    """Inclusive ranges of user-missing values."""


@dataclass(frozen=True, slots=True)
class FileProvenance:
    """A file that was read: its path as the configuration names it, its SHA-256 and its number of rows."""

    path: str
    sha256: str
    rows: int


@dataclass(frozen=True, slots=True, eq=False)
class DataFile:
    """One file: values as delivered, user-missing codes among them."""

    table: pd.DataFrame
    labels: dict[str, VariableLabels]
    provenance: FileProvenance


def read_data_file(folder: Path, name: str) -> DataFile:
    """Read the file `name` (as the configuration writes it, relative to `folder`).

    Raises:
        DataError: there is no such file, its kind is not supported, or it is unreadable or empty.
    """
    path = folder / name
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        kind = f'"{path.suffix}" files' if path.suffix else "a file without a suffix"
        raise DataError(f"{name}: cannot read {kind}; supported are {', '.join(_READERS)}")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        beside = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        raise DataError(f"{name}: there is no such file in {folder}{did_you_mean(path.name, beside)}") from None
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror})") from None
    if not content.removeprefix(codecs.BOM_UTF8).strip():
        raise DataError(f"{name}: the file is empty")
    table, labels = reader(path, content, name)
    if table.empty:
        raise DataError(f"{name}: the file has columns but no rows")
    return DataFile(table, labels, FileProvenance(name, hashlib.sha256(content).hexdigest(), len(table)))


def _read_csv(path: Path, content: bytes, name: str) -> tuple[pd.DataFrame, dict[str, VariableLabels]]:
    text = _decode(content, name)
    header_line = text.lstrip("\r\n").split("\n", 1)[0]
    delimiter = "\t" if path.suffix.lower() == ".tsv" else _sniff_delimiter(header_line)
    names = _column_names(text, delimiter, name)
    table = _parse_csv(text, delimiter, names, name)
    as_delivered = [str(column) for column in table if _inference_loses(table[column])]
    as_delivered += _columns_with_leading_zeros(text, delimiter, table, name)
    if as_delivered:
        raw = _parse_csv(text, delimiter, names, name, text_columns=as_delivered)
        table = table.assign(**{column: raw[column] for column in as_delivered})
    return _numbers_between_empty_marks(table, decimal_comma=delimiter == ";"), {}


def _decode(content: bytes, name: str) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f'{name}: line {line} is not UTF-8 text; save the file as "CSV UTF-8"') from None
    if "\x00" in text:
        raise DataError(f'{name}: this is not UTF-8 text (it holds null bytes); save the file as "CSV UTF-8"')
    return text


def _sniff_delimiter(header_line: str) -> str:
    """The one of comma, semicolon and tab that stands most often in the header, outside of quotes."""
    unquoted = re.sub(r'"[^"]*"', "", header_line)
    return max(",;\t", key=unquoted.count)


def _column_names(text: str, delimiter: str, name: str) -> list[str]:
    """The header's names without outer blanks; two columns of one name, which pandas would rename, are an error."""
    header = next(row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row)
    names = [cell.strip() or f"unnamed column {place}" for place, cell in enumerate(header, start=1)]
    twice = next((column for position, column in enumerate(names) if column in names[:position]), None)
    if twice is not None:
        raise DataError(f'{name}: two columns are called "{twice}"; rename one of them')
    return names


def _parse_csv(
    text: str, delimiter: str, names: list[str], name: str, text_columns: list[str] | None = None
) -> pd.DataFrame:
    """Parse to numbers where a column holds nothing else; only empty cells are missing. `text_columns` stay text."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                io.StringIO(text),
                sep=delimiter,
                names=names,
                header=0,
                index_col=False,
                keep_default_na=False,
                na_values=[""],
                low_memory=False,
                dtype=dict.fromkeys(text_columns or [], str),
            )
    except pd.errors.ParserWarning:
        raise DataError(f"{name}: rows hold more cells than the header has columns") from None
    except pd.errors.ParserError as error:
        reason = str(error).split("C error: ")[-1].strip()
        raise DataError(f"{name}: not a table ({reason}); quote cells that hold the delimiter") from None


def _inference_loses(column: pd.Series) -> bool:
    """Whether reading as numbers loses what was written: TRUE, or whole numbers beyond a float's 16 digits."""
    if pd.api.types.is_bool_dtype(column.dtype):
        return True
    return pd.api.types.is_float_dtype(column.dtype) and bool((column.abs() >= _EXACT_INTEGERS).any())


def _columns_with_leading_zeros(text: str, delimiter: str, table: pd.DataFrame, name: str) -> list[str]:
    """Columns of numbers in which a cell such as 00123 stands: ids, whose zeros count."""
    suspicious = re.compile(rf'(?:^|[{delimiter}"])[ ]*[+-]?0[0-9]', re.MULTILINE)
    if not suspicious.search(text):
        return []
    numeric = [str(column) for column in table if pd.api.types.is_numeric_dtype(table[column].dtype)]
    raw = _parse_csv(text, delimiter, list(table.columns), name, text_columns=numeric)
    return [
        column
        for column in numeric
        if any(_LEADING_ZERO.fullmatch(cell.strip()) for cell in raw[column].dropna().unique())
    ]


def _numbers_between_empty_marks(table: pd.DataFrame, decimal_comma: bool) -> pd.DataFrame:
    """Turn text columns into numbers that hold nothing but numbers and marks for "empty", such as R's NA."""
    converted = {}
    for column in table.columns[[not pd.api.types.is_numeric_dtype(dtype) for dtype in table.dtypes]]:
        codes, distinct = pd.factorize(table[column])
        parsed = _parse_cells([str(cell).strip() for cell in distinct], decimal_comma)
        if parsed is not None:
            converted[column] = pd.Series([*parsed, float("nan")], dtype="float64").take(codes).set_axis(table.index)
    return table.assign(**converted) if converted else table


def _parse_cells(cells: list[str], decimal_comma: bool) -> list[float] | None:
    """The numbers of a column's distinct cells (NaN for an empty mark), or None where it is a column of text."""
    numbers: list[float] = []
    for cell in cells:
        if cell in EMPTY_MARKS:
            numbers.append(float("nan"))
            continue
        number = parse_number(cell.replace(",", ".") if decimal_comma and _DECIMAL_COMMA.fullmatch(cell) else cell)
        if number is None or _LEADING_ZERO.fullmatch(cell) or abs(number) >= _EXACT_INTEGERS:
            return None
        numbers.append(number)
    return numbers if any(number == number for number in numbers) else None


def _read_sav(path: Path, content: bytes, name: str) -> tuple[pd.DataFrame, dict[str, VariableLabels]]:
    import pyreadstat

    try:
        table, metadata = pyreadstat.read_sav(str(path), user_missing=True, apply_value_formats=False)
    except (pyreadstat.ReadstatError, pyreadstat.PyreadstatError, UnicodeDecodeError) as error:
        raise DataError(f"{name}: not a readable SPSS file ({error})") from None
    missing_ranges = cast("dict[str, list[dict[str, float | str]]]", metadata.missing_ranges)
    value_labels = cast("dict[str, dict[float | str, str]]", metadata.variable_value_labels)
    labels = {
        column: _spss_labels(
            metadata.column_names_to_labels.get(column),
            value_labels.get(column, {}),
            [(entry["lo"], entry["hi"]) for entry in missing_ranges.get(column, [])],
        )
        for column in table.columns
    }
    return table, labels


def _spss_labels(
    label: str | None, values: dict[float | str, str], missing: list[tuple[float | str, float | str]]
) -> VariableLabels:
    """SPSS writes a discrete user-missing value as a range from the value to itself."""
    ranges = tuple((float(low), float(high)) for low, high in missing if low != high)
    discrete = tuple(low for low, high in missing if low == high)
    return VariableLabels(label or None, tuple(values.items()), discrete, ranges)


_Reader = Callable[[Path, bytes, str], tuple[pd.DataFrame, dict[str, VariableLabels]]]

_READERS: dict[str, _Reader] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".sav": _read_sav,
    ".zsav": _read_sav,
}
