"""Moments are the same whether they come from interviews or from sums of products that an engine made.

CLOSE: sums about an origin lose digits by what the origin is away from the mean, in standard deviations squared.
"""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from qa_reports.effects.moments import Columns, CrossProducts, compute_moments
from tests.effects.simulate import random_intercepts

CLOSE = 1e-9


def products(columns: Columns, origin: np.ndarray, n_interviewers: int) -> CrossProducts:
    away = np.column_stack([columns.fixed, columns.response]) - origin
    own = [away[columns.interviewer == j] for j in range(n_interviewers)]
    return CrossProducts(np.stack([rows.T @ rows for rows in own]), np.array([len(rows) for rows in own]), origin)


@pytest.mark.parametrize("centre_fixed", [True, False])
def test_sums_of_products_are_as_good_as_the_interviews(centre_fixed: bool) -> None:
    columns = random_intercepts(np.random.default_rng(61), interviewers=9)
    constant = np.full(len(columns.response), 3.0)
    columns = replace(columns, fixed=np.column_stack([columns.fixed, constant]))
    sums = products(columns, np.array([0.0, 40.0, 3.0, 4.0]), 10)

    ours = compute_moments([columns], 10, centre_fixed=centre_fixed)
    theirs = compute_moments([sums], 10, centre_fixed=centre_fixed)

    np.testing.assert_array_equal(theirs.n, ours.n)
    np.testing.assert_allclose(theirs.centre, ours.centre, rtol=CLOSE)
    np.testing.assert_allclose(theirs.scale, ours.scale, rtol=CLOSE)
    np.testing.assert_allclose(theirs.cross, ours.cross, rtol=CLOSE, atol=CLOSE)


def test_nobody_s_sums_are_zero() -> None:
    nobody = CrossProducts(np.zeros((2, 2, 2)), np.zeros(2, dtype=np.int64), np.array([0.0, 5.0]))
    moments = compute_moments([nobody], 2)
    assert not moments.cross.any()
    np.testing.assert_array_equal(moments.scale, 1.0)
