"""Evidence from spread: an interviewer whose interviews are more alike, or vary more, than anyone else's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from qa_reports.config import ReportConfig
from qa_reports.effects.distributions import normal_isf
from qa_reports.effects.estimate import ItemEffects
from qa_reports.effects.findings import Flag
from qa_reports.effects.patterns import spread_pattern
from qa_reports.effects.rules import MINIMUM_SPREAD, NAMED_BESIDE, WEIGHT_OF_ONE_SPREAD, WEIGHT_OF_SPREAD
from qa_reports.effects.sentences import spread_sentence
from qa_reports.effects.sources import Cell, EvidenceSource, Finding
from qa_reports.effects.spread_effects import NoSpread, SpreadEffects, times_usual
from qa_reports.survey.clean import Survey

FloatArray = NDArray[np.float64]

_TELLING = 3.0
"""|z| of the spread over all items from which it leads before single items."""


def spread_source(
    survey: Survey,
    items: Sequence[ItemEffects],
    overall: SpreadEffects | NoSpread,
    judged: NDArray[np.bool_],
    config: ReportConfig,
) -> EvidenceSource:
    """Spread over all items together (`overall`), and item by item."""
    labels = {item.item: item.label for item in items}
    together = {} if isinstance(overall, NoSpread) else dict(_cells_of("", overall, config.flags.min_interviews))

    def describe(finding: Finding) -> Flag | None:
        whole = together.get(finding.interviewer)
        leading = _leading(whole, finding.single)
        if leading is None or not leading.large:
            return None
        named = [
            cell for cell in finding.cells if cell.deviation * leading.deviation > 0 and _remarkable(cell, finding)
        ]
        by_all = leading is whole
        return Flag(
            interviewer=survey.interviewer_ids[finding.interviewer],
            severity=finding.severity,
            kind="spread",
            items=tuple(cell.what for cell in named),
            estimate=times_usual(leading.deviation),
            unit="times the usual spread",
            z=float(np.sign(leading.deviation) * normal_isf(leading.p / 2)),
            p=leading.p,
            q=min([finding.q, *(cell.q for cell in finding.single)]) if by_all else leading.q,
            sentence=spread_sentence(
                leading.n_interviews,
                times_usual(leading.deviation),
                None if by_all else labels[leading.what],
                [labels[cell.what] for cell in named if cell is not leading],
            ),
            pattern=spread_pattern(times_usual(leading.deviation)),
        )

    p = np.full(len(survey.interviewer_ids), np.nan)
    if isinstance(overall, SpreadEffects):
        p[overall.interviewer] = overall.p
    cells = [
        cell
        for item in items
        if isinstance(item.spread, SpreadEffects)
        for _, cell in _cells_of(item.item, item.spread, config.flags.min_interviews)
    ]
    p = np.where(judged, p, np.nan)
    return EvidenceSource("spread", "spread", WEIGHT_OF_SPREAD, p, tuple(cells), describe, WEIGHT_OF_ONE_SPREAD)


def _leading(whole: Cell | None, single: tuple[Cell, ...]) -> Cell | None:
    """All items together, where they say it plainly: the surest single item is only the one that chance helped most."""
    if not single:
        return whole
    plain = whole is not None and whole.large and abs(whole.z) > _TELLING and whole.deviation * single[0].deviation > 0
    return whole if plain else single[0]


def _remarkable(cell: Cell, finding: Finding) -> bool:
    return cell.large and (cell in finding.single or abs(cell.z) > NAMED_BESIDE)


def _cells_of(what: str, spread: SpreadEffects, minimum: int) -> Iterator[tuple[int, Cell]]:
    for row in np.flatnonzero((spread.n_interviews >= minimum) & np.isfinite(spread.p)):
        deviation = float(spread.deviation[row])
        yield (
            int(spread.interviewer[row]),
            Cell(
                what=what,
                interviewer=int(spread.interviewer[row]),
                n_interviews=int(spread.n_interviews[row]),
                deviation=deviation,
                z=float(spread.z[row]),
                p=float(spread.p[row]),
                large=abs(deviation) >= MINIMUM_SPREAD,
            ),
        )
