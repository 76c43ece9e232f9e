"""What a fitted model says of itself."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from qa_reports.effects.linear import FixedEffect, VarianceComponents


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_correlation_is_none_beyond_one(sign: float) -> None:
    covariance = sign * np.sqrt(0.7 * 0.1) * (1 + 1e-12)  # by rounding at the bound
    components = VarianceComponents(0.7, 1.0, (("x", 0.1),), (("intercept", "slope:x", covariance),))
    assert components.correlations == (("intercept", "slope:x", sign),)


def test_without_variance_there_is_no_correlation() -> None:
    components = VarianceComponents(0.7, 1.0, (("x", 0.0),), (("intercept", "slope:x", 0.0),))
    assert components.correlations == (("intercept", "slope:x", None),)


def test_the_interval_of_a_fixed_effect_is_that_of_its_t() -> None:
    interval = FixedEffect("age", 2.0, 0.5, 7.0, 4.0, 0.005).interval
    assert interval is not None
    expected = stats.t(7.0, 2.0, 0.5).interval(0.95)
    np.testing.assert_allclose((interval.lower, interval.upper), expected)
    for df, se in ((None, 0.5), (np.nan, 0.5), (7.0, np.nan)):
        assert FixedEffect("age", 2.0, se, df, 4.0, 0.005).interval is None
