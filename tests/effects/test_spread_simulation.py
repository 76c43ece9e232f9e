"""Spread by simulation: false alarms stay nominal on bounded scales, tau comes back, too-similar interviews are found.

Limits are what theory says and three Monte-Carlo standard errors; docs/simulations-spread.md has the figures.
"""

from __future__ import annotations

import pytest

from tests.effects.spread_characteristics import SCALES, item_tails, level_tails, overall_tails, power

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", SCALES)
@pytest.mark.parametrize("interviewers", [20, 150])
def test_false_alarms_of_one_item_are_at_most_nominal(name: str, interviewers: int) -> None:
    found = item_tails(SCALES[name], interviewers, 0.0, 8000 // interviewers)
    # About 7,000 judged: 9 beyond 3 expected on either side, so twice nominal is three standard errors.
    assert found.below_2 < 1.3
    assert max(found.below_3, found.above_3) < 2


def test_tau_comes_back_and_tails_hold_when_interviewers_differ() -> None:
    found = item_tails(lambda latent: 5 + 2 * latent, 150, 0.2, 60)
    assert found.tau == pytest.approx(0.2, abs=0.015)
    assert max(found.below_3, found.above_3) < 2


def test_levels_are_not_called_too_often_when_interviewers_differ_in_spread() -> None:
    pooled, own = level_tails(150, 0.02, 0.3, 30)
    # 4,500 judged, 12 beyond 3 expected.
    assert own < 1.6 < pooled


def test_overall_false_alarms_and_power() -> None:
    assert max(overall_tails(150, 0.0, 8).below_3, overall_tails(150, 0.2, 8).below_3) < 2.5
    assert power(1 / 3, 0.15, 10) >= 0.9
