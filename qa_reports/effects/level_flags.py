"""Evidence from levels: answers that lie above or below those of colleagues, over all items and item by item."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from qa_reports.config import ReportConfig
from qa_reports.effects.distributions import normal_isf
from qa_reports.effects.estimate import ItemEffects
from qa_reports.effects.findings import Flag
from qa_reports.effects.judge import level_cells
from qa_reports.effects.rules import MINIMUM_SIZE, NAMED_BESIDE, WEIGHT_OF_LEVELS
from qa_reports.effects.sentences import level_sentence
from qa_reports.effects.sources import Cell, EvidenceSource, Finding
from qa_reports.survey.clean import Survey

FloatArray = NDArray[np.float64]


def level_source(
    survey: Survey, items: Sequence[ItemEffects], combined: FloatArray, config: ReportConfig
) -> EvidenceSource:
    """Levels; `combined` (J,) is the p over all items."""
    minimum = config.flags.min_interviews
    labels = {item.item: item.label for item in items}
    scales = {item.name: _scale_words(item.valid_range) for item in config.items}
    adjusted_for = [covariate.label for covariate in survey.respondent_covariates]

    def describe(finding: Finding) -> Flag | None:
        named = _named(finding)
        if not named:
            return None
        strongest, single, p = named[0], bool(finding.single), finding.p
        return Flag(
            interviewer=survey.interviewer_ids[finding.interviewer],
            severity=finding.severity,
            kind="level",
            items=tuple(cell.what for cell in named),
            estimate=strongest.deviation,
            unit="scale points",
            z=strongest.z if single else float(np.sign(strongest.deviation) * normal_isf(p / 2)),
            p=strongest.p if single else p,
            q=strongest.q if single else finding.q,
            sentence=level_sentence(
                max(cell.n_interviews for cell in finding.cells),
                [(labels[cell.what], cell.deviation) for cell in named],
                [scales[cell.what] for cell in named],
                adjusted_for,
            ),
        )

    cells = tuple(cell for item in items for cell in _cells(item, minimum))
    return EvidenceSource("level", "level", WEIGHT_OF_LEVELS, combined, cells, describe)


def _cells(item: ItemEffects, minimum: int) -> Iterator[Cell]:
    found = level_cells(item)
    if found is None:
        return
    sd = np.sqrt(item.judging.variance.residual)
    for row in np.flatnonzero((found.n_interviews >= minimum) & np.isfinite(found.p)):
        deviation = float(found.deviation[row])
        yield Cell(
            what=item.item,
            interviewer=int(found.interviewer[row]),
            n_interviews=int(found.n_interviews[row]),
            deviation=deviation,
            z=float(found.z[row]),
            p=float(found.p[row]),
            large=bool(abs(deviation) >= MINIMUM_SIZE * sd),
        )


def _named(finding: Finding) -> list[Cell]:
    """The items a flag names: those sure by themselves, and remarkable ones beside them."""
    single = finding.single
    named = [cell for cell in finding.cells if cell.large and (cell in single or abs(cell.z) > NAMED_BESIDE)]
    if single:
        # Beside a sure finding, the other direction is what a few of many items show by chance.
        named = [cell for cell in named if cell in single or cell.deviation * single[0].deviation > 0]
    return named


def _scale_words(scale: tuple[float, float] | None) -> str:
    return "" if scale is None else f"{scale[0]:g} to {scale[1]:g}"
