"""Sentences on what an indicator shows, number by number."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from qa_reports.effects.indicator_effects import IndicatorEffects
from qa_reports.effects.indicator_flags import _Kind
from qa_reports.effects.indicator_sentences import indicator_sentence


def shown(
    name: str,
    own: float,
    others: float,
    *,
    n: int = 20,
    affected: int = 0,
    elsewhere: float = 0.0,
    unit: str = "",
    z: float = 2.5,
) -> IndicatorEffects:
    """Of the only interviewer."""
    return SimpleNamespace(  # type: ignore[return-value]
        measure=SimpleNamespace(name=name, unit=unit, label="Refusals", scale="count"),
        own=np.array([own]), others=np.array([others]), n=np.array([n]),
        affected=np.array([affected]), affected_elsewhere=np.array([elsewhere]),
        z=np.array([z]), size=np.array([1.0]), judged_by="ordinal",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("effects", "sentence"),
    [
        (
            shown("log_minutes", np.log(31), np.log(57)),
            "Their 20 interviews typically take 31 minutes; elsewhere it is 57.",
        ),
        (
            shown("log_seconds", np.log(6), np.log(8)),
            "In their 20 interviews, a question typically takes 75% of the time that it takes elsewhere.",
        ),
        (
            shown("variability", 0.6, 1.5, n=1),
            "Within their 1 interview, answers to the items of a battery differ 40% as much from each other as "
            "elsewhere.",
        ),
        (
            shown("midpoint", 0.6, 0.25),
            "In their 20 interviews, 60% of the answers lie in the middle of the scale; elsewhere it is 25%.",
        ),
        (
            shown("refusal", 3.0, 0.04, affected=12, elsewhere=0.05, unit="answers per interview"),
            "In 12 of their 20 interviews at least one answer is refused; elsewhere in 1 of 20 (3.0 answers per "
            "interview instead of 0.04).",
        ),
        # Where it is once per interview, how often per interview says the same again.
        (
            shown("refusal", 0.6, 0.4, affected=12, elsewhere=0.34),
            "In 12 of their 20 interviews at least one answer is refused; elsewhere in 34% of them.",
        ),
        (
            shown("straightlining:Trust", 1.0, 0.0, affected=12),
            "In 12 of their 20 interviews all answers on Trust are the same; elsewhere in none.",
        ),
    ],
)
def test_what_is_said(effects: IndicatorEffects, sentence: str) -> None:
    assert indicator_sentence(effects, 0) == sentence


def test_three_batteries_are_told_beside_the_leading_one() -> None:
    leading = shown("straightlining", 0.6, 0.6, affected=12)
    beside = [shown(f"straightlining:{name}", 1.0, 0.0, affected=int(hits)) for name, hits in ("A9", "B8", "C7", "D6")]
    other = shown("refusal", 1.0, 0.0, affected=5)
    assert indicator_sentence(leading, 0, [*beside[:2], other, *beside[2:]]).endswith(
        "; A in 9, B in 8, refusals in 5."
    )


def test_reasons_are_compared_with_what_they_are_elsewhere() -> None:
    """Many don't knows everywhere are no reason of this interviewer's."""
    reasons = (shown("dont_know", 2.0, 2.0), shown("refusal", 0.5, 0.1), shown("nonresponse", 2.5, 2.1))
    kind = _Kind("nonresponse", reasons, np.ones(3), np.ones((1, 3)), None)
    assert kind._excess(0) == pytest.approx({"dont_know": 0.0, "refusal": 0.4})


@pytest.mark.parametrize(("z", "leads"), [(3.5, "a number ends in 0 or 5"), (2.5, "a number ends in 7")])
def test_a_single_digit_leads_where_all_of_them_do_not_say_it_plainly(z: float, leads: str) -> None:
    measures = (
        shown("round_numbers", 0.6, 0.1, affected=12, z=z),
        shown("last_digit:7", 1.0, 0.0, affected=12, z=6.0),
    )
    remark = _Kind("heaping", measures, np.ones(2), np.array([[0.01, 1e-6]]), None).remark(0, 1e-6)
    assert remark is not None
    assert leads in remark.sentence


def test_batteries_that_are_remarkable_are_told_beside_all_of_them() -> None:
    measures = (
        shown("straightlining", 0.6, 0.1, affected=12, z=3.5),
        shown("straightlining:Trust", 1.0, 0.0, affected=9, z=6.0),
        shown("straightlining:Work", 1.0, 0.0, affected=3, z=1.5),
    )
    remark = _Kind("straightlining", measures, np.ones(3), np.array([[0.01, 1e-6, 0.1]]), None).remark(0, 1e-6)
    assert remark is not None
    assert remark.sentence.endswith("; Trust in 9.")
