"""What is judged of a measure, from its values and from sums of their powers."""

from __future__ import annotations

import numpy as np
import pytest

from qa_reports.effects.indicator_data import _of_totals, of_rows
from qa_reports.survey.whole import Totals

CLOSE = 1e-9
"""Sums about an origin that is near the mean lose a few digits."""


@pytest.mark.parametrize("shape", ["skewed", "all alike"])
def test_sums_of_powers_tell_what_the_values_do(shape: str) -> None:
    rng = np.random.default_rng(63)
    owner = rng.integers(0, 7, 80)
    values = np.rint(rng.gamma(2, 3, 80)) if shape == "skewed" else np.full(80, 4.0)
    values[5] = np.nan
    known = np.isfinite(values)
    own, away = owner[known], values[known] - 5.0
    powers = np.column_stack([np.bincount(own, away**power, 8) for power in (1, 2, 3)])
    above = np.bincount(own, values[known] > 0, 8).astype(int)
    totals = Totals(n=np.bincount(own, minlength=8), powers=powers, above=above, origin=5.0)

    ours, theirs = of_rows(values, owner, 8), _of_totals(totals, 0.3)

    for name in ("n", "total", "affected", "within", "about_mean", "skewness"):
        np.testing.assert_allclose(getattr(theirs, name), getattr(ours, name), rtol=CLOSE, atol=CLOSE)
    assert theirs.commonest == 0.3
