"""Step 5, report: the items and models of `results.json`, unrounded, as plain JSON values."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa_reports.effects.estimate import ItemEffects, ItemNotModelled, VarianceExplained, WithoutFlagged
from qa_reports.effects.intervals import Interval
from qa_reports.effects.linear import (
    ComponentPrecision,
    FailedModel,
    FixedEffect,
    GroupTest,
    MaximumLikelihood,
    ModelResult,
    ModelTest,
    Referee,
    VarianceComponents,
)
from qa_reports.effects.spread_effects import NoSpread, SpreadEffects

Document = dict[str, object]
Estimated = ItemEffects | ItemNotModelled


def number(value: float | None) -> float | None:
    """A finite number, or null: JSON knows no NaN."""
    return None if value is None or not math.isfinite(value) else float(value)


def plain(values: NDArray[np.float64]) -> list[Any]:
    """An array as (lists of) Python's numbers, null where they are not finite."""
    numbers = values.astype(object)
    numbers[~np.isfinite(values)] = None
    return list(numbers.tolist())


def interval_ends(interval: Interval | None) -> list[float] | None:
    """[lower, upper], or null where there is no interval."""
    if interval is None or not (math.isfinite(interval.lower) and math.isfinite(interval.upper)):
        return None
    return [interval.lower, interval.upper]


def judging_models(item: ItemEffects) -> tuple[ModelResult, ...]:
    """The models that flags rest on: `adjusted` (or `null` where there is none) for levels, `slope` for slopes."""
    return (item.judging, item.slope) if isinstance(item.slope, ModelResult) else (item.judging,)


def spread_record(spread: SpreadEffects | NoSpread | None) -> Document | None:
    """How much interviewers differ in spread; where that cannot be said, the reason."""
    if spread is None:
        return None
    if isinstance(spread, NoSpread):
        return {"status": "not_applicable", "reason": spread.reason, "tau": None, "interval": None, "p": None}
    return {
        "status": spread.status,
        "reason": None,
        "tau": number(spread.tau),
        "interval": interval_ends(spread.tau_interval),
        "p": number(spread.p_tau),
    }


def item_record(item: Estimated) -> Document:
    """One item with all its models."""
    if isinstance(item, ItemNotModelled):
        return _not_modelled(item)
    return {
        "item": item.item,
        "label": item.label,
        "status": item.null.status,
        "reason": item.null.reason,
        "kind": item.kind,
        "n_interviews": item.n_interviews,
        "n_interviewers": item.n_interviewers,
        "models": {
            "null": model_record(item.null),
            "adjusted": _model(item.adjusted),
            "slope": _model(item.slope),
            "covariates": _model(item.covariates),
        },
        "icc": number(item.icc),
        "icc_interval": interval_ends(item.null.icc_interval),
        "design_effect": number(item.design_effect),
        "effective_n": number(item.effective_n),
        "variance_explained": _variance_explained(item.variance_explained),
        "without_flagged": _without_flagged(item.without_flagged),
        "spread": spread_record(item.spread),
        "referee": _worst_referee(item),
    }


def _not_modelled(item: ItemNotModelled) -> Document:
    return {
        "item": item.item,
        "label": item.label,
        "status": "not_modelled",
        "reason": item.reason,
        "kind": None,
        "n_interviews": item.n_interviews,
        "n_interviewers": None,
        "models": {"null": None, "adjusted": None, "slope": None, "covariates": None},
        "icc": None,
        "icc_interval": None,
        "design_effect": None,
        "effective_n": None,
        "variance_explained": {},
        "without_flagged": None,
        "spread": None,
        "referee": None,
    }


def _model(model: ModelResult | FailedModel | None) -> Document | None:
    """A model; one that could not be estimated is its status and reason, one not configured is null."""
    if model is None:
        return None
    if isinstance(model, FailedModel):
        return {"status": "failed", "reason": model.reason}
    return model_record(model)


def model_record(fit: ModelResult) -> Document:
    """One fitted model."""
    return {
        "status": fit.status,
        "reason": fit.reason,
        "method": fit.method,
        "formula": fit.formula,
        "n_interviews": fit.n_interviews,
        "n_interviewers": fit.n_interviewers,
        "n_parameters": fit.n_parameters,
        "loglik": number(fit.loglik),
        "loglik_ml": number(fit.loglik_ml),
        "aic": number(fit.aic),
        "bic": number(fit.bic),
        "fixed_effects": _fixed_effects(fit.fixed_effects),
        "group_tests": _group_tests(fit.group_tests),
        "dropped_terms": list(fit.dropped_terms),
        "variance_components": _variance_components(fit.variance),
        "precision": _precision(fit.precision),
        "icc_interval": interval_ends(fit.icc_interval),
        "tests": _tests(fit.tests),
        "exact_p": number(fit.exact_p),
        "by_ml": _by_ml(fit.by_ml),
        "referee": _referee(fit.referee),
    }


def _by_ml(fit: MaximumLikelihood | None) -> Document | None:
    if fit is None:
        return None
    return {
        "loglik": number(fit.loglik),
        "fixed_effects": _fixed_effects(fit.fixed_effects),
        "variance_components": _variance_components(fit.variance),
        "tests": _tests(fit.tests),
    }


def _fixed_effects(effects: Iterable[FixedEffect]) -> list[Document]:
    return [
        {
            "term": effect.term,
            "estimate": number(effect.estimate),
            "se": number(effect.se),
            "df": number(effect.df),
            "statistic": number(effect.statistic),
            "p": number(effect.p),
            "interval": interval_ends(effect.interval),
        }
        for effect in effects
    ]


def _group_tests(tests: Iterable[GroupTest]) -> list[Document]:
    return [
        {
            "name": test.name,
            "terms": list(test.terms),
            "statistic": number(test.statistic),
            "df": number(test.df),
            "p": number(test.p),
            "likelihood_ratio": number(test.likelihood_ratio),
            "likelihood_ratio_p": number(test.likelihood_ratio_p),
        }
        for test in tests
    ]


def _precision(components: tuple[ComponentPrecision, ...]) -> Document:
    """Standard error and interval of every variance component, by its name; a correlation has an interval only."""
    variances = [component for component in components if not component.term.startswith("correlation:")]
    return {
        "component_se": {component.term: number(component.se) for component in variances},
        "component_interval": {component.term: interval_ends(component.interval) for component in components},
    }


def _tests(tests: Iterable[ModelTest]) -> list[Document]:
    return [
        {"name": test.name, "statistic": number(test.statistic), "p": number(test.p), "method": test.method}
        for test in tests
    ]


def _variance_components(variance: VarianceComponents) -> Document:
    return {
        "intercept": number(variance.intercept),
        "residual": number(variance.residual),
        "slopes": {name: number(value) for name, value in variance.slopes},
        "covariances": {f"{one},{other}": number(value) for one, other, value in variance.covariances},
        "correlations": {f"{one},{other}": number(value) for one, other, value in variance.correlations},
    }


def _referee(referee: Referee) -> Document:
    return {
        "loglik": number(referee.loglik),
        "loglik_difference": number(referee.loglik_difference),
        "agrees": referee.agrees,
        "n_interviews": referee.n_interviews,
    }


def _worst_referee(item: ItemEffects) -> Document:
    """The model on which statsmodels and we differ most: a failed check first, then the largest difference."""
    candidates = (item.null, item.adjusted, item.slope, item.covariates)
    fits = [model for model in candidates if isinstance(model, ModelResult)]
    worst = max(fits, key=lambda fit: (not fit.referee.agrees, abs(fit.referee.loglik_difference)))
    return {"model": worst.name, **_referee(worst.referee)}


def _variance_explained(comparisons: tuple[VarianceExplained, ...]) -> Document:
    """ "smaller -> larger" -> term -> the two variances on the same interviews and the share explained."""
    explained: dict[str, Document] = {}
    for comparison in comparisons:
        explained.setdefault(f"{comparison.smaller} -> {comparison.larger}", {})[comparison.term] = {
            "n_interviews": comparison.n_interviews,
            "variance_smaller": number(comparison.variance_smaller),
            "variance_larger": number(comparison.variance_larger),
            "share": number(comparison.share),
        }
    return dict(explained)


def _without_flagged(without: WithoutFlagged | None) -> Document | None:
    if without is None:
        return None
    return {
        "interviewers": list(without.interviewers),
        "icc": number(without.icc),
        "intercept_variance": number(without.intercept_variance),
        "n_interviews": without.n_interviews,
    }
