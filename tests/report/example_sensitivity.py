"""Areas, teams and weights of the example survey of these tests: plausible numbers, not fits."""

from __future__ import annotations

from qa_reports.effects.area_flags import CellWithArea, FlagWithArea
from qa_reports.effects.groupings import GroupedItem, GroupingKind, GroupingSensitivity
from qa_reports.effects.sensitivity import (
    Sensitivity,
    WeightedEffect,
    WeightedItem,
    WeightedModel,
    WeightSensitivity,
)


def example_sensitivity(label: str, interviewer: str, column: str = "psu") -> Sensitivity:
    """`label` (of trstplc), `interviewer` (the flagged one) and `column` (of the areas) may be hostile text."""
    return Sensitivity(
        weights=_weights(label),
        area=_grouping("area", column, label, comparable=0.2),
        team=_grouping("team", "region", label, comparable=0.9),
        flags=(
            FlagWithArea(
                interviewer=interviewer,
                items=("pplhlp", "trstplc"),
                outcome="vanishes",
                cells=(
                    CellWithArea("pplhlp", -4.6, -1.4, -1.2, None),
                    CellWithArea("trstplc", -2.4, None, None, "without this interviewer only one interviewer is left"),
                ),
            ),
        ),
    )


def _grouping(kind: GroupingKind, column: str, label: str, comparable: float) -> GroupingSensitivity:
    return GroupingSensitivity(
        kind=kind,
        column=column,
        reason=None,
        n_groups=20 if kind == "area" else 2,
        n_without=3,
        n_interviewers=12,
        n_confined=6 if kind == "area" else 12,
        n_single=15 if kind == "area" else 0,
        comparable=comparable,
        items=(
            GroupedItem(
                "trstplc", label, "converged", None, 140, 12, 20, 0.2, 0.08, 0.1, None, 3.7, 0.2, -310.2, 0.05, 0.025,
                0.07, 4.2, 0.02, 3.3, 0.034,
            ),
            GroupedItem(
                "pplhlp", "People are helpful", "singular", f"the variance between {kind}s is estimated as zero", 140,
                12, 20, 0.5, 0.1, 0.0, None, 2.5, 0.2, -300.1, 0.17, 0.0, 0.17, 20.1, 3.7e-6, 0.0, 1.0,
            ),
            GroupedItem("gincdif", "Reduce income differences", "failed", f"all interviews are in one {kind}", 0, 0, 0),
        ),
    )  # fmt: skip


def _weights(label: str) -> WeightSensitivity:
    fitted = WeightedModel(
        "null", "converged", None, 135, 12, -300.5, (WeightedEffect("(Intercept)", 5.7, 0.21, 5.6),), 0.2, 0.09, 3.8,
        0.3, 0.05, 0.021, 0.035, 0.041,
    )  # fmt: skip
    failed = WeightedModel("null", "failed", "all answers are the same", 135, 12, None)
    return WeightSensitivity(
        column="pspwght",
        reason=None,
        n_without_weight=4,
        n_zero_weight=1,
        constant=False,
        items=(
            WeightedItem("trstplc", label, 5.6, 5.71, 0.2, 121.4, fitted, None),
            WeightedItem("gincdif", "Reduce income differences", None, None, None, None, failed, None),
        ),
    )
