"""The categorical models against lme4::glmer and ordinal::clmm, their gradient against differences, and the edges."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from qa_reports.effects.categorical import CategoricalFit, fit_categorical_models, latent_icc
from qa_reports.effects.categorical_columns import CategoricalColumns, CategoricalFailure, number_categories
from qa_reports.effects.categorical_interval import latent_icc_interval
from qa_reports.effects.category_rows import build_rows
from qa_reports.effects.quadrature import Parameters, evaluate
from tests.effects.lme4_tables import REFERENCE, read_data, read_tables

LOGLIK = 2e-6
"""Absolute. clmm stops at a gradient of some 2e-5 (its gradient is numerical); ours is never below theirs by more than
rounding, which is asserted apart."""
BELOW = 1e-7
"""Absolute: the most by which our log-likelihood may lie below R's, both being sums of some thousand logarithms."""
ESTIMATE = 2e-3
"""In standard errors: where R's optimisers stop, the log-likelihood is flat to their tolerance of 1e-6, hence estimates
differ by up to sqrt(2e-6) = 1.4e-3 standard errors."""
STANDARD_ERROR = 2e-3
"""Relative: R differentiates the log-likelihood numerically."""
MODE = 2e-4
"""In logits, of conditional modes and their sds: follows from the precision of the sd."""
DERIVATIVE = 1e-6
"""Absolute: of central differences with a step of 1e-5."""

SOURCES = ("cbpp", "wine", "example", "ess11_ch", "ess11_de")


def _references() -> list[tuple[str, str]]:
    found = [source for source in SOURCES if (REFERENCE / f"categorical_{source}.json").exists()]
    return [(source, fit["name"]) for source in found for fit in read_tables(f"categorical_{source}")["fits"]]


def _columns(source: str, expected: dict, meta: dict) -> tuple[CategoricalColumns, list[str]]:
    table = read_data(source)
    for column, codes in meta.get("missing_codes", {}).items():
        table[column] = table[column].where(~table[column].isin(codes))
    table = table.dropna(subset=[expected["outcome"], *expected["covariates"]])
    group, names = pd.factorize(table[meta["group"]].astype(str), sort=True)
    fixed = []
    for name in expected["covariates"]:
        values = table[name]
        if name in expected["categorical"]:
            fixed += [(values == level).to_numpy(float) for level in sorted(values.unique())[1:]]
        else:
            fixed.append(values.to_numpy(float))
    answers = table[expected["outcome"]].to_numpy(float)
    category = np.searchsorted(expected["cuts"], answers) if expected["cuts"] else number_categories(answers)[1]
    x = np.column_stack(fixed) if fixed else np.empty((len(table), 0))
    return CategoricalColumns(x, category, group.astype(np.int64)), list(names)


@pytest.mark.parametrize(("source", "name"), _references())
def test_equals_glmer_and_clmm(source: str, name: str) -> None:
    tables = read_tables(f"categorical_{source}")
    expected = next(fit for fit in tables["fits"] if fit["name"] == name)
    columns, groups = _columns(source, expected, tables["meta"])
    fit = fit_categorical_models([columns], len(groups))[0]
    assert isinstance(fit, CategoricalFit)
    assert (fit.n, fit.n_interviewers) == (expected["n"], expected["groups"])
    assert fit.loglik == pytest.approx(expected["loglik"], abs=LOGLIK, rel=0)
    assert fit.loglik > expected["loglik"] - BELOW
    assert fit.loglik_without == pytest.approx(expected["loglik_without"], abs=LOGLIK, rel=0)
    if fit.sd_se is None:
        assert expected["sd"] < 1e-2
        return
    assert fit.sd == pytest.approx(expected["sd"], abs=ESTIMATE * fit.sd_se, rel=0)
    slopes = expected["fixed"] or []
    theirs = np.array([*expected["thresholds"], *(effect["estimate"] for effect in slopes)])
    theirs_se = np.array([*expected["threshold_se"], *(effect["se"] for effect in slopes)])
    ours_se = np.sqrt(np.diagonal(fit.covariance))
    np.testing.assert_allclose(
        np.concatenate([fit.thresholds, fit.fixed]) / ours_se, theirs / ours_se, atol=ESTIMATE, rtol=0
    )
    np.testing.assert_allclose(ours_se, theirs_se, rtol=STANDARD_ERROR)
    if "ranef" in expected:
        order = [groups.index(group) for group in expected["ranef"]["groups"]]
        np.testing.assert_allclose(fit.mode[order], expected["ranef"]["mode"], atol=MODE, rtol=0)
        np.testing.assert_allclose(fit.conditional_sd[order], expected["ranef"]["conditional_sd"], atol=MODE, rtol=0)


def _simulated(categories: int = 4, sd: float = 0.8, n: int = 400, groups: int = 40) -> CategoricalColumns:
    rng = np.random.default_rng(categories)
    group = np.concatenate([np.arange(groups), rng.integers(0, groups, n - groups)])
    x = rng.normal(size=(n, 2))
    latent = x @ [0.5, -0.3] + rng.normal(0, sd, groups)[group] + rng.logistic(size=n)
    category = np.digitize(latent, np.quantile(latent, np.arange(1, categories) / categories))
    return CategoricalColumns(x, category, group)


@pytest.mark.parametrize("nodes", [1, 2, 10])
@pytest.mark.parametrize("categories", [2, 4])
def test_the_gradient_is_that_of_the_quadrature_sum(categories: int, nodes: int) -> None:
    one = _simulated(categories)
    rows = build_rows([one.fixed], [one.category], [one.interviewer], [np.ones(400)], categories)
    cut = categories - 1
    here = np.array([*np.linspace(-1, 1.3, cut), 0.4, -0.2, 0.9])

    def at(parameters: np.ndarray) -> Parameters:
        return Parameters(parameters[None, :cut], parameters[None, cut:-1], parameters[-1:])

    found = evaluate(rows, at(here), nodes)
    moves = 1e-5 * np.eye(len(here))
    ends = [(evaluate(rows, at(here + move), nodes), evaluate(rows, at(here - move), nodes)) for move in moves]
    difference = np.array([(above.loglik[0] - below.loglik[0]) / 2e-5 for above, below in ends])
    np.testing.assert_allclose(found.gradient[0], difference, atol=DERIVATIVE)
    if nodes == 10:  # Louis' curvature leaves the movement of the nodes out, which matters less the more there are
        second = np.array([(above.gradient[0] - below.gradient[0]) / 2e-5 for above, below in ends])
        np.testing.assert_allclose(found.curvature[0], second, atol=1e-6 * np.abs(second).max())


def test_batches_and_counts_change_nothing() -> None:
    models = [_simulated(4), _simulated(2), _simulated(4, sd=1.5), _simulated(4, sd=0.0)]
    together = fit_categorical_models(models, 40)
    for one, fitted in zip(models, together, strict=True):
        alone = fit_categorical_models([one], 40)[0]
        assert isinstance(fitted, CategoricalFit)
        assert isinstance(alone, CategoricalFit)
        assert fitted.loglik == pytest.approx(alone.loglik, abs=1e-8, rel=0)
        np.testing.assert_allclose(fitted.mode, alone.mode, atol=1e-5)
    null = CategoricalColumns(np.empty((400, 0)), models[0].category, models[0].interviewer)
    cells, count = np.unique(np.column_stack([null.interviewer, null.category]), axis=0, return_counts=True)
    counted = CategoricalColumns(np.empty((len(cells), 0)), cells[:, 1], cells[:, 0], count.astype(float))
    first, second = fit_categorical_models([null, counted], 40)
    assert isinstance(first, CategoricalFit)
    assert isinstance(second, CategoricalFit)
    assert (first.loglik, first.sd, first.n) == (second.loglik, second.sd, second.n)


def test_units_of_covariates_do_not_matter() -> None:
    one = _simulated(3)
    moved = CategoricalColumns(one.fixed * [1e6, 1e-4] + [3e7, 5.0], one.category, one.interviewer)
    first, second = fit_categorical_models([one, moved], 40)
    assert isinstance(first, CategoricalFit)
    assert isinstance(second, CategoricalFit)
    assert second.loglik == pytest.approx(first.loglik, abs=1e-8, rel=0)
    np.testing.assert_allclose(second.fixed * [1e6, 1e-4], first.fixed, rtol=1e-5)
    np.testing.assert_allclose(second.thresholds - second.fixed @ [3e7, 5.0], first.thresholds, atol=1e-4)


def test_the_interval_ends_where_the_profile_has_fallen_by_its_quantile() -> None:
    one = _simulated(4)
    fit = fit_categorical_models([one], 40)[0]
    assert isinstance(fit, CategoricalFit)
    low, high = latent_icc_interval(one, fit)
    assert 0 < low < fit.latent_icc < high < 1
    flat = _simulated(4, sd=0.0)
    none = fit_categorical_models([flat], 40)[0]
    assert isinstance(none, CategoricalFit)
    assert latent_icc_interval(flat, none)[0] == 0.0
    # The fall at each end with the other parameters at their best, by another optimiser.
    rows = build_rows([one.fixed], [one.category], [one.interviewer], [np.ones(400)], 4)
    for bound in (low, high):
        sd = np.sqrt(bound / (1 - bound) * np.pi**2 / 3)

        def minus(free: np.ndarray, sd: float = sd) -> float:
            return -float(evaluate(rows, Parameters(free[None, :3], free[None, 3:], np.array([sd])), 10).loglik[0])

        best = optimize.minimize(minus, np.concatenate([fit.thresholds, fit.fixed]), method="BFGS")
        assert fit.loglik + best.fun == pytest.approx(stats.chi2.ppf(0.95, 1) / 2, abs=1e-4)


GROUP = np.repeat(np.arange(8), 10)
MANY = np.repeat(GROUP, 10)
WITHIN = np.tile([0, 1], 40)

IMPOSSIBLE = {
    "perfect separation": (CategoricalColumns(np.tile([[0.0], [1.0]], (40, 1)), WITHIN, GROUP), "separates"),
    "nobody chose": (CategoricalColumns(np.empty((80, 0)), WITHIN * 2, GROUP), "nobody chose category 1"),
    "one category": (CategoricalColumns(np.empty((80, 0)), WITHIN * 0, GROUP), "all answers are the same"),
    "too many": (CategoricalColumns(np.empty((80, 0)), np.arange(80), GROUP), "80 different answers"),
    "one interviewer": (CategoricalColumns(np.empty((80, 0)), WITHIN, GROUP * 0), "only one interviewer"),
    "equal within": (CategoricalColumns(np.empty((80, 0)), GROUP % 2, GROUP), "no interviewer has two different"),
    "hardly varying": (
        CategoricalColumns(np.empty((800, 0)), MANY % 2 ^ (np.arange(800) == 3), MANY),
        "hardly vary within",
    ),
    "nothing": (CategoricalColumns(np.empty((0, 0)), np.zeros(0, int), np.zeros(0, int)), "no answers"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(IMPOSSIBLE))
def test_what_has_no_estimate_has_a_reason(name: str) -> None:
    columns, reason = IMPOSSIBLE[name]
    fit = fit_categorical_models([columns], 8)[0]
    assert isinstance(fit, CategoricalFailure)
    assert reason in fit.reason
    if name == "perfect separation":
        assert fit.column == 0


def test_two_interviewers_and_one_giant_have_estimates() -> None:
    rng = np.random.default_rng(1)
    giant = np.concatenate([np.zeros(3000, int), np.repeat(np.arange(1, 15), 4)])
    answers = (rng.random(len(giant)) < np.where(giant == 0, 0.3, 0.5)).astype(int)
    two = CategoricalColumns(np.empty((80, 0)), (rng.random(80) < 0.2 + 0.4 * (GROUP < 4)).astype(int), GROUP // 4)
    first, second = fit_categorical_models([CategoricalColumns(np.empty((len(giant), 0)), answers, giant), two], 15)
    for fit, columns in ((first, CategoricalColumns(np.empty((len(giant), 0)), answers, giant)), (second, two)):
        assert isinstance(fit, CategoricalFit)
        low, high = latent_icc_interval(columns, fit)
        assert 0 <= low <= fit.latent_icc <= high <= 1
        assert np.isfinite(fit.loglik)
        assert np.isfinite(fit.covariance).all()


def test_no_variance_is_a_named_result() -> None:
    fit = fit_categorical_models([CategoricalColumns(np.empty((80, 0)), WITHIN, GROUP)], 8)[0]
    assert isinstance(fit, CategoricalFit)
    assert (fit.status, fit.sd, fit.latent_icc, fit.lr_statistic, fit.lr_p) == ("zero_variance", 0.0, 0.0, 0.0, 1.0)
    assert not fit.mode.any()
    assert fit.thresholds == pytest.approx([0.0], abs=1e-9)
    assert latent_icc(np.pi / np.sqrt(3)) == 0.5
