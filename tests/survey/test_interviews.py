"""Times that interviews took, and what a part of the interviews is told of all."""

from __future__ import annotations

import numpy as np
import pytest

from qa_reports.survey.interviews import ARRAYS, Clock, Interviews, answered, lengths
from tests.effects.synthetic import make_survey

CLOSE = 1e-12
"""Two orders of the same sums."""


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 100])
def test_quantiles_are_those_of_numpy(n: int) -> None:
    minutes = np.random.default_rng(n).gamma(4, 10, n)
    told = lengths(np.insert(minutes, 0, np.nan))
    assert told.n == n
    for share in (0.0, 0.05, 0.25, 0.5, 0.75, 0.999, 1.0):
        assert told.quantile(share) == pytest.approx(np.quantile(minutes, share), rel=CLOSE)
    assert told.median == np.median(minutes)
    # To the last digit, so that an engine finds the same: 0.1 + (0.5 - 0.1) / 2 is another number.
    assert lengths(np.array([0.1, 0.5])).median == np.median([0.1, 0.5])


def test_times_of_nobody_have_no_median() -> None:
    assert np.isnan(lengths(np.array([np.nan])).median)


def interviews(rows: slice, *, timed: bool = True) -> Interviews:
    """Some of eight interviews."""
    item = make_survey({"a": np.array([1.0, 2, 3, 4, 5, 1, 2, 9])[rows]}, np.zeros(8, dtype=int)[rows]).items[0]
    minutes = np.arange(10.0, 90.0, 10.0)[rows]
    return Interviews(
        arithmetic=ARRAYS,
        items=(answered(item),),
        minutes=lengths(minutes) if timed else None,
        clock=Clock(minutes, minutes, on_clock=rows.start is None, overlapping=lambda rows: rows) if timed else None,
        questions=(lengths(minutes / 60),) if timed else None,
    )


def test_a_part_of_the_interviews_goes_by_what_is_known_of_all() -> None:
    part, everything = interviews(slice(2, 5)), interviews(slice(None))
    told = part.with_facts_of(everything)
    assert told.items[0].answers.tolist() == [3, 4, 5]
    assert told.items[0].values.tolist() == [1, 2, 3, 4, 5, 9]
    assert told.minutes is not None
    assert (told.minutes.n, told.minutes.median) == (8, 45)
    assert told.minutes.spent.tolist() == [30, 40, 50]
    assert told.questions is not None
    assert told.questions[0].median == 0.75
    assert told.clock is not None
    assert told.clock.on_clock
    assert told.clock.start.tolist() == [30, 40, 50]


@pytest.mark.parametrize("own", [True, False])
def test_without_times_on_either_side_there_are_none(own: bool) -> None:
    told = interviews(slice(2, 5), timed=own).with_facts_of(interviews(slice(None), timed=not own))
    assert (told.minutes, told.clock, told.questions) == (None, None, None)


def test_what_rounding_leaves_below_zero_has_the_root_zero() -> None:
    assert ARRAYS.root(np.array([4.0, -1e-17])).tolist() == [2, 0]


@pytest.mark.parametrize("n", [1, 3, 300])
def test_conditions_are_counted(n: int) -> None:
    """300: more than a byte counts."""
    hold = np.random.default_rng(4).random((n, 50)) < 0.9
    hold[:, 0] = True
    number = ARRAYS.count(iter(hold))

    assert number.dtype == np.float64
    assert number[0] == n
    np.testing.assert_array_equal(number, hold.sum(axis=0))
