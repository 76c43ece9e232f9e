"""Flags of data preparation: interviewers who would stand out only because a suspect value was left in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from qa_reports.config import ReportConfig
from qa_reports.effects.damage import SuspectDamage
from qa_reports.effects.findings import Flag
from qa_reports.effects.inference import false_discovery_q
from qa_reports.effects.linear import ModelResult
from qa_reports.effects.sentences import missing_code_sentence, slope_consequence
from qa_reports.survey.clean import Survey

_MISLEADING_RISE = 6.0
"""Rise of a likelihood-ratio statistic that takes a variance from unremarkable to significant."""


def missing_code_flags(survey: Survey, damages: Sequence[SuspectDamage], config: ReportConfig) -> Iterator[Flag]:
    """Interviewers who would stand out only because a suspect value was left in."""
    for suspect, damage in zip(survey.suspects, damages, strict=True):
        shown = _shown_by_suspect(damage, config.flags.false_discovery_rate)
        holders = [(interviewer, n) for interviewer, n in suspect.interviewers if interviewer in survey.interviewer_ids]
        for interviewer, n in holders:
            position = survey.interviewer_ids.index(interviewer)
            anyway = interviewer in damage.set_aside.standing_out
            z, p = (None, None) if anyway else shown.get(position, (None, None))
            stands_out = z is not None or (interviewer in damage.all_left_in.standing_out and not anyway)
            consequence = _slope_consequence(position, survey, damage)
            if not stands_out and (consequence is None or len(holders) > 1):
                continue
            label = next(item.label for item in survey.items if item.name == suspect.item)
            yield Flag(
                interviewer=interviewer,
                severity="data_preparation",
                kind="missing_code",
                items=(suspect.item, *(outcome for outcome in damage.outcome if outcome != suspect.item)),
                estimate=float(n),
                unit="answers",
                z=z,
                p=p,
                q=None,
                sentence=missing_code_sentence(
                    n,
                    suspect.value,
                    label,
                    suspect.reason,
                    [
                        *(["make this interviewer stand out"] if stands_out else []),
                        *([consequence] if consequence else []),
                    ],
                    suspect.wider,
                ),
                pattern="data_preparation",
            )


def _shown_by_suspect(damage: SuspectDamage, rate: float) -> dict[int, tuple[float, float]]:
    """Interviewers who stand out with the suspect left in: position -> strongest (z, p) over the refitted models."""
    shown: dict[int, tuple[float, float]] = {}
    for model in damage.with_suspect:
        effects = model.effects
        q = false_discovery_q(effects.p)
        for row, column in np.argwhere(q < rate):
            key, found = int(effects.interviewer[row]), (float(effects.z[row, column]), float(effects.p[row, column]))
            if key not in shown or found[1] < shown[key][1]:
                shown[key] = found
    return shown


def _slope_consequence(interviewer: int, survey: Survey, damage: SuspectDamage) -> str | None:
    """What the suspect does to the test of the slope variance it disturbs most, if it changes its message."""
    labels = {item.name: item.label for item in survey.items}
    worst: tuple[float, str] | None = None
    for outcome, model, without in zip(damage.outcome, damage.with_suspect, damage.without_suspect, strict=True):
        if model.name != "slope" or without is None:
            continue
        # By maximum likelihood, as the slope model is shown and as its test is usually reported.
        before = {test.name: test.statistic for test in (without.by_ml or without).tests}
        for test in (model.by_ml or model).tests:
            rise = test.statistic - before.get(test.name, 0.0)
            if test.name == "intercept" or rise < _MISLEADING_RISE or (worst is not None and rise < worst[0]):
                continue
            sentence = slope_consequence(
                labels[outcome],
                labels[test.name.removeprefix("slope:")],
                (test.statistic, before.get(test.name, 0.0)),
                _extreme(model, interviewer, test.name),
            )
            worst = (rise, sentence)
    return worst[1] if worst else None


def _extreme(model: ModelResult, interviewer: int, term: str) -> Literal["lowest", "highest"] | None:
    """Whether this interviewer has the lowest or highest EBLUP of a term."""
    effects = model.effects
    eblup = effects.eblup[:, effects.terms.index(term)]
    if effects.interviewer[eblup.argmin()] == interviewer:
        return "lowest"
    return "highest" if effects.interviewer[eblup.argmax()] == interviewer else None
