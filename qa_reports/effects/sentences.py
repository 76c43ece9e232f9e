"""Plain sentences about flagged interviewers, for field managers: what was seen, never why they did it.

Numbers stand here rounded to what a sentence can carry; the exact ones are in the flag beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

from qa_reports.effects.one_answer import OneAnswer
from qa_reports.survey.wider_scale import WiderScale

_ONE_PERCENT = 0.01
_MANY = 2
"""Labels named before the rest is counted."""


def level_sentence(
    n_interviews: int,
    deviations: Sequence[tuple[str, float]],
    n_named: int,
    n_items: int,
    scale: str,
    adjusted_for: Sequence[str],
    battery: tuple[str, int, float] | None = None,
) -> str:
    """How far answers lie from colleagues'.

    Args:
        n_interviews: of the interviewer.
        deviations: (item label, deviation in scale points), strongest first; without the items of `battery`.
        n_named: items that stand out, with those of `battery`.
        n_items: items the interviewer is judged on.
        scale: "0 to 10" of what is named first; "" where it is not declared.
        adjusted_for: labels of the respondent covariates.
        battery: (name, number of items, mean deviation) where one battery is what it is about.
    """
    if battery is None:
        (label, deviation), *others = deviations
        what, average = f"“{label}”", ""
    else:
        name, size, deviation = battery
        what, average, others = f"the {size} items of “{name}”", " on average", list(deviations)
    points = f"{_size(abs(deviation))} {'point' if _size(abs(deviation)) == '1.0' else 'points'}"
    inside = f" (scale {scale})" if scale else ""
    adjusted = f", after allowing for {_listed(list(adjusted_for))}" if adjusted_for else ""
    first = f"answers to {what} lie{average} {points} {_side(deviation)} those of colleagues{inside}{adjusted}"
    same = [name for name, value in others if value * deviation > 0]
    opposite = [name for name, value in others if value * deviation < 0]
    if n_named == 1:
        rest = ""
    elif len(others) <= _MANY:
        also = [
            f"{_side(sign)} on {_items(names)}" for names, sign in ((same, deviation), (opposite, -deviation)) if names
        ]
        named = f"; also {' and '.join(also)}" if also else ""
        rest = f"{named}; {n_named} of {n_items} items stand out"
    else:
        opposed = f"{n_named - len(opposite)} {_side(deviation)}, {len(opposite)} {_side(-deviation)}"
        rest = f"; {n_named} of {n_items} items stand out, {opposed if opposite else f'all {_side(deviation)}'}"
    return f"In {interviews(n_interviews)}, {first}{rest}."


def one_answer_sentence(answer: OneAnswer, item: str | None) -> str:
    """What the deviation of an item comes from, with a blank in front.

    Args:
        answer: the one answer.
        item: its label, where the sentence before names several.
    """
    about = "" if item is None else f" to “{item}”"
    label = "" if answer.label is None else f" “{answer.label}”"
    share = "none" if answer.share_elsewhere == 0 else f"{max(answer.share_elsewhere, 0.01):.0%}"
    fewer = "fewer than " if 0 < answer.share_elsewhere < _ONE_PERCENT else ""
    return (
        f" {answer.n:,} of {answer.n_answers:,} answers{about} are {answer.value:g}{label}; elsewhere {fewer}{share}."
    )


def slope_sentence(n_interviews: int, outcome: str, predictor: str, own: float, usual: float) -> str:
    """`own` and `usual`: points of the outcome per point of the predictor, this interviewer's and everybody's."""
    return (
        f"In {interviews(n_interviews)}, “{outcome}” goes with “{predictor}” differently from colleagues' interviews: "
        f"{_signed(own)} points per point instead of {_signed(usual)}."
    )


def spread_sentence(n_interviews: int, share: float, item: str | None, also: Sequence[str]) -> str:
    """`share`: own spread over the usual one; `item`: label of the one item it is about, None for all together."""
    alike = "are more alike than in" if share < 1 else "vary more than in"
    what = "answers" if item is None else f"answers to “{item}”"
    how = "most clearly" if item is None else "also"
    rest = f", {how} on {_items(list(also))}" if also else ""
    return (
        f"In {interviews(n_interviews)}, {what} {alike} other interviewers' interviews "
        f"(spread {share:.0%} of usual){rest}."
    )


def missing_code_sentence(
    n_answers: int,
    value: float,
    label: str,
    why: str,
    consequences: Sequence[str],
    wider: WiderScale | None = None,
) -> str:
    """`consequences`: what the value would do, each a clause that continues "Left in, it would"; `wider`: the scale
    that would hold it, where the declared one may be mistyped.
    """
    answers, look, stand = (
        ("1 answer", "looks", "stands") if n_answers == 1 else (f"{n_answers:,} answers", "look", "stand")
    )
    effect = f" Left in, it would {', '.join(consequences)}." if consequences else ""
    if wider is not None:
        return (
            f"{answers} of {value:g} to “{label}” {stand} {wider.where}, which may be mistyped (is it {wider.words}?): "
            f"a matter of data preparation, not of the interviewer.{effect}"
        )
    return (
        f"{answers} of {value:g} to “{label}” ({why}) {look} like a missing code that the configuration does not "
        f"declare: a matter of data preparation, not of the interviewer.{effect}"
    )


def vanishing_sentence(n_answers: int, suspects: Sequence[tuple[float, str]]) -> str:
    """`n_answers`: the interviewer's own answers that are suspects; `suspects`: (value, label of its item)."""
    values = _listed([f"{value:g} in “{label}”" for value, label in suspects])
    own = "none of them in these interviews" if not n_answers else f"{n_answers:,} of them in these interviews"
    return (
        f"Stands out only while answers that look like undeclared missing codes are left in ({values}; {own}): a "
        "matter of data preparation, not of the interviewer."
    )


def slope_consequence(outcome: str, predictor: str, test: tuple[float, float], extreme: str | None) -> str:
    """`test`: likelihood-ratio statistic of the slope variance with and without the value."""
    place = (
        f"make this interviewer's slope of “{outcome}” on “{predictor}” the {extreme} of all and " if extreme else ""
    )
    whose = "that slope" if extreme else f"the slope of “{outcome}” on “{predictor}”"
    return f"{place}raise the test of whether {whose} differs between interviewers from {test[1]:.1f} to {test[0]:.1f}"


def _size(value: float) -> str:
    """One decimal as on a 0 to 10 scale; three digits on scales that are much smaller or larger."""
    return f"{value:.1f}" if 0.1 <= value < 100 else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _side(deviation: float) -> str:
    return "above" if deviation > 0 else "below"


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")


def _items(labels: list[str]) -> str:
    quoted = [f"“{label}”" for label in labels]
    shown = quoted[:_MANY] if len(quoted) > _MANY + 1 else quoted
    left = len(quoted) - len(shown)
    return _listed([*shown, f"{left} more items"] if left else shown)


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def interviews(n: int) -> str:
    """So many interviews, in words."""
    return "1 interview" if n == 1 else f"{n:,} interviews"
