"""One item: from its column as delivered to valid answers, with what was set aside and why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from qa_reports.config import ItemConfig
from qa_reports.survey.answer_classes import ClassArray, classes_where, classes_without_codes
from qa_reports.survey.codes import CodesInForce, Recode, as_code, find_codes
from qa_reports.survey.columns import BoolArray, FloatArray, numbers_or_error
from qa_reports.survey.interviewers import Interviewers, Tally
from qa_reports.survey.label_words import reasons_of_labels
from qa_reports.survey.readers import VariableLabels


@dataclass(frozen=True, slots=True, eq=False)
class ItemResponses:
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


@dataclass(frozen=True, slots=True)
class OutOfRange:
    """Answers of one item outside its declared scale, set aside."""

    item: str
    value: float
    n: int
    interviewers: Tally


@dataclass(frozen=True, slots=True, eq=False)
class CleanItem:
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
    """Set declared codes to missing and values outside the declared scale aside.

    Raises:
        DataError: a cell holds neither a number, nor a declared code, nor nothing.
    """
    coded = find_codes(column, codes)
    cells = numbers_or_error(column, coded.any_code, "items", file)
    answers = np.where(coded.any_code, np.nan, cells.numbers)
    outside = _outside(answers, item.scale)
    suspects = np.where(outside, answers, np.nan)
    answers = np.where(outside, np.nan, answers)
    classes = classes_without_codes(answers, suspects)
    for _, reason, found in coded.found:
        classes = classes_where(found, reason, classes)
    responses = ItemResponses(
        name=item.name,
        label=item.label or labels.label or item.name,
        scale=item.scale,
        categories=_categories(labels, codes, item.scale),
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
            OutOfRange(item.name, float(value), int((at := suspects == value).sum()), interviewers.tally(at))
            for value in np.unique(suspects[outside])
        ),
    )


def _outside(answers: FloatArray, scale: tuple[float, float] | None) -> BoolArray:
    if scale is None:
        return np.zeros(len(answers), dtype=bool)
    low, high = scale
    return (answers < low) | (answers > high)


def _categories(
    labels: VariableLabels, codes: CodesInForce, scale: tuple[float, float] | None
) -> tuple[tuple[float, str], ...]:
    """Labelled values that are answers: no code, inside the scale, and not labelled as a non-answer."""
    low, high = scale or (-np.inf, np.inf)
    numbered = ((value, label) for raw, label in labels.values if isinstance(value := as_code(raw), float))
    inside = ((value, label) for value, label in numbered if low <= value <= high and not codes.covers(value))
    non_answers = reasons_of_labels((as_code(raw), label) for raw, label in labels.values)
    return tuple(sorted((value, label) for value, label in inside if value not in non_answers))
