"""Evidence from levels: answers that lie above or below those of colleagues, over all items and item by item."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.config import ReportConfig
from qa_reports.effects.distributions import normal_isf
from qa_reports.effects.estimate import ItemEffects
from qa_reports.effects.findings import Flag
from qa_reports.effects.judge import level_cells
from qa_reports.effects.one_answer import one_answer
from qa_reports.effects.patterns import level_pattern
from qa_reports.effects.rules import MINIMUM_SIZE, NAMED_BESIDE, WEIGHT_OF_LEVELS
from qa_reports.effects.sentences import level_sentence, one_answer_sentence
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
    batteries = {battery.name: battery.items for battery in config.batteries}
    adjusted_for = [covariate.label for covariate in survey.respondent_covariates]

    def describe(finding: Finding) -> Flag | None:
        named = _named(finding)
        if not named:
            return None
        strongest, single, p = named[0], bool(finding.single), finding.p
        deviations = {cell.what: cell.deviation for cell in finding.cells}
        about = _one_battery(named, deviations, batteries, scales)
        answer = one_answer(survey, strongest.what, finding.interviewer) if about is None else None
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
                [
                    (labels[cell.what], cell.deviation)
                    for cell in named
                    if about is None or cell.what not in about.items
                ],
                len(named),
                len(finding.cells),
                scales[strongest.what],
                adjusted_for,
                None if about is None else (about.name, len(about.items), about.deviation),
            )
            + ("" if answer is None else one_answer_sentence(answer, labels[strongest.what] if named[1:] else None)),
            pattern=level_pattern([cell.what for cell in named], deviations, list(batteries.values())),
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


_ALIKE = 1.5
"""Times the battery's mean deviation that its strongest item may deviate."""


class _Battery(Struct, frozen=True):
    """A battery that most of what a flag names belongs to."""

    name: str
    items: tuple[str, ...]
    deviation: float
    """Mean over all of its items, so that it is not the mean of those that were chosen for being large."""


def _one_battery(
    named: Sequence[Cell],
    deviations: Mapping[str, float],
    batteries: Mapping[str, tuple[str, ...]],
    scales: Mapping[str, str],
) -> _Battery | None:
    """The battery of the strongest item, where it holds most of the named items and half of its own are named.

    Where one item differs much more than the battery as a whole, it is about the item.
    """
    up = named[0].deviation > 0
    for name, items in batteries.items():
        own = [cell for cell in named if cell.what in items and (cell.deviation > 0) == up]
        judged = [deviations[item] for item in items if item in deviations]
        if (
            named[0].what in items
            and len(own) >= max(2, len(items) / 2)
            and 2 * len(own) > len(named)
            and len(judged) == len(items)
            and len({scales[item] for item in items}) == 1
            and abs(named[0].deviation) < _ALIKE * abs(np.mean(judged))
        ):
            return _Battery(name, items, float(np.mean(judged)))
    return None


def _scale_words(scale: tuple[float, float] | None) -> str:
    return "" if scale is None else f"{scale[0]:g} to {scale[1]:g}"
