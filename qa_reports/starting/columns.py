"""What a survey file shows about each of its columns: labels, values, missing codes."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from functools import cached_property

import numpy as np
import pandas as pd
from msgspec import Struct

from qa_reports.starting.words import plain, question_text
from qa_reports.survey.codes import as_code
from qa_reports.survey.columns import BoolArray, FloatArray, as_text, read_cells
from qa_reports.survey.label_words import reasons_of_labels
from qa_reports.survey.readers import VariableLabels

_NO_LABELS = VariableLabels()


class Column(Struct, frozen=True, eq=False, dict=True):
    """One column of a survey file of n interviews, with what the file says about it."""

    name: str
    position: int
    """Place in the file, from 0."""
    labels: VariableLabels
    cells: pd.Series
    """(n,) as delivered."""
    numbers: FloatArray
    """(n,) NaN where there is no number; user-missing codes among them."""
    holds_text: bool
    """Whether some cell holds anything but a number."""

    @cached_property
    def label(self) -> str:
        """The file's label without the question's number, on one line; the name where there is none."""
        return question_text(self.labels.label or "") or self.name

    @cached_property
    def words(self) -> str:
        """Name and label as plain words."""
        return f"{plain(self.name)} {plain(self.labels.label or '')}"

    @cached_property
    def n_present(self) -> int:
        """Cells that are not blank."""
        return int((as_text(self.cells) != "").sum())

    @cached_property
    def texts(self) -> np.ndarray:
        """(n,) cells as text, "" where blank."""
        return as_text(self.cells)

    @cached_property
    def codes(self) -> dict[float, str]:
        """Value -> reason: what the file declares user-missing or labels as no answer, in ascending order."""
        said = dict(self._numbered_labels())
        reasons = {value: reason.value for value, reason in reasons_of_labels(tuple(said.items())).items()}
        declared = {value for raw in self.labels.user_missing if isinstance(value := as_code(raw), float)}
        ranges = self.labels.user_missing_ranges
        known = {*said, *self.distinct.tolist()}
        declared |= {value for value in known if any(low <= value <= high for low, high in ranges)}
        return dict(
            sorted((value, reasons.get(value) or said.get(value) or "Missing") for value in {*reasons, *declared})
        )

    @cached_property
    def distinct(self) -> FloatArray:
        """The different numbers, ascending."""
        return np.unique(self.numbers[~np.isnan(self.numbers)])

    @cached_property
    def answer_labels(self) -> dict[float, str]:
        """Value -> label of the labelled values that are answers, ascending."""
        return dict(sorted((value, label) for value, label in self._numbered_labels() if value not in self.codes))

    @cached_property
    def answers(self) -> FloatArray:
        """(n,) the numbers without the missing codes."""
        return np.where(np.isin(self.numbers, list(self.codes)), np.nan, self.numbers)

    def value_counts(self) -> dict[float, int]:
        """Answer -> how often, ascending."""
        values, counts = np.unique(self.answers[~np.isnan(self.answers)], return_counts=True)
        return dict(zip(values.tolist(), counts.tolist(), strict=True))

    def holds_times(self) -> bool:
        """Whether the cells are times or dates with times."""
        if pd.api.types.is_datetime64_any_dtype(self.cells.dtype):
            return True
        first = self.cells.dropna().head(1).tolist()
        return bool(first) and isinstance(first[0], datetime.time | datetime.datetime)

    def _numbered_labels(self) -> Iterator[tuple[float, str]]:
        for raw, label in self.labels.values:
            value = as_code(raw)
            if isinstance(value, float):
                yield value, " ".join(label.split())


class Groups(Struct, frozen=True, eq=False):
    """The interviews by the values of one column."""

    position: np.ndarray
    """(n,) which group an interview is in, -1 where the column is blank."""
    sizes: np.ndarray
    """(groups,) interviews in each."""

    @classmethod
    def by(cls, column: Column) -> Groups:
        """Group by the cells as text, blank ones aside."""
        position, _ = pd.factorize(pd.Series(column.texts).where(column.texts != "", None))
        return cls(position, np.bincount(position[position >= 0]) if (position >= 0).any() else np.zeros(0, dtype=int))

    def is_constant_within(self, values: FloatArray) -> bool:
        """Whether every group has one value at most, blanks aside; values is (n,)."""
        present = (self.position >= 0) & ~np.isnan(values)
        low, high = np.full(len(self.sizes), np.inf), np.full(len(self.sizes), -np.inf)
        np.minimum.at(low, self.position[present], values[present])
        np.maximum.at(high, self.position[present], values[present])
        return bool((high <= low).all() or (high[high > -np.inf] <= low[high > -np.inf]).all())

    def share_within_one(self, other: Groups) -> float:
        """The share of the groups that lie, but for a tenth of their interviews, within one group of `other`."""
        both = (self.position >= 0) & (other.position >= 0)
        if not both.any():
            return 0.0
        table = np.zeros((len(self.sizes), len(other.sizes)))
        np.add.at(table, (self.position[both], other.position[both]), 1)
        total = table.sum(axis=1)
        return float((table.max(axis=1)[total > 0] >= 0.9 * total[total > 0]).mean())


def columns_of(table: pd.DataFrame, labels: dict[str, VariableLabels]) -> tuple[Column, ...]:
    """The columns of a table as delivered, in its order."""
    found = []
    for position, name in enumerate(table.columns):
        cells = read_cells(table[name])
        other: BoolArray = cells.other
        found.append(
            Column(
                str(name), position, labels.get(str(name), _NO_LABELS), table[name], cells.numbers, bool(other.any())
            )
        )
    return tuple(found)
