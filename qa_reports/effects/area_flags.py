"""The level flags once more, with areas in the model: which of them stand and which vanish."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.config import ReportConfig
from qa_reports.effects.crossed_shift import ShiftQuestion, ShiftTest, judge_shifts, unjudged
from qa_reports.effects.estimate import ItemEffects
from qa_reports.effects.flag import Flag, Flags
from qa_reports.effects.groupings import Grouping, with_group
from qa_reports.effects.inference import false_discovery_q
from qa_reports.effects.influence import two_sided
from qa_reports.effects.judge import level_cells, own_variance
from qa_reports.effects.linear import ModelPlan
from qa_reports.effects.rules import EXPECTED_WARNINGS, MINIMUM_SIZE, NAMED_BESIDE
from qa_reports.effects.spread_effects import SpreadEffects
from qa_reports.survey.clean import Survey

FloatArray = NDArray[np.float64]

_UNCHANGED = 2.0
"""A p that rose by less than this factor counts as unchanged: it was a flag and stays one."""


class CellWithArea(Struct, frozen=True):
    """One item a flag rests on, with areas in the model."""

    item: str
    z: float | None
    """The deletion z without areas."""
    z_with_area: float | None
    """The same with areas in the model."""
    shift: float | None
    """How far from colleagues with areas in the model, scale points."""
    reason: str | None
    """Why it could not be judged."""


class FlagWithArea(Struct, frozen=True):
    """One level flag with areas in the model."""

    interviewer: str
    items: tuple[str, ...]
    outcome: Literal["stands", "vanishes", "not_judged"]
    cells: tuple[CellWithArea, ...]
    """One per item of the flag, in its order."""


def judge_with_area(
    survey: Survey,
    items: Sequence[ItemEffects],
    plans: Sequence[ModelPlan | None],
    area: Grouping,
    flags: Flags,
    config: ReportConfig,
) -> tuple[FlagWithArea, ...]:
    """Judge every level flag with areas in the model.

    A flag stands when an item it rests on still shows, in the same direction, |z| above 2 and a size that matters, and
    either the evidence over all items flagged the interviewer, or this cell passes the false discovery rate over all
    cells (or its p did not even double). The evidence over all items itself is not computed with areas.

    Args:
        items: the modelled items, with `plans` (the models that judge levels) beside them.
    """
    by_item = {item.item: (item, plan) for item, plan in zip(items, plans, strict=True)}
    threshold = _cell_threshold(items, config)
    number = sum(verdict.combined_p is not None for verdict in flags.interviewers)
    combined = {
        verdict.interviewer: verdict.combined_p is not None and verdict.combined_p < EXPECTED_WARNINGS / number
        for verdict in flags.interviewers
    }
    judged = [flag for flag in flags.flags if flag.kind == "level"]
    asked = [
        (*by_item[name], survey.interviewer_ids.index(flag.interviewer))
        for flag in judged
        for name in flag.items
        if name in by_item
    ]
    cells = iter(_judge_cells(asked, area))
    return tuple(
        _outcome(
            flag,
            [next(cells) for name in flag.items if name in by_item],
            threshold,
            combined[flag.interviewer],
        )
        for flag in judged
    )


class _Cell(Struct, frozen=True, eq=False):
    item: ItemEffects
    z: float
    p: float
    deviation: float
    test: ShiftTest


def _judge_cells(asked: Sequence[tuple[ItemEffects, ModelPlan | None, int]], area: Grouping) -> list[_Cell]:
    """Interviewers, by their positions, on items that have plans."""
    grouped = {item.item: with_group(plan, area) for item, plan, _ in asked if plan is not None}
    questions = [ShiftQuestion(*grouped[item.item], position) for item, plan, position in asked if plan is not None]
    tests = iter(judge_shifts(questions))
    found = []
    for item, plan, position in asked:
        test = unjudged("the model could not be planned") if plan is None else next(tests)
        found.append(_Cell(item, *_without_area(item, position), _by_own_variance(test, item, position)))
    return found


def _by_own_variance(test: ShiftTest, item: ItemEffects, position: int) -> ShiftTest:
    """The test with the interviewer's own residual variance, as levels are judged without areas."""
    spread, effects = item.spread, item.judging.effects
    row = np.flatnonzero(effects.interviewer == position)
    if test.reason is not None or not isinstance(spread, SpreadEffects) or not row.size:
        return test
    shrunken, shrunken_df = spread.shrunken[row], spread.shrunken_df[row]
    if not (np.isfinite(shrunken) & np.isfinite(shrunken_df)).all():
        return test
    pooled = item.judging.variance.residual / effects.n_interviews[row]
    variance, df = own_variance(np.array([test.se]), np.array([test.df]), pooled, shrunken, shrunken_df)
    se = np.sqrt(variance)
    p, z = two_sided(test.shift / se, df)
    return ShiftTest(test.shift, float(se[0]), float(df[0]), float(z[0]), float(p[0]))


def _without_area(item: ItemEffects, position: int) -> tuple[float, float, float]:
    """z, p and deviation of one interviewer's level, as the flags read them; NaN where not judged."""
    cells = level_cells(item)
    row = np.zeros(0, dtype=np.int64) if cells is None else np.flatnonzero(cells.interviewer == position)
    if cells is None or not row.size:
        return float("nan"), float("nan"), float("nan")
    return float(cells.z[row[0]]), float(cells.p[row[0]]), float(cells.deviation[row[0]])


def _cell_threshold(items: Sequence[ItemEffects], config: ReportConfig) -> float:
    """Largest p of a level that passes the false discovery rate over all judged levels; 0 where none does."""
    minimum = config.flags.min_interviews
    judged = [cells.p[cells.n_interviews >= minimum] for item in items if (cells := level_cells(item)) is not None]
    p = np.concatenate([np.zeros(0), *judged])
    passing = p[false_discovery_q(p) < config.flags.false_discovery_rate]
    return float(passing.max(initial=0.0))


def _outcome(flag: Flag, cells: Sequence[_Cell], threshold: float, combined: bool) -> FlagWithArea:
    standing = [cell for cell in cells if _stands(cell, threshold, combined)]
    unknown = not cells or all(cell.test.reason is not None for cell in cells)
    return FlagWithArea(
        interviewer=flag.interviewer,
        items=flag.items,
        outcome="not_judged" if unknown else "stands" if standing else "vanishes",
        cells=tuple(
            CellWithArea(
                item=cell.item.item,
                z=_finite(cell.z),
                z_with_area=_finite(cell.test.z),
                shift=_finite(cell.test.shift),
                reason=cell.test.reason,
            )
            for cell in cells
        ),
    )


def _stands(cell: _Cell, threshold: float, combined: bool) -> bool:
    test = cell.test
    if test.reason is not None or test.shift * cell.deviation <= 0:
        return False
    large = abs(test.shift) >= MINIMUM_SIZE * np.sqrt(cell.item.judging.variance.residual)
    sure = combined or test.p <= max(threshold, _UNCHANGED * cell.p)
    return bool(large and sure and abs(test.z) > NAMED_BESIDE)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
