"""The record of cleaning adds up, and describes items with and without weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from msgspec.structs import replace
from statsmodels.stats.weightstats import DescrStatsW

from qa_reports.survey.audit import ItemAudit, describe
from qa_reports.survey.clean import DroppedRows, Survey

EXACT = 1e-12
"""Algebra: rounding only."""
WAVE = """int,q,r,w
1,5,1,2
1,77,2,1
2,,3,1
2,12,4,
,3,5,1
2,9,1,0
"""


@pytest.fixture
def survey(clean: Callable[..., Survey]) -> Survey:
    items = [{"name": "q", "scale": [0, 10], "missing_codes": {77: "Refusal"}}, "r"]
    return clean(WAVE, {"weight": "w"}, items=items)


def test_every_cell_of_an_item_and_of_an_interviewer_is_counted_once(survey: Survey) -> None:
    assert survey.log.items == (ItemAudit("q", 5, 2, 1, 1, 1), ItemAudit("r", 5, 5, 0, 0, 0))
    for audit in survey.log.items:
        assert audit.n_interviews == audit.n_answers + audit.n_recoded + audit.n_blank + audit.n_out_of_range
    by_interviewer = [
        [one.n_answers, one.n_recoded, one.n_blank, one.n_out_of_range] for one in survey.log.interviewers
    ]
    by_item = [[one.n_answers, one.n_recoded, one.n_blank, one.n_out_of_range] for one in survey.log.items]
    assert np.sum(by_interviewer, axis=0).tolist() == np.sum(by_item, axis=0).tolist()


def test_rows_that_are_neither_used_nor_dropped_are_a_mistake_of_the_program(survey: Survey) -> None:
    assert (survey.log.rows_in, survey.log.rows_used) == (6, 5)
    with pytest.raises(AssertionError, match="6 rows are not 5 used and 2 dropped"):
        replace(survey.log, dropped=(DroppedRows("no reason", 2),))


def test_weighted_descriptives_leave_out_interviews_without_weight(survey: Survey) -> None:
    before, after = (one.weighted for one in survey.log.descriptives[:2])
    assert before is not None
    assert after is not None
    assert (before.n, after.n) == (2, 1)
    assert before.mean == pytest.approx((2 * 5 + 77) / 3, abs=EXACT)
    assert before.distribution == ((5.0, pytest.approx(2 / 3)), (77.0, pytest.approx(1 / 3)))
    assert (after.mean, after.sd) == (5.0, None)


def test_equal_weights_change_nothing() -> None:
    values = np.array([1.0, 2.0, 2.0, 5.0, np.nan, 7.0, 9.0])
    plain = describe("q", "after", values)
    weighted = describe("q", "after", values, np.full(len(values), 0.25)).weighted
    assert weighted is not None
    assert (weighted.mean, weighted.sd) == (pytest.approx(plain.mean, abs=EXACT), pytest.approx(plain.sd, abs=EXACT))
    assert weighted.distribution == tuple((value, pytest.approx(n / plain.n)) for value, n in plain.distribution)


def test_a_weight_counts_like_as_many_answers() -> None:
    values, times = np.array([1.0, 4.0, 6.0, 10.0]), np.array([3, 1, 5, 2])
    repeated = describe("q", "after", np.repeat(values, times))
    weighted = describe("q", "after", values, times.astype(float)).weighted
    assert weighted is not None
    assert weighted.mean == pytest.approx(repeated.mean, abs=EXACT)
    assert weighted.median == repeated.median


def test_without_a_weight_above_zero_nothing_is_weighted() -> None:
    assert describe("q", "after", np.array([1.0, 2.0]), np.array([0.0, np.nan])).weighted is None


def test_weighted_descriptives_are_those_of_statsmodels() -> None:
    rng = np.random.default_rng(12)
    values, weight = rng.integers(0, 11, 300).astype(float), rng.uniform(0.1, 3, 300)
    ours = describe("q", "after", values, weight).weighted
    theirs = DescrStatsW(values, weight / weight.mean(), ddof=1)
    assert ours is not None
    assert ours.mean == pytest.approx(float(theirs.mean), abs=EXACT)
    assert ours.sd == pytest.approx(float(theirs.std), abs=EXACT)
    quartiles = (ours.lower_quartile, ours.median, ours.upper_quartile)
    assert quartiles == tuple(theirs.quantile([0.25, 0.5, 0.75], return_pandas=False))


def test_weights_that_split_evenly_give_the_value_halfway() -> None:
    weighted = describe("q", "after", np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.1, 0.2, 0.2, 0.1])).weighted
    assert weighted is not None
    assert weighted.median == 2.5
