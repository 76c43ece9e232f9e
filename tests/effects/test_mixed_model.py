"""Properties of the fits that hold whatever the survey: units, order, shrinkage, bounds, failures, balanced data.

Tolerances: UNIT allows for the rounding of sums of numbers up to 1e6; the optimum itself is found to 1e-13 of the
deviance, which leaves about 1e-6 in a variance that the likelihood hardly knows.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_reports.effects.mixed_model import MixedModelFits, _statuses, fit_mixed_models
from qa_reports.effects.moments import Columns, compute_moments
from tests.effects.simulate import random_intercepts, random_slopes

UNIT = 1e-6
CLOSED_FORM = 1e-8

seeds = st.integers(0, 10_000)


def fit(columns: Columns, random: tuple[int, ...] = (0,), method: str = "REML") -> MixedModelFits:
    moments = compute_moments([columns], int(columns.interviewer.max()) + 1, centre_fixed=0 in random)
    return fit_mixed_models(moments, random, method)  # type: ignore[arg-type]


def icc(fits: MixedModelFits) -> float:
    between = fits.covariance[0, 0, 0]
    return float(between / (between + fits.residual_variance[0]))


@settings(max_examples=40, deadline=None)
@given(seeds, st.sampled_from([1e-6, 1e-3, 7.0, -2.5, 1e6]), st.floats(-1e3, 1e3), st.sampled_from([0.0, 0.02, 0.15]))
def test_units_of_the_answers_change_nothing_but_the_units(seed: int, c: float, d: float, rho: float) -> None:
    columns = random_intercepts(np.random.default_rng(seed), icc=rho)
    scaled = Columns(columns.fixed, c * (columns.response + d), columns.interviewer)
    ours, other = fit(columns), fit(scaled)
    assert other.status == ours.status
    assert icc(other) == pytest.approx(icc(ours), rel=UNIT, abs=1e-9)
    assert other.residual_variance[0] == pytest.approx(c**2 * ours.residual_variance[0], rel=UNIT)
    size = abs(c) * np.sqrt(ours.residual_variance[0])
    np.testing.assert_allclose(other.eblup, c * ours.eblup, atol=UNIT * size)
    np.testing.assert_allclose(other.fixed[0, 1], c * ours.fixed[0, 1], atol=UNIT * size)
    m = len(columns.response) - 2
    assert other.loglik[0] == pytest.approx(ours.loglik[0] - m * np.log(abs(c)), abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(seeds, st.sampled_from([1e-4, 30.0]), st.floats(-50, 50))
def test_units_of_a_slope_predictor(seed: int, c: float, d: float) -> None:
    columns = random_slopes(np.random.default_rng(seed), interviewers=40)
    moved = columns.fixed.copy()
    moved[:, 1] = c * (moved[:, 1] + d)
    ours, other = fit(columns, (0, 1)), fit(Columns(moved, columns.response, columns.interviewer), (0, 1))
    assert other.status == ours.status
    assert other.covariance[0, 1, 1] == pytest.approx(ours.covariance[0, 1, 1] / c**2, rel=1e-4, abs=1e-9 / c**2)
    # The intercept moves to where the new predictor is 0: u0' = u0 - c d u1'.
    shift = np.array([1.0, -d])
    assert other.covariance[0, 0, 0] == pytest.approx(shift @ ours.covariance[0] @ shift, rel=1e-4, abs=1e-6)
    assert other.loglik[0] == pytest.approx(ours.loglik[0] - np.log(c), abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(seeds, st.randoms(use_true_random=False))
def test_order_of_interviews_and_interviewers_does_not_matter(seed: int, random: object) -> None:
    rng = np.random.default_rng(seed)
    columns = random_intercepts(rng)
    rows, names = rng.permutation(len(columns.response)), rng.permutation(columns.interviewer.max() + 1)
    shuffled = Columns(columns.fixed[rows], columns.response[rows], names[columns.interviewer[rows]])
    ours, other = fit(columns), fit(shuffled)
    assert other.loglik[0] == pytest.approx(ours.loglik[0], abs=1e-8)
    np.testing.assert_allclose(other.eblup[0, names], ours.eblup[0], atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(seeds, st.sampled_from([0.0, 0.05, 0.3, 0.9]))
def test_eblups_lie_between_zero_and_the_raw_deviation(seed: int, rho: float) -> None:
    columns = random_intercepts(np.random.default_rng(seed), icc=rho)
    fits = fit(columns)
    assert 0 <= icc(fits) < 1
    residual = columns.response - columns.fixed @ fits.fixed[0]
    count = np.bincount(columns.interviewer)
    raw = np.bincount(columns.interviewer, residual) / count
    eblup = fits.eblup[0, :, 0]
    assert np.all(eblup * raw >= -1e-12)
    assert np.all(np.abs(eblup) <= np.abs(raw) + 1e-12)
    assert np.all(
        fits.conditional_sd[0, :, 0] ** 2 + fits.diagnostic_se[0, :, 0] ** 2
        <= fits.covariance[0, 0, 0] * (1 + 1e-9) + 1e-15
    )


def test_balanced_data_have_a_closed_form() -> None:
    """One-way analysis of variance: residual = MSW, between = (MSB - MSW)/n (Searle, Casella & McCulloch 1992, 3.6)."""
    rng = np.random.default_rng(2)
    j, n = 25, 8
    y = rng.normal(0, 0.6, j)[:, None] + rng.normal(0, 1.3, (j, n)) + 4
    fits = fit(Columns(np.ones((j * n, 1)), y.ravel(), np.repeat(np.arange(j), n)))
    msw = y.var(axis=1, ddof=1).mean()
    msb = n * y.mean(axis=1).var(ddof=1)
    assert fits.residual_variance[0] == pytest.approx(msw, rel=CLOSED_FORM)
    assert fits.covariance[0, 0, 0] == pytest.approx((msb - msw) / n, rel=1e-6)
    assert fits.fixed[0, 0] == pytest.approx(y.mean(), rel=CLOSED_FORM)
    # The mean of a balanced design has exactly J - 1 degrees of freedom.
    assert fits.satterthwaite_df[0, 0] == pytest.approx(j - 1, rel=1e-4)


def test_zero_variance_is_a_named_outcome_with_least_squares_effects() -> None:
    rng = np.random.default_rng(3)
    j, n = 20, 6
    y = rng.normal(5, 1, (j, n))
    y -= 0.999 * (y.mean(axis=1, keepdims=True) - y.mean())
    columns = Columns(np.ones((j * n, 1)), y.ravel(), np.repeat(np.arange(j), n))
    fits = fit(columns)
    assert fits.status == ("zero_variance",)
    assert fits.covariance[0, 0, 0] == 0
    assert not fits.eblup.any()
    assert fits.fixed[0, 0] == pytest.approx(y.mean(), rel=CLOSED_FORM)
    assert fits.loglik[0] == pytest.approx(fits.loglik_without[0], rel=1e-12)


def test_a_slope_without_variance_is_singular_and_its_maximum_is_found() -> None:
    found = 0
    for seed in range(12):
        columns = random_slopes(np.random.default_rng(seed), interviewers=25, covariance=np.diag([0.7, 0.0]))
        fits = fit(columns, (0, 1))
        simpler = fit(columns, (0,))
        assert fits.loglik[0] >= simpler.loglik[0] - 1e-9
        assert np.linalg.eigvalsh(fits.covariance[0])[0] >= -1e-12
        found += fits.status[0] == "singular"
    assert found >= 2


@pytest.mark.parametrize("size", [1.0, 1e-4])
def test_what_is_perfectly_correlated_does_not_depend_on_its_size(size: float) -> None:
    sd, many_interviews = size * np.array([1.0, 0.2]), SimpleNamespace(workload=np.array(1e12))
    correlations = [np.array([[1.0, rho], [rho, 1.0]]) for rho in (0.0, -0.7, 0.99, 1.0, -1.0)]
    relative = np.stack([np.outer(sd, sd) * correlation for correlation in correlations])
    statuses = _statuses(many_interviews, relative, np.ones(5, dtype=bool))  # type: ignore[arg-type]
    assert [status for status, _ in statuses] == ["converged"] * 3 + ["singular"] * 2


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        (Columns(np.ones((6, 1)), np.arange(6.0), np.zeros(6, int)), "only one interviewer"),
        (Columns(np.ones((6, 1)), np.arange(6.0), np.arange(6)), "one interview, so"),
        (Columns(np.ones((6, 1)), np.full(6, 3.0), np.repeat([0, 1], 3)), "all answers are the same"),
        (Columns(np.ones((6, 1)), np.repeat([1.0, 2.0], 3), np.repeat([0, 1], 3)), "no residual variance"),
        (Columns(np.ones((0, 1)), np.zeros(0), np.zeros(0, int)), "no interviews"),
        (Columns(np.ones((6, 2)), np.arange(6.0), np.repeat([0, 1], 3)), "collinear"),
        (Columns(np.ones((6, 1)), np.repeat([1.0, 2.0, 4.0], 2) + np.tile([0.0, 1e-5], 3), np.repeat([0, 1, 2], 2)),
         "no finite maximum"),
        (Columns(np.column_stack([np.ones(4), np.eye(4)[:, 1:]]), np.arange(4.0), np.repeat([0, 1], 2)), "too few"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_cannot_be_fitted_has_a_reason_and_leaves_the_others_alone(columns: Columns, reason: str) -> None:
    fits = fit_mixed_models(compute_moments([columns], 6), (0,), "REML")
    assert fits.status == ("failed",)
    assert reason in str(fits.reason[0])
    assert np.isnan(fits.loglik[0])
    assert np.isnan(fits.eblup).all()
    good = random_intercepts(np.random.default_rng(1))
    good = Columns(good.fixed[:, : columns.fixed.shape[1]], good.response, good.interviewer)
    if good.fixed.shape[1] == columns.fixed.shape[1]:
        both = fit_mixed_models(compute_moments([columns, good], 30), (0,), "REML")
        assert both.status == ("failed", "converged")
        assert both.loglik[1] == pytest.approx(fit(good).loglik[0], abs=1e-9)


@pytest.mark.parametrize("j", [2, 3, 10])
def test_few_interviewers_and_one_giant(j: int) -> None:
    rng = np.random.default_rng(j)
    interviewer = np.concatenate([np.zeros(400, int), np.arange(1, j), np.arange(1, j)])
    y = rng.normal(0, 1, len(interviewer)) + rng.normal(0, 1, j)[interviewer]
    fits = fit(Columns(np.ones((len(y), 1)), y, interviewer))
    assert fits.status[0] in ("converged", "zero_variance")
    assert np.isfinite(fits.loglik[0])
    assert np.isfinite(fits.eblup).all()


@pytest.mark.parametrize("seed", [126, 595])
def test_the_higher_of_two_maxima_is_found_from_wherever(seed: int) -> None:
    """One is at a correlation of 1: the first seed reaches the higher one from the REML fit only, the other from the
    grid only."""
    rng = np.random.default_rng(seed)
    interviewer, x = np.repeat(np.arange(8), 6), rng.normal(size=48)
    y = rng.normal(0, 1, 8)[interviewer] + (0.5 + 0.5 * rng.normal(0, 1, 8)[interviewer]) * x
    columns = Columns(np.column_stack([np.ones(48), x]), y + 1.5 * rng.normal(size=48), interviewer)
    moments = compute_moments([columns], 8)
    reml = fit_mixed_models(moments, (0, 1), "REML")
    ml = fit_mixed_models(moments, (0, 1), "ML", reml.relative)
    highest = {126: -101.722795, 595: -97.780954}[seed]
    assert ml.loglik[0] == pytest.approx(highest, abs=1e-5)
    assert reml.loglik_ml[0] == pytest.approx(highest, abs=1e-5)
