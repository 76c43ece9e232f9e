"""The predictive tail against brute force, exact binomials and simulated waves of normal interviewers."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import special, stats

from qa_reports.effects import predictive
from qa_reports.effects.categorical import CategoricalFit, fit_categorical_models
from qa_reports.effects.categorical_columns import CategoricalColumns
from qa_reports.effects.predictive import PredictiveTails, _degrees_of_freedom, predictive_tails
from tests.effects.categorical_characteristics import SHARES, tail_ratios

IN_CLASSES = 1e-6
"""A class is a two-hundredth wide here: what is left out is of the third order in that."""

DRAWS = 400_000
TAIL = 0.03
"""Relative: a tail of .01 drawn 400,000 times is known to 1.6 %."""

GROUP = np.repeat(np.arange(60), 12)


def _none(rows: int) -> np.ndarray:
    return np.empty((rows, 0))


def _tails(columns: CategoricalColumns, scores: np.ndarray, interviewers: int) -> PredictiveTails:
    fit = fit_categorical_models([columns], interviewers)[0]
    assert isinstance(fit, CategoricalFit)
    return predictive_tails(columns, fit, scores, interviewers)


def _answers(rng: np.random.Generator, sd: float = 0.5) -> np.ndarray:
    latent = rng.normal(0, sd, 60)[GROUP] + rng.logistic(size=GROUP.size)
    return np.digitize(latent, [0.5, 1.5, 2.5])


def test_a_tail_is_what_drawing_from_the_model_of_the_others_gives() -> None:
    rng = np.random.default_rng(7)
    category, scores = _answers(rng), np.array([1.0, 2.0, 3.0, 5.0])
    category[:12] = [3, 3, 0, 1, 3, 0, 1, 3, 0, 3, 1, 0]
    tails = _tails(CategoricalColumns(_none(720), category, GROUP), scores, 60)
    others = fit_categorical_models([CategoricalColumns(_none(708), category[12:], GROUP[12:] - 1)], 59)[0]
    assert isinstance(others, CategoricalFit)
    # Thresholds are uncertain together, as a shift: drawn with the effect.
    effect = rng.normal(0, np.sqrt(others.sd**2 + others.covariance.mean()), DRAWS)
    drawn = np.zeros(DRAWS)
    shares = special.expit(others.thresholds - effect[:, None])
    for _ in range(12):
        drawn += scores[(rng.random(DRAWS)[:, None] > shares).sum(axis=1)]
    total = scores[category[:12]].sum()
    tail = (drawn > total).mean() + (drawn == total).mean() / 2
    assert 0.001 < tail < 0.02
    # The reference to t with about 60 degrees of freedom makes it larger; undone here.
    undone = stats.norm.sf(stats.t.isf(tails.p[0] / 2, 59))
    assert undone == pytest.approx(tail, rel=3 * TAIL)
    assert tails.expected[0] == pytest.approx(drawn.mean() / 12, rel=TAIL)
    assert tails.sd[0] == pytest.approx(drawn.std() / 12, rel=TAIL)
    assert tails.z[0] == pytest.approx(stats.norm.isf(tails.p[0] / 2))


def test_all_others_alike_is_an_exact_binomial() -> None:
    category = np.zeros(720, dtype=int)
    category[[3, 5]] = 1
    columns = CategoricalColumns(_none(720), category, GROUP)
    tails = _tails(columns, np.array([0.0, 1.0]), 60)
    chance = stats.binom(12, 0.5 / 709)
    assert tails.p[0] == pytest.approx(2 * (chance.sf(2) + chance.pmf(2) / 2))
    assert tails.z[0] > 4
    assert (tails.z[1:] < 0).all()
    assert (tails.p[1:] > 0.5).all()


def test_a_category_only_one_interviewer_uses_is_judged() -> None:
    rng = np.random.default_rng(8)
    category = np.minimum(_answers(rng), 2)
    category[:12] = [3] * 8 + [0] * 4
    tails = _tails(CategoricalColumns(_none(720), category, GROUP), np.arange(4.0), 60)
    assert tails.z[0] > 3
    assert np.isfinite(tails.p).all()


def test_covariates_explain_what_they_explain() -> None:
    rng = np.random.default_rng(9)
    x = np.where(GROUP < 6, 1.0, 0.0) + (rng.random(720) < 0.3)
    category = np.digitize(2.0 * x + rng.logistic(size=720), [1.0, 2.0, 3.0])
    scores = np.arange(4.0)
    without = _tails(CategoricalColumns(_none(720), category, GROUP), scores, 60)
    given = _tails(CategoricalColumns(x[:, None], category, GROUP), scores, 60)
    assert without.z[:6].mean() > given.z[:6].mean() + 1
    assert abs(given.z).max() < 4


def test_many_covariate_patterns_and_units_change_little() -> None:
    rng = np.random.default_rng(10)
    group = np.concatenate([np.zeros(200, int), GROUP + 1])
    x = rng.normal(size=(920, 2))
    category = np.digitize(x @ [0.5, -0.5] + rng.logistic(size=920), [0.5, 2.0])
    first = _tails(CategoricalColumns(x, category, group), np.array([1.0, 2.0, 3.0]), 61)
    second = _tails(CategoricalColumns(x * 100 + 7, category, group), np.array([10.0, 20.0, 30.0]), 61)
    np.testing.assert_allclose(first.p, second.p, rtol=1e-6)
    np.testing.assert_allclose(second.expected, first.expected * 10, rtol=1e-6)
    # Their covariates give the giant's expected mean: within two standard deviations of the observed one.
    assert abs(category[:200].mean() + 1 - first.expected[0]) < 2 * first.sd[0]


def test_with_two_interviewers_nobody_is_judged() -> None:
    columns = CategoricalColumns(_none(720), np.arange(720) % 2, GROUP // 30)
    assert np.isnan(_tails(columns, np.array([0.0, 1.0]), 2).p).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", list(SHARES))
@pytest.mark.parametrize("interviewers", [20, 150])
def test_normal_interviewers_are_not_remarkable_more_often_than_nominal(name: str, interviewers: int) -> None:
    three, four, judged = tail_ratios(name, interviewers, 12_000)
    # Three standard errors of the count expected by chance above a ratio of 1.
    assert three < 1 + 3 / np.sqrt(0.0027 * judged)
    assert four < 1 + 3 / np.sqrt(6.3e-5 * judged)


def test_degrees_of_freedom_are_those_of_everybody_else() -> None:
    """Satterthwaite's: judged^2 over half the variance of sd^2, which J - 1 estimated effects tell."""
    information, who, sd = np.array([4.0, 9.0, 1.0]), np.array([0, 2]), np.array([0.5, 0.7])
    uncertainty, own = np.array([0.01, 0.02]), np.array([0.25, 1.0])
    df = _degrees_of_freedom(
        predictive._precisions(1 / information, sd**2, who),
        SimpleNamespace(at=SimpleNamespace(sd=sd)),  # type: ignore[arg-type]
        SimpleNamespace(uncertainty=uncertainty, own=own),  # type: ignore[arg-type]
    )
    for k, j in enumerate(who):
        others = np.delete(information, j)
        variance_of_sd2 = 2 / ((sd[k] ** 2 + 1 / others) ** -2).sum()
        assert df[k] == pytest.approx(2 * (sd[k] ** 2 + uncertainty[k] + own[k]) ** 2 / variance_of_sd2)


def test_variances_of_very_many_interviewers_may_be_taken_in_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    variances, between = np.exp(rng.normal(-1, 1.5, 30_000)), np.array([0.0, 1e-3, 0.2, 4.0])
    left_out = np.array([0, 5, 7, int(variances.argmin())])
    in_classes = predictive._precisions(variances, between, left_out)
    monkeypatch.setattr(predictive, "_ONE_BY_ONE", len(variances))

    np.testing.assert_allclose(in_classes, predictive._precisions(variances, between, left_out), rtol=IN_CLASSES)
    precision = 1 / (between[:, None] + variances) ** 2
    expected = [np.delete(row, out).sum() for row, out in zip(precision, left_out, strict=True)]
    np.testing.assert_allclose(predictive._precisions(variances, between, left_out), expected, rtol=1e-12)
