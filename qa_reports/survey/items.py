"""One item: from its column as delivered to valid answers, with what was set aside and why."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
from msgspec import Struct
from msgspec.structs import replace

from qa_reports.config import ItemConfig
from qa_reports.survey.answer_classes import ClassArray, classes_where, classes_without_codes
from qa_reports.survey.codes import CodesInForce, Recode, as_code, find_codes
from qa_reports.survey.columns import BoolArray, FloatArray, numbers_or_error, read_cells
from qa_reports.survey.interviewers import Interviewers, Tally
from qa_reports.survey.label_words import reasons_of_labels
from qa_reports.survey.readers import VariableLabels

_TEXT_REMEDY = (
    "list its answers in their order under categories, declare what is no answer under missing_codes, or recode them"
)


class ItemResponses(Struct, frozen=True, eq=False):
    """The answers to one item, cleaned. n is the number of interviews used (`Survey.n_interviews`)."""

    name: str
    label: str
    """The configuration's label, else the file's, else the name."""
    scale: tuple[float, float] | None
    """Lowest and highest valid answer, where declared."""
    categories: tuple[tuple[float, str], ...]
    """(answer, its label) of valid answers, where the file has value labels."""
    answers: FloatArray
    """(n,), NaN where there is no valid answer."""
    suspects: FloatArray
    """(n,), the value as delivered where it was set aside as a code suspect, else NaN."""
    answer_class: ClassArray
    """(n,) an `AnswerClass` each: what the interview has for the item, and why where it has no answer."""
    reversed: bool = False
    """Whether the scale was turned round: `answers` and `categories` then are lowest + highest - delivered."""

    def scored(self, value: float) -> float:
        """A value as delivered, on the scale of `answers`."""
        return sum(self.scale) - value if self.reversed and self.scale is not None else value


class OutOfRange(Struct, frozen=True):
    """Answers of one item outside its declared scale, set aside."""

    item: str
    value: float
    n: int
    interviewers: Tally


class CleanItem(Struct, frozen=True, eq=False):
    """An item with everything its cleaning leaves for the record."""

    responses: ItemResponses
    codes: CodesInForce
    labels: VariableLabels
    delivered: FloatArray
    """(n,) every number in the file, codes among them; NaN elsewhere."""
    coded: BoolArray
    """(n,) answers that are a declared code."""
    blank: BoolArray
    """(n,) cells empty as delivered."""
    recodes: tuple[Recode, ...]
    out_of_range: tuple[OutOfRange, ...]


def clean_item(
    column: pd.Series,
    item: ItemConfig,
    codes: CodesInForce,
    labels: VariableLabels,
    interviewers: Interviewers,
    file: str,
) -> CleanItem:
    """Number answers that stand as text, set declared codes to missing and values outside the declared scale aside.

    Raises:
        DataError: a cell holds neither a number, nor a known answer, nor a declared code, nor nothing.
    """
    column = _numbered(column, item, codes, labels)
    coded = find_codes(column, codes)
    cells = numbers_or_error(column, coded.any_code, "items", file, _TEXT_REMEDY)
    answers = np.where(coded.any_code, np.nan, cells.numbers)
    outside = _outside(answers, item.valid_range)
    suspects = np.where(outside, answers, np.nan)
    answers = np.where(outside, np.nan, answers)
    classes = classes_without_codes(answers, suspects)
    for _, reason, found in coded.found:
        classes = classes_where(found, reason, classes)
    responses = ItemResponses(
        name=item.name,
        label=item.label or labels.label or item.name,
        scale=item.valid_range,
        categories=_categories(item, labels, codes),
        answers=answers,
        suspects=suspects,
        answer_class=classes,
    )
    return CleanItem(
        responses=responses,
        codes=codes,
        labels=labels,
        delivered=cells.numbers,
        coded=coded.any_code,
        blank=cells.empty_mark & ~coded.any_code,
        recodes=coded.recodes(item.name, interviewers),
        out_of_range=tuple(
            OutOfRange(item.name, float(value), interviewers.total(at := suspects == value), interviewers.tally(at))
            for value in np.unique(suspects[outside])
        ),
    )


def scored_answers(
    column: pd.Series, item: ItemConfig, codes: CodesInForce, labels: VariableLabels, key: str, file: str
) -> FloatArray:
    """(n,) the valid answers in another column of the same item, as `ItemResponses.answers` has them.

    Raises:
        DataError: as in `clean_item`; the message names `key`.
    """
    column = _numbered(column, item, codes, labels)
    coded = find_codes(column, codes).any_code
    answers = np.where(coded, np.nan, numbers_or_error(column, coded, key, file, _TEXT_REMEDY).numbers)
    answers = np.where(_outside(answers, item.valid_range), np.nan, answers)
    return sum(item.valid_range) - answers if item.reverse and item.valid_range is not None else answers


def _outside(answers: FloatArray, scale: tuple[float, float] | None) -> BoolArray:
    if scale is None:
        return np.zeros(len(answers), dtype=bool)
    low, high = scale
    return (answers < low) | (answers > high)


def reverse(responses: ItemResponses) -> ItemResponses:
    """Turn the scale round: the lowest answer becomes the highest. `suspects` stay as delivered."""
    if responses.scale is None:
        return responses
    ends = sum(responses.scale)
    categories = tuple(sorted((ends - value, label) for value, label in responses.categories))
    return replace(responses, answers=ends - responses.answers, categories=categories, reversed=True)


def _numbered(column: pd.Series, item: ItemConfig, codes: CodesInForce, labels: VariableLabels) -> pd.Series:
    """The column with answers that stand there as text replaced by their numbers, where these are known."""
    if not read_cells(column).other.any():
        return column
    declared = {_folded(code) for code, _ in codes.codes if isinstance(code, str)}
    numbers = {text: number for text, number in _numbers_of_texts(item, codes, labels).items() if text not in declared}
    places, distinct = pd.factorize(column)
    answers = [numbers.get(_folded(cell), cell) if isinstance(cell, str) else cell for cell in distinct]
    return pd.Series(np.array([*answers, None], dtype=object)[places], index=column.index, name=column.name)


def _numbers_of_texts(item: ItemConfig, codes: CodesInForce, labels: VariableLabels) -> dict[str, float]:
    """Text -> number, from the item's categories and the labels of codes, else from all labels that name one value."""
    labelled = [(code, _folded(label)) for raw, label in labels.values if isinstance(code := as_code(raw), float)]
    count = Counter(text for _, text in labelled)
    by_label = {text: code for code, text in labelled if count[text] == 1}
    if item.categories is None:
        return by_label
    of_codes = {text: code for text, code in by_label.items() if codes.covers(code)}
    return of_codes | {_folded(text): number for number, text in item.categories.items()}


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


def _categories(item: ItemConfig, labels: VariableLabels, codes: CodesInForce) -> tuple[tuple[float, str], ...]:
    """The configuration's, else the labelled values that are answers: no code, inside the scale, no non-answer."""
    if item.categories is not None:
        return tuple(sorted(item.categories.items()))
    low, high = item.valid_range or (-np.inf, np.inf)
    numbered = ((value, label) for raw, label in labels.values if isinstance(value := as_code(raw), float))
    inside = ((value, label) for value, label in numbered if low <= value <= high and not codes.covers(value))
    non_answers = reasons_of_labels((as_code(raw), label) for raw, label in labels.values)
    return tuple(sorted((value, label) for value, label in inside if value not in non_answers))
