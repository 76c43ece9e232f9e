"""The spread of interviewers' answers, item by item and over all items together, in the survey's words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.effects.intervals import Interval
from qa_reports.effects.linear import FailedModel, ModelPlan, ModelResult
from qa_reports.effects.spread import FEWEST, SpreadFits, fit_spreads
from qa_reports.effects.spread_moments import SpreadMoments, spread_moments, spread_moments_of_sums
from qa_reports.second_core import IN_TURN, SecondCore
from qa_reports.survey.whole import AnswerCounts, Whole

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

FEWEST_ANSWERS = 4
"""Different answers that an item needs: with two the level determines the spread, with three very nearly."""


class SpreadEffects(Struct, frozen=True, eq=False):
    """How much the interviews of J interviewers vary, on one item or over all items. Effects are on the log scale of
    the residual standard deviation: exp(-0.5) is 61 % of the usual spread."""

    status: Literal["converged", "zero_variance"]
    tau: float
    """Standard deviation of the interviewers' effects."""
    tau_interval: Interval
    """95 % profile-likelihood interval."""
    statistic: float
    """Restricted likelihood ratio against tau = 0."""
    p_tau: float
    centre: float
    """Log standard deviation of an average interviewer over the item's pooled one."""
    interviewer: IntArray
    """(J,) positions in `Survey.interviewer_ids`."""
    n_interviews: IntArray
    """(J,)."""
    df: FloatArray
    """(J,) effective degrees of freedom of the own variance; 0 where it says nothing."""
    eblup: FloatArray
    """(J,)."""
    conditional_sd: FloatArray
    """(J,) sd of the effect given the data: for intervals."""
    diagnostic_se: FloatArray
    """(J,) sd of the EBLUP itself."""
    deviation: FloatArray
    """(J,) own log standard deviation minus that of the others; NaN where it says nothing, as in what follows."""
    deviation_se: FloatArray
    """(J,) its standard error for a normal interviewer."""
    z: FloatArray
    """(J,) normal score of `p`, negative when the interviews are alike."""
    p: FloatArray
    """(J,) two-sided p of the own variance under the fit of the others."""
    shrunken: FloatArray
    """(J,) own variance over the item's residual variance, shrunk: what the judgement of a level goes by."""
    shrunken_df: FloatArray
    """(J,) its degrees of freedom; infinite where interviewers do not differ."""
    moments: SpreadMoments | None
    """Of one item; None over all items."""


class NoSpread(Struct, frozen=True):
    """Why there is nothing to say about spread, in one sentence without its full stop."""

    reason: str


def begin_spreads(
    models: Sequence[tuple[ModelResult, ModelPlan | FailedModel | None, AnswerCounts]],
    whole: Whole | None = None,
    core: SecondCore = IN_TURN,
) -> Callable[[], list[SpreadEffects | NoSpread]]:
    """Begin with the spread on every item, from the model that judges levels; what is returned waits for it.

    Args:
        models: judging models of the items, how they were planned, and the item's answers.
        whole: all interviews, where those at hand are a sample.
        core: where the models of spread are fitted.
    """
    planned = [(model, plan, given) for model, plan, given in models if isinstance(plan, ModelPlan)]
    powers: dict[int, FloatArray] = {}
    if whole is not None:
        asked = {
            k: (plan.whole.rows, plan.whole.columns, np.array([effect.estimate for effect in model.fixed_effects]))
            for k, (model, plan, given) in enumerate(planned)
            if plan.whole is not None and _obstacle(model, given) is None
        }
        powers = dict(zip(asked, whole.residual_powers(list(asked.values())), strict=True)) if asked else {}
    moments = [_moments(model, plan, given, powers.get(k)) for k, (model, plan, given) in enumerate(planned)]
    usable = [one for one in moments if isinstance(one, SpreadMoments)]
    if not usable:
        return lambda: [one for one in moments if isinstance(one, NoSpread)]
    fitted = core.start(fit_spreads, np.stack([one.ratio for one in usable]), np.stack([one.df for one in usable]))

    def spreads() -> list[SpreadEffects | NoSpread]:
        fits, position = fitted(), iter(range(len(usable)))
        return [
            one if isinstance(one, NoSpread) else _effects(fits, next(position), one.df, one.n, one) for one in moments
        ]

    return spreads


def _obstacle(model: ModelResult, given: AnswerCounts) -> NoSpread | None:
    n = int(given.counts.any(axis=0).sum())
    if n < FEWEST_ANSWERS:
        return NoSpread(f"with {n} different answers the level of an interviewer determines the spread")
    if model.effects.terms != ("intercept",):
        return NoSpread("the model has no interviewer levels to vary about")
    return None


def _moments(
    model: ModelResult, plan: ModelPlan, given: AnswerCounts, powers: FloatArray | None
) -> SpreadMoments | NoSpread:
    """`powers` (J, 4) are sums over all interviews, where those at hand are a sample."""
    obstacle = _obstacle(model, given)
    if obstacle is not None:
        return obstacle
    distinct, effects = given.values[given.counts.any(axis=0)], model.effects
    level = np.zeros(len(given.counts))
    level[effects.interviewer] = effects.eblup[:, 0]
    around = model.residuals + level[model.interviewer]
    step = float(np.diff(distinct).min())
    if plan.whole is None or powers is None:
        return spread_moments(around, model.interviewer, given.values, given.counts, step)
    return spread_moments_of_sums(
        plan.whole.products.n, powers, around, model.interviewer, given.values, given.counts, step
    )


def overall_spread(
    models: Sequence[ModelResult],
    spreads: Sequence[SpreadEffects | NoSpread | None],
    n_interviewers: int,
    held: FloatArray | None = None,
) -> SpreadEffects | NoSpread:
    """The spread over all items together: are an interviewer's interviews as a whole more alike than others'?

    Own over expected variance is averaged over the items, each counting by its degrees of freedom. Squared residuals
    of one respondent go together over items, so the degrees of freedom of the average come from the variance between
    respondents of the same average, within interviewers.

    `held` (J,) is the share of each interviewer's interviews at hand, where they are a sample: it tells how much the
    average scatters between respondents, and their number follows from it.
    """
    pairs = [
        (model, spread, spread.moments)
        for model, spread in zip(models, spreads, strict=True)
        if isinstance(spread, SpreadEffects) and spread.moments is not None
    ]
    if not pairs:
        return NoSpread("no item has a spread to compare")
    rows = max(int(model.rows.max()) for model, _, _ in pairs) + 1
    interviewer = np.zeros(rows, dtype=np.int64)
    surprise, weight = np.zeros(rows), np.zeros(rows)
    ratio, total = np.zeros(n_interviewers), np.zeros(n_interviewers)
    for model, spread, moments in pairs:
        usual = np.exp(-2 * spread.centre)
        ratio += moments.df * moments.ratio * usual
        total += moments.df
        per_answer = (moments.df / np.maximum(moments.n, 1))[model.interviewer]
        interviewer[model.rows] = model.interviewer
        surprise[model.rows] += per_answer * moments.surprise * usual
        weight[model.rows] += per_answer
    ratio = np.divide(ratio, total, out=np.ones(n_interviewers), where=total > 0)
    n = np.bincount(interviewer[weight > 0], minlength=n_interviewers)
    df = _effective_df(ratio, surprise, weight, interviewer, n)
    if held is not None:
        # The variance of the average falls with the number of interviews.
        df = df / np.maximum(held, 1e-12)
        n = np.rint(n / np.maximum(held, 1e-12)).astype(np.int64)
    fits = fit_spreads(ratio[None], df[None])
    return _effects(fits, 0, df, n, None)


def _effective_df(
    ratio: FloatArray, surprise: FloatArray, weight: FloatArray, interviewer: IntArray, n: IntArray
) -> FloatArray:
    """(J,) 2 / (relative variance of the average), one relative variance per answer's weight for everybody."""
    count = len(n)
    sums, squares = np.bincount(interviewer, weight, count), np.bincount(interviewer, weight**2, count)
    mean = np.bincount(interviewer, surprise, count) / np.maximum(sums, 1e-12)
    squared = np.bincount(interviewer, (surprise - weight * mean[interviewer]) ** 2, count)
    # Respondents of an interviewer with a larger spread scatter more: relative to their own average they do not.
    several = n > 1
    freed = squares * (n - 1) / np.maximum(n, 1)
    relative = squared[several].sum() / max(float((freed * ratio**2)[several].sum()), 1e-12)
    variance = relative * squares / np.maximum(sums, 1e-12) ** 2 * n / np.maximum(n - 1, 1)
    return np.where(several, 2 / np.maximum(variance, 1e-9), 0.0)


def _effects(
    fits: SpreadFits, f: int, df: FloatArray, n: IntArray, moments: SpreadMoments | None
) -> SpreadEffects | NoSpread:
    if not np.isfinite(fits.tau[f]):
        return NoSpread(f"fewer than {FEWEST} interviewers have answers that vary in a way that can be compared")
    present = np.flatnonzero(n)
    tau = float(fits.tau[f])
    return SpreadEffects(
        status="converged" if tau > 0 else "zero_variance",
        tau=tau,
        tau_interval=Interval(*map(float, fits.tau_interval[f])),
        statistic=float(fits.statistic[f]),
        p_tau=float(fits.p[f]),
        centre=float(fits.centre[f]),
        interviewer=present,
        n_interviews=n[present],
        df=df[present],
        eblup=fits.eblup[f, present],
        conditional_sd=fits.conditional_sd[f, present],
        diagnostic_se=fits.diagnostic_se[f, present],
        deviation=fits.deviation[f, present],
        deviation_se=fits.deviation_se[f, present],
        z=fits.z[f, present],
        p=fits.p_deletion[f, present],
        shrunken=fits.shrunken[f, present],
        shrunken_df=fits.shrunken_df[f, present],
        moments=moments,
    )


MOST_TIMES = 20.0
"""Log of the largest share of the usual spread that is told: half a billion times is as good as any number beyond."""


def times_usual(deviation: float) -> float:
    """The share of the usual spread that a deviation on the log scale stands for, never infinite."""
    return float(np.exp(min(deviation, MOST_TIMES)))
