"""Step 2, clean: values that look like missing codes nobody declared."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from qa_reports.config import ReportConfig
from qa_reports.config.yaml_text import yaml_quoted, yaml_text
from qa_reports.survey.codes import CodesInForce, as_code
from qa_reports.survey.columns import FloatArray, number_text
from qa_reports.survey.interviewers import Interviewers, Tally
from qa_reports.survey.items import CleanItem
from qa_reports.survey.label_words import reasons_of_labels
from qa_reports.survey.readers import VariableLabels

_CODE_LIKE = re.compile(r"-(\d|6{2,}|7{2,}|8{2,}|9+[5-8]?)|6{2,}|7+|8+|9+|9+[5-8]")
"""How agencies write missing codes: 7 8 9, 77 88 99, 66, 96 97 98, 999, and negative ones such as -1 or -88."""
_MOST_OUTSIDE = 0.5
"""Labels that leave more than this share of the answers outside name single values, not a scale."""


@dataclass(frozen=True, slots=True)
class CodeSuspect:
    """A value of one item that is probably a missing code the configuration forgot."""

    item: str
    value: float
    n: int
    interviewers: Tally
    """(interviewer id, number of answers), most first."""
    reason: str
    """Why it is suspected, in a few words: "outside the scale 0 to 10"."""
    yaml: str
    """The line to paste under the item in the configuration."""
    set_aside: bool = True
    """Whether the main analysis goes without it (outside a declared scale), or it stays in."""


def known_reasons(config: ReportConfig) -> dict[float, str]:
    """What each missing code stands for elsewhere in the configuration: the default's word first, then the items'."""
    reasons: dict[float, str] = {}
    for codes in (config.missing_codes, *(item.missing_codes or {} for item in config.items)):
        for raw, reason in codes.items():
            code = as_code(raw)
            if isinstance(code, float):
                reasons.setdefault(code, reason)
    return reasons


def find_suspects(item: CleanItem, reasons: Mapping[float, str], interviewers: Interviewers) -> tuple[CodeSuspect, ...]:
    """The suspicious values of one item, in ascending order.

    Suspicious are values outside the declared scale, values whose label says that there is no answer, values outside
    the labelled answers, and, where nothing is declared or labelled, isolated far values that are written as missing
    codes are. Only the first are set aside.

    Args:
        reasons: what codes stand for elsewhere, from `known_reasons`; a label in the file says it better.
    """
    values = _suspicious_values(item)
    if not values:
        return ()
    line = missing_codes_line(item, values, reasons)
    aside = item.responses.suspects
    found = []
    for value, why in values.items():
        cells = (aside == value) | (item.responses.answers == value)
        set_aside = bool((aside == value).any())
        tally = interviewers.tally(cells)
        found.append(CodeSuspect(item.responses.name, value, int(cells.sum()), tally, why, line, set_aside))
    return tuple(found)


def missing_codes_line(item: CleanItem, values: Iterable[float], reasons: Mapping[float, str]) -> str:
    """The YAML line that declares `values`; it repeats the codes in force, because an item's codes replace them."""
    labels = {as_code(value): label for value, label in item.labels.values}
    codes: dict[float | str, str] = dict(item.codes.codes)
    recodes = {recode.code: recode.reason for recode in item.recodes if recode.code not in codes}
    for one in item.codes.ranges:
        codes[one.text] = one.reason or "Missing"
        if one.reason is not None:
            recodes = {code: reason for code, reason in recodes.items() if isinstance(code, str) or code not in one}
    codes |= recodes
    codes |= {value: str(labels.get(value) or reasons.get(value, "Missing")) for value in values}
    entries = (f"{_yaml_code(code)}: {yaml_text(reason)}" for code, reason in codes.items())
    return f"missing_codes: {{{', '.join(entries)}}}"


def _yaml_code(code: float | str) -> str:
    return number_text(code) if isinstance(code, float) else yaml_quoted(code)


def _suspicious_values(item: CleanItem) -> dict[float, str]:
    """Value -> why, in ascending order."""
    responses = item.responses
    suspicious: dict[float, str] = {}
    if responses.scale is not None:
        low, high = (number_text(end) for end in responses.scale)
        aside = np.unique(responses.suspects[~np.isnan(responses.suspects)])
        suspicious |= {float(value): f"outside the scale {low} to {high}" for value in aside}
    answers = responses.answers[~np.isnan(responses.answers)]
    suspicious |= _labelled_non_answers(answers, item.labels)
    if responses.scale is None:
        remaining = answers[~np.isin(answers, list(suspicious))]
        labelled = _outside_labels(remaining, item.labels, item.codes)
        suspicious |= _isolated_codes(remaining) if labelled is None else labelled
    return dict(sorted(suspicious.items()))


def _labelled_non_answers(answers: FloatArray, labels: VariableLabels) -> dict[float, str]:
    by_code = {as_code(value): label for value, label in labels.values}
    said = {code: by_code[code] for code in reasons_of_labels(by_code.items())}
    return {float(value): f'labelled "{said[float(value)]}"' for value in np.unique(answers) if float(value) in said}


def _outside_labels(answers: FloatArray, labels: VariableLabels, codes: CodesInForce) -> dict[float, str] | None:
    """Values outside the labelled answers; None where the labels do not name a scale."""
    non_answers = reasons_of_labels((as_code(raw), label) for raw, label in labels.values)
    ends = [
        value
        for raw, _ in labels.values
        if isinstance(value := as_code(raw), float) and value not in non_answers and not codes.covers(value)
    ]
    if len(ends) < 2:
        return None
    low, high = min(ends), max(ends)
    outside = answers[(answers < low) | (answers > high)]
    if len(outside) > _MOST_OUTSIDE * len(answers):
        return None
    why = f"outside the labelled answers {number_text(low)} to {number_text(high)}"
    return {float(value): why for value in np.unique(outside)}


def _isolated_codes(answers: FloatArray) -> dict[float, str]:
    """Values written as codes are, at least half the range of the others beyond them; negative ones beside none."""
    distinct = np.unique(answers)
    code_like = np.array([bool(_CODE_LIKE.fullmatch(number_text(value))) for value in distinct], dtype=bool)
    ordinary = distinct[~code_like]
    if len(ordinary) < 2:
        return {}
    suspicious: dict[float, str] = {}
    negative = distinct[distinct < 0]
    if ordinary[0] >= 0:
        suspicious |= {float(value): "a negative code" for value in negative}
    highest, spread = ordinary[-1], ordinary[-1] - ordinary[0]
    for value in distinct[code_like & (distinct > highest)]:
        if not suspicious.keys() & {highest} and value - highest < max(2.0, spread / 2):
            highest = value  # next to the answers: one of them
            continue
        suspicious[float(value)] = "far from all other answers and written like a missing code"
        highest = value
    return suspicious
