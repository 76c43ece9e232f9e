"""What a deviation looks like: a closed vocabulary, and every rule that chooses a word from it.

A pattern says what was seen and never why. Each flag has one; those of an interviewer together are named by
`name_patterns`, in which two indicators that agree become one pattern.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, get_args

Pattern = Literal[
    "shifted_up",
    "shifted_down",
    "one_battery",
    "one_item",
    "several_items",
    "flat_slope",
    "reversed_slope",
    "steep_slope",
    "similar_answers",
    "varied_answers",
    "dont_know",
    "refusal",
    "unanswered",
    "fast_and_straightlined",
    "fast",
    "straightlined",
    "duplicates",
    "middle_answers",
    "extreme_answers",
    "agreeing",
    "impossible_times",
    "short_way",
    "round_numbers",
    "last_digits",
    "other_answers_again",
    "data_preparation",
]
PATTERNS: tuple[Pattern, ...] = get_args(Pattern)

PATTERN_NAMES: Mapping[Pattern, str] = MappingProxyType(
    {
        "shifted_up": "Everything shifted up",
        "shifted_down": "Everything shifted down",
        "one_battery": "One battery shifted",
        "one_item": "One item shifted",
        "several_items": "Several items shifted",
        "flat_slope": "Flat slope",
        "reversed_slope": "Reversed slope",
        "steep_slope": "Steep slope",
        "similar_answers": "Unusually similar answers",
        "varied_answers": "Unusually varied answers",
        "dont_know": "Many don't knows",
        "refusal": "Many refusals",
        "unanswered": "Many unanswered questions",
        "fast_and_straightlined": "Fast and straightlined",
        "fast": "Fast interviews",
        "straightlined": "Straightlined batteries",
        "duplicates": "Near-duplicate interviews",
        "middle_answers": "Many answers in the middle",
        "extreme_answers": "Many answers at the ends",
        "agreeing": "Much agreement",
        "impossible_times": "Times that cannot be right",
        "short_way": "Short way through the questions",
        "round_numbers": "Many round numbers",
        "last_digits": "One last digit favoured",
        "other_answers_again": "Other answers when asked again",
        "data_preparation": "Data preparation",
    }
)
"""As the report prints them."""

_MOST_OF_ALL = 0.75
"""Share of all items that have to lie on one side before everything is said to be shifted."""
_FEWEST_FOR_ALL = 3
"""Items that have to be remarkable by themselves for that."""
_MOST_OF_EXCESS = 2 / 3
"""Share of the excess of unanswered questions that one reason has to make up to give its name."""

_PATTERN_OF: Mapping[str, Pattern] = MappingProxyType(
    {
        "dont_know": "dont_know",
        "refusal": "refusal",
        "no_answer": "unanswered",
        "straightlining": "straightlined",
        "variability": "straightlined",
        "extreme": "extreme_answers",
        "midpoint": "middle_answers",
        "acquiescence": "agreeing",
        "log_minutes": "fast",
        "fast": "fast",
        "log_seconds": "fast",
        "fast_answers": "fast",
        "overlap": "impossible_times",
        "impossible": "impossible_times",
        "largest_match": "duplicates",
        "short_way": "short_way",
        "round_numbers": "round_numbers",
        "last_digit": "last_digits",
        "back_check": "other_answers_again",
    }
)
"""Leading measure of an indicator -> pattern; "straightlining:Trust" goes by what stands before the colon."""


def level_pattern(
    named: Sequence[str], deviations: Mapping[str, float], batteries: Sequence[Collection[str]]
) -> Pattern:
    """The pattern of levels.

    Args:
        named: the items that are remarkable by themselves, strongest first; at least one.
        deviations: every judged item -> deviation from colleagues.
        batteries: the items of each battery.
    """
    if len(named) == 1:
        return "one_item"
    if any(set(named) <= set(battery) for battery in batteries):
        return "one_battery"
    up = deviations[named[0]] > 0
    if len(named) >= _FEWEST_FOR_ALL and all((deviations[item] > 0) == up for item in named):
        same = sum((deviation > 0) == up for deviation in deviations.values())
        if same >= _MOST_OF_ALL * len(deviations):
            return "shifted_up" if up else "shifted_down"
    return "several_items"


def slope_pattern(own: float, usual: float, usual_is_known: bool) -> Pattern:
    """The pattern of a slope.

    Args:
        own: points of the outcome per point of the predictor in this interviewer's interviews.
        usual: the same in everybody's.
        usual_is_known: whether the usual slope differs from 0 beyond doubt; else nothing can be its reverse.
    """
    if usual_is_known and own * usual < 0 and abs(own) >= abs(usual) / 2:
        return "reversed_slope"
    return "flat_slope" if abs(own) < abs(usual) else "steep_slope"


def spread_pattern(share: float) -> Pattern:
    """The pattern of a spread that is `share` times the usual one."""
    return "similar_answers" if share < 1 else "varied_answers"


def of_measure(measure: str) -> Pattern | None:
    """The pattern that a measure of an indicator stands for; None for all unanswered questions together."""
    return _PATTERN_OF.get(measure.partition(":")[0])


def indicator_pattern(measure: str, excess: Mapping[str, float]) -> Pattern:
    """The pattern of an indicator.

    Args:
        measure: name of the leading measure.
        excess: of unanswered questions by reason ("dont_know", "refusal", "no_answer"): how many more per interview
            than elsewhere, where that is known.
    """
    name = measure.partition(":")[0]
    if name != "nonresponse":
        return _PATTERN_OF[name]
    positive = {reason: max(more, 0.0) for reason, more in excess.items()}
    total = sum(positive.values())
    if total > 0:
        reason, most = max(positive.items(), key=lambda pair: pair[1])
        if most >= _MOST_OF_EXCESS * total:
            return _PATTERN_OF[reason]
    return "unanswered"


def name_patterns(flagged: Sequence[Pattern], beside: Collection[Pattern] = ()) -> tuple[Pattern, ...]:
    """The patterns of one interviewer, each once, the strongest first.

    Speed and straightlining agree: that is one way of getting done, so they are named as one, also where the second of
    them is remarkable only and no flag.

    Args:
        flagged: the patterns of the interviewer's flags, strongest first.
        beside: of what is remarkable without being a flag.
    """
    both = {"fast", "straightlined"}
    agree = both <= {*flagged, *beside}
    return tuple(dict.fromkeys("fast_and_straightlined" if agree and one in both else one for one in flagged))
