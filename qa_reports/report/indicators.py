"""What the report shows of indicators: a table of all, and each flagged interviewer's place on every one of them."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from qa_reports.effects.indicator_effects import IndicatorEffects, IndicatorModel, JudgedIndicators
from qa_reports.effects.indicator_flags import is_large
from qa_reports.indicators.duplicates import Duplicates
from qa_reports.indicators.measure import IndicatorMeasure
from qa_reports.survey.clean import Survey

KINDS = {
    "nonresponse": "Item nonresponse",
    "straightlining": "Straightlining",
    "response_style": "Response style",
    "speeding": "Speed",
    "times": "Times",
    "gate": "Gate questions",
    "heaping": "Round numbers and last digits",
    "back_check": "Re-interviews",
    "duplicates": "Near-duplicates",
}
_METHODS = {
    "linear": "linear random-effects model",
    "ordinal": "cumulative logit, predictive tail",
    "binary": "logistic model, predictive tail",
    "exact binomial": "exact binomial",
    "pairs": "pairs within against pairs between interviewers",
}
SHOWN_WORST = 3
"""Interviewers named beside an indicator."""
SHOWN_PAIRS = 20
"""Pairs of interviews in a table."""


class IndicatorRow(Struct, frozen=True):
    """One indicator over the whole survey."""

    name: str
    kind: str
    """As a heading."""
    label: str
    reason: str | None
    """Why it is not applicable; then the numbers are None."""
    threshold: str
    n_interviews: int
    mean: float | None
    """Of an interview, in `unit`."""
    unit: str
    method: str | None
    """How interviewers are judged; None where they are not."""
    not_modelled: str | None
    """Why there is no random-effects model."""
    icc: float | None
    latent: bool
    """Whether the ICC is on the latent scale."""
    variance: float | None
    variance_p: float | None
    """Test of whether interviewers differ."""
    remarkable: tuple[tuple[str, float], ...]
    """(interviewer, p) of all with p below .05 who could be judged, smallest p first."""

    @property
    def worst(self) -> tuple[tuple[str, float], ...]:
        """Those that are named."""
        return self.remarkable[:SHOWN_WORST]


class IndicatorCell(Struct, frozen=True):
    """One interviewer on one indicator."""

    name: str
    label: str
    unit: str
    n_interviews: int
    mean: float | None
    mean_elsewhere: float | None
    affected: int | None
    """Interviews in which it happened; None for measures that are no counts."""
    z: float | None
    """Above 0 is worrying."""
    p: float | None
    reliability: float | None
    flagged: bool

    @property
    def unusual(self) -> bool:
        """Whether the printed profile shows it: only what is worrying counts."""
        return self.flagged or (self.z or 0.0) >= 2


class PairRow(Struct, frozen=True):
    """Two interviews that are improbably alike."""

    respondents: tuple[str, str]
    interviewers: tuple[str, str]
    share: float
    """Of identical answers among the shared ones."""
    shared: int
    """Items both answered."""


class IndicatorsSummary(Struct, frozen=True):
    """The section on indicators."""

    rows: tuple[IndicatorRow, ...]
    """Applicable ones."""
    not_applicable: tuple[IndicatorRow, ...]
    pairs: tuple[PairRow, ...]
    """All that are listed, the most alike first."""
    n_pairs: int
    """Of the whole survey, listed or not."""
    limit: float | None

    @property
    def shown_pairs(self) -> tuple[PairRow, ...]:
        """Those that stand in a table."""
        return self.pairs[:SHOWN_PAIRS]


def summarise_indicators(indicators: JudgedIndicators, survey: Survey, minimum: int) -> IndicatorsSummary | None:
    """The section on indicators; None where none was measured.

    Args:
        indicators: measures and models.
        survey: the survey.
        minimum: interviews that an interviewer needs to be judged.
    """
    if not indicators.measured.measures:
        return None
    effects = {one.measure.name: one for one in indicators.effects}
    rows = [_row(measure, effects.get(measure.name), survey, minimum) for measure in indicators.measured.measures]
    found = indicators.measured.duplicates
    return IndicatorsSummary(
        rows=tuple(row for row in rows if row.reason is None),
        not_applicable=tuple(row for row in rows if row.reason is not None),
        pairs=() if found is None else _pairs(found, survey),
        n_pairs=0 if found is None else found.n_pairs,
        limit=None if found is None else _number(found.limit),
    )


def _row(measure: IndicatorMeasure, effects: IndicatorEffects | None, survey: Survey, minimum: int) -> IndicatorRow:
    model = None if effects is None else effects.model
    fitted = model if isinstance(model, IndicatorModel) else None
    return IndicatorRow(
        name=measure.name,
        kind=KINDS[measure.kind],
        label=measure.label,
        reason=measure.reason,
        threshold=measure.threshold,
        n_interviews=0 if effects is None else int(effects.n.sum()),
        mean=None if effects is None else effects.mean,
        unit=measure.unit,
        method=None if effects is None or effects.judged_by is None else _METHODS[effects.judged_by],
        not_modelled=None if model is None or isinstance(model, IndicatorModel) else model.reason,
        icc=None if fitted is None else fitted.icc,
        latent=fitted is not None and fitted.kind != "linear",
        variance=None if fitted is None else fitted.variance,
        variance_p=None if fitted is None else fitted.p,
        remarkable=() if effects is None else _remarkable(effects, survey, minimum),
    )


def _remarkable(effects: IndicatorEffects, survey: Survey, minimum: int) -> tuple[tuple[str, float], ...]:
    p = np.where((effects.n >= minimum) & np.isfinite(effects.p), effects.p, np.inf)
    order = np.argsort(p, kind="stable")
    return tuple((survey.interviewer_ids[j], float(p[j])) for j in order if p[j] < 0.05 and is_large(effects, int(j)))


def _pairs(found: Duplicates, survey: Survey) -> tuple[PairRow, ...]:
    def interviewer(row: int) -> str:
        return survey.interviewer_ids[int(survey.interviewer[row])]

    return tuple(
        PairRow(
            (survey.respondents[pair.first], survey.respondents[pair.second]),
            (interviewer(pair.first), interviewer(pair.second)),
            pair.share,
            pair.shared,
        )
        for pair in found.pairs
    )


def indicator_cells(
    indicators: JudgedIndicators, position: int, kinds: frozenset[str], minimum: int
) -> tuple[IndicatorCell, ...]:
    """One interviewer on every indicator, in the order of the section; `kinds` are those of their flags."""
    cells = []
    for effects in indicators.effects:
        j, measure = position, effects.measure
        model = effects.model if isinstance(effects.model, IndicatorModel) else None
        judged = bool(effects.n[j] >= minimum) and np.isfinite(effects.p[j])
        cells.append(
            IndicatorCell(
                name=measure.name,
                label=measure.label,
                unit=measure.unit,
                n_interviews=int(effects.n[j]),
                mean=_number(effects.own[j]),
                mean_elsewhere=_number(effects.others[j]),
                affected=int(effects.affected[j]) if measure.scale == "count" or effects.judged_by == "pairs" else None,
                z=_number(effects.z[j]) if judged else None,
                p=_number(effects.p[j]) if judged else None,
                reliability=None if model is None else _number(model.reliability[j]),
                flagged=measure.kind in kinds and judged and effects.z[j] > 2 and is_large(effects, j),
            )
        )
    return tuple(cells)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
