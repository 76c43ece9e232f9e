"""Response styles: answers at the ends of the scale, in its middle, or agreeing whatever the question says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from qa_reports.config import AgreeConfig
from qa_reports.indicators.answers import AnswerTable
from qa_reports.indicators.measure import BoolArray, FloatArray, IndicatorMeasure, not_applicable
from qa_reports.survey.clean import ItemResponses

_FEWEST = 5
"""Answers an interview needs for a share of them to say something."""
_FEWEST_AGREE = 3
_DISAGREES = re.compile(r"disagree|nicht zu|lehne? .*ab|pas d.accord|en desacuerdo", re.IGNORECASE)
_AGREES = re.compile(r"\bagree|stimme .*zu|d.accord|de acuerdo", re.IGNORECASE)
_NEITHER = re.compile(r"neither|nor\b|weder|ni\b", re.IGNORECASE)


def response_style_measures(
    items: Sequence[ItemResponses], table: AnswerTable, agree: AgreeConfig | None
) -> Iterator[IndicatorMeasure]:
    """Shares of extreme, middle and agreeing answers per interview.

    Extremes count on scales with three or more possible answers whose ends are declared or labelled; the middle on
    those with an odd number of whole answers. Agreement needs items of the kind agree or disagree: those configured,
    else those whose labels say so.
    """
    n, answers = table.answers.shape[0], table.answers
    span = table.high - table.low
    known = (table.declared > 0) & (span >= 2)
    extreme = (answers == table.low) | (answers == table.high)
    yield _share(
        n, "extreme", "Answers at the ends of the scale", known, answers, extreme, _FEWEST,
        "the lowest or highest answer of the scale", "items whose scale is declared or labelled",
    )  # fmt: skip
    odd = known & (span % 2 == 0)
    middle = answers == (table.low + table.high) / 2
    yield _share(
        n, "midpoint", "Answers in the middle of the scale", odd, answers, middle, _FEWEST,
        "the middle answer of the scale", "items with a middle answer",
    )  # fmt: skip
    agreeing = dict.fromkeys(agree.items, frozenset(agree.answers)) if agree else _labelled_agreement(items)
    agreed = _agreed(table, agreeing)
    yield _share(
        n, "acquiescence", "Agreeing answers", np.isin(table.names, list(agreeing)), answers, agreed, _FEWEST_AGREE,
        "an answer that agrees", "agree-disagree items, by their labels or under indicators.agree",
    )  # fmt: skip


def _share(
    n: int,
    name: str,
    label: str,
    chosen: BoolArray,
    answers: FloatArray,
    counted: BoolArray,
    fewest: int,
    rule: str,
    inputs: str,
) -> IndicatorMeasure:
    if chosen.sum() < fewest:
        reason = f"it takes at least {fewest} {inputs}; there are {int(chosen.sum())}"
        return not_applicable(n, name, "response_style", label, reason)
    given = np.isfinite(answers[:, chosen]).sum(axis=1)
    hits = (counted & np.isfinite(answers))[:, chosen].sum(axis=1)
    values = np.where(given >= fewest, hits / np.maximum(given, 1), np.nan)
    threshold = f"{rule}, over {int(chosen.sum())} items; from {fewest} answers per interview"
    return IndicatorMeasure(name, "response_style", label, values, "share of answers", "high", "continuous", threshold)


def _labelled_agreement(items: Sequence[ItemResponses]) -> dict[str, frozenset[float]]:
    """Items whose labels name both agreement and disagreement, with the answers that agree."""
    found = {}
    for item in items:
        disagree = {value for value, label in item.categories if _DISAGREES.search(label)}
        agree = {value for value, label in item.categories if _AGREES.search(label) and not _NEITHER.search(label)}
        if disagree and agree - disagree:
            found[item.name] = frozenset(agree - disagree)
    return found


def _agreed(table: AnswerTable, agreeing: Mapping[str, frozenset[float]]) -> BoolArray:
    agreed = np.zeros(table.answers.shape, dtype=bool)
    for k, name in enumerate(table.names):
        if name in agreeing:
            agreed[:, k] = np.isin(table.answers[:, k], list(agreeing[name]))
    return agreed
