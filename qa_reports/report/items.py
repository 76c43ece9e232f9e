"""What the report shows of one item: its numbers, its models and its figures."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from qa_reports.effects.categorical_items import CategoricalFailed, CategoricalResult
from qa_reports.effects.estimate import ItemEffects, VarianceExplained, WithoutFlagged
from qa_reports.effects.intervals import Interval
from qa_reports.effects.linear import (
    FailedModel,
    FitStatus,
    FixedEffect,
    GroupTest,
    MaximumLikelihood,
    ModelName,
    ModelResult,
    ModelTest,
    Referee,
    VarianceComponents,
)
from qa_reports.effects.spread_effects import NoSpread, SpreadEffects
from qa_reports.report.answers import distribution
from qa_reports.report.bounded import bounded
from qa_reports.report.components import ComponentRow, component_rows, missing_reasons, ml_component_rows
from qa_reports.report.drivers import DriverTable, FixedDriver, fixed_drivers, variance_drivers
from qa_reports.report.figures import (
    Figure,
    caterpillar,
    effect_quantiles,
    interviewer_lines,
    residual_quantiles,
    residual_scatter,
    spread_caterpillar,
)
from qa_reports.report.limits import MOST_MARKED, most_people
from qa_reports.survey.clean import ItemResponses, Survey

MOST_IN_FULL = 100
"""Modelled items beyond which those without a flag get one figure less, so that the page still opens quickly."""
_LEFT_OUT = (
    " Of so many items, residuals against fitted values, the largest figures, are only drawn for those that somebody "
    "is flagged on."
)
MODEL_TITLES: dict[ModelName, str] = {
    "null": "Null: interviewers only",
    "adjusted": "Adjusted: with respondent covariates",
    "slope": "Slope: interviewers may differ in the slope",
    "covariates": "Covariates: with interviewer covariates",
}


class ModelEstimates(Struct, frozen=True):
    """The numbers of a fitted model, unrounded."""

    formula: str
    method: str
    n_interviews: int
    n_interviewers: int
    n_parameters: int
    loglik: float
    loglik_ml: float
    aic: float
    bic: float
    fixed_effects: tuple[FixedEffect, ...]
    group_tests: tuple[GroupTest, ...]
    dropped_terms: tuple[str, ...]
    variance: VarianceComponents
    components: tuple[ComponentRow, ...]
    """The variance components with their precision and tests."""
    icc_interval: Interval | None
    tests: tuple[ModelTest, ...]
    by_ml: MaximumLikelihood | None
    """The same model by maximum likelihood, for slope models."""
    ml_components: tuple[ComponentRow, ...]
    """The variance components of `by_ml`; empty without it."""
    referee: Referee


class ModelSummary(Struct, frozen=True):
    """One model as a table: a fitted one has numbers, one that could not be estimated a reason and `estimates` None."""

    name: ModelName
    title: str
    """"Null: interviewers only", for headings."""
    status: FitStatus
    reason: str | None
    estimates: ModelEstimates | None


class ItemSummary(Struct, frozen=True, eq=False):
    """One modelled item: a row of the items table and a page of its own."""

    item: str
    label: str
    kind: str
    status: FitStatus
    """The null model's."""
    n_interviews: int
    n_interviewers: int
    icc: float
    icc_interval: Interval | None
    """95 %, profile likelihood, null model."""
    design_effect: float
    effective_n: float
    intercept_variance: float | None
    """Of the null model."""
    intercept_p: float | None
    """p of the likelihood-ratio test of the null model's intercept variance, by the chi-square mixture."""
    intercept_exact_p: float | None
    """p of the exact restricted likelihood-ratio test of the same."""
    categorical: CategoricalResult | CategoricalFailed | None
    """Logistic or ordinal models, on a scale of their own."""
    variance_explained: tuple[VarianceExplained, ...]
    without_flagged: WithoutFlagged | None
    spread: SpreadEffects | NoSpread | None
    """Whether interviewers' interviews vary differently."""
    referee_agrees: bool
    """Whether statsmodels agrees with every fitted model of the item."""
    largest_referee_difference: float
    """Largest absolute difference of log-likelihoods over the item's models."""
    flagged: tuple[str, ...]
    """Interviewers with a flag that rests on this item."""
    models: tuple[ModelSummary, ...]
    missing: tuple[str, ...]
    """Why numbers of the models' tables are missing."""
    drivers: tuple[DriverTable, ...]
    """Who drives the variances."""
    fixed_drivers: tuple[FixedDriver, ...]
    """Who moves the fixed effects."""
    figures: tuple[Figure, ...]
    with_page: bool = True
    """Whether the item has a page of its own, beside its row in the table."""


def summarise_item(
    item: ItemEffects, survey: Survey, flagged: tuple[str, ...], n_items: int = 1, with_page: bool = True
) -> ItemSummary:
    """Collect what the report shows of one modelled item.

    Args:
        item: its models.
        survey: the survey.
        flagged: the interviewers flagged on it.
        n_items: modelled items; of many, one without flags does not get the figure that is as large as all others
            together, and of very many each figure draws fewer interviewers.
        with_page: whether it has a page of its own; figures are drawn for that.
    """
    models = [model for model in (item.null, item.adjusted, item.slope, item.covariates) if model is not None]
    fitted = [model for model in models if isinstance(model, ModelResult)]
    return ItemSummary(
        item=item.item,
        label=item.label,
        kind=item.kind,
        status=item.null.status,
        n_interviews=item.n_interviews,
        n_interviewers=item.n_interviewers,
        icc=item.icc,
        icc_interval=item.null.icc_interval,
        design_effect=item.design_effect,
        effective_n=item.effective_n,
        intercept_variance=item.null.variance.intercept,
        intercept_p=item.null.tests[0].p if item.null.tests else None,
        intercept_exact_p=item.null.exact_p,
        categorical=item.categorical,
        variance_explained=item.variance_explained,
        without_flagged=item.without_flagged,
        spread=item.spread,
        referee_agrees=all(model.referee.agrees for model in fitted),
        largest_referee_difference=max((abs(model.referee.loglik_difference) for model in fitted), default=0.0),
        flagged=flagged,
        models=tuple(summarise_model(model) for model in models),
        missing=missing_reasons(fitted),
        drivers=variance_drivers(item, survey, frozenset(flagged)),
        fixed_drivers=fixed_drivers(item, survey),
        figures=_figures(item, survey, frozenset(flagged[:MOST_MARKED]), n_items) if with_page else (),
        with_page=with_page,
    )


def summarise_model(model: ModelResult | FailedModel) -> ModelSummary:
    """A model as a table."""
    if isinstance(model, FailedModel):
        return ModelSummary(model.name, MODEL_TITLES[model.name], "failed", model.reason, None)
    estimates = ModelEstimates(
        formula=model.formula,
        method=model.method,
        n_interviews=model.n_interviews,
        n_interviewers=model.n_interviewers,
        n_parameters=model.n_parameters,
        loglik=model.loglik,
        loglik_ml=model.loglik_ml,
        aic=model.aic,
        bic=model.bic,
        fixed_effects=model.fixed_effects,
        group_tests=model.group_tests,
        dropped_terms=model.dropped_terms,
        variance=model.variance,
        components=component_rows(model),
        icc_interval=model.icc_interval,
        tests=model.tests,
        by_ml=model.by_ml,
        ml_components=() if model.by_ml is None else ml_component_rows(model.by_ml),
        referee=model.referee,
    )
    return ModelSummary(model.name, MODEL_TITLES[model.name], model.status, model.reason, estimates)


def slope_model(item: ItemEffects) -> ModelResult | None:
    """The model that slope flags and slope figures rest on, where it was fitted."""
    return item.slope if isinstance(item.slope, ModelResult) else None


def find_item(survey: Survey, name: str) -> ItemResponses | None:
    """The answers to an item by name; None for a slope predictor that is no item."""
    return next((responses for responses in survey.items if responses.name == name), None)


def _figures(item: ItemEffects, survey: Survey, flagged: frozenset[str], n_items: int) -> tuple[Figure, ...]:
    """Answers, then the level model's effects and residuals, then the slope model's, in the order they are read."""
    level, slope = item.judging, slope_model(item)
    responses = find_item(survey, item.item)
    drawn: list[Figure | None] = [] if responses is None else [distribution(responses, survey)]
    if "intercept" in level.effects.terms:
        drawn.append(caterpillar(level, "intercept", survey, flagged, item.label))
        drawn.append(effect_quantiles(level, "intercept", survey, flagged, item.label))
    residuals = residual_quantiles(level, item.label)
    if n_items > MOST_IN_FULL and not flagged and residuals is not None:
        drawn.append(replace(residuals, caption=residuals.caption + _LEFT_OUT))
    else:
        drawn += [residuals, residual_scatter(level, item.label)]
    if isinstance(item.spread, SpreadEffects):
        drawn.append(spread_caterpillar(item.spread, survey, flagged, item.label))
    if slope is not None:
        for term in slope.effects.terms:
            if term != "intercept":
                drawn.extend(_slope_figures(slope, term, survey, flagged, item.label))
    return tuple(bounded(figure, most_people(n_items)) for figure in drawn if figure is not None)


def _slope_figures(
    slope: ModelResult, term: str, survey: Survey, flagged: frozenset[str], label: str
) -> tuple[Figure | None, ...]:
    predictor = find_item(survey, term.removeprefix("slope:"))
    return (
        None if predictor is None else interviewer_lines(slope, predictor, survey, flagged, label),
        caterpillar(slope, term, survey, flagged, label),
        effect_quantiles(slope, term, survey, flagged, label),
    )
