"""What an indicator shows of one interviewer, in a plain sentence with counts: what was seen, never why."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qa_reports.effects.indicator_effects import IndicatorEffects
from qa_reports.effects.sentences import interviews
from qa_reports.indicators.duplicates import Duplicates

_HIT = {
    "nonresponse": "at least one question is left unanswered",
    "dont_know": "at least one answer is don't know",
    "refusal": "at least one answer is refused",
    "no_answer": "at least one answer is missing for no stated reason",
    "straightlining": "all answers to a whole battery are the same",
    "fast": "the interview is among the shortest of all",
    "overlap": "the interview overlaps in time with another one of theirs",
    "impossible": "the times cannot be right",
    "short_way": "a gate question is answered so that nothing more is asked",
    "round_numbers": "a number ends in 0 or 5",
    "back_check": "an answer differs from the one given in the re-interview",
}
"""What happened in an interview that counts, by the measure's name."""
_HIT_IN_DETAIL = {
    "straightlining": "all answers on {} are the same",
    "last_digit": "a number ends in {}",
}
"""Likewise of a measure of one battery or one digit, which stands behind the colon."""
_MORE = 3
"""Batteries named beside the leading measure."""
_SHARE = {
    "extreme": "of the answers lie at the ends of the scale",
    "midpoint": "of the answers lie in the middle of the scale",
    "acquiescence": "of the answers agree",
    "fast_answers": "of the questions take much less than their usual time",
}


def indicator_sentence(
    effects: IndicatorEffects,
    interviewer: int,
    beside: Sequence[IndicatorEffects] = (),
    pairs: Duplicates | None = None,
) -> str:
    """One sentence on the leading measure of a kind.

    Args:
        effects: the measure.
        interviewer: position of the interviewer.
        beside: other measures of the same kind that are remarkable too (batteries, reasons).
        pairs: what similar pairs say, for near-duplicates.
    """
    name = effects.measure.name
    if name == "largest_match" and pairs is not None:
        return _duplicates(effects, interviewer, pairs)
    if name == "log_minutes":
        own, others = np.exp(effects.own[interviewer]), np.exp(effects.others[interviewer])
        return (
            f"Their {interviews(int(effects.n[interviewer]))} typically take {own:.0f} minutes; elsewhere it is "
            f"{others:.0f}."
        )
    if name == "log_seconds":
        share = float(np.exp(effects.own[interviewer] - effects.others[interviewer]))
        n = interviews(int(effects.n[interviewer]))
        return f"In their {n}, a question typically takes {share:.0%} of the time that it takes elsewhere."
    if name == "variability":
        ratio = effects.own[interviewer] / effects.others[interviewer]
        return (
            f"Within their {interviews(int(effects.n[interviewer]))}, answers to the items of a battery differ "
            f"{ratio:.0%} as much from each other as elsewhere."
        )
    if name in _SHARE:
        own, others = effects.own[interviewer], effects.others[interviewer]
        n = interviews(int(effects.n[interviewer]))
        return f"In their {n}, {own:.0%} {_SHARE[name]}; elsewhere it is {others:.0%}."
    return _counted(effects, interviewer, beside)


def _counted(effects: IndicatorEffects, j: int, beside: Sequence[IndicatorEffects]) -> str:
    measure, n, hits = effects.measure, int(effects.n[j]), int(effects.affected[j])
    name, _, detail = measure.name.partition(":")
    what = _HIT[name] if not detail else _HIT_IN_DETAIL[name].format(detail)
    sentence = (
        f"In {hits} of their {interviews(n)} {what}; elsewhere {_elsewhere(float(effects.affected_elsewhere[j]))}"
    )
    if not detail and effects.own[j] > 1.05 * hits / n:
        own, others = (
            f"{value:.1f}" if value >= 0.1 else f"{value:.2f}" for value in (effects.own[j], effects.others[j])
        )
        sentence += f" ({own} {measure.unit} instead of {others})"
    more = [
        f"{_beside(one)} in {int(one.affected[j])}"
        for one in beside
        if one.measure.scale == "count" and one is not effects
    ][:_MORE]
    return f"{sentence}{'; ' + ', '.join(more) if more else ''}."


def _beside(effects: IndicatorEffects) -> str:
    """The name of a battery as it is; anything else by its label."""
    name, _, detail = effects.measure.name.partition(":")
    return detail if name == "straightlining" and detail else effects.measure.label.lower()


def _duplicates(effects: IndicatorEffects, j: int, pairs: Duplicates) -> str:
    n, alike = int(effects.n[j]), int(effects.affected[j])
    return (
        f"{alike} of their {interviews(n)} agree with another one of theirs on {pairs.limit:.0%} of the answers or "
        f"more, up to {pairs.closest[j]:.0%}; chance brings about less than half such a pair in the whole survey."
    )


def _elsewhere(share: float) -> str:
    """ "in 1 of 20", "in 34% of them", "in none"."""
    if share <= 0:
        return "in none"
    return f"in 1 of {1 / share:,.0f}" if share < 0.15 else f"in {share:.0%} of them"
