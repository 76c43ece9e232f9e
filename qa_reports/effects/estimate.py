"""Step 3, estimate: every model of every item. Read `estimate_items` first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from qa_reports.config import ReportConfig
from qa_reports.effects.categorical_items import (
    CategoricalFailed,
    CategoricalRequest,
    CategoricalResult,
    categorical_results,
)
from qa_reports.effects.design import plan_model
from qa_reports.effects.linear import FailedModel, ModelName, ModelPlan, ModelResult
from qa_reports.effects.plans import Fitted, ItemPlans, Plan, begin_plans, fit_plans, judged_only, plan_items
from qa_reports.effects.spread_effects import NoSpread, SpreadEffects, begin_spreads
from qa_reports.second_core import IN_TURN, SecondCore
from qa_reports.survey.clean import ItemResponses, Survey

FloatArray = NDArray[np.float64]


class VarianceExplained(Struct, frozen=True):
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


class WithoutFlagged(Struct, frozen=True):
    """The null model once the flagged interviewers' interviews are set aside."""

    interviewers: tuple[str, ...]
    icc: float
    intercept_variance: float
    n_interviews: int


class ItemEffects(Struct, frozen=True, eq=False):
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


class ItemNotModelled(Struct, frozen=True):
    """An item that cannot be modelled, and why, in one sentence for the report."""

    item: str
    label: str
    reason: str
    n_interviews: int


_Items = tuple[ItemEffects | ItemNotModelled, ...]


class BegunItems(Struct, frozen=True, eq=False):
    """Items as far as flags rest on them, while another process works on the rest."""

    items: _Items
    """Without second opinions, exact tests and intervals of variance components."""
    completed: Callable[[Sequence[ItemEffects | ItemNotModelled]], _Items]
    """These items, whatever else has been added to them, with the rest: waits for it."""


def estimate_items(
    survey: Survey, config: ReportConfig, core: SecondCore = IN_TURN, *, judgement_only: bool = False
) -> _Items:
    """Estimate every model of every item, in the configuration's order; models of one shape are fitted together.

    Args:
        survey: the survey.
        config: what to model.
        core: where second opinions are asked for, and models of spread fitted beside categorical ones.
        judgement_only: only the models that interviewers are judged by, without intervals, tests and second opinions:
            all that flags rest on, and nothing that can be reported.
    """
    begun = begin_items(survey, config, core, core, judgement_only=judgement_only)
    return begun.completed(begun.items)


def begin_items(
    survey: Survey, config: ReportConfig, core: SecondCore, rest: SecondCore, *, judgement_only: bool = False
) -> BegunItems:
    """As `estimate_items`; `rest` is given what flags do not need."""
    plans = plan_items(survey, config)
    if judgement_only:
        plans = tuple(judged_only(item_plans) for item_plans in plans)
    begun = begin_plans([plan for item_plans in plans for plan in item_plans.all], len(survey.interviewer_ids), rest)
    items: Sequence[ItemEffects | ItemNotModelled] = [
        _item_effects(item, item_plans, begun.first, survey)
        for item, item_plans in zip(survey.items, plans, strict=True)
    ]
    spreads = _begin_spreads(items, plans, survey, core)
    items = _with_categories(items, plans, config, survey)
    of_items = iter(spreads())
    items = [replace(item, spread=next(of_items)) if isinstance(item, ItemEffects) else item for item in items]

    def completed(items: Sequence[ItemEffects | ItemNotModelled]) -> _Items:
        whole = begun.whole()
        return tuple(
            _completed(item, item_plans, whole) if isinstance(item, ItemEffects) else item
            for item, item_plans in zip(items, plans, strict=True)
        )

    return BegunItems(tuple(items), completed)


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


def _begin_spreads(
    items: Sequence[ItemEffects | ItemNotModelled], plans: Sequence[ItemPlans], survey: Survey, core: SecondCore
) -> Callable[[], list[SpreadEffects | NoSpread]]:
    modelled = [(item, plan) for item, plan in zip(items, plans, strict=True) if isinstance(item, ItemEffects)]
    judging = [plan.adjusted if item.judging is item.adjusted else plan.null for item, plan in modelled]
    of_models = [
        (item.judging, plan, survey.answer_counts(item.item)) for (item, _), plan in zip(modelled, judging, strict=True)
    ]
    return begin_spreads(of_models, survey.whole, core)


def _item_effects(
    item: ItemResponses, plans: ItemPlans, fitted: Fitted, survey: Survey
) -> ItemEffects | ItemNotModelled:
    null = fitted[id(plans.null)]
    if isinstance(null, FailedModel):
        return ItemNotModelled(item.name, item.label, null.reason, int(survey.answer_counts(item.name).counts.sum()))
    adjusted, covariates = _model(plans.adjusted, fitted), _model(plans.covariates, fitted)
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
        slope=_model(plans.slope, fitted),
        covariates=covariates,
        icc=icc,
        design_effect=design_effect,
        effective_n=null.n_interviews / design_effect,
        variance_explained=(
            *_explained(adjusted, "null", _model(plans.adjusted_smaller, fitted)),
            *_explained(covariates, "adjusted" if plans.adjusted else "null", _model(plans.covariates_smaller, fitted)),
        ),
        without_flagged=None,
    )


def _model(plan: Plan | None, fitted: Fitted) -> ModelResult | FailedModel | None:
    return None if plan is None else fitted[id(plan)]


def _completed(item: ItemEffects, plans: ItemPlans, whole: Fitted) -> ItemEffects:
    """With what a second process has found out about the models."""
    null = whole[id(plans.null)]
    assert isinstance(null, ModelResult)
    return replace(
        item,
        null=null,
        adjusted=_model(plans.adjusted, whole),
        slope=_model(plans.slope, whole),
        covariates=_model(plans.covariates, whole),
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
