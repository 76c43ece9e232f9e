"""Which items get which model, who is judged by it, and what is said where it cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from qa_reports.effects.categorical_items import CategoricalFailed, CategoricalModel, CategoricalResult, LogitEffect
from qa_reports.effects.estimate import ItemEffects, estimate_items
from qa_reports.effects.judge import level_cells
from qa_reports.survey.clean import Covariate
from tests.effects.synthetic import make_config, make_survey

GROUP = np.repeat(np.arange(30), 12)
SHARES = {
    "binary": (0.7, 0.3),
    "four": (0.25, 0.25, 0.25, 0.25),
    "five_even": (0.2, 0.2, 0.2, 0.2, 0.2),
    "five_skewed": (0.7, 0.15, 0.1, 0.04, 0.01),
    "eleven_skewed": (0.65, 0.1, 0.05, 0.05, 0.03, 0.03, 0.02, 0.02, 0.02, 0.02, 0.01),
    "eight_even": (0.125,) * 8,
}
KINDS = {
    "binary": "binary",
    "four": "ordinal",
    "five_even": "linear",
    "five_skewed": "ordinal",
    "eleven_skewed": "linear",
    "eight_even": "linear",
}
BY_TAIL = {"binary", "four", "five_skewed", "eleven_skewed"}


def _answers(name: str, sd: float = 0.6) -> np.ndarray:
    rng = np.random.default_rng(len(name))
    latent = rng.normal(0, sd, 30)[GROUP] + rng.logistic(size=GROUP.size)
    return np.digitize(latent, np.quantile(latent, np.cumsum(SHARES[name])[:-1])) + 1.0


def _items(answers: dict[str, np.ndarray], model: str = "auto", covariates: tuple[Covariate, ...] = ()) -> list:
    survey = make_survey(answers, GROUP, respondent_covariates=covariates)
    config = make_config(list(answers))
    options = tuple(option.model_copy(update={"model": model}) for option in config.items)
    return list(estimate_items(survey, config.model_copy(update={"items": options})))


def test_the_answers_choose_the_model() -> None:
    items = _items({name: _answers(name) for name in SHARES})
    for item in items:
        assert isinstance(item, ItemEffects)
        assert item.kind == KINDS[item.item]
        cells = level_cells(item)
        assert cells is not None
        assert cells.by_tail == (item.item in BY_TAIL)
        if item.item == "eight_even":
            assert item.categorical is None
            continue
        found = item.categorical
        assert isinstance(found, CategoricalResult)
        assert found.icc_interval.lower <= found.null.latent_icc <= found.icc_interval.upper
        assert found.agreement.correlation is not None
        assert found.agreement.correlation > 0.9
        assert found.agreement.icc_ratio == pytest.approx(item.icc / found.null.latent_icc)
        if cells.by_tail:
            np.testing.assert_array_equal(cells.p, found.tails.p)
            np.testing.assert_allclose(cells.evidence, cells.z * cells.deviation_se)
            # The same people are high and low by either measure.
            own = item.judging.effects.deviation[:, 0]
            assert np.corrcoef(own, cells.deviation)[0, 1] > 0.99


def test_a_configured_model_overrides_the_choice() -> None:
    linear = _items({"binary": _answers("binary")}, "linear")[0]
    assert (linear.kind, linear.categorical) == ("linear", None)
    even = _items({"five_even": _answers("five_even")}, "ordinal")[0]
    assert even.kind == "ordinal"
    assert even.categorical.by_tail
    many = np.random.default_rng(1).integers(0, 40, GROUP.size).astype(float)
    refused = _items({"many": many}, "ordinal")[0]
    assert refused.kind == "linear"
    assert refused.categorical == CategoricalFailed("there are 40 different answers, too many for one threshold each")
    three = _items({"three": np.minimum(_answers("four"), 3)}, "binary")[0]
    assert three.categorical == CategoricalFailed("there are 3 different answers, and a binary model needs two")


def test_covariates_enter_and_a_separating_one_is_named() -> None:
    rng = np.random.default_rng(2)
    answers = _answers("four")
    ages = rng.normal(40, 10, GROUP.size)
    age = Covariate("age", "Age", "numeric", ages, ())
    adjusted = _items({"four": answers}, covariates=(age,))[0].categorical
    assert isinstance(adjusted.adjusted, CategoricalModel)
    assert [effect.term for effect in adjusted.judging.fixed_effects] == ["age"]
    assert [effect.term for effect in adjusted.null.thresholds] == ["1|2", "2|3", "3|4"]
    # Three thresholds, the variance, and age.
    assert (adjusted.null.n_parameters, adjusted.adjusted.n_parameters) == (4, 5)
    assert adjusted.null.aic == pytest.approx(8 - 2 * adjusted.null.loglik)
    splitting = Covariate("split", "Split", "numeric", answers * 10, ())
    separated = _items({"four": answers}, covariates=(splitting,))[0].categorical
    assert separated.adjusted == CategoricalFailed("a covariate separates the answers perfectly: split")
    assert separated.judging is separated.null


def test_a_rare_event_is_judged_by_its_tail_even_where_nobody_else_has_it() -> None:
    answers = np.zeros(GROUP.size)
    answers[[0, 1, 2]] = 1.0
    item = _items({"rare": answers})[0]
    assert isinstance(item, ItemEffects)
    assert isinstance(item.categorical, CategoricalResult)
    cells = level_cells(item)
    assert cells is not None
    assert cells.z[0] > 4
    assert np.isfinite(cells.p).all()


def test_a_threshold_has_the_interval_and_test_of_a_normal_estimate() -> None:
    effect = LogitEffect("age", -0.4, 0.2)
    assert (effect.interval.lower, effect.interval.upper) == pytest.approx(stats.norm.interval(0.95, -0.4, 0.2))
    assert effect.p == pytest.approx(2 * stats.norm.cdf(-2))
