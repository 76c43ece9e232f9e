"""Figure data: what each figure shows of a model or of the answers."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec import structs
from scipy import stats

from qa_reports.effects.estimate import ItemEffects
from qa_reports.effects.linear import ModelResult
from qa_reports.report import answers, figures
from qa_reports.survey.clean import ItemResponses, Survey
from tests.report.example_survey import FORGOTTEN, IDS, LOW, ExampleReportInput, example_report_input

EXACT = 1e-12
"""Sums of shares and straight lines are computed in one step; only rounding of the last digit is left."""


@pytest.fixture(scope="module")
def example() -> ExampleReportInput:
    return example_report_input()


@pytest.fixture(scope="module")
def slope(example: ExampleReportInput) -> ModelResult:
    helpful = example.items[1]
    assert isinstance(helpful, ItemEffects)
    assert isinstance(helpful.slope, ModelResult)
    return helpful.slope


def test_caterpillar_is_ascending_with_intervals_from_the_conditional_sd(
    example: ExampleReportInput, slope: ModelResult
) -> None:
    shown = figures.caterpillar(slope, "intercept", example.survey, frozenset({IDS[LOW]}), "Helpful")
    assert shown is not None
    assert np.all(np.diff(shown.estimate) >= 0)
    assert shown.interviewers[shown.flagged[0]] == IDS[LOW]
    position = IDS.index(shown.interviewers[4])
    half = stats.norm.ppf(0.975) * slope.effects.conditional_sd[position, 0]
    assert shown.upper[4] - shown.estimate[4] == pytest.approx(half, rel=EXACT)


def test_effect_quantiles_use_the_diagnostic_se(example: ExampleReportInput, slope: ModelResult) -> None:
    shown = figures.effect_quantiles(slope, "slope:trstplc", example.survey, frozenset({IDS[LOW]}), "Helpful")
    assert shown is not None
    position = IDS.index(shown.labels[0])
    expected = slope.effects.eblup[position, 1] / slope.effects.diagnostic_se[position, 1]
    assert shown.sample[0] == pytest.approx(expected, rel=EXACT)
    assert shown.theoretical[0] == pytest.approx(stats.norm.ppf(0.5 / 12), rel=1e-9)
    assert shown.line == (0.0, 1.0)


def test_raw_effect_quantiles_have_a_line_through_the_quartiles(
    example: ExampleReportInput, slope: ModelResult
) -> None:
    shown = figures.effect_quantiles(slope, "intercept", example.survey, frozenset(), "Helpful", standardised=False)
    assert shown is not None
    intercept, gradient = shown.line
    for share in (0.25, 0.75):
        on_line = intercept + gradient * np.quantile(shown.theoretical, share)
        assert on_line == pytest.approx(np.quantile(shown.sample, share), rel=1e-9)


def test_zero_variance_has_no_effect_figures_but_residual_figures(example: ExampleReportInput) -> None:
    income = example.items[2]
    assert isinstance(income, ItemEffects)
    assert income.null.status == "zero_variance"
    assert figures.caterpillar(income.null, "intercept", example.survey, frozenset(), "Income") is None
    assert figures.effect_quantiles(income.null, "intercept", example.survey, frozenset(), "Income") is None
    assert figures.residual_quantiles(income.null, "Income") is not None
    assert "stripes" in figures.residual_scatter(income.null, "Income").caption


def test_interviewer_lines_are_fixed_plus_random_effects(example: ExampleReportInput, slope: ModelResult) -> None:
    shown = figures.interviewer_lines(slope, example.survey.items[0], example.survey, frozenset(), "Helpful")
    assert shown is not None
    fixed = [effect.estimate for effect in slope.fixed_effects]
    own = slope.effects.eblup[LOW] + fixed
    assert shown.end[LOW] == pytest.approx(own[0] + own[1] * shown.x[1], rel=EXACT)
    assert shown.average[0] == pytest.approx(fixed[0] + fixed[1] * shown.x[0], rel=EXACT)


def test_distribution_shows_the_whole_scale_and_shares(example: ExampleReportInput) -> None:
    shown = answers.distribution(example.survey.items[0], example.survey, IDS[LOW])
    assert shown is not None
    assert shown.labels == tuple(str(value) for value in range(11))
    assert shown.everyone.sum() == pytest.approx(1, rel=EXACT)
    assert shown.theirs.sum() == pytest.approx(1, rel=EXACT)
    assert shown.n_theirs == 18


def _with_item(example: ExampleReportInput, item: ItemResponses) -> Survey:
    """The survey with its first item replaced."""
    return structs.replace(example.survey, items=(item, *example.survey.items[1:]))


def test_many_different_answers_are_binned(example: ExampleReportInput) -> None:
    rng = np.random.default_rng(1)
    item = structs.replace(example.survey.items[0], scale=None, answers=rng.normal(size=example.survey.n_interviews))
    shown = answers.distribution(item, _with_item(example, item))
    assert shown is not None
    assert len(shown.labels) == answers.BINS
    assert shown.everyone.sum() == pytest.approx(1, rel=EXACT)


def test_an_item_without_answers_has_no_distribution(example: ExampleReportInput) -> None:
    item = structs.replace(example.survey.items[0], answers=np.full(example.survey.n_interviews, np.nan))
    assert answers.distribution(item, _with_item(example, item)) is None


def test_scatter_marks_the_suspicious_point_and_bends_the_line(example: ExampleReportInput) -> None:
    trust, helpful, *_ = example.survey.items
    shown = answers.answer_scatter(helpful, trust, example.survey, IDS[FORGOTTEN])
    assert shown.marked_x.tolist() == [88.0]
    assert shown.marked_y.tolist() == [0.0]
    assert 88.0 not in shown.x
    assert shown.marked_line is not None
    assert shown.marked_line[2] == 88.0
    assert "dotted" in shown.caption
    assert answers.answer_scatter(helpful, trust, example.survey, IDS[LOW]).marked_line is None


def test_figures_of_answers_say_what_the_numbers_stand_for(example: ExampleReportInput) -> None:
    trust, helpful = example.survey.items[:2]
    shown = answers.distribution(structs.replace(trust, reversed=True), example.survey)
    assert shown is not None
    assert "Complete trust" not in shown.caption  # how to read it is said once for all items
    assert shown.meaning == (
        "0 is “No trust at all”, 10 is “Complete trust”. "
        "The scale is turned round (lowest + highest \N{MINUS SIGN} answer)."
    )
    scatter = answers.answer_scatter(helpful, trust, example.survey, "1003")
    assert scatter.caption.endswith(f" {trust.label}: 0 is “No trust at all”, 10 is “Complete trust”.")
