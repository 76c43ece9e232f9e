"""Which models an item gets, planned before any is fitted, and plans that are fitted together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from qa_reports.config import ItemConfig, ReportConfig
from qa_reports.effects.design import Term, covariate_terms, interaction, item_term, plan_model
from qa_reports.effects.fit import begin_models
from qa_reports.effects.linear import FailedModel, ModelName, ModelPlan, ModelResult
from qa_reports.second_core import IN_TURN, SecondCore
from qa_reports.survey.clean import ItemResponses, Survey

FloatArray = NDArray[np.float64]
Plan = ModelPlan | FailedModel
Fitted = dict[int, ModelResult | FailedModel]
"""Results by the identity of the plan: a plan may serve twice."""


class ItemPlans(Struct, frozen=True, eq=False):
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
        plans = (getattr(self, name) for name in self.__struct_fields__)
        return [plan for plan in plans if plan is not None]


def plan_items(survey: Survey, config: ReportConfig) -> tuple[ItemPlans, ...]:
    """The models of every item, in the configuration's order, before any is fitted."""
    answers = {item.name: item.answers for item in survey.items}
    return tuple(
        _plan_item(survey, item, option, answers) for item, option in zip(survey.items, config.items, strict=True)
    )


def judged_only(plans: ItemPlans) -> ItemPlans:
    """The models that interviewers are judged by, without intervals, tests and second opinions."""

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


def fit_plans(plans: Sequence[Plan], n_interviewers: int, core: SecondCore = IN_TURN) -> Fitted:
    """Fit the plans that can be fitted."""
    return begin_plans(plans, n_interviewers, core).whole()


class BegunPlans(Struct, frozen=True, eq=False):
    """As `BegunModels`, by the identity of the plan."""

    first: Fitted
    whole: Callable[[], Fitted]


def begin_plans(plans: Sequence[Plan], n_interviewers: int, core: SecondCore = IN_TURN) -> BegunPlans:
    """As `fit_plans`; what takes a second process longer is there later."""
    distinct = {id(plan): plan for plan in plans}
    feasible = [plan for plan in distinct.values() if isinstance(plan, ModelPlan)]
    begun = begin_models(feasible, n_interviewers, core)

    def keyed(results: Sequence[ModelResult | FailedModel]) -> Fitted:
        failed: Fitted = {key: plan for key, plan in distinct.items() if isinstance(plan, FailedModel)}
        return failed | {id(plan): result for plan, result in zip(feasible, results, strict=True)}

    return BegunPlans(keyed(begun.first), lambda: keyed(begun.whole()))


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
    survey: Survey,
    item: str,
    option: ItemConfig,
    answers: dict[str, FloatArray],
    *,
    judge: bool = True,
    precise: bool = True,
) -> Plan | None:
    """The slope model of an item, y ~ x with (1 + x | interviewer), or None where no slope is configured.

    `answers` holds the answers (n,) of every item by name: outcome and predictors are taken from it.
    """
    if not option.slopes:
        return None
    terms = [item_term(name, answers[name]) for name in option.slopes]
    return plan_model(
        "slope", item, survey, answers[item], terms,
        slopes=option.slopes, random_intercept=option.random_intercept, judge=judge, precise=precise,
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
