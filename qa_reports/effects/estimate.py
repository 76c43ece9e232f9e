"""Step 3, estimate: every model of every item. Read `estimate_items` first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qa_reports.config import ItemConfig, ReportConfig
from qa_reports.effects.categorical_items import (
    CategoricalFailed,
    CategoricalRequest,
    CategoricalResult,
    categorical_results,
)
from qa_reports.effects.design import Term, covariate_terms, interaction, item_term, plan_model
from qa_reports.effects.fit import fit_models
from qa_reports.effects.linear import FailedModel, ModelName, ModelPlan, ModelResult
from qa_reports.effects.spread_effects import NoSpread, SpreadEffects, item_spreads
from qa_reports.second_core import IN_TURN, SecondCore
from qa_reports.survey.clean import ItemResponses, Survey

FloatArray = NDArray[np.float64]
Plan = ModelPlan | FailedModel


@dataclass(frozen=True, slots=True)
class VarianceExplained:
    """The fall of one variance component from a smaller to a larger model on the same interviews (may be negative)."""

    larger: ModelName
    smaller: ModelName
    term: str
    """"intercept" or "slope:NAME"."""
    n_interviews: int
    variance_smaller: float
    variance_larger: float
    share: float | None
    """1 - larger/smaller; None where the smaller model's variance is 0."""


@dataclass(frozen=True, slots=True)
class WithoutFlagged:
    """The null model once the flagged interviewers' interviews are set aside."""

    interviewers: tuple[str, ...]
    icc: float
    intercept_variance: float
    n_interviews: int


@dataclass(frozen=True, slots=True, eq=False)
class ItemEffects:
    """All models of one item. `null` always stands; a model that is not configured is None."""

    item: str
    label: str
    kind: Literal["linear", "ordinal", "binary"]
    """The model the answers call for. The linear models stand beside it in any case."""
    n_interviews: int
    n_interviewers: int
    null: ModelResult
    adjusted: ModelResult | FailedModel | None
    slope: ModelResult | FailedModel | None
    covariates: ModelResult | FailedModel | None
    icc: float
    """Interviewer intraclass correlation of the linear null model, whatever the kind: comparable between items. The
    latent one is in `categorical`."""
    design_effect: float
    effective_n: float
    variance_explained: tuple[VarianceExplained, ...]
    without_flagged: WithoutFlagged | None
    spread: SpreadEffects | NoSpread | None = None
    """How much interviewers' interviews vary about their level in the judging model."""
    categorical: CategoricalResult | CategoricalFailed | None = None
    """Logistic or cumulative-logit models; None for items of many categories, well distributed."""

    @property
    def judging(self) -> ModelResult:
        """The model that judges interviewers' levels: adjusted for respondents where there is one, else null."""
        return self.adjusted if isinstance(self.adjusted, ModelResult) else self.null


@dataclass(frozen=True, slots=True)
class ItemNotModelled:
    """An item that cannot be modelled, and why, in one sentence for the report."""

    item: str
    label: str
    reason: str
    n_interviews: int


@dataclass(frozen=True, slots=True, eq=False)
class ItemPlans:
    """The models of one item, planned. The `*_smaller` ones are fitted on the interviews of the larger model."""

    null: Plan
    adjusted: Plan | None
    adjusted_smaller: Plan | None
    slope: Plan | None
    covariates: Plan | None
    covariates_smaller: Plan | None

    @property
    def all(self) -> list[Plan]:
        """Every plan there is, a plan that serves twice listed twice."""
        plans = (getattr(self, name) for name in self.__slots__)
        return [plan for plan in plans if plan is not None]


def estimate_items(
    survey: Survey, config: ReportConfig, core: SecondCore = IN_TURN, *, judgement_only: bool = False
) -> tuple[ItemEffects | ItemNotModelled, ...]:
    """Estimate every model of every item, in the configuration's order; models of one shape are fitted together.

    Args:
        survey: the survey.
        config: what to model.
        core: where second opinions are asked for.
        judgement_only: only the models that interviewers are judged by, without intervals, tests and second opinions:
            all that flags rest on, and nothing that can be reported.
    """
    plans = plan_items(survey, config)
    if judgement_only:
        plans = tuple(_judgement_only(item_plans) for item_plans in plans)
    fitted = fit_plans([plan for item_plans in plans for plan in item_plans.all], len(survey.interviewer_ids), core)
    items = [
        _item_effects(item, item_plans, fitted, survey) for item, item_plans in zip(survey.items, plans, strict=True)
    ]
    items = _with_categories(items, plans, config, survey)
    return _with_spread(items, plans, survey)


def _with_categories(
    items: Sequence[ItemEffects | ItemNotModelled],
    plans: Sequence[ItemPlans],
    config: ReportConfig,
    survey: Survey,
) -> list[ItemEffects | ItemNotModelled]:
    requests = [
        CategoricalRequest(
            model=option.model,
            null=plan.null,
            adjusted=plan.adjusted if isinstance(plan.adjusted, ModelPlan) else None,
            linear_null=item.null,
            linear_judging=item.judging,
        )
        for item, plan, option in zip(items, plans, config.items, strict=True)
        if isinstance(item, ItemEffects) and isinstance(plan.null, ModelPlan)
    ]
    found = iter(categorical_results(requests, len(survey.interviewer_ids), survey.whole))
    with_categories: list[ItemEffects | ItemNotModelled] = []
    for item in items:
        if isinstance(item, ItemEffects):
            kind, result = next(found)
            item = replace(item, kind=kind, categorical=result)
        with_categories.append(item)
    return with_categories


def _with_spread(
    items: Sequence[ItemEffects | ItemNotModelled], plans: Sequence[ItemPlans], survey: Survey
) -> tuple[ItemEffects | ItemNotModelled, ...]:
    modelled = [(item, plan) for item, plan in zip(items, plans, strict=True) if isinstance(item, ItemEffects)]
    judging = [plan.adjusted if item.judging is item.adjusted else plan.null for item, plan in modelled]
    of_models = [(item.judging, plan) for (item, _), plan in zip(modelled, judging, strict=True)]
    spreads = iter(item_spreads(of_models, len(survey.interviewer_ids), survey.whole))
    return tuple(replace(item, spread=next(spreads)) if isinstance(item, ItemEffects) else item for item in items)


def plan_items(survey: Survey, config: ReportConfig) -> tuple[ItemPlans, ...]:
    """The models of every item, in the configuration's order, before any is fitted."""
    answers = {item.name: item.answers for item in survey.items}
    return tuple(
        _plan_item(survey, item, option, answers) for item, option in zip(survey.items, config.items, strict=True)
    )


def _judgement_only(plans: ItemPlans) -> ItemPlans:
    def bare(plan: Plan | None) -> Plan | None:
        return (
            replace(plan, groups=(), precise=False, checked=False, judgement_only=True)
            if isinstance(plan, ModelPlan)
            else plan
        )

    return ItemPlans(
        null=bare(plans.null) or plans.null,
        adjusted=bare(plans.adjusted),
        adjusted_smaller=None,
        slope=bare(plans.slope),
        covariates=None,
        covariates_smaller=None,
    )


def fit_plans(
    plans: Sequence[Plan], n_interviewers: int, core: SecondCore = IN_TURN
) -> dict[int, ModelResult | FailedModel]:
    """Fit the plans that can be fitted; the result is keyed by the identity of the plan (a plan may serve twice)."""
    distinct = {id(plan): plan for plan in plans}
    feasible = [plan for plan in distinct.values() if isinstance(plan, ModelPlan)]
    fitted: dict[int, ModelResult | FailedModel] = {
        key: plan for key, plan in distinct.items() if isinstance(plan, FailedModel)
    }
    results = fit_models(feasible, n_interviewers, core)
    return fitted | {id(plan): result for plan, result in zip(feasible, results, strict=True)}


def _plan_item(survey: Survey, item: ItemResponses, option: ItemConfig, answers: dict[str, FloatArray]) -> ItemPlans:
    by_covariate = {c.label: covariate_terms(c, survey) for c in survey.respondent_covariates}
    respondent = [term for terms in by_covariate.values() for term in terms]
    level2 = [term for covariate in survey.interviewer_covariates for term in covariate_terms(covariate, survey)]
    null = plan_model("null", item.name, survey, item.answers, judge=not respondent)
    adjusted = adjusted_smaller = None
    if respondent:
        adjusted = plan_model(
            "adjusted", item.name, survey, item.answers, respondent, groups=_groups(by_covariate), judge=True
        )
        if isinstance(adjusted, ModelPlan):
            adjusted_smaller = _on_same_rows(null, adjusted, survey, item, [], ())
    slope = plan_slope(survey, item.name, option, answers)
    covariates = covariates_smaller = None
    if level2:
        terms, slopes = _with_slopes(respondent, option, answers)
        cross = [interaction(term, other) for term in terms if term.name in slopes for other in level2]
        full = [*terms, *level2, *cross]
        intercept = option.random_intercept
        groups = [*_groups(by_covariate), ("interviewer covariates", tuple(term.name for term in [*level2, *cross]))]
        covariates = plan_model(
            "covariates", item.name, survey, item.answers, full,
            slopes=slopes, random_intercept=intercept, groups=groups,
        )  # fmt: skip
        if isinstance(covariates, ModelPlan):
            covariates_smaller = _on_same_rows(adjusted or null, covariates, survey, item, terms, slopes, intercept)
    return ItemPlans(null, adjusted, adjusted_smaller, slope, covariates, covariates_smaller)


def _groups(by_covariate: dict[str, list[Term]]) -> list[tuple[str, tuple[str, ...]]]:
    """Covariates with several terms, and all respondent covariates together."""
    groups = [(label, tuple(term.name for term in terms)) for label, terms in by_covariate.items() if len(terms) > 1]
    if len(by_covariate) > 1:
        groups.append(("respondent covariates", tuple(t.name for terms in by_covariate.values() for t in terms)))
    return groups


def _with_slopes(
    respondent: list[Term], option: ItemConfig, answers: dict[str, FloatArray]
) -> tuple[list[Term], tuple[str, ...]]:
    """Respondent covariates and the slope predictors; a predictor that is a covariate already stands once."""
    present = {term.name for term in respondent}
    predictors = [item_term(name, answers[name]) for name in option.slopes if name not in present]
    return [*respondent, *predictors], option.slopes


def plan_slope(
    survey: Survey, item: str, option: ItemConfig, answers: dict[str, FloatArray], *, precise: bool = True
) -> Plan | None:
    """The slope model of an item, y ~ x with (1 + x | interviewer), or None where no slope is configured.

    `answers` holds the answers (n,) of every item by name: outcome and predictors are taken from it.
    """
    if not option.slopes:
        return None
    terms = [item_term(name, answers[name]) for name in option.slopes]
    return plan_model(
        "slope", item, survey, answers[item], terms,
        slopes=option.slopes, random_intercept=option.random_intercept, judge=True, precise=precise,
    )  # fmt: skip


def _on_same_rows(
    candidate: Plan,
    larger: ModelPlan,
    survey: Survey,
    item: ItemResponses,
    terms: list[Term],
    slopes: Sequence[str],
    random_intercept: bool = True,
) -> Plan:
    """The smaller model on the interviews of the larger one; the model fitted anyway where that is the same thing."""
    if isinstance(candidate, ModelPlan) and not slopes and _same_rows(candidate, larger):
        return candidate
    name: ModelName = "adjusted" if terms else "null"
    return plan_model(
        name, item.name, survey, item.answers, terms,
        slopes=slopes, random_intercept=random_intercept, like=larger, precise=False, checked=False,
    )  # fmt: skip


def _same_rows(one: ModelPlan, other: ModelPlan) -> bool:
    if one.whole is not None and other.whole is not None:
        return bool(np.array_equal(one.whole.products.n, other.whole.products.n))
    return bool(np.array_equal(one.rows, other.rows))


def _item_effects(
    item: ItemResponses, plans: ItemPlans, fitted: dict[int, ModelResult | FailedModel], survey: Survey
) -> ItemEffects | ItemNotModelled:
    def result(plan: Plan | None) -> ModelResult | FailedModel | None:
        return None if plan is None else fitted[id(plan)]

    null = fitted[id(plans.null)]
    if isinstance(null, FailedModel):
        return ItemNotModelled(item.name, item.label, null.reason, int(survey.answer_counts(item.name).counts.sum()))
    adjusted, covariates = result(plans.adjusted), result(plans.covariates)
    icc = intraclass_correlation(null)
    workload = null.effects.n_interviews
    # Kish (1962): the design effect of a mean under unequal workloads takes the mean of n weighted by n.
    design_effect = 1 + (float((workload**2).sum() / workload.sum()) - 1) * icc
    return ItemEffects(
        item=item.name,
        label=item.label,
        kind="linear",
        n_interviews=null.n_interviews,
        n_interviewers=null.n_interviewers,
        null=null,
        adjusted=adjusted,
        slope=result(plans.slope),
        covariates=covariates,
        icc=icc,
        design_effect=design_effect,
        effective_n=null.n_interviews / design_effect,
        variance_explained=(
            *_explained(adjusted, "null", result(plans.adjusted_smaller)),
            *_explained(covariates, "adjusted" if plans.adjusted else "null", result(plans.covariates_smaller)),
        ),
        without_flagged=None,
    )


def intraclass_correlation(model: ModelResult) -> float:
    """Var(u) / (Var(u) + s2) of a random-intercept model."""
    between = model.variance.intercept or 0.0
    return between / (between + model.variance.residual)


def _explained(
    larger: ModelResult | FailedModel | None, smaller_name: ModelName, smaller: ModelResult | FailedModel | None
) -> tuple[VarianceExplained, ...]:
    if not isinstance(larger, ModelResult) or not isinstance(smaller, ModelResult):
        return ()
    before, after = _by_term(smaller), _by_term(larger)
    return tuple(
        VarianceExplained(
            larger=larger.name,
            smaller=smaller_name,
            term=term,
            n_interviews=larger.n_interviews,
            variance_smaller=variance,
            variance_larger=after[term],
            share=1 - after[term] / variance if variance > 0 else None,
        )
        for term, variance in before.items()
    )


def _by_term(model: ModelResult) -> dict[str, float]:
    variances = {f"slope:{name}": variance for name, variance in model.variance.slopes}
    if model.variance.intercept is not None:
        variances = {"intercept": model.variance.intercept, **variances}
    return variances


def set_flagged_aside(
    survey: Survey, items: Sequence[ItemEffects | ItemNotModelled], flagged: Sequence[str], core: SecondCore = IN_TURN
) -> tuple[ItemEffects | ItemNotModelled, ...]:
    """Add to every item its null model without the interviews of the flagged interviewers."""
    set_aside = np.isin(np.array(survey.interviewer_ids), list(flagged))
    if not set_aside.any():
        return tuple(items)
    out, left_out = set_aside[survey.interviewer], tuple(np.flatnonzero(set_aside).tolist())
    modelled = [item for item in items if isinstance(item, ItemEffects)]
    answers = {item.name: np.where(out, np.nan, item.answers) for item in survey.items}
    plans = [
        plan_model("null", item.item, survey, answers[item.item], precise=False, checked=False, left_out=left_out)
        for item in modelled
    ]
    fitted = fit_plans(plans, len(survey.interviewer_ids), core)
    without = {
        item.item: WithoutFlagged(
            tuple(flagged), intraclass_correlation(model), model.variance.intercept or 0.0, model.n_interviews
        )
        for item, plan in zip(modelled, plans, strict=True)
        if isinstance(model := fitted[id(plan)], ModelResult)
    }
    return tuple(
        replace(item, without_flagged=without.get(item.item)) if isinstance(item, ItemEffects) else item
        for item in items
    )
