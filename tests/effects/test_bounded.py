"""Scales whose ends answers pile up at."""

from __future__ import annotations

import numpy as np
import pytest

from qa_reports.effects.bounded import Bend, bend
from qa_reports.effects.estimate import ItemEffects, estimate_items
from tests.effects.synthetic import make_config, make_survey


def bend_of(middle: float, sd: float, highest: float = 5.0) -> tuple[Bend | None, float]:
    """Of answers from 1 on, and their residual standard deviation."""
    rng = np.random.default_rng(95)
    interviewer = np.repeat(np.arange(20), 20)
    answers = np.clip(np.rint(rng.normal(middle, sd, 400) + 0.3 * rng.normal(size=20)[interviewer]), 1, highest)
    answers[:2] = 1, highest  # a single answer makes no end
    (item,) = estimate_items(make_survey({"item0": answers}, interviewer), make_config(["item0"]))
    assert isinstance(item, ItemEffects)
    return bend(item.judging), float(np.sqrt(item.judging.variance.residual))


@pytest.mark.parametrize(
    ("middle", "sd", "low", "high"), [(1.2, 0.7, 1.0, np.inf), (4.8, 0.7, -np.inf, 5.0), (3.0, 3.0, 1.0, 5.0)]
)
def test_effects_are_bent_at_the_ends_that_answers_pile_up_at(
    middle: float, sd: float, low: float, high: float
) -> None:
    found, residual = bend_of(middle, sd)
    assert found is not None
    np.testing.assert_allclose((found.low, found.high), (low / residual, high / residual))


def test_a_scale_that_is_wide_enough_bends_nothing() -> None:
    assert bend_of(50.0, 12.0, 100.0)[0] is None


@pytest.mark.parametrize("zero", [0.0, 1e9])
def test_curves_are_those_of_answers_shifted_and_cut_one_by_one(zero: float) -> None:
    """Wherever the zero of the scale lies, to the seventh digit, which is what answers of 1e9 leave of a tenth."""
    rng = np.random.default_rng(96)
    answers = np.sort(np.clip(rng.normal(2.0, 1.5, 300), 0, 5) - rng.normal(0, 0.3, 300))
    shifts = np.linspace(-3, 3, 13)
    mean, spread = Bend(zero + answers, zero, zero + 5.0)._shifted(shifts)
    cut = np.clip(answers + shifts[:, None], 0, 5)
    np.testing.assert_allclose(mean, cut.mean(axis=1) - answers.mean(), atol=2e-7)
    np.testing.assert_allclose(spread, cut.std(axis=1), atol=2e-7)
