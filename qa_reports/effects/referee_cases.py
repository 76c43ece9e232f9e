"""What statsmodels is asked about each fit: all its interviews, or some where there are very many."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qa_reports.effects.likelihood import penalty_and_r2
from qa_reports.effects.linear import ModelPlan
from qa_reports.effects.mixed_model import MixedModelFits, back_transform
from qa_reports.effects.moments import Columns, compute_moments
from qa_reports.effects.problem import problem
from qa_reports.effects.referee import RefereeCase

FloatArray = NDArray[np.float64]

MOST_INTERVIEWS, MOST_INTERVIEWERS = 200_000, 1_000
"""More than these take statsmodels too long. It is asked about some then: all interviews of evenly spread interviewers,
and, where it is interviews that are too many, of these `SOME_INTERVIEWS` evenly spread ones."""
SOME_INTERVIEWS = 20_000


def referee_cases(
    plans: Sequence[ModelPlan], fits: MixedModelFits, usable: Sequence[int], n_interviewers: int
) -> tuple[list[float], list[RefereeCase]]:
    """Our log-likelihood of each usable fit at its estimates, and the case for the second opinion on it.

    On a sample both are taken on the sample, at the estimates from all interviews.
    """
    ours, cases = [], []
    for f in usable:
        plan, relative = plans[f], fits.covariance[f] / fits.residual_variance[f]
        columns = _asked_about(plan)
        every = columns is plan.columns and plan.whole is None
        ours.append(float(fits.loglik[f]) if every else _loglik_on(columns, plan, fits, f, n_interviewers))
        cases.append(
            RefereeCase(
                columns.fixed, columns.response, columns.interviewer, plan.random, fits.fixed[f], relative, fits.method
            )
        )
    return ours, cases


def _asked_about(plan: ModelPlan) -> Columns:
    columns, n = plan.columns, plan.n_interviews
    present = np.unique(columns.interviewer)
    if n <= MOST_INTERVIEWS and len(present) <= MOST_INTERVIEWERS:
        return columns
    some = np.flatnonzero(np.isin(columns.interviewer, present[_spread(len(present), MOST_INTERVIEWERS)]))
    if n > MOST_INTERVIEWS:
        some = some[_spread(len(some), SOME_INTERVIEWS)]
    return Columns(columns.fixed[some], columns.response[some], columns.interviewer[some])


def _spread(n: int, most: int) -> NDArray[np.int64]:
    """Evenly spread places among n."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64))


def _loglik_on(columns: Columns, plan: ModelPlan, fits: MixedModelFits, f: int, n_interviewers: int) -> float:
    """The log-likelihood of some interviews at the estimates of fit f, the residual variance profiled."""
    moments = compute_moments([columns], n_interviewers, centre_fixed=0 in plan.random)
    p, sd = len(plan.terms), moments.scale[0, -1]
    to_units = back_transform(moments)[0]
    fixed = np.linalg.solve(to_units, (fits.fixed[f] - np.eye(p)[0] * moments.centre[0, p]) / sd)
    inside = np.linalg.inv(to_units[np.ix_(plan.random, plan.random)])
    relative = inside @ (fits.covariance[f] / fits.residual_variance[f]) @ inside.T
    setup = problem(moments, plan.random, fits.method)
    penalty, r2 = penalty_and_r2(setup, relative[None, None], fixed[None, None])
    m = float(setup.m[0, 0])
    basis = -float(np.log(moments.scale[0, :p]).sum()) if fits.method == "REML" else 0.0
    deviance = float(penalty[0, 0]) + m * (1 + np.log(2 * np.pi * float(r2[0, 0]) / m))
    return float(-deviance / 2 - m * np.log(sd) + basis)
