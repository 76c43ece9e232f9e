"""Missing codes: which are in force for a variable, and what applying them does."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd
from msgspec import Struct

from qa_reports.config import ItemConfig, ReportConfig, code_range, meets_scale
from qa_reports.errors import DataError
from qa_reports.survey.columns import BoolArray, FloatArray, as_text, number_text, parse_number, read_cells
from qa_reports.survey.interviewers import Interviewers, Tally
from qa_reports.survey.readers import VariableLabels

_CODE_LIKE = re.compile(r"-(\d|6{2,}|7{2,}|8{2,}|9+[5-8]?)|6{2,}|7+|8+|9+|9+[5-8]")
"""How agencies write missing codes: 7 8 9, 77 88 99, 66, 96 97 98, 999, and negative ones such as -1 or -88."""


class Recode(Struct, frozen=True):
    """Answers of one variable that were set to missing because of a declared code."""

    variable: str
    code: float | str
    reason: str
    n: int
    interviewers: Tally
    """(interviewer id, number of answers), most first."""


class CodeRange(Struct, frozen=True):
    """A range of missing codes, both ends included."""

    low: float
    high: float
    reason: str | None = None
    """Why; None where the file declares the range, and its value labels say it value by value."""

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    @property
    def text(self) -> str:
        """As the configuration writes it: "90..99", "..-1"."""
        return "..".join(number_text(end) if np.isfinite(end) else "" for end in (self.low, self.high))


class CodesInForce(Struct, frozen=True):
    """The missing codes of one variable: numbers and texts with their reasons, and ranges."""

    codes: tuple[tuple[float | str, str], ...] = ()
    ranges: tuple[CodeRange, ...] = ()
    value_labels: tuple[tuple[float | str, str], ...] = ()
    """The file's labels, for the reasons of codes that a range covers."""

    def covers(self, value: float) -> bool:
        """Whether a number is one of the codes."""
        return value in dict(self.codes) or any(value in one for one in self.ranges)


def as_code(code: float | str) -> float | str:
    """A code as it is compared: a number where it shows one ("77" is 77.0), else text without outer blanks."""
    if isinstance(code, str):
        number = parse_number(code)
        return code.strip() if number is None else number
    return float(code)


def looks_like_code(value: float) -> bool:
    """Whether a number is written as missing codes usually are."""
    return bool(_CODE_LIKE.fullmatch(number_text(value)))


def codes_of_item(item: ItemConfig, labels: VariableLabels, config: ReportConfig) -> CodesInForce:
    """The item's own codes, else its group's, else the file's or codebook's user-missing values, else the default.

    Raises:
        DataError: a code of the configuration lies inside the item's scale.
    """
    declared = config.declared_codes(item)
    if declared is None and (labels.user_missing or labels.user_missing_ranges):
        return codes_of_file(labels)
    codes = config.missing_codes if declared is None else declared
    scale = item.valid_range
    inside = [code for code in codes if scale is not None and meets_scale(as_code(code), scale)]
    if scale is not None and inside:
        code, low, high = as_code(inside[0]), number_text(scale[0]), number_text(scale[1])
        shown = f"{number_text(code) if isinstance(code, float) else code} ({codes[inside[0]]})"
        raise DataError(
            f"items: {item.name}: the missing code {shown} lies inside its scale {low} to {high}; "
            "give the item its own missing_codes, {} for none"
        )
    return declared_codes(codes, labels)


def own_codes(declared: Mapping[float | str, str], labels: VariableLabels) -> CodesInForce:
    """A column's own codes, else the file's user-missing values; the default for items never applies."""
    return declared_codes(declared, labels) if declared else codes_of_file(labels)


def declared_codes(codes: Mapping[float | str, str], labels: VariableLabels) -> CodesInForce:
    """The codes and ranges as the configuration writes them."""
    ends = {code: code_range(code) if isinstance(code, str) else None for code in codes}
    return CodesInForce(
        codes=(
            *((as_code(code), reason) for code, reason in codes.items() if ends[code] is None),
            *_extended_codes(labels),
        ),
        ranges=tuple(CodeRange(*found, codes[code]) for code, found in ends.items() if found is not None),
        value_labels=labels.values,
    )


def codes_of_file(labels: VariableLabels) -> CodesInForce:
    """What the file or the codebook declares as user-missing, with its value labels as reasons."""
    reasons = {as_code(value): label for value, label in labels.values}
    codes = tuple((as_code(code), reasons.get(as_code(code), "Missing")) for code in labels.user_missing)
    ranges = tuple(CodeRange(*ends) for ends in labels.user_missing_ranges)
    return CodesInForce((*codes, *_extended_codes(labels)), ranges, labels.values)


def _extended_codes(labels: VariableLabels) -> tuple[tuple[float | str, str], ...]:
    """Stata's .a to .z and SAS's .A to .Z are missing whatever else is declared."""
    reasons = dict(labels.values)
    return tuple((code, reasons.get(code, "Missing")) for code in labels.extended_missing)


class CodedCells(Struct, frozen=True, eq=False):
    """Which cells of a column hold which missing code."""

    found: tuple[tuple[float | str, str, BoolArray], ...]
    """(code, reason, (n,) cells that hold it), codes that stand nowhere left out."""
    any_code: BoolArray
    """(n,)"""

    def recodes(self, variable: str, interviewers: Interviewers) -> tuple[Recode, ...]:
        """What is on record about setting these cells to missing."""
        return tuple(
            Recode(variable, code, reason, interviewers.total(cells), interviewers.tally(cells))
            for code, reason, cells in self.found
        )


def find_codes(column: pd.Series, codes: CodesInForce) -> CodedCells:
    """Find the missing codes in a column of n cells; numbers match numbers however they are written."""
    numbers = read_cells(column).numbers
    texts = as_text(column) if any(isinstance(code, str) for code, _ in codes.codes) else None
    found: list[tuple[float | str, str, BoolArray]] = []
    any_code = np.zeros(len(column), dtype=bool)
    for code, reason in (*codes.codes, *_codes_in_ranges(numbers, codes)):
        cells = np.asarray(texts == code if isinstance(code, str) else numbers == code) & ~any_code
        if cells.any():
            found.append((code, reason, cells))
            any_code |= cells
    return CodedCells(tuple(found), any_code)


def _codes_in_ranges(numbers: FloatArray, codes: CodesInForce) -> list[tuple[float, str]]:
    """Each number of the column that a range covers, as a code of its own."""
    reasons = {as_code(value): label for value, label in codes.value_labels}
    inside: list[tuple[float, str]] = []
    for codes_in_range in codes.ranges:
        values = np.unique(numbers[(numbers >= codes_in_range.low) & (numbers <= codes_in_range.high)]).tolist()
        inside += [(value, codes_in_range.reason or reasons.get(value, "Missing")) for value in values]
    return inside
