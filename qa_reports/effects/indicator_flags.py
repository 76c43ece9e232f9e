"""Evidence from indicators: one source per kind, over all measures of that kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.config import IndicatorKind
from qa_reports.effects.findings import Flag
from qa_reports.effects.indicator_effects import IndicatorEffects, JudgedIndicators
from qa_reports.effects.indicator_sentences import indicator_sentence
from qa_reports.effects.patterns import Pattern, indicator_pattern
from qa_reports.effects.rules import MINIMUM_SIZE, NAMED_BESIDE, REMARKABLE, WEIGHT_OF_INDICATORS
from qa_reports.effects.sources import EvidenceSource, Finding, combine_sources
from qa_reports.indicators.duplicates import Duplicates
from qa_reports.survey.clean import Survey

FloatArray = NDArray[np.float64]

_REASONS = ("dont_know", "refusal", "no_answer")
"""Measures of item nonresponse by reason."""
_MOSTLY = {"dont_know": "don't knows", "refusal": "refusals"}
"""Reasons that a sentence on all unanswered questions names where they make up most of what is more than elsewhere."""
_DETAIL = 0.25
"""Weight of one battery or one reason beside the total of its kind."""
_PLAINEST = ("straightlining", "log_minutes")
"""Measures that say it in the plainest words, and so lead where they are telling."""
_TELLING = 3.0
"""z of a measure from which it leads before single batteries."""
_FEWEST = 2
"""Interviews in which something must have happened for it to be worth a call."""


class Remark(Struct, frozen=True):
    """What one kind of indicator shows of one interviewer, large enough to be worth saying."""

    kind: IndicatorKind
    pattern: Pattern
    sentence: str
    estimate: float
    unit: str
    z: float
    p: float
    """Over all measures of the kind."""


class _Kind(Struct, frozen=True, eq=False):
    """All measures of one kind of indicator, K of them, over J interviewers."""

    kind: IndicatorKind
    measures: tuple[IndicatorEffects, ...]
    weights: FloatArray
    """(K,) share of attention."""
    p: FloatArray
    """(J, K), NaN where an interviewer has too few interviews."""
    duplicates: Duplicates | None

    @property
    def combined(self) -> FloatArray:
        """(J,) over the measures."""
        return combine_sources(self.p, self.weights)

    def remark(self, interviewer: int, p: float) -> Remark | None:
        """What it says of an interviewer whose combined p is `p`; None where nothing is large."""
        j, own = interviewer, self.p[interviewer]
        order = np.argsort(np.where(np.isfinite(own), own / self.weights, np.inf))
        large = [self.measures[k] for k in order if is_large(self.measures[k], j)]
        if not large:
            return None
        # A battery by itself is only worth leading with where all batteries together would say nothing.
        whole = [one for one in large if ":" not in one.measure.name and one.z[j] > _TELLING]
        leading = min(whole or large, key=lambda one: one.measure.name not in _PLAINEST)  # else the smallest p
        beside = [one for one in large if one is not leading and one.z[j] > NAMED_BESIDE and ":" in one.measure.name]
        pairs = self.kind == "duplicates"
        pattern = indicator_pattern(leading.measure.name, self._excess(j))
        sentence = indicator_sentence(leading, j, beside, self.duplicates)
        if leading.measure.name == "nonresponse" and pattern in _MOSTLY:
            sentence = f"{sentence.removesuffix('.')}, mostly {_MOSTLY[pattern]}."
        return Remark(
            kind=self.kind,
            pattern=pattern,
            sentence=sentence,
            estimate=float(leading.affected[j]) if pairs else float(leading.own[j] - leading.others[j]),
            unit="interviews" if pairs else leading.measure.unit,
            z=float(leading.z[j]),
            p=p,
        )

    def _excess(self, interviewer: int) -> dict[str, float]:
        by_reason = (one for one in self.measures if one.measure.name in _REASONS)
        return {one.measure.name: float(one.own[interviewer] - one.others[interviewer]) for one in by_reason}


def indicator_sources(survey: Survey, indicators: JudgedIndicators, minimum: int) -> list[EvidenceSource]:
    """A source for every kind that judges anybody.

    Args:
        survey: the survey.
        indicators: the indicators' models.
        minimum: interviews that an interviewer needs to be judged.
    """
    return [_source(survey, kind) for kind in _kinds(indicators, minimum)]


def remarks_beside(
    indicators: JudgedIndicators, interviewer: int, flagged: Sequence[str], minimum: int
) -> Iterator[Remark]:
    """Kinds that are no flag of this interviewer, but remarkable: what a call should know of, too."""
    for kind in _kinds(indicators, minimum):
        p = float(kind.combined[interviewer])
        if kind.kind not in flagged and p < REMARKABLE and (remark := kind.remark(interviewer, p)) is not None:
            yield remark


def _kinds(indicators: JudgedIndicators, minimum: int) -> list[_Kind]:
    by_kind: dict[IndicatorKind, list[IndicatorEffects]] = {}
    for one in indicators.effects:
        if one.judged_by is not None:
            by_kind.setdefault(one.measure.kind, []).append(one)
    return [
        _Kind(
            kind=kind,
            measures=tuple(own),
            weights=np.array([_weight(one) for one in own]),
            p=np.stack([np.where(one.n >= minimum, one.p, np.nan) for one in own], axis=-1),
            duplicates=indicators.measured.duplicates,
        )
        for kind, own in by_kind.items()
    ]


def _source(survey: Survey, kind: _Kind) -> EvidenceSource:
    def describe(finding: Finding) -> Flag | None:
        remark = kind.remark(finding.interviewer, finding.p)
        if remark is None:
            return None
        return Flag(
            interviewer=survey.interviewer_ids[finding.interviewer],
            severity=finding.severity,
            kind=kind.kind,
            items=(),
            estimate=remark.estimate,
            unit=remark.unit,
            z=remark.z,
            p=remark.p,
            q=finding.q,
            sentence=remark.sentence,
            pattern=remark.pattern,
        )

    return EvidenceSource(kind.kind, kind.kind, WEIGHT_OF_INDICATORS, kind.combined, (), describe)


def _weight(effects: IndicatorEffects) -> float:
    name = effects.measure.name
    return _DETAIL if ":" in name or name in _REASONS else 1.0


def is_large(effects: IndicatorEffects, interviewer: int) -> bool:
    """Whether what an indicator shows of an interviewer is large enough to be worth a call, however sure it is."""
    counted = effects.measure.scale == "count" or effects.judged_by == "pairs"
    if counted and effects.affected[interviewer] < _FEWEST:
        return False
    return effects.judged_by == "pairs" or bool(effects.size[interviewer] >= MINIMUM_SIZE)
