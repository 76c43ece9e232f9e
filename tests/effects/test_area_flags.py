"""When a level is still worth a call with areas in the model."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from qa_reports.effects.area_flags import _Cell, _stands
from qa_reports.effects.crossed_shift import ShiftTest, unjudged

RESIDUAL = SimpleNamespace(judging=SimpleNamespace(variance=SimpleNamespace(residual=4.0)))
"""An item whose answers have a standard deviation of 2 within interviewers: 0.6 is a size that matters."""


def stands(shift: float, z: float, p: float, *, threshold: float = 0.0, combined: bool = False) -> bool:
    """Without areas the level lay 1 point above others, p .001."""
    test = ShiftTest(shift, 0.3, 40.0, z, p)
    return _stands(_Cell(RESIDUAL, 3.3, 0.001, 1.0, test), threshold, combined)  # type: ignore[arg-type]


@pytest.mark.parametrize("combined", [True, False])
def test_a_level_has_to_be_large_and_remarkable_in_the_same_direction(combined: bool) -> None:
    assert stands(0.9, 3.2, 0.0015, combined=combined)
    assert not stands(0.5, 3.2, 0.0015, combined=combined)
    assert not stands(-0.9, -3.2, 0.0015, combined=combined)
    assert not stands(0.9, 1.9, 0.0015, combined=combined)


def test_a_level_is_sure_by_itself_or_with_all_items_or_as_it_was() -> None:
    assert stands(0.9, 2.5, 0.01, combined=True)
    assert stands(0.9, 2.5, 0.01, threshold=0.02)
    assert not stands(0.9, 2.5, 0.01, threshold=0.005)
    # Its p has not even doubled.
    assert stands(0.9, 3.1, 0.0019)
    assert not stands(0.9, 3.0, 0.0021)


def test_what_could_not_be_judged_does_not_stand() -> None:
    cell = _Cell(RESIDUAL, 3.3, 0.001, 1.0, unjudged("no areas"))  # type: ignore[arg-type]
    assert not _stands(cell, 1.0, combined=True)
