"""`where:`, a filter over columns: parsed and walked, never evaluated as code."""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from msgspec import Struct

from qa_reports.errors import ConfigError
from qa_reports.survey.columns import BoolArray, as_text, number_text, parse_number, read_cells, require_column

ALLOWED = (
    "allowed are columns (`like this` where the name is no single word), numbers, 'quoted text', == != < <= > >=, "
    "in [...], not in [...], and, or, not, and parentheses"
)

_TOKEN = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`([^`]+)`""")
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], object]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


class RowFilter(Struct, frozen=True):
    """A parsed `where:`; `matching` applies it to a table."""

    text: str
    expression: ast.expr
    quoted: tuple[str, ...]
    """Column names that stood in backticks; `_quoted_0_` in the expression is the first."""

    @property
    def columns(self) -> list[str]:
        """The columns it compares, each once."""
        names = (node.id for node in ast.walk(self.expression) if isinstance(node, ast.Name))
        return list(dict.fromkeys(self.name(name) for name in names))

    def name(self, identifier: str) -> str:
        """The column that a name in the expression stands for."""
        quoted = re.fullmatch(r"_quoted_([0-9]+)_", identifier)
        return self.quoted[int(quoted.group(1))] if quoted else identifier

    def matching(self, table: pd.DataFrame, files: str) -> BoolArray:
        """(n,) the rows for which the filter holds. A blank cell only fulfils `!=`, `not in` and `== ''`.

        Raises:
            DataError: the filter names a column that the table does not have.
        """
        return _Evaluation(self, table, files).truth(self.expression)


def parse_where(text: str) -> RowFilter:
    """Parse a filter such as `cntry == 'CH' and agea >= 15`.

    Raises:
        ConfigError: the text is not such a filter; the message shows it and says what is allowed.
    """
    quoted: list[str] = []

    def without_backticks(token: re.Match[str]) -> str:
        if token.group(1) is None:
            return token.group(0)
        quoted.append(token.group(1))
        return f"_quoted_{len(quoted) - 1}_"

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python comments on style, such as "\d" in a text
            expression = ast.parse(_TOKEN.sub(without_backticks, text).strip(), mode="eval").body
        _check_truth(expression, text)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
        hint = "; write == to compare" if re.search(r"(?<![=!<>])=(?!=)", text) else ""
        raise ConfigError(f"data.where: {text!r} cannot be read{hint}; {ALLOWED}") from None
    return RowFilter(text, expression, tuple(quoted))


def _check_truth(node: ast.expr, text: str) -> None:
    """Every node that is not on the short list is refused here, before any of them is looked at again."""
    match node:
        case ast.BoolOp(values=parts):
            for part in parts:
                _check_truth(part, text)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            _check_truth(operand, text)
        case ast.Compare(left=left, ops=ops, comparators=others):
            _check_operand(left, text)
            if len(ops) > 1 and any(isinstance(operation, ast.In | ast.NotIn) for operation in ops):
                raise ConfigError(f"data.where: {text!r}: 'in' stands in no chain, write and; {ALLOWED}")
            for operation, other in zip(ops, others, strict=True):
                _check_comparison(operation, other, text)
            if not any(isinstance(part, ast.Name) for part in [left, *others]):
                raise ConfigError(f"data.where: {text!r} compares no column; {ALLOWED}")
        case _:
            raise ConfigError(f"data.where: {text!r}: {ast.unparse(node)!r} is no comparison; {ALLOWED}")


def _check_comparison(operation: ast.cmpop, other: ast.expr, text: str) -> None:
    if isinstance(operation, ast.In | ast.NotIn):
        if not isinstance(other, ast.List | ast.Tuple) or any(_constant(part) is None for part in other.elts):
            raise ConfigError(f"data.where: {text!r}: 'in' takes a list of numbers or texts, e.g. in [1, 2]; {ALLOWED}")
    elif type(operation) in _COMPARISONS:
        _check_operand(other, text)
    else:
        raise ConfigError(f"data.where: {text!r}: 'is' is no comparison, write ==; {ALLOWED}")


def _check_operand(node: ast.expr, text: str) -> None:
    if not isinstance(node, ast.Name) and _constant(node) is None:
        raise ConfigError(f"data.where: {text!r}: {ast.unparse(node)!r} is no column, number or text; {ALLOWED}")


def _constant(node: ast.expr) -> float | str | None:
    """The number or text a node stands for, or None."""
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=bool())):
            return None
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -float(number)
        case ast.Constant(value=bool()):
            return None
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Constant(value=str() as literal):
            return literal
        case _:
            return None


class _Evaluation(Struct, frozen=True, eq=False):
    """One filter over one table."""

    row_filter: RowFilter
    table: pd.DataFrame
    files: str

    def truth(self, node: ast.expr) -> BoolArray:
        match node:
            case ast.BoolOp(op=operation, values=parts):
                combine = np.logical_and if isinstance(operation, ast.And) else np.logical_or
                return np.asarray(combine.reduce([self.truth(part) for part in parts]), dtype=bool)
            case ast.UnaryOp(operand=operand):
                return ~self.truth(operand)
            case ast.Compare(left=left, ops=ops, comparators=others):
                lefts = [left, *others[:-1]]
                steps = [self._step(*step) for step in zip(lefts, ops, others, strict=True)]
                return np.asarray(np.logical_and.reduce(steps), dtype=bool)
        raise AssertionError(f"parse_where let {ast.dump(node)} pass")

    def _step(self, left: ast.expr, operation: ast.cmpop, right: ast.expr) -> BoolArray:
        if isinstance(operation, ast.In | ast.NotIn) and isinstance(right, ast.List | ast.Tuple):
            found = np.logical_or.reduce(
                [np.zeros(len(self.table), dtype=bool), *(self._compare(left, ast.Eq(), part) for part in right.elts)]
            )
            return np.asarray(found ^ isinstance(operation, ast.NotIn), dtype=bool)
        return self._compare(left, operation, right)

    def _compare(self, left: ast.expr, operation: ast.cmpop, right: ast.expr) -> BoolArray:
        """Numbers where one side is a number or both are columns of numbers, else text. Blank is equal to '' only."""
        sides = [self._side(left), self._side(right)]
        as_numbers = any(isinstance(side, float) for side in sides) or all(_is_numeric(side) for side in sides)
        values = [_numbers(side) if as_numbers else _texts(side) for side in sides]
        with np.errstate(invalid="ignore"):
            result = np.asarray(_COMPARISONS[type(operation)](*values), dtype=bool)
        if not as_numbers and not isinstance(operation, ast.Eq | ast.NotEq):
            for value in values:
                result = result & (np.asarray(value) != "")
        return np.broadcast_to(result, len(self.table)).copy()

    def _side(self, node: ast.expr) -> pd.Series | float | str:
        if isinstance(node, ast.Name):
            return require_column(
                self.table, self.row_filter.name(node.id), f"data.where: {self.row_filter.text}", self.files
            )
        constant = _constant(node)
        assert constant is not None
        return constant


def _is_numeric(side: pd.Series | float | str) -> bool:
    if isinstance(side, str):
        return parse_number(side) is not None
    return isinstance(side, float) or pd.api.types.is_numeric_dtype(side.dtype)


def _numbers(side: pd.Series | float | str) -> object:
    if isinstance(side, pd.Series):
        return read_cells(side).numbers
    return side if isinstance(side, float) else parse_number(side)


def _texts(side: pd.Series | float | str) -> object:
    if isinstance(side, pd.Series):
        return as_text(side)
    return number_text(side) if isinstance(side, float) else side.strip()
