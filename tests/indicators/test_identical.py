"""Identical interviews of different interviewers: which of them chance explains."""

from __future__ import annotations

import numpy as np
import pytest

from qa_reports.indicators import duplicates
from qa_reports.indicators.duplicates import find_duplicates
from qa_reports.indicators.identical import ChanceOfIdentical

SAMPLED = 0.2
"""Relative: twelve shares of 40,000 interviews, and what a tree takes for dependence among independent items."""
DOUBLED = 0.1
"""Relative: how certain an item's copy is from 5,000 interviews with five more of prior."""
EXACT = 1e-12
"""Relative: a formula written out by hand, up to rounding."""


def agreeing(rng: np.random.Generator, n: int, items: int) -> np.ndarray:
    """Answers 1, 2, 3; most people say 1 nearly everywhere, and who does not say it here does not say it there."""
    leaning = rng.normal(size=(n, 1))
    return np.clip(np.rint(1.2 + 0.5 * (leaning + rng.normal(size=(n, items)))), 1, 3)


def test_it_is_the_probability_of_the_answers_where_items_are_independent() -> None:
    """Of many interviews: answers with probabilities .2 and .8, and the items one by one."""
    rng = np.random.default_rng(1)
    answers = (rng.random((40_000, 12)) < 0.8).astype(float)
    answers[1] = answers[0] = [1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1]
    expected = ChanceOfIdentical(answers).expected(0, 1)

    assert expected == pytest.approx(40_000 * 39_999 / 2 * 0.8**9 * 0.2**3, rel=SAMPLED)


def test_of_two_items_it_is_the_formula_written_out() -> None:
    """Ten interviews: item one has 1 in six, item two has 1 in five, both have it in four; the pair has 1 and 1."""
    one, two = [1, 1, 1, 1, 1, 1, 0, 0, 0, 0], [1, 1, 1, 1, 0, 0, 1, 0, 0, 0]
    expected = ChanceOfIdentical(np.array([one, two], dtype=float).T).expected(0, 1)

    alone, of_two = (6 - 1) / (10 - 1), (5 - 1) / (10 - 1)
    given_one = (4 - 2 + 5 * of_two) / (6 - 2 + 5)
    assert expected == pytest.approx(10 * 9 / 2 * alone * given_one, rel=EXACT)


def test_what_one_item_says_of_the_next_is_allowed_for() -> None:
    """Twelve items that say the same as six do make nothing more improbable."""
    rng = np.random.default_rng(2)
    six = rng.integers(0, 4, (5_000, 6)).astype(float)
    six[1] = six[0]
    twice = np.repeat(six, 2, axis=1)

    assert ChanceOfIdentical(twice).expected(0, 1) == pytest.approx(ChanceOfIdentical(six).expected(0, 1), rel=DOUBLED)


def test_only_items_that_both_answered_count() -> None:
    rng = np.random.default_rng(3)
    answers = rng.integers(0, 5, (400, 20)).astype(float)
    answers[1] = answers[0]
    few = answers.copy()
    few[1, 11:] = np.nan
    chance, of_few = ChanceOfIdentical(answers), ChanceOfIdentical(few)

    assert chance.expected(0, 1) < 1e-6 < of_few.expected(0, 1)
    assert of_few.expected(0, 1) == of_few.expected(1, 0)


def test_common_answers_to_few_items_are_not_listed_and_a_copy_is() -> None:
    rng = np.random.default_rng(4)
    answers, interviewer = agreeing(rng, 600, 40), np.repeat(np.arange(30), 20)
    answers[5, 13:] = np.nan  # "don't know" to 27 of 40
    answers[5, :13] = 1
    answers[300] = answers[20] = rng.integers(1, 4, 40)
    alike = [row for row in range(20, 600) if (answers[row, :13] == 1).all()]
    assert len(alike) > 5

    found = find_duplicates(answers, interviewer, 30, 10)

    (pair,) = [pair for pair in found.pairs if not pair.same_interviewer]
    assert (pair.first, pair.second, pair.share, pair.shared) == (20, 300, 1.0, 40)
    assert pair.expected is not None
    assert pair.expected < 1e-6
    assert all(pair.expected is None for pair in found.pairs if pair.same_interviewer)
    assert found.measure.values[5] == 1.0  # what the measure is does not change


def test_a_pair_has_the_number_of_answers_both_gave() -> None:
    rng = np.random.default_rng(5)
    answers, interviewer = rng.integers(0, 11, (200, 30)).astype(float), np.repeat(np.arange(10), 20)
    answers[1] = answers[0]
    answers[0, :4], answers[1, 3:6] = np.nan, np.nan

    (pair,) = find_duplicates(answers, interviewer, 10, 10).pairs

    assert (pair.share, pair.shared, pair.same_interviewer) == (1.0, 24, True)


def test_chance_lists_hardly_any_pair_of_a_survey_whose_answers_go_together() -> None:
    listed = 0
    for seed in range(20):
        answers = agreeing(np.random.default_rng(seed), 400, 14)
        found = find_duplicates(answers, np.repeat(np.arange(20), 20), 20, 10)
        listed += sum(not pair.same_interviewer for pair in found.pairs)

    assert listed <= 1


def test_only_so_many_identical_pairs_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_MOST_IDENTICAL", 3)
    answers = np.random.default_rng(6).integers(0, 9, (60, 20)).astype(float)
    answers[30:40] = answers[:10]

    found = find_duplicates(answers, np.repeat(np.arange(6), 10), 6, 10)

    assert 0 < sum(not pair.same_interviewer for pair in found.pairs) <= 3
