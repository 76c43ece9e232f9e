"""Seeded data from known mixed models."""

from __future__ import annotations

import numpy as np

from qa_reports.effects.moments import Columns

DEFAULT_COVARIANCE = np.array([[0.7, -0.06], [-0.06, 0.02]])


def random_intercepts(
    rng: np.random.Generator, *, interviewers: int = 30, icc: float = 0.1, sd: float = 2.0, mean: float = 5.0
) -> Columns:
    """A random-intercept item with one respondent covariate and workloads of 1 to 40."""
    workload = np.minimum(1 + rng.geometric(0.09, interviewers), 40)
    interviewer = np.repeat(np.arange(interviewers), workload)
    x = rng.normal(50, 15, len(interviewer))
    u = rng.normal(0, np.sqrt(icc), interviewers)
    e = rng.normal(0, np.sqrt(1 - icc), len(interviewer))
    return Columns(np.column_stack([np.ones_like(x), x]), mean + sd * (u[interviewer] + e) + 0.01 * x, interviewer)


def random_slopes(
    rng: np.random.Generator,
    *,
    interviewers: int = 60,
    covariance: np.ndarray = DEFAULT_COVARIANCE,
    residual: float = 2.5,
) -> Columns:
    """An item on a 0-10 predictor with correlated random intercepts and slopes."""
    workload = np.minimum(2 + rng.geometric(0.08, interviewers), 40)
    interviewer = np.repeat(np.arange(interviewers), workload)
    x = np.clip(np.round(rng.normal(5.9, 2.15, len(interviewer))), 0, 10)
    u = rng.multivariate_normal([0, 0], covariance, interviewers, method="svd")[interviewer]
    y = 3.89 + 0.14 * x + u[:, 0] + u[:, 1] * x + rng.normal(0, np.sqrt(residual), len(x))
    return Columns(np.column_stack([np.ones_like(x), x]), y, interviewer)
