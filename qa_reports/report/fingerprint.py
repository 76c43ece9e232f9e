"""The rows of the dashboard's heat map as lean markup: 22,000 cells have to open within seconds."""

from __future__ import annotations

import math

from msgspec import Struct

from qa_reports.report.everyone import Person
from qa_reports.report.formats import NOTHING, signed
from qa_reports.report.heat_map import HeatMap
from qa_reports.report.page_data import anchor
from qa_reports.report.summarise import ReportSummary

STEPS = 4
"""Colours on either side of white: one per standard error, the last for everything beyond."""


class FingerprintRow(Struct, frozen=True):
    """One interviewer's row."""

    person: Person
    id: str | None
    """What a link to this interviewer finds without the script; None where a profile has the id."""
    cells: str
    """Their cells as table cells, numbers only."""


def fingerprint_rows(summary: ReportSummary) -> tuple[FingerprintRow, ...]:
    """The rows that are shown, the strongest evidence first; empty without a heat map."""
    heat_map, everyone = summary.heat_map, summary.everyone
    if heat_map is None or everyone is None:
        return ()
    with_profile = {profile.interviewer for profile in summary.profiles}
    return tuple(
        FingerprintRow(
            person=person,
            id=None if person.interviewer in with_profile else anchor(person.interviewer, "interviewer"),
            cells=_cells(heat_map, row),
        )
        for row, person in enumerate(everyone.people)
    )


def _cells(heat_map: HeatMap, row: int) -> str:
    return "".join(
        _cell(z, (row, column) in heat_map.flagged_cells) for column, z in enumerate(heat_map.z[row].tolist())
    )


def _cell(z: float, flagged: bool) -> str:
    if math.isnan(z):
        return f"<td>{NOTHING}</td>"
    step = min(int(abs(z)), STEPS)
    classes = [f"{'n' if z < 0 else 'p'}{step}"] if step else []
    classes += ["f"] if flagged else []
    css = f' class="{" ".join(classes)}"' if classes else ""
    return f"<td{css}>{signed(z, 1)}</td>"
