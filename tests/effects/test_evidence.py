"""Evidence over all items: the statistic is that of its definition, by dense algebra, and p is what it says."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace
from scipy import stats

from qa_reports.effects.between import against_others, shrink_between, weights_in_t
from qa_reports.effects.estimate import ItemEffects, estimate_items
from qa_reports.effects.evidence import _observed, _p_values, _sorted, combine_evidence
from qa_reports.effects.side_by_side import Table, item_blocks
from qa_reports.effects.simulated_levels import _of_block, _variances_of_others
from tests.effects.synthetic import make_config, make_survey, wave
from tests.effects.waves import Design, Planted, config, make_wave, shift

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

    for blocks in ([np.arange(5)], [np.arange(2), np.arange(2, 5)], [np.array([4, 1])]):
        observed = _observed(table, blocks)
        for j, own in enumerate(has):
            statistic = 0.0
            for block in blocks:
                held = np.flatnonzero(own[block])
                if not len(held):
                    continue
                places, t = np.ix_(held, held), table.of(block).between()
                # The moments of everybody else, added up anew.
                raw = np.zeros(places[0].shape[:1] + places[1].shape[1:])
                for row, one in enumerate(block[held]):
                    for column, other in enumerate(block[held]):
                        of = np.flatnonzero(has[:, one] & has[:, other] & (np.arange(interviewers) != j))
                        products = (
                            deviation[of, one] * deviation[of, other] - within[one, other] * overlap[of, one, other]
                        )
                        raw[row, column] = weight[of] @ products / weight[of].sum()
                sampling = (within * overlap[j])[np.ix_(block, block)][places]
                others = _t_of_others(raw, t.expected[places])
                statistic += _definition(deviation[j, block][held], t.covariance[places], sampling, others)
            answered, of = own[np.concatenate(blocks)].sum(), sum(map(len, blocks))
            same_tail = stats.chi2.isf(stats.chi2.sf(statistic, answered), of) if answered else 0.0
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

    def ends(items: int, interviewers: int) -> list[int]:
        blocks = item_blocks(within[:items, :items], interviewers)
        np.testing.assert_array_equal(np.concatenate(blocks), np.arange(items))
        return [int(block[-1]) + 1 for block in blocks]

    assert ends(25, 100) == [25]
    many = ends(60, 100)
    assert len(many) == 3
    assert all(end % 5 == 0 for end in many)
    assert max(np.diff([0, *many])) <= 25
    assert ends(60, 20) == list(range(5, 65, 5))
    assert ends(22, 75) == [10, 22]
    assert ends(60, 4) == list(range(1, 61))
    assert ends(1, 3) == [1]


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
    variance = _variances_of_others(d**2 - np.diagonal(within) / n[..., None], share)
    np.testing.assert_allclose(_of_block(d, within, n, share, variance), expected, rtol=CLOSE)


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


def test_a_battery_is_looked_at_by_itself_too() -> None:
    """A shift of six items of one battery is nearly lost among 22 items; p is that of all looks together."""
    design = Design(30, 450)
    survey = make_wave(9, design, [Planted("shifted", shift("together", 1.0), "level", (20, 20))])
    options = config(design)
    items = [item for item in estimate_items(survey, options, judgement_only=True) if isinstance(item, ItemEffects)]
    who, everyone = survey.interviewer_ids.index("1"), np.ones(30, dtype=bool)
    at_once = combine_evidence(items, 30, everyone, 0.05).p
    beside = combine_evidence(items, 30, everyone, 0.05, batteries=[battery.items for battery in options.batteries])
    assert np.nanargmin(beside.p) == who
    assert beside.p[who] < at_once[who] / 3
    # Means of 29 uniform numbers: 0.5 to within three of their standard deviations, 0.054.
    assert 0.34 < np.delete(beside.p, who).mean() < 0.66
    assert beside.simulated is not None
    assert beside.simulated.p.mean() == pytest.approx(0.5, abs=0.001)


def test_what_batteries_are_is_no_second_look_at_everything() -> None:
    table = Table(np.zeros((40, 6)), np.eye(6), np.ones((40, 6, 6)), np.ones(40), (None,) * 6, None)
    named = ([0, 1, 2, 3, 4, 5], [4], [1, 3], [])
    groups = replace(table, batteries=tuple(np.array(battery, dtype=np.int64) for battery in named)).groups()
    assert [[block.tolist() for block in blocks] for blocks in groups] == [[[0, 1, 2, 3, 4, 5]], [[1, 3]]]


@pytest.mark.parametrize("statistics", [1, 2, 4])
def test_p_of_several_looks_is_uniform(statistics: int) -> None:
    rng = np.random.default_rng(76)
    simulated = rng.chisquare(5, (statistics, 400, 25)) + rng.chisquare(3, (400, 25))
    n = np.geomspace(5, 50, 25)
    p, of_simulated = _p_values(simulated[:, 0], simulated, n)
    # Of equal ones, two of most p and four after two rounds, one has the smaller p.
    np.testing.assert_allclose(p, of_simulated[0], atol=5 / 10_000)
    assert len(np.unique(of_simulated)) == 10_000
    assert (of_simulated < 0.01).mean() == pytest.approx(0.01, abs=1e-4)


@pytest.mark.parametrize("different", [1, 7, 300, 10**9])
def test_the_order_is_stable_however_many_are_equal(different: int) -> None:
    values = np.random.default_rng(3).integers(0, different, 1_000).astype(float)
    order, ascending = _sorted(values)
    np.testing.assert_array_equal(order, np.argsort(values, kind="stable"))
    np.testing.assert_array_equal(ascending, np.sort(values))
