"""What to do about an interviewer who is worth a call: a question to ask, and what to check, by pattern.

The mildest explanation is looked for first, and no step takes it for granted that the interviewer did anything wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from qa_reports.effects.patterns import Pattern

_MOST = 4
"""Steps on a card."""
_HOW_IT_WENT = "Call and ask how the interviews went: area, respondents, showcards, device."
_BRIEFING = "Check the briefing on these questions: read out as worded, showcard shown, nothing suggested."
_BOTH = (
    "Call and ask how the two questions are put: as worded, one after the other?",
    "Check how both were entered, and listen to them in a few recordings.",
)
_SCALE = (
    "Call and ask how the answer scale is presented: showcard, both ends read out, nothing suggested.",
    "Listen to a few scale questions in recordings.",
)
_DATA = "First put the data preparation right (see the data-preparation problems), then look again."
_ALL = "Re-contact some of the respondents, and listen to recordings where there are any."

STEPS: Mapping[Pattern, tuple[str, ...]] = MappingProxyType(
    {
        "shifted_up": (_HOW_IT_WENT, _BRIEFING),
        "shifted_down": (_HOW_IT_WENT, _BRIEFING),
        "several_items": (_HOW_IT_WENT, _BRIEFING),
        "one_battery": (
            "Call and ask how this battery is introduced, and which showcard goes with it.",
            "Listen to this battery in a few recordings, and check the briefing on it.",
        ),
        "one_item": (
            "Call and ask how this question is read out, and how the answer is entered.",
            "Listen to this question in a few recordings, and check the briefing on it.",
        ),
        "flat_slope": _BOTH,
        "reversed_slope": (*_BOTH, "Check whether the scale of one of them was shown or entered the other way round."),
        "steep_slope": _BOTH,
        "similar_answers": (
            "Call and ask about area and respondents: are they much alike?",
            "Re-contact some respondents: was each of them asked these questions?",
        ),
        "varied_answers": (
            "Call and ask how answers are entered, and whether respondents see the showcard.",
            "Compare a few interviews with their recordings: slips, scales turned round.",
        ),
        "dont_know": (
            "Call and ask what happens after a don't know: is it probed once, or entered at once?",
            "Check the briefing on probing, and listen to the questions that stay open most.",
        ),
        "refusal": (
            "Call and ask how refusals of single questions come about, and how confidentiality is explained.",
            "Check the briefing on sensitive questions.",
        ),
        "unanswered": (
            "Call and ask why questions stay open: not put, not understood, or not entered?",
            "Check the briefing on probing, and the device.",
        ),
        "fast_and_straightlined": (
            "Call and ask how the batteries are done: is every item read out and answered by itself?",
            "Compare time stamps and recordings of a few batteries.",
        ),
        "fast": (
            "Call and ask what makes the interviews short: respondents, habits, parts that do not apply?",
            "Compare the time stamps of a few interviews with their recordings, question by question.",
        ),
        "straightlined": (
            "Call and ask how the batteries are done: is every item read out and answered by itself?",
            "Listen to a few batteries in recordings.",
        ),
        "duplicates": (
            "First see whether an interview was delivered or entered twice.",
            "Re-contact the respondents of the interviews that are alike (listed under the indicators).",
        ),
        "middle_answers": _SCALE,
        "extreme_answers": _SCALE,
        "agreeing": _SCALE,
        "impossible_times": (
            "Check the device's clock, and whether interviews were entered later.",
            "Ask for the contact forms of the interviews whose times cannot be right.",
        ),
        "short_way": (
            "Call and ask how these questions are put.",
            "Re-contact a few respondents with them alone.",
        ),
        "last_digits": (
            "Call and ask how numbers are asked for and entered.",
            "Compare a few numbers with the recordings, or ask these respondents again.",
        ),
        "round_numbers": ("Call and ask whether numbers are entered as said, or rounded.",),
        "other_answers_again": (
            "Compare the answers that differ with the recordings: the second interview may be wrong, too.",
            "Re-contact more respondents.",
        ),
        "data_preparation": (_DATA,),
    }
)
"""Every pattern's steps, the first to take first."""


def steps_for(patterns: Sequence[Pattern], critical: bool) -> tuple[str, ...]:
    """The steps for an interviewer with these patterns, the strongest first.

    Args:
        patterns: of `name_patterns`, and `data_preparation` where some of their answers are suspects.
        critical: whether more than a talk is called for.
    """
    first, *others = sorted(patterns, key=lambda pattern: pattern != "data_preparation")
    steps = [*STEPS[first], *(STEPS[pattern][-1] for pattern in others)]
    if critical and not any(step.startswith("Re-contact") for step in steps):
        steps.insert(2, _ALL)
    return tuple(dict.fromkeys(steps))[:_MOST]
