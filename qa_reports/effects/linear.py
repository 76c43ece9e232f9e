"""One linear random-effects model of one item: fit, tests, referee and interviewer effects, in the survey's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from qa_reports.effects.inference import boundary_p
from qa_reports.effects.influence import Deletions, delete_interviewers, two_sided
from qa_reports.effects.mixed_model import MixedModelFits, fit_mixed_models
from qa_reports.effects.moments import Columns, compute_moments
from qa_reports.effects.referee import TOLERANCE, referee_loglik

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

ModelName = Literal["null", "adjusted", "slope", "covariates"]
FitStatus = Literal["converged", "zero_variance", "singular", "failed"]


@dataclass(frozen=True, slots=True)
class FixedEffect:
    """One fixed effect on the original scale; `se` is its standard error, `df` Satterthwaite's."""

    term: str
    """"(Intercept)", a covariate's name, "name: level" for a category, "a:b" for an interaction."""
    estimate: float
    se: float
    df: float | None
    statistic: float
    p: float


@dataclass(frozen=True, slots=True)
class VarianceComponents:
    """Variance components on the original scale (squared units of the answer)."""

    intercept: float | None
    """Variance of the random intercepts (where every slope predictor is 0); None for slope-only models."""
    residual: float
    slopes: tuple[tuple[str, float], ...] = ()
    """(predictor, variance of its random slopes)."""
    covariances: tuple[tuple[str, str, float], ...] = ()
    """(term, term, covariance), terms "intercept" or "slope:NAME"."""


@dataclass(frozen=True, slots=True)
class ModelTest:
    """A test of a part of the model, e.g. of the intercept variance."""

    name: str
    statistic: float
    p: float
    method: str


@dataclass(frozen=True, slots=True)
class Referee:
    """statsmodels' log-likelihood at our estimates beside ours."""

    loglik: float
    """What statsmodels' MixedLM.loglike says."""
    loglik_difference: float
    """Ours minus theirs."""
    agrees: bool


@dataclass(frozen=True, slots=True, eq=False)
class InterviewerEffects:
    """The random effects of one model. J interviewers with at least one interview in it, q random terms."""

    interviewer: IntArray
    """(J,) positions in `Survey.interviewer_ids`."""
    n_interviews: IntArray
    """(J,) interviews of each in this model."""
    terms: tuple[str, ...]
    """(q,) "intercept" or "slope:NAME"."""
    eblup: FloatArray
    """(J, q), original scale; the intercept is taken where the predictors are 0."""
    conditional_sd: FloatArray
    """(J, q), sd of the effect given the data: for intervals."""
    diagnostic_se: FloatArray
    """(J, q), sd of the EBLUP itself: for QQ plots, eblup / diagnostic_se is standard normal in a true model."""
    deviation: FloatArray
    """(J, q), deletion residual: the interviewer's own least-squares departure from the fit without them,
    the intercept at the grand mean of the predictors; NaN where not estimable."""
    deviation_se: FloatArray
    """(J, q), standard error of the deviation for a normal interviewer."""
    z: FloatArray
    """(J, q), deletion z as a normal score; NaN where not estimable."""
    p: FloatArray
    """(J, q), two-sided p of the deletion z (t with Satterthwaite df); NaN where not estimable."""


@dataclass(frozen=True, slots=True)
class MaximumLikelihood:
    """The same model by maximum likelihood, shown beside REML for slope models."""

    loglik: float
    fixed_effects: tuple[FixedEffect, ...]
    variance: VarianceComponents
    tests: tuple[ModelTest, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ModelResult:
    """One fitted model of one item; m interviews used."""

    name: ModelName
    status: FitStatus
    """Never "failed": a model that cannot be estimated is a `FailedModel`."""
    reason: str | None
    """What bound was reached; None when converged."""
    method: Literal["REML", "ML"]
    formula: str
    """The model in lme4's notation, for the methodologist."""
    n_interviews: int
    n_interviewers: int
    n_parameters: int
    loglik: float
    loglik_ml: float
    fixed_effects: tuple[FixedEffect, ...]
    dropped_terms: tuple[str, ...]
    """Fixed effects left out because the columns before them determine them."""
    variance: VarianceComponents
    tests: tuple[ModelTest, ...]
    by_ml: MaximumLikelihood | None
    referee: Referee
    effects: InterviewerEffects
    predictor_sd: FloatArray
    """(q,) standard deviation of the column each random term belongs to; 0 for the intercept."""
    rows: IntArray
    """(m,) interviews used, as positions in the survey."""
    interviewer: IntArray
    """(m,) their interviewers, as positions in `Survey.interviewer_ids`."""
    fitted: FloatArray
    """(m,) fitted values, interviewer effects included."""
    residuals: FloatArray
    """(m,) answers minus fitted values."""


@dataclass(frozen=True, slots=True)
class FailedModel:
    """A model that was asked for and could not be estimated, with the reason in one sentence."""

    name: ModelName
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class ModelPlan:
    """What to fit: one model of one item, complete cases only (m of them)."""

    name: ModelName
    formula: str
    terms: tuple[str, ...]
    """(p,) names of the fixed columns, "(Intercept)" first."""
    columns: Columns
    rows: IntArray
    """(m,) the interviews, as positions in the survey."""
    random: tuple[int, ...]
    """(q,) fixed columns with a random term."""
    dropped_terms: tuple[str, ...] = ()
    judge: bool = False
    """Whether interviewers are judged by this model (deletion z)."""

    @property
    def random_terms(self) -> tuple[str, ...]:
        """(q,) "intercept" or "slope:NAME"."""
        return tuple("intercept" if k == 0 else f"slope:{self.terms[k]}" for k in self.random)


def fit_models(plans: Sequence[ModelPlan], n_interviewers: int) -> list[ModelResult | FailedModel]:
    """Fit all plans, those of the same shape together, and return the results in their order."""
    batches: dict[tuple[int, tuple[int, ...], bool], list[int]] = {}
    for position, plan in enumerate(plans):
        batches.setdefault((len(plan.terms), plan.random, plan.judge), []).append(position)
    results: dict[int, ModelResult | FailedModel] = {}
    for positions in batches.values():
        batch = [plans[position] for position in positions]
        results.update(zip(positions, _fit_batch(batch, n_interviewers), strict=True))
    return [results[position] for position in range(len(plans))]


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """Everything the kernel says about plans of one shape."""

    reml: MixedModelFits
    ml: MixedModelFits | None
    without: tuple[tuple[MixedModelFits, MixedModelFits], ...]
    """Per random term the REML and ML fits without it (models with several random terms)."""
    deletions: Deletions | None


def _fit_batch(plans: Sequence[ModelPlan], n_interviewers: int) -> list[ModelResult | FailedModel]:
    random = plans[0].random
    moments = compute_moments([plan.columns for plan in plans], n_interviewers, centre_fixed=0 in random)
    reml = fit_mixed_models(moments, random, "REML")
    several = len(random) > 1
    without = []
    for term in random if several else ():
        rest = tuple(k for k in random if k != term)
        # Without the random intercept a shift of the predictor matters: it keeps the zero the user gave it.
        other = (
            moments if 0 in rest else compute_moments([p.columns for p in plans], n_interviewers, centre_fixed=False)
        )
        without.append((fit_mixed_models(other, rest, "REML"), fit_mixed_models(other, rest, "ML")))
    batch = _Batch(
        reml=reml,
        ml=fit_mixed_models(moments, random, "ML") if random != (0,) else None,
        without=tuple(without),
        deletions=delete_interviewers(moments, random, reml) if plans[0].judge else None,
    )
    return [_result(plan, batch, f) for f, plan in enumerate(plans)]


def _result(plan: ModelPlan, batch: _Batch, f: int) -> ModelResult | FailedModel:
    fits = batch.reml
    if fits.status[f] == "failed":
        return FailedModel(plan.name, fits.reason[f] or "the model could not be estimated")
    interviewer, columns = plan.columns.interviewer, plan.columns
    n_by_interviewer = np.bincount(interviewer, minlength=fits.eblup.shape[1])
    present = np.flatnonzero(n_by_interviewer)
    random_part = (columns.fixed[:, plan.random] * fits.eblup[f][interviewer]).sum(1)
    fitted = columns.fixed @ fits.fixed[f] + random_part
    q = len(plan.random)
    return ModelResult(
        name=plan.name,
        status=cast(FitStatus, fits.status[f]),
        reason=fits.reason[f],
        method="REML",
        formula=plan.formula,
        n_interviews=len(plan.rows),
        n_interviewers=len(present),
        n_parameters=len(plan.terms) + q * (q + 1) // 2 + 1,
        loglik=float(fits.loglik[f]),
        loglik_ml=float(fits.loglik_ml[f]),
        fixed_effects=_fixed_effects(plan, fits, f),
        dropped_terms=plan.dropped_terms,
        variance=_variance(plan, fits, f),
        tests=_tests(plan, fits, [reml for reml, _ in batch.without], f),
        by_ml=_by_ml(plan, batch, f),
        referee=_referee(plan, fits, f),
        effects=_effects(plan, batch, f, present, n_by_interviewer),
        predictor_sd=columns.fixed[:, plan.random].std(axis=0),
        rows=plan.rows,
        interviewer=interviewer,
        fitted=fitted,
        residuals=columns.response - fitted,
    )


def _by_ml(plan: ModelPlan, batch: _Batch, f: int) -> MaximumLikelihood | None:
    if batch.ml is None or batch.ml.status[f] == "failed":
        return None
    return MaximumLikelihood(
        loglik=float(batch.ml.loglik[f]),
        fixed_effects=_fixed_effects(plan, batch.ml, f),
        variance=_variance(plan, batch.ml, f),
        tests=_tests(plan, batch.ml, [ml for _, ml in batch.without], f),
    )


def _fixed_effects(plan: ModelPlan, fits: MixedModelFits, f: int) -> tuple[FixedEffect, ...]:
    estimate, df = fits.fixed[f], fits.satterthwaite_df[f]
    se = np.sqrt(np.diagonal(fits.fixed_covariance[f]))
    statistic = estimate / se
    p, _ = two_sided(statistic, df)
    numbers = zip(plan.terms, estimate, se, df, statistic, p, strict=True)
    return tuple(FixedEffect(term, *map(float, values)) for term, *values in numbers)


def _variance(plan: ModelPlan, fits: MixedModelFits, f: int) -> VarianceComponents:
    covariance, terms = fits.covariance[f], plan.random_terms
    by_term = {term: float(covariance[k, k]) for k, term in enumerate(terms)}
    return VarianceComponents(
        intercept=by_term.get("intercept"),
        residual=float(fits.residual_variance[f]),
        slopes=tuple((term.removeprefix("slope:"), v) for term, v in by_term.items() if term != "intercept"),
        covariances=tuple(
            (terms[k], terms[m], float(covariance[k, m])) for k in range(len(terms)) for m in range(k + 1, len(terms))
        ),
    )


def _tests(plan: ModelPlan, fits: MixedModelFits, without: list[MixedModelFits], f: int) -> tuple[ModelTest, ...]:
    """Likelihood-ratio tests of every random term: against the model without it and its covariances."""
    k = len(plan.random)
    reduced = [float(fit.loglik[f]) for fit in without] if k > 1 else [float(fits.loglik_without[f])]
    method = f"{fits.method} likelihood ratio, half chi-square({k - 1}) half chi-square({k})"
    tests = []
    for term, loglik in zip(plan.random_terms, reduced, strict=True):
        statistic = max(0.0, 2 * (float(fits.loglik[f]) - loglik))
        if np.isfinite(statistic):
            tests.append(ModelTest(term, statistic, boundary_p(statistic, k), method))
    return tuple(tests)


def _referee(plan: ModelPlan, fits: MixedModelFits, f: int) -> Referee:
    relative = fits.covariance[f] / fits.residual_variance[f]
    columns, ours = plan.columns, float(fits.loglik[f])
    theirs = referee_loglik(columns.fixed, columns.response, columns.interviewer, plan.random, relative, fits.method)
    return Referee(theirs, ours - theirs, bool(abs(ours - theirs) <= TOLERANCE * max(1.0, abs(theirs))))


def _effects(
    plan: ModelPlan, batch: _Batch, f: int, present: IntArray, n_by_interviewer: IntArray
) -> InterviewerEffects:
    shape = (len(present), len(plan.random))
    deletions = batch.deletions
    unjudged = np.full(shape, np.nan)
    return InterviewerEffects(
        interviewer=present,
        n_interviews=n_by_interviewer[present],
        terms=plan.random_terms,
        eblup=batch.reml.eblup[f, present],
        conditional_sd=batch.reml.conditional_sd[f, present],
        diagnostic_se=batch.reml.diagnostic_se[f, present],
        deviation=unjudged if deletions is None else deletions.deviation[f, present],
        deviation_se=unjudged if deletions is None else deletions.se[f, present],
        z=unjudged if deletions is None else deletions.z[f, present],
        p=unjudged if deletions is None else deletions.p[f, present],
    )
