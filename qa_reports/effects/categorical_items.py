"""Logistic and cumulative-logit models of the items they suit: which items, what they say, and whom they judge."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy import special

from qa_reports.effects.categorical import CategoricalFit, fit_categorical_models
from qa_reports.effects.categorical_choice import Choice, Kind, choose_model
from qa_reports.effects.categorical_columns import CategoricalColumns, CategoricalFailure, number_categories
from qa_reports.effects.categorical_interval import latent_icc_interval
from qa_reports.effects.intervals import Interval
from qa_reports.effects.linear import ModelPlan, ModelResult
from qa_reports.effects.predictive import PredictiveTails, predictive_tails
from qa_reports.survey.whole import Patterns, Whole

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_MOST_PATTERNS = 50_000
"""Different combinations of interviewer, covariates and answer that a categorical model of counts may have."""
_TOO_MANY_PATTERNS = f"more than {_MOST_PATTERNS:,} kinds of interviews differ, too many to count"
_MOST_FOR_TAILS = 2_000
"""Interviews of one interviewer up to which the distribution of their total is computed exactly."""
_REMARKABLE = 3.0
"""|z| by which two models are compared in whom they point at."""


class LogitEffect(Struct, frozen=True):
    """A threshold or a coefficient on the logit scale, with its Wald test."""

    term: str
    """"1|2" for the threshold between answers 1 and 2; else as in the linear models."""
    estimate: float
    se: float

    @property
    def statistic(self) -> float:
        """Estimate over standard error, normal under the null."""
        return self.estimate / self.se

    @property
    def p(self) -> float:
        """Two-sided."""
        return float(2 * special.ndtr(-abs(self.statistic)))

    @property
    def interval(self) -> Interval:
        """95 %, Wald."""
        reach = float(special.ndtri(0.975)) * self.se
        return Interval(self.estimate - reach, self.estimate + reach)


class CategoricalModel(Struct, frozen=True, eq=False):
    """One fitted logistic or cumulative-logit model; J interviewers."""

    name: Literal["null", "adjusted"]
    formula: str
    status: Literal["converged", "zero_variance"]
    reason: str | None
    n_interviews: int
    n_interviewers: int
    n_parameters: int
    loglik: float
    thresholds: tuple[LogitEffect, ...]
    """P(answer <= k) = F(threshold - ...): minus the intercept of a logistic model."""
    fixed_effects: tuple[LogitEffect, ...]
    """Above 0: higher answers are likelier."""
    dropped_terms: tuple[str, ...]
    intercept_variance: float
    """Of the interviewers' random intercepts, squared logits."""
    sd: float
    sd_se: float | None
    latent_icc: float
    lr_statistic: float
    """Likelihood ratio against no interviewer variance."""
    lr_p: float
    """Half a point mass at zero, half chi-square(1)."""
    interviewer: IntArray
    """(J,) positions in `Survey.interviewer_ids`."""
    n_by_interviewer: IntArray
    """(J,)."""
    mode: FloatArray
    """(J,) conditional modes, logits."""
    conditional_sd: FloatArray
    """(J,) for intervals."""
    diagnostic_se: FloatArray
    """(J,) for QQ plots."""

    @property
    def aic(self) -> float:
        """Akaike's criterion; not comparable with a linear model's."""
        return -2 * self.loglik + 2 * self.n_parameters


class TailCells(Struct, frozen=True, eq=False):
    """J interviewers held against the model of their colleagues by the predictive tail of their total; may be NaN."""

    interviewer: IntArray
    """(J,) positions in `Survey.interviewer_ids`."""
    n_interviews: IntArray
    """(J,)."""
    deviation: FloatArray
    """(J,) own mean minus what is expected of a normal interviewer with the same covariates, scale points."""
    deviation_se: FloatArray
    """(J,) standard deviation of that mean for a normal interviewer."""
    z: FloatArray
    p: FloatArray


class Agreement(Struct, frozen=True):
    """The linear and the categorical null model of one item side by side."""

    correlation: float | None
    """Of the interviewers' EBLUPs and conditional modes; None where one of the variances is 0."""
    icc_ratio: float | None
    """Linear over latent ICC; None where the latent one is 0."""
    remarkable_linear: int
    """Interviewers with |z| above 3 by the linear deletion z."""
    remarkable_tail: int
    """The same by the predictive tail."""
    remarkable_both: int


class CategoricalResult(Struct, frozen=True, eq=False):
    """The categorical models of one item."""

    kind: Literal["ordinal", "binary"]
    why: str
    """Why there is one: a clause for a sentence."""
    values: tuple[float, ...]
    """(C,) answers in use, ascending."""
    null: CategoricalModel
    adjusted: CategoricalModel | CategoricalFailed | None
    icc_interval: Interval
    """95 % profile-likelihood interval of the null model's latent ICC; NaN where only a judgement is wanted."""
    tails: TailCells
    by_tail: bool
    """Whether interviewers are judged by `tails` on this item, and not by the linear deletion z."""
    agreement: Agreement

    @property
    def judging(self) -> CategoricalModel:
        """The model that `tails` rest on."""
        return self.adjusted if isinstance(self.adjusted, CategoricalModel) else self.null


class CategoricalFailed(Struct, frozen=True):
    """A categorical model that was asked for and cannot be estimated, with the reason as a clause."""

    reason: str


class CategoricalRequest(Struct, frozen=True, eq=False):
    """One item: its plans and what the linear models said."""

    model: Literal["auto", "linear", "ordinal", "binary"]
    """As configured."""
    null: ModelPlan
    adjusted: ModelPlan | None
    linear_null: ModelResult
    linear_judging: ModelResult


def categorical_results(
    requests: Sequence[CategoricalRequest], n_interviewers: int, whole: Whole | None = None
) -> list[tuple[Kind, CategoricalResult | CategoricalFailed | None]]:
    """Choose the kind of every item and fit the categorical models of those that have one, of equal shapes together.

    `whole` has all interviews, where those at hand are a sample.
    """
    choices = [choose_model(*_distribution(request.null, whole), request.model) for request in requests]
    chosen = [k for k, choice in enumerate(choices) if choice.fitted]
    null_data = {k: _counted(requests[k].null, whole) for k in chosen}
    adjusted_data = {k: _counted(plan, whole) for k in chosen if (plan := requests[k].adjusted) is not None}
    null_columns = {k: _columns(data) for k, data in null_data.items() if data is not None}
    adjusted_columns = {k: _columns(data) for k, data in adjusted_data.items() if data is not None}
    null = dict(zip(null_columns, fit_categorical_models(list(null_columns.values()), n_interviewers), strict=True))
    adjusted = dict(
        zip(adjusted_columns, fit_categorical_models(list(adjusted_columns.values()), n_interviewers), strict=True)
    )
    results: list[tuple[Kind, CategoricalResult | CategoricalFailed | None]] = []
    for k, (request, choice) in enumerate(zip(requests, choices, strict=True)):
        if choice.refused is not None:
            results.append(("linear", CategoricalFailed(choice.refused)))
        elif not choice.fitted:
            results.append(("linear", None))
        elif (data := null_data[k]) is None:
            results.append(("linear", CategoricalFailed(_TOO_MANY_PATTERNS)))
        elif isinstance(fit := null[k], CategoricalFailure):
            results.append(("linear", CategoricalFailed(fit.reason)))
        else:
            fits = _Fits(data, null_columns[k], fit, adjusted_data.get(k), adjusted_columns.get(k), adjusted.get(k))
            results.append((choice.kind, _result(request, choice, fits, n_interviewers)))
    return results


def _distribution(plan: ModelPlan, whole: Whole | None) -> tuple[FloatArray, IntArray]:
    """(C,) the different answers, and (C,) how often each was given."""
    if whole is None or plan.whole is None:
        values, counts = np.unique(plan.columns.response, return_counts=True)
        return values, counts
    counted = whole.answer_counts(plan.whole.rows.outcome)
    total = counted.counts.sum(axis=0)
    return counted.values[total > 0], total[total > 0]


def _counted(plan: ModelPlan, whole: Whole | None) -> Patterns | None:
    """The interviews of a plan; those of a survey larger than memory only where few enough kinds of them differ."""
    if whole is None or plan.whole is None:
        return Patterns(plan.columns.fixed, plan.columns.response, plan.columns.interviewer, None)
    return whole.patterns(plan.whole.rows, plan.whole.columns, _MOST_PATTERNS)


def _columns(data: Patterns) -> CategoricalColumns:
    """The columns without the constant; a category that no interview has is left out."""
    _, category = number_categories(data.response)
    return CategoricalColumns(data.fixed[:, 1:], category, data.interviewer, data.count)


class _Fits(Struct, frozen=True, eq=False):
    null_data: Patterns
    null_columns: CategoricalColumns
    null: CategoricalFit
    adjusted_data: Patterns | None
    adjusted_columns: CategoricalColumns | None
    adjusted: CategoricalFit | CategoricalFailure | None


def _result(request: CategoricalRequest, choice: Choice, fits: _Fits, n_interviewers: int) -> CategoricalResult:
    low, high = (np.nan, np.nan) if request.null.judgement_only else latent_icc_interval(fits.null_columns, fits.null)
    adjusted: CategoricalModel | CategoricalFailed | None = None
    data, columns, fit = fits.null_data, fits.null_columns, fits.null
    if isinstance(fits.adjusted, CategoricalFailure):
        adjusted = CategoricalFailed(_naming_term(fits.adjusted, request.adjusted))
    elif request.adjusted is not None and fits.adjusted_data is None:
        adjusted = CategoricalFailed(_TOO_MANY_PATTERNS)
    elif fits.adjusted is not None and request.adjusted is not None and fits.adjusted_columns is not None:
        assert fits.adjusted_data is not None
        adjusted = _model("adjusted", request.adjusted, fits.adjusted_data, fits.adjusted)
        data, columns, fit = fits.adjusted_data, fits.adjusted_columns, fits.adjusted
    null = _model("null", request.null, fits.null_data, fits.null)
    # Beyond so many answers their mean is as normal as the linear model takes it for, and their sum takes long.
    uncounted = request.adjusted is not None and fits.adjusted_data is None
    exact = bool(_workload(data).max() <= _MOST_FOR_TAILS) and not uncounted
    scores = np.unique(data.response)
    tails = _cells(data, predictive_tails(columns, fit, scores, n_interviewers) if exact else None)
    return CategoricalResult(
        kind="binary" if fits.null.n_categories == 2 else "ordinal",
        why=choice.why,
        values=tuple(float(value) for value in np.unique(fits.null_data.response)),
        null=null,
        adjusted=adjusted,
        icc_interval=Interval(low, high),
        tails=tails,
        by_tail=choice.by_tail and exact,
        agreement=_agreement(request, null, tails),
    )


def _naming_term(failure: CategoricalFailure, plan: ModelPlan | None) -> str:
    if failure.column is None or plan is None:
        return failure.reason
    return f"{failure.reason}: {plan.terms[failure.column + 1]}"


def _workload(data: Patterns) -> IntArray:
    """(J,) interviews of each interviewer."""
    return np.rint(np.bincount(data.interviewer, weights=data.count)).astype(np.int64)


def _model(name: Literal["null", "adjusted"], plan: ModelPlan, data: Patterns, fit: CategoricalFit) -> CategoricalModel:
    values, n = np.unique(data.response), _workload(data)
    present = np.flatnonzero(n)
    se = np.sqrt(np.diagonal(fit.covariance))
    cut = len(fit.thresholds)
    names = [f"{low:g}|{high:g}" for low, high in itertools.pairwise(values)]
    return CategoricalModel(
        name=name,
        formula=plan.formula,
        status=fit.status,
        reason=fit.reason,
        n_interviews=int(n.sum()),
        n_interviewers=fit.n_interviewers,
        n_parameters=fit.n_parameters,
        loglik=fit.loglik,
        thresholds=tuple(map(LogitEffect, names, fit.thresholds.tolist(), se[:cut].tolist())),
        fixed_effects=tuple(map(LogitEffect, plan.terms[1:], fit.fixed.tolist(), se[cut:].tolist())),
        dropped_terms=plan.dropped_terms,
        intercept_variance=fit.sd**2,
        sd=fit.sd,
        sd_se=fit.sd_se,
        latent_icc=fit.latent_icc,
        lr_statistic=fit.lr_statistic,
        lr_p=fit.lr_p,
        interviewer=present,
        n_by_interviewer=n[present],
        mode=fit.mode[present],
        conditional_sd=fit.conditional_sd[present],
        diagnostic_se=fit.diagnostic_se[present],
    )


def _cells(data: Patterns, tails: PredictiveTails | None) -> TailCells:
    n = _workload(data)
    present = np.flatnonzero(n)
    if tails is None:
        unjudged = np.full((4, len(present)), np.nan)
        return TailCells(present, n[present], *unjudged)
    answers = data.response if data.count is None else data.response * data.count
    mean = np.bincount(data.interviewer, weights=answers)[present] / n[present]
    return TailCells(
        interviewer=present,
        n_interviews=n[present],
        deviation=mean - tails.expected[present],
        deviation_se=tails.sd[present],
        z=tails.z[present],
        p=tails.p[present],
    )


def _agreement(request: CategoricalRequest, null: CategoricalModel, tails: TailCells) -> Agreement:
    linear, judging = request.linear_null, request.linear_judging.effects
    correlation = None
    eblup = linear.effects.eblup[:, 0]
    if np.ptp(eblup) > 0 and np.ptp(null.mode) > 0:
        correlation = float(np.corrcoef(eblup, null.mode)[0, 1])
    between = linear.variance.intercept or 0.0
    icc = between / (between + linear.variance.residual)
    by_linear = set(judging.interviewer[np.abs(judging.z[:, 0]) > _REMARKABLE].tolist())
    by_tail = set(tails.interviewer[np.abs(tails.z) > _REMARKABLE].tolist())
    return Agreement(
        correlation=correlation,
        icc_ratio=icc / null.latent_icc if null.latent_icc > 0 else None,
        remarkable_linear=len(by_linear),
        remarkable_tail=len(by_tail),
        remarkable_both=len(by_linear & by_tail),
    )
