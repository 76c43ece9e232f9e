"""Which items a flag of levels names, and when it is about a battery rather than its items."""

from __future__ import annotations

import pytest

from qa_reports.effects.level_flags import _one_battery
from qa_reports.effects.sources import Cell

BATTERIES = {"Trust": ("a", "b", "c", "d"), "Others": ("x", "y")}
SCALES = dict.fromkeys("abcdxy", "0 to 10")


def named(deviations: dict[str, float]) -> list[Cell]:
    """Strongest first."""
    cells = [Cell(item, 0, 20, value, 3.0, 0.003, True) for item, value in deviations.items()]
    return sorted(cells, key=lambda cell: -abs(cell.deviation))


@pytest.mark.parametrize(
    ("shown", "others", "battery"),
    [
        ({"a": -2.0, "b": -1.8}, {"c": -1.2, "d": -1.0}, "Trust"),
        ({"a": 0.8, "b": 0.7}, {"c": 0.6, "d": 0.5}, "Trust"),
        ({"a": -2.0, "b": -1.8, "x": -1.5}, {"c": -1.2, "d": -1.0}, "Trust"),
        # One item deviates much more than the battery does: it is about the item.
        ({"a": -3.0, "b": -1.0}, {"c": -0.5, "d": -0.5}, None),
        # Less than half of the battery is named.
        ({"a": -2.0}, {"b": -1.9, "c": -1.8, "d": -1.8}, None),
        # No more than half of what is named belongs to it.
        ({"a": -2.0, "b": -1.8, "x": -1.7, "y": -1.7}, {"c": -1.5, "d": -1.5}, None),
        # One item of the battery goes the other way.
        ({"a": -2.0, "b": 1.8}, {"c": -1.9, "d": -1.9}, None),
        # An item of the battery was not judged.
        ({"a": -2.0, "b": -1.8}, {"c": -1.2}, None),
        # The strongest item is of no battery.
        ({"z": -4.0, "a": -2.0, "b": -1.8, "c": -1.7}, {"d": -1.6}, None),
    ],
)
def test_a_flag_is_about_a_battery_where_most_of_it_shows(
    shown: dict[str, float], others: dict[str, float], battery: str | None
) -> None:
    found = _one_battery(named(shown), shown | others, BATTERIES, SCALES)
    assert (found.name if found else None) == battery
    if found:
        assert found.deviation == pytest.approx(sum((shown | others)[item] for item in "abcd") / 4)


def test_scale_points_of_different_scales_have_no_mean() -> None:
    shown = {"a": -2.0, "b": -1.8, "c": -1.7, "d": -1.6}
    assert _one_battery(named(shown), shown, BATTERIES, SCALES) is not None
    assert _one_battery(named(shown), shown, BATTERIES, SCALES | {"d": "1 to 4"}) is None
