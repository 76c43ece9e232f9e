"""What the kernel says about plans of one shape, put into the survey's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from qa_reports.effects.distributions import chi2_sf, f_sf, normal_isf
from qa_reports.effects.inference import boundary_p, expected_ranks
from qa_reports.effects.influence import Deletions, two_sided
from qa_reports.effects.intervals import interval_of
from qa_reports.effects.joint_intervals import JointIntervals
from qa_reports.effects.linear import (
    ComponentPrecision,
    FailedModel,
    FitStatus,
    FixedEffect,
    GroupTest,
    InterviewerEffects,
    MaximumLikelihood,
    ModelPlan,
    ModelResult,
    ModelTest,
    Referee,
    VarianceComponents,
)
from qa_reports.effects.mixed_model import MixedModelFits
from qa_reports.effects.moments import Moments
from qa_reports.effects.problem import lower_triangle
from qa_reports.effects.referee import TOLERANCE
from qa_reports.effects.rlrt import ExactTest

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_DETECTABLE = float(normal_isf(0.0005) + normal_isf(0.2))
"""Standard errors that a shift must measure to be found with 80 % power at a two-sided p of .001."""


class Batch(Struct, frozen=True, eq=False):
    """Everything the kernel says about plans of one shape."""

    moments: Moments
    reml: MixedModelFits
    ml: MixedModelFits | None
    without: tuple[MixedModelFits, ...]
    """Per random term the REML fits without it (models with several random terms)."""
    deletions: Deletions | None
    exact: Callable[[], list[ExactTest]] | None
    """The exact tests, once they are there, and the intervals likewise."""
    icc: FloatArray | None
    """(F, 2)."""
    components: Callable[[], list[JointIntervals | None]] | None
    groups: list[GroupNumbers]
    usable: tuple[int, ...]
    """The fits that did not fail."""
    opinions: Callable[[], list[tuple[float, float, int]]]
    """Our log-likelihood of the usable fits and statsmodels', once they are there, and of how many interviews."""


class GroupNumbers(Struct, frozen=True, eq=False):
    """One group of fixed effects over F fits."""

    f: FloatArray
    df: FloatArray
    likelihood_ratio: FloatArray


def group_positions(plan: ModelPlan) -> tuple[tuple[int, ...], ...]:
    """Columns of each group's terms, those that were not dropped."""
    return tuple(tuple(plan.terms.index(term) for term in terms if term in plan.terms) for _, terms in plan.groups)


def model_result(plan: ModelPlan, batch: Batch, f: int) -> ModelResult | FailedModel:
    """Model f of the batch, without what another process still works on."""
    fits = batch.reml
    if fits.status[f] == "failed":
        return FailedModel(plan.name, fits.reason[f] or "the model could not be estimated")
    interviewer, columns = plan.columns.interviewer, plan.columns
    n_by_interviewer = np.asarray(batch.moments.n[f], dtype=np.int64)
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
        n_interviews=int(n_by_interviewer.sum()),
        n_interviewers=len(present),
        n_parameters=len(plan.terms) + q * (q + 1) // 2 + 1,
        loglik=float(fits.loglik[f]),
        loglik_ml=float(fits.loglik_ml[f]),
        fixed_effects=_fixed_effects(plan, fits, f),
        dropped_terms=plan.dropped_terms,
        variance=_variance(plan, fits, f),
        tests=_tests(plan, fits, [reduced.loglik for reduced in batch.without], f),
        precision=(),
        exact_p=None,
        icc_interval=interval_of(batch.icc[f]) if batch.icc is not None else None,
        group_tests=_group_tests(plan, batch, f),
        by_ml=_by_ml(plan, batch, f),
        referee=_referee(np.nan, np.nan, 0),
        effects=_effects(plan, batch, f, present, n_by_interviewer),
        predictor_sd=np.where(np.array(plan.random) == 0, 0.0, batch.moments.scale[f, list(plan.random)]),
        rows=plan.rows,
        interviewer=interviewer,
        fitted=fitted,
        residuals=columns.response - fitted,
    )


def _by_ml(plan: ModelPlan, batch: Batch, f: int) -> MaximumLikelihood | None:
    if batch.ml is None or batch.ml.status[f] == "failed":
        return None
    return MaximumLikelihood(
        loglik=float(batch.ml.loglik[f]),
        fixed_effects=_fixed_effects(plan, batch.ml, f),
        variance=_variance(plan, batch.ml, f),
        tests=_tests(plan, batch.ml, [reduced.loglik_ml for reduced in batch.without], f),
    )


def _precision(plan: ModelPlan, batch: Batch, f: int) -> tuple[ComponentPrecision, ...]:
    """Standard errors and intervals of every component: variances in the order of the random terms and covariances,
    then the correlations, then the residual."""
    se, intervals = batch.reml.component_se[f], None if batch.components is None else batch.components()[f]
    q, terms = len(plan.random), plan.random_terms
    rows, columns = lower_triangle(q)
    of_term = {
        terms[row] if row == column else f"{terms[column]},{terms[row]}": se[a]
        for a, (row, column) in enumerate(zip(rows, columns, strict=True))
    }
    of_variance = {} if intervals is None else dict(zip(terms, intervals.variances, strict=True))
    found = [ComponentPrecision(term, _finite(value), of_variance.get(term)) for term, value in of_term.items()]
    found += [
        ComponentPrecision(f"correlation:{terms[one]},{terms[other]}", None, interval)
        for one, other, interval in (() if intervals is None else intervals.correlations)
    ]
    found.append(ComponentPrecision("residual", _finite(se[-1]), None if intervals is None else intervals.residual))
    return tuple(found)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _group_tests(plan: ModelPlan, batch: Batch, f: int) -> tuple[GroupTest, ...]:
    tests = []
    for (name, _), positions, numbers in zip(plan.groups, group_positions(plan), batch.groups, strict=True):
        if not positions or not np.isfinite(numbers.f[f]):
            continue
        ratio = _finite(numbers.likelihood_ratio[f])
        tests.append(
            GroupTest(
                name=name,
                terms=tuple(plan.terms[k] for k in positions),
                statistic=float(numbers.f[f]),
                df=float(numbers.df[f]),
                p=float(f_sf(numbers.f[f], len(positions), numbers.df[f])),
                likelihood_ratio=None if ratio is None else max(ratio, 0.0),
                likelihood_ratio_p=None if ratio is None else float(chi2_sf(max(ratio, 0.0), len(positions))),
            )
        )
    return tuple(tests)


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


def _tests(plan: ModelPlan, fits: MixedModelFits, without: list[FloatArray], f: int) -> tuple[ModelTest, ...]:
    """Likelihood-ratio tests of every random term: against the model without it and its covariances.

    `without`: (F,) log-likelihoods of these, per random term.
    """
    k = len(plan.random)
    if plan.judgement_only:
        return ()
    reduced = [float(loglik[f]) for loglik in without] if k > 1 else [float(fits.loglik_without[f])]
    method = f"{fits.method} likelihood ratio, half chi-square({k - 1}) half chi-square({k})"
    tests = []
    for term, loglik in zip(plan.random_terms, reduced, strict=True):
        statistic = max(0.0, 2 * (float(fits.loglik[f]) - loglik))
        if np.isfinite(statistic):
            tests.append(ModelTest(term, statistic, boundary_p(statistic, k), method))
    return tuple(tests)


def _referee(ours: float, theirs: float, n: int) -> Referee:
    return Referee(theirs, ours - theirs, bool(abs(ours - theirs) <= TOLERANCE * max(1.0, abs(theirs))), n)


def _effects(
    plan: ModelPlan, batch: Batch, f: int, present: IntArray, n_by_interviewer: IntArray
) -> InterviewerEffects:
    fits, deletions = batch.reml, batch.deletions if plan.judge else None
    unjudged = np.full((len(present), len(plan.random)), np.nan)
    variance = np.diagonal(fits.covariance[f])
    eblup, conditional_sd = fits.eblup[f, present], fits.conditional_sd[f, present]
    alive = variance > 0
    reliability = np.clip(np.where(alive, 1 - conditional_sd**2 / np.where(alive, variance, 1.0), 0.0), 0.0, 1.0)
    without = unjudged if deletions is None else np.diagonal(deletions.covariance[f, present], axis1=-2, axis2=-1)
    se = unjudged if deletions is None else deletions.se[f, present]
    return InterviewerEffects(
        interviewer=present,
        n_interviews=n_by_interviewer[present],
        terms=plan.random_terms,
        eblup=eblup,
        conditional_sd=conditional_sd,
        diagnostic_se=fits.diagnostic_se[f, present],
        deviation=unjudged if deletions is None else deletions.deviation[f, present],
        deviation_se=se,
        z=unjudged if deletions is None else deletions.z[f, present],
        p=unjudged if deletions is None else deletions.p[f, present],
        reliability=reliability,
        expected_rank=expected_ranks(eblup, conditional_sd),
        detectable=_DETECTABLE * se,
        variance_ratio=np.where(alive, without / np.where(alive, variance, 1.0), np.nan),
        cooks_distance=unjudged[:, 0] if deletions is None else deletions.cooks_distance[f, present],
        covariance_ratio=unjudged[:, 0] if deletions is None else deletions.covariance_ratio[f, present],
        residual_ratio=unjudged[:, 0]
        if deletions is None
        else deletions.residual_variance[f, present] / fits.residual_variance[f],
        fixed_change=np.full((len(present), len(plan.terms)), np.nan)
        if deletions is None
        else deletions.fixed[f, present] - fits.fixed[f],
        deviation_df=None if deletions is None else deletions.df[f, present],
    )


def completed_result(
    result: ModelResult, plan: ModelPlan, batch: Batch, f: int, opinion: tuple[float, float, int]
) -> ModelResult:
    """The same model with what another process has worked on; `opinion` as in `Batch.opinions`."""
    return replace(
        result,
        precision=_precision(plan, batch, f),
        exact_p=batch.exact()[f].p if batch.exact is not None else None,
        referee=_referee(*opinion),
    )
