"""Evidence over all items: the statistic is that of its definition, by dense algebra, and p is what it says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from qa_reports.effects.estimate import ItemEffects, estimate_items
from qa_reports.effects.evidence import _observed, combine_evidence
from qa_reports.effects.side_by_side import Table, item_blocks, weights_in_t
from qa_reports.effects.simulated_levels import _quadratic
from tests.effects.synthetic import make_config, make_survey, wave

CLOSE = 1e-9
"""Two ways of solving 5 by 5 systems."""


def test_the_statistic_is_that_of_its_definition() -> None:
    """d' A_-j^-1 d over the items an interviewer has, A_-j = T_-j + W_j, on the scale of all five items.

    In blocks of items it is the sum over the blocks.
    """
    rng = np.random.default_rng(71)
    interviewers, items = 15, 5
    has = rng.random((interviewers, items)) < 0.8
    has[0], has[1] = True, np.arange(items) == 2
    counts = rng.integers(3, 20, (interviewers, items)) * has
    together = np.minimum(counts[:, :, None], counts[:, None, :])
    size = counts[:, :, None] * counts[:, None, :]
    overlap = np.divide(together, size, out=np.zeros(size.shape), where=size > 0)
    within, between = 0.4 + 0.6 * np.eye(items), 0.05 * (0.3 + 0.7 * np.eye(items))
    deviation = np.where(has, rng.normal(0, 0.25, has.shape), np.nan)
    n = counts.mean(1)

    table = Table(deviation, within, overlap, n, (None,) * items, None)

    def observed(blocks: list[slice]) -> np.ndarray:
        return _observed(table, [(block, between[block, block]) for block in blocks])

    share = weights_in_t(n) / weights_in_t(n).sum()
    for blocks in ([slice(0, 5)], [slice(0, 2), slice(2, 5)]):
        for j, own in enumerate(has):
            statistic = 0.0
            for block in blocks:
                held = np.flatnonzero(own & np.isin(np.arange(items), np.arange(items)[block]))
                d = deviation[j, held]
                of_all = (between + within * overlap[j])[np.ix_(held, held)]
                without = (of_all - share[j] * np.outer(d, d)) / (1 - share[j])
                statistic += d @ np.linalg.solve(without, d)
            same_tail = stats.chi2.isf(stats.chi2.sf(statistic, own.sum()), items)
            np.testing.assert_allclose(observed(blocks)[j], same_tail, rtol=CLOSE)


def test_batteries_are_not_parted_and_few_interviewers_make_small_blocks() -> None:
    battery = np.repeat(np.arange(12), 5)
    within = np.where(battery[:, None] == battery, 0.4, 0.1) + 0.6 * np.eye(60)
    assert item_blocks(within[:25, :25], 100) == [slice(0, 25)]
    many = item_blocks(within, 100)
    assert [block.start for block in many[1:]] == [block.stop for block in many[:-1]]
    assert (many[0].start, many[-1].stop, len(many)) == (0, 60, 3)
    assert all(block.stop % 5 == 0 and block.stop - block.start <= 25 for block in many)
    assert [block.stop - block.start for block in item_blocks(within, 20)] == [5] * 12
    assert [block.stop - block.start for block in item_blocks(within[:22, :22], 75)] == [10, 12]
    assert len(item_blocks(within, 4)) == 60
    assert item_blocks(within[:1, :1], 3) == [slice(0, 1)]


def test_simulated_waves_have_the_statistic_of_the_definition() -> None:
    rng = np.random.default_rng(73)
    within, n = 0.4 + 0.6 * np.eye(4), rng.uniform(3, 30, (2, 6))
    between = 0.05 * (rng.uniform(0.5, 1, 2)[:, None, None] * np.full((4, 4), 0.3) + 0.7 * np.eye(4))
    d = rng.normal(0, 0.3, (2, 6, 4))
    expected = [[d[w, j] @ np.linalg.solve(between[w] + within / n[w, j], d[w, j]) for j in range(6)] for w in range(2)]
    np.testing.assert_allclose(_quadratic(d, between, within, n), expected, rtol=CLOSE)


def test_more_interviews_weigh_more_but_less_and_less_so() -> None:
    weight = weights_in_t(np.array([1.0, 2.0, 10.0, 27.0]))
    np.testing.assert_allclose(weight, [1 / 11, 2 / 12, 0.5, 27 / 37])


def test_who_differs_a_little_on_all_items_has_a_small_p() -> None:
    answers, interviewer = wave(np.random.default_rng(72), interviewers=40, items=6, workload=(10, 20), icc=0.02)
    for k, values in enumerate(answers.values()):
        # Up and down: what is common to all items is what interviewers differ in anyway.
        values[interviewer == 7] = np.clip(values[interviewer == 7] + (1.2 if k % 2 else -1.2), 0, 10)
    items = [
        item
        for item in estimate_items(make_survey(answers, interviewer), make_config(list(answers)))
        if isinstance(item, ItemEffects)
    ]
    judged = np.arange(40) != 3
    evidence = combine_evidence(items, 40, judged, 0.05)
    assert evidence.simulated is not None
    assert np.isnan(evidence.p[3])
    p = evidence.p[judged]
    assert ((p > 0) & (p <= 1)).all()
    assert np.nanargmin(evidence.p) == 7
    assert evidence.p[7] < 0.01
    # Means of 38 uniform numbers: 0.5 to within three of their standard deviations, 0.047.
    assert 0.36 < p[p != evidence.p[7]].mean() < 0.64
    np.testing.assert_array_equal(evidence.simulated.interviewer, np.flatnonzero(judged))
    of_simulated = evidence.simulated.p
    assert of_simulated.min() > 0
    assert of_simulated.max() <= 1
    assert of_simulated.mean() == pytest.approx(0.5, abs=0.001)
