"""Weights, areas and teams of a whole survey: what they would change, and a reason for whatever cannot be said."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import statsmodels.api as sm
from msgspec import structs

from qa_reports.config import ReportConfig
from qa_reports.effects.area_flags import CellWithArea, FlagWithArea
from qa_reports.effects.estimate import ItemEffects, ItemNotModelled, estimate_items
from qa_reports.effects.flag import Flags, flag_interviewers
from qa_reports.effects.inference import boundary_p
from qa_reports.effects.sensitivity import Sensitivity, WeightSensitivity, _means, examine_sensitivity
from qa_reports.report.results_sensitivity import sensitivity_record
from qa_reports.report.sensitivity import SensitivitySummary, area_note, summarise_sensitivity
from qa_reports.survey.clean import ItemResponses, Survey
from tests.effects.synthetic import make_config, make_survey, wave


@functools.cache
def judged(
    items: tuple[ItemResponses, ...], interviewer: tuple[int, ...]
) -> tuple[ReportConfig, tuple[ItemEffects | ItemNotModelled, ...], Flags]:
    """The models and flags without areas, teams and weights, which do not depend on them."""
    survey = make_survey({item.name: item.answers for item in items}, np.array(interviewer))
    config = make_config([item.name for item in items])
    estimated = estimate_items(survey, config)
    return config, estimated, flag_interviewers(survey, estimated, (), config)


def examined(survey: Survey, flags: Flags | None = None) -> Sensitivity:
    config, items, own_flags = judged(survey.items, tuple(survey.interviewer.tolist()))
    found = examine_sensitivity(survey, items, flags or own_flags, config)
    assert "NaN" not in str(sensitivity_record(found))
    return found


def summary_of(found: Sensitivity) -> SensitivitySummary:
    summary = summarise_sensitivity(found, {})
    assert summary is not None
    return summary


@pytest.fixture(scope="module")
def survey() -> Survey:
    answers, interviewer = wave(np.random.default_rng(3), interviewers=30, items=3, workload=(6, 20))
    return make_survey(answers, interviewer)


def areas(levels: np.ndarray) -> tuple[str | None, ...]:
    return tuple(None if level < 0 else f"A{level:03d}" for level in levels)


def test_nothing_configured_is_nothing_said(survey: Survey) -> None:
    found = examined(survey)
    assert (found.weights, found.area, found.team, found.flags) == (None, None, None, ())
    assert summarise_sensitivity(found, {}) is None
    assert sensitivity_record(found) is None


@pytest.mark.parametrize(
    ("levels", "reason"),
    [
        (lambda interviewer: interviewer, "one interviewer who worked nowhere else"),
        (lambda interviewer: np.arange(len(interviewer)), "every area has one interview"),
        (lambda interviewer: 0 * interviewer, "all interviews are in one area"),
        (lambda interviewer: 0 * interviewer - 1, "no interview has an area"),
    ],
    ids=["one interviewer per area", "one interview per area", "one area", "no area"],
)
def test_areas_that_say_nothing_have_a_reason(survey: Survey, levels, reason: str) -> None:
    found = examined(structs.replace(survey, area=areas(levels(survey.interviewer))))
    assert found.area is not None
    assert reason in (found.area.reason or "")
    assert found.area.items == ()
    assert found.flags == ()
    summary = summary_of(found)
    apart_is_known = reason in ("all interviews are in one area", "no interview has an area")
    assert bool(summary.verdict_notes) is not apart_is_known
    assert reason in " ".join(summary.area_sentences)


def test_interpenetrated_areas_are_told_apart_and_missing_ones_counted(survey: Survey) -> None:
    levels = np.arange(len(survey.interviewer)) % 8
    levels[:5] = -1
    found = examined(structs.replace(survey, area=areas(levels)))
    area = found.area
    assert area is not None
    assert (area.reason, area.n_groups, area.n_without, area.n_confined, area.n_single) == (None, 8, 5, 0, 0)
    assert area.apart
    assert area.comparable == pytest.approx(1, abs=0.05)
    assert {item.n_interviews for item in area.items} == {len(levels) - 5}
    for item in area.items:
        zero = {"interviewers": item.intercept == 0, "areas": item.group == 0}
        assert {name for name in zero if name in (item.reason or "")} == {name for name in zero if zero[name]}
        assert item.p == pytest.approx(boundary_p(item.statistic or 0.0, 1))
        assert item.group_p == pytest.approx(boundary_p(item.group_statistic or 0.0, 1))
        assert (item.statistic == 0, item.group_statistic == 0) == tuple(zero.values())
    summary = summary_of(found)
    assert summary.verdict_notes == ()
    assert "can be told apart" in summary.area_sentences[0]
    assert "Left out here: 5 interviews without an area." in summary.area_sentences


def test_nearly_nested_areas_are_said_in_the_verdict(survey: Survey) -> None:
    within = np.concatenate([np.arange(n) for n in np.bincount(survey.interviewer)]) // 4
    levels = survey.interviewer * 10 + within
    levels[survey.interviewer == 1] = 0
    found = examined(structs.replace(survey, area=areas(levels)))
    assert found.area is not None
    assert not found.area.apart
    assert found.area.n_confined >= 1
    assert all(item.status != "failed" for item in found.area.items)
    (note,) = [note for note in summary_of(found).verdict_notes if "cannot be told apart" in note]
    assert f"of {found.area.n_interviewers} interviewers" in note


def test_a_flag_that_belongs_to_the_area_vanishes_and_one_that_does_not_stands() -> None:
    """Twelve areas with four interviewers each; in one area everybody answers low, and one interviewer elsewhere."""
    rng = np.random.default_rng(5)
    interviewer = np.repeat(np.arange(48), 16)
    area = interviewer // 4
    # Two in each area also work in the next one: areas and interviewers are crossed.
    borrowed = (interviewer % 4 < 2) & (np.arange(len(interviewer)) % 16 < 6)
    area = np.where(borrowed, (area + 1) % 12, area)
    shift = np.array([-6.0 if a == 3 else 0.0 for a in range(12)])[area]
    y = 5 + rng.normal(0, 0.3, 48)[interviewer] + shift + rng.normal(0, 1, len(interviewer))
    y[interviewer == 30] += 2.5
    survey = structs.replace(make_survey({"item0": y + 10, "item1": rng.normal(15, 1, len(y))}, interviewer),
                                 area=areas(area))  # fmt: skip
    _, _, plain = judged(survey.items, tuple(interviewer.tolist()))
    template = structs.replace(next(iter(plain.flags)), severity="critical", kind="level", items=("item0",))
    flags = structs.replace(plain, flags=tuple(structs.replace(template, interviewer=name) for name in ("115", "130")))
    found = examined(survey, flags)
    outcome = {flag.interviewer: flag for flag in found.flags}
    assert outcome["115"].cells[0].z is not None
    assert abs(outcome["115"].cells[0].z_with_area or 9) < 2
    assert outcome["115"].outcome == "vanishes"
    assert outcome["130"].outcome == "stands"
    assert outcome["130"].cells[0].shift == pytest.approx(2.5, abs=0.6)
    assert "no longer stands out (115)" in " ".join(summary_of(found).verdict_notes)


def test_two_interviewers_are_fitted_and_nobody_is_judged() -> None:
    rng = np.random.default_rng(7)
    interviewer = np.repeat([0, 1], 30)
    survey = make_survey({"item0": rng.integers(0, 11, 60).astype(float)}, interviewer)
    found = examined(structs.replace(survey, area=areas(np.arange(60) % 5), weight=np.ones(60)))
    assert found.area is not None
    assert found.area.items[0].status != "failed"
    assert found.flags == ()
    assert found.weights is not None
    assert found.weights.constant


def test_teams_tell_the_variance_between_them(survey: Survey) -> None:
    teams = tuple(None if j == 0 else f"T{j % 5}" for j in range(30))
    found = examined(structs.replace(survey, teams=teams))
    assert found.team is not None
    assert found.team.reason is None
    assert (found.team.n_groups, found.team.n_confined) == (5, 29)
    assert found.team.n_without == int((survey.interviewer == 0).sum())
    assert all(item.group_icc is not None and 0 <= item.group_icc < 1 for item in found.team.items)
    assert "known roughly only" in " ".join(summary_of(found).team_sentences)


@pytest.mark.parametrize(
    ("teams", "reason"),
    [
        (tuple(f"T{j}" for j in range(30)), "every team has one interviewer"),
        (("T",) * 30, "all interviews are in one team"),
        ((None,) * 30, "no interview has a team"),
    ],
)
def test_teams_that_say_nothing_have_a_reason(survey: Survey, teams: tuple[str | None, ...], reason: str) -> None:
    found = examined(structs.replace(survey, teams=teams))
    assert found.team is not None
    assert reason in (found.team.reason or "")
    assert reason in summary_of(found).team_sentences[0]


def weighted(survey: Survey, weight: np.ndarray) -> WeightSensitivity:
    found = examined(structs.replace(survey, weight=weight)).weights
    assert found is not None
    return found


def test_blank_and_zero_weights_are_left_out_and_counted(survey: Survey) -> None:
    n = len(survey.interviewer)
    weight = np.random.default_rng(1).uniform(0.5, 2, n)
    weight[:4], weight[4:10] = np.nan, 0.0
    found = weighted(survey, weight)
    assert (found.n_without_weight, found.n_zero_weight, found.reason) == (4, 6, None)
    assert {item.null.n_interviews for item in found.items} == {n - 10}
    assert all(item.null.status != "failed" for item in found.items)


def test_weighted_means_have_the_standard_errors_of_clusters() -> None:
    """As weighted least squares on a constant with a sandwich by interviewer, by G/(G - 1) of G of them."""
    rng = np.random.default_rng(14)
    interviewer, weight = np.repeat(np.arange(6), 9), rng.uniform(0.2, 4, 54)
    y = rng.normal(3, 2, 54) + interviewer
    y[3], weight[10], weight[11] = np.nan, np.nan, 0.0
    used = np.isfinite(y) & (np.nan_to_num(weight) > 0)
    fit = sm.WLS(y[used], np.ones(used.sum()), weights=weight[used]).fit(
        cov_type="cluster", cov_kwds={"groups": interviewer[used], "use_correction": False}
    )
    mean, weighted_mean, se, effective = _means(y, weight, interviewer)
    assert mean == pytest.approx(y[used].mean())
    assert weighted_mean == pytest.approx(fit.params[0])
    assert se == pytest.approx(fit.bse[0] * np.sqrt(6 / 5))
    assert effective == pytest.approx(weight[used].sum() ** 2 / (weight[used] ** 2).sum())
    assert _means(y[:9], weight[:9], interviewer[:9])[2] is None  # one interviewer


def test_no_weight_above_zero_is_a_reason(survey: Survey) -> None:
    for value in (0.0, np.nan):
        found = weighted(survey, np.full(len(survey.interviewer), value))
        assert found.reason == "no interview has a weight above zero"
        assert found.items == ()


def test_an_enormous_weight_leaves_its_mark_in_the_effective_number(survey: Survey) -> None:
    weight = np.ones(len(survey.interviewer))
    weight[7] = 1e6
    found = weighted(survey, weight)
    for item in found.items:
        assert item.effective_n == pytest.approx(1, abs=0.01)
        assert item.null.status != "failed"
        assert item.null.icc is not None
        assert 0 <= item.null.icc < 0.9


def test_constant_weights_change_nothing(survey: Survey) -> None:
    weight = np.linspace(0.5, 3, 30)[survey.interviewer]
    found = weighted(survey, weight)
    assert found.constant
    for item in found.items:
        assert item.null.icc == pytest.approx(item.null.unweighted_icc, rel=1e-9, abs=1e-12)
        assert item.null.icc_effective == pytest.approx(item.null.unweighted_icc, rel=1e-9, abs=1e-12)


def test_unweighted_icc_is_that_of_the_null_model_but_for_the_method(survey: Survey) -> None:
    found = weighted(survey, np.ones(len(survey.interviewer)))
    _, estimated, _ = judged(survey.items, tuple(survey.interviewer.tolist()))
    for item, modelled in zip(found.items, estimated, strict=True):
        assert isinstance(modelled, ItemEffects)
        assert item.null.unweighted_icc == pytest.approx(modelled.icc, abs=0.01)


def test_the_call_list_calls_an_item_by_its_label() -> None:
    cell = CellWithArea("Q53I", -3.67, -3.11, -0.8, None)
    flag = FlagWithArea("115", ("Q53I",), "stands", (cell,))
    note = area_note((flag,), "115", {"Q53I": "Corruption: religious leaders"})
    assert note is not None
    assert "instead of \N{MINUS SIGN}3.67 on “Corruption: religious leaders”)" in note
