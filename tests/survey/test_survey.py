"""What a clean survey counts."""

from __future__ import annotations

import numpy as np

from tests.effects.synthetic import make_survey

NAN = np.nan
SURVEY = make_survey(
    {"a": np.array([1.0, 2, 2, NAN, 1, 2]), "b": np.array([5.0, 5, 6, 5, NAN, 5])}, np.array([0, 0, 1, 1, 1, 3])
)


def test_pairs_of_answers_are_those_of_interviews_with_both() -> None:
    pairs = SURVEY.pair_counts("a", "b")
    assert list(zip(pairs.first, pairs.second, pairs.count, strict=True)) == [(1, 5, 1), (2, 5, 2), (2, 6, 1)]


def test_answers_are_counted_by_interviewer() -> None:
    counts = SURVEY.answer_counts("a")
    assert counts.values.tolist() == [1, 2]
    assert counts.counts.tolist() == [[1, 1], [1, 1], [0, 0], [0, 1]]


def test_everybody_s_interviews_are_at_hand() -> None:
    assert SURVEY.workload.tolist() == [2, 3, 0, 1]
    assert SURVEY.held.tolist() == [1, 1, 0, 1]
    assert (SURVEY.n_rows, SURVEY.n_interviews) == (6, 6)
    assert SURVEY.with_all_of(["100"]) is SURVEY
