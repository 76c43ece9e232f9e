"""A codebook: a table that says of each column what its values mean, for files that do not say it themselves."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TypeAlias, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from qa_reports.config import code_range
from qa_reports.errors import DataError
from qa_reports.survey.codes import as_code
from qa_reports.survey.columns import as_text, did_you_mean
from qa_reports.survey.readers import FileProvenance, VariableLabels, read_data_file

_Key = TypeVar("_Key")
_Said = TypeVar("_Said")
_Value: TypeAlias = float | str | tuple[float, float]
"""A value, or the ends of a range."""

_COLUMNS = ("variable", "label", "value", "category", "missing")
_YES = frozenset({"1", "true", "yes", "y", "x"})
_NO = frozenset({"0", "false", "no", "n"})
_LINE_OF_FIRST_ROW = 2


class Codebook(Struct, frozen=True, eq=False):
    """What a codebook says, by variable."""

    variables: dict[str, VariableLabels]
    flagged: frozenset[str]
    """Variables of which it says which values are missing, be it none; of the others it says nothing about that."""
    provenance: FileProvenance
    notes: tuple[str, ...] = ()
    """What a reader should know of what it does not say."""


def read_codebook(folder: Path, name: str) -> Codebook:
    """Read a table with the columns variable, label, value, category, missing; one row per value of a variable.

    Needed are variable, and label or value. A variable's label may stand in each of its rows or in one; `value` may be
    a range such as 90..99; `missing` is 1 or 0 (or yes, no, true, false), and blank where nothing is said.

    Raises:
        DataError: the file is unreadable, or a row contradicts another or itself; the message names the line.
    """
    file = read_data_file(folder, name)
    columns = {str(column).strip().casefold(): file.table[column] for column in file.table}
    if "variable" not in columns:
        raise DataError(f"{name}: the column variable is missing; {_needed('variable', columns)}")
    if not {"label", "value"} & set(columns):
        raise DataError(f"{name}: the columns label and value are missing; {_needed('value', columns)}")
    blank = [""] * len(file.table)
    cells = [as_text(columns[column]) if column in columns else blank for column in _COLUMNS]
    entries: dict[str, _Entry] = {}
    for line, row in enumerate(zip(*cells, strict=True), start=_LINE_OF_FIRST_ROW):
        variable, label, value, category, missing = (str(cell) for cell in row)
        where = f"{name}:{line}"
        if not variable and (label or value or category):
            raise DataError(f"{where}: the column variable is empty; give the name of the variable")
        if variable:
            entry = entries.setdefault(variable, _Entry(variable))
            entry.add_label(label, where)
            entry.add_value(value, category, _flag(missing, where), where)
    return Codebook(
        variables={variable: entry.labels() for variable, entry in entries.items()},
        flagged=frozenset(variable for variable, entry in entries.items() if entry.flags),
        provenance=file.provenance,
        notes=tuple(_notes(name, columns)),
    )


def _needed(column: str, columns: Collection[str]) -> str:
    hint = did_you_mean(column, _others(columns)) or f"; this file has {', '.join(columns)}"
    return f"a codebook has the columns {', '.join(_COLUMNS)}{hint}"


def _others(columns: Iterable[str]) -> list[str]:
    """Columns that are none of a codebook's: one of them may be meant."""
    return [column for column in columns if column not in _COLUMNS]


def _notes(name: str, columns: Collection[str]) -> Iterator[str]:
    if "value" in columns and "category" not in columns:
        hint = did_you_mean("category", _others(columns))
        yield (
            f"{name}: the column category is missing, so values have no labels, and missing codes no reason but "
            f'"Missing"{hint or "."}'
        )


def describe_columns(
    labels: dict[str, VariableLabels], codebook: Codebook, columns: Iterable[str]
) -> dict[str, VariableLabels]:
    """The labels of the data's columns, with what the codebook says of each in place of what the file says.

    The codebook's variable label, value labels and missing values count where it gives any; names match in any case
    where no other column has the same letters.

    Raises:
        DataError: the codebook describes none of the columns.
    """
    names = list(columns)
    folded = {name.casefold(): name for name in codebook.variables}
    described = dict(labels)
    known = 0
    for column in names:
        name = column if column in codebook.variables else folded.get(column.casefold())
        if name is None:
            continue
        known += 1
        said, own = codebook.variables[name], labels.get(column, VariableLabels())
        merged = replace(own, label=said.label or own.label, values=said.values or own.values)
        if name in codebook.flagged:
            merged = replace(merged, user_missing=said.user_missing, user_missing_ranges=said.user_missing_ranges)
        described[column] = merged
    if not known:
        first = next(iter(codebook.variables), "")
        raise DataError(
            f"{codebook.provenance.path}: describes none of the columns of the data (its first variable is "
            f'"{first}"); name the codebook of these data under data.codebook'
        )
    return described


class _Entry(Struct):
    """One variable while its rows are read."""

    variable: str
    label: str = ""
    label_line: str = ""
    categories: dict[float | str, tuple[str, str]] = field(default_factory=dict)
    """Value -> (category, where it stands)."""
    flags: dict[_Value, tuple[bool, str]] = field(default_factory=dict)
    """Value or range -> (whether it is missing, where it stands)."""

    def add_label(self, label: str, where: str) -> None:
        if label and self.label and label != self.label:
            raise DataError(f"{where}: {self.variable} has another label than at {self.label_line}; keep one")
        if label:
            self.label, self.label_line = label, self.label_line or where

    def add_value(self, value: str, category: str, missing: bool | None, where: str) -> None:
        if not value:
            if category or missing is not None:
                raise DataError(f"{where}: the column value is empty; give the value")
            return
        ends = code_range(value)
        code = as_code(value)
        if ends is not None and missing and isinstance(code, str):
            self._remember(self.flags, ends, missing, where)
            return
        if category:
            self._remember(self.categories, code, category, where)
        if missing is not None:
            self._remember(self.flags, code, missing, where)

    def _remember(self, said: dict[_Key, tuple[_Said, str]], key: _Key, what: _Said, where: str) -> None:
        earlier = said.setdefault(key, (what, where))
        if earlier[0] != what:
            raise DataError(f"{where}: contradicts {earlier[1]}, which is about the same value; keep one")

    def labels(self) -> VariableLabels:
        missing = [value for value, (is_missing, _) in self.flags.items() if is_missing]
        return VariableLabels(
            label=self.label or None,
            values=tuple((value, category) for value, (category, _) in self.categories.items()),
            user_missing=tuple(value for value in missing if not isinstance(value, tuple)),
            user_missing_ranges=tuple(value for value in missing if isinstance(value, tuple)),
        )


def _flag(text: str, where: str) -> bool | None:
    """Whether a value is missing; None where the cell is empty."""
    if text.casefold() in _YES | _NO:
        return text.casefold() in _YES
    if text:
        raise DataError(f"{where}: missing is '{text[:40]}'; it should be 1 (no answer) or 0 (an answer)")
    return None
