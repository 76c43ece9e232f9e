"""The names of deviations: a closed vocabulary, and the rule behind each word."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qa_reports.effects.patterns import (
    PATTERN_NAMES,
    PATTERNS,
    Pattern,
    indicator_pattern,
    level_pattern,
    name_patterns,
    of_measure,
    slope_pattern,
    spread_pattern,
)
from qa_reports.effects.sources import EvidenceSource, combine_sources, decide
from qa_reports.report.steps import STEPS, steps_for

TRUST = ("a", "b", "c")
OTHERS = tuple("defghij")


def deviations(up: tuple[str, ...], all_items: tuple[str, ...] = (*TRUST, *OTHERS)) -> dict[str, float]:
    return {item: 1.0 if item in up else -0.1 for item in all_items}


def test_every_pattern_has_a_name_and_steps() -> None:
    assert set(PATTERN_NAMES) == set(PATTERNS) == set(STEPS)
    assert len(set(PATTERN_NAMES.values())) == len(PATTERNS)


def test_every_pattern_is_explained() -> None:
    page = (Path(__file__).parents[2] / "docs" / "call-list.md").read_text(encoding="utf-8")
    assert [pattern for pattern in PATTERNS if f"`{pattern}`" not in page] == []


@pytest.mark.parametrize(
    ("named", "up", "pattern"),
    [
        (("a",), ("a",), "one_item"),
        (("a", "b"), ("a", "b"), "one_battery"),
        (TRUST, TRUST, "one_battery"),
        (("a", "d"), ("a", "d"), "several_items"),
        (("a", "d", "e"), ("a", "d", "e"), "several_items"),
        (("a", "d", "e"), (*TRUST, *"defgh"), "shifted_up"),
        (("f", "g", "h"), ("a",), "shifted_down"),
        (("a", "d", "e"), (*TRUST, *"defg"), "several_items"),
        (("a", "d", "j"), (*TRUST, *"defgh"), "several_items"),
    ],
)
def test_levels(named: tuple[str, ...], up: tuple[str, ...], pattern: Pattern) -> None:
    assert level_pattern(named, deviations(up), [TRUST]) == pattern


def test_three_of_four_items_are_nearly_all() -> None:
    assert level_pattern(("a", "b", "d"), deviations(("a", "b", "d"), ("a", "b", "d", "e")), []) == "shifted_up"


@pytest.mark.parametrize(
    ("own", "usual", "known", "pattern"),
    [
        (-0.6, 0.8, True, "reversed_slope"),
        (-0.1, 0.8, True, "flat_slope"),
        (-0.35, 0.8, True, "flat_slope"),
        (-0.45, 0.8, True, "reversed_slope"),
        (0.1, 0.8, True, "flat_slope"),
        (1.6, 0.8, True, "steep_slope"),
        (-2.5, 0.1, True, "reversed_slope"),
        (-2.5, 0.1, False, "steep_slope"),
    ],
)
def test_slopes(own: float, usual: float, known: bool, pattern: Pattern) -> None:
    assert slope_pattern(own, usual, known) == pattern


def test_spread_has_two_sides() -> None:
    assert (spread_pattern(0.6), spread_pattern(1.5)) == ("similar_answers", "varied_answers")


@pytest.mark.parametrize(
    ("measure", "excess", "pattern"),
    [
        ("nonresponse", {"dont_know": 2.0, "refusal": 0.2, "no_answer": -1.0}, "dont_know"),
        ("nonresponse", {"dont_know": 1.0, "refusal": 1.0}, "unanswered"),
        ("nonresponse", {}, "unanswered"),
        ("refusal", {"dont_know": 9.0}, "refusal"),
        ("straightlining:Trust in people", {}, "straightlined"),
        ("log_minutes", {}, "fast"),
        ("largest_match", {}, "duplicates"),
    ],
)
def test_indicators(measure: str, excess: dict[str, float], pattern: Pattern) -> None:
    assert indicator_pattern(measure, excess) == pattern


def test_all_unanswered_questions_together_stand_for_no_pattern_of_their_own() -> None:
    assert of_measure("nonresponse") is None


@pytest.mark.parametrize(
    ("flagged", "beside", "named"),
    [
        (("fast", "straightlined"), (), ("fast_and_straightlined",)),
        (("duplicates", "straightlined", "fast"), (), ("duplicates", "fast_and_straightlined")),
        (("straightlined",), ("fast",), ("fast_and_straightlined",)),
        (("fast",), ("refusal",), ("fast",)),
        (("one_item",), ("fast", "straightlined"), ("one_item",)),
        (("one_item", "one_item"), (), ("one_item",)),
    ],
)
def test_two_indicators_that_agree_are_one_pattern(
    flagged: tuple[Pattern, ...], beside: tuple[Pattern, ...], named: tuple[Pattern, ...]
) -> None:
    assert name_patterns(flagged, beside) == named


def test_the_data_preparation_comes_first_and_the_sure_ones_are_re_contacted() -> None:
    steps = steps_for(("one_item", "data_preparation"), critical=True)
    assert "data preparation" in steps[0]
    assert any(step.startswith("Re-contact") for step in steps)
    assert not any(step.startswith("Re-contact") for step in steps_for(("one_item",), critical=False))
    assert len(steps_for(PATTERNS, critical=True)) == 4


def test_two_kinds_of_indicators_that_agree_weigh_twice_what_one_does() -> None:
    weights = np.array([3.0, 1.0, 0.3, 0.3])
    one = combine_sources(np.array([0.9, 0.9, 1e-4, 0.9]), weights)
    both = combine_sources(np.array([0.9, 0.9, 1e-4, 1e-4]), weights)
    assert both == pytest.approx(one / 2)


def test_an_interviewers_findings_are_ranked_by_what_they_rest_on_and_how_much_was_looked_at() -> None:
    p = np.array([[1e-3, 1e-3], [0.5, 0.5], [0.6, 0.4]])
    sources = [
        EvidenceSource("a", "level", 3.0, p[:, 0], (), lambda _: None),
        EvidenceSource("b", "spread", 1.0, p[:, 1], (), lambda _: None),
    ]
    strengths = {name: finding.strength for name, finding in decide(sources, 0.05).findings if finding.interviewer == 0}
    assert strengths == pytest.approx({"a": 4 / 3 * 1e-3, "b": 4e-3})
