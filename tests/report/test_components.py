"""Rows of variance components and influence: what stands beside what, in which order, and why a number is missing."""

from __future__ import annotations

import numpy as np
from msgspec import structs

from qa_reports.effects.estimate import ItemEffects
from qa_reports.effects.linear import ModelResult
from qa_reports.report.components import (
    COVARIANCE,
    NO_CORRELATION,
    NO_ERROR,
    NO_INTERVAL,
    NO_RATIO,
    component_rows,
    missing_reasons,
)
from qa_reports.report.drivers import MOST, fixed_drivers, variance_drivers
from tests.report.example_survey import IDS, example_report_input

GIVEN = example_report_input()


def example_item() -> ItemEffects:
    item = GIVEN.items[1]
    assert isinstance(item, ItemEffects)
    return item


def slope_of(item: ItemEffects) -> ModelResult:
    assert isinstance(item.slope, ModelResult)
    return item.slope


def test_every_component_has_its_precision_and_its_test_beside_it() -> None:
    slope = slope_of(example_item())
    rows = {row.name: row for row in component_rows(slope)}
    assert list(rows) == [
        "intercept variance",
        "slope variance (trstplc)",
        "covariance of intercept and trstplc",
        "correlation of intercept and trstplc",
        "residual variance",
    ]
    by_term = {part.term: part for part in slope.precision}
    assert rows["slope variance (trstplc)"].interval == by_term["slope:trstplc"].interval
    assert rows["slope variance (trstplc)"].test == slope.tests[1]
    assert rows["covariance of intercept and trstplc"].se == by_term["intercept,slope:trstplc"].se
    assert (
        rows["correlation of intercept and trstplc"].interval == by_term["correlation:intercept,slope:trstplc"].interval
    )
    assert rows["residual variance"].test is None


def test_each_missing_number_has_its_reason_once() -> None:
    item = example_item()
    slope = slope_of(item)
    assert missing_reasons([item.null]) == ()
    assert missing_reasons([slope, slope]) == (NO_ERROR, COVARIANCE)
    flat = structs.replace(
        slope.variance, slopes=(("trstplc", 0.0),), covariances=(("intercept", "slope:trstplc", 0.0),)
    )
    unknown = tuple(structs.replace(part, interval=None) for part in slope.precision)
    test = structs.replace(item.judging.group_tests[0], likelihood_ratio=None, likelihood_ratio_p=None)
    bare = structs.replace(slope, variance=flat, precision=unknown, group_tests=(test,))
    assert set(missing_reasons([bare])) == {NO_ERROR, NO_INTERVAL, COVARIANCE, NO_CORRELATION, NO_RATIO}


def test_drivers_are_those_with_the_largest_change_either_way() -> None:
    item = example_item()
    ratio = np.ones((12, 1))
    ratio[[3, 5, 8], 0] = 0.0, 1.4, np.nan
    effects = structs.replace(item.judging.effects, variance_ratio=ratio)
    changed = structs.replace(item, adjusted=structs.replace(item.judging, effects=effects), slope=None)
    (table,) = variance_drivers(changed, GIVEN.survey, frozenset({IDS[5]}))
    assert [driver.interviewer for driver in table.drivers[:2]] == [IDS[3], IDS[5]]
    assert [driver.flagged for driver in table.drivers[:2]] == [False, True]
    assert len(table.drivers) == MOST
    assert IDS[8] not in [driver.interviewer for driver in table.drivers]
    assert table.reason is None


def test_a_fixed_effect_is_moved_most_by_the_one_with_the_largest_change() -> None:
    item = example_item()
    change = np.zeros((12, 1))
    change[[2, 7], 0] = 0.3, -0.6
    change[4] = np.nan
    effects = structs.replace(item.judging.effects, fixed_change=change)
    judging = structs.replace(item.judging, effects=effects)
    (driver,) = fixed_drivers(structs.replace(item, adjusted=judging, slope=None), GIVEN.survey)
    (effect,) = judging.fixed_effects
    assert (driver.term, driver.interviewer) == (effect.term, IDS[7])
    assert driver.without == effect.estimate - 0.6
    assert driver.change == -0.6 / effect.se


def test_nobody_moves_what_nobody_could_be_left_out_of() -> None:
    item = example_item()
    effects = structs.replace(item.judging.effects, fixed_change=np.full((12, 1), np.nan))
    judging = structs.replace(item.judging, effects=effects)
    assert fixed_drivers(structs.replace(item, adjusted=judging, slope=None), GIVEN.survey) == ()
