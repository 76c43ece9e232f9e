"""Leave-one-interviewer-out against refits from scratch, and the deletion z of normal interviewers.

Tolerances: REFIT is what two optimisers that both stop at 1e-13 of the deviance leave in a standard error.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from qa_reports.effects.influence import delete_interviewers, two_sided
from qa_reports.effects.mixed_model import fit_mixed_models
from qa_reports.effects.moments import Columns, compute_moments
from tests.effects.simulate import random_slopes

REFIT = 1e-5


@pytest.mark.parametrize("random", [(0,), (0, 1)], ids=str)
def test_equals_a_refit_without_the_rows(random: tuple[int, ...]) -> None:
    columns = random_slopes(np.random.default_rng(4), interviewers=15)
    moments = compute_moments([columns], 15)
    deletions = delete_interviewers(moments, random, fit_mixed_models(moments, random, "REML"))
    mean_x = columns.fixed[:, 1].mean()
    for out in (0, 7, 14):
        kept = columns.interviewer != out
        others = Columns(columns.fixed[kept], columns.response[kept], columns.interviewer[kept])
        refit = fit_mixed_models(compute_moments([others], 15), random, "REML")
        x, y = columns.fixed[~kept], columns.response[~kept]
        z = np.column_stack([np.ones(len(y)), x[:, 1] - mean_x])[:, : len(random)]
        own = np.linalg.inv(z.T @ z)
        expected = own @ z.T @ (y - x @ refit.fixed[0])
        shift = np.array([[1.0, mean_x], [0.0, 1.0]])[: len(random), : len(random)]
        at_mean = shift @ refit.covariance[0] @ shift.T
        design = own @ z.T @ x
        variance = at_mean + refit.residual_variance[0] * own + design @ refit.fixed_covariance[0] @ design.T
        np.testing.assert_allclose(deletions.deviation[0, out], expected, rtol=REFIT, atol=1e-6)
        np.testing.assert_allclose(deletions.se[0, out], np.sqrt(np.diag(variance)), rtol=1e-4)


def test_an_outlier_is_found_at_zero_variance_and_among_few() -> None:
    rng = np.random.default_rng(8)
    interviewer = np.repeat(np.arange(8), 12)
    y = rng.normal(5, 1, 96)
    y -= np.repeat([y[interviewer == j].mean() - 5 for j in range(8)], 12)
    y[interviewer == 3] += 2.5
    moments = compute_moments([Columns(np.ones((96, 1)), y, interviewer)], 8)
    fits = fit_mixed_models(moments, (0,), "REML")
    deletions = delete_interviewers(moments, (0,), fits)
    assert deletions.z[0, 3, 0] > 3.5
    # Judged by a variance it inflates itself, it could never pass (J - 1)/sqrt(J).
    assert abs(fits.eblup[0, 3, 0] / fits.diagnostic_se[0, 3, 0]) < 7 / np.sqrt(8) + 1e-9


def test_not_estimable_is_nan_with_two_interviewers_or_none_to_compare() -> None:
    columns = Columns(np.ones((8, 1)), np.arange(8.0), np.repeat([0, 1], 4))
    moments = compute_moments([columns], 3)
    deletions = delete_interviewers(moments, (0,), fit_mixed_models(moments, (0,), "REML"))
    assert np.isnan(deletions.z).all()


def test_one_interviewer_of_several_interviews_tells_the_residual_variance() -> None:
    """Without the only one nothing tells interviewers and respondents apart."""
    y = np.random.default_rng(15).normal(size=12)
    for several in (2, 1):
        interviewer = np.repeat(np.arange(12 - 2 * several), [3] * several + [1] * (12 - 3 * several))
        moments = compute_moments([Columns(np.ones((12, 1)), y, interviewer)], 12)
        deletions = delete_interviewers(moments, (0,), fit_mixed_models(moments, (0,), "REML"))
        judged = np.isfinite(deletions.deviation[0, :, 0])
        assert judged[:several].all() == (several == 2)
        assert judged[several : 12 - 2 * several].all()


def test_without_one_of_two_whose_predictor_varies_no_variance_of_slopes_is_left() -> None:
    """REML sees nothing of it: whatever the search ends at would be a matter of rounding."""
    rng = np.random.default_rng(16)
    interviewer = np.repeat(np.arange(8), 6)
    x = np.where(interviewer < 3, rng.integers(0, 2, 48), 0).astype(float)
    x[:2] = 0.0, 1.0
    for carriers in (3, 2):
        x[interviewer >= carriers] = 0.0
        columns = Columns(np.column_stack([np.ones(48), x]), rng.normal(size=48), interviewer)
        moments = compute_moments([columns], 8, centre_fixed=False)
        deletions = delete_interviewers(moments, (1,), fit_mixed_models(moments, (1,), "REML"))
        judged = np.isfinite(deletions.z[0, :, 0])
        assert judged[:carriers].all() == (carriers == 3)
        assert not judged[carriers:].any()


def test_what_tells_the_interviewers_left_apart_leaves_nothing_to_judge_by() -> None:
    rng = np.random.default_rng(17)
    interviewer = np.repeat(np.arange(4), 6)
    for present in (4, 3):
        kept = interviewer < present
        fixed = np.column_stack([np.ones(24), np.array([1.0, 3.0, 4.0, 9.0])[interviewer]])[kept]
        moments = compute_moments([Columns(fixed, rng.normal(size=24)[kept], interviewer[kept])], 4)
        deletions = delete_interviewers(moments, (0,), fit_mixed_models(moments, (0,), "REML"))
        assert np.isfinite(deletions.z[0, :present, 0]).all() == (present == 4)
        assert np.isfinite(deletions.z[0, :present, 0]).any() == (present == 4)


def test_an_interviewer_with_one_predictor_value_has_no_slope() -> None:
    columns = random_slopes(np.random.default_rng(9), interviewers=12)
    fixed = columns.fixed.copy()
    fixed[columns.interviewer == 5, 1] = 4.0
    moments = compute_moments([Columns(fixed, columns.response, columns.interviewer)], 12)
    deletions = delete_interviewers(moments, (0, 1), fit_mixed_models(moments, (0, 1), "REML"))
    assert np.isnan(deletions.z[0, 5]).all()
    assert np.isfinite(deletions.z[0, np.arange(12) != 5]).all()


def test_two_sided_p_and_normal_score() -> None:
    p, z = two_sided(np.array([-2.0, 50.0, 1e6]), np.array([7.0, 1e9, 1e9]))
    assert p[0] == pytest.approx(2 * stats.t.sf(2, 7))
    assert z[0] == pytest.approx(-stats.norm.isf(stats.t.sf(2, 7)))
    assert np.isfinite(z).all()
