"""Which columns of a model are left out, from interviews and from sums of products."""

from __future__ import annotations

import numpy as np
import pytest

from qa_reports.effects.design import _independent_columns, _independent_products
from qa_reports.effects.moments import CrossProducts

AGE, YEARS = np.random.default_rng(62).normal([[50.0], [8.0]], [[15.0], [2.0]], (2, 60))
CASES = {
    "independent": ([AGE, YEARS], [0, 1, 2]),
    "the same in another unit": ([AGE, 2026 - AGE, YEARS], [0, 1, 3]),
    "constant": ([np.full(60, 3.0), AGE], [0, 2]),
    "all zero": ([np.zeros(60), AGE], [0, 2]),
    "a sum of two": ([AGE, YEARS, 0.1 * AGE - 3 * YEARS], [0, 1, 2]),
    "all categories": ([*(np.arange(60) % 3 == np.arange(3)[:, None]).astype(float)], [0, 1, 2]),
    "far from zero": ([1e4 + AGE, YEARS], [0, 1, 2]),
    "hardly larger than rounding": ([1e-8 * AGE, YEARS], [0, 1, 2]),
}


@pytest.mark.parametrize("name", CASES)
def test_columns_that_others_determine_are_left_out(name: str) -> None:
    columns, kept = CASES[name]
    table = np.column_stack([np.ones(60), *columns])
    assert _independent_columns(table) == kept


@pytest.mark.parametrize("name", CASES)
def test_sums_of_products_tell_the_same(name: str) -> None:
    columns, kept = CASES[name]
    table = np.column_stack([np.ones(60), *columns, np.arange(60.0)])
    origin = np.where(np.arange(table.shape[1]) > 0, np.rint(table[0]), 0.0)
    away = table - origin
    cross = np.stack([rows.T @ rows for rows in np.split(away, 4)])
    assert _independent_products(CrossProducts(cross, np.full(4, 15), origin)) == kept
