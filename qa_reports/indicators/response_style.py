"""Response styles: answers at the ends of the scale, in its middle, or agreeing whatever the question says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from qa_reports.config import AgreeConfig
from qa_reports.indicators.answers import AnswerTable, ScaledItem
from qa_reports.indicators.measure import IndicatorMeasure, not_applicable
from qa_reports.survey.interviews import Arithmetic, Condition

_FEWEST = 5
"""Answers an interview needs for a share of them to say something."""
_FEWEST_AGREE = 3
_DISAGREES = re.compile(r"disagree|nicht zu|lehne? .*ab|pas d.accord|en desacuerdo", re.IGNORECASE)
_AGREES = re.compile(r"\bagree|stimme .*zu|d.accord|de acuerdo", re.IGNORECASE)
_NEITHER = re.compile(r"neither|nor\b|weder|ni\b", re.IGNORECASE)


def response_style_measures(table: AnswerTable, agree: AgreeConfig | None) -> Iterator[IndicatorMeasure]:
    """Shares of extreme, middle and agreeing answers per interview.

    Extremes count on scales with three or more possible answers whose ends are declared or labelled; the middle on
    those with an odd number of whole answers. Agreement needs items of the kind agree or disagree: those configured,
    else those whose labels say so.
    """
    a = table.arithmetic
    known = [item for item in table.items if item.declared and item.high - item.low >= 2]
    yield _share(
        a, "extreme", "Answers at the ends of the scale", known, _FEWEST,
        lambda item: (item.answers == item.low) | (item.answers == item.high),
        "the lowest or highest answer of the scale", "items whose scale is declared or labelled",
    )  # fmt: skip
    odd = [item for item in known if (item.high - item.low) % 2 == 0]
    yield _share(
        a, "midpoint", "Answers in the middle of the scale", odd, _FEWEST,
        lambda item: item.answers == (item.low + item.high) / 2,
        "the middle answer of the scale", "items with a middle answer",
    )  # fmt: skip
    agreeing = dict.fromkeys(agree.items, frozenset(agree.answers)) if agree else _labelled_agreement(table.items)
    yield _share(
        a, "acquiescence", "Agreeing answers", [one for one in table.items if one.item.name in agreeing], _FEWEST_AGREE,
        lambda item: a.among(item.answers, agreeing[item.item.name]),
        "an answer that agrees", "agree-disagree items, by their labels or under indicators.agree",
    )  # fmt: skip


def _share(
    a: Arithmetic,
    name: str,
    label: str,
    chosen: Sequence[ScaledItem],
    fewest: int,
    counted: Callable[[ScaledItem], Condition],
    rule: str,
    inputs: str,
) -> IndicatorMeasure:
    if len(chosen) < fewest:
        reason = f"it takes at least {fewest} {inputs}; there are {len(chosen)}"
        return not_applicable(name, "response_style", label, reason)
    given = a.count(a.known(item.answers) for item in chosen)
    hits = a.count(counted(item) for item in chosen)
    values = a.where(given >= fewest, a.divide(hits, given))
    threshold = f"{rule}, over {len(chosen)} items; from {fewest} answers per interview"
    return IndicatorMeasure(name, "response_style", label, values, "share of answers", "high", "continuous", threshold)


def _labelled_agreement(items: Sequence[ScaledItem]) -> dict[str, frozenset[float]]:
    """Items whose labels name both agreement and disagreement, with the answers that agree."""
    found = {}
    for scaled in items:
        labels = scaled.item.categories
        disagree = {value for value, label in labels if _DISAGREES.search(label)}
        agree = {value for value, label in labels if _AGREES.search(label) and not _NEITHER.search(label)}
        if disagree and agree - disagree:
            found[scaled.item.name] = frozenset(agree - disagree)
    return found
