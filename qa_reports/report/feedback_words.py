"""What a feedback sheet says to an interviewer: what went well, and questions that take nothing for granted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from qa_reports.effects.indicator_effects import IndicatorEffects, JudgedIndicators
from qa_reports.effects.patterns import Pattern
from qa_reports.effects.rules import NAMED_BESIDE
from qa_reports.effects.spread_effects import SpreadEffects
from qa_reports.report.formats import count_of, integer, points

_MOST = 4
"""Good points on a sheet."""

_LEVELS = (
    "Answers to some questions lie higher or lower in your interviews than elsewhere. How do you read them out, and "
    "which showcards do you use? What were area and respondents like?"
)
_SLOPES = (
    "Two answers go together differently in your interviews. How do you put these questions, and how are they entered?"
)
_SCALES = "Your respondents choose some parts of the scales more often. How do you present the scale and its showcard?"

QUESTIONS: Mapping[Pattern, str] = MappingProxyType(
    {
        "shifted_up": _LEVELS,
        "shifted_down": _LEVELS,
        "several_items": _LEVELS,
        "one_battery": _LEVELS,
        "one_item": _LEVELS,
        "flat_slope": _SLOPES,
        "reversed_slope": _SLOPES,
        "steep_slope": _SLOPES,
        "similar_answers": "Your respondents' answers resemble each other more than elsewhere. What were the area and "
        "the respondents like?",
        "varied_answers": "Your respondents' answers vary more than elsewhere. Was anything difficult about the "
        "scales, the showcards or entering answers?",
        "dont_know": "More answers than elsewhere are don't know. What do you do when somebody says so at first?",
        "refusal": "More answers than elsewhere are refused. Which questions are hard to ask, and what would help?",
        "unanswered": "More questions than elsewhere stay open. Which ones, and why?",
        "fast": "Your interviews take less time than elsewhere. What makes them short?",
        "straightlined": "More batteries than elsewhere get one and the same answer. How do you go through a battery?",
        "fast_and_straightlined": "Batteries get one and the same answer more often, and the interviews take less "
        "time. How do you go through a battery?",
        "duplicates": "Some of your interviews resemble each other very much. Could one have been entered twice?",
        "middle_answers": _SCALES,
        "extreme_answers": _SCALES,
        "agreeing": _SCALES,
        "impossible_times": "Some of the times do not fit. Is the device's clock right, or were interviews entered "
        "later?",
        "short_way": "Questions that open further ones are answered so that nothing follows, more often than "
        "elsewhere. How do you put them?",
        "round_numbers": "Numbers are round more often than elsewhere. Do you enter them as they are said?",
        "last_digits": "More numbers than elsewhere end in the same digit. How do you ask for numbers and enter them?",
        "other_answers_again": "Some respondents gave other answers when asked again. Can you think of a reason?",
        "data_preparation": "Some answers carry a code that is being looked into; that is no matter of yours.",
    }
)
"""Pattern -> what to talk about."""


def good_points(
    interviewer: int,
    workload: NDArray[np.int64],
    enough: NDArray[np.bool_],
    indicators: JudgedIndicators,
    spread: SpreadEffects | None,
) -> tuple[str, ...]:
    """What went well: at least the work that was done, at most four sentences."""
    found = [_work(interviewer, workload)]
    if enough[interviewer]:
        found += _from_indicators(interviewer, {one.measure.name: one for one in indicators.effects})
        found += _from_spread(interviewer, spread)
    return tuple(found[:_MOST])


def _work(j: int, workload: NDArray[np.int64]) -> str:
    median = float(np.median(workload))
    done = f"You did {count_of(int(workload[j]), 'interview')}"
    return f"{done}, more than most ({integer(median)} is usual)." if workload[j] > 1.2 * median else f"{done}."


def _from_indicators(j: int, by_name: Mapping[str, IndicatorEffects]) -> Iterator[str]:
    left_open = by_name.get("nonresponse")
    if left_open is not None and left_open.n[j]:
        own, others = float(left_open.own[j]), float(left_open.others[j])
        if own == 0:
            yield "Every question that was put was answered."
        elif own < others and left_open.z[j] < NAMED_BESIDE:
            yield f"Few questions stayed open: {points(own)} per interview, {points(others)} elsewhere."
    times = [one for name in ("overlap", "impossible") if (one := by_name.get(name)) is not None and one.n[j]]
    if times and not any(one.affected[j] for one in times):
        yield "All times are plausible."
    length = by_name.get("log_minutes")
    if length is not None and abs(length.z[j]) < NAMED_BESIDE:
        yield f"You took the time it takes: typically {integer(float(np.exp(length.own[j])))} minutes."
    lines = by_name.get("straightlining")
    if lines is not None and lines.n[j] and lines.own[j] <= lines.others[j]:
        yield "Batteries were answered item by item, as often as elsewhere or more often."
    alike = by_name.get("largest_match")
    if alike is not None and alike.n[j] and not alike.affected[j]:
        yield "Every interview stands by itself: none resembles another one more than chance would have it."


def _from_spread(j: int, spread: SpreadEffects | None) -> Iterator[str]:
    row = np.flatnonzero((spread.interviewer == j) & (spread.df > 0)) if spread is not None else np.zeros(0)
    if spread is not None and row.size and abs(float(spread.z[row[0]])) < NAMED_BESIDE:
        yield "Answers differ from respondent to respondent as they usually do."
