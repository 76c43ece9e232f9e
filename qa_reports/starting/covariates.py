"""Characteristics of respondents and interviewers that should not be mistaken for interviewer effects."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from msgspec import Struct

from qa_reports.starting import words
from qa_reports.starting.columns import Column, Groups
from qa_reports.survey.columns import FloatArray, number_text

_Fits = Callable[[Column], str | None]
"""The values of a column in words where they fit, else None."""

_LEAST_KNOWN = 0.8
"""Share of the interviews that must have the value."""
_MOST_CATEGORIES = 6
_FEWEST_INTERVIEWERS = 15
"""Interviewers below which their characteristics explain nothing."""
_MOST_ABOUT_INTERVIEWERS = 2


class CovariateGuess(Struct, frozen=True):
    """A column that describes people, and what speaks for it."""

    name: str
    label: str
    type: Literal["numeric", "categorical"]
    codes: dict[float, str]
    evidence: str


def guess_respondent_covariates(columns: Sequence[Column]) -> tuple[CovariateGuess, ...]:
    """Age, gender and education of the respondent, as far as the file has them."""
    about_respondents = [column for column in columns if not words.SOMEBODY_ELSE.search(_words_without_codes(column))]
    years = _first(about_respondents, words.EDUCATION_YEARS, lambda column: _is_number(column, 0, 60))
    found = (
        _first(about_respondents, words.AGE, lambda column: _is_number(column, 12, 115))
        or _first(about_respondents, words.BIRTH_YEAR, lambda column: _is_number(column, 1890, 2020)),
        _first(about_respondents, words.GENDER, _is_gender),
        years
        or _first(about_respondents, words.EDUCATION_OF, _is_education)
        or _first(about_respondents, words.EDUCATION, _is_education),
    )
    return tuple(guess for guess in found if guess is not None)


def guess_interviewer_covariates(columns: Sequence[Column], interviewer: str) -> tuple[CovariateGuess, ...]:
    """Experience, response rate, age and gender of the interviewer: columns that say so and never vary within one.

    At most two, because every one costs as much as a few interviewers can pay.
    """
    groups = Groups.by(next(column for column in columns if column.name == interviewer))
    if len(groups.sizes) < _FEWEST_INTERVIEWERS:
        return ()
    about = [column for column in columns if column.name != interviewer and _is_about_interviewers(column)]
    steady = [column for column in about if not column.holds_text and len(np.unique(_known(column))) > 1]
    steady = [column for column in steady if groups.is_constant_within(answers_of(column)[0])]
    found = (
        _first(steady, words.EXPERIENCE, lambda column: _is_number(column, 0, 70)),
        _first(steady, words.RESPONSE_RATE, lambda column: _is_number(column, 0, 100)),
        _first(steady, words.AGE, lambda column: _is_number(column, 15, 100)),
        _first(steady, words.GENDER, _is_gender),
    )
    kept = [guess for guess in found if guess is not None][:_MOST_ABOUT_INTERVIEWERS]
    return tuple(
        CovariateGuess(guess.name, guess.label, guess.type, guess.codes, f"{guess.evidence}, the same all through each "
                       "interviewer's interviews")
        for guess in kept
    )  # fmt: skip


def answers_of(column: Column) -> tuple[FloatArray, dict[float, str]]:
    """(n,) the numbers without missing codes, and the codes; 77, 88, 99, 999 far above all others are codes too."""
    codes = dict(column.codes)
    answers = column.answers
    if not column.answer_labels and not column.codes:
        distinct = np.unique(answers[~np.isnan(answers)])
        code_like = [
            float(v) for v in distinct if re.fullmatch(r"-[1-9]|-?(7{2,}|8{2,}|9{2,})|99[6-9]", number_text(v))
        ]
        rest = distinct[~np.isin(distinct, code_like)]
        far = [v for v in code_like if len(rest) and (v < 0 <= rest[0] or v > 2 * rest[-1])]
        if not far and distinct.tolist() in ([1, 2, 9], [1, 2, 3, 9]):
            far = [9.0]
        codes = dict.fromkeys(far, "Missing")
        answers = np.where(np.isin(answers, far), np.nan, answers)
    return answers, codes


def _first(columns: Sequence[Column], pattern: re.Pattern[str], fits: _Fits) -> CovariateGuess | None:
    """The column whose name or label begins with what is looked for, or has it earliest, if its values fit."""
    found = []
    for column in columns:
        places = [match.start() for text in (words.plain(column.label), words.plain(column.name))
                  if (match := pattern.search(text))]  # fmt: skip
        evidence = fits(column) if places else None
        if evidence:
            found.append((min(places), column.position, column, evidence))
    if not found:
        return None
    _, _, best, evidence = min(found, key=lambda entry: entry[:2])
    kind: Literal["numeric", "categorical"] = "categorical" if fits is _is_gender else "numeric"
    return CovariateGuess(best.name, best.label, kind, {} if best.holds_text else answers_of(best)[1], evidence)


def _known(column: Column) -> FloatArray:
    answers, _ = answers_of(column)
    known: FloatArray = answers[~np.isnan(answers)]
    return known


def _is_number(column: Column, low: float, high: float) -> str | None:
    """The range of a column whose known values all lie between two numbers, or None."""
    if column.holds_text or column.holds_times():
        return None
    known = _known(column)
    if len(known) < _LEAST_KNOWN * len(column.cells) or known.min() < low or known.max() > high or np.ptp(known) == 0:
        return None
    return f"from {number_text(known.min())} to {number_text(known.max())}"


def _is_gender(column: Column) -> str | None:
    """The categories of a column with a few of them, of which one says male."""
    if column.holds_text:
        categories = sorted({text for text in column.texts.tolist() if text})
    else:
        known = np.unique(_known(column))
        categories = [column.answer_labels.get(float(value), number_text(value)) for value in known]
        if not column.answer_labels and known.tolist() not in ([1, 2], [0, 1], [1, 2, 3]):
            return None
    if not 2 <= len(categories) <= _MOST_CATEGORIES:
        return None
    labelled = column.holds_text or bool(column.answer_labels)
    if labelled and not any(words.MALE.search(words.plain(category)) for category in categories):
        return None
    return ", ".join(categories)


def _is_education(column: Column) -> str | None:
    """Levels of education in the order of their codes, as numbers."""
    if column.holds_text or column.holds_times():
        return None
    known = _known(column)
    distinct = np.unique(known)
    if len(known) < _LEAST_KNOWN * len(column.cells) or not 3 <= len(distinct) <= 30 or distinct[-1] > 60:
        return None
    labels = column.answer_labels
    if any(words.ATTITUDE.search(words.plain(label)) for label in labels.values()):
        return None
    ends = [labels.get(float(value), number_text(value)) for value in (distinct[0], distinct[-1])]
    return (
        f"{len(distinct)} levels from {number_text(distinct[0])} ({ends[0]}) to {number_text(distinct[-1])} ({ends[1]})"
    )


def _is_about_interviewers(column: Column) -> bool:
    label = words.plain(column.labels.label or "")
    name = words.plain(column.name)
    short = re.match(r"int(?:erviewer|v|w)?_?(?:age|gnd|sex|exp|rr)|iwer_?\w+|(?:exp|resp)_?(?:erience|rate)", name)
    return bool(words.INTERVIEWER.search(label) or words.INTERVIEWER.search(name) or short)


def _words_without_codes(column: Column) -> str:
    """The words that say whom a column is about; `intagea` is about the interviewer as well."""
    return column.words + (" interviewer" if _is_about_interviewers(column) else "")
