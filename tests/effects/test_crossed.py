"""Two crossed or nested random intercepts against lme4, dense matrices, finite differences and the deletion z.

Tolerances: LOGLIK is what two optimisers that both stop at 1e-10 of the deviance leave; VARIANCE the same in a
variance, where the likelihood is flat; DENSE is rounding.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from qa_reports.effects import crossed, crossed_shift
from qa_reports.effects.crossed import CrossedProblem, crossed_problem, crossed_profile
from qa_reports.effects.crossed_model import CrossedFit, fit_crossed
from qa_reports.effects.crossed_search import told_apart
from qa_reports.effects.crossed_shift import ShiftQuestion, ShiftTest, judge_shifts
from qa_reports.effects.influence import delete_interviewers
from qa_reports.effects.mixed_model import fit_mixed_models
from qa_reports.effects.moments import Columns, compute_moments
from tests.effects.lme4_tables import REFERENCE, read_data, read_tables

LOGLIK = 1e-6
VARIANCE = 2e-4
DENSE = 1e-9


@functools.cache
def clean_table(source: str) -> pd.DataFrame:
    """The rows of one source without missing codes, read once."""
    table = read_data(source.removeprefix("crossed_"))
    for column, values in read_tables(source)["meta"].get("missing_codes", {}).items():
        table[column] = table[column].where(~table[column].isin(values))
    return table


def rows_of(source: str, expected: dict) -> tuple[Columns, np.ndarray, list[str]]:
    if source == "crossed_public":
        name = expected["name"].removesuffix("_unbalanced")
        table = pd.read_csv(REFERENCE / f"{name}.csv")
        if name != expected["name"]:
            table = table[table["kept"] == 1]
    else:
        table = clean_table(source)
    used = [expected["outcome"], expected["first"], expected["second"], *expected["covariates"]]
    table = table.dropna(subset=used)
    first, ids = pd.factorize(table[expected["first"]].astype(str), sort=True)
    second, _ = pd.factorize(table[expected["second"]].astype(str), sort=True)
    terms = [
        (table[name] == sorted(table[name].unique())[1]).to_numpy(float)
        if table[name].dtype == object or not pd.api.types.is_numeric_dtype(table[name])
        else table[name].to_numpy(float)
        for name in expected["covariates"]
    ]
    fixed = np.column_stack([np.ones(len(table)), *terms])
    response = table[expected["outcome"]].to_numpy(float)
    return Columns(fixed, response, first.astype(np.int64)), second.astype(np.int64), list(ids)


def fitted(columns: Columns, second: np.ndarray) -> CrossedFit:
    return fit_crossed([columns], [second], (int(columns.interviewer.max()) + 1, int(second.max()) + 1))[0]


def one_problem(inside: np.ndarray, first: np.ndarray, second: np.ndarray) -> CrossedProblem:
    return crossed_problem([inside], [first], [second])


def judge_shift(columns: Columns, second: np.ndarray, level: int) -> ShiftTest:
    return judge_shifts([ShiftQuestion(columns, second, level)])[0]


def named(source: str, prefix: str = "") -> list[tuple[str, str]]:
    fits = read_tables(source)["fits"]
    return [(source, fit["name"]) for fit in fits if fit["name"].startswith(prefix)]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        *named("crossed_public"),
        *named("crossed_example", "area"),
        *named("crossed_example", "team"),
        *named("crossed_ess11_ch"),
        *named("crossed_ess11_de"),
    ],
)
def test_equals_lme4(source: str, name: str) -> None:
    expected = next(fit for fit in read_tables(source)["fits"] if fit["name"] == name)
    columns, second, _ = rows_of(source, expected)
    fit = fitted(columns, second)
    assert len(columns.response) == expected["n"]
    assert fit.loglik == pytest.approx(expected["loglik"], abs=LOGLIK)
    np.testing.assert_allclose(fit.loglik_without, expected["loglik_without"], atol=LOGLIK)
    smallest = 1e-6 * expected["variances"][2]
    np.testing.assert_allclose(fit.variance, expected["variances"], rtol=VARIANCE, atol=smallest)
    assert (fit.status == "converged") == (not expected["singular"])
    order = [effect["term"] for effect in expected["fixed"]]
    assert order[0] == "(Intercept)"
    np.testing.assert_allclose(fit.fixed, [effect["estimate"] for effect in expected["fixed"]], rtol=1e-5)
    np.testing.assert_allclose(fit.fixed_se, [effect["se"] for effect in expected["fixed"]], rtol=VARIANCE)


@pytest.mark.parametrize(("source", "name"), named("crossed_example", "shift"))
def test_shift_equals_generalised_least_squares_in_r(source: str, name: str) -> None:
    expected = next(fit for fit in read_tables(source)["fits"] if fit["name"] == name)
    columns, second, ids = rows_of(source, expected)
    judged = judge_shift(columns, second, ids.index(expected["level"]))
    assert judged.reason is None
    assert judged.shift == pytest.approx(expected["shift"], rel=VARIANCE)
    assert judged.se == pytest.approx(expected["se"], rel=VARIANCE)


def planted(seed: int, interviewers: int, areas: int, n: int) -> tuple[Columns, np.ndarray]:
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, interviewers, n), rng.integers(0, areas, n)
    x = rng.normal(0, 1, n)
    effects = rng.normal(0, 0.7, interviewers)[first] + rng.normal(0, 0.5, areas)[second]
    y = 4 + 0.5 * x + effects + rng.normal(0, 1.2, n)
    return Columns(np.column_stack([np.ones(n), x]), y, first), second


@pytest.mark.parametrize(("interviewers", "areas"), [(6, 14), (14, 6)])
def test_likelihood_and_derivatives_equal_dense_matrices(interviewers: int, areas: int) -> None:
    columns, second = planted(1, interviewers, areas, 70)
    inside = np.column_stack([columns.fixed, columns.response])
    problem = one_problem(inside, columns.interviewer, second)
    x, y, n = columns.fixed, columns.response, 70
    same = [levels[:, None] == levels for levels in (columns.interviewer, second)]

    def dense(d: np.ndarray) -> float:
        h = np.eye(n) + d[0] * same[0] + d[1] * same[1]
        solved = np.linalg.solve(h, x)
        xx = x.T @ solved
        b = np.linalg.solve(xx, solved.T @ y)
        r2 = (y - x @ b) @ np.linalg.solve(h, y - x @ b)
        penalty = np.linalg.slogdet(h)[1] + np.linalg.slogdet(xx)[1]
        return float(penalty + (n - 2) * (1 + np.log(2 * np.pi * r2 / (n - 2))))

    for d in (np.zeros(2), np.array([0.4, 0.0]), np.array([0.3, 0.15])):
        here = crossed_profile(problem, d[None])
        assert here.deviance[0, 0] == pytest.approx(dense(d), rel=DENSE)
        step = 1e-4
        points = [d + step * np.array(e) for e in ((1, 0), (-1, 0), (0, 1), (0, -1))]
        values = [dense(point) for point in points]
        gradient = [(values[0] - values[1]) / (2 * step), (values[2] - values[3]) / (2 * step)]
        np.testing.assert_allclose(here.gradient[0, 0], gradient, rtol=1e-4, atol=1e-4)
        slopes = [crossed_profile(problem, point[None]).gradient[0, 0] for point in points]
        hessian = np.stack([slopes[0] - slopes[1], slopes[2] - slopes[3]]) / (2 * step)
        np.testing.assert_allclose(here.hessian[0, 0], hessian, rtol=1e-4, atol=1e-3)


def test_many_separate_parts_equal_one() -> None:
    """Regions that share nothing are inverted by themselves: the same numbers as a dense matrix."""
    rng = np.random.default_rng(2)
    n = 900
    region = rng.integers(0, 60, n)
    first, second = region * 4 + rng.integers(0, 4, n), region * 5 + rng.integers(0, 5, n)
    y = rng.normal(0, 1, n) + rng.normal(0, 0.5, 240)[first] + rng.normal(0, 0.6, 300)[second]
    problem = one_problem(np.column_stack([np.ones(n), y]), first, second)
    assert [part.size for part in problem.parts] == [1, 2, 3, 4]
    d = np.array([0.2, 0.3])
    h = np.eye(n) + d[0] * (first[:, None] == first) + d[1] * (second[:, None] == second)
    one = np.ones(n)
    solved = np.linalg.solve(h, np.column_stack([one, y]))
    r2 = y @ solved[:, 1] - (one @ solved[:, 1]) ** 2 / (one @ solved[:, 0])
    penalty = np.linalg.slogdet(h)[1] + np.log(one @ solved[:, 0])
    expected = penalty + (n - 1) * (1 + np.log(2 * np.pi * r2 / (n - 1)))
    assert crossed_profile(problem, d[None]).deviance[0, 0] == pytest.approx(expected, rel=DENSE)


def test_groupings_with_very_many_pairs_are_multiplied_out(monkeypatch: pytest.MonkeyPatch) -> None:
    columns, second = planted(5, 10, 12, 150)
    inside = np.column_stack([columns.fixed, columns.response])
    d = np.array([0.2, 0.1])
    listed = crossed_profile(one_problem(inside, columns.interviewer, second), d[None])
    monkeypatch.setattr("qa_reports.effects.crossed._MOST_PAIRS", 5)
    problem = one_problem(inside, columns.interviewer, second)
    assert problem.pairs is None
    np.testing.assert_allclose(crossed_profile(problem, d[None]).hessian, listed.hessian, rtol=DENSE)


def test_without_areas_the_shift_is_the_deletion_z() -> None:
    """Areas that make no difference: the variance between them is 0 and everybody's z is that of the simple model."""
    rng = np.random.default_rng(12)
    interviewer = np.repeat(np.arange(20), 12)
    area = np.tile(np.arange(12), 20)
    y = rng.normal(0, 1, 240) + rng.normal(0, 0.5, 20)[interviewer]
    # Balanced: taking out the area means leaves nothing between areas, with or without any interviewer but their own.
    y -= np.array([y[area == a].mean() for a in range(12)])[area]
    columns = Columns(np.ones((240, 1)), y, interviewer)
    fit = fitted(columns, area)
    assert fit.status == "singular"
    assert fit.variance[1] == 0
    moments = compute_moments([columns], 20)
    alone = fit_mixed_models(moments, (0,), "REML")
    assert fit.loglik == pytest.approx(alone.loglik[0], abs=1e-8)
    deletions = delete_interviewers(moments, (0,), alone)
    for level in (0, 7, 13):
        judged = judge_shift(columns, area, level)
        assert judged.shift == pytest.approx(deletions.deviation[0, level, 0], rel=1e-6)
        assert judged.se == pytest.approx(deletions.se[0, level, 0], rel=1e-6)
        # The degrees of freedom also know that a variance between areas was looked for.
        assert judged.z == pytest.approx(deletions.z[0, level, 0], rel=0.02)


def test_balanced_two_way_layout_equals_the_analysis_of_variance() -> None:
    rng = np.random.default_rng(21)
    first, second = np.repeat(np.arange(15), 10), np.tile(np.arange(10), 15)
    y = 3 + rng.normal(0, 1, 15)[first] + rng.normal(0, 0.8, 10)[second] + rng.normal(0, 1, 150)
    table = y.reshape(15, 10)
    rows, columns, mean = table.mean(1), table.mean(0), table.mean()
    residual = ((table - rows[:, None] - columns + mean) ** 2).sum() / (14 * 9)
    between = (10 * rows.var(ddof=1) - residual) / 10, (15 * columns.var(ddof=1) - residual) / 15
    fit = fitted(Columns(np.ones((150, 1)), y, first), second)
    np.testing.assert_allclose(fit.variance, [*between, residual], rtol=1e-6)


def test_unit_and_order_of_the_groupings_do_not_matter() -> None:
    columns, second = planted(3, 25, 18, 400)
    fit = fitted(columns, second)
    other = fitted(Columns(columns.fixed, 1e5 * columns.response - 7, second), columns.interviewer)
    np.testing.assert_allclose(other.variance[[1, 0, 2]], 1e10 * fit.variance, rtol=1e-6)
    np.testing.assert_allclose(other.statistic[::-1], fit.statistic, rtol=1e-6)
    np.testing.assert_allclose(other.variance_se[[1, 0, 2]], 1e10 * fit.variance_se, rtol=1e-5)


def test_several_fits_at_once_equal_one_by_one() -> None:
    columns, second = planted(4, 12, 9, 200)
    other = Columns(columns.fixed[:150], columns.response[:150] ** 2, columns.interviewer[:150])
    together = fit_crossed([columns, other], [second, second[:150]], (12, 9))
    for fit, alone in zip(together, (fitted(columns, second), fitted(other, second[:150])), strict=True):
        np.testing.assert_allclose(fit.variance, alone.variance, rtol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_an_item_that_is_a_matter_of_the_area_alone_does_not_disturb_the_others(seed: int) -> None:
    """Its likelihood rises without bound, beyond where the fixed effects can be computed."""
    rng = np.random.default_rng(seed)
    first = np.repeat(np.arange(30), rng.choice([1, 2, 5, 12], 30))
    second = rng.integers(0, 3, len(first))
    region = Columns(np.ones((len(first), 1)), rng.normal(0, 1, 3)[second], first)
    other = Columns(region.fixed, rng.normal(0, 1, len(first)) + region.response, first)
    lost, fit = fit_crossed([region, other], [second, second], (30, 3))
    assert lost.status == "failed"
    assert lost.reason == "the likelihood has no finite maximum that could be found"
    np.testing.assert_allclose(fit.variance, fitted(other, second).variance, rtol=VARIANCE)


def test_both_variances_zero() -> None:
    first, second = np.repeat(np.arange(6), 12), np.tile(np.arange(4), 18)
    rng = np.random.default_rng(1)
    y = rng.normal(0, 1, 72)
    for levels in (first, second, first, second):
        y = y - np.array([y[levels == level].mean() for level in range(levels.max() + 1)])[levels]
    fit = fitted(Columns(np.ones((72, 1)), y, first), second)
    assert fit.status == "zero_variance"
    assert (fit.variance[:2] == 0).all()
    assert np.isnan(fit.variance_se[:2]).all()
    assert fit.variance_se[2] > 0
    np.testing.assert_allclose(fit.p, 1.0)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (np.repeat(np.arange(8), 5), np.repeat(np.arange(8), 5)),
        (np.repeat(np.arange(8), 5), np.arange(40)),
        (np.repeat(np.arange(8), 5), np.zeros(40, dtype=np.int64)),
        (np.repeat(np.arange(2), 20), np.repeat(np.arange(2), 20)),
    ],
    ids=["same", "one interview each", "one area", "two of both"],
)
def test_what_cannot_be_told_apart_is_said(first: np.ndarray, second: np.ndarray) -> None:
    y = np.random.default_rng(0).normal(0, 1, 40)
    assert not told_apart(one_problem(np.column_stack([np.ones(40), y]), first, second))
    fit = fitted(Columns(np.ones((40, 1)), y, first), second)
    assert fit.status == "failed"
    assert fit.reason
    assert np.isnan(fit.variance).all()


def test_two_interviewers_cannot_judge_each_other() -> None:
    rng = np.random.default_rng(0)
    first, second = np.repeat([0, 1], 20), np.tile(np.arange(5), 8)
    columns = Columns(np.ones((40, 1)), rng.normal(0, 1, 40), first)
    assert fitted(columns, second).status != "failed"
    judged = judge_shift(columns, second, 0)
    assert judged.reason == "without this interviewer only one interviewer is left"
    assert np.isnan(judged.z)


def test_several_shifts_at_once_equal_one_by_one() -> None:
    columns, second = planted(8, 12, 9, 200)
    plain = Columns(columns.fixed[:, :1], columns.response, columns.interviewer)
    questions = [
        ShiftQuestion(columns, second, 3),
        ShiftQuestion(plain, second, 3),
        ShiftQuestion(columns, columns.interviewer, 4),
        ShiftQuestion(columns, second, 20),
        ShiftQuestion(columns, second, 5),
    ]
    together = judge_shifts(questions)
    assert [test.reason is None for test in together] == [True, True, False, False, True]
    for question, test in zip(questions, together, strict=True):
        alone = judge_shift(question.columns, question.second, question.level)
        assert test.reason == alone.reason
        assert test.z == pytest.approx(alone.z, rel=DENSE, nan_ok=True)


def test_many_shifts_are_judged_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    columns, second = planted(8, 12, 9, 200)
    questions = [ShiftQuestion(columns, second, level) for level in range(12)]
    together = judge_shifts(questions)
    sizes = []

    def counted(insides: Sequence[np.ndarray], *levels: Sequence[np.ndarray]) -> CrossedProblem:
        sizes.append(sum(map(len, insides)))
        return crossed_problem(insides, *levels)

    monkeypatch.setattr(crossed, "_MOST_INTERVIEWS", 600)
    monkeypatch.setattr(crossed_shift, "crossed_problem", counted)
    for test, one in zip(judge_shifts(questions), together, strict=True):
        assert test.z == pytest.approx(one.z, rel=DENSE)
    assert max(sizes) == 600
