"""The power nobody can beat: likelihood-ratio tests that know every parameter of a wave and what was planted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats

from tests.effects.waves import (
    BATTERY,
    BETWEEN_LOADINGS,
    ITEMS,
    LOADINGS,
    SD,
    Chosen,
    Design,
    Slope,
    choose_items,
    ordinary_items,
)

Oracle = Callable[[int, float], float]
"""Power of the test of one interviewer with so many interviews, at a false-alarm rate."""

_DRAWS = 200


def level_oracle(items: Chosen, by: float) -> Oracle:
    """Of shifted levels: with A = T + W/n, d'A^-1 x is normal and its mean lies sqrt(d'A^-1 d) sd from 0.

    The direction is known, and the answers are those before rounding.
    """
    known = ordinary_items()
    icc = Design().iccs
    between = _correlation(*BETWEEN_LOADINGS) * np.sqrt(np.outer(icc, icc))
    within = _correlation(*LOADINGS) * np.sqrt(np.outer(1 - icc, 1 - icc))

    def power(n: int, rate: float) -> float:
        rng = np.random.default_rng(n)
        precision = np.linalg.inv((between + within / n)[np.ix_(known, known)])
        found = []
        for _ in range(_DRAWS):
            shift = np.zeros(ITEMS)
            shift[choose_items(rng, items)] = by
            found.append(_beyond(float(shift[known] @ precision @ shift[known]), rate))
        return float(np.mean(found))

    return power


def slope_oracle(slope: Slope, by: float) -> Oracle:
    """Of a slope that is off by so much, from the outcome alone: the covariance of its answers is ZVZ' + s2 I."""

    def power(n: int, rate: float) -> float:
        rng, found = np.random.default_rng(n), []
        for _ in range(_DRAWS):
            x = np.clip(np.rint(5 + SD * rng.normal(size=n)), 0, 10) - 5
            covariance = slope.intercept + slope.between * np.outer(x, x) + slope.residual * np.eye(n)
            found.append(_beyond(by**2 * float(x @ np.linalg.solve(covariance, x)), rate))
        return float(np.mean(found))

    return power


def _correlation(general: float, battery: float) -> np.ndarray:
    correlation = general**2 + battery**2 * (BATTERY[:, None] == BATTERY)
    np.fill_diagonal(correlation, 1.0)
    return np.asarray(correlation)


def _beyond(squared_mean: float, rate: float) -> float:
    return float(stats.norm.sf(stats.norm.isf(rate) - np.sqrt(squared_mean)))
