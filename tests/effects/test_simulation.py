"""Planted variances come back, and the variance tests have the size they claim; many seeded surveys fitted at once.

Limits are three Monte-Carlo standard errors wide around what theory says; docs/simulations.md has larger runs.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from qa_reports.effects.mixed_model import fit_mixed_models
from qa_reports.effects.moments import compute_moments
from tests.effects.characteristics import (
    deletion_tail_ratio,
    icc_coverage,
    satterthwaite_size,
    slope_test_size,
    variance_test_sizes,
)
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
        compute_moments([random_slopes(rng, interviewers=150) for _ in range(150)], 150), (0, 1), "REML"
    )
    assert set(fits.status) <= {"converged", "singular"}
    for row, column in ((0, 0), (0, 1), (1, 1)):
        estimates = fits.covariance[:, row, column]
        assert abs(estimates.mean() - DEFAULT_COVARIANCE[row, column]) < 3 * estimates.std() / np.sqrt(150)
    slope = fits.fixed[:, 1]
    assert abs(slope.mean() - 0.14) < 3 * slope.std() / np.sqrt(150)
    assert slope.std() == pytest.approx(np.sqrt(fits.fixed_covariance[:, 1, 1].mean()), rel=0.15)


def _upper(nominal: float, draws: int) -> float:
    return nominal + 3 * np.sqrt(nominal * (1 - nominal) / draws)


@pytest.mark.parametrize(("interviewers", "waves"), [(20, 400), (150, 150)])
def test_size_of_the_intercept_tests(interviewers: int, waves: int) -> None:
    mixture, exact = variance_test_sizes(interviewers, waves, exact=True)
    assert 0.01 < mixture < _upper(0.05, waves)
    assert abs(exact - 0.05) < _upper(0.05, waves) - 0.05


def test_size_of_the_slope_test() -> None:
    assert 0.01 < slope_test_size(60, 200) < _upper(0.05, 200)


@pytest.mark.parametrize("icc", [0.0, 0.05, 0.15])
def test_size_of_the_satterthwaite_test_of_an_interviewer_covariate(icc: float) -> None:
    """With 15 interviewers; conservative where the variance is often estimated as zero."""
    assert 0.005 < satterthwaite_size(15, icc, 1500) < _upper(0.05, 1500)


@pytest.mark.parametrize(("interviewers", "icc"), [(20, 0.0), (20, 0.15), (150, 0.02), (150, 0.15)])
def test_coverage_of_the_icc_interval(interviewers: int, icc: float) -> None:
    """At least 93.5 % everywhere; 95 % +- 1.5 with 150 interviewers and an ICC of .02 or more."""
    waves = 800
    covered, error = icc_coverage(interviewers, icc, waves), 3 * np.sqrt(0.95 * 0.05 / waves)
    assert covered > 0.935 - error
    if interviewers == 150:
        assert abs(covered - 0.95) < 0.015 + error


@pytest.mark.parametrize("interviewers", [5, 20, 150])
@pytest.mark.parametrize("icc", [0.0, 0.15])
def test_normal_interviewers_are_rarely_extreme(interviewers: int, icc: float) -> None:
    """P(|z| > 3) at most 1.3 times nominal, zero variance included."""
    two, three, judged = deletion_tail_ratio(interviewers, icc, 400 * min(interviewers, 20))
    error = 3 * np.sqrt(1 / (judged * 2 * stats.norm.sf([2, 3])))
    assert two < 1.3 + error[0]
    assert three < 1.3 + error[1]
