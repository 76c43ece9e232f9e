"""Leaving every interviewer out by interpolated sums beside refits on everybody else's."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from qa_reports.effects.influence import delete_interviewers
from qa_reports.effects.left_out import Everybody, leave_each_out
from qa_reports.effects.left_out_several import Expansion
from qa_reports.effects.likelihood import profile
from qa_reports.effects.mixed_model import fit_mixed_models
from qa_reports.effects.moments import Columns, Moments, compute_moments
from qa_reports.effects.optimise import minimise
from qa_reports.effects.problem import problem
from tests.effects.simulate import random_slopes

OPTIMUM = 1e-7
"""Relative: a minimum is known to the root of the precision of the deviance, whose own is some 1e-14."""
EXPANDED = 1e-3
"""An expansion may be wrong by 1e-4 standard errors of D by its own account, which are a tenth of D."""
VALUE = 1e-10
"""Relative, of what does not move to first order at a minimum."""


def moments_of(seed: int, interviewers: int, sd: float, workload: tuple[int, int], covariates: int = 2) -> Moments:
    rng = np.random.default_rng(seed)
    interviewer = np.repeat(np.arange(interviewers), rng.integers(*workload, size=interviewers))
    fixed = np.column_stack([np.ones(len(interviewer)), rng.normal(size=(len(interviewer), covariates))])
    level = rng.normal(0, sd, interviewers)
    level[0] += 3  # one who stands out, without whom the variance is another
    response = level[interviewer] + fixed.sum(axis=1) + rng.normal(size=len(interviewer))
    return compute_moments([Columns(fixed, response, interviewer)], interviewers)


@pytest.mark.parametrize(
    ("seed", "interviewers", "sd", "workload"),
    [(1, 60, 0.5, (5, 20)), (2, 40, 0.1, (5, 20)), (3, 30, 1.0, (1, 300)), (4, 80, 4.0, (2, 9)), (5, 6, 0.3, (8, 12))],
)
@pytest.mark.parametrize("term", [0, 1])
def test_as_refits_on_everybody_else(
    seed: int, interviewers: int, sd: float, workload: tuple[int, int], term: int
) -> None:
    moments = moments_of(seed, interviewers, sd, workload)
    fit = fit_mixed_models(moments, (term,), "REML")
    out = np.arange(interviewers)
    left = leave_each_out(Everybody(moments, term, fit.relative[:, 0, 0]), out, np.ones((1, interviewers), dtype=bool))
    setup = problem(moments, (term,), "REML", 1.0 - np.eye(interviewers)[None])
    best = minimise(setup, np.broadcast_to(fit.relative[0], (1, interviewers, 1, 1)))
    there = profile(setup, best.relative)
    found = left.found[0]
    assert found.mean() > 0.5
    least = OPTIMUM / float(setup.workload[0, :, 0].max())
    assert_allclose(left.relative[0, found], best.relative[0, found, 0, 0], rtol=OPTIMUM, atol=least)
    assert_allclose(left.profile.deviance[0, found], there.deviance[0, found], rtol=VALUE)
    assert_allclose(left.profile.s2[0, found], there.s2[0, found], rtol=OPTIMUM)
    assert_allclose(left.profile.b[0, found], there.b[0, found], atol=OPTIMUM)
    assert_allclose(left.profile.penalty_hessian[0, found], there.penalty_hessian[0, found], rtol=1e-5)


def test_what_lies_outside_the_range_is_not_claimed() -> None:
    moments = moments_of(6, 40, 1.0, (5, 20))
    left = leave_each_out(Everybody(moments, 0, np.array([1e-6])), np.arange(40), np.ones((1, 40), dtype=bool))
    assert not left.found.any()


def test_slopes_of_many_as_refits_on_everybody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(11)
    columns = random_slopes(rng, interviewers=400)
    columns.response[columns.interviewer == 7] += 3.0
    moments = compute_moments([columns], 400)
    fits = fit_mixed_models(moments, (0, 1), "REML")
    found = Expansion(moments, (0, 1), fits.relative[0]).without(np.arange(400)).found
    assert found.mean() > 0.9
    quick = delete_interviewers(moments, (0, 1), fits)
    monkeypatch.setattr("qa_reports.effects.influence._MANY", 1_000)
    full = delete_interviewers(moments, (0, 1), fits)
    assert not np.array_equal(quick.z, full.z)
    np.testing.assert_allclose(quick.z, full.z, atol=EXPANDED)
    np.testing.assert_allclose(quick.covariance, full.covariance, rtol=EXPANDED, atol=EXPANDED * full.covariance.max())


def test_a_covariance_at_a_bound_is_not_expanded() -> None:
    rng = np.random.default_rng(12)
    columns = random_slopes(rng, interviewers=60)
    moments = compute_moments([columns], 60)
    assert not Expansion(moments, (0, 1), np.array([[0.2, 0.1], [0.1, 0.05]])).usable
