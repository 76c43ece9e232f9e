"""Times that interviews took."""

from __future__ import annotations

import numpy as np
import pytest

from qa_reports.survey.interviews import lengths

CLOSE = 1e-12
"""Two orders of the same sums."""


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 100])
def test_quantiles_are_those_of_numpy(n: int) -> None:
    minutes = np.random.default_rng(n).gamma(4, 10, n)
    told = lengths(np.insert(minutes, 0, np.nan))
    assert told.n == n
    for share in (0.0, 0.05, 0.25, 0.5, 0.75, 0.999, 1.0):
        assert told.quantile(share) == pytest.approx(np.quantile(minutes, share), rel=CLOSE)
    assert told.median == np.median(minutes)


def test_times_of_nobody_have_no_median() -> None:
    assert np.isnan(lengths(np.array([np.nan])).median)
