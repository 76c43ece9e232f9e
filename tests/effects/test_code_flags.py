"""Whom a code that was not declared is told of: its only holder, and everybody who stands out because of it."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from qa_reports.effects.code_flags import missing_code_flags
from qa_reports.effects.damage import SuspectDamage, measure_damages
from qa_reports.effects.linear import ModelResult, ModelTest
from qa_reports.survey.clean import Survey
from qa_reports.survey.suspects import CodeSuspect
from tests.effects.synthetic import make_config, make_survey, wave

CONFIG = make_config(["item0", "item1"], {"item0": ["item1"]})


@pytest.fixture(scope="module")
def spoilt() -> tuple[Survey, SuspectDamage]:
    """One answer of 88 to item1, and the models with it and without, made so that it shows in no model."""
    answers, interviewer = wave(np.random.default_rng(7), items=2, interviewers=20)
    row = int(np.flatnonzero(interviewer == 9)[0])
    answers["item1"][row] = np.nan
    left_out = {"item1": np.where(np.arange(len(interviewer)) == row, 88.0, np.nan)}
    survey = make_survey(answers, interviewer, left_out=left_out, suspects=[held_by("109")])
    (damage,) = measure_damages(survey, CONFIG)
    unremarkable = tuple(
        replace(model, effects=replace(model.effects, p=np.ones_like(model.effects.p)), by_ml=None, tests=())
        for model in damage.with_suspect
    )
    return survey, replace(
        damage,
        with_suspect=unremarkable,
        without_suspect=unremarkable,
        set_aside=replace(damage.set_aside, standing_out=()),
        all_left_in=replace(damage.all_left_in, standing_out=()),
    )


def held_by(*names: str) -> CodeSuspect:
    holders = tuple((name, 1) for name in names)
    return CodeSuspect("item1", 88.0, len(names), holders, "outside the scale", "missing_codes: {88: Missing}")


def told_of(survey: Survey, damage: SuspectDamage, *holders: str) -> dict[str, str]:
    flags = missing_code_flags(replace(survey, suspects=(held_by(*holders),)), [damage], CONFIG)
    return {flag.interviewer: flag.sentence for flag in flags}


def with_slope_test(model: ModelResult, *tests: tuple[str, float]) -> ModelResult:
    return replace(model, tests=tuple(ModelTest(name, statistic, 0.5, "") for name, statistic in tests))


def test_a_code_that_changes_nothing_is_no_flag(spoilt: tuple[Survey, SuspectDamage]) -> None:
    assert told_of(*spoilt, "109") == {}


def test_who_alone_holds_a_code_is_told_what_it_does_to_a_slope(spoilt: tuple[Survey, SuspectDamage]) -> None:
    """With two holders nobody can say whose answers did it."""
    survey, damage = spoilt
    null, slope = damage.with_suspect
    before, after = with_slope_test(slope, ("slope:item1", 2.0)), with_slope_test(slope, ("slope:item1", 20.0))
    damage = replace(damage, with_suspect=(null, after), without_suspect=(null, before))
    assert "from 2.0 to 20.0" in told_of(survey, damage, "109")["109"]
    assert told_of(survey, damage, "109", "112") == {}


def test_the_lowest_or_highest_slope_of_all_is_called_so(spoilt: tuple[Survey, SuspectDamage]) -> None:
    survey, damage = spoilt
    null, slope = damage.with_suspect
    before, after = with_slope_test(slope, ("slope:item1", 2.0)), with_slope_test(slope, ("slope:item1", 20.0))
    others = slope.effects.interviewer != 9
    for own, words in (
        (9.0, "slope of “Item0” on “Item1” the highest of all"),
        (-9.0, "the lowest of all"),
        (0.0, None),
    ):
        eblup = np.where(others[:, None], np.linspace(-1, 1, len(others))[:, None], own) * np.ones(2)
        extreme = replace(after, effects=replace(after.effects, eblup=eblup))
        two = replace(damage, with_suspect=(null, extreme), without_suspect=(null, before))
        sentence = told_of(survey, two, "109")["109"]
        assert words in sentence if words else "of all" not in sentence


def test_the_slope_that_is_disturbed_most_is_named(spoilt: tuple[Survey, SuspectDamage]) -> None:
    """A rise that would change no conclusion, and what happens to the intercept, are not worth a word."""
    survey, damage = spoilt
    null, slope = damage.with_suspect
    before = with_slope_test(slope, ("intercept", 1.0), ("slope:item0", 1.0), ("slope:item1", 1.0))
    both = replace(slope, effects=replace(slope.effects, terms=("slope:item0", "slope:item1")))
    for first, second in ((30.0, 9.0), (9.0, 30.0)):
        after = with_slope_test(both, ("intercept", 99.0), ("slope:item0", first), ("slope:item1", second))
        two = replace(damage, with_suspect=(null, after), without_suspect=(null, before))
        assert "from 1.0 to 30.0" in told_of(survey, two, "109")["109"]
    unchanged = with_slope_test(slope, ("intercept", 99.0), ("slope:item1", 5.0))
    assert told_of(survey, replace(damage, with_suspect=(null, unchanged), without_suspect=(null, before)), "109") == {}


def test_the_strongest_sign_of_a_code_is_told(spoilt: tuple[Survey, SuspectDamage]) -> None:
    survey, damage = spoilt

    def showing(model: ModelResult, p: float) -> ModelResult:
        of_holder = model.effects.interviewer == 9
        return replace(model, effects=replace(model.effects, p=np.where(of_holder[:, None], p, 1.0)))

    null, slope = damage.with_suspect
    for first, second in ((1e-9, 1e-6), (1e-6, 1e-9)):
        shown = replace(damage, with_suspect=(showing(null, first), showing(slope, second)))
        (flag,) = missing_code_flags(survey, [shown], CONFIG)
        assert flag.p == 1e-9
    # Of what stands out without the code nothing can be a sign of it.
    anyway = replace(shown, set_aside=replace(damage.set_aside, standing_out=("109",)))
    assert told_of(survey, anyway, "109") == {}


def test_everybody_who_stands_out_because_of_a_code_is_told(spoilt: tuple[Survey, SuspectDamage]) -> None:
    """Whoever stands out without it as well is not named for the code."""
    survey, damage = spoilt
    left_in = replace(damage, all_left_in=replace(damage.all_left_in, standing_out=("109", "112")))
    assert set(told_of(survey, left_in, "109", "112", "115")) == {"109", "112"}
    anyway = replace(left_in, set_aside=replace(damage.set_aside, standing_out=("112",)))
    assert set(told_of(survey, anyway, "109", "112", "115")) == {"109"}
