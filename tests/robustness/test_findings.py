"""What random surveys and random text have found, one small case each."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from qa_reports import second_core
from qa_reports.effects.categorical import fit_categorical_models
from qa_reports.effects.categorical_columns import CategoricalColumns, CategoricalFailure
from qa_reports.effects.joint_intervals import _Surface
from qa_reports.effects.mixed_model import fit_mixed_models
from qa_reports.effects.moments import Columns, compute_moments
from qa_reports.effects.predictive import _exact_tails, _latent, _likely, _nodes, _Patterns
from qa_reports.effects.quadrature import Parameters
from qa_reports.effects.referee import RefereeCase, referee_logliks
from qa_reports.effects.small_matrices import eliminated
from qa_reports.effects.spread_effects import SpreadEffects, times_usual
from qa_reports.effects.without_one import Without
from qa_reports.report.canvas import padded
from qa_reports.report.everyone import _alike
from qa_reports.report.interviewers import _spread_words
from qa_reports.report.results import _own_spreads
from tests.effects.synthetic import make_survey
from tests.robustness.random_surveys import RandomSurvey
from tests.robustness.soundness import assert_sound, run

LONGEST = 20.0
"""Seconds that a total may take where its intercept is as good as unknown; uncapped it took minutes."""


@pytest.fixture(autouse=True)
def _one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_core, "can_fork", lambda: False)


@pytest.mark.parametrize("value", [0.0, 3.0, -7e15, 1e24, 1e-15])
def test_a_scale_of_equal_values_has_ticks(value: float) -> None:
    scale = padded(np.full(5, value), 0, 100)
    assert scale.low < value < scale.high
    assert 1 <= len(scale.ticks()) < 20


def test_a_scale_of_tiny_values_shows_them_apart() -> None:
    assert np.diff(padded(np.array([1e-15, 9e-15]), 0, 100).at([1e-15, 9e-15]))[0] > 80


def test_an_interviewer_whose_predictors_are_all_zero_is_not_judged_by_a_slope(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    interviewer = np.repeat(np.arange(6), 8)
    predictor = np.where(interviewer == 0, 0, random.integers(0, 5, 48))
    outcome = 2 + predictor * (1 + random.normal(0, 0.5, 6)[interviewer]) + random.normal(0, 1, 48)
    survey = RandomSurvey(
        {
            "who": [str(100 + number) for number in interviewer],
            "x": [str(value) for value in predictor],
            "y": [f"{value:.3f}" for value in outcome],
        },
        {
            "survey": {"name": "Zeros"},
            "data": {"file": "wave.csv", "interviewer": "who"},
            "items": [{"name": "y", "slopes": ["x"], "random_intercept": False}, {"name": "x"}],
        },
    )
    output = tmp_path / "out"
    ended = run(survey.write(tmp_path), output, "--formats", "json")
    assert_sound(ended, output, ["y", "x"])
    assert ended.results is not None
    slopes = [effect for effect in ended.results["effects"] if effect["model"] == "slope"]
    assert [effect["interviewer"] for effect in slopes if effect["z"] is None] == ["100"]


def _alone(threshold: float, sd: float, uncertainty: float) -> tuple[_Patterns, Without]:
    """One interviewer of ten binary answers under a model with one threshold."""
    at = Parameters(np.array([[threshold]]), np.zeros((1, 0)), np.array([sd]))
    patterns = _Patterns(np.zeros(1, dtype=np.int64), np.zeros((1, 0)), np.array([10.0]))
    return patterns, Without(at, np.array([[[uncertainty]]]), np.ones(1, dtype=bool))


@pytest.mark.parametrize("threshold", [0.0, 40.0, -40.0, 800.0, -800.0])
@pytest.mark.parametrize("uncertainty", [0.01, 1e12])
def test_totals_under_models_that_are_certain_or_know_nothing(threshold: float, uncertainty: float) -> None:
    steps = np.array([0, 1])
    patterns, models = _alone(threshold, 0.5, uncertainty)
    began = time.process_time()
    latent = _latent(patterns, models, steps)
    between = np.sqrt(models.at.sd**2 + latent.uncertainty)
    nodes = _nodes(patterns, models, between, latent)
    below, above, expected, _ = _exact_tails(nodes, patterns, steps, np.array([4.0]), _likely(nodes, patterns, steps))
    assert time.process_time() - began < LONGEST
    assert latent.own[0] > 0
    assert abs(below[0] + above[0] - 1) < 1e-9
    assert -1e-9 <= expected[0] <= 10 + 1e-9


def test_the_referee_keeps_a_slope_of_tiny_variance_beside_a_large_intercept() -> None:
    random = np.random.default_rng(5)
    interviewer = np.repeat(np.arange(8), 12)
    income = random.normal(3, 1, 96)
    response = random.normal(0, 1, 96)
    logliks = []
    for unit in (1.0, 1e15):  # the same model, the income in other units
        covariance = np.array([[300.0, 0.0], [0.0, 4.0 / unit**2]])
        fixed = np.column_stack([np.ones(96), income * unit])
        case = RefereeCase(fixed, response, interviewer, (0, 1), np.zeros(2), covariance, "ML")
        logliks.append(referee_logliks([case])[0])
    assert logliks[1] == pytest.approx(logliks[0], abs=1e-6)


def test_a_spread_of_no_number_is_absent() -> None:
    unknown = dict.fromkeys((field.name for field in structs.fields(SpreadEffects)), np.array([1.0]))
    spread = SpreadEffects(**{**unknown, "interviewer": np.array([0]), "deviation": np.array([5000.0])})
    survey = make_survey({"y": np.arange(4.0)}, np.zeros(4, dtype=np.int64))
    (found,) = _own_spreads(spread, survey).values()
    assert found["share"] is None
    assert _spread_words(spread, 0)


def test_joint_intervals_of_terms_that_are_perfectly_correlated() -> None:
    random = np.random.default_rng(8)
    interviewer = np.repeat(np.arange(8), 10)
    predictors = random.normal(0, 1, (80, 2)) * [1.0, 1e-9]
    level = random.normal(0, 1, 8)[interviewer]
    columns = Columns(
        np.column_stack([np.ones(80), predictors]),
        level * (1 + predictors[:, 0] + 1e9 * predictors[:, 1]) + random.normal(0, 0.5, 80),
        interviewer,
    )
    moments = compute_moments([columns], 8)
    fits = fit_mixed_models(moments, (0, 1, 2), "REML")
    exact = np.outer([1.0, 1.0, 1e9], [1.0, 1.0, 1e9])
    singular = structs.replace(fits, covariance=exact[None] * fits.residual_variance[0])
    assert np.isfinite(_Surface(moments, (0, 1, 2), singular, 0).lowest)


def test_an_indicator_that_no_interview_has_is_explained(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    survey = RandomSurvey(
        {
            "who": [str(100 + row // 8) for row in range(48)],
            "q": [str(value) for value in random.integers(0, 11, 48)],
            **{name: [""] * 48 for name in ("a", "b", "c")},
        },
        {
            "survey": {"name": "Empty grid"},
            "data": {"file": "wave.csv", "interviewer": "who"},
            "items": ["q", "a", "b", "c"],
            "batteries": [{"name": "Grid", "items": ["a", "b", "c"]}],
        },
    )
    output = tmp_path / "out"
    ended = run(survey.write(tmp_path), output, "--formats", "json,html")
    assert_sound(ended, output, ["q", "a", "b", "c"])
    assert ended.code == 0


@pytest.mark.parametrize(("deviation", "times"), [(0.0, 1.0), (-800.0, 0.0), (5000.0, np.exp(20.0))])
def test_times_the_usual_spread_are_a_number(deviation: float, times: float) -> None:
    assert times_usual(deviation) == pytest.approx(times)


def test_two_interviewers_and_a_covariate_of_theirs(tmp_path: Path) -> None:
    """The covariate tells them apart completely: no variance is left, and REML has no maximum."""
    random = np.random.default_rng(11)
    interviewer = np.repeat([0, 1], [4, 9])
    survey = RandomSurvey(
        {
            "who": [str(100 + number) for number in interviewer],
            "q": [str(value) for value in random.integers(0, 11, 13)],
            "experience": [str([-1, 0][number]) for number in interviewer],
        },
        {
            "survey": {"name": "Two"},
            "data": {"file": "wave.csv", "interviewer": "who"},
            "items": ["q"],
            "interviewers": {"covariates": ["experience"]},
        },
    )
    output = tmp_path / "out"
    ended = run(survey.write(tmp_path), output, "--formats", "json")
    assert_sound(ended, output, ["q"])
    assert ended.results is not None
    model = ended.results["items"][0]["models"]["covariates"]
    assert model["status"] == "failed"
    assert "tell the interviewers apart" in model["reason"]


def test_a_square_table_of_z_is_no_table_of_distances() -> None:
    symmetric = np.array([[0.0, 1.0, 4.0], [1.0, 0.0, 2.0], [4.0, 2.0, 0.0]])
    assert sorted(_alike(symmetric)) == [0, 1, 2]


def test_levels_that_are_separated_by_a_few_answers_have_no_coefficient() -> None:
    """The search stops where the likelihood is flat, long before a coefficient is large by itself."""
    random = np.random.default_rng(2)
    interviewer, level = np.repeat(np.arange(6), 8), np.tile(np.arange(24), 2)
    category = random.integers(0, 3, 48)
    category[level < 3] = 2
    fixed = (level[:, None] == np.arange(1, 24)).astype(float)
    (fit,) = fit_categorical_models([CategoricalColumns(fixed, category, interviewer)], 6)
    assert isinstance(fit, CategoricalFailure)
    assert "separates the answers" in fit.reason


def test_an_interviewer_without_residuals_has_no_combined_evidence(tmp_path: Path) -> None:
    """The categorical null model judges interviews that the adjusted linear one lacks: here all of interviewer 105."""
    random = np.random.default_rng(9)
    interviewer = np.repeat(np.arange(6), 6)
    answers = random.integers(0, 2, 36)
    survey = RandomSurvey(
        {
            "who": [str(100 + number) for number in interviewer],
            "q": [str(value) for value in answers],
            "x": ["" if who == 5 else str(answer) for who, answer in zip(interviewer, answers, strict=True)],
        },
        {
            "survey": {"name": "Separated"},
            "data": {"file": "wave.csv", "interviewer": "who"},
            "items": [{"name": "q", "model": "binary"}],
            "respondent_covariates": [{"name": "x", "type": "numeric"}],
            "flags": {"min_interviews": 1},
        },
    )
    for row in (0, 1, 8, 15, 22, 29):  # not quite the answer itself
        survey.columns["x"][row] = str(1 - answers[row]) if answers[row] else "0"
    output = tmp_path / "out"
    ended = run(survey.write(tmp_path), output, "--formats", "json")
    assert_sound(ended, output, ["q"])
    assert ended.results is not None
    assert "separates" in ended.results["items"][0]["categorical"]["models"]["adjusted"]["reason"]


def test_a_variance_so_large_that_no_digits_are_left_is_no_minimum() -> None:
    """A step of the search without one interviewer, seed 2014 of the random waves: a pivot of zero was divided by."""
    sums = np.array([[[4.0, 1.0], [1.0, 3.0]], [[0.0, 0.0], [0.0, 3.0]], [[-1e-18, 0.0], [0.0, 3.0]]])
    log_xx, r2 = eliminated(sums)
    np.testing.assert_allclose(log_xx, [np.log(4), np.inf, np.inf])
    np.testing.assert_allclose(r2, [2.75, 3, 3])
