"""Where a table's names, labels and data begin, when they do not stand in its first row and below it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from msgspec import Struct

from qa_reports.config import ReadConfig
from qa_reports.errors import DataError
from qa_reports.survey.readers.delivered import VariableLabels


class Head(Struct, frozen=True):
    """What stands above the data."""

    names: list[str]
    labels: list[str]
    """Empty without a row of labels."""
    n_rows: int


class CutText(Struct, frozen=True):
    """A table of text whose first line is a header of the right width and whose next begins the data."""

    text: str
    head: Head
    n_lines: int
    """Lines of the file that stand above the data."""


def has_head(options: ReadConfig) -> bool:
    """Whether the configuration says anything of the rows."""
    return not (options.names_row is None and options.labels_row is None and options.first_row is None)


def read_head(rows: Iterable[list[str]], options: ReadConfig, name: str) -> Head:
    """Take the rows above the data, counted as a spreadsheet does; a blank one stands for the next that is not.

    Args:
        rows: the file's from the first; no more are taken than stand above the data.
        options: what the configuration says of them.
        name: of the file, in messages.

    Raises:
        DataError: the file has no such row.
    """
    taken: list[list[str]] = []
    left = iter(rows)
    wanted = {"names_row": options.names_row or 1} | (
        {} if options.labels_row is None else {"labels_row": options.labels_row}
    )
    found = {key: _filled(taken, left, number, key, name) for key, number in sorted(wanted.items(), key=lambda p: p[1])}
    if options.first_row is not None:
        taken.extend(islice(left, max(0, options.first_row - 1 - len(taken))))
    return Head(found["names_row"], found.get("labels_row", []), len(taken))


def _filled(taken: list[list[str]], left: Iterator[list[str]], number: int, key: str, name: str) -> list[str]:
    """The first row from this number on that is not blank, with those before it in `taken`."""
    for place in range(number - 1, len(taken)):
        if any(cell.strip() for cell in taken[place]):
            return taken[place]
    for row in left:
        taken.append(row)
        if len(taken) >= number and any(cell.strip() for cell in row):
            return row
    raise DataError(f"{name}: read.{key} is {number}, and the file has no row from there on that is not blank")


def labels_of(names: Sequence[str], labels: Sequence[str]) -> dict[str, VariableLabels]:
    """Column -> its label, on one line, where the row of labels has one."""
    told = zip(names, labels, strict=False)
    return {name: VariableLabels(" ".join(label.split())) for name, label in told if label.strip()}


def cut_text(text: str, delimiter: str, options: ReadConfig, name: str) -> CutText:
    """Take the names and labels from the head of a text.

    Raises:
        DataError: the text has no such rows.
    """
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        head = read_head(reader, options, name)
    except csv.Error as error:
        raise DataError(f"{name}: line {reader.line_num}: {error}; a quote may not be closed") from None
    header = delimiter.join("-" * len(head.names))
    return CutText(f"{header}\n{text[lines.tell() :]}", head, reader.line_num)
