"""Evidence over all items: the statistic is that of its definition, by dense algebra, and p is what it says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from qa_reports.effects.between import against_others, shrink_between, weights_in_t
from qa_reports.effects.estimate import ItemEffects, estimate_items
from qa_reports.effects.evidence import _observed, combine_evidence
from qa_reports.effects.side_by_side import Table, item_blocks
from qa_reports.effects.simulated_levels import _of_block, _variances_of_others
from tests.effects.synthetic import make_config, make_survey, wave

CLOSE = 1e-9
"""Two ways of solving 5 by 5 systems."""


def _definition(d: np.ndarray, of_all: np.ndarray, sampling: np.ndarray, others: np.ndarray) -> float:
    """(u'd)^2 / (u'(T_-j + W)u), u = (T + W)^-1 d: the square of the distance in the most remarkable direction."""
    u = np.linalg.solve(of_all + sampling, d)
    return float((u @ d) ** 2 / (max(u @ others @ u, 0.0) + u @ sampling @ u))


def _t_of_others(raw: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Half of raw moments, half of their standard deviations with the expected correlations."""
    sd = np.sqrt(np.maximum(np.diagonal(raw), 0.0))
    return 0.5 * raw + 0.5 * expected * np.outer(sd, sd)


def test_the_statistic_is_that_of_its_definition() -> None:
    """Over the items an interviewer has, on the scale of all five items; T of the others from their own moments.

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
    within = 0.4 + 0.6 * np.eye(items)
    deviation = np.where(has, rng.normal(0, 0.4, has.shape), np.nan)
    n = counts.mean(1)
    weight = weights_in_t(n)
    table = Table(deviation, within, overlap, n, (None,) * items, None)

    for blocks in ([slice(0, 5)], [slice(0, 2), slice(2, 5)]):
        between = [(block, table.between(block)) for block in blocks]
        observed = _observed(table, between)
        for j, own in enumerate(has):
            statistic = 0.0
            for block, t in between:
                held = np.flatnonzero(own[block])
                if not len(held):
                    continue
                places = np.ix_(held, held)
                # The moments of everybody else, added up anew.
                raw = np.zeros(places[0].shape[:1] + places[1].shape[1:])
                for row, one in enumerate(held + block.start):
                    for column, other in enumerate(held + block.start):
                        of = np.flatnonzero(has[:, one] & has[:, other] & (np.arange(interviewers) != j))
                        products = (
                            deviation[of, one] * deviation[of, other] - within[one, other] * overlap[of, one, other]
                        )
                        raw[row, column] = weight[of] @ products / weight[of].sum()
                sampling = (within * overlap[j])[block, block][places]
                others = _t_of_others(raw, t.expected[places])
                statistic += _definition(deviation[j, block][held], t.covariance[places], sampling, others)
            same_tail = stats.chi2.isf(stats.chi2.sf(statistic, own.sum()), items)
            np.testing.assert_allclose(observed[j], same_tail, rtol=CLOSE)


def test_the_direction_gives_no_more_than_all_of_them() -> None:
    """d'(T_-j + W)^-1 d is the largest squared distance in any direction: in d's own where nothing else changes."""
    rng = np.random.default_rng(74)
    root = rng.normal(0, 0.3, (6, 6))
    of_all, sampling, d = root @ root.T, 0.05 * (0.4 + 0.6 * np.eye(6)), rng.normal(0, 0.5, 6)
    u = np.linalg.solve(of_all + sampling, d)

    def against(others: np.ndarray) -> float:
        of_u = np.array([u @ d, u @ sampling @ u, u @ others @ u, u @ others @ u])
        return float(against_others(*of_u[:, None])[0])

    for others in (of_all, 0.5 * of_all, of_all - 0.01 * np.outer(d, d)):
        whole = d @ np.linalg.solve(others + sampling, d)
        assert against(others) <= whole * (1 + CLOSE)
    along = of_all - 0.01 * np.outer(d, d)
    np.testing.assert_allclose(against(along), d @ np.linalg.solve(along + sampling, d), rtol=CLOSE)
    # What is left is never negative.
    np.testing.assert_allclose(against(-of_all), (u @ d) ** 2 / (u @ sampling @ u), rtol=CLOSE)


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
    share = weights_in_t(n[0]) / weights_in_t(n[0]).sum()
    d = rng.normal(0, 0.4, (2, 6, 4))
    products = d[..., None] * d[..., None, :] - within / n[..., None, None]
    between = shrink_between(np.einsum("j,wjkl->wkl", share, products), within)
    expected = np.zeros((2, 6))
    for w in range(2):
        for j in range(6):
            others = share * (np.arange(6) != j)
            raw = np.einsum("j,jkl->kl", others / others.sum(), products[w])
            t = _t_of_others(raw, between.expected[w])
            expected[w, j] = _definition(d[w, j], between.covariance[w], within / n[w, j], t)
    variance = _variances_of_others(d**2, np.diagonal(within) / n[..., None], [between], share)
    np.testing.assert_allclose(_of_block(d, between, within, n, share, variance), expected, rtol=CLOSE)


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
