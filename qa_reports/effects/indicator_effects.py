"""Indicators judged like items, by a random-effects model over interviewers: workload and chance are handled alike.

Continuous indicators go through the linear model, counts and skewed ones through the categorical models, whose p is the
tail of what an interviewer's interviews would show under the model of the others; what has no model goes to the exact
binomial distribution; near-duplicates bring their own p. Only the worrying direction counts: p here is one-sided.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from qa_reports.config import ReportConfig
from qa_reports.effects.categorical import CategoricalFit, fit_categorical_models
from qa_reports.effects.categorical_choice import DOMINANT, SKEWED
from qa_reports.effects.categorical_columns import CategoricalColumns, number_categories
from qa_reports.effects.design import Term, covariate_terms, plan_model
from qa_reports.effects.distributions import binomial_mid_p, normal_isf, normal_sf
from qa_reports.effects.fit import fit_models
from qa_reports.effects.indicator_data import MeasureData, bounds, collapse, of_rows, of_whole
from qa_reports.effects.linear import FailedModel, ModelName, ModelPlan, ModelResult
from qa_reports.effects.predictive import predictive_tails
from qa_reports.indicators.collect import Indicators, with_values_at_hand
from qa_reports.indicators.measure import IndicatorMeasure
from qa_reports.survey.clean import Survey
from qa_reports.survey.whole import MeasureWhole, Patterns, Whole

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

JudgedBy = Literal["linear", "ordinal", "binary", "exact binomial", "pairs"]

_MOST_PRESENT = 0.9
"""Share of interviews that a respondent covariate must be known for to be allowed for."""
_MOST_ADJUSTED = 20_000_000
"""Interviews times interviewers beyond which categorical models of indicators go without covariates: counts by
interviewer are quick, those by interviewer and covariates are nearly as many as there are interviews, and each
interviewer who may be remarkable needs a fit over all of them."""
_MOST_PATTERNS = 2_000_000
"""Kinds of interviews that an engine counts for a categorical model with covariates."""
_FEWEST_HITS = 10
"""Interviews apart from the commonest value that a categorical model needs; with fewer the exact binomial judges."""


class IndicatorModel(Struct, frozen=True, eq=False):
    """The random-effects model of one indicator; J interviewers."""

    kind: Literal["linear", "ordinal", "binary"]
    variance: float
    """Variance between interviewers: squared units of the measure (linear), squared logits (ordinal, binary)."""
    icc: float
    """Intraclass correlation; on the latent logistic scale for ordinal and binary, not to be compared with linear."""
    p: float
    """Of the variance between interviewers: likelihood ratio, half a point mass at zero."""
    eblup: FloatArray
    """(J,) effects of the interviewers, units or logits; NaN without interviews."""
    conditional_sd: FloatArray
    """(J,) sd of the effect given the data."""
    diagnostic_se: FloatArray
    """(J,) sd of the EBLUP (of the conditional mode) itself."""
    reliability: FloatArray
    """(J,) 1 - conditional_sd^2 / variance; 0 at zero variance."""
    adjusted_for: tuple[str, ...]
    """Labels of the respondent covariates in the model."""


class IndicatorEffects(Struct, frozen=True, eq=False):
    """One indicator over J interviewers; NaN where an interviewer has no value, and p where nobody can judge."""

    measure: IndicatorMeasure
    model: IndicatorModel | FailedModel
    judged_by: JudgedBy | None
    """Where p comes from; None where there is none."""
    n: IntArray
    """(J,) interviews with a value."""
    own: FloatArray
    """(J,) mean of the interviewer's own interviews, in `measure.unit`."""
    others: FloatArray
    """(J,) mean over everybody else's interviews."""
    affected: IntArray
    """(J,) own interviews with a value above 0 (counts), or improbably like another of theirs (near-duplicates)."""
    affected_elsewhere: FloatArray
    """(J,) share of everybody else's interviews that are."""
    mean: float
    """Over all interviews."""
    size: FloatArray
    """(J,) own minus others in standard deviations of an interview, positive where worrying."""
    p: FloatArray
    """(J,) one-sided, towards what is worrying."""
    z: FloatArray
    """(J,) its normal score, positive where worrying; never below 0 for near-duplicates."""


class JudgedIndicators(Struct, frozen=True, eq=False):
    """All indicators of a survey with what they say of its interviewers."""

    measured: Indicators
    effects: tuple[IndicatorEffects, ...]
    """One per applicable measure, in their order."""


_Terms = Sequence[tuple[str, Term]]
"""Covariates' labels and terms that may be allowed for."""

NO_INDICATORS = JudgedIndicators(Indicators((), None), ())


def no_indicators() -> JudgedIndicators:
    """What is found where nothing is measured."""
    return NO_INDICATORS


def estimate_indicators(survey: Survey, indicators: Indicators) -> JudgedIndicators:
    """Model and judge every applicable indicator."""
    terms = [(c.label, term) for c in survey.respondent_covariates for term in covariate_terms(c, survey)]
    usable = [(label, term) for label, term in terms if _known_share(term, survey) > _MOST_PRESENT]
    effects = (_effects(survey, indicators, measure, usable) for measure in indicators.measures if measure.applicable)
    return JudgedIndicators(indicators, tuple(effects))


def with_more_at_hand(judged: JudgedIndicators, survey: Survey, config: ReportConfig) -> JudgedIndicators:
    """The same judgements, with the values of the interviews that the survey has at hand by now."""
    measures = [effects.measure for effects in judged.effects]
    values = with_values_at_hand(measures, survey, config)
    return replace(
        judged,
        effects=tuple(
            replace(effects, measure=replace(effects.measure, values=own))
            for effects, own in zip(judged.effects, values, strict=True)
        ),
    )


def _known_share(term: Term, survey: Survey) -> float:
    """A covariate that is missing for many would take their interviews out of the judgement."""
    if survey.whole is None:
        return float(np.isfinite(term.values).mean())
    return survey.whole.n_known(replace(term.factors[0], level=None)) / survey.n_interviews


_Judged = tuple[IndicatorModel | FailedModel, FloatArray]
"""The model, and (J,) normal scores of the interviewers, positive where they have more."""


def _model(
    survey: Survey, measure: IndicatorMeasure, data: MeasureData, whole: MeasureWhole | None, terms: _Terms
) -> _Judged:
    nobody = np.full(len(survey.interviewer_ids), np.nan)
    if not data.n.any():
        return FailedModel("null", measure.unless), nobody
    if data.commonest <= DOMINANT and abs(data.skewness) <= SKEWED and measure.scale == "continuous":
        plan = _plan(replace(survey, whole=whole), measure.name, measure.values, terms)
        return (plan, nobody) if isinstance(plan, FailedModel) else _linear(plan, _labels(plan, terms), nobody)
    values, counts = data.values, data.counts
    if whole is not None and (values is None or counts is None):
        values, counts = whole.value_counts(measure.name)
    assert values is not None
    assert counts is not None
    category = collapse(counts)
    if counts.sum() - np.bincount(category, counts).max() < _FEWEST_HITS:
        return FailedModel("null", f"fewer than {_FEWEST_HITS} interviews differ from the others"), nobody
    kind: Literal["ordinal", "binary"] = "binary" if category[-1] <= 1 else "ordinal"
    if survey.n_interviews * len(nobody) > _MOST_ADJUSTED:
        terms = []
    limits, places = bounds(values, category), np.full(len(measure.values), np.nan)
    has = np.isfinite(measure.values)
    places[has] = np.searchsorted(limits, measure.values[has])
    cut = None if whole is None else whole.cut(measure.name, limits.tolist())
    plan = _plan(replace(survey, whole=cut), measure.name, places, terms)
    if isinstance(plan, FailedModel):
        return plan, nobody
    data_of_plan = _patterns(plan, cut)
    if data_of_plan is None:
        plan = _plan(replace(survey, whole=cut), measure.name, places, [])
        assert isinstance(plan, ModelPlan)
        data_of_plan = _patterns(plan, cut)
        assert data_of_plan is not None
    return _categorical(plan, data_of_plan, kind, _labels(plan, terms), nobody)


def _plan(survey: Survey, name: str, values: FloatArray, terms: _Terms) -> ModelPlan | FailedModel:
    usable = [term for _, term in terms]
    kind: ModelName = "adjusted" if usable else "null"
    return plan_model(kind, name, survey, values, usable, judge=True, precise=False, checked=False)


def _labels(plan: ModelPlan, terms: _Terms) -> tuple[str, ...]:
    return tuple(dict.fromkeys(label for label, term in terms if term.name in plan.terms))


def _patterns(plan: ModelPlan, whole: Whole | None) -> Patterns | None:
    """What a categorical model is fitted to; None where an engine would have to count too many kinds of interviews."""
    if whole is None or plan.whole is None:
        return Patterns(plan.columns.fixed, plan.columns.response, plan.columns.interviewer, None)
    return whole.patterns(plan.whole.rows, plan.whole.columns, _MOST_PATTERNS)


def _linear(plan: ModelPlan, labels: tuple[str, ...], nobody: FloatArray) -> _Judged:
    fitted = fit_models([plan], len(nobody))[0]
    if not isinstance(fitted, ModelResult):
        return fitted, nobody
    effects, between = fitted.effects, fitted.variance.intercept or 0.0

    def placed(values: FloatArray) -> FloatArray:
        of_all = nobody.copy()
        of_all[effects.interviewer] = values[:, 0]
        return of_all

    model = IndicatorModel(
        kind="linear",
        variance=between,
        icc=between / (between + fitted.variance.residual),
        p=fitted.tests[0].p,
        eblup=placed(effects.eblup),
        conditional_sd=placed(effects.conditional_sd),
        diagnostic_se=placed(effects.diagnostic_se),
        reliability=placed(effects.reliability),
        adjusted_for=labels,
    )
    return model, placed(effects.z)


def _categorical(
    plan: ModelPlan,
    data: Patterns,
    kind: Literal["ordinal", "binary"],
    labels: tuple[str, ...],
    nobody: FloatArray,
) -> _Judged:
    levels, category = number_categories(data.response)
    columns = CategoricalColumns(data.fixed[:, 1:], category, data.interviewer, data.count)
    fitted = fit_categorical_models([columns], len(nobody))[0]
    if not isinstance(fitted, CategoricalFit):
        return FailedModel(plan.name, fitted.reason), nobody
    present = np.bincount(columns.interviewer, minlength=len(nobody)) > 0
    variance = fitted.sd**2
    model = IndicatorModel(
        kind=kind,
        variance=variance,
        icc=fitted.latent_icc,
        p=fitted.lr_p,
        eblup=np.where(present, fitted.mode, np.nan),
        conditional_sd=np.where(present, fitted.conditional_sd, np.nan),
        diagnostic_se=np.where(present, fitted.diagnostic_se, np.nan),
        reliability=np.where(present, 1 - fitted.conditional_sd**2 / variance if variance > 0 else 0.0, np.nan),
        adjusted_for=labels,
    )
    return model, predictive_tails(columns, fitted, levels, len(nobody)).z


def _effects(survey: Survey, indicators: Indicators, measure: IndicatorMeasure, terms: _Terms) -> IndicatorEffects:
    j, whole = len(survey.interviewer_ids), None
    if indicators.whole is not None and measure.kind != "duplicates":
        whole = indicators.whole.of(measure.name, [term.factors for _, term in terms])
    data = (
        of_rows(measure.values, survey.interviewer, j)
        if whole is None
        else of_whole(measure.name, measure.values, whole, j)
    )
    n, affected = data.n, data.affected
    own, others = _means(data.total, n)
    elsewhere = _means(affected.astype(np.float64), n)[1]
    sign = 1.0 if measure.worrying == "high" else -1.0
    model, score = _model(survey, measure, data, whole, terms)
    p, judged_by = normal_sf(sign * score), _judge_of(model)
    if measure.kind == "duplicates" and indicators.duplicates is not None:
        judged_by, p, affected = "pairs", indicators.duplicates.p, indicators.duplicates.alike
        elsewhere = (affected.sum() - affected) / np.maximum(n.sum() - n, 1)
    elif judged_by is None and measure.scale == "count" and n.sum() > n.max(initial=0):
        judged_by, p = "exact binomial", exact_tails(affected, n)
    sd = float(np.sqrt(data.within / max(1, n.sum() - (n > 0).sum())))
    if sd == 0:
        sd = float(np.sqrt(data.about_mean / max(1, n.sum())))  # each interviewer all or nothing
    return IndicatorEffects(
        measure=measure, model=model, judged_by=judged_by, n=n, own=own, others=others, affected=affected,
        affected_elsewhere=elsewhere, mean=float(data.total.sum() / max(1, n.sum())),
        size=sign * (own - others) / sd if sd > 0 else np.zeros(j), p=p,
        # Of pairs p is only bounded from above: close to 1 it says nothing, least of all that they are unlike.
        z=normal_isf(np.clip(p, 1e-300, 0.5 if judged_by == "pairs" else 1 - 1e-16)),
    )  # fmt: skip


def _judge_of(model: IndicatorModel | FailedModel) -> JudgedBy | None:
    return model.kind if isinstance(model, IndicatorModel) else None


def _means(total: FloatArray, n: IntArray) -> tuple[FloatArray, FloatArray]:
    """(J,) the mean of each interviewer's own values, and of everybody else's; NaN without any."""
    own = np.divide(total, n, out=np.full(len(n), np.nan), where=n > 0)
    rest = n.sum() - n
    others = np.divide(total.sum() - total, rest, out=np.full(len(n), np.nan), where=rest > 0)
    return own, others


def exact_tails(affected: IntArray, n: IntArray) -> FloatArray:
    """(J,) mid-p of at least so many affected interviews, given how many there are among the others.

    The others' rate is (x + .5)/(n + 1), so that it is never zero.
    """
    x, size = affected.sum() - affected, n.sum() - n
    rate = (x + 0.5) / (size + 1)
    return np.where(n > 0, binomial_mid_p(affected, n, rate), np.nan)
