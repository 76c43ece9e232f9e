"""What evidence is held against: bounded scales, workloads, and sources whose p is seldom small.

Tolerances, and why (measured differences in brackets):
- CURVE: bent effects against effects and answers drawn one by one, in residual standard deviations: the answers that
  are shifted are themselves cut already (0.06 at the largest effects, 0.02 elsewhere).
- SHARE: share of p below 0.01 over nominal, in a quarter of the interviewers, from 12,500 simulated ones at least
  (1.4); with one reference for all workloads it is 0.1 for the smallest and 3.5 for the largest.
"""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace
from scipy import stats

from qa_reports.effects import simulated_levels
from qa_reports.effects.bounded import Bend, bent
from qa_reports.effects.chance import _how_often
from qa_reports.effects.rules import EXPECTED_WARNINGS, MINIMUM_SIZE
from qa_reports.effects.side_by_side import Table
from qa_reports.effects.simulated_levels import OwnSpread, _draw_respondents, of_any_workload, simulate_levels

CURVE = 0.08
SHARE = (0.6, 1.6)


def test_effects_near_the_end_of_a_scale_are_bent() -> None:
    rng = np.random.default_rng(91)
    latent = rng.normal(1.5, 1.0, 20_000)
    usual = np.clip(latent, 0, 5)
    sd = usual.std()
    ends = bent([Bend(np.sort(usual) / sd, 0.0, 5 / sd), None], np.array([0.2, 0.2]))
    assert ends is not None
    effects = rng.normal(0, np.sqrt(0.2), (200_000, 2))
    levels = ends.level(effects)
    assert levels.mean() == pytest.approx(0, abs=0.01)
    np.testing.assert_allclose(levels.var(axis=0), 0.2, rtol=0.02)
    assert (ends.spread(effects)[:, 0] ** 2).mean() == pytest.approx(1, abs=0.002)
    np.testing.assert_array_equal(levels[:, 1], effects[:, 1])
    np.testing.assert_array_equal(ends.spread(effects)[:, 1], 1.0)
    for effect in (-1.2, -0.6, 0.0, 0.6, 1.2):
        there = np.clip(latent + 1.05 * effect * sd, 0, 5)  # 1.05: bent effects start from larger ones
        at = np.array([effect, effect])
        assert ends.level(at)[0] == pytest.approx((there.mean() - usual.mean()) / sd, abs=CURVE)
        assert ends.spread(at)[0] == pytest.approx(there.std() / sd, abs=CURVE)


def _table(n: np.ndarray, items: int = 12) -> Table:
    within = np.full((items, items), 0.2) + 0.8 * np.eye(items)
    return Table(
        deviation=np.zeros((len(n), items)),
        within=within,
        overlap=np.ones((len(n), items, items)) / n[:, None, None],
        n=n,
        bends=(None,) * items,
        respondents=None,
    )


@pytest.mark.parametrize(("interviewers", "items"), [(100, 12), (100, 60), (50, 22), (20, 22), (12, 5)])
def test_busy_interviewers_are_no_more_remarkable_by_chance_than_others(interviewers: int, items: int) -> None:
    """Also of many items, and of few interviewers."""
    n = np.rint(np.geomspace(5, 100, interviewers))
    everyone = OwnSpread(np.ones(interviewers), np.zeros(interviewers), 0.0, 0.0)
    between = 0.05 * (0.4 + 0.6 * np.eye(items))
    (statistic,), _, _ = simulate_levels(_table(n, items), 0.05, everyone, between)
    # The smallest p that can be told is far below that of a warning.
    assert 1 / statistic.size < EXPECTED_WARNINGS / len(n) / 100
    _, comparable = of_any_workload(statistic[0], statistic, n)
    low, high = SHARE
    for quarter in np.array_split(np.arange(interviewers), 4):
        share = np.mean(comparable[:, quarter] > np.quantile(comparable, 0.99)) / 0.01
        assert low < share < high
    as_they_were = [np.mean(statistic[:, part] > np.quantile(statistic, 0.99)) / 0.01 for part in (n < 10, n > 50)]
    assert as_they_were[0] < low
    assert as_they_were[1] > high


@pytest.mark.parametrize(
    ("between", "workload", "least"),
    [(0.05, 10.0, 2.0), (0.01, 1_000.0, MINIMUM_SIZE / np.sqrt(0.011))],
    ids=["remarkable enough", "large enough"],
)
def test_simulated_interviewers_are_remarkable_as_often_as_the_rules_say(
    between: float, workload: float, least: float
) -> None:
    """On one item, by their |z| above 2 where that is rarer, and else by the size that matters."""
    n = np.full(100, workload)
    everyone = OwnSpread(np.ones(100), np.zeros(100), 0.0, 0.0)
    _, _, remarkable = simulate_levels(_table(n, items=1), 0.05, everyone, np.array([[between]]))
    # T is estimated from 100 interviewers, which makes small shares somewhat larger.
    assert remarkable.mean() == pytest.approx(2 * stats.norm.sf(least), rel=0.15)


def test_of_very_many_interviewers_one_wave_is_made_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    n, everyone = np.full(30, 10.0), OwnSpread(np.ones(30), np.zeros(30), 0.0, 0.0)
    table = replace(_table(n, items=2), bends=(Bend(np.linspace(-1, 1, 50), -1.0, 1.0),) * 2)
    monkeypatch.setattr(simulated_levels, "_WAVES", (1, 7))
    monkeypatch.setattr(simulated_levels, "CHUNK", 10)  # a wave has 60 numbers
    (statistic,), _, remarkable = simulate_levels(table, 0.05, everyone, 0.05 * np.eye(2))
    assert statistic.shape == remarkable.shape == (7, 30)
    assert np.isfinite(statistic).all()


def test_means_of_drawn_respondents_have_the_variance_of_means() -> None:
    """Also of an item that half of the respondents were not asked, and of more respondents than are drawn."""
    rng = np.random.default_rng(94)
    respondents = rng.exponential(1, (2_000, 2)) - 1
    respondents[::2, 1] = 0.0
    table = replace(_table(np.array([3.0, 40.0, 400.0]), items=2), respondents=respondents, within=np.diag([1.0, 0.8]))
    variance = np.tile([1.0, 2.0, 1.0], (600, 1))
    d = _draw_respondents(table, np.zeros((2, 2)))(rng, variance)
    # 600 waves know a variance to 6 %, three respondents of an exponential distribution to somewhat less.
    np.testing.assert_allclose(d.var(axis=0), np.outer([1 / 3, 2 / 40, 1 / 400], [1.0, 0.8]), rtol=0.2)


def test_simulated_variances_are_shrunk_as_those_of_the_survey() -> None:
    df = np.array([0.0, 5.0, 500.0])
    true, made_of_it = OwnSpread(np.ones(3), df, 0.0, 0.4).simulate(np.random.default_rng(96), 4_000)
    np.testing.assert_allclose(np.log(true).std(axis=0), 0.8, rtol=0.05)
    # Nothing is known without degrees of freedom, and nearly all with very many.
    assert np.ptp(made_of_it[:, 0]) < 1e-6
    np.testing.assert_allclose(made_of_it[:, 2], true[:, 2], rtol=0.3)
    assert np.log(made_of_it[:, 1]).std() < 0.8
    assert np.corrcoef(np.log(made_of_it[:, 1]), np.log(true[:, 1]))[0, 1] > 0.6


def test_all_workloads_alike_change_no_order() -> None:
    simulated = np.random.default_rng(93).chisquare(12, (500, 60))
    observed, of_simulated = of_any_workload(simulated[0], simulated, np.full(60, 10.0))
    assert np.argsort(observed).tolist() == np.argsort(simulated[0]).tolist()
    assert np.argsort(of_simulated.ravel()).tolist() == np.argsort(simulated.ravel()).tolist()


def test_sources_are_expected_to_be_remarkable_as_often_as_they_are() -> None:
    uniform = np.linspace(0.001, 0.999, 400)
    assert _how_often(uniform) == pytest.approx(1, abs=0.03)
    assert _how_often(np.where(uniform < 0.95, 1.0, uniform / 20)) == pytest.approx(0.5, abs=0.03)
    assert _how_often(np.full(400, 0.01)) == 1
    assert _how_often(np.full(5, np.nan)) == 1
    assert _how_often(np.ones(10)) == pytest.approx(0.5)
