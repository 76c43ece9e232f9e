"""Covariates: a column per interview becomes numbers or levels; interviewer covariates become one value each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from qa_reports.config import CovariateConfig
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
from qa_reports.survey.readers import VariableLabels


@dataclass(frozen=True, slots=True, eq=False)
class Covariate:
    """A respondent covariate (values per interview) or an interviewer covariate (values per interviewer)."""

    name: str
    label: str
    kind: Literal["numeric", "categorical"]
    values: FloatArray
    """(n,) or (J,): the number, or the position in `levels`; NaN where missing."""
    levels: tuple[str, ...]
    """The categories of a categorical covariate, the first is the reference; empty for a numeric one."""


@dataclass(frozen=True, slots=True, eq=False)
class CleanCovariate:
    """A covariate with what its cleaning leaves for the record."""

    covariate: Covariate
    recodes: tuple[Recode, ...]
    notes: tuple[str, ...] = ()


def respondent_covariate(
    column: pd.Series, wanted: CovariateConfig, labels: VariableLabels, interviewers: Interviewers, file: str
) -> CleanCovariate:
    """A covariate with one value per interview, its own missing codes set to missing.

    Raises:
        DataError: a numeric covariate holds text.
    """
    coded = find_codes(column, own_codes(wanted.missing_codes, labels))
    levels: tuple[str, ...] = ()
    if wanted.type == "categorical":
        values, levels = levels_of(column, coded.any_code, labels)
    else:
        cells = numbers_or_error(column, coded.any_code, "covariates, or set type: categorical", file)
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
    per_interview = respondent_covariate(column, wanted, labels, interviewers, file)
    values = per_interview.covariate.values
    low = np.full(len(interviewers.ids), np.nan)
    high = low.copy()
    np.fmin.at(low, interviewers.position, values)
    np.fmax.at(high, interviewers.position, values)
    varying = np.flatnonzero(high > low)
    if len(varying):
        first = varying[0]
        shown = [_shown(per_interview.covariate, value) for value in (low[first], high[first])]
        others = f" ({len(varying)} interviewers have several values)" if len(varying) > 1 else ""
        raise DataError(
            f'{file}: "{wanted.name}" is an interviewer covariate, but interviewer {interviewers.ids[first]} has both '
            f"{shown[0]} and {shown[1]}{others}; correct it, or declare the wrong value under its missing_codes"
        )
    known = ~np.isnan(low)
    repaired = int((known & (interviewers.counts(np.isnan(values)) > 0)).sum())
    notes = [
        f"{wanted.name}: missing in some interviews of {counted(repaired, 'interviewer')}; taken from their others."
    ]
    absent = int((~known).sum())
    unknown = [f"{wanted.name}: not known for {counted(absent, 'interviewer')}."]
    return CleanCovariate(
        replace(per_interview.covariate, values=low),
        per_interview.recodes,
        (*(notes if repaired else []), *(unknown if absent else [])),
    )


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
