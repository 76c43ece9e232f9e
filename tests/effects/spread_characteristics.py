"""Operating characteristics of the spread model by seeded simulation. Shared by the slow tests and the docs.

`python -m tests.effects.spread_characteristics > docs/simulations-spread.md` writes the tables (some minutes).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from qa_reports.effects.fit import fit_models
from qa_reports.effects.influence import two_sided
from qa_reports.effects.judge import own_variance
from qa_reports.effects.linear import ModelPlan, ModelResult
from qa_reports.effects.moments import Columns
from qa_reports.effects.spread import fit_spreads
from qa_reports.effects.spread_effects import NoSpread, SpreadEffects, begin_spreads, overall_spread
from qa_reports.effects.spread_moments import SpreadMoments, spread_moments
from qa_reports.survey.whole import count_answers

Answers = Callable[[np.ndarray], np.ndarray]

SCALES: dict[str, Answers] = {
    "0-10, middle": lambda latent: np.clip(np.rint(5 + 2.2 * latent), 0, 10),
    "0-10, towards the end": lambda latent: np.clip(np.rint(7.5 + 2.2 * latent), 0, 10),
    "1-5": lambda latent: np.clip(np.rint(3 + 1.1 * latent), 1, 5),
    "1-5, skewed": lambda latent: np.clip(np.rint(1.5 + 1.1 * latent), 1, 5),
    "0-10, 45 % zero": lambda latent: np.clip(np.floor(0.1 + 3 * latent), 0, 10),
    "1-4, 88 % in one": lambda latent: 1.0 + np.digitize(latent, [1.17, 1.7, 2.2]),
}


@dataclass(frozen=True, slots=True)
class Tails:
    """What normal interviewers show: tau estimated (mean), and P(z < -2), P(z < -3), P(z > 3) over nominal."""

    tau: float
    below_2: float
    below_3: float
    above_3: float


def moments_of(answers: np.ndarray, group: np.ndarray, interviewers: int, step: float) -> SpreadMoments:
    """Of answers (m,) without anything that is allowed for."""
    given = count_answers(answers, group, interviewers)
    return spread_moments(answers, group, given.values, given.counts, step)


def item_tails(answers: Answers, interviewers: int, tau: float, waves: int, seed: int = 61) -> Tails:
    """One item per wave, ICC .05, workloads 2 to 24."""
    rng = np.random.default_rng(seed)
    ratio, df = [], []
    for _ in range(waves):
        group = np.repeat(np.arange(interviewers), rng.integers(2, 25, interviewers))
        level = np.sqrt(0.05) * rng.standard_normal(interviewers)[group]
        spread = np.exp(tau * rng.standard_normal(interviewers))[group]
        drawn = answers(level + np.sqrt(0.95) * spread * rng.standard_normal(len(group)))
        moments = moments_of(drawn, group, interviewers, 1.0)
        ratio.append(moments.ratio)
        df.append(moments.df)
    fits = fit_spreads(np.array(ratio), np.array(df))
    return _tails(fits.z, float(np.nanmean(fits.tau)))


def _tails(z: np.ndarray, tau: float) -> Tails:
    z = z[np.isfinite(z)]
    two, three = stats.norm.sf([2, 3])
    return Tails(tau, *(float(np.mean(out) / p) for out, p in ((z < -2, two), (z < -3, three), (z > 3, three))))


def survey_spread(
    rng: np.random.Generator, *, interviewers: int = 150, tau: float = 0.0, planted: tuple[int, float] | None = None
) -> SpreadEffects:
    """22 correlated 0-10 items, ICC .06, workloads 2 to 21; `planted`: interviewer 0's workload and share of spread."""
    workload = rng.integers(2, 22, interviewers)
    factor = np.exp(tau * rng.standard_normal((interviewers, 1)))
    if planted is not None:
        workload[0], factor[0] = planted
    group, items = np.repeat(np.arange(interviewers), workload), 22
    root = np.linalg.cholesky(np.full((items, items), 0.4) + 0.6 * np.eye(items))
    level = rng.standard_normal((interviewers, items)) @ root.T * np.sqrt(0.06)
    respondent = rng.standard_normal((len(group), items)) @ root.T * np.sqrt(0.94)
    latent = np.linspace(3, 7.5, items) + 2.2 * (level[group] + factor[group] * respondent)
    answers = np.clip(np.rint(latent), 0, 10)
    rows, one = np.arange(len(group)), np.ones((len(group), 1))
    plans = [
        ModelPlan("null", "", ("(Intercept)",), Columns(one, answers[:, k], group), rows, (0,), precise=False)
        for k in range(items)
    ]
    models = [model for model in fit_models(plans, interviewers) if isinstance(model, ModelResult)]
    spreads = _spreads(models, plans, interviewers)
    overall = overall_spread(models, spreads, interviewers)
    assert isinstance(overall, SpreadEffects)
    return overall


def _spreads(
    models: Sequence[ModelResult], plans: Sequence[ModelPlan], interviewers: int
) -> list[SpreadEffects | NoSpread]:
    given = [count_answers(plan.columns.response, plan.columns.interviewer, interviewers) for plan in plans]
    return begin_spreads(list(zip(models, plans, given, strict=True)))()


def overall_tails(interviewers: int, tau: float, waves: int, seed: int = 62) -> Tails:
    """Over 22 items together."""
    rng = np.random.default_rng(seed)
    fits = [survey_spread(rng, interviewers=interviewers, tau=tau) for _ in range(waves)]
    return _tails(np.concatenate([fit.z for fit in fits]), float(np.mean([fit.tau for fit in fits])))


def power(share: float, tau: float, waves: int, workload: int = 12, seed: int = 63) -> float:
    """Share of waves where one interviewer with `share` of the usual spread passes the rule for warnings."""
    rng = np.random.default_rng(seed)
    # 0.4 expected warnings over 130 judged, and a quarter of the weight: what spread alone has to reach.
    threshold = 0.4 / 130 / 4
    return float(
        np.mean([survey_spread(rng, tau=tau, planted=(workload, share)).p[0] < threshold for _ in range(waves)])
    )


def level_tails(interviewers: int, icc: float, tau: float, waves: int, seed: int = 64) -> tuple[float, float]:
    """P(|z| > 3) over nominal of normal interviewers' levels: by the pooled variance, and by their own."""
    rng = np.random.default_rng(seed)
    plans = []
    for _ in range(waves):
        group = np.repeat(np.arange(interviewers), np.minimum(5 + rng.geometric(0.12, interviewers), 60))
        level = np.sqrt(icc) * rng.standard_normal(interviewers)[group]
        spread = np.exp(tau * rng.standard_normal(interviewers))[group]
        latent = level + np.sqrt(1 - icc) * spread * rng.standard_normal(len(group))
        columns = Columns(np.ones((len(group), 1)), np.clip(np.rint(5 + 2 * latent), 0, 10), group)
        rows = np.arange(len(group))
        plans.append(ModelPlan("null", "", ("(Intercept)",), columns, rows, (0,), judge=True, precise=False))
    models = [model for model in fit_models(plans, interviewers) if isinstance(model, ModelResult)]
    spreads = _spreads(models, plans, interviewers)
    pooled, own = [], []
    for model, spread in zip(models, spreads, strict=True):
        effects = model.effects
        pooled.append(effects.z[:, 0])
        if not isinstance(spread, SpreadEffects) or effects.deviation_df is None:
            continue
        se, df = effects.deviation_se[:, 0], effects.deviation_df[:, 0]
        per_mean = model.variance.residual / effects.n_interviews
        variance, own_df = own_variance(se, df, per_mean, spread.shrunken, spread.shrunken_df)
        own.append(two_sided(effects.deviation[:, 0] / np.sqrt(variance), own_df)[1])
    nominal = 2 * stats.norm.sf(3)
    return tuple(float(np.mean(np.abs(np.concatenate(z)) > 3) / nominal) for z in (pooled, own))


def page() -> Iterator[str]:
    """The lines of docs/simulations-spread.md."""
    yield "# Simulated operating characteristics: spread\n"
    yield "Made by `python -m tests.effects.spread_characteristics`, seeded. 1 is nominal."
    heads = "| tau estimated | P(z < -2) | P(z < -3) | P(z > 3) over nominal |\n|---|---|---|---|---|---|---|"
    yield f"\n| Spread of normal interviewers, one item | interviewers | tau {heads}"
    for interviewers, waves in ((150, 100), (20, 400)):
        for tau in (0.0, 0.2):
            for name, answers in SCALES.items():
                found = item_tails(answers, interviewers, tau, waves)
                yield _row(name, interviewers, tau, found)
    yield f"\n| Spread of normal interviewers, 22 items together | interviewers | tau {heads}"
    for interviewers, waves in ((150, 25), (20, 80)):
        for tau in (0.0, 0.2):
            yield _row("0-10", interviewers, tau, overall_tails(interviewers, tau, waves))
    yield "\n| Interviews too alike, 12 of them | tau of the others | found |\n|---|---|---|"
    for share, tau in ((1 / 3, 0.0), (1 / 3, 0.15), (0.6, 0.0)):
        yield f"| {100 * share:.0f} % of the usual spread | {tau} | {power(share, tau, 25):.2f} |"

    yield "\n| Levels of normal interviewers | interviewers | ICC | tau | P(abs z > 3), pooled variance | own |"
    yield "|---|---|---|---|---|---|"
    for interviewers, waves in ((150, 40), (20, 200)):
        for icc in (0.02, 0.1):
            for tau in (0.0, 0.1, 0.2, 0.3):
                pooled, own = level_tails(interviewers, icc, tau, waves)
                yield f"| 0-10 | {interviewers} | {icc} | {tau} | {pooled:.2f} | {own:.2f} |"


def _row(name: str, interviewers: int, tau: float, found: Tails) -> str:
    tails = f"{found.below_2:.2f} | {found.below_3:.2f} | {found.above_3:.2f}"
    return f"| {name} | {interviewers} | {tau} | {found.tau:.3f} | {tails} |"


if __name__ == "__main__":
    for line in page():
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
