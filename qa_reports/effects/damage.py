"""What an undeclared missing code would do: the same models with the suspect values left in."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from qa_reports.config import ReportConfig
from qa_reports.effects.design import plan_model
from qa_reports.effects.estimate import intraclass_correlation
from qa_reports.effects.inference import false_discovery_q
from qa_reports.effects.linear import FailedModel, ModelResult
from qa_reports.effects.plans import Plan, fit_plans, plan_slope
from qa_reports.second_core import IN_TURN, SecondCore
from qa_reports.survey.clean import Survey
from qa_reports.survey.suspects import CodeSuspect

FloatArray = NDArray[np.float64]


class Consequence(Struct, frozen=True):
    """What one item shows under one treatment of its code suspects."""

    n: int
    """Answers."""
    mean: float | None
    icc: float | None
    """Interviewer ICC of the null model; None where it could not be estimated."""
    standing_out: tuple[str, ...] = ()
    """Interviewers whose level on this item alone has a false discovery rate below the configured one."""


class SuspectDamage(Struct, frozen=True, eq=False):
    """What one code suspect would have done: the same models with the suspect values left in."""

    item: str
    value: float
    set_aside: Consequence
    """Without any code suspect."""
    left_in: Consequence
    """With this value alone."""
    all_left_in: Consequence
    """With all code suspects of the item: what the file as it is would have shown."""
    with_suspect: tuple[ModelResult, ...]
    """Models refitted with the value left in: the item's null model, and the slope model of every item that has
    this one as outcome or slope predictor."""
    without_suspect: tuple[ModelResult | None, ...]
    """(len(with_suspect),) the same models without any code suspect; None where one could not be fitted."""
    outcome: tuple[str, ...]
    """(len(with_suspect),) the item each of them is a model of."""

    @property
    def icc_with(self) -> float | None:
        """Interviewer ICC with this value alone left in."""
        return self.left_in.icc

    @property
    def icc_without(self) -> float | None:
        """Interviewer ICC without any code suspect."""
        return self.set_aside.icc


class _Planned(Struct, frozen=True, eq=False):
    """One null model and the answers it is fitted to."""

    answers: FloatArray
    plan: Plan


def set_suspects_aside(survey: Survey) -> Survey:
    """The survey without the code suspects that stayed among the answers."""
    answers = _without_suspects(survey)
    whole = survey.whole
    if whole is not None:
        items = {item.name: item for item in survey.items}
        scored: dict[str, list[float]] = {}
        for suspect in survey.suspects:
            scored.setdefault(suspect.item, []).append(items[suspect.item].scored(suspect.value))
        whole = whole.without(scored)
    return replace(survey, items=tuple(replace(item, answers=answers[item.name]) for item in survey.items), whole=whole)


def measure_damages(survey: Survey, config: ReportConfig, core: SecondCore = IN_TURN) -> tuple[SuspectDamage, ...]:
    """Refit with every code suspect left in, one at a time and all of an item together, and without any of them.

    Of a survey larger than memory, on the interviews at hand.
    """
    survey = survey.at_hand
    clean = _without_suspects(survey)
    levels = _plan_levels(survey, clean)
    # Nobody is judged by these: they stand beside those with a suspect left in.
    slopes_without = _plan_slopes(survey, config, clean, {suspect.item for suspect in survey.suspects}, judge=False)
    slopes_with = [
        _plan_slopes(survey, config, clean | {suspect.item: levels[_key(suspect)].answers}, {suspect.item}, judge=True)
        for suspect in survey.suspects
    ]
    plans = [planned.plan for planned in levels.values()]
    fitted = fit_plans(
        [*plans, *(plan for slopes in (slopes_without, *slopes_with) for plan in slopes.values())],
        len(survey.interviewer_ids),
        core,
    )

    def consequence(key: tuple[str, float | str]) -> Consequence:
        return _consequence(levels[key].answers, fitted[id(levels[key].plan)], survey, config)

    damages = []
    for suspect, slopes in zip(survey.suspects, slopes_with, strict=True):
        compared: list[tuple[str, Plan, Plan | None]] = [
            (suspect.item, levels[_key(suspect)].plan, levels[suspect.item, "none"].plan),
            *((outcome, plan, slopes_without.get(outcome)) for outcome, plan in slopes.items()),
        ]
        refits = [
            (outcome, model, None if without is None else fitted[id(without)])
            for outcome, plan, without in compared
            if isinstance(model := fitted[id(plan)], ModelResult)
        ]
        damages.append(
            SuspectDamage(
                item=suspect.item,
                value=suspect.value,
                set_aside=consequence((suspect.item, "none")),
                left_in=consequence(_key(suspect)),
                all_left_in=consequence((suspect.item, "all")),
                with_suspect=tuple(model for _, model, _ in refits),
                without_suspect=tuple(
                    without if isinstance(without, ModelResult) else None for _, _, without in refits
                ),
                outcome=tuple(outcome for outcome, _, _ in refits),
            )
        )
    return tuple(damages)


def _key(suspect: CodeSuspect) -> tuple[str, float | str]:
    return suspect.item, suspect.value


def _without_suspects(survey: Survey) -> dict[str, FloatArray]:
    """The (n,) answers of every item, its code suspects set aside."""
    answers = {item.name: item.answers for item in survey.items}
    items = {item.name: item for item in survey.items}
    for suspect in survey.suspects:
        if not suspect.set_aside:
            own = answers[suspect.item]
            answers[suspect.item] = np.where(own == items[suspect.item].scored(suspect.value), np.nan, own)
    return answers


def _plan_levels(survey: Survey, clean: Mapping[str, FloatArray]) -> dict[tuple[str, float | str], _Planned]:
    """Null models by item and what is left in: "none", one value, or "all"."""
    items = {item.name: item for item in survey.items}
    answers: dict[tuple[str, float | str], FloatArray] = {}
    for suspect in survey.suspects:
        item, none = items[suspect.item], clean[suspect.item]
        scored = item.scored(suspect.value)
        held = (item.suspects == suspect.value) | (item.answers == scored)
        answers.setdefault((suspect.item, "none"), none)
        answers[_key(suspect)] = np.where(held, scored, none)
        together = answers.get((suspect.item, "all"), none)
        answers[suspect.item, "all"] = np.where(held, scored, together)
    return {
        key: _Planned(values, plan_model("null", key[0], survey, values, judge=True, precise=False))
        for key, values in answers.items()
    }


def _plan_slopes(
    survey: Survey, config: ReportConfig, answers: Mapping[str, FloatArray], of: set[str], *, judge: bool
) -> dict[str, Plan]:
    """Slope models by outcome that have one of the items as outcome or slope predictor."""
    planned = {
        option.name: plan_slope(survey, option.name, option, dict(answers), judge=judge, precise=False)
        for option in config.items
        if of & {option.name, *option.slopes}
    }
    return {outcome: plan for outcome, plan in planned.items() if plan is not None}


def _consequence(
    answers: FloatArray, model: ModelResult | FailedModel, survey: Survey, config: ReportConfig
) -> Consequence:
    valid = answers[~np.isnan(answers)]
    return Consequence(
        n=len(valid),
        mean=float(valid.mean()) if len(valid) else None,
        icc=intraclass_correlation(model) if isinstance(model, ModelResult) else None,
        standing_out=_standing_out(model, survey, config) if isinstance(model, ModelResult) else (),
    )


def _standing_out(model: ModelResult, survey: Survey, config: ReportConfig) -> tuple[str, ...]:
    """Interviewers with enough interviews whose level is remarkable among all levels of this model."""
    effects = model.effects
    p = np.where(effects.n_interviews >= config.flags.min_interviews, effects.p[:, 0], np.nan)
    judged = np.flatnonzero(np.isfinite(p))
    sure = judged[false_discovery_q(p[judged]) < config.flags.false_discovery_rate]
    return tuple(survey.interviewer_ids[int(effects.interviewer[row])] for row in sure)
