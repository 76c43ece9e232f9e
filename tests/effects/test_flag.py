"""Who is flagged: planted interviewers are found and named right, normal ones are left in peace."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from msgspec.structs import replace
from statsmodels.stats.multitest import multipletests

from qa_reports.config import ReportConfig
from qa_reports.effects.between import shrink_between
from qa_reports.effects.chance import expected_by_chance
from qa_reports.effects.damage import measure_damages
from qa_reports.effects.distributions import t_isf
from qa_reports.effects.estimate import ItemEffects, estimate_items
from qa_reports.effects.evidence import CombinedEvidence
from qa_reports.effects.flag import Flag, FlagKind, Flags, flag_interviewers, in_order
from qa_reports.effects.inference import boundary_p, false_discovery_q
from qa_reports.effects.simulated_levels import SimulatedLevels
from qa_reports.effects.slope_flags import slope_source
from qa_reports.effects.sources import Cell, EvidenceSource, combine_sources, decide
from qa_reports.effects.spread_effects import SpreadEffects
from qa_reports.survey.clean import Covariate, Survey
from qa_reports.survey.suspects import CodeSuspect
from tests.effects.synthetic import make_config, make_survey, wave


def judge(survey: Survey, config: ReportConfig) -> Flags:
    return flag_interviewers(survey, estimate_items(survey, config), measure_damages(survey, config), config)


def test_a_level_shift_on_several_items_is_critical_and_described() -> None:
    answers, interviewer = wave(np.random.default_rng(21))
    for k in (0, 2, 5):
        answers[f"item{k}"][interviewer == 30] = np.clip(answers[f"item{k}"][interviewer == 30] - 3, 0, 10)
    flags = judge(make_survey(answers, interviewer), make_config(list(answers)))
    flag = flags.flags[0]
    assert (flag.interviewer, flag.kind, flag.severity) == ("130", "level", "critical")
    assert {"item0", "item2", "item5"} <= set(flag.items)
    assert flag.estimate < -2
    assert flag.z is not None
    assert flag.z < -3
    assert "points below those of colleagues (scale 0 to 10)" in flag.sentence
    verdict = next(verdict for verdict in flags.interviewers if verdict.interviewer == "130")
    assert verdict.severity == "critical"
    assert len(flags.interviewers) == 60
    assert not any(verdict.reviewed for verdict in flags.interviewers)


def test_too_few_interviews_is_said_and_never_flagged() -> None:
    answers, interviewer = wave(np.random.default_rng(22), workload=(4, 12))
    short = int(np.flatnonzero(np.bincount(interviewer) == 4)[0])
    for values in answers.values():
        values[interviewer == short] = 10.0
    flags = judge(make_survey(answers, interviewer), make_config(list(answers), min_interviews=5))
    verdict = flags.interviewers[short]
    assert verdict.too_few
    assert verdict.severity == "none"
    assert verdict.combined_p is None
    assert str(100 + short) not in {flag.interviewer for flag in flags.flags}


def test_flags_need_no_more_than_the_models_that_judge() -> None:
    answers, interviewer = wave(np.random.default_rng(28), interviewers=30, items=3)
    answers["item0"][interviewer == 9] = 0.0
    answers["item2"] = (answers["item2"] > 7).astype(float)
    age = Covariate("age", "Age", "numeric", np.random.default_rng(29).normal(50, 15, len(interviewer)), ())
    survey, config = (
        make_survey(answers, interviewer, respondent_covariates=[age]),
        make_config(list(answers), {"item0": ["item1"]}),
    )
    bare = estimate_items(survey, config, judgement_only=True)

    flags = flag_interviewers(survey, bare, (), config)

    assert flags.flags
    assert flags.flags == judge(survey, config).flags
    for item in bare:
        assert isinstance(item, ItemEffects)
        assert not item.judging.referee.agrees  # nobody was asked
        assert item.judging.tests == ()
        assert item.covariates is None


def test_a_reversed_slope_is_called_a_slope() -> None:
    rng = np.random.default_rng(23)
    counts = rng.integers(10, 30, 60)
    interviewer = np.repeat(np.arange(60), counts)
    x = np.clip(np.rint(rng.normal(5, 2, len(interviewer))), 0, 10)
    slope = np.where(interviewer == 11, -0.8, 0.8)
    y = 5 + slope * (x - 5) + rng.normal(0, 1.2, len(x)) + rng.normal(0, 0.3, 60)[interviewer]
    survey = make_survey({"y": y, "x": x}, interviewer)
    config = make_config(["y", "x"], {"y": ["x"]}, min_interviews=int(counts[11]))
    items = estimate_items(survey, config)
    flag = flag_interviewers(survey, items, (), config).flags[0]
    assert (flag.interviewer, flag.kind, flag.items) == ("111", "slope", ("y",))
    assert flag.estimate == pytest.approx(-1.6, abs=0.5)
    assert flag.pattern == "reversed_slope"
    modelled = [item for item in items if isinstance(item, ItemEffects)]
    for minimum in range(30, 9, -1):
        cells = slope_source(survey, modelled, make_config(["y", "x"], min_interviews=minimum)).cells
        assert {cell.interviewer for cell in cells} == set(np.flatnonzero(counts >= minimum).tolist())
    # Large is what moves the outcome by 0.3 of its sd over two standard deviations of the predictor.
    residual = modelled[0].slope.variance.residual  # type: ignore[union-attr]
    moved = np.array([abs(cell.deviation) * 2 * x.std() / np.sqrt(residual) for cell in cells])
    clear = abs(moved - 0.3) > 0.003
    assert [cell.large for cell, known in zip(cells, clear, strict=True) if known] == (moved >= 0.3)[clear].tolist()
    assert {cell.large for cell in cells} == {True, False}


def test_interviews_too_alike_are_called_spread() -> None:
    answers, interviewer = wave(np.random.default_rng(29))
    own = interviewer == 30
    for values in answers.values():
        values[own] = np.rint(values[own].mean() + (values[own] - values[own].mean()) / 3)
    flags = judge(make_survey(answers, interviewer), make_config(list(answers)))
    flag = flags.flags[0]
    assert (flag.interviewer, flag.kind, flag.severity) == ("130", "spread", "critical")
    assert flag.estimate == pytest.approx(1 / 3, abs=0.15)
    assert flag.z is not None
    assert flag.z < -3
    assert "more alike than in other interviewers' interviews" in flag.sentence
    assert isinstance(flags.spread, SpreadEffects)


def test_nobody_is_flagged_for_spread_where_it_is_switched_off() -> None:
    answers, interviewer = wave(np.random.default_rng(29))
    own = interviewer == 30
    for values in answers.values():
        values[own] = np.rint(values[own].mean() + (values[own] - values[own].mean()) / 3)
    config = make_config(list(answers))
    off = config.model_copy(update={"indicators": config.indicators.model_copy(update={"off": ("spread",)})})
    flags = judge(make_survey(answers, interviewer), off)
    assert not any(flag.kind == "spread" for flag in flags.flags)
    assert isinstance(flags.spread, SpreadEffects)  # levels are still judged by it


def test_p_of_several_sources() -> None:
    """Simes with weights: equal weights are Simes, one source is itself, NaN is left out, more weight costs less."""
    p = np.array([[0.01, 0.04], [0.04, 0.05], [np.nan, 0.03], [np.nan, np.nan]])
    np.testing.assert_allclose(combine_sources(p, np.array([1.0, 1.0])), [0.02, 0.05, 0.03, np.nan])
    np.testing.assert_allclose(combine_sources(p[:1], np.array([3.0, 1.0])), [0.01 / 0.75])
    uniform = np.random.default_rng(30).uniform(size=(20_000, 3))
    # 20,000 draws: .05 is known to +-.0015; weighted Simes of independent sources is at most that.
    assert np.mean(combine_sources(uniform, np.array([3.0, 1.0, 1.0])) < 0.05) == pytest.approx(0.05, abs=0.005)


def test_a_flag_that_only_a_suspect_code_makes_is_data_preparation() -> None:
    answers, interviewer = wave(np.random.default_rng(24), items=3)
    row = int(np.flatnonzero(interviewer == 17)[2])
    answers["item1"][row] = np.nan
    left_out = {"item1": np.where(np.arange(len(interviewer)) == row, 88.0, np.nan)}
    suspect = CodeSuspect("item1", 88.0, 1, (("117", 1),), "outside the scale 0 to 10", "missing_codes: {88: Missing}")
    survey = make_survey(answers, interviewer, left_out=left_out, suspects=[suspect])
    flags = judge(survey, make_config(list(answers)))
    kinds = {(flag.interviewer, flag.kind, flag.severity) for flag in flags.flags}
    assert ("117", "missing_code", "data_preparation") in kinds
    assert not any(flag.interviewer == "117" and flag.kind != "missing_code" for flag in flags.flags)
    assert flags.interviewers[17].severity == "none"
    sentence = next(flag.sentence for flag in flags.flags if flag.interviewer == "117")
    assert "not of the interviewer" in sentence


@pytest.mark.parametrize("interviewers", [2, 3])
def test_hardly_anyone_to_compare_with(interviewers: int) -> None:
    answers, interviewer = wave(np.random.default_rng(25), interviewers=interviewers, items=2, workload=(10, 20))
    flags = judge(make_survey(answers, interviewer), make_config(list(answers)))
    assert (flags.expected_by_chance.interviewers == 0) is (interviewers == 2)
    # Two cannot be told apart at all; of three nobody is certain enough to be critical.
    assert not any(flag.severity == "critical" for flag in flags.flags)
    assert len(flags.interviewers) == interviewers
    assert np.isfinite(flags.expected_by_chance.interviewers)


def test_same_survey_same_flags() -> None:
    answers, interviewer = wave(np.random.default_rng(26), items=3)
    survey, config = make_survey(answers, interviewer), make_config(list(answers))
    once, again = judge(survey, config), judge(survey, config)
    assert (once.flags, once.interviewers) == (again.flags, again.interviewers)
    assert once.expected_by_chance == again.expected_by_chance


def test_items_asked_of_different_halves_are_combined() -> None:
    """A split ballot: no interview has both items, so nothing is known of their covariance within interviews."""
    answers, interviewer = wave(np.random.default_rng(27), items=2)
    first_half = np.arange(len(interviewer)) % 2 == 0
    answers["item0"][first_half] = np.nan
    answers["item1"][~first_half] = np.nan
    flags = judge(make_survey(answers, interviewer), make_config(list(answers)))
    judged = [verdict for verdict in flags.interviewers if not verdict.too_few]
    assert all(verdict.combined_p is not None and 0 < verdict.combined_p <= 1 for verdict in judged)


def test_boundary_mixture() -> None:
    # Stram & Lee (1994): the 5 % points of the mixtures are 2.71 and 5.14.
    assert boundary_p(2.7055, 1) == pytest.approx(0.05, abs=1e-4)
    assert boundary_p(5.1387, 2) == pytest.approx(0.05, abs=1e-4)
    assert boundary_p(0.0, 1) == 1.0
    assert boundary_p(-1e-9, 2) == 1.0


def test_false_discovery_rate_agrees_with_statsmodels() -> None:
    p = np.random.default_rng(28).uniform(size=50) ** 2
    p[[3, 9]] = np.nan
    expected = multipletests(p[np.isfinite(p)], method="fdr_bh")[1]
    np.testing.assert_allclose(false_discovery_q(p)[np.isfinite(p)], expected)
    assert np.isnan(false_discovery_q(p)[[3, 9]]).all()


@pytest.mark.slow
def test_clean_waves_flag_as_few_as_chance_is_said_to() -> None:
    """20 clean waves: the mean number flagged is within Monte-Carlo error of what the reports expect, and below 1."""
    flagged, expected = [], []
    for seed in range(20):
        answers, interviewer = wave(np.random.default_rng(5000 + seed), items=5)
        flags = judge(make_survey(answers, interviewer), make_config(list(answers)))
        flagged.append(sum(verdict.severity != "none" for verdict in flags.interviewers))
        expected.append(flags.expected_by_chance.interviewers)
    mean, error = np.mean(flagged), 3 * np.sqrt(max(np.var(flagged), 0.3) / len(flagged))
    assert mean < np.mean(expected) + error
    assert mean < 1.0


def _source(cells: Sequence[Cell], interviewers: int) -> EvidenceSource:
    return EvidenceSource("level", "level", 1.0, np.full(interviewers, np.nan), tuple(cells), lambda _: None)


def _cells(p: np.ndarray) -> list[Cell]:
    """Cells (J, K) with these p."""
    return [Cell(f"item{k}", j, 10, 1.0, 3.0, float(p[j, k]), large=True) for j, k in np.ndindex(*p.shape)]


def test_the_many_cells_of_one_interviewer_make_no_room_for_those_of_others() -> None:
    p = np.full((130, 20), 0.6)
    p[0] = 1e-8
    p[1, 0] = 2e-4  # among 2,600 cells, 20 of them sure, Benjamini-Hochberg would let this one pass
    assert false_discovery_q(p)[1, 0] < 0.05

    found = decide([_source(_cells(p), 130)], 0.05).findings

    assert [(finding.interviewer, len(finding.single)) for _, finding in found] == [(0, 20)]
    p[1, 0] = 1e-5
    assert [finding.interviewer for _, finding in decide([_source(_cells(p), 130)], 0.05).findings] == [0, 1]


def test_simulated_cells_go_by_the_rule_of_the_survey_s_own() -> None:
    rng, (waves, interviewers, items) = np.random.default_rng(30), (60, 12, 6)
    p = rng.uniform(size=(waves, interviewers, items)) ** 2  # small ones more often than by chance
    wave_of, row_of, item_of = np.nonzero(p < 0.05)
    levels = SimulatedLevels(
        interviewer=np.arange(interviewers),
        p=np.ones((waves, interviewers)),
        remarkable=np.ones((waves, interviewers), dtype=bool),
        n_cells=interviewers * items,
        cell_wave=wave_of,
        cell_row=row_of,
        cell_t=t_isf(p[wave_of, row_of, item_of] / 2, 10),
        cell_large=np.ones(len(wave_of), dtype=bool),
        df=10,
    )
    source = _source([], interviewers)

    expected = expected_by_chance(CombinedEvidence(np.ones(interviewers), levels), [source], 0.05)

    singles = [
        sum(len(finding.single) for _, finding in decide([_source(_cells(one), interviewers)], 0.05).findings)
        for one in p
    ]
    assert sum(singles) > 100
    assert expected.cells == pytest.approx(np.mean(singles))


def test_single_cells_of_other_sources_are_expected_as_often_as_chance_makes_them() -> None:
    rng, (waves, interviewers) = np.random.default_rng(31), (400, 12)
    nothing = np.zeros(0)
    levels = SimulatedLevels(
        interviewer=np.arange(interviewers),
        p=np.ones((waves, interviewers)),
        remarkable=np.ones((waves, interviewers), dtype=bool),
        n_cells=interviewers * 2,
        cell_wave=nothing.astype(int),
        cell_row=nothing.astype(int),
        cell_t=nothing,
        cell_large=nothing.astype(bool),
        df=10,
    )
    level = _source(_cells(np.ones((interviewers, 2))), interviewers)

    def slopes() -> EvidenceSource:
        return replace(_source(_cells(rng.uniform(size=(interviewers, 3))), interviewers), name="slope", kind="slope")

    expected = expected_by_chance(CombinedEvidence(np.ones(interviewers), levels), [level, slopes()], 0.2)

    singles = [sum(len(f.single) for _, f in decide([level, slopes()], 0.2).findings) for _ in range(waves)]
    # Means over 400 waves, of numbers whose standard deviation is about 0.4.
    assert expected.cells == pytest.approx(np.mean(singles), abs=0.08)
    assert np.mean(singles) > 0.1


def test_interviewers_are_expected_as_often_as_the_rules_name_them() -> None:
    rng, (waves, interviewers) = np.random.default_rng(32), (2_000, 12)
    nothing = np.zeros(0)
    uniform = rng.uniform(size=(waves, interviewers))
    levels = SimulatedLevels(
        interviewer=np.arange(interviewers),
        p=uniform,
        remarkable=np.ones((waves, interviewers), dtype=bool),
        n_cells=interviewers,
        cell_wave=nothing.astype(int),
        cell_row=nothing.astype(int),
        cell_t=nothing,
        cell_large=nothing.astype(bool),
        df=10,
    )

    def sources(wave: int) -> list[EvidenceSource]:
        level = EvidenceSource("level", "level", 3.0, uniform[wave], (), lambda _: None)
        return [level, EvidenceSource("spread", "spread", 1.0, rng.uniform(size=interviewers), (), lambda _: None)]

    expected = expected_by_chance(CombinedEvidence(uniform[0], levels), sources(0), 0.05)

    named = [len({finding.interviewer for _, finding in decide(sources(wave), 0.05).findings}) for wave in range(waves)]
    # Means over 2,000 waves, of numbers whose standard deviation is about 0.6.
    assert expected.interviewers == pytest.approx(np.mean(named), abs=0.06)
    assert 0.2 < np.mean(named) < 0.6


def test_response_styles_stand_behind_a_spread_of_the_same_interviewer() -> None:
    style, spread = _flag("7", "response_style", 1e-9), _flag("7", "spread", 1e-4)
    other = _flag("8", "response_style", 1e-6)
    assert in_order([(1e-4, spread), (1e-9, style), (1e-6, other)]) == (other, spread, style)
    surer = replace(spread, severity="warning")
    assert in_order([(1e-4, surer), (1e-9, style)]) == (style, surer)


def _flag(interviewer: str, kind: FlagKind, p: float) -> Flag:
    return Flag(interviewer, "critical", kind, (), 1.0, "units", 3.0, p, p, "A sentence.", "similar_answers")


def test_what_interviewers_have_in_common_is_shrunk_towards_what_answers_have_in_common() -> None:
    battery = np.arange(8) // 4
    same = battery[:, None] == battery
    answers, sd = np.where(same, 0.5, 0.1), np.linspace(0.1, 0.4, 8)
    np.fill_diagonal(answers, 1.0)
    correlations = np.where(same, 0.7, 0.2)
    np.fill_diagonal(correlations, 1.0)
    in_batteries = correlations * np.outer(sd, sd)
    alike_everywhere = np.where(np.eye(8, dtype=bool), 1.0, 0.4) * np.outer(sd, sd)

    np.testing.assert_allclose(shrink_between(in_batteries, answers).covariance, in_batteries, atol=1e-12)
    np.testing.assert_allclose(shrink_between(alike_everywhere, answers).covariance, alike_everywhere, atol=1e-12)
    # Noise is halved where nothing speaks for it.
    noisy = in_batteries.copy()
    noisy[0, 1] = noisy[1, 0] = 0.0
    assert 0.4 < shrink_between(noisy, answers).covariance[0, 1] / in_batteries[0, 1] < 0.5
