"""Indicators modelled over interviewers: calibrated one-sided p, collapsed counts, sources of evidence, sentences."""

from __future__ import annotations

import re

import numpy as np
import pytest
from msgspec.structs import replace
from scipy import stats

from qa_reports.effects.indicator_data import bounds, collapse
from qa_reports.effects.indicator_effects import (
    IndicatorModel,
    JudgedIndicators,
    estimate_indicators,
    exact_tails,
)
from qa_reports.effects.indicator_flags import indicator_sources, is_large, remarks_beside
from qa_reports.effects.sources import decide
from qa_reports.indicators.collect import Indicators, measure_indicators
from qa_reports.indicators.heaping import heaping_measures
from qa_reports.indicators.measure import IndicatorMeasure, Worrying
from qa_reports.survey.interviews import answered
from tests.effects.synthetic import make_survey
from tests.effects.waves import Design, Planted, config, copies, make_wave, refuse, speed, straightline

MONTE_CARLO = 4.0
"""Standard errors that a simulated share may lie from what it should be at most."""


def measure(values: np.ndarray, scale: str, worrying: Worrying = "high", name: str = "refusal") -> IndicatorMeasure:
    return IndicatorMeasure(name, "nonresponse", "Measure", values, "answers", worrying, scale, "it happens")  # type: ignore[arg-type]


def judged(values: np.ndarray, owner: np.ndarray, scale: str, worrying: Worrying = "high") -> JudgedIndicators:
    survey = make_survey({"item": np.zeros(len(owner))}, owner)
    return estimate_indicators(survey, Indicators((measure(values, scale, worrying),), None))


def clean(kind: str, rng: np.random.Generator, owner: np.ndarray) -> np.ndarray:
    """Values with a true interviewer effect of every shape that indicators have."""
    latent = 0.3 * rng.normal(size=owner.max() + 1)[owner] + rng.normal(size=len(owner))
    if kind == "45 % zeros":
        return np.asarray(np.maximum(np.floor(2 * (latent + 0.13)) + 1, 0.0))
    if kind == ".88 in one category":
        return np.digitize(latent, np.sqrt(1.09) * stats.norm.ppf([0.88, 0.95, 0.98])).astype(float)
    if kind == "rare":
        return (latent > np.sqrt(1.09) * stats.norm.ppf(0.97)).astype(float)
    return latent


@pytest.mark.parametrize("kind", ["normal", "45 % zeros", ".88 in one category", "rare"])
def test_normal_interviewers_have_small_p_as_often_as_they_should(kind: str) -> None:
    """Skewed and rare measures too, where a linear z would call several times too many."""
    p = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        owner = np.repeat(np.arange(60), rng.integers(5, 25, 60))
        (effects,) = judged(clean(kind, rng, owner), owner, "continuous" if kind == "normal" else "count").effects
        assert effects.judged_by == ("linear" if kind == "normal" else "binary" if kind == "rare" else "ordinal")
        p.append(effects.p)
    for level in (0.05, 0.01):
        share, n = (np.concatenate(p) < level).mean(), 360
        assert share <= level + MONTE_CARLO * np.sqrt(level * (1 - level) / n)


def test_a_favoured_last_digit_is_found_whichever_it_is() -> None:
    rng = np.random.default_rng(17)
    owner = np.repeat(np.arange(60), 14)
    hours = rng.integers(10, 60, len(owner)).astype(float)
    own = np.flatnonzero(owner == 7)
    hours[own[:9]] = 10 * (hours[own[:9]] // 10) + 3
    survey = make_survey({"item": np.zeros(len(owner))}, owner)
    measures = tuple(heaping_measures((), [answered(replace(survey.items[0], name="hours", answers=hours))]))
    sources = indicator_sources(survey, estimate_indicators(survey, Indicators(measures, None)), minimum=5)

    (source,) = sources
    ((_, finding),) = decide(sources, rate=0.05).findings
    flag = source.describe(finding)

    assert flag is not None
    assert (flag.interviewer, flag.kind, flag.pattern) == ("107", "heaping", "last_digits")
    found = int((hours[own] % 10 == 3).sum())
    assert flag.sentence.startswith(f"In {found} of their 14 interviews a number ends in 3; elsewhere in 1 of ")


def test_only_the_worrying_direction_counts() -> None:
    rng = np.random.default_rng(3)
    owner = np.repeat(np.arange(30), 12)
    values = rng.normal(size=len(owner)) + 3.0 * (owner == 4)

    high = judged(values, owner, "continuous", "high").effects[0]
    low = judged(values, owner, "continuous", "low").effects[0]

    assert high.p[4] < 1e-6
    assert low.p[4] > 0.999
    assert high.size[4] == pytest.approx(-low.size[4])
    assert is_large(high, 4)
    assert not is_large(low, 4)


def test_what_hardly_ever_happens_goes_to_the_exact_binomial() -> None:
    owner = np.repeat(np.arange(40), 10)
    values = np.zeros(len(owner))
    values[:4] = 1.0

    (effects,) = judged(values, owner, "count").effects

    assert effects.judged_by == "exact binomial"
    rate = 0.5 / 391
    expected = stats.binom.sf(4, 10, rate) + 0.5 * stats.binom.pmf(4, 10, rate)
    assert effects.p[0] == pytest.approx(expected, rel=1e-9)
    np.testing.assert_allclose(effects.p[1:], exact_tails(effects.affected, effects.n)[1:])
    assert not isinstance(effects.model, IndicatorModel)


def test_an_interviewer_to_whom_it_always_and_to_nobody_else_ever_happens_is_large() -> None:
    owner = np.repeat(np.arange(20), 10)

    (effects,) = judged((owner == 3).astype(float), owner, "count").effects

    assert effects.p[3] < 1e-6
    assert [j for j in range(20) if is_large(effects, j)] == [3]


def test_counts_are_collapsed_to_seven_ordered_categories() -> None:
    values = np.concatenate([np.zeros(500), np.arange(1.0, 15.0), np.full(30, 1.0)])

    levels, counts = np.unique(values, return_counts=True)
    category = collapse(counts.astype(float))
    places = np.searchsorted(bounds(levels, category), values)

    assert len(np.unique(places)) == 7
    assert places[0] == 0
    assert (places == category[np.searchsorted(levels, values)]).all()
    assert (np.diff(places[np.argsort(values, kind="stable")]) >= 0).all()
    assert len(np.unique(collapse(np.ones(5_000)))) == 7


def test_many_values_are_collapsed_in_their_order_to_categories_of_about_one_size() -> None:
    counts = np.random.default_rng(41).geometric(0.2, 300).astype(float)
    counts[[20, 150]] = 150.0  # two favourites, each of some 8 % of the interviews
    category = collapse(counts)
    assert np.unique(category).tolist() == list(range(7))
    assert (np.diff(category) >= 0).all()
    shares = np.bincount(category, counts) / counts.sum()
    assert ((shares > 0.5 / 7) & (shares < 2 / 7)).all()


def test_planted_interviewers_are_named_for_what_they_did() -> None:
    plantings = {"duplicates": copies, "speeding": speed(0.5), "straightlining": straightline, "nonresponse": refuse}
    survey = make_wave(1, Design(), [Planted(kind, plant, kind) for kind, plant in plantings.items()])
    indicators = estimate_indicators(survey, measure_indicators(survey, config(Design())))

    sources = indicator_sources(survey, indicators, 5)
    by_name = {source.name: source for source in sources}
    flags = [by_name[name].describe(finding) for name, finding in decide(sources, 0.05).findings]
    told = {(flag.interviewer, flag.kind): flag for flag in flags if flag is not None}

    for number, kind in enumerate(plantings, start=1):
        assert told[str(number), kind].severity == "critical"
    assert {interviewer for interviewer, _ in told} == {"1", "2", "3", "4"}
    pairs = next(one for one in indicators.effects if one.judged_by == "pairs")
    assert np.nanmin(pairs.z) == 0  # no pair at all is no sign of the contrary
    assert "interviews agree with another one of theirs on" in told["1", "duplicates"].sentence
    assert "typically take" in told["2", "speeding"].sentence
    assert "all answers to a whole battery are the same; elsewhere in" in told["3", "straightlining"].sentence
    assert "at least one question is left unanswered; elsewhere in" in told["4", "nonresponse"].sentence
    assert re.search(r"\(\d\.\d answers per interview instead of 0\.\d\)", told["4", "nonresponse"].sentence)
    # Single batteries are told beside all of them, single reasons in words of their own.
    assert "; Battery" in told["3", "straightlining"].sentence
    assert told["4", "nonresponse"].sentence.endswith("), mostly refusals.")
    assert "; refusals" not in told["4", "nonresponse"].sentence
    assert {(interviewer, flag.pattern) for (interviewer, _), flag in told.items()} >= {
        ("1", "duplicates"), ("2", "fast"), ("3", "straightlined"), ("4", "refusal"),
    }  # fmt: skip
    # What is remarkable of interviewer 3 is told once, as a flag or beside one.
    assert {"straightlining", "duplicates"} <= {one.kind for one in remarks_beside(indicators, 2, [], 5)}
    assert "straightlining" not in {one.kind for one in remarks_beside(indicators, 2, ["straightlining"], 5)}
    assert list(remarks_beside(indicators, 4, [], 5)) == []


def test_interviewers_with_too_few_interviews_are_not_judged() -> None:
    survey = make_wave(2, Design())
    measures = measure_indicators(survey, config(Design()))
    speed = Indicators(tuple(one for one in measures.measures if one.name == "log_minutes"), None)

    (source,) = indicator_sources(survey, estimate_indicators(survey, speed), 5)

    n = np.bincount(survey.interviewer)
    np.testing.assert_array_equal(np.isfinite(source.p), n >= 5)


def test_without_inputs_there_is_no_source() -> None:
    survey = replace(make_wave(3, Design()), minutes=None)
    measures = measure_indicators(survey, config(Design()))
    speed = Indicators(tuple(one for one in measures.measures if one.kind == "speeding"), None)

    assert indicator_sources(survey, estimate_indicators(survey, speed), 5) == []
