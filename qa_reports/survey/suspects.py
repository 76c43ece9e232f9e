"""Step 2, clean: values that look like missing codes nobody declared, or speak for another scale."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Literal

import numpy as np
from msgspec import Struct

from qa_reports.config import ReportConfig
from qa_reports.config.yaml_text import yaml_quoted, yaml_text
from qa_reports.survey.codes import CodesInForce, as_code, looks_like_code
from qa_reports.survey.columns import FloatArray, IntArray, number_text
from qa_reports.survey.interviewers import Interviewers, Tally
from qa_reports.survey.items import CleanItem
from qa_reports.survey.label_words import reasons_of_labels
from qa_reports.survey.readers import VariableLabels
from qa_reports.survey.wider_scale import WiderScale, negative_end, scale_words, wider_scale

_MOST_OUTSIDE = 0.5
"""Labels that leave more than this share of the answers outside name single values, not a scale."""
_MOST_STRAYS = 3
"""So do labels with more than this number of different values outside that are not written as codes are."""
_LEAST_GAP = 2.0
"""A code next to the answers cannot be told from one of them."""
_INCREDIBLE, _UNLIKELY = 0.001, 0.05
_NOT_RARE = 0.01
"""Share of the answers that the end of a rating scale has at least."""
_FEW_ANSWERS = 50
"""Gaps between n answers that say nothing: up to 50/n of their range."""
_TAIL_ANSWERS, _TAIL_SHARE = 30, 0.02
_MOST_LOOKED_AT = 1_000_000
"""Answers that show how a distribution ends as well as more of them would."""
_SHORT = 20.0
"""Answers with a range up to this are categories or small counts."""


class CodeSuspect(Struct, frozen=True):
    """A value of one item that is probably a missing code the configuration forgot, or outside a mistyped scale."""

    item: str
    value: float
    n: int
    interviewers: Tally
    """(interviewer id, number of answers), most first."""
    reason: str
    """Why it is suspected, in a few words: "outside the scale 0 to 10"."""
    yaml: str
    """The line to paste under the item in the configuration, if the value is no answer."""
    set_aside: bool = True
    """Whether the main analysis goes without it (outside a declared scale), or it stays in."""
    wider: WiderScale | None = None
    """The scale that would hold it, where the declared one may be mistyped: then the first thing to look at."""

    @property
    def kind(self) -> Literal["missing_code", "scale"]:
        """Whether it looks like a missing code, or says that the declared scale may be mistyped."""
        return "missing_code" if self.wider is None else "scale"


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
    codes are. Only the first are set aside; of them, those that speak for a wider scale are no codes by what other
    items' codes mean, and are not in the line that declares the others.

    Args:
        reasons: what codes stand for elsewhere, from `known_reasons`; a label in the file says it better.
    """
    values = _suspicious_values(item, reasons, interviewers)
    if not values:
        return ()
    wider = wider_scale(item, reasons.keys(), interviewers)
    aside = item.responses.suspects
    of_scale = frozenset(() if wider is None else wider.values)
    codes = {code: reason for code, reason in reasons.items() if code not in of_scale}
    line_of_all = missing_codes_line(item, values, codes)
    line_of_codes = missing_codes_line(item, [value for value in values if value not in of_scale], codes)
    found = []
    for value, why in values.items():
        cells = (aside == value) | (item.responses.answers == value)
        found.append(
            CodeSuspect(
                item=item.responses.name,
                value=value,
                n=interviewers.total(cells),
                interviewers=interviewers.tally(cells),
                reason=why,
                yaml=line_of_all if value in of_scale else line_of_codes,
                set_aside=bool((aside == value).any()),
                wider=wider if value in of_scale else None,
            )
        )
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


def _suspicious_values(item: CleanItem, reasons: Mapping[float, str], interviewers: Interviewers) -> dict[float, str]:
    """Value -> why, in ascending order."""
    responses = item.responses
    suspicious: dict[float, str] = {}
    if responses.scale is not None:
        aside = np.unique(responses.suspects[~np.isnan(responses.suspects)])
        suspicious |= {float(value): f"outside the scale {scale_words(responses.scale)}" for value in aside}
    valid = ~np.isnan(responses.answers)
    answers = responses.answers[valid]
    if interviewers.times is not None and responses.scale is None:
        answers = _repeated(answers, interviewers.times[valid])
    suspicious |= _labelled_non_answers(answers, item.labels)
    if responses.scale is None:
        remaining = answers[~np.isin(answers, list(suspicious))]
        labelled = _outside_labels(remaining, item.labels, item.codes)
        suspicious |= _isolated_codes(remaining, reasons.keys()) if labelled is None else labelled
    return dict(sorted(suspicious.items()))


def _repeated(answers: FloatArray, times: IntArray) -> FloatArray:
    """Answers as often as they were given; in proportion where that is too often, and each at least once."""
    values, place = np.unique(answers, return_inverse=True)
    counts = np.bincount(place, times, len(values))
    share = min(1.0, _MOST_LOOKED_AT / max(float(counts.sum()), 1.0))
    return np.repeat(values, np.ceil(counts * share).astype(np.int64))


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
    strays = [value for value in np.unique(outside) if not looks_like_code(value)]
    if len(outside) > _MOST_OUTSIDE * len(answers) or len(strays) > _MOST_STRAYS:
        return None
    why = f"outside the labelled answers {number_text(low)} to {number_text(high)}"
    return {float(value): why for value in np.unique(outside)}


def _isolated_codes(answers: FloatArray, known: Collection[float]) -> dict[float, str]:
    """Values written as codes are that the other answers make incredible: far above or below them, or negative.

    `known` are codes of other items: written as codes are, however they look.
    """
    distinct, counts = np.unique(answers, return_counts=True)
    code_like = np.array([looks_like_code(value) for value in distinct], dtype=bool) | np.isin(distinct, [*known])
    ordinary = distinct[~code_like]
    if len(ordinary) < 2:
        return {}
    suspicious: dict[float, str] = {}
    below = distinct[code_like & (distinct < ordinary[0])]
    if ordinary[0] >= 0:
        end = negative_end(distinct, counts, ordinary[-1])
        suspicious |= {float(value): "a negative code" for value in below[below < -end]}
        below = below[below > 0]
    above = distinct[code_like & (distinct > ordinary[-1])]
    rest = answers[~np.isin(answers, [*suspicious, *above, *below])]
    far = [*_beyond(rest, answers, above), *(-value for value in _beyond(-rest, -answers, -below[::-1]))]
    return suspicious | dict.fromkeys(far, "far from all other answers and written like a missing code")


def _beyond(rest: FloatArray, answers: FloatArray, candidates: FloatArray) -> list[float]:
    """Which candidates, in ascending order above `rest`, are too far away to belong to the other answers."""
    lowest, highest = rest.min(), rest.max()
    for position, value in enumerate(candidates):
        gap = value - highest
        if gap >= max(_LEAST_GAP, (highest - lowest) * min(1.0, _FEW_ANSWERS / len(rest))):
            incredible = _ends_before if highest - lowest <= _SHORT else _thins_out_before
            if incredible(rest - lowest + 1, gap):
                return [float(value) for value in candidates[position:]]
        highest, rest = value, np.append(rest, answers[answers == value])
    return []


def _tail(answers: FloatArray) -> FloatArray:
    """The highest answers: 30, or 2 % of all where those are more, never over a quarter, and all that equal them."""
    length = max(2, min(_TAIL_ANSWERS, len(answers) // 4), int(len(answers) * _TAIL_SHARE))
    tail: FloatArray = answers[answers >= np.partition(answers, -length)[-length]]
    return tail


def _thins_out_before(answers: FloatArray, gap: float) -> bool:
    """Whether a tail that falls like a power reaches over the gap in less than 1 case in 1,000.

    Its index is estimated from the highest answers (Hill, 1975, Annals of Statistics 3, 1163-1174) and one more, 1
    above them. Answers count from 1.
    """
    tail = np.append(_tail(answers), answers.max() + 1)
    top = answers.max()
    index = np.log(tail / tail.min()).mean()
    return bool(np.log((top + gap) / top) / index > -np.log(_INCREDIBLE))


def _ends_before(answers: FloatArray, gap: float) -> bool:
    """The same for categories and small counts, whose tails fall geometrically, estimated alike.

    Where the last answer before the gap is no rare one, it is enough that an empty gap and an answer beyond it are
    together less likely than 1 in 20: small counts thin out before they end, rating scales end.
    """
    tail = np.append(_tail(answers), answers.max() + 1)
    rate = np.log1p(1 / (tail - tail.min()).mean())
    if rate * gap > -np.log(_INCREDIBLE):
        return True
    top = float((answers == answers.max()).sum())
    expected = top * np.exp(-rate * np.array([1.0, gap])) / -np.expm1(-rate)
    empty, reached = np.exp(expected[1] - expected[0]), -np.expm1(-expected[1])
    return bool(top >= _NOT_RARE * len(answers) and empty * reached < _UNLIKELY)
