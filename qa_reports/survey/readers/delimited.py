"""Tables of text: CSV and its relatives, with delimiter, encoding and decimal comma detected or told."""

from __future__ import annotations

import csv
import io
import re
import warnings
from itertools import islice
from typing import TYPE_CHECKING, NoReturn

import pandas as pd
from msgspec import Struct

from qa_reports.config import ReadConfig
from qa_reports.errors import DataError
from qa_reports.survey.columns import EMPTY_MARKS, parse_number
from qa_reports.survey.readers.decode import decode
from qa_reports.survey.readers.delivered import Delivered, column_names
from qa_reports.survey.readers.header import cut_text, has_head, labels_of

if TYPE_CHECKING:
    from _csv import Reader

_DELIMITERS = ",;\t|"
_ROWS_TO_SNIFF = 50
_EXACT_INTEGERS = 2.0**53
_LEADING_ZERO = re.compile(r"[+-]?0[0-9]+")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+")
DECIMAL_POINT = re.compile(r"[+-]?[0-9]*\.[0-9]+")
_EXCEL_SAYS = re.compile(r"sep=(.)\r?\n")


class _Dialect(Struct, frozen=True):
    """How a text is split, and the names of its columns."""

    text: str
    delimiter: str
    decimal_comma: bool | None
    """None where the cells have to tell."""
    columns: list[str]
    name: str
    lines_before: int = 0
    """Lines of the file that are not in the text."""


def read_delimited(content: bytes, inner_name: str, name: str, options: ReadConfig) -> Delivered:
    """Read a table of text; `inner_name` is the file's name without its packing, `name` what messages call it.

    Raises:
        DataError: the encoding is unclear, two columns have one name, or rows and header are not equally long.
    """
    text, notes = decode(content, name, options.encoding)
    said = _EXCEL_SAYS.match(text)  # the line by which Excel is told the delimiter
    text = text[said.end() :] if said else text
    by_name = "\t" if inner_name.lower().endswith((".tsv", ".tab")) else None
    skipped = (options.names_row or 1) - 1
    delimiter = options.delimiter or (said.group(1) if said else by_name) or sniff_delimiter(text, skipped)
    comma = None if options.decimal is None else options.decimal == ","
    if has_head(options):
        cut = cut_text(text, delimiter, options, name)
        columns = column_names(cut.head.names, name)
        dialect = _Dialect(cut.text, delimiter, comma, columns, name, cut.n_lines - 1)
        labels = labels_of(columns, cut.head.labels)
    else:
        columns = column_names(_header(text, delimiter, name), name)
        dialect, labels = _Dialect(text, delimiter, comma, columns, name), {}
    _check_shape(dialect)
    return Delivered(_typed(dialect), labels, notes)


def _rows(text: str, delimiter: str) -> Reader:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)


def _header(text: str, delimiter: str, name: str) -> list[str]:
    try:
        return next((row for row in _rows(text, delimiter) if row), [])
    except csv.Error as error:
        raise DataError(f"{name}: the header cannot be read ({error}); a quote may not be closed") from None


def sniff_delimiter(text: str, skipped: int = 0) -> str:
    """The delimiter that splits the first rows most, into equally many cells each; else the header's commonest.

    Args:
        text: the table.
        skipped: rows before the names of the columns, which need not be as wide.
    """

    def width(delimiter: str) -> int:
        reader = islice(_rows(text, delimiter), skipped, None)
        try:
            widths = {len(row) for row, _ in zip(filter(None, reader), range(_ROWS_TO_SNIFF), strict=False)}
        except csv.Error:
            return 0
        return widths.pop() if len(widths) == 1 else 0

    best = max(_DELIMITERS, key=width)
    if width(best) > 1:
        return best
    lines = text.lstrip("\r\n").split("\n", skipped + 1)
    header = re.sub(r'"[^"]*"', "", lines[min(skipped, len(lines) - 1)])
    return max(_DELIMITERS, key=header.count)


def _check_shape(dialect: _Dialect) -> None:
    """Refuse rows that are longer or shorter than the header: pandas would shift or pad them.

    Raises:
        DataError: names the first such line, and how many there are.
    """
    name, width = dialect.name, len(dialect.columns)
    reader, wrong, first, last, end = _rows(dialect.text, dialect.delimiter), 0, (0, 0), (0, 0), 0
    try:
        for cells in reader:
            blank = len(cells) <= 1 and not "".join(cells).strip()
            if blank:
                continue
            end = reader.line_num + dialect.lines_before
            if len(cells) != width:
                first = first if wrong else (end, len(cells))
                wrong, last = wrong + 1, (end, len(cells))
    except csv.Error as error:
        line = reader.line_num + dialect.lines_before
        raise DataError(f"{name}: line {line}: {error}; a quote may not be closed") from None
    if wrong:
        _refuse_shape(dialect, wrong, first, cut_off=wrong == 1 and last[0] == end and last[1] < width)


def _refuse_shape(dialect: _Dialect, wrong: int, first: tuple[int, int], cut_off: bool) -> NoReturn:
    line, found = first
    others = f" (and {wrong - 1:,} more such)" if wrong > 1 else ""
    if cut_off:
        remedy = "it is the last line: if the file was cut off, export or copy it again; if it is a remark, delete it"
    elif found > len(dialect.columns):
        remedy = "put cells that hold the delimiter into quotes"
    else:
        remedy = "write every cell, also empty ones, and put cells that hold line breaks into quotes"
    raise DataError(
        f"{dialect.name}: line {line} holds {_counted(found, 'cell')}{others} and the header "
        f"{_counted(len(dialect.columns), 'column')}; {remedy}"
    )


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _typed(dialect: _Dialect) -> pd.DataFrame:
    """The table, with numbers where a column holds nothing but numbers and nothing is lost by it."""
    table = _parse(dialect)
    as_delivered = [str(column) for column in table if _inference_loses(table[column])]
    as_delivered += _columns_with_leading_zeros(dialect, table)
    if as_delivered:
        raw = _parse(dialect, text_columns=as_delivered)
        table = table.assign(**{column: raw[column] for column in as_delivered})
    comma = _has_decimal_commas(dialect, table) if dialect.decimal_comma is None else dialect.decimal_comma
    return numbers_between_empty_marks(table, comma, decimal_point=not dialect.decimal_comma)


def _parse(dialect: _Dialect, text_columns: list[str] | None = None) -> pd.DataFrame:
    """Parse to numbers where a column holds nothing else; only empty cells are missing. `text_columns` stay text."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                io.StringIO(dialect.text),
                sep=dialect.delimiter,
                names=dialect.columns,
                header=0,
                index_col=False,
                keep_default_na=False,
                na_values=[""],
                low_memory=False,
                decimal="," if dialect.decimal_comma and dialect.delimiter != "," else ".",
                dtype=dict.fromkeys(text_columns or [], str),
            )
    except (pd.errors.ParserWarning, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        reason = str(error).split("C error: ")[-1].strip()
        if reason == "out of memory":
            raise MemoryError from None
        raise DataError(f"{dialect.name}: not a table ({reason}); quote cells that hold the delimiter") from None


def _inference_loses(column: pd.Series) -> bool:
    """Whether reading as numbers loses what was written: TRUE, or whole numbers beyond a float's 16 digits."""
    if pd.api.types.is_bool_dtype(column.dtype) or _is_truth_beside_empty_cells(column):
        return True
    return pd.api.types.is_float_dtype(column.dtype) and bool((column.abs() >= _EXACT_INTEGERS).any())


def _is_truth_beside_empty_cells(column: pd.Series) -> bool:
    return column.dtype == object and pd.api.types.infer_dtype(column, skipna=True) == "boolean"


def _columns_with_leading_zeros(dialect: _Dialect, table: pd.DataFrame) -> list[str]:
    """Columns of numbers in which a cell such as 00123 stands: ids, whose zeros count."""
    suspicious = re.compile(rf'(?:^|[{re.escape(dialect.delimiter)}"])[ ]*[+-]?0[0-9]', re.MULTILINE)
    if not suspicious.search(dialect.text):
        return []
    numeric = [str(column) for column in table if pd.api.types.is_numeric_dtype(table[column].dtype)]
    raw = _parse(dialect, text_columns=numeric)
    return [
        column
        for column in numeric
        if any(_LEADING_ZERO.fullmatch(cell.strip()) for cell in raw[column].dropna().unique())
    ]


def _has_decimal_commas(dialect: _Dialect, table: pd.DataFrame) -> bool:
    """Whether `0,5` is a number: where semicolons separate, and where tabs or bars do and no column has `0.5`."""
    if dialect.delimiter in ",;":
        return dialect.delimiter == ";"
    if any(pd.api.types.is_float_dtype(table[column].dtype) and (table[column] % 1 != 0).any() for column in table):
        floats = [str(column) for column in table if pd.api.types.is_float_dtype(table[column].dtype)]
        raw = _parse(dialect, text_columns=floats)
        if any(DECIMAL_POINT.fullmatch(cell.strip()) for column in floats for cell in raw[column].dropna().unique()):
            return False
    return True


def numbers_between_empty_marks(table: pd.DataFrame, decimal_comma: bool, decimal_point: bool = True) -> pd.DataFrame:
    """Turn text columns into numbers that hold nothing but numbers and marks for "empty", such as R's NA."""
    converted = {}
    for column in [column for column in table.columns if _may_be_text(table[column])]:
        codes, distinct = pd.factorize(table[column])
        parsed = parse_cells([str(cell).strip() for cell in distinct], decimal_comma, decimal_point)
        if parsed is not None:
            converted[column] = pd.Series([*parsed, float("nan")], dtype="float64").take(codes).set_axis(table.index)
    return table.assign(**converted) if converted else table


def _may_be_text(column: pd.Series) -> bool:
    dtype = column.dtype
    return not pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_datetime64_any_dtype(dtype)


def parse_cells(cells: list[str], decimal_comma: bool, decimal_point: bool) -> list[float] | None:
    """The numbers of a column's distinct cells (NaN for an empty mark), or None where it is a column of text."""
    numbers: list[float] = []
    for cell in cells:
        if cell in EMPTY_MARKS:
            numbers.append(float("nan"))
            continue
        if not decimal_point and "." in cell:
            return None  # 1.234 is a thousand and more where the decimal sign is said to be a comma
        number = parse_number(cell.replace(",", ".") if decimal_comma and _DECIMAL_COMMA.fullmatch(cell) else cell)
        if number is None or _LEADING_ZERO.fullmatch(cell) or abs(number) >= _EXACT_INTEGERS:
            return None
        numbers.append(number)
    return numbers if any(number == number for number in numbers) else None
