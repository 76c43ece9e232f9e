"""What an undeclared missing code would do: the same models with the suspect values left in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa_reports.config import ReportConfig
from qa_reports.effects.design import plan_model
from qa_reports.effects.estimate import Plan, fit_plans, intraclass_correlation, plan_slope
from qa_reports.effects.linear import ModelResult
from qa_reports.survey.clean import ItemResponses, Survey
from qa_reports.survey.suspects import CodeSuspect

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class SuspectDamage:
    """What one code suspect would have done: the same models with the suspect values left in."""

    item: str
    value: float
    icc_without: float | None
    icc_with: float | None
    with_suspect: tuple[ModelResult, ...]
    """Models refitted with the value left in: the item's null model, and the slope model of every item that has
    this one as outcome or slope predictor."""
    outcome: tuple[str, ...]
    """(len(with_suspect),) the item each of them is a model of."""


def measure_damages(survey: Survey, config: ReportConfig) -> tuple[SuspectDamage, ...]:
    """Refit with every code suspect left in, one at a time, and without it: what the raw file would have shown."""
    planned = [_plan_suspect(survey, config, suspect) for suspect in survey.suspects]
    fitted = fit_plans([plan for plans in planned for plan in plans.values()], len(survey.interviewer_ids))
    return tuple(
        _damage(suspect, {key: fitted[id(plan)] for key, plan in plans.items()})
        for suspect, plans in zip(survey.suspects, planned, strict=True)
    )


def _with_and_without(item: ItemResponses, value: float) -> tuple[FloatArray, FloatArray]:
    """(n,) answers with the value left in, and without it, whichever of the two the main analysis uses."""
    scored = item.scored(value)
    left_in = np.where(item.suspects == value, scored, item.answers)
    return left_in, np.where(left_in == scored, np.nan, left_in)


def _plan_suspect(survey: Survey, config: ReportConfig, suspect: CodeSuspect) -> dict[tuple[str, str], Plan]:
    """Plans by (outcome item, what): "with", "without" and "slope"."""
    items = {item.name: item for item in survey.items}
    left_in, without = _with_and_without(items[suspect.item], suspect.value)
    plans: dict[tuple[str, str], Plan] = {
        (suspect.item, "with"): plan_model("null", suspect.item, survey, left_in, judge=True, precise=False),
        (suspect.item, "without"): plan_model("null", suspect.item, survey, without, precise=False),
    }
    answers = {item.name: item.answers for item in survey.items} | {suspect.item: left_in}
    for option in config.items:
        if suspect.item in (option.name, *option.slopes):
            slope = plan_slope(survey, option.name, option, answers, precise=False)
            if slope is not None:
                plans[option.name, "slope"] = slope
    return plans


def _damage(suspect: CodeSuspect, fitted: dict[tuple[str, str], object]) -> SuspectDamage:
    def icc(what: str) -> float | None:
        model = fitted[suspect.item, what]
        return intraclass_correlation(model) if isinstance(model, ModelResult) else None

    refits: Sequence[tuple[str, ModelResult]] = [
        (outcome, model)
        for (outcome, what), model in fitted.items()
        if what != "without" and isinstance(model, ModelResult)
    ]
    return SuspectDamage(
        item=suspect.item,
        value=suspect.value,
        icc_without=icc("without"),
        icc_with=icc("with"),
        with_suspect=tuple(model for _, model in refits),
        outcome=tuple(outcome for outcome, _ in refits),
    )
