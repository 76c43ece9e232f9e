"""Fit model plans, those of one shape together, and put what the kernel says into the survey's words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import cast

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from qa_reports.effects.distributions import chi2_sf, f_sf, normal_isf
from qa_reports.effects.inference import boundary_p, expected_ranks
from qa_reports.effects.influence import Deletions, delete_interviewers, two_sided
from qa_reports.effects.information import wald_f
from qa_reports.effects.intervals import Interval, icc_intervals, single_term_intervals
from qa_reports.effects.joint_intervals import JointIntervals, joint_intervals
from qa_reports.effects.likelihood import profile
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
from qa_reports.effects.mixed_model import MixedModelFits, back_transform, fit_mixed_models
from qa_reports.effects.moments import Moments, compute_moments
from qa_reports.effects.problem import problem
from qa_reports.effects.referee import TOLERANCE, referee_logliks
from qa_reports.effects.referee_cases import referee_cases
from qa_reports.effects.rlrt import ExactTest, exact_restricted_lrt
from qa_reports.second_core import IN_TURN, SecondCore

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_DETECTABLE = float(normal_isf(0.0005) + normal_isf(0.2))
"""Standard errors that a shift must measure to be found with 80 % power at a two-sided p of .001."""


def fit_models(
    plans: Sequence[ModelPlan], n_interviewers: int, core: SecondCore = IN_TURN
) -> list[ModelResult | FailedModel]:
    """Fit all plans, those of the same shape together, and return the results in their order."""
    return begin_models(plans, n_interviewers, core).whole()


class BegunModels(Struct, frozen=True, eq=False):
    """Fitted models, while another process still works on what is known of them."""

    first: list[ModelResult | FailedModel]
    """Without second opinions, exact tests and intervals of variance components."""
    whole: Callable[[], list[ModelResult | FailedModel]]
    """With them, once they are there."""


def begin_models(plans: Sequence[ModelPlan], n_interviewers: int, core: SecondCore = IN_TURN) -> BegunModels:
    """As `fit_models`; `core` is given the second opinions of statsmodels, exact tests and intervals to work on."""
    batches: dict[object, list[int]] = {}
    for position, plan in enumerate(plans):
        wanted = (plan.judge, plan.precise, plan.checked, plan.judgement_only)
        shape = (plan.name, len(plan.terms), plan.random, wanted, _group_positions(plan))
        batches.setdefault(shape, []).append(position)
    fitted = [
        (positions, _fit_batch([plans[position] for position in positions], n_interviewers, core))
        for positions in batches.values()
    ]
    first = {
        position: _result(plans[position], batch, f)
        for positions, batch in fitted
        for f, position in enumerate(positions)
    }

    def whole() -> list[ModelResult | FailedModel]:
        results = dict(first)
        for positions, batch in fitted:
            opinions = dict(zip(batch.usable, batch.opinions(), strict=True))
            for f, position in enumerate(positions):
                result = first[position]
                if isinstance(result, ModelResult):
                    results[position] = _completed(result, plans[position], batch, f, opinions[f])
        return [results[position] for position in range(len(plans))]

    return BegunModels([first[position] for position in range(len(plans))], whole)


class _Batch(Struct, frozen=True, eq=False):
    """Everything the kernel says about plans of one shape."""

    moments: Moments
    reml: MixedModelFits
    ml: MixedModelFits | None
    without: tuple[tuple[MixedModelFits, MixedModelFits], ...]
    """Per random term the REML and ML fits without it (models with several random terms)."""
    deletions: Deletions | None
    exact: Callable[[], list[ExactTest]] | None
    """The exact tests, once they are there, and the intervals likewise."""
    icc: FloatArray | None
    """(F, 2)."""
    components: Callable[[], list[JointIntervals | None]] | None
    groups: list[_GroupNumbers]
    usable: tuple[int, ...]
    """The fits that did not fail."""
    opinions: Callable[[], list[tuple[float, float, int]]]
    """Our log-likelihood of the usable fits and statsmodels', once they are there, and of how many interviews."""


class _GroupNumbers(Struct, frozen=True, eq=False):
    """One group of fixed effects over F fits."""

    f: FloatArray
    df: FloatArray
    likelihood_ratio: FloatArray


def _group_positions(plan: ModelPlan) -> tuple[tuple[int, ...], ...]:
    """Columns of each group's terms, those that were not dropped."""
    return tuple(tuple(plan.terms.index(term) for term in terms if term in plan.terms) for _, terms in plan.groups)


def _fit_batch(plans: Sequence[ModelPlan], n_interviewers: int, core: SecondCore) -> _Batch:
    random = plans[0].random
    moments = compute_moments([plan.data for plan in plans], n_interviewers, centre_fixed=0 in random)
    reml = fit_mixed_models(moments, random, "REML")
    usable = tuple(f for f, status in enumerate(reml.status) if status != "failed")
    deletions = delete_interviewers(moments, random, reml) if plans[0].judge else None
    opinions = _opinions(plans, reml, usable, n_interviewers, core)
    if plans[0].judgement_only:
        return _Batch(moments, reml, None, (), deletions, None, None, None, [], usable, opinions)
    name, precise, exact, components = plans[0].name, plans[0].precise, None, None
    if precise and (name == "null" or (name == "slope" and len(random) == 1)):
        exact = cache(core.start(exact_restricted_lrt, moments, random[0], 2 * (reml.loglik - reml.loglik_without)))
    if precise:
        components = cache(core.start(_component_intervals, moments, reml, random))
    several = len(random) > 1
    without = []
    for term in random if several else ():
        rest = tuple(k for k in random if k != term)
        # Without the random intercept a shift of the predictor matters: it keeps the zero the user gave it.
        other = moments if 0 in rest else compute_moments([p.data for p in plans], n_interviewers, centre_fixed=False)
        without.append((fit_mixed_models(other, rest, "REML"), fit_mixed_models(other, rest, "ML")))
    groups = _group_positions(plans[0])
    single = random == (0,)
    ml = fit_mixed_models(moments, random, "ML") if not single or any(groups) else None
    return _Batch(
        moments=moments,
        reml=reml,
        ml=None if single else ml,
        without=tuple(without),
        deletions=deletions,
        exact=exact,
        icc=icc_intervals(moments, reml) if precise and single else None,
        components=components,
        groups=[_test_group(moments, reml, ml, random, group) for group in groups],
        usable=usable,
        opinions=opinions,
    )


def _opinions(
    plans: Sequence[ModelPlan], fits: MixedModelFits, usable: Sequence[int], n_interviewers: int, core: SecondCore
) -> Callable[[], list[tuple[float, float, int]]]:
    """Ask statsmodels about the usable fits, where a second opinion is wanted."""
    if not plans[0].checked:
        unasked = [(np.nan, np.nan, 0)] * len(usable)
        return lambda: unasked
    ours, cases = referee_cases(plans, fits, usable, n_interviewers)
    theirs = core.start(referee_logliks, cases)
    asked = [len(case.response) for case in cases]
    return lambda: list(zip(ours, theirs(), asked, strict=True))


def _component_intervals(
    moments: Moments, fits: MixedModelFits, random: tuple[int, ...]
) -> list[JointIntervals | None]:
    """Profile intervals of the variance components of every fit; models with one random term are done together."""
    count = len(fits.status)
    if len(random) > 1:
        return [joint_intervals(moments, random, fits, f) for f in range(count)]
    between, residual = single_term_intervals(moments, random[0], fits)
    return [
        None if np.isnan(residual[f]).any() else JointIntervals((_interval(between[f]),), (), _interval(residual[f]))
        for f in range(count)
    ]


def _interval(bounds: FloatArray) -> Interval:
    return Interval(float(bounds[0]), float(bounds[1]))


def _test_group(
    moments: Moments, reml: MixedModelFits, ml: MixedModelFits | None, random: tuple[int, ...], group: tuple[int, ...]
) -> _GroupNumbers:
    """Wald F by REML and likelihood ratio by ML of the fixed columns `group`."""
    count = len(reml.status)
    f, df, ratio = (np.full(count, np.nan) for _ in range(3))
    usable = [k for k, status in enumerate(reml.status) if status != "failed"]
    if usable and group and ml is not None:
        chosen = moments.of(usable)
        here = profile(problem(chosen, random, "REML"), reml.relative[usable][:, None])
        f[usable], df[usable] = wald_f(here, back_transform(chosen)[:, group])
        if not set(group) & set(random):
            rest = [k for k in range(moments.cross.shape[-1]) if k not in group]
            reduced = fit_mixed_models(moments.columns(rest), tuple(rest.index(k) for k in random), "ML")
            ratio = 2 * (ml.loglik - reduced.loglik)
    return _GroupNumbers(f, df, ratio)


def _completed(
    result: ModelResult, plan: ModelPlan, batch: _Batch, f: int, opinion: tuple[float, float, int]
) -> ModelResult:
    """With what another process has worked on."""
    return replace(
        result,
        precision=_precision(plan, batch, f),
        exact_p=batch.exact()[f].p if batch.exact is not None else None,
        referee=_referee(*opinion),
    )


def _result(plan: ModelPlan, batch: _Batch, f: int) -> ModelResult | FailedModel:
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
        tests=_tests(plan, fits, [reml for reml, _ in batch.without], f),
        precision=(),
        exact_p=None,
        icc_interval=_interval(batch.icc[f]) if batch.icc is not None else None,
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


def _by_ml(plan: ModelPlan, batch: _Batch, f: int) -> MaximumLikelihood | None:
    if batch.ml is None or batch.ml.status[f] == "failed":
        return None
    return MaximumLikelihood(
        loglik=float(batch.ml.loglik[f]),
        fixed_effects=_fixed_effects(plan, batch.ml, f),
        variance=_variance(plan, batch.ml, f),
        tests=_tests(plan, batch.ml, [ml for _, ml in batch.without], f),
    )


def _precision(plan: ModelPlan, batch: _Batch, f: int) -> tuple[ComponentPrecision, ...]:
    """Standard errors and intervals of every component: variances in the order of the random terms and covariances,
    then the correlations, then the residual."""
    se, intervals = batch.reml.component_se[f], None if batch.components is None else batch.components()[f]
    q, terms = len(plan.random), plan.random_terms
    rows, columns = np.tril_indices(q)
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


def _group_tests(plan: ModelPlan, batch: _Batch, f: int) -> tuple[GroupTest, ...]:
    tests = []
    for (name, _), positions, numbers in zip(plan.groups, _group_positions(plan), batch.groups, strict=True):
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


def _tests(plan: ModelPlan, fits: MixedModelFits, without: list[MixedModelFits], f: int) -> tuple[ModelTest, ...]:
    """Likelihood-ratio tests of every random term: against the model without it and its covariances."""
    k = len(plan.random)
    if plan.judgement_only:
        return ()
    reduced = [float(fit.loglik[f]) for fit in without] if k > 1 else [float(fits.loglik_without[f])]
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
    plan: ModelPlan, batch: _Batch, f: int, present: IntArray, n_by_interviewer: IntArray
) -> InterviewerEffects:
    fits, deletions = batch.reml, batch.deletions
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
