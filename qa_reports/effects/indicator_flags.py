"""Evidence from indicators: one source per kind, over all measures of that kind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qa_reports.config import IndicatorKind
from qa_reports.effects.findings import Flag
from qa_reports.effects.indicator_effects import IndicatorEffects, JudgedIndicators
from qa_reports.effects.indicator_sentences import indicator_sentence
from qa_reports.effects.rules import MINIMUM_SIZE, NAMED_BESIDE, WEIGHT_OF_INDICATORS
from qa_reports.effects.sources import EvidenceSource, Finding, combine_sources
from qa_reports.indicators.duplicates import Duplicates
from qa_reports.survey.clean import Survey

FloatArray = NDArray[np.float64]

_DETAIL = 0.25
"""Weight of one battery or one reason beside the total of its kind."""
_PLAINEST = ("straightlining", "log_minutes")
"""Measures that say it in the plainest words, and so lead where they are telling."""
_TELLING = 3.0
"""z of a measure from which it leads before single batteries."""
_FEWEST = 2
"""Interviews in which something must have happened for it to be worth a call."""


def indicator_sources(survey: Survey, indicators: JudgedIndicators, minimum: int) -> list[EvidenceSource]:
    """A source for every kind that judges anybody.

    Args:
        survey: the survey.
        indicators: the indicators' models.
        minimum: interviews that an interviewer needs to be judged.
    """
    by_kind: dict[IndicatorKind, list[IndicatorEffects]] = {}
    for one in indicators.effects:
        if one.judged_by is not None:
            by_kind.setdefault(one.measure.kind, []).append(one)
    return [_source(survey, kind, own, indicators.measured.duplicates, minimum) for kind, own in by_kind.items()]


def _source(
    survey: Survey,
    kind: IndicatorKind,
    measures: list[IndicatorEffects],
    duplicates: Duplicates | None,
    minimum: int,
) -> EvidenceSource:
    p = np.stack([np.where(one.n >= minimum, one.p, np.nan) for one in measures], axis=-1)
    weights = np.array([_weight(one) for one in measures])

    def describe(finding: Finding) -> Flag | None:
        j = finding.interviewer
        order = np.argsort(np.where(np.isfinite(p[j]), p[j] / weights, np.inf))
        large = [measures[k] for k in order if is_large(measures[k], j)]
        if not large:
            return None
        # A battery by itself is only worth leading with where all batteries together would say nothing.
        whole = [one for one in large if ":" not in one.measure.name and one.z[j] > _TELLING]
        leading = min(whole or large, key=lambda one: one.measure.name not in _PLAINEST)  # else the smallest p
        beside = [one for one in large if one is not leading and one.z[j] > NAMED_BESIDE and ":" in one.measure.name]
        return Flag(
            interviewer=survey.interviewer_ids[j],
            severity=finding.severity,
            kind=kind,
            items=(),
            estimate=float(leading.affected[j]) if kind == "duplicates" else float(leading.own[j] - leading.others[j]),
            unit="interviews" if kind == "duplicates" else leading.measure.unit,
            z=float(leading.z[j]),
            p=finding.p,
            q=finding.q,
            sentence=indicator_sentence(leading, j, beside, duplicates),
        )

    return EvidenceSource(kind, kind, WEIGHT_OF_INDICATORS, combine_sources(p, weights), (), describe)


def _weight(effects: IndicatorEffects) -> float:
    name = effects.measure.name
    return _DETAIL if ":" in name or name in ("dont_know", "refusal", "no_answer") else 1.0


def is_large(effects: IndicatorEffects, interviewer: int) -> bool:
    """Whether what an indicator shows of an interviewer is large enough to be worth a call, however sure it is."""
    counted = effects.measure.scale == "count" or effects.judged_by == "pairs"
    if counted and effects.affected[interviewer] < _FEWEST:
        return False
    return effects.judged_by == "pairs" or bool(effects.size[interviewer] >= MINIMUM_SIZE)
