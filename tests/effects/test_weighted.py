"""Weighted pseudo-likelihood against repeated rows, R's numerical integration, algebra and replication.

Tolerances: EXACT is two computations of one number; OPTIMUM is what R's general-purpose optimiser leaves in estimates
(the likelihood is flat there) and numerical second derivatives in standard errors.
"""

from __future__ import annotations

import numpy as np
import pytest

from qa_reports.effects.mixed_model import fit_mixed_models
from qa_reports.effects.moments import Columns, compute_moments, weighted_moments
from qa_reports.effects.weighted import fit_weighted, scale_weights
from tests.effects.lme4_tables import read_data, read_tables
from tests.effects.simulate import random_slopes

EXACT = 1e-9
OPTIMUM = 2e-4


def columns_of(expected: dict) -> Columns:
    table = read_data("sleepstudy_unbalanced")
    _, subject = np.unique(table["Subject"], return_inverse=True)
    fixed = np.column_stack([np.ones(len(table)), *(table[name].to_numpy(float) for name in expected["covariates"])])
    return Columns(fixed, table["Reaction"].to_numpy(float), subject.astype(np.int64))


@pytest.mark.parametrize("expected", read_tables("weighted")["fits"], ids=lambda fit: fit["name"])
def test_equals_r(expected: dict) -> None:
    columns = columns_of(expected)
    weights = np.array(expected["weights"], dtype=float)
    if expected["scaled"]:
        weights = scale_weights(weights, columns.interviewer)
    fits = fit_weighted(weighted_moments([columns], [weights], 18))
    assert fits.status == ("converged",)
    assert fits.loglik[0] == pytest.approx(expected["loglik"], abs=1e-6)
    estimate = np.append(fits.fixed[0], fits.variance[0])
    np.testing.assert_allclose(estimate, expected["estimate"], rtol=OPTIMUM)
    if "sandwich_se" in expected:
        se = np.append(fits.fixed_se[0], fits.variance_se[0])
        np.testing.assert_allclose(se, expected["sandwich_se"], rtol=5 * OPTIMUM)


def test_whole_weights_equal_repeated_rows() -> None:
    rng = np.random.default_rng(5)
    columns = random_slopes(rng, interviewers=25)
    weights = rng.integers(1, 5, len(columns.response))
    repeated = np.repeat(np.arange(len(weights)), weights)
    many = Columns(columns.fixed[repeated], columns.response[repeated], columns.interviewer[repeated])
    ours = fit_weighted(weighted_moments([columns], [weights.astype(float)], 25))
    theirs = fit_mixed_models(compute_moments([many], 25), (0,), "ML")
    assert ours.loglik[0] == pytest.approx(theirs.loglik[0], rel=EXACT)
    np.testing.assert_allclose(ours.fixed, theirs.fixed, rtol=1e-7)
    np.testing.assert_allclose(ours.variance[0], [theirs.covariance[0, 0, 0], theirs.residual_variance[0]], rtol=1e-7)


def test_scaled_weights_that_are_constant_within_interviewers_change_nothing() -> None:
    rng = np.random.default_rng(6)
    columns = random_slopes(rng, interviewers=20)
    weights = rng.uniform(0.1, 1e6, 20)[columns.interviewer]
    scaled = scale_weights(weights, columns.interviewer)
    np.testing.assert_allclose(scaled, 1.0, rtol=1e-12)
    ours = fit_weighted(weighted_moments([columns], [scaled], 20))
    theirs = fit_mixed_models(compute_moments([columns], 20), (0,), "ML")
    assert ours.loglik[0] == pytest.approx(theirs.loglik[0], rel=EXACT)
    np.testing.assert_allclose(ours.variance[0, 0], theirs.covariance[0, 0, 0], rtol=1e-7)


def test_scaled_weights_add_up_to_the_workload() -> None:
    interviewer = np.array([0, 0, 1, 1, 1])
    scaled = scale_weights(np.array([1.0, 3.0, 2e300, 2e300, 4e300]), interviewer)
    np.testing.assert_allclose(np.bincount(interviewer, scaled), [2, 3])
    np.testing.assert_allclose(scaled, [0.5, 1.5, 0.75, 0.75, 1.5])


def test_zero_weights_equal_rows_that_are_not_there() -> None:
    columns = random_slopes(np.random.default_rng(7), interviewers=15)
    kept = np.arange(len(columns.response)) % 3 != 0
    some = Columns(columns.fixed[kept], columns.response[kept], columns.interviewer[kept])
    ours = fit_weighted(weighted_moments([columns], [kept.astype(float)], 15))
    theirs = fit_mixed_models(compute_moments([some], 15), (0,), "ML")
    assert ours.loglik[0] == pytest.approx(theirs.loglik[0], rel=EXACT)
    np.testing.assert_allclose(ours.fixed, theirs.fixed, rtol=1e-7)


def test_sandwich_follows_the_unit_of_the_answers() -> None:
    columns = random_slopes(np.random.default_rng(8), interviewers=30)
    weights = np.random.default_rng(9).uniform(0.5, 2, len(columns.response))
    larger = Columns(columns.fixed, 1e4 * columns.response + 3e5, columns.interviewer)
    fits = fit_weighted(weighted_moments([columns, larger], [weights, weights], 30))
    np.testing.assert_allclose(fits.fixed_se[1], 1e4 * fits.fixed_se[0], rtol=1e-6)
    np.testing.assert_allclose(fits.variance_se[1], 1e8 * fits.variance_se[0], rtol=1e-6)
    np.testing.assert_allclose(fits.icc_se[1], fits.icc_se[0], rtol=1e-6)


def test_zero_variance_has_no_standard_error_of_the_variance() -> None:
    rng = np.random.default_rng(3)
    interviewer = np.repeat(np.arange(10), 8)
    y = rng.normal(5, 1, 80)
    y -= np.repeat([y[interviewer == j].mean() - 5 for j in range(10)], 8)
    fits = fit_weighted(weighted_moments([Columns(np.ones((80, 1)), y, interviewer)], [np.ones(80)], 10))
    assert fits.status == ("zero_variance",)
    assert fits.reason[0] is not None
    assert fits.icc[0] == 0
    assert np.isnan(fits.variance_se[0, 0])
    assert np.isnan(fits.icc_se[0])
    assert np.isfinite(fits.fixed_se).all()


def test_one_enormous_weight_changes_its_own_interviewer_only() -> None:
    columns = random_slopes(np.random.default_rng(11), interviewers=12)
    weights = np.ones(len(columns.response))
    first = int(np.flatnonzero(columns.interviewer == 4)[0])
    weights[first] = 1e6
    scaled = scale_weights(weights, columns.interviewer)
    np.testing.assert_allclose(scaled[columns.interviewer != 4], 1.0)
    assert scaled[first] == pytest.approx((columns.interviewer == 4).sum(), rel=1e-4)
    fits = fit_weighted(weighted_moments([columns], [scaled], 12))
    assert fits.status == ("converged",)
    assert 0 < fits.icc[0] < 1
    assert np.isfinite(fits.fixed_se).all()


@pytest.mark.parametrize(
    ("answers", "interviewer", "weights", "reason"),
    [
        ([1, 2, 3, 4], [0, 0, 1, 1], [0, 0, 0, 0], "no interviews with a weight are left"),
        ([1, 2, 3, 4], [0, 0, 1, 1], [1, 1, 0, 0], "only one interviewer has interviews with a weight"),
        ([3, 3, 3, 3], [0, 0, 1, 1], [1, 2, 1, 2], "all answers are the same"),
        ([1, 2, 3, 4], [0, 0, 1, 1], [1, 0, 0, 1], "no interviewer has different answers that count"),
        ([1, 1, 3, 3], [0, 0, 1, 1], [1, 2, 1, 2], "no interviewer has different answers that count"),
    ],
)
def test_what_cannot_be_fitted_has_a_reason(answers: list, interviewer: list, weights: list, reason: str) -> None:
    columns = Columns(np.ones((4, 1)), np.array(answers, dtype=float), np.array(interviewer))
    fits = fit_weighted(weighted_moments([columns], [np.array(weights, dtype=float)], 2))
    assert fits.status == ("failed",)
    assert reason in (fits.reason[0] or "")
    assert np.isnan(fits.icc[0])


def test_sandwich_standard_errors_hold_in_replications() -> None:
    """Interviews drawn with unequal chances, weighted back: the mean of the estimates and their spread.

    The tolerances are three standard errors of 200 replications.
    """
    rng = np.random.default_rng(20_061)
    interviewers, each, replications = 60, 24, 200
    columns, weights = [], []
    for _ in range(replications):
        group = np.repeat(np.arange(interviewers), each)
        y = 5 + rng.normal(0, 0.6, interviewers)[group] + rng.normal(0, 1.5, len(group))
        # High answers are three times as likely to be interviewed: informative sampling within interviewers.
        chance = np.where(y > 5, 0.9, 0.3)
        kept = rng.random(len(y)) < chance
        columns.append(Columns(np.ones((kept.sum(), 1)), y[kept], group[kept]))
        weights.append(scale_weights(1 / chance[kept], group[kept]))
    weighted = fit_weighted(weighted_moments(columns, weights, interviewers))
    unweighted = fit_weighted(weighted_moments(columns, [np.ones(len(w)) for w in weights], interviewers))
    estimates, ses, plain = weighted.fixed[:, 0], weighted.fixed_se[:, 0], unweighted.fixed[:, 0]
    noise = estimates.std() / np.sqrt(replications)
    assert plain.mean() - 5 > 0.4
    assert abs(estimates.mean() - 5) < 0.06 + 3 * noise
    assert ses.mean() == pytest.approx(estimates.std(), rel=3 / np.sqrt(2 * replications))


def test_weights_without_meaning_inflate_the_usual_scaling_only() -> None:
    """Weights drawn apart from the answers: scaled to the number of interviews they add to the variance between
    interviewers what the docstring of `scale_weights` says, scaled to the effective number they add nothing.

    The tolerances are three standard errors of 60 waves.
    """
    rng = np.random.default_rng(4)
    interviewers, each, waves = 80, 15, 60
    group = np.repeat(np.arange(interviewers), each)
    columns, weights = [], []
    for _ in range(waves):
        y = rng.normal(0, 0.5, interviewers)[group] + rng.normal(0, 2, len(group))
        columns.append(Columns(np.ones((len(group), 1)), y, group))
        weights.append(rng.lognormal(0, 0.8, len(group)))
    number, effective = (
        fit_weighted(weighted_moments(columns, [scale_weights(w, group, to) for w in weights], interviewers))
        for to in ("number", "effective")
    )
    left = np.mean([np.bincount(group, w) ** 2 / np.bincount(group, w**2) for w in weights])
    added = 4 * (1 / left - 1 / each)
    for fits, expected in ((number, 0.25 + added), (effective, 0.25)):
        noise = fits.variance[:, 0].std() / np.sqrt(waves)
        # Unequal effective numbers make the first a mean of unequal parts: 15 % of what is added.
        assert abs(fits.variance[:, 0].mean() - expected) < 3 * noise + 0.15 * added
