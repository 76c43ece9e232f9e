"""Figure data of the interviewer-by-item heat map: the deletion z of everybody on every item."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from qa_reports.effects.estimate import ItemEffects
from qa_reports.effects.flag import Flag, Flags, InterviewerVerdict
from qa_reports.effects.indicator_effects import NO_INDICATORS, JudgedIndicators
from qa_reports.effects.judge import level_cells
from qa_reports.effects.rules import NAMED_BESIDE
from qa_reports.report.explanation import flags_by_interviewer, sure_p
from qa_reports.survey.clean import Survey

FloatArray = NDArray[np.float64]


_LAST_COLUMNS = " The last {} columns are indicators of how the interviews were done: there + is worrying."


class HeatMap(Struct, frozen=True, eq=False):
    """Deletion z of J interviewers on k items, the strongest evidence first."""

    title: str
    caption: str
    interviewers: tuple[str, ...]
    """(J,) ids."""
    items: tuple[str, ...]
    """(k,) item names, then the names of the indicators."""
    z: FloatArray
    """(J, k), NaN where it could not be judged."""
    flagged: tuple[int, ...]
    """Positions of interviewers worth a call."""
    flagged_cells: frozenset[tuple[int, int]]
    """(interviewer, item) positions that a flag rests on."""

    def rows(self, first: int, end: int) -> HeatMap:
        """The part of it from one interviewer's position up to another's."""
        return replace(
            self,
            interviewers=self.interviewers[first:end],
            z=self.z[first:end],
            flagged=tuple(j - first for j in self.flagged if first <= j < end),
            flagged_cells=frozenset((j - first, k) for j, k in self.flagged_cells if first <= j < end),
        )


def build_heat_map(
    survey: Survey,
    modelled: tuple[ItemEffects, ...],
    flags: Flags,
    indicators: JudgedIndicators = NO_INDICATORS,
    min_interviews: int = 1,
) -> HeatMap | None:
    """Everybody on every modelled item and indicator, the strongest evidence first; None without any item."""
    if not modelled:
        return None
    z = np.full((len(survey.interviewer_ids), len(modelled)), np.nan)
    for k, item in enumerate(modelled):
        cells = level_cells(item)
        if cells is not None:
            z[cells.interviewer, k] = cells.z
    shown_indicators = [one for one in indicators.effects if one.judged_by and ":" not in one.measure.name]
    beside = [np.where(one.n >= min_interviews, one.z, np.nan) for one in shown_indicators]
    z = np.column_stack([z, *beside])
    own = flags_by_interviewer(flags)
    order = sorted(flags.interviewers, key=lambda verdict: _evidence(verdict, own.get(verdict.interviewer, [])))
    position = {interviewer: j for j, interviewer in enumerate(survey.interviewer_ids)}
    shown = {verdict.interviewer: row for row, verdict in enumerate(order)}
    column = {item.item: k for k, item in enumerate(modelled)}
    names = (*column, *(one.measure.name for one in shown_indicators))
    return HeatMap(
        title="Interviewers by items",
        caption=(
            "Each cell is the deletion z of one interviewer on one item: how far their interviews are from where the "
            "colleagues' interviews would put them, in standard errors. Values beyond 3 are rare by chance; + is above "
            "and \N{MINUS SIGN} below the colleagues; a dash could not be judged."
            + (_LAST_COLUMNS.format(len(shown_indicators)) if shown_indicators else "")
        ),
        interviewers=tuple(shown),
        items=names,
        z=z[[position[interviewer] for interviewer in shown]],
        flagged=tuple(row for row, verdict in enumerate(order) if verdict.severity != "none"),
        flagged_cells=frozenset(
            (shown[flag.interviewer], column[name])
            for flag in flags.flags
            if flag.kind == "level" and flag.interviewer in shown
            for name in flag.items
            if name in column
        )
        | frozenset(
            (shown[flag.interviewer], len(column) + k)
            for flag in flags.flags
            if flag.interviewer in shown
            for k, one in enumerate(shown_indicators)
            if one.measure.kind == flag.kind and one.z[position[flag.interviewer]] > NAMED_BESIDE
        ),
    )


def _evidence(verdict: InterviewerVerdict, flags: Sequence[Flag]) -> tuple[int, float, int]:
    """The order of the call list, then the combined p; with too few interviews last, larger workloads first."""
    rank = {"critical": 0, "warning": 1, "none": 2}[verdict.severity]
    p = verdict.combined_p if verdict.severity == "none" else sure_p(verdict, flags)
    return rank, 2.0 if p is None else p, -verdict.n_interviews
