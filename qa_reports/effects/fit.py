"""Fit model plans, those of one shape together, and begin what another process works on meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.effects.fit_results import Batch, GroupNumbers, completed_result, group_positions, model_result
from qa_reports.effects.influence import delete_interviewers
from qa_reports.effects.information import wald_f
from qa_reports.effects.intervals import icc_intervals, interval_of, single_term_intervals
from qa_reports.effects.joint_intervals import JointIntervals, joint_intervals
from qa_reports.effects.likelihood import profile
from qa_reports.effects.linear import FailedModel, ModelPlan, ModelResult
from qa_reports.effects.mixed_model import MixedModelFits, back_transform, fit_by_ml, fit_mixed_models
from qa_reports.effects.moments import Moments, compute_moments
from qa_reports.effects.problem import problem
from qa_reports.effects.referee import referee_logliks
from qa_reports.effects.referee_cases import referee_cases
from qa_reports.effects.rlrt import exact_restricted_lrt
from qa_reports.second_core import IN_TURN, SecondCore

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


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
        wanted = (plan.precise, plan.checked, plan.judgement_only)
        shape = (plan.name, len(plan.terms), plan.random, wanted, group_positions(plan))
        batches.setdefault(shape, []).append(position)
    fitted = [
        (positions, _fit_batch([plans[position] for position in positions], n_interviewers, core))
        for positions in batches.values()
    ]
    first = {
        position: model_result(plans[position], batch, f)
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
                    results[position] = completed_result(result, plans[position], batch, f, opinions[f])
        return [results[position] for position in range(len(plans))]

    return BegunModels([first[position] for position in range(len(plans))], whole)


def _fit_batch(plans: Sequence[ModelPlan], n_interviewers: int, core: SecondCore) -> Batch:
    random = plans[0].random
    moments = compute_moments([plan.data for plan in plans], n_interviewers, centre_fixed=0 in random)
    reml = fit_mixed_models(moments, random, "REML")
    usable = tuple(f for f, status in enumerate(reml.status) if status != "failed")
    judged = np.array([plan.judge for plan in plans])
    deletions = delete_interviewers(moments, random, reml, judged) if judged.any() else None
    opinions = _opinions(plans, reml, usable, n_interviewers, core)
    if plans[0].judgement_only:
        return Batch(moments, reml, None, (), deletions, None, None, None, [], usable, opinions)
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
        without.append(fit_mixed_models(other, rest, "REML"))
    groups = group_positions(plans[0])
    single = random == (0,)
    ml = fit_by_ml(moments, random, reml) if not single or any(groups) else None
    return Batch(
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
        None
        if np.isnan(residual[f]).any()
        else JointIntervals((interval_of(between[f]),), (), interval_of(residual[f]))
        for f in range(count)
    ]


def _test_group(
    moments: Moments, reml: MixedModelFits, ml: MixedModelFits | None, random: tuple[int, ...], group: tuple[int, ...]
) -> GroupNumbers:
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
            reduced = fit_mixed_models(moments.columns(rest), tuple(rest.index(k) for k in random), "ML", ml.relative)
            ratio = 2 * (ml.loglik - reduced.loglik)
    return GroupNumbers(f, df, ratio)
