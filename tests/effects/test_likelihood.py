"""The profiled likelihood against dense matrices and its derivatives against differences.

Tolerances: DENSE is the rounding error of dense algebra with a few hundred rows; DIFFERENCE that of central
differences with a step of 1e-6 on functions of size 1e2 to 1e5.
"""

from __future__ import annotations

import numpy as np
import pytest

from qa_reports.effects.likelihood import deviance, profile
from qa_reports.effects.moments import compute_moments
from qa_reports.effects.problem import Method, Problem, problem
from tests.effects.simulate import random_slopes

DENSE = 1e-9
DIFFERENCE = 2e-5

RANDOM = [(0,), (1,), (0, 1)]


def a_problem(random: tuple[int, ...], method: Method, keep: np.ndarray | None = None) -> Problem:
    rng = np.random.default_rng(11)
    fits = [random_slopes(rng, interviewers=12) for _ in range(2)]
    return problem(compute_moments(fits, 12, centre_fixed=0 in random), random, method, keep)


def some_covariance(random: tuple[int, ...], scale: float = 0.3) -> np.ndarray:
    root = np.array([[1.0, 0.0], [0.4, 0.7]])[: len(random), : len(random)]
    return np.broadcast_to(scale * root @ root.T, (2, 1, len(random), len(random)))


@pytest.mark.parametrize("random", RANDOM, ids=str)
@pytest.mark.parametrize("method", ["REML", "ML"])
def test_deviance_equals_dense_algebra(random: tuple[int, ...], method: Method) -> None:
    rng = np.random.default_rng(11)
    fits = [random_slopes(rng, interviewers=12) for _ in range(2)]
    moments = compute_moments(fits, 12, centre_fixed=0 in random)
    relative = some_covariance(random)
    setup = problem(moments, random, method)
    ours = deviance(setup, relative)[:, 0]
    np.testing.assert_allclose(ours, profile(setup, relative).deviance[:, 0], rtol=DENSE)
    for f, columns in enumerate(fits):
        inside = (np.column_stack([columns.fixed, columns.response]) - moments.centre[f]) / moments.scale[f]
        x, y = inside[:, :2], inside[:, 2]
        h = np.eye(len(y))
        for j in range(12):
            own = np.flatnonzero(columns.interviewer == j)
            z = x[own][:, random]
            h[np.ix_(own, own)] += z @ relative[f, 0] @ z.T
        inverse = np.linalg.inv(h)
        xx = x.T @ inverse @ x
        left = y - x @ np.linalg.solve(xx, x.T @ inverse @ y)
        m = len(y) - 2 * (method == "REML")
        dense = np.linalg.slogdet(h)[1] + m * (1 + np.log(2 * np.pi * (left @ inverse @ left) / m))
        dense += np.linalg.slogdet(xx)[1] if method == "REML" else 0.0
        assert ours[f] == pytest.approx(dense, rel=DENSE)


@pytest.mark.parametrize("random", RANDOM, ids=str)
@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize("scale", [0.0, 0.3])
def test_derivatives_equal_differences(random: tuple[int, ...], method: Method, scale: float) -> None:
    setup = a_problem(random, method)
    relative = some_covariance(random, scale)
    here, step = profile(setup, relative), 1e-6
    for a, direction in enumerate(setup.basis):
        up, down = (profile(setup, relative + sign * step * direction) for sign in (1, -1))
        np.testing.assert_allclose(
            (up.deviance - down.deviance) / (2 * step), here.gradient[..., a], rtol=DIFFERENCE, atol=1e-4
        )
        slope = (up.gradient - down.gradient) / (2 * step)
        np.testing.assert_allclose(slope, here.hessian[..., a, :], rtol=DIFFERENCE, atol=1e-2)
        change = (np.linalg.inv(up.s_inverse) - np.linalg.inv(down.s_inverse)) / (2 * step)
        np.testing.assert_allclose(change, here.s_gradient[:, :, a], rtol=DIFFERENCE, atol=1e-3)


@pytest.mark.parametrize("random", [(0,), (0, 1)], ids=str)
def test_leaving_an_interviewer_out_equals_removing_their_rows(random: tuple[int, ...]) -> None:
    rng = np.random.default_rng(5)
    columns = random_slopes(rng, interviewers=10)
    moments = compute_moments([columns], 10)
    keep = np.ones((1, 2, 10))
    keep[0, 1, 3] = 0
    relative = np.broadcast_to(0.2 * np.eye(len(random)), (1, 2, len(random), len(random)))
    whole, without = profile(problem(moments, random, "REML", keep), relative).deviance[0]
    # Same standardisation, so that the numbers are comparable: the interviewer's moments set to zero by hand.
    cross, n = moments.cross.copy(), moments.n.copy()
    cross[0, 3], n[0, 3] = 0, 0
    emptied = type(moments)(cross, n, moments.centre, moments.scale)
    assert without == pytest.approx(deviance(problem(emptied, random, "REML"), relative[:, :1])[0, 0], rel=DENSE)
    assert whole != pytest.approx(without, rel=1e-3)
