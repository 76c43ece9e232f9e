"""Spread: the kernel against R (`tests/reference/spread.R`), closed forms, and answers that cannot be compared.

Tolerances, and why (measured differences in brackets):
- VARIANCE: own variances against REML of nlme and glmmTMB, relative: nlme stops early (1.2e-4; most 1e-5).
- TAU: tau and the ends of its interval against R, absolute: the likelihood is computed at sixteen values of tau and a
  spline between them is searched in steps of 0.0005.
- COARSE: relative, of large ends of an interval, where those sixteen values stand far apart (8e-3).
- RELATION: mean ratios of 190 or more interviewers, each with a standard deviation of 40 % (0.028).
- EFFECT: EBLUPs and conditional sds, absolute: nine nodes against adaptive integration, and the difference in tau.
- UNIFORM: largest distance of 4,000 drawn p from the uniform distribution; independent exact ones would pass 0.021 once
  in twenty times.
"""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace

from qa_reports.effects.estimate import ItemEffects, estimate_items
from qa_reports.effects.judge import level_cells
from qa_reports.effects.spread import fit_spreads
from qa_reports.effects.spread_effects import NoSpread, SpreadEffects, _effective_df, overall_spread
from qa_reports.effects.spread_moments import spread_moments, spread_moments_of_sums
from qa_reports.survey.whole import count_answers
from tests.effects.lme4_tables import REFERENCE
from tests.effects.spread_characteristics import moments_of
from tests.effects.synthetic import make_config, make_survey, wave

VARIANCE = 3e-4
TAU = 4e-3
COARSE = 0.02
EFFECT = 3e-3
UNIFORM = 0.025
RELATION = 0.1

TABLES = json.loads((REFERENCE / "spread.json").read_text(encoding="utf-8"))
EXAMPLE = REFERENCE.parents[1] / "configs" / "example_wave.csv"


@pytest.mark.parametrize("table", TABLES["variances"], ids=lambda table: table["item"])
def test_own_variances_are_those_of_nlme_and_glmmtmb(table: dict[str, object]) -> None:
    rows = pd.read_csv(EXAMPLE, usecols=["intnum", table["item"]]).dropna()
    rows = rows[~rows[table["item"]].isin([77, 88, 99])]
    rows = rows[rows["intnum"].astype(str).isin(table["groups"])]
    rows["group"] = pd.Categorical(rows["intnum"].astype(str), categories=table["groups"]).codes
    answers, group = rows[table["item"]].to_numpy(float), rows["group"].to_numpy(np.int64)
    # A step of 0 adds no rounding variance; what was expected is taken out again.
    moments = moments_of(answers, group, len(table["groups"]), 0.0)
    own = np.array([answers[group == j].var(ddof=1) for j in range(len(table["groups"]))])
    np.testing.assert_allclose(own, table["nlme"], rtol=VARIANCE)
    np.testing.assert_allclose(own, table["glmmTMB"], rtol=VARIANCE)
    again = moments.ratio * moments.expected
    told = moments.df > 0
    assert told.sum() >= 19
    np.testing.assert_allclose(again[told], np.array(table["nlme"])[told], rtol=VARIANCE)


@pytest.mark.parametrize("table", TABLES["location_scale"], ids=lambda table: table["name"])
def test_random_effects_on_the_log_spread_agree_with_r(table: dict[str, object]) -> None:
    fits = fit_spreads(np.array([table["ratio"]]), np.array([table["df"]]))
    assert fits.tau[0] == pytest.approx(table["tau"], abs=TAU)
    assert fits.centre[0] == pytest.approx(table["centre"], abs=TAU)
    np.testing.assert_allclose(fits.tau_interval[0], [table["lower"], table["upper"]], atol=TAU, rtol=COARSE)
    assert fits.statistic[0] == pytest.approx(table["statistic"], abs=5 * TAU)
    np.testing.assert_allclose(fits.eblup[0], table["eblup"], atol=EFFECT + 2 * abs(fits.tau[0] - table["tau"]))
    np.testing.assert_allclose(
        fits.conditional_sd[0], table["conditional_sd"], atol=EFFECT + 2 * abs(fits.tau[0] - table["tau"])
    )


def test_two_answers_have_the_spread_their_level_says() -> None:
    """p(1 - p): the mean-spread relation is exact, so nothing is left for an interviewer to differ in."""
    rng = np.random.default_rng(71)
    group = np.repeat(np.arange(400), 15)
    answers = (rng.uniform(size=6000) < 0.3).astype(float)
    moments = moments_of(answers, group, 400, 0.0)
    assert not moments.df.any()


def test_the_spread_that_a_level_leaves_is_that_of_a_binomial() -> None:
    """V(mean) of sums of ten trials is m (1 - m/10), far from the usual level, too."""
    rng = np.random.default_rng(75)
    group = np.repeat(np.arange(3000), 12)
    usual = rng.beta(18, 12, 3000)
    answers = rng.binomial(10, usual[group]).astype(float)
    moments = moments_of(answers, group, 3000, 0.0)
    mean = np.bincount(group, answers) / 12
    for low, high in pairwise([3.5, 4.5, 5.0, 6.0, 7.0, 8.0]):
        there = (mean >= low) & (mean < high)
        assert moments.ratio[there].mean() == pytest.approx(1, abs=RELATION)


@pytest.mark.parametrize("shape", ["normal", "even", "tails"])
def test_degrees_of_freedom_say_how_much_own_variances_scatter(shape: str) -> None:
    """Those of even answers scatter half as much as those of normal ones, those of heavy tails much more."""
    rng = np.random.default_rng(78)
    group = np.repeat(np.arange(3000), 10)
    draw = {"normal": rng.normal(50, 15, group.size), "even": rng.uniform(0, 100, group.size),
            "tails": 50 + 8 * rng.standard_t(8, group.size)}  # fmt: skip
    moments = moments_of(np.rint(draw[shape]), group, 3000, 1.0)
    # What other levels would do to the spread is part of it, and known less well (16 %).
    assert (2 / moments.df).mean() == pytest.approx(moments.ratio.var(), rel=0.2)


def test_deletion_agrees_with_a_fit_without_the_interviewer() -> None:
    rng = np.random.default_rng(72)
    df = rng.uniform(3, 25, 30)
    ratio = np.exp(2 * rng.normal(0, 0.3, 30)) * rng.chisquare(df) / df
    fits = fit_spreads(ratio[None], df[None])
    for j in (0, 7, 19):
        others = fit_spreads(np.delete(ratio, j)[None], np.delete(df, j)[None])
        own = fits.deviation[0, j] + others.centre[0]
        # The centre without j, averaged over what is uncertain about tau, is that of the refit but for a little.
        expected = np.log(ratio[j]) / 2 - (np.log(1) + _log_bias(df[j]))
        assert own == pytest.approx(expected, abs=0.02)


def _log_bias(df: float) -> float:
    """E log(chi2(df)/df) / 2, by its series (Abramowitz & Stegun 6.3.18)."""
    return -(1 / df + 1 / (3 * df**2) - 2 / (15 * df**4)) / 2


def test_over_all_items_the_usual_spread_is_that_of_an_average_interviewer() -> None:
    """A few interviewers of large spread raise the pooled variance of every item: nobody's spread is the pooled one."""
    rng = np.random.default_rng(76)
    interviewer = np.repeat(np.arange(60), 25)
    own = np.exp(rng.normal(0, 0.6, 60))[interviewer]
    answers = {f"item{k}": np.rint(50 + 5 * own * rng.normal(size=len(own))) for k in range(4)}
    items = estimate_items(make_survey(answers, interviewer), make_config(list(answers)))
    modelled = [item for item in items if isinstance(item, ItemEffects)]
    assert len(modelled) == 4
    for item in modelled:
        assert isinstance(item.spread, SpreadEffects)
        assert item.spread.centre < -0.15
    overall = overall_spread([item.judging for item in modelled], [item.spread for item in modelled], 60)
    assert isinstance(overall, SpreadEffects)
    # The centre of 60 interviewers is known to 0.6 over the root of 60 on each item, and they are the same ones on all.
    assert overall.centre == pytest.approx(0, abs=0.1)
    assert overall.tau == pytest.approx(0.6, abs=0.15)
    # Of a sample of every second interview all of them are told.
    half = overall_spread([item.judging for item in modelled], [item.spread for item in modelled], 60, np.full(60, 0.5))
    assert isinstance(half, SpreadEffects)
    np.testing.assert_array_equal(half.n_interviews, 2 * overall.n_interviews)
    np.testing.assert_allclose(half.df, 2 * overall.df)


def test_degrees_of_freedom_over_all_items_have_no_unit() -> None:
    rng = np.random.default_rng(79)
    interviewer = np.repeat(np.arange(9), rng.integers(1, 8, 9))
    surprise, weight = rng.gamma(2, 0.5, len(interviewer)), rng.uniform(1, 3, len(interviewer))
    ratio, n = rng.uniform(0.5, 2, 9), np.bincount(interviewer)
    df = _effective_df(ratio, surprise * weight, weight, interviewer, n)
    np.testing.assert_array_equal(df > 0, n > 1)
    np.testing.assert_allclose(_effective_df(7 * ratio, 7 * surprise * weight, weight, interviewer, n), df)
    np.testing.assert_allclose(_effective_df(ratio, surprise * 7 * weight, 7 * weight, interviewer, n), df)


def test_sums_of_powers_tell_the_spread_as_well_as_interviews() -> None:
    rng = np.random.default_rng(77)
    group = np.repeat(np.arange(12), rng.integers(1, 15, 12))
    answers = np.clip(np.rint(rng.normal(6, 2.5, len(group))), 0, 10)
    residuals = answers - 5.5
    given, n = count_answers(answers, group, 12), np.bincount(group)
    powers = np.column_stack([np.bincount(group, residuals**power) for power in (1, 2, 3, 4)])
    ours = spread_moments(residuals, group, given.values, given.counts, 1.0)
    theirs = spread_moments_of_sums(n, powers, residuals, group, given.values, given.counts, 1.0)
    for name in ("ratio", "df", "n", "expected", "sd", "surprise"):
        np.testing.assert_allclose(getattr(theirs, name), getattr(ours, name), rtol=1e-9, atol=1e-9)


def test_without_differences_everything_stands_as_it_was() -> None:
    df = np.full((1, 50), 12.0)
    fits = fit_spreads(np.ones((1, 50)), df)
    assert fits.tau[0] == 0
    assert fits.p[0] == 1
    assert not fits.eblup.any()
    assert not fits.conditional_sd.any()
    np.testing.assert_array_equal(fits.shrunken, 1.0)
    assert np.isinf(fits.shrunken_df).all()


def test_the_own_variance_is_shrunk_less_the_more_interviewers_differ() -> None:
    rng = np.random.default_rng(73)
    df = np.full((2, 60), 15.0)
    ratio = np.exp(2 * np.outer([0.15, 0.6], rng.standard_normal(60))) * rng.chisquare(df) / df
    fits = fit_spreads(ratio, df)
    pull = np.abs(np.log(fits.shrunken)) / np.abs(np.log(ratio))
    assert np.median(pull[0]) < np.median(pull[1]) < 1
    assert (fits.shrunken_df[0] > fits.shrunken_df[1]).all()


def test_equal_answers_are_finite_and_remarkable() -> None:
    answers, interviewer = wave(np.random.default_rng(74), items=3)
    for values in answers.values():
        values[interviewer == 12] = 5.0
    items = list(estimate_items(make_survey(answers, interviewer), make_config(list(answers))))
    assert all(isinstance(item, ItemEffects) and isinstance(item.spread, SpreadEffects) for item in items)
    for item in items:
        row = int(np.flatnonzero(item.spread.interviewer == 12)[0])
        assert np.isfinite([item.spread.z[row], item.spread.deviation[row], item.spread.eblup[row]]).all()
        assert item.spread.z[row] == item.spread.z[np.isfinite(item.spread.z)].min()
    models, spreads = [item.judging for item in items], [item.spread for item in items]
    overall = overall_spread(models, spreads, 60)
    assert isinstance(overall, SpreadEffects)
    assert overall.z[12] < -4


def test_one_interview_says_nothing_and_two_interviewers_are_not_compared() -> None:
    answers, interviewer = wave(np.random.default_rng(75), items=1)
    answers["item0"][np.flatnonzero(interviewer == 3)[1:]] = np.nan
    (item,) = estimate_items(make_survey(answers, interviewer), make_config(["item0"]))
    row = int(np.flatnonzero(item.spread.interviewer == 3)[0])
    assert item.spread.df[row] == 0
    assert item.spread.eblup[row] == pytest.approx(0, abs=1e-12)
    assert np.isnan(item.spread.z[row])
    two, pair = wave(np.random.default_rng(76), items=1, interviewers=2, workload=(10, 20))
    (item,) = estimate_items(make_survey(two, pair), make_config(["item0"]))
    assert isinstance(item.spread, NoSpread)
    assert item.spread.reason.startswith("fewer than 3 interviewers")


def test_three_different_answers_are_too_few() -> None:
    answers, interviewer = wave(np.random.default_rng(77), items=1)
    answers["item0"] = np.clip(answers["item0"], 4, 6)
    (item,) = estimate_items(make_survey(answers, interviewer), make_config(["item0"]))
    assert item.spread == NoSpread("with 3 different answers the level of an interviewer determines the spread")


def test_levels_are_judged_by_the_own_variance() -> None:
    answers, interviewer = wave(np.random.default_rng(78), items=1)
    rng = np.random.default_rng(79)
    factor = np.exp(0.4 * rng.standard_normal(60))[interviewer]
    answers["item0"] = np.clip(np.rint(5 + (answers["item0"] - 5) * factor), 0, 10)
    (item,) = estimate_items(make_survey(answers, interviewer), make_config(["item0"]))
    own, pooled = level_cells(item), level_cells(replace(item, spread=None))
    wider = item.spread.shrunken > 1.2
    narrower = item.spread.shrunken < 0.8
    assert wider.any()
    assert narrower.any()
    assert (own.deviation_se[wider] > pooled.deviation_se[wider]).all()
    assert (own.deviation_se[narrower] < pooled.deviation_se[narrower]).all()
    unchanged = replace(item.spread, shrunken=np.ones(60), shrunken_df=np.full(60, np.inf))
    same = level_cells(replace(item, spread=unchanged))
    np.testing.assert_allclose(same.z, pooled.z, atol=1e-6)


@pytest.mark.parametrize("tau", [0.0, 0.3])
def test_own_variances_of_normal_interviewers_have_uniform_p(tau: float) -> None:
    """Drawn from the model itself, 100 surveys of 40 interviewers with 2 to 30 degrees of freedom."""
    random = np.random.default_rng(7)
    df = random.integers(2, 31, (100, 40)).astype(float)
    ratio = np.exp(2 * random.normal(0, tau, df.shape)) * random.chisquare(df) / df
    fits = fit_spreads(ratio, df)
    p = np.sort(fits.p_deletion.ravel())
    too_large = p - (np.arange(p.size) + 0.5) / p.size
    assert too_large.min() > -UNIFORM
    # Where nobody differs tau can only be estimated as too large, which is on the safe side.
    assert too_large.max() < (UNIFORM if tau else 2 * UNIFORM)
    assert np.array_equal(fits.z < 0, fits.deviation < 0)


def test_two_interviewers_who_say_something_are_too_few() -> None:
    df = np.array([[9.0, 9.0, 0.0, 0.0, 0.0], [9.0, 9.0, 9.0, 0.0, 0.0]])
    fits = fit_spreads(np.full((2, 5), 1.2), df)
    assert np.isnan(fits.tau[0])
    assert np.isfinite(fits.tau[1])
