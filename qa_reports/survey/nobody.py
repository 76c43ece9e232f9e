"""Values of the interviewer column that stand for nobody: -2, 0, 9999, "Missing"."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

import numpy as np
import pandas as pd
from msgspec import Struct

from qa_reports.survey.codes import as_code, declared_codes, find_codes
from qa_reports.survey.columns import BoolArray, IntArray, as_text, number_text, parse_number
from qa_reports.survey.interviewers import coded_as_missing, counted
from qa_reports.survey.label_words import reasons_of_labels
from qa_reports.survey.readers import VariableLabels

_NINES = re.compile(r"9{2,}")
_LEAST_GAP = 2.0


class Nobody(Struct, frozen=True, eq=False):
    """Interviews whose interviewer id stands for nobody."""

    reason: str
    """As a reason for dropping rows."""
    cells: BoolArray
    """(n,)"""
    note: str | None = None
    """What a reader should know, where nobody declared it."""


def find_nobody(
    column: pd.Series, labels: VariableLabels, declared: Mapping[float | str, str] | None, times: IntArray | None = None
) -> tuple[tuple[Nobody, ...], tuple[str, ...]]:
    """Which of n interviews have no interviewer, by value, and notes on values that were left in.

    What the configuration declares counts alone. Else it is what the file or codebook declares or labels as missing,
    words such as "Missing" and "NA", and the numbers that `_numbers_for_nobody` finds. `times` (n,) says how many
    interviews each stands for, where they are counts.
    """
    name = str(column.name)
    if declared is not None:
        found = find_codes(column, declared_codes(declared, labels)).found
        return tuple(Nobody(f"the interviewer id is {_shown(code)} ({why})", cells) for code, why, cells in found), ()
    nobody = []
    in_file = coded_as_missing(column, labels)
    if in_file.any():
        nobody.append(Nobody(f"the interviewer id is a missing code ({name})", in_file))
    texts = as_text(column)
    count: Counter[str] = Counter()
    for text, n in zip(texts[~in_file], (np.ones(len(texts), int) if times is None else times)[~in_file], strict=True):
        if text:
            count[str(text)] += int(n)
    why = _words_for_nobody(count, labels) | _numbers_for_nobody(count)
    for text in count:
        if text in why:
            cells = np.asarray(texts == text)
            note = (
                f"{name}: {text} is taken for nobody, not an interviewer ({why[text]}; "
                f"{counted(count[text], 'interview')}); interviewers.missing_codes can say otherwise, {{}} for none."
            )
            nobody.append(Nobody(f"the interviewer id is {text}, which is {why[text]} ({name})", cells, note))
    kept = (
        f"{name}: 0 is taken for an interviewer, because the other numbers run on from it; if it stands for nobody, "
        "set interviewers.missing_codes to [0]."
    )
    return tuple(nobody), (kept,) if "0" in count and "0" not in why else ()


def _shown(code: float | str) -> str:
    return code if isinstance(code, str) else number_text(code)


def _words_for_nobody(count: Counter[str], labels: VariableLabels) -> dict[str, str]:
    """Ids that the file labels as missing, and ids that are such a word themselves."""
    by_code = {as_code(value): label for value, label in labels.values}
    labelled = reasons_of_labels(by_code.items())
    words = reasons_of_labels((text, text) for text in count if parse_number(text) is None)
    return dict.fromkeys(words, "a word for missing") | {
        text: f'labelled "{by_code[as_code(text)]}"' for text in count if as_code(text) in labelled
    }


def _numbers_for_nobody(count: Counter[str]) -> dict[str, str]:
    """Negative numbers, 0, and nines far from all other ids, where the others are no such numbers.

    0 stays where the others are 1, 2, 3, ... without a gap and it has half their median number of interviews or more:
    then they were numbered from 0. Nines are far when they lie beyond the others by half the others' range.
    """
    numbers = {text: number for text in count if (number := parse_number(text)) is not None}
    candidates = {text for text, number in numbers.items() if number <= 0 or _NINES.fullmatch(text)}
    others = sorted(number for text, number in numbers.items() if text not in candidates)
    if len(count) - len(candidates) < 2:
        return {}
    low, high = (others[0], others[-1]) if others else (1.0, 0.0)
    why: dict[str, str] = {}
    for text in candidates:
        number = numbers[text]
        if number < 0:
            why[text] = "a negative number among ids"
        elif number == 0:
            if not _run_on_from_zero(others, count):
                why[text] = "zero among ids"
        elif not others or number - high >= max(_LEAST_GAP, (high - low) / 2):
            why[text] = "nines far from all other ids"
    return why


def _run_on_from_zero(others: list[float], count: Counter[str]) -> bool:
    consecutive = bool(others) and others == [float(number) for number in range(1, len(others) + 1)]
    return consecutive and count["0"] >= np.median([count[text] for text in count if text != "0"]) / 2
