"""Intervals, exact tests, ranks and influence against algebra and against themselves where nothing else exists.

Tolerances: ROOT is the 1e-5 to which the signed root of the deviance is solved at the end of an interval.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

from qa_reports.effects import rlrt
from qa_reports.effects.fit_results import _referee
from qa_reports.effects.inference import expected_ranks
from qa_reports.effects.influence import delete_interviewers
from qa_reports.effects.intervals import icc_intervals, single_term_intervals
from qa_reports.effects.joint_intervals import joint_intervals
from qa_reports.effects.likelihood import deviance
from qa_reports.effects.mixed_model import back_transform, fit_mixed_models
from qa_reports.effects.moments import Columns, compute_moments
from qa_reports.effects.problem import problem
from qa_reports.effects.referee import RefereeCase, referee_logliks
from qa_reports.effects.rlrt import _spectrum, exact_restricted_lrt
from tests.effects.simulate import random_intercepts, random_slopes

ROOT = 1e-4
LOGS = 2e-4
"""Relative: neighbourhoods are 1 % or a four-hundredth of the logarithmic range wide; only squares of that count."""
LEVEL = stats.chi2.ppf(0.95, 1)


def test_icc_interval_ends_where_the_deviance_has_risen_by_the_quantile() -> None:
    moments = compute_moments([random_intercepts(np.random.default_rng(51), icc=0.2)], 30)
    fits = fit_mixed_models(moments, (0,), "REML")
    (lower, upper), setup = icc_intervals(moments, fits)[0], problem(moments, (0,), "REML")
    assert 0 < lower < fits.relative[0, 0, 0] / (1 + fits.relative[0, 0, 0]) < upper < 1
    lowest = deviance(setup, fits.relative[:, None])[0, 0]
    for end in (lower, upper):
        at_end = deviance(setup, np.full((1, 1, 1, 1), end / (1 - end)))[0, 0]
        assert at_end - lowest == pytest.approx(LEVEL, abs=ROOT)


def test_intervals_respect_zero_and_units() -> None:
    columns = random_intercepts(np.random.default_rng(52), icc=0.0)
    moments = compute_moments([columns], 30)
    fits = fit_mixed_models(moments, (0,), "REML")
    assert icc_intervals(moments, fits)[0, 0] == 0
    between, residual = single_term_intervals(moments, 0, fits)
    assert between[0, 0] == 0
    assert residual[0, 0] < fits.residual_variance[0] < residual[0, 1]
    scaled = compute_moments([Columns(columns.fixed, 1e4 * columns.response, columns.interviewer)], 30)
    again = single_term_intervals(scaled, 0, fit_mixed_models(scaled, (0,), "REML"))
    np.testing.assert_allclose(again[0], 1e8 * between, rtol=1e-5)
    np.testing.assert_allclose(again[1], 1e8 * residual, rtol=1e-5)


def test_residual_interval_of_balanced_data_is_close_to_chi_square() -> None:
    """With 400 residual degrees of freedom the likelihood interval and the exact chi-square one differ by under 1 %."""
    rng = np.random.default_rng(53)
    interviewer = np.repeat(np.arange(40), 11)
    y = rng.normal(0, 1, 40)[interviewer] + rng.normal(0, 2, 440)
    moments = compute_moments([Columns(np.ones((440, 1)), y, interviewer)], 40)
    fits = fit_mixed_models(moments, (0,), "REML")
    _, residual = single_term_intervals(moments, 0, fits)
    exact = 400 * fits.residual_variance[0] / stats.chi2.ppf([0.975, 0.025], 400)
    np.testing.assert_allclose(residual[0], exact, rtol=0.01)


def test_slope_intervals_hold_the_estimates_and_respect_their_bounds() -> None:
    for seed, covariance in ((54, np.array([[0.7, -0.06], [-0.06, 0.03]])), (55, np.diag([0.7, 0.0]))):
        columns = random_slopes(np.random.default_rng(seed), interviewers=50, covariance=covariance)
        moments = compute_moments([columns], 50)
        fits = fit_mixed_models(moments, (0, 1), "REML")
        found = joint_intervals(moments, (0, 1), fits, 0)
        assert found is not None
        (intercept, slope), ((one, other, correlation),) = found.variances, found.correlations
        assert (one, other) == (0, 1)
        d = fits.covariance[0]
        assert intercept.lower <= d[0, 0] <= intercept.upper
        assert 0 <= slope.lower <= d[1, 1] <= slope.upper
        assert -1 <= correlation.lower <= correlation.upper <= 1
        assert found.residual.lower < fits.residual_variance[0] < found.residual.upper
        # The likelihood-ratio test and the interval agree on whether zero is excluded, to the boundary's factor.
        simpler = fit_mixed_models(moments, (0,), "REML")
        if 2 * (fits.loglik[0] - simpler.loglik[0]) < LEVEL:
            assert slope.lower == 0


@pytest.mark.parametrize(("seed", "whole"), [(6, True), (73, False), (100, False)])
def test_correlation_interval_holds_every_value_whose_best_deviance_is_low(seed: int, whole: bool) -> None:
    """The least deviance at a correlation by a general search over both standard deviations, from several starts.

    Without one of the variances every correlation is as good: where that is not excluded, none is.
    """
    rng = np.random.default_rng(seed)
    size, most = int(rng.integers(12, 120)), 2 * int(rng.integers(5, 15))
    interviewer = np.repeat(np.arange(size), rng.integers(3, most, size=size))
    x = rng.normal(rng.uniform(-2, 2), 1, len(interviewer))
    sd, correlation = rng.uniform(0, 0.8, 2) * (rng.random(2) > 0.2), rng.uniform(-1, 1)
    u = rng.normal(size=(size, 2))
    u[:, 1] = correlation * u[:, 0] + np.sqrt(1 - correlation**2) * u[:, 1]
    y = 3 + 0.3 * x + ((u * sd)[interviewer] * np.column_stack([np.ones_like(x), x])).sum(1)
    y += rng.normal(0, 1.3, len(x))
    moments = compute_moments([Columns(np.column_stack([np.ones_like(x), x]), y, interviewer)], size)
    fits = fit_mixed_models(moments, (0, 1), "REML")
    found = joint_intervals(moments, (0, 1), fits, 0)
    assert found is not None
    ((_, _, interval),) = found.correlations
    setup, inside = problem(moments, (0, 1), "REML"), np.linalg.inv(back_transform(moments)[0])
    lowest = deviance(setup, fits.relative[:, None])[0, 0]

    def least_rise(v: float) -> float:
        def rise(log_sd: np.ndarray) -> float:
            a, b = np.exp(log_sd)
            d = inside @ np.array([[a * a, v * a * b], [v * a * b, b * b]]) @ inside.T
            return float(deviance(setup, d[None, None])[0, 0] - lowest)

        starts = [(-1.0, -1.0), (-6.0, -1.0), (-1.0, -6.0)]
        return min(optimize.minimize(rise, start, method="Nelder-Mead").fun for start in starts)

    assert (interval.lower == -1 and interval.upper == 1) == whole
    for end in (interval.lower, interval.upper):
        if abs(end) == 1:
            assert least_rise(end) < LEVEL
        else:
            assert least_rise(end) == pytest.approx(LEVEL, abs=ROOT)


def test_exact_test_of_balanced_data_follows_the_f_test() -> None:
    """In a balanced one-way layout the restricted LRT is monotone in F, so its exact p is the F test's (Crainiceanu &
    Ruppert 2004, section 5) wherever F > 1."""
    rng = np.random.default_rng(56)
    interviewer = np.repeat(np.arange(12), 6)
    drawn = [rng.normal(0, sd, 12)[interviewer] + rng.normal(size=72) for sd in (0.3, 0.4, 0.5, 0.6)]
    moments = compute_moments([Columns(np.ones((72, 1)), y, interviewer) for y in drawn], 12)
    fits = fit_mixed_models(moments, (0,), "REML")
    tests = exact_restricted_lrt(moments, 0, 2 * (fits.loglik - fits.loglik_without))
    compared = 0
    for y, test in zip(drawn, tests, strict=True):
        f = stats.f_oneway(*(y[interviewer == j] for j in range(12)))
        assert test.zero_probability == pytest.approx(stats.f.cdf(1, 11, 60), abs=0.015)
        if f.statistic > 1:
            assert test.p == pytest.approx(f.pvalue, abs=3 * np.sqrt(f.pvalue / 10_000) + 2e-4)
            compared += 1
    assert compared >= 2


@pytest.mark.parametrize("spread", [0.01, 1.0])
def test_a_spectrum_of_many_interviewers_is_told_by_its_neighbourhoods(spread: float) -> None:
    """For a slope, whose z'z and z'x differ from each other."""
    rng = np.random.default_rng(61)
    interviewer = np.repeat(np.arange(600), np.round(30 * np.exp(spread * rng.standard_normal(600))).astype(int) + 2)
    m = len(interviewer)
    fixed = np.column_stack([np.ones(m), 3 + rng.standard_normal(m)])
    moments = compute_moments([Columns(fixed, rng.standard_normal(m), interviewer)], 600, centre_fixed=False)
    cross = moments.cross[0]
    inner = np.diag(cross[:, 1, 1]) - cross[:, 1, :2] @ np.linalg.solve(cross.sum(0)[:2, :2], cross[:, 1, :2].T)
    exact = np.linalg.eigvalsh(inner)
    exact = exact[exact > 1e-8 * exact[-1]]
    spectrum = _spectrum(moments, 1, 0)

    assert len(spectrum.mu) <= 450
    assert spectrum.count.sum() == len(exact)
    assert spectrum.df == m - 2
    for d in np.logspace(-2, 2, 9) / exact.mean():
        logs = spectrum.count @ np.log1p(d * spectrum.mu), np.log1p(d * exact).sum()
        assert logs[0] == pytest.approx(logs[1], rel=LOGS)


def test_exact_test_says_nothing_of_what_was_not_tested() -> None:
    moments = compute_moments([random_intercepts(np.random.default_rng(57))], 30)
    (test,) = exact_restricted_lrt(moments, 0, np.array([np.nan]))
    assert np.isnan(test.p)
    (test,) = exact_restricted_lrt(moments, 0, np.array([0.0]))
    assert test.p == 1.0


def test_eigenvalues_taken_together_tell_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = random_intercepts(np.random.default_rng(64), interviewers=30)
    moments, statistics = compute_moments([columns], 30), np.array([0.5])
    (alone,) = exact_restricted_lrt(moments, 0, statistics)
    monkeypatch.setattr(rlrt, "_MOST_EIGENVALUES", 20)
    (together,) = exact_restricted_lrt(moments, 0, statistics)
    # Each is known to its standard error of .004.
    assert together.p == pytest.approx(alone.p, abs=0.02)
    assert together.zero_probability == pytest.approx(alone.zero_probability, abs=0.025)


def test_expected_ranks_add_up_and_follow_the_order() -> None:
    rng = np.random.default_rng(58)
    eblup, sd = rng.normal(size=(7, 1)), rng.uniform(0.2, 0.5, (7, 1))
    ranks = expected_ranks(eblup, sd)
    assert ranks.sum() == pytest.approx(28)
    certain = expected_ranks(eblup, np.zeros_like(sd))
    np.testing.assert_array_equal(certain[:, 0], stats.rankdata(eblup[:, 0]))
    np.testing.assert_allclose(expected_ranks(np.zeros((5, 1)), np.zeros((5, 1))), 3.0)
    # Between the two: P(u_j > u_k) for every other interviewer, whatever the unit of the effects.
    gap, spread = eblup - eblup.T, np.hypot(sd, sd.T)
    above = stats.norm.cdf(gap / spread)
    np.testing.assert_allclose(ranks[:, 0], 0.5 + above.sum(1))
    np.testing.assert_allclose(expected_ranks(1e-3 * eblup, 1e-3 * sd), ranks)


@pytest.mark.parametrize(("busiest", "most"), [(40, 1e-7), (100_000, 0.3)])
def test_expected_ranks_of_many_are_those_of_all_pairs(
    monkeypatch: pytest.MonkeyPatch, busiest: int, most: float
) -> None:
    """Beside a fiftieth of the largest, sds are rounded up: 10 of 100,000 interviews."""
    rng = np.random.default_rng(61)
    n = np.concatenate([rng.integers(1, 40, 790), np.full(10, busiest)])
    sd = np.sqrt(0.2 / (1 + 0.2 * n))[:, None]
    eblup = rng.normal(0, np.sqrt(0.2 - sd**2))
    quick = expected_ranks(eblup, sd)
    monkeypatch.setattr("qa_reports.effects.inference.MOST_PAIRED", 1_000)
    paired = expected_ranks(eblup, sd)
    assert not np.array_equal(quick, paired)
    np.testing.assert_allclose(quick, paired, atol=most)
    np.testing.assert_allclose(expected_ranks(np.round(eblup, 1), 0 * sd), _mid_ranks_by_hand(np.round(eblup, 1)))


def _mid_ranks_by_hand(values: np.ndarray) -> np.ndarray:
    return 0.5 + (values > values.T).sum(1, keepdims=True) + (values == values.T).sum(1, keepdims=True) / 2


def test_influence_measures_equal_refits() -> None:
    columns = random_intercepts(np.random.default_rng(59), interviewers=12, icc=0.2)
    moments = compute_moments([columns], 12)
    fits = fit_mixed_models(moments, (0,), "REML")
    deletions = delete_interviewers(moments, (0,), fits)
    for out in (0, 5):
        kept = columns.interviewer != out
        others = Columns(columns.fixed[kept], columns.response[kept], columns.interviewer[kept])
        refit = fit_mixed_models(compute_moments([others], 12), (0,), "REML")
        np.testing.assert_allclose(deletions.fixed[0, out], refit.fixed[0], rtol=1e-5)
        np.testing.assert_allclose(deletions.covariance[0, out], refit.covariance[0], rtol=1e-4, atol=1e-9)
        assert deletions.residual_variance[0, out] == pytest.approx(refit.residual_variance[0], rel=1e-6)
        change = fits.fixed[0] - refit.fixed[0]
        cook = change @ np.linalg.solve(fits.fixed_covariance[0], change) / 2
        assert deletions.cooks_distance[0, out] == pytest.approx(cook, rel=1e-4)
        ratio = np.linalg.det(refit.fixed_covariance[0]) / np.linalg.det(fits.fixed_covariance[0])
        assert deletions.covariance_ratio[0, out] == pytest.approx(ratio, rel=1e-4)


def test_the_referee_notices_wrong_estimates() -> None:
    columns = random_slopes(np.random.default_rng(60), interviewers=20)
    moments = compute_moments([columns], 20)
    fits = fit_mixed_models(moments, (0, 1), "REML")
    relative = fits.covariance[0] / fits.residual_variance[0]
    data = (columns.fixed, columns.response, columns.interviewer, (0, 1))
    asked = ((fits.fixed[0], relative), (fits.fixed[0] + [0.1, 0], relative), (fits.fixed[0], 3 * relative))
    ours, shifted, wide = referee_logliks([RefereeCase(*data, *estimates, "REML") for estimates in asked])
    assert ours == pytest.approx(fits.loglik[0], abs=1e-6)
    assert shifted < fits.loglik[0] - 0.01
    assert wide < fits.loglik[0] - 0.01
    agrees = [_referee(float(fits.loglik[0]), theirs, 100).agrees for theirs in (ours, shifted, wide, np.nan)]
    assert agrees == [True, False, False, False]
