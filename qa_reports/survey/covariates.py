"""Covariates: a column per interview becomes numbers or levels; interviewer covariates become one value each."""

from __future__ import annotations

from collections import Counter
from typing import Literal

import numpy as np
import pandas as pd
from msgspec import Struct
from msgspec.structs import replace

from qa_reports.config import CovariateConfig
from qa_reports.config.yaml_text import yaml_quoted, yaml_text
from qa_reports.errors import DataError
from qa_reports.survey.codes import Recode, as_code, find_codes, own_codes
from qa_reports.survey.columns import (
    BoolArray,
    FloatArray,
    IntArray,
    as_text,
    number_text,
    numbers_or_error,
    read_cells,
)
from qa_reports.survey.interviewers import Interviewers, counted, natural_key
from qa_reports.survey.label_words import reasons_of_labels
from qa_reports.survey.readers import VariableLabels

_TEXT_REMEDY = (
    "if its values are words, set type: categorical for it; else recode them, or declare what is no value under its "
    "own missing_codes"
)
_MOST_NAMED = 20
_MOST_SHOWN = 5
_MOST_VALUES = 3
"""Values of one interviewer that a message shows; with more they are hardly a slip in the file."""


class Covariate(Struct, frozen=True, eq=False):
    """A respondent covariate (values per interview) or an interviewer covariate (values per interviewer)."""

    name: str
    label: str
    kind: Literal["numeric", "categorical"]
    values: FloatArray
    """(n,) or (J,): the number, or the position in `levels`; NaN where missing."""
    levels: tuple[str, ...]
    """The categories of a categorical covariate, the first is the reference; empty for a numeric one."""


class CleanCovariate(Struct, frozen=True, eq=False):
    """A covariate with what its cleaning leaves for the record."""

    covariate: Covariate
    recodes: tuple[Recode, ...]
    notes: tuple[str, ...] = ()


def respondent_covariate(
    column: pd.Series,
    wanted: CovariateConfig,
    labels: VariableLabels,
    interviewers: Interviewers,
    file: str,
    key: str = "respondent_covariates",
) -> CleanCovariate:
    """A covariate with one value per interview, its own missing codes set to missing; `key` asks for it.

    Raises:
        DataError: a numeric covariate holds text.
    """
    coded = find_codes(column, own_codes(wanted.missing_codes, labels))
    levels: tuple[str, ...] = ()
    if wanted.type == "categorical":
        values, levels = levels_of(column, coded.any_code, labels)
    else:
        cells = numbers_or_error(column, coded.any_code, key, file, _TEXT_REMEDY)
        values = np.where(coded.any_code, np.nan, cells.numbers)
    label = wanted.label or labels.label or wanted.name
    covariate = Covariate(wanted.name, label, wanted.type, values, levels)
    return CleanCovariate(covariate, coded.recodes(wanted.name, interviewers))


def interviewer_covariate(
    column: pd.Series, wanted: CovariateConfig, labels: VariableLabels, interviewers: Interviewers, file: str
) -> CleanCovariate:
    """A covariate with one value per interviewer; where it is missing in some interviews, the others tell it.

    Raises:
        DataError: an interviewer has two different values, or a numeric covariate holds text.
    """
    per_interview = respondent_covariate(column, wanted, labels, interviewers, file, "interviewers.covariates")
    values = per_interview.covariate.values
    low = np.full(len(interviewers.ids), np.nan)
    high = low.copy()
    np.fmin.at(low, interviewers.position, values)
    np.fmax.at(high, interviewers.position, values)
    if (high > low).any():
        raise DataError(
            _varying(column, per_interview.covariate, labels, interviewers, np.flatnonzero(high > low), file)
        )
    known = ~np.isnan(low)
    repaired = np.flatnonzero(known & (interviewers.counts(np.isnan(values)) > 0))
    notes = [
        f"{wanted.name}: missing in some interviews of {counted(len(repaired), 'interviewer')} "
        f"({_names(interviewers, repaired)}); taken from their others."
    ]
    absent = np.flatnonzero(~known)
    unknown = [f"{wanted.name}: not known for {counted(len(absent), 'interviewer')} ({_names(interviewers, absent)})."]
    return CleanCovariate(
        replace(per_interview.covariate, values=low),
        per_interview.recodes,
        (*(notes if len(repaired) else []), *(unknown if len(absent) else [])),
    )


def _names(interviewers: Interviewers, positions: IntArray) -> str:
    names = ", ".join(interviewers.ids[j] for j in positions[:_MOST_NAMED])
    return f"{names}, ..." if len(positions) > _MOST_NAMED else names


def _varying(
    column: pd.Series,
    covariate: Covariate,
    labels: VariableLabels,
    interviewers: Interviewers,
    positions: IntArray,
    file: str,
) -> str:
    """Which interviewers have several values of an interviewer covariate and which, and what could be declared."""
    said = []
    for j in positions[:_MOST_SHOWN]:
        theirs = covariate.values[interviewers.position == j]
        values = np.unique(theirs[~np.isnan(theirs)])
        shown = [_shown(covariate, value) for value in values[:_MOST_VALUES]]
        if len(values) > _MOST_VALUES:
            shown.append(f"{len(values) - _MOST_VALUES:,} more values")
        said.append(f"interviewer {interviewers.ids[j]} has {'both ' if len(shown) == 2 else ''}{_listed(shown)}")
    more = len(positions) - len(said)
    others = f" (and {more} more have several values)" if more else ""
    if _is_no_property(covariate, interviewers):
        return (
            f'{file}: "{covariate.name}" is an interviewer covariate, but {"; ".join(said)}{others}; it looks like a '
            "covariate of respondents (respondent_covariates), or data.interviewer names the wrong column"
        )
    by_code = {as_code(value): label for value, label in labels.values}
    present = {as_code(text) for text in as_text(column) if text}
    codes = [code for code in reasons_of_labels(by_code.items()) if code in present]
    declare = ", ".join(
        f"{yaml_quoted(code) if isinstance(code, str) else number_text(code)}: {yaml_text(by_code[code])}"
        for code in codes
    )
    remedy = f"missing_codes: {{{declare}}}" if codes else "the wrong value under its missing_codes"
    return (
        f'{file}: "{covariate.name}" is an interviewer covariate, but {"; ".join(said)}{others}; correct it, '
        f"or declare {remedy}"
    )


def _is_no_property(covariate: Covariate, interviewers: Interviewers) -> bool:
    """Whether most interviewers have more values than a missing code or a slip beside the right one would make."""
    known = ~np.isnan(covariate.values)
    pairs = np.unique(np.stack([interviewers.position[known], covariate.values[known]]), axis=1)
    n_values = np.bincount(pairs[0].astype(np.int64), minlength=len(interviewers.ids))
    return bool(2 * (n_values >= _MOST_VALUES).sum() > len(interviewers.ids))


def _listed(shown: list[str]) -> str:
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def _shown(covariate: Covariate, value: float) -> str:
    return covariate.levels[int(value)] if covariate.levels else number_text(value)


def levels_of(column: pd.Series, coded: BoolArray, labels: VariableLabels) -> tuple[FloatArray, tuple[str, ...]]:
    """(n,) the position of each cell's level, and the levels that occur: numbers in order, texts in natural order."""
    cells = read_cells(column)
    if not (cells.other & ~coded).any():
        numbers = np.where(coded, np.nan, cells.numbers)
        distinct, position = np.unique(numbers[~np.isnan(numbers)], return_inverse=True)
        keys: list[float | str] = [float(value) for value in distinct]
        return _placed(~np.isnan(numbers), position), _level_names(keys, labels)
    present = ~cells.blank & ~coded
    codes, texts = pd.factorize(as_text(column)[present])
    order = sorted(range(len(texts)), key=lambda code: natural_key(str(texts[code])))
    rank = np.empty(len(texts), dtype=np.int64)
    rank[order] = np.arange(len(texts))
    return _placed(present, rank[codes]), _level_names([str(texts[code]) for code in order], labels)


def _placed(present: BoolArray, position: IntArray) -> FloatArray:
    values = np.full(len(present), np.nan)
    values[present] = position
    return values


def _level_names(keys: list[float | str], labels: VariableLabels) -> tuple[str, ...]:
    """The file's labels, with the code behind where one label stands for two codes; else the code itself."""
    by_code = {as_code(value): label for value, label in labels.values}
    codes = [key if isinstance(key, str) else number_text(key) for key in keys]
    names = [by_code.get(as_code(key), code) for key, code in zip(keys, codes, strict=True)]
    count = Counter(names)
    return tuple(f"{name} ({code})" if count[name] > 1 else name for name, code in zip(names, codes, strict=True))
