"""Tails and quantiles beside `scipy.stats`, far out as well."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.interpolate import CubicSpline

from qa_reports.effects import distributions
from qa_reports.effects.inference import false_discovery_q
from qa_reports.effects.spread import _flat_start_spline

ROUNDING = 1e-12
"""Both sides end in the same special functions; older versions of SciPy take other ones for single cases."""
SPLINE = 1e-10
"""Relative to the largest value: two ways to solve the same equations."""

Z = np.array([0.0, 0.3, 2.0, 8.0, 37.0])
DF = np.array([1.0, 2.5, 30.0, 1e4, np.inf])
P = np.array([1e-300, 1e-20, 1e-3, 0.3, 0.5, 0.9])


def test_normal_and_t_tails() -> None:
    assert_allclose(distributions.normal_sf(Z), stats.norm.sf(Z), rtol=ROUNDING)
    assert_allclose(distributions.normal_cdf(-Z), stats.norm.cdf(-Z), rtol=ROUNDING)
    assert_allclose(distributions.normal_isf(P), stats.norm.isf(P), rtol=ROUNDING)
    assert_allclose(distributions.t_sf(Z[:, None], DF), stats.t.sf(Z[:, None], DF), rtol=ROUNDING)
    assert_allclose(distributions.t_isf(P[:, None], DF), stats.t.isf(P[:, None], DF), rtol=ROUNDING)
    assert np.isnan(distributions.t_sf(1.0, np.nan))


def test_chi_square_and_f_tails() -> None:
    x, df = np.array([0.0, 0.5, 3.84, 60.0, 900.0])[:, None], np.array([1, 2, 22])
    assert_allclose(distributions.chi2_sf(x, df), stats.chi2.sf(x, df), rtol=ROUNDING)
    assert_allclose(distributions.chi2_isf(0.05, df), stats.chi2.isf(0.05, df), rtol=ROUNDING)
    assert_allclose(distributions.f_sf(x, df, 17.3), stats.f.sf(x, df, 17.3), rtol=ROUNDING)


@pytest.mark.parametrize("n", [1, 7, 400])
def test_binomial_mid_p(n: int) -> None:
    hits, rate = np.arange(n + 1), np.array([1e-6, 0.02, 0.9])[:, None]
    expected = stats.binom.sf(hits, n, rate) + stats.binom.pmf(hits, n, rate) / 2
    assert_allclose(distributions.binomial_mid_p(hits, n, rate), expected, rtol=1e-9, atol=1e-300)


def test_false_discovery_q_is_benjamini_and_hochbergs() -> None:
    p = np.random.default_rng(4).uniform(size=50) ** 3
    assert_allclose(false_discovery_q(p), stats.false_discovery_control(p), rtol=ROUNDING)
    assert np.isnan(false_discovery_q(np.array([np.nan, 0.2]))[0])


def test_the_spline_starts_flat_and_has_no_knot_before_the_last() -> None:
    knots = np.array([0.0, 0.1, 0.25, 0.5, 0.8, 1.5])
    at, values = np.linspace(0, 1.5, 301), np.random.default_rng(5).normal(size=(3, 6))
    expected = CubicSpline(knots, values, axis=1, bc_type=((1, np.zeros(3)), "not-a-knot"))(at)
    assert_allclose(values @ _flat_start_spline(knots, at), expected, atol=SPLINE)
