"""What weights, areas and teams would change: the random-intercept models beside other ones, item by item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from qa_reports.config import ReportConfig
from qa_reports.effects.area_flags import FlagWithArea, judge_with_area
from qa_reports.effects.design import covariate_terms, plan_model
from qa_reports.effects.estimate import ItemEffects, ItemNotModelled
from qa_reports.effects.flag import Flags
from qa_reports.effects.groupings import Grouping, GroupingSensitivity, NamedItem, compare_with_grouping, grouping_of
from qa_reports.effects.linear import ModelPlan
from qa_reports.effects.moments import Columns, weighted_moments
from qa_reports.effects.weighted import Scaling, WeightedFits, fit_weighted, scale_weights
from qa_reports.survey.clean import Survey

FloatArray = NDArray[np.float64]

_SCALINGS: tuple[Scaling, Scaling] = ("number", "effective")


class WeightedEffect(Struct, frozen=True):
    """One fixed effect with and without weights, both by maximum likelihood on the same interviews."""

    term: str
    estimate: float
    se: float
    """Sandwich standard error."""
    unweighted: float


class WeightedModel(Struct, frozen=True):
    """A random-intercept model by scaled pseudo-likelihood beside the same without weights, by ML, user's units."""

    name: Literal["null", "adjusted"]
    status: Literal["converged", "zero_variance", "failed"]
    reason: str | None
    n_interviews: int
    """Interviews with a weight above zero."""
    n_interviewers: int
    loglik: float | None
    """Logarithm of the pseudo-likelihood: not comparable with other models' log-likelihoods."""
    fixed_effects: tuple[WeightedEffect, ...] = ()
    intercept: float | None = None
    intercept_se: float | None = None
    """Sandwich standard errors, here and below; None at a variance of zero."""
    residual: float | None = None
    residual_se: float | None = None
    icc: float | None = None
    icc_se: float | None = None
    unweighted_icc: float | None = None
    """By ML on the same interviews."""
    icc_effective: float | None = None
    """With weights scaled to the interviews they leave each interviewer instead of their number: not inflated by
    weights that vary for reasons that have nothing to do with the answers."""


class WeightedItem(Struct, frozen=True):
    """One item with weights."""

    item: str
    label: str
    mean: float | None
    """Of the answers with a weight above zero."""
    weighted_mean: float | None
    weighted_mean_se: float | None
    """By linearisation, interviewers as clusters."""
    effective_n: float | None
    """(sum w)^2 / sum w^2 (Kish 1965): how many equally weighted interviews the weights leave."""
    null: WeightedModel
    adjusted: WeightedModel | None
    """None without respondent covariates."""


class WeightSensitivity(Struct, frozen=True):
    """All items with weights, or the reason why there are none."""

    column: str
    reason: str | None
    n_without_weight: int
    """Interviews whose weight is blank; they are left out here."""
    n_zero_weight: int
    constant: bool
    """All weights of each interviewer are the same: scaled weights change no variance then."""
    items: tuple[WeightedItem, ...]


class Sensitivity(Struct, frozen=True):
    """What the configured weights, areas and teams would change; None for what is not configured."""

    weights: WeightSensitivity | None
    area: GroupingSensitivity | None
    team: GroupingSensitivity | None
    flags: tuple[FlagWithArea, ...]
    """The level flags under the crossed model, in the order of the flags; empty without a crossed model."""


NO_SENSITIVITY = Sensitivity(None, None, None, ())
"""Where nothing is compared."""


def examine_sensitivity(
    survey: Survey,
    items: Sequence[ItemEffects | ItemNotModelled],
    flags: Flags,
    config: ReportConfig,
    fitted: Sensitivity | None = None,
) -> Sensitivity:
    """Fit every modelled item with weights, with areas and with teams, as far as they are configured, and judge the
    level flags with areas. `fitted`: what `fit_sensitivity` returned, where it was called before.

    Not where the interviews at hand are a sample: it would say less of weights and areas than of itself.
    """
    if survey.n_rows < survey.n_interviews:
        return NO_SENSITIVITY
    modelled = [item for item in items if isinstance(item, ItemEffects)]
    fitted = fitted or fit_sensitivity(survey, named_items(items), config)
    area = _area(survey, config)
    if area is None or fitted.area is None or fitted.area.reason is not None:
        return fitted
    names = named_items(items)
    plans = _plans(survey, names, "adjusted" if survey.respondent_covariates else "null")
    return replace(fitted, flags=judge_with_area(survey, modelled, plans, area, flags, config))


def named_items(items: Sequence[ItemEffects | ItemNotModelled]) -> tuple[NamedItem, ...]:
    """The modelled ones, by what they are called: all that `fit_sensitivity` needs of them."""
    return tuple(NamedItem(item.item, item.label) for item in items if isinstance(item, ItemEffects))


def fit_sensitivity(survey: Survey, modelled: Sequence[NamedItem], config: ReportConfig) -> Sensitivity:
    """What needs no flags, and can be done beside the flagging: every model with weights, areas and teams."""
    null = _plans(survey, modelled, "null")
    adjusted = _plans(survey, modelled, "adjusted") if survey.respondent_covariates else None
    area = _area(survey, config)
    return Sensitivity(
        weights=None if survey.weight is None else _weights(survey, modelled, null, adjusted, config),
        area=None if area is None else compare_with_grouping(area, modelled, null, survey),
        team=_teams(survey, modelled, null, config),
        flags=(),
    )


_Plans = list[ModelPlan | None]


def _plans(survey: Survey, items: Sequence[NamedItem], name: Literal["null", "adjusted"]) -> _Plans:
    terms = [] if name == "null" else [t for c in survey.respondent_covariates for t in covariate_terms(c, survey)]
    answers = {item.name: item.answers for item in survey.items}
    planned = [plan_model(name, item.item, survey, answers[item.item], terms) for item in items]
    return [plan if isinstance(plan, ModelPlan) else None for plan in planned]


def _area(survey: Survey, config: ReportConfig) -> Grouping | None:
    if survey.area is None:
        return None
    return grouping_of("area", config.data.area or "area", survey.area)


def _teams(
    survey: Survey, items: Sequence[NamedItem], plans: _Plans, config: ReportConfig
) -> GroupingSensitivity | None:
    if survey.teams is None:
        return None
    of_interviews = tuple(survey.teams[int(j)] for j in survey.interviewer)
    return compare_with_grouping(grouping_of("team", config.data.team or "team", of_interviews), items, plans, survey)


def _weights(
    survey: Survey, items: Sequence[NamedItem], null: _Plans, adjusted: _Plans | None, config: ReportConfig
) -> WeightSensitivity:
    weight = np.zeros(0) if survey.weight is None else survey.weight
    counts = np.nan_to_num(weight) > 0
    reason = None if counts.any() else "no interview has a weight above zero"
    results: list[WeightedItem] = []
    if reason is None:
        null_models = _fit_plans("null", null, weight)
        adjusted_models = None if adjusted is None else _fit_plans("adjusted", adjusted, weight)
        answers = {item.name: item.answers for item in survey.items}
        for k, item in enumerate(items):
            mean, weighted_mean, se, effective = _means(answers[item.item], weight, survey.interviewer)
            results.append(
                WeightedItem(
                    item.item, item.label, mean, weighted_mean, se, effective, null_models[k],
                    None if adjusted_models is None else adjusted_models[k],
                )
            )  # fmt: skip
    return WeightSensitivity(
        column=config.data.weight or "weight",
        reason=reason,
        n_without_weight=int(np.isnan(weight).sum()),
        n_zero_weight=int((weight == 0).sum()),
        constant=reason is None and _constant_within(weight[counts], survey.interviewer[counts]),
        items=tuple(results),
    )


def _constant_within(weights: FloatArray, interviewer: NDArray[np.int64]) -> bool:
    scaled = scale_weights(weights, interviewer)
    return bool(np.abs(scaled - 1).max() < 1e-9)


def _means(
    answers: FloatArray, weight: FloatArray, interviewer: NDArray[np.int64]
) -> tuple[float | None, float | None, float | None, float | None]:
    """Mean, weighted mean, its standard error by linearisation with interviewers as clusters, effective interviews."""
    rows = np.flatnonzero(np.isfinite(answers) & (np.nan_to_num(weight) > 0))
    if not len(rows):
        return None, None, None, None
    y, w = answers[rows], weight[rows] / weight[rows].max()
    mean = float(w @ y / w.sum())
    _, level = np.unique(interviewer[rows], return_inverse=True)
    parts = np.bincount(level, w * (y - mean))
    count = len(parts)
    se = float(np.sqrt(count / (count - 1) * (parts**2).sum()) / w.sum()) if count > 1 else None
    return float(y.mean()), mean, se, float(w.sum() ** 2 / (w**2).sum())


def _fit_plans(name: Literal["null", "adjusted"], plans: _Plans, weight: FloatArray) -> list[WeightedModel]:
    """Every plan on its interviews with a weight above zero, those with the same number of terms together."""
    results: dict[int, WeightedModel] = {}
    batches: dict[int, list[int]] = {}
    for k, plan in enumerate(plans):
        if plan is None:
            results[k] = WeightedModel(name, "failed", "the model could not be planned", 0, 0, None)
        else:
            batches.setdefault(len(plan.terms), []).append(k)
    for positions in batches.values():
        chosen = [plan for k in positions if (plan := plans[k]) is not None]
        fits = [_with_weight(plan, weight) for plan in chosen]
        columns, raw = [fit[0] for fit in fits], [fit[1] for fit in fits]
        n_interviewers = 1 + max((int(c.interviewer.max(initial=0)) for c in columns), default=0)
        scaled = [[scale_weights(w, c.interviewer, to) for w, c in zip(raw, columns, strict=True)] for to in _SCALINGS]
        each = [*scaled[0], *scaled[1], *(np.ones(len(w)) for w in raw)]
        fitted = fit_weighted(weighted_moments(columns * 3, each, n_interviewers))
        for f, k in enumerate(positions):
            results[k] = _weighted_model(name, chosen[f], columns[f], fitted, (f, f + len(fits), f + 2 * len(fits)))
    return [results[k] for k in range(len(plans))]


def _with_weight(plan: ModelPlan, weight: FloatArray) -> tuple[Columns, FloatArray]:
    own = weight[plan.rows]
    kept = np.nan_to_num(own) > 0
    columns = plan.columns
    return Columns(columns.fixed[kept], columns.response[kept], columns.interviewer[kept]), own[kept]


def _weighted_model(
    name: Literal["null", "adjusted"],
    plan: ModelPlan,
    columns: Columns,
    fits: WeightedFits,
    of_plan: tuple[int, int, int],
) -> WeightedModel:
    """One plan; `of_plan`: its fits with weights scaled to the number, to the effective number, and without weights."""
    f, effective, plain = of_plan
    n, interviewers = len(columns.response), len(np.unique(columns.interviewer))
    status = fits.status[f]
    if status == "failed" or fits.status[plain] == "failed":
        reason = fits.reason[f] if status == "failed" else fits.reason[plain]
        return WeightedModel(name, "failed", reason, n, interviewers, None)
    return WeightedModel(
        name=name,
        status="converged" if status == "converged" else "zero_variance",
        reason=fits.reason[f],
        n_interviews=n,
        n_interviewers=interviewers,
        loglik=float(fits.loglik[f]),
        fixed_effects=tuple(
            WeightedEffect(term, float(fits.fixed[f, k]), float(fits.fixed_se[f, k]), float(fits.fixed[plain, k]))
            for k, term in enumerate(plan.terms)
        ),
        intercept=float(fits.variance[f, 0]),
        intercept_se=_finite(fits.variance_se[f, 0]),
        residual=float(fits.variance[f, 1]),
        residual_se=_finite(fits.variance_se[f, 1]),
        icc=float(fits.icc[f]),
        icc_se=_finite(fits.icc_se[f]),
        unweighted_icc=float(fits.icc[plain]),
        icc_effective=_finite(fits.icc[effective]),
    )


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
