"""Indicators judged like items, by a random-effects model over interviewers: workload and chance are handled alike.

Continuous indicators go through the linear model, counts and skewed ones through the categorical models, whose p is the
tail of what an interviewer's interviews would show under the model of the others; what has no model goes to the exact
binomial distribution; near-duplicates bring their own p. Only the worrying direction counts: p here is one-sided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qa_reports.effects.categorical import (
    CategoricalColumns,
    CategoricalFit,
    fit_categorical_models,
    number_categories,
)
from qa_reports.effects.design import Term, covariate_terms, plan_model
from qa_reports.effects.distributions import binomial_mid_p, normal_isf, normal_sf, skewness
from qa_reports.effects.fit import fit_models
from qa_reports.effects.linear import FailedModel, ModelPlan, ModelResult
from qa_reports.effects.predictive import predictive_tails
from qa_reports.indicators.collect import Indicators
from qa_reports.indicators.measure import IndicatorMeasure
from qa_reports.survey.clean import Survey

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

JudgedBy = Literal["linear", "ordinal", "binary", "exact binomial", "pairs"]

_CATEGORIES = 7
"""Ordered categories that counts and skewed measures are collapsed to, at most."""
_SKEWED, _CONCENTRATED = 1.0, 0.6
"""Skewness, and share of one value, beyond which a measure is no matter for a linear model."""
_MOST_PRESENT = 0.9
"""Share of interviews that a respondent covariate must be known for to be allowed for."""
_MOST_ADJUSTED = 20_000_000
"""Interviews times interviewers beyond which categorical models of indicators go without covariates: counts by
interviewer are quick, those by interviewer and covariates are nearly as many as there are interviews, and each
interviewer who may be remarkable needs a fit over all of them."""
_FEWEST_HITS = 10
"""Interviews apart from the commonest value that a categorical model needs; with fewer the exact binomial judges."""


@dataclass(frozen=True, slots=True, eq=False)
class IndicatorModel:
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


@dataclass(frozen=True, slots=True, eq=False)
class IndicatorEffects:
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
    size: FloatArray
    """(J,) own minus others in standard deviations of an interview, positive where worrying."""
    p: FloatArray
    """(J,) one-sided, towards what is worrying."""
    z: FloatArray
    """(J,) its normal score, positive where worrying; never below 0 for near-duplicates."""


@dataclass(frozen=True, slots=True, eq=False)
class JudgedIndicators:
    """All indicators of a survey with what they say of its interviewers."""

    measured: Indicators
    effects: tuple[IndicatorEffects, ...]
    """One per applicable measure, in their order."""


NO_INDICATORS = JudgedIndicators(Indicators((), None), ())


def estimate_indicators(survey: Survey, indicators: Indicators) -> JudgedIndicators:
    """Model and judge every applicable indicator."""
    terms = [(c.label, term) for c in survey.respondent_covariates for term in covariate_terms(c, survey)]
    effects = (_effects(survey, indicators, measure, terms) for measure in indicators.measures if measure.applicable)
    return JudgedIndicators(indicators, tuple(effects))


_Judged = tuple[IndicatorModel | FailedModel, FloatArray]
"""The model, and (J,) normal scores of the interviewers, positive where they have more."""


def _model(survey: Survey, measure: IndicatorMeasure, terms: Sequence[tuple[str, Term]]) -> _Judged:
    nobody = np.full(len(survey.interviewer_ids), np.nan)
    if not np.isfinite(measure.values).any():
        return FailedModel("null", "no interview can be measured by it"), nobody
    values, kind = _modelled_values(measure)
    # A covariate that is missing for many would take their interviews out of the judgement.
    usable = [term for _, term in terms if np.isfinite(term.values).mean() > _MOST_PRESENT]
    if kind != "linear" and len(values) * len(nobody) > _MOST_ADJUSTED:
        usable = []
    name: Literal["adjusted", "null"] = "adjusted" if usable else "null"
    plan = plan_model(name, measure.name, survey, values, usable, judge=True, precise=False, checked=False)
    if isinstance(plan, FailedModel):
        return plan, nobody
    labels = tuple(dict.fromkeys(label for label, term in terms if term.name in plan.terms))
    if kind == "linear":
        return _linear(plan, labels, nobody)
    return _categorical(plan, kind, labels, nobody)


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
    plan: ModelPlan, kind: Literal["ordinal", "binary"], labels: tuple[str, ...], nobody: FloatArray
) -> _Judged:
    levels, category = number_categories(plan.columns.response)
    counts = np.bincount(category)
    if counts.sum() - counts.max() < _FEWEST_HITS:
        return FailedModel(plan.name, f"fewer than {_FEWEST_HITS} interviews differ from the others"), nobody
    columns = CategoricalColumns(plan.columns.fixed[:, 1:], category, plan.columns.interviewer)
    fitted = fit_categorical_models([columns], len(nobody))[0]
    if not isinstance(fitted, CategoricalFit):
        return FailedModel(plan.name, fitted.reason), nobody
    present = np.bincount(plan.columns.interviewer, minlength=len(nobody)) > 0
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


def _modelled_values(measure: IndicatorMeasure) -> tuple[FloatArray, Literal["linear", "ordinal", "binary"]]:
    """(n,) what is modelled, and how: values as they are, or the places of ordered categories."""
    has = np.isfinite(measure.values)
    given = measure.values[has]
    _, counts = np.unique(given, return_counts=True)
    concentrated = counts.max() > _CONCENTRATED * len(given)
    if measure.scale == "continuous" and not concentrated and abs(skewness(given)) <= _SKEWED:
        return measure.values, "linear"
    values = np.full(len(measure.values), np.nan)
    values[has] = collapse(given)
    return values, "binary" if np.nanmax(values) <= 1 else "ordinal"


def collapse(values: FloatArray) -> FloatArray:
    """The place 0, 1, ... of each value among at most seven ordered categories: small neighbours are put together."""
    levels, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    if len(levels) > 10 * _CATEGORIES:
        # Many different values: by their ranks first, so that merging neighbours stays cheap.
        rank = (np.cumsum(counts) - (counts - 1) / 2)[place]
        levels, place, counts = np.unique(
            np.floor(rank / (len(values) + 1) * 10 * _CATEGORIES),
            return_inverse=True, return_counts=True,
        )  # fmt: skip
    category, sizes = list(range(len(levels))), [int(count) for count in counts]
    while len(sizes) > _CATEGORIES:
        smallest = int(np.argmin([a + b for a, b in pairwise(sizes)]))
        sizes[smallest : smallest + 2] = [sizes[smallest] + sizes[smallest + 1]]
        category = [c - (c > smallest) for c in category]
    return np.asarray(category, dtype=np.float64)[place]


def _effects(
    survey: Survey, indicators: Indicators, measure: IndicatorMeasure, terms: Sequence[tuple[str, Term]]
) -> IndicatorEffects:
    j, owner = len(survey.interviewer_ids), survey.interviewer
    has = np.isfinite(measure.values)
    n = np.bincount(owner[has], minlength=j)
    own, others = _means(measure.values, owner, j)
    hit = np.where(has, measure.values > 0, np.nan)
    affected = np.bincount(owner[has], weights=hit[has], minlength=j).astype(np.int64)
    elsewhere = _means(hit, owner, j)[1]
    sign = 1.0 if measure.worrying == "high" else -1.0
    model, score = _model(survey, measure, terms)
    p, judged_by = normal_sf(sign * score), _judge_of(model)
    if measure.kind == "duplicates" and indicators.duplicates is not None:
        judged_by, p, affected = "pairs", indicators.duplicates.p, indicators.duplicates.alike
        elsewhere = (affected.sum() - affected) / np.maximum(n.sum() - n, 1)
    elif judged_by is None and measure.scale == "count" and n.sum() > n.max(initial=0):
        judged_by, p = "exact binomial", exact_tails(affected, n)
    within = (measure.values - own[owner])[has]
    sd = float(np.sqrt((within**2).sum() / max(1, has.sum() - (n > 0).sum())))
    if sd == 0 and has.any():
        sd = float(measure.values[has].std())  # each interviewer all or nothing
    return IndicatorEffects(
        measure=measure, model=model, judged_by=judged_by, n=n, own=own, others=others, affected=affected,
        affected_elsewhere=elsewhere, size=sign * (own - others) / sd if sd > 0 else np.zeros(j), p=p,
        # Of pairs p is only bounded from above: close to 1 it says nothing, least of all that they are unlike.
        z=normal_isf(np.clip(p, 1e-300, 0.5 if judged_by == "pairs" else 1 - 1e-16)),
    )  # fmt: skip


def _judge_of(model: IndicatorModel | FailedModel) -> JudgedBy | None:
    return model.kind if isinstance(model, IndicatorModel) else None


def _means(values: FloatArray, owner: IntArray, j: int) -> tuple[FloatArray, FloatArray]:
    """(J,) the mean of each interviewer's own values, and of everybody else's; NaN without any."""
    has = np.isfinite(values)
    n = np.bincount(owner[has], minlength=j)
    total = np.bincount(owner[has], weights=values[has], minlength=j)
    own = np.divide(total, n, out=np.full(j, np.nan), where=n > 0)
    rest = n.sum() - n
    others = np.divide(total.sum() - total, rest, out=np.full(j, np.nan), where=rest > 0)
    return own, others


def exact_tails(affected: IntArray, n: IntArray) -> FloatArray:
    """(J,) mid-p of at least so many affected interviews, given how many there are among the others.

    The others' rate is (x + .5)/(n + 1), so that it is never zero.
    """
    x, size = affected.sum() - affected, n.sum() - n
    rate = (x + 0.5) / (size + 1)
    return np.where(n > 0, binomial_mid_p(affected, n, rate), np.nan)
