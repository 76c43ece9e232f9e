"""Planted variances come back, and the variance tests have the size they claim; many seeded surveys fitted at once.

Limits are three Monte-Carlo standard errors wide around what theory says; the mixture tests are known to be
conservative with few interviewers (measured: .046 with 150, .037 with 20; slopes .02 to .044).
"""

from __future__ import annotations

import numpy as np
import pytest

from qa_reports.effects.inference import boundary_p
from qa_reports.effects.mixed_model import fit_mixed_models
from qa_reports.effects.moments import compute_moments
from tests.effects.simulate import DEFAULT_COVARIANCE, random_intercepts, random_slopes

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("icc", [0.02, 0.1, 0.3])
def test_intercept_variance_is_recovered(icc: float) -> None:
    rng = np.random.default_rng(31)
    fits = fit_mixed_models(
        compute_moments([random_intercepts(rng, interviewers=80, icc=icc) for _ in range(400)], 80), (0,), "REML"
    )
    for estimates, truth in ((fits.covariance[:, 0, 0], 4 * icc), (fits.residual_variance, 4 * (1 - icc))):
        error = 3 * estimates.std() / 20
        # Cutting negative estimates off at zero leaves a small upward bias at the smallest variance.
        assert abs(estimates.mean() - truth) < error + (0.01 if icc < 0.05 else 0)


def test_slope_variance_and_covariance_are_recovered() -> None:
    rng = np.random.default_rng(32)
    fits = fit_mixed_models(
        compute_moments([random_slopes(rng, interviewers=150) for _ in range(300)], 150), (0, 1), "REML"
    )
    assert set(fits.status) <= {"converged", "singular"}
    for row, column in ((0, 0), (0, 1), (1, 1)):
        estimates = fits.covariance[:, row, column]
        assert abs(estimates.mean() - DEFAULT_COVARIANCE[row, column]) < 3 * estimates.std() / np.sqrt(300)
    slope = fits.fixed[:, 1]
    assert abs(slope.mean() - 0.14) < 3 * slope.std() / np.sqrt(300)
    assert slope.std() == pytest.approx(np.sqrt(fits.fixed_covariance[:, 1, 1].mean()), rel=0.15)


@pytest.mark.parametrize(("interviewers", "surveys"), [(20, 2000), (150, 1000)])
def test_size_of_the_intercept_test(interviewers: int, surveys: int) -> None:
    rng = np.random.default_rng(33)
    drawn = [random_intercepts(rng, interviewers=interviewers, icc=0) for _ in range(surveys)]
    fits = fit_mixed_models(compute_moments(drawn, interviewers), (0,), "REML")
    rejected = np.mean(
        [boundary_p(2 * (a - b), 1) < 0.05 for a, b in zip(fits.loglik, fits.loglik_without, strict=True)]
    )
    assert 0.02 < rejected < 0.05 + 3 * np.sqrt(0.05 * 0.95 / surveys)


def test_size_of_the_slope_test() -> None:
    rng = np.random.default_rng(34)
    drawn = [random_slopes(rng, interviewers=60, covariance=np.diag([0.7, 0.0])) for _ in range(600)]
    moments = compute_moments(drawn, 60)
    full, reduced = fit_mixed_models(moments, (0, 1), "REML"), fit_mixed_models(moments, (0,), "REML")
    statistics = 2 * (full.loglik - reduced.loglik)
    assert statistics.min() > -1e-6
    rejected = np.mean([boundary_p(statistic, 2) < 0.05 for statistic in statistics])
    assert 0.01 < rejected < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 600)
