"""Evidence from slopes: an interviewer in whose interviews one answer goes with another differently."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from qa_reports.config import ReportConfig
from qa_reports.effects.estimate import ItemEffects
from qa_reports.effects.findings import Flag
from qa_reports.effects.linear import FixedEffect, ModelResult
from qa_reports.effects.patterns import slope_pattern
from qa_reports.effects.rules import MINIMUM_SIZE
from qa_reports.effects.sentences import slope_sentence
from qa_reports.effects.sources import Cell, EvidenceSource, Finding
from qa_reports.survey.clean import Survey

_KNOWN = 0.05


class _Slope(Struct, frozen=True, eq=False):
    """One random slope: the outcome's model and the predictor."""

    item: ItemEffects
    model: ModelResult
    column: int
    predictor: str

    @property
    def usual(self) -> float:
        return self._effect.estimate

    @property
    def usual_is_known(self) -> bool:
        """Whether the slope of everybody differs from 0 at the usual 5 %."""
        return self._effect.p < _KNOWN

    @property
    def _effect(self) -> FixedEffect:
        return next(effect for effect in self.model.fixed_effects if effect.term == self.predictor)


def slope_source(survey: Survey, items: Sequence[ItemEffects], config: ReportConfig) -> EvidenceSource:
    """Slopes, each by itself: few models have one, so there is nothing to combine."""
    slopes = {f"{one.item.item} on {one.predictor}": one for item in items for one in _slopes(item)}
    labels = {item.name: item.label for item in survey.items}

    def describe(finding: Finding) -> Flag | None:
        cell = finding.single[0]
        slope = slopes[cell.what]
        return Flag(
            interviewer=survey.interviewer_ids[finding.interviewer],
            severity="critical",
            kind="slope",
            items=(slope.item.item,),
            estimate=cell.deviation,
            unit=f"scale points per point of {slope.predictor}",
            z=cell.z,
            p=cell.p,
            q=cell.q,
            sentence=slope_sentence(
                cell.n_interviews, slope.item.label, labels[slope.predictor], slope.usual + cell.deviation, slope.usual
            ),
            pattern=slope_pattern(slope.usual + cell.deviation, slope.usual, slope.usual_is_known),
        )

    cells = [cell for name, slope in slopes.items() for cell in _cells(name, slope, config.flags.min_interviews)]
    nobody = np.full(len(survey.interviewer_ids), np.nan)
    return EvidenceSource("slope", "slope", 0.0, nobody, tuple(cells), describe)


def _slopes(item: ItemEffects) -> list[_Slope]:
    # The level is judged by the respondent-adjusted model, not once more at the mean of a predictor.
    if not isinstance(item.slope, ModelResult):
        return []
    terms = enumerate(item.slope.effects.terms)
    return [_Slope(item, item.slope, k, term.removeprefix("slope:")) for k, term in terms if term != "intercept"]


def _cells(name: str, slope: _Slope, minimum: int) -> list[Cell]:
    effects, k = slope.model.effects, slope.column
    # A slope matters by what it does over two standard deviations of its predictor.
    scale = 2 * slope.model.predictor_sd[k] / np.sqrt(slope.model.variance.residual)
    usable = (effects.n_interviews >= minimum) & np.isfinite(effects.p[:, k])
    return [
        Cell(
            what=name,
            interviewer=int(effects.interviewer[row]),
            n_interviews=int(effects.n_interviews[row]),
            deviation=float(effects.deviation[row, k]),
            z=float(effects.z[row, k]),
            p=float(effects.p[row, k]),
            large=bool(abs(effects.deviation[row, k]) * scale >= MINIMUM_SIZE),
        )
        for row in np.flatnonzero(usable)
    ]
