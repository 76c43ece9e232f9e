"""What a flag of spread leads with, and which items it names."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from qa_reports.effects.findings import Flag
from qa_reports.effects.intervals import Interval
from qa_reports.effects.sources import Cell, Finding
from qa_reports.effects.spread_effects import NoSpread, SpreadEffects
from qa_reports.effects.spread_flags import spread_source
from tests.effects.synthetic import make_config, make_survey

ITEMS = ("a", "b", "c", "d")
SURVEY = make_survey({name: np.arange(8.0) for name in ITEMS}, np.repeat([0, 1], 4))


def cell(what: str, deviation: float, z: float = -2.5, *, large: bool = True) -> Cell:
    return Cell(what, 0, 20, deviation, z, 0.01, large, q=0.2)


def over_all(deviation: float, z: float) -> SpreadEffects:
    """Of one interviewer, who did 20 interviews."""
    one = {name: np.array([0.01]) for name in SpreadEffects.__struct_fields__}
    one |= {"interviewer": np.array([0]), "n_interviews": np.array([20])}
    one |= {"deviation": np.array([deviation]), "z": np.array([z])}
    return SpreadEffects(**one | {"status": "converged", "tau_interval": Interval(0.0, 1.0)})  # type: ignore[arg-type]


def described(
    single: list[Cell], cells: list[Cell], overall: SpreadEffects | None = None, *, minimum: int = 20
) -> Flag | None:
    items = [SimpleNamespace(item=name, label=name.title(), spread=None) for name in ITEMS]
    source = spread_source(
        SURVEY, items, overall or NoSpread("-"), np.ones(2, dtype=bool), make_config(ITEMS, min_interviews=minimum)  # type: ignore[arg-type]
    )  # fmt: skip
    return source.describe(Finding(0, "critical", 0.01, 0.03, tuple(cells), tuple(single)))


def test_items_are_named_that_show_the_same() -> None:
    """The sure one and what is large and remarkable beside it, in its direction."""
    sure = cell("a", -0.8, -5.0)
    flag = described([sure], [sure, cell("b", -0.7), cell("c", 0.7, 2.5), cell("d", -0.7, -1.5)])
    assert flag is not None
    assert flag.items == ("a", "b")
    assert flag.pattern == "similar_answers"
    flag = described([sure], [sure, cell("b", -0.1, large=False)])
    assert flag is not None
    assert flag.items == ("a",)


@pytest.mark.parametrize(
    ("overall", "leads"),
    [
        ((-0.5, -3.5), True),
        ((-0.5, -2.9), False),  # not plain enough
        ((0.5, 3.5), False),  # the other way
        ((-0.01, -3.5), False),  # too small to matter
    ],
)
def test_all_items_together_lead_where_they_say_it_plainly(overall: tuple[float, float], leads: bool) -> None:
    sure = cell("a", -0.8, -5.0)
    flag = described([sure], [sure], over_all(*overall))
    assert flag is not None
    assert flag.estimate == pytest.approx(np.exp(overall[0] if leads else -0.8))
    # Led by all items together it is as sure as the surer of the two; by one item as sure as that one.
    assert flag.q == (0.03 if leads else 0.2)
    assert flag.p == 0.01
    assert flag.z == pytest.approx(np.sign(overall[0] if leads else -0.8) * stats.norm.isf(0.005))


def test_without_a_sure_item_all_of_them_lead_or_nothing_is_said() -> None:
    flag = described([], [cell("b", -0.7)], over_all(-0.5, -2.5))
    assert flag is not None
    assert flag.estimate == pytest.approx(np.exp(-0.5))
    assert flag.items == ("b",)
    assert described([], [cell("b", -0.7)], over_all(-0.01, -2.5)) is None
    assert described([], [cell("b", -0.7)]) is None
    assert described([], [cell("b", -0.7)], over_all(-0.5, -2.5), minimum=21) is None
