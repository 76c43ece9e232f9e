"""Calibration of the search for undeclared codes, on simulated waves of 1,703 interviews by 75 interviewers."""

from __future__ import annotations

import numpy as np
import pytest

from tests.survey.waves import CLEAN, HIDDEN, INTERVIEWS, PLANTED, Draw, false_suspects, found, plant, scale, suspected

WAVES = 100
MOST_FALSE = 1 / 400
"""Share of clean waves with a false suspect, on the worst kind of item."""


@pytest.mark.parametrize("name", CLEAN)
def test_a_clean_item_has_no_suspect_in_100_waves(name: str) -> None:
    assert false_suspects(name, WAVES) == 0


@pytest.mark.parametrize("case", PLANTED, ids=lambda case: f"{case[0]} with {case[2]}")
def test_every_planted_code_is_found_without_scale_or_labels(case: tuple[str, Draw, tuple[float, ...]]) -> None:
    there, hits, others = found(case, WAVES // 4)
    assert there >= WAVES // 4
    assert (hits, others) == (there, 0)


@pytest.mark.parametrize(
    ("low", "high", "codes"),
    [
        (1, 5, (7, 8, 9)),
        (1, 4, (9,)),
        (0, 10, (77, 88, 99)),
        (0, 6, (7, 8, 9)),
        (0, 90, (97, 98, 99)),
        (0, 10, (-1, -2, -8, -9)),
    ],
)
def test_a_declared_scale_and_labels_each_find_every_code(low: int, high: int, codes: tuple[float, ...]) -> None:
    rng = np.random.default_rng([low, high])
    for _ in range(10):
        spoilt, planted = plant(rng, scale(low, high)(rng, INTERVIEWS), codes)
        assert suspected(spoilt, scale=(low, high)) == planted
        assert suspected(spoilt, Not_at_all=low, Completely=high) == planted


@pytest.mark.parametrize(("low", "high"), [(1, 5), (1, 7), (0, 10)])
def test_a_label_finds_a_code_among_the_answers(low: int, high: int) -> None:
    rng = np.random.default_rng(high)
    answers = scale(low, high)(rng, INTERVIEWS)
    assert suspected(answers, Refused=high) == [high]


def test_labels_of_a_few_small_numbers_are_no_scale() -> None:
    children = np.array([0, 0, 0, 1, 1, 1, 1, 2, 3, 4, 5, 6], dtype=float).repeat(20)
    assert suspected(children, None_at_all=0.0, One_child=1.0) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", CLEAN)
def test_false_suspects_are_rare_in_many_waves(name: str) -> None:
    assert false_suspects(name, 4 * WAVES) <= 4 * WAVES * MOST_FALSE


@pytest.mark.slow
@pytest.mark.parametrize("case", PLANTED, ids=lambda case: f"{case[0]} with {case[2]}")
def test_every_planted_code_is_found_in_many_waves(case: tuple[str, Draw, tuple[float, ...]]) -> None:
    there, hits, others = found(case, 4 * WAVES)
    assert there > 4 * WAVES * 0.99
    assert (hits, others) == (there, 0)


@pytest.mark.slow
def test_codes_that_look_like_answers_are_not_found() -> None:
    shares = [hits / there for there, hits, _ in (found(case, WAVES) for case in HIDDEN)]
    assert max(shares) < 0.5
