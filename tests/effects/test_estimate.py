"""The models of an item: which interviews, which terms, what is explained, what is said when it cannot be done."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from qa_reports.effects import referee_cases
from qa_reports.effects.damage import measure_damages
from qa_reports.effects.design import covariate_terms
from qa_reports.effects.estimate import ItemEffects, ItemNotModelled, begin_items, estimate_items, set_flagged_aside
from qa_reports.effects.flag import flag_interviewers
from qa_reports.effects.linear import FailedModel, ModelResult
from qa_reports.second_core import IN_TURN, Later
from qa_reports.survey.clean import Covariate
from qa_reports.survey.suspects import CodeSuspect
from tests.effects.synthetic import make_config, make_survey, wave


def modelled(item: ItemEffects | ItemNotModelled) -> ItemEffects:
    assert isinstance(item, ItemEffects)
    return item


def fitted(model: ModelResult | FailedModel | None) -> ModelResult:
    assert isinstance(model, ModelResult)
    return model


def test_each_model_uses_its_complete_interviews_and_is_confirmed_by_statsmodels() -> None:
    rng = np.random.default_rng(1)
    answers, interviewer = wave(rng, items=3)
    n, j = len(interviewer), int(interviewer.max()) + 1
    answers["item0"][:10] = np.nan
    age = rng.normal(50, 15, n)
    age[5:20] = np.nan
    region = rng.integers(0, 3, n).astype(float)
    survey = make_survey(
        answers,
        interviewer,
        respondent_covariates=[
            Covariate("age", "Age", "numeric", age, ()),
            Covariate("region", "Region", "categorical", region, ("North", "South", "West")),
        ],
        interviewer_covariates=[Covariate("years", "Experience", "numeric", rng.normal(5, 2, j), ())],
    )
    first, second, _ = map(modelled, estimate_items(survey, make_config(list(answers), {"item1": ["item2"]})))
    assert first.null.n_interviews == n - 10
    assert fitted(first.adjusted).n_interviews == n - 20
    assert [effect.term for effect in fitted(first.adjusted).fixed_effects] == [
        "(Intercept)", "age", "region: South", "region: West",
    ]  # fmt: skip
    # A covariate with one term needs no joint test.
    assert [test.name for test in fitted(first.adjusted).group_tests] == ["Region", "respondent covariates"]
    assert first.slope is None
    slope, covariates = fitted(second.slope), fitted(second.covariates)
    assert slope.n_parameters == 6
    assert slope.effects.terms == ("intercept", "slope:item2")
    assert [terms for *terms, _ in slope.variance.covariances] == [["intercept", "slope:item2"]]
    assert slope.by_ml is not None
    assert slope.by_ml.loglik == pytest.approx(slope.loglik_ml, abs=1e-6)
    assert covariates.fixed_effects[-1].term == "item2:years"
    for item in (first, second):
        for model in (item.null, item.adjusted, item.slope, item.covariates):
            if model is not None:
                assert fitted(model).referee.agrees
                assert abs(fitted(model).referee.loglik_difference) < 1e-6
    explained = {(e.larger, e.term): e for e in second.variance_explained}
    assert set(explained) == {("adjusted", "intercept"), ("covariates", "intercept"), ("covariates", "slope:item2")}
    assert explained["adjusted", "intercept"].n_interviews == fitted(second.adjusted).n_interviews
    change = explained["covariates", "slope:item2"]
    if change.variance_smaller > 0:
        assert change.share == pytest.approx(1 - change.variance_larger / change.variance_smaller)


def test_what_an_interviewer_covariate_explains_is_found() -> None:
    rng = np.random.default_rng(2)
    j = 80
    interviewer = np.repeat(np.arange(j), 15)
    years = rng.normal(0, 1, j)
    y = 5 + (0.7 * years + rng.normal(0, 0.7, j))[interviewer] + rng.normal(0, 2, len(interviewer))
    survey = make_survey(
        {"y": y}, interviewer, interviewer_covariates=[Covariate("years", "Years", "numeric", years, ())]
    )
    item = modelled(estimate_items(survey, make_config(["y"]))[0])
    (explained,) = item.variance_explained
    assert explained.larger == "covariates"
    assert explained.share is not None
    assert 0.3 < explained.share < 0.75
    assert item.icc == pytest.approx(0.98 / 4.98, abs=0.06)
    # Equal workloads: the design effect is 1 + (n - 1) ICC.
    assert item.design_effect == pytest.approx(1 + 14 * item.icc)
    assert item.effective_n == pytest.approx(len(y) / item.design_effect)


def test_interviewer_covariates_are_held_against_the_model_with_respondent_covariates() -> None:
    rng = np.random.default_rng(10)
    interviewer = np.repeat(np.arange(40), 10)
    age, years = rng.normal(0, 1, 400) + interviewer / 20, rng.normal(0, 1, 40)
    y = age + 0.5 * years[interviewer] + rng.normal(0, 0.5, 40)[interviewer] + rng.normal(0, 1, 400)
    survey = make_survey(
        {"y": y},
        interviewer,
        respondent_covariates=[Covariate("age", "Age", "numeric", age, ())],
        interviewer_covariates=[Covariate("years", "Years", "numeric", years, ())],
    )
    item = modelled(estimate_items(survey, make_config(["y"]))[0])
    explained = {one.larger: one for one in item.variance_explained}
    assert (explained["adjusted"].smaller, explained["covariates"].smaller) == ("null", "adjusted")
    assert explained["adjusted"].variance_smaller == item.null.variance.intercept
    assert explained["covariates"].variance_smaller == fitted(item.adjusted).variance.intercept
    assert explained["covariates"].variance_larger == fitted(item.covariates).variance.intercept


@pytest.mark.parametrize("limits", [{"MOST_INTERVIEWS": 200, "SOME_INTERVIEWS": 150}, {"MOST_INTERVIEWERS": 18}])
def test_on_a_sample_of_very_many_interviews_statsmodels_agrees_as_well(
    monkeypatch: pytest.MonkeyPatch, limits: dict[str, int]
) -> None:
    for limit, most in limits.items():
        monkeypatch.setattr(referee_cases, limit, most)
    rng = np.random.default_rng(11)
    answers, interviewer = wave(rng, items=2, interviewers=40)
    age = Covariate("age", "Age", "numeric", rng.normal(50, 15, len(interviewer)), ())
    config = make_config(list(answers), {"item0": ["item1"]})
    alone = config.items[0].model_copy(update={"random_intercept": False})
    for option in (config.items[0], alone):
        items = estimate_items(
            make_survey(answers, interviewer, respondent_covariates=[age]),
            config.model_copy(update={"items": (option, config.items[1])}),
        )
        first = modelled(items[0])
        for model in (first.null, fitted(first.adjusted), fitted(first.slope)):
            assert model.referee.agrees
            assert abs(model.referee.loglik) < 0.6 * abs(model.loglik)  # of fewer interviews, so smaller


def test_collinear_and_constant_terms_are_left_out_by_name() -> None:
    rng = np.random.default_rng(3)
    answers, interviewer = wave(rng, items=1)
    n = len(interviewer)
    age = rng.normal(50, 15, n)
    covariates = [
        Covariate("age", "Age", "numeric", age, ()),
        Covariate("born", "Year of birth", "numeric", 2026 - age, ()),
        Covariate("wave", "Wave", "numeric", np.full(n, 3.0), ()),
    ]
    item = modelled(
        estimate_items(make_survey(answers, interviewer, respondent_covariates=covariates), make_config(["item0"]))[0]
    )
    assert fitted(item.adjusted).dropped_terms == ("born", "wave")
    assert fitted(item.adjusted).status == "converged"


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda y: np.full_like(y, np.nan), "no interviews are left"),
        (lambda y: np.full_like(y, 4.0), "all answers are the same"),
        (lambda y: np.where(np.arange(len(y)) < 4, y, np.nan), "only one interviewer"),
    ],
)
def test_an_item_that_cannot_be_modelled_is_a_reason_and_spares_the_others(spoil: object, reason: str) -> None:
    answers, interviewer = wave(np.random.default_rng(4), items=2)
    whole = modelled(estimate_items(make_survey(answers, interviewer), make_config(list(answers)))[1])
    answers["item0"] = spoil(answers["item0"])  # type: ignore[operator]
    lost, kept = estimate_items(make_survey(answers, interviewer), make_config(list(answers)))
    assert isinstance(lost, ItemNotModelled)
    assert reason in lost.reason
    assert modelled(kept).null.loglik == pytest.approx(whole.null.loglik, abs=1e-9)


def test_a_slope_on_a_constant_predictor_fails_with_a_reason() -> None:
    answers, interviewer = wave(np.random.default_rng(5), items=2)
    answers["item1"] = np.full(len(interviewer), 3.0)
    item = modelled(
        estimate_items(make_survey(answers, interviewer), make_config(list(answers), {"item0": ["item1"]}))[0]
    )
    assert isinstance(item.slope, FailedModel)
    assert "item1 does not vary" in item.slope.reason


def test_the_test_of_the_variance_is_against_ordinary_regression() -> None:
    answers, interviewer = wave(np.random.default_rng(12), items=1, interviewers=25)
    model = modelled(estimate_items(make_survey(answers, interviewer), make_config(["item0"]))[0]).null
    n, left = len(interviewer), float(((answers["item0"] - answers["item0"].mean()) ** 2).sum())
    # Restricted log-likelihood of a mean alone.
    alone = -0.5 * ((n - 1) * (np.log(2 * np.pi * left / (n - 1)) + 1) + np.log(n))
    (test,) = model.tests
    assert test.statistic == pytest.approx(2 * (model.loglik - alone), abs=1e-6)
    assert test.p == pytest.approx(stats.chi2.sf(test.statistic, 1) / 2)


def test_the_exact_test_is_of_a_single_random_term() -> None:
    answers, interviewer = wave(np.random.default_rng(6), items=2, interviewers=25)
    config = make_config(list(answers), {"item0": ["item1"]})
    alone = config.items[0].model_copy(update={"random_intercept": False})
    survey = make_survey(answers, interviewer)
    both, only = (
        fitted(modelled(estimate_items(survey, config.model_copy(update={"items": (item, config.items[1])}))[0]).slope)
        for item in (config.items[0], alone)
    )
    assert both.exact_p is None
    assert only.effects.terms == ("slope:item1",)
    assert only.exact_p == pytest.approx(only.tests[0].p, abs=0.05)


def test_interviewers_are_described_by_the_fits_with_and_without_them() -> None:
    answers, interviewer = wave(np.random.default_rng(9), items=1, interviewers=12, icc=0.2)
    answers["item0"] *= 0.1  # a variance between interviewers that is far below 1
    config = make_config(["item0"])
    model = modelled(estimate_items(make_survey(answers, interviewer), config)[0]).null
    between, n = model.variance.intercept or 0.0, np.bincount(interviewer)
    np.testing.assert_allclose(model.effects.reliability[:, 0], between / (between + model.variance.residual / n))
    for j in (0, 5):
        others = {"item0": np.where(interviewer == j, np.nan, answers["item0"])}
        without = modelled(estimate_items(make_survey(others, interviewer), config)[0]).null
        told = (model.effects.variance_ratio[j, 0], model.effects.residual_ratio[j], model.effects.fixed_change[j, 0])
        refitted = (
            (without.variance.intercept or 0.0) / between,
            without.variance.residual / model.variance.residual,
            without.fixed_effects[0].estimate - model.fixed_effects[0].estimate,
        )
        np.testing.assert_allclose(told, refitted, rtol=1e-5)  # two searches for a maximum


def test_without_variance_nobody_is_reliable() -> None:
    interviewer = np.repeat(np.arange(10), 4)
    model = modelled(
        estimate_items(make_survey({"item0": np.tile([1.0, 2, 4, 5], 10)}, interviewer), make_config(["item0"]))[0]
    ).null
    assert model.status == "zero_variance"
    assert not model.effects.reliability.any()
    assert np.isnan(model.effects.variance_ratio).all()


def test_flagged_interviewers_are_set_aside() -> None:
    answers, interviewer = wave(np.random.default_rng(6), items=1, icc=0.01)
    answers["item0"][interviewer == 7] = np.clip(answers["item0"][interviewer == 7] - 5, 0, 10)
    survey, config = make_survey(answers, interviewer), make_config(["item0"])
    before = estimate_items(survey, config)
    (after,) = set_flagged_aside(survey, before, ["107"])
    without = modelled(after).without_flagged
    assert without is not None
    assert without.n_interviews == len(interviewer) - (interviewer == 7).sum()
    assert without.icc < modelled(after).icc
    direct = estimate_items(
        make_survey({"item0": np.where(interviewer == 7, np.nan, answers["item0"])}, interviewer), config
    )
    assert without.intercept_variance == pytest.approx(modelled(direct[0]).null.variance.intercept, abs=1e-9)
    assert set_flagged_aside(survey, before, []) == before


@pytest.mark.parametrize("set_aside", [True, False])
def test_damage_of_a_suspect_is_the_same_whether_it_was_set_aside_or_left_in(set_aside: bool) -> None:
    answers, interviewer = wave(np.random.default_rng(7), items=2)
    left_out = np.full(len(interviewer), np.nan)
    row = int(np.flatnonzero(interviewer == 9)[0])
    answers["item1"][row] = np.nan if set_aside else 88.0
    left_out[row] = 88.0 if set_aside else np.nan
    suspect = CodeSuspect(
        "item1", 88.0, 1, (("109", 1),), "outside the scale", "missing_codes: {88: Missing}", set_aside=set_aside
    )
    survey = make_survey(answers, interviewer, left_out={"item1": left_out}, suspects=[suspect])
    (damage,) = measure_damages(survey, make_config(list(answers), {"item0": ["item1"]}))
    assert damage.outcome == ("item1", "item0")
    assert [model.name for model in damage.with_suspect] == ["null", "slope"]
    clean = np.where(np.arange(len(interviewer)) == row, np.nan, answers["item1"])
    raw = np.where(np.arange(len(interviewer)) == row, 88.0, answers["item1"])
    for values, icc in ((clean, damage.icc_without), (raw, damage.icc_with)):
        (item,) = map(modelled, estimate_items(make_survey({"item1": values}, interviewer), make_config(["item1"])))
        assert item.icc == pytest.approx(icc, abs=1e-9)


def test_covariate_terms_take_the_first_level_as_reference_and_keep_missing_missing() -> None:
    answers, interviewer = wave(np.random.default_rng(8), interviewers=3, items=1, workload=(2, 2))
    survey = make_survey(
        answers,
        interviewer,
        interviewer_covariates=[
            Covariate("sex", "Sex", "categorical", np.array([0.0, 1.0, np.nan]), ("female", "male"))
        ],
    )
    (term,) = covariate_terms(survey.interviewer_covariates[0], survey)
    assert term.name == "sex: male"
    np.testing.assert_array_equal(term.values, [0, 0, 1, 1, np.nan, np.nan])


def test_flags_rest_on_nothing_that_is_worked_on_meanwhile() -> None:
    answers, interviewer = wave(np.random.default_rng(8), items=3)
    answers["item1"][interviewer == 2] += 3
    survey, config = make_survey(answers, interviewer), make_config(list(answers))
    begun = begin_items(survey, config, IN_TURN, Later(IN_TURN))
    first = modelled(begun.items[0]).null
    assert (first.precision, first.exact_p) == ((), None)

    flags = flag_interviewers(survey, begun.items, (), config)
    items = begun.completed(set_flagged_aside(survey, begun.items, [flag.interviewer for flag in flags.flags]))

    at_once = estimate_items(survey, config)
    assert flags.flags
    assert flag_interviewers(survey, at_once, (), config).flags == flags.flags
    for item, other in zip(map(modelled, items), map(modelled, at_once), strict=True):
        assert item.without_flagged is not None
        assert item.null.precision == other.null.precision
        assert item.null.precision
        assert item.null.exact_p == other.null.exact_p
        assert item.null.referee == other.null.referee
