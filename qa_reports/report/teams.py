"""Step 5, report: the part of a report that one team may see: its own interviewers, and numbers of the whole survey.

Every part of the summary is rebuilt here by name. A part that this module does not know keeps its empty default, so
that nothing new reaches a team before somebody has decided that it may.
"""

from __future__ import annotations

import hashlib
import re

import numpy as np
from msgspec.structs import replace

from qa_reports.effects.flag import Flags
from qa_reports.report.drivers import DriverTable
from qa_reports.report.figures import Caterpillar, Figure, InterviewerLines, QuantilePlot
from qa_reports.report.formats import count_of, integer, plain_letters
from qa_reports.report.heat_map import HeatMap
from qa_reports.report.indicators import IndicatorsSummary, PairRow
from qa_reports.report.interviewers import Call
from qa_reports.report.items import ItemSummary
from qa_reports.report.summarise import ReportSummary, Verdict
from qa_reports.report.verdict_words import reviewed_notes
from qa_reports.survey.clean import CleaningLog

Members = frozenset[str]
"""Ids of the interviewers of a team."""
ELSEWHERE = "another team"
"""Stands for an interviewer whom the team's report does not name."""


def team_members(flags: Flags, team: str) -> Members:
    """Who belongs to a team; empty where no interviewer does."""
    return frozenset(verdict.interviewer for verdict in flags.interviewers if verdict.team == team)


def team_file_name(team: str) -> str:
    """What a team's PDF is called in the run: `team-north.pdf`; a digest tells names apart that letters do not."""
    plain = re.sub(r"[^a-z0-9]+", "-", plain_letters(team).lower()).strip("-")[:40]
    digest = hashlib.sha256(team.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"team-{plain}.pdf" if plain and plain == team else f"team-{plain}-{digest}.pdf".replace("--", "-")


def restrict_to_team(summary: ReportSummary, team: str, flags: Flags) -> ReportSummary:
    """The report of one team: no other team's interviewer is named in it, nor shown one by one with a name.

    Estimates of items are the whole survey's, because interviewers are compared with all their colleagues. Code
    suspects are left out: they are a matter of the file, and their holders are interviewers of any team.
    """
    members = team_members(flags, team)
    calls = tuple(call for call in summary.calls if call.interviewer in members)
    too_few = tuple(verdict for verdict in summary.too_few if verdict.interviewer in members)
    reviewed = tuple(one.interviewer for one in flags.interviewers if one.reviewed and one.interviewer in members)
    return ReportSummary(
        heading=replace(summary.heading, team=team),
        verdict=_verdict(summary.verdict, team, calls, len(members), len(too_few), summary.min_interviews, reviewed),
        calls=calls,
        too_few=too_few,
        min_interviews=summary.min_interviews,
        items=tuple(_item(item, members) for item in summary.items),
        not_modelled=summary.not_modelled,
        profiles=tuple(
            profile for profile in (*summary.profiles, *summary.team_profiles) if profile.interviewer in members
        ),
        suspects=(),
        heat_map=None if summary.heat_map is None else _heat_map(summary.heat_map, members),
        cleaning=_cleaning(summary.cleaning, members),
        methods=summary.methods,
        printed_items=summary.printed_items,
        indicators=None if summary.indicators is None else _indicators(summary.indicators, members),
        reviewed=tuple(flag for flag in summary.reviewed if flag.interviewer in members),
    )


def _indicators(found: IndicatorsSummary, members: Members) -> IndicatorsSummary:
    """The survey's indicators; of interviewers one by one, and of pairs of interviews, only the team's.

    Where one of two similar interviews is the team's, the other is somebody else's and is not named.
    """
    own = [pair for pair in found.pairs if members.intersection(pair.interviewers)]
    return IndicatorsSummary(
        rows=tuple(
            replace(row, remarkable=tuple((name, p) for name, p in row.remarkable if name in members))
            for row in found.rows
        ),
        not_applicable=found.not_applicable,
        pairs=tuple(_pair(pair, members) for pair in own),
        n_pairs=len(own),
        limit=found.limit,
    )


def _pair(pair: PairRow, members: Members) -> PairRow:
    hidden = [name not in members for name in pair.interviewers]
    one, other = (ELSEWHERE if hide else name for name, hide in zip(pair.interviewers, hidden, strict=True))
    first, second = ("" if hide else name for name, hide in zip(pair.respondents, hidden, strict=True))
    return replace(pair, interviewers=(one, other), respondents=(first, second))


def _verdict(
    verdict: Verdict,
    team: str,
    calls: tuple[Call, ...],
    n_members: int,
    n_too_few: int,
    min_interviews: int,
    reviewed: tuple[str, ...],
) -> Verdict:
    return Verdict(
        sentence=_sentence(verdict, team, calls, n_members),
        notes=(*_notes(verdict, team, n_too_few, min_interviews), *reviewed_notes(reviewed)),
        n_interviews=verdict.n_interviews,
        n_interviewers=verdict.n_interviewers,
        n_items=verdict.n_items,
        n_items_modelled=verdict.n_items_modelled,
        median_icc=verdict.median_icc,
        worst=verdict.worst,
        worst_icc=verdict.worst_icc,
        worst_n=verdict.worst_n,
        worst_effective_n=verdict.worst_effective_n,
        typical_share=verdict.typical_share,
        n_flagged=len(calls),
        n_critical=sum(call.severity == "critical" for call in calls),
        n_too_few=n_too_few,
        expected_by_chance=verdict.expected_by_chance,
        n_data_problems=verdict.n_data_problems,
        n_reviewed=len(reviewed),
        nobody_judged=verdict.nobody_judged,
    )


def _sentence(verdict: Verdict, team: str, calls: tuple[Call, ...], n_members: int) -> str:
    if not verdict.n_items_modelled or (verdict.nobody_judged and not verdict.n_flagged):
        return verdict.sentence
    everywhere = f"in the whole survey {integer(verdict.n_flagged)} of {integer(verdict.n_interviewers)}"
    if not calls:
        return f"No interviewer of team {team} needs a call ({everywhere})."
    are = "is" if len(calls) == 1 else "are"
    first = f": {calls[0].interviewer}" if len(calls) == 1 else f", {calls[0].interviewer} first"
    return (
        f"{integer(len(calls))} of {count_of(n_members, 'interviewer')} of team {team} {are} worth a call{first} "
        f"({everywhere})."
    )


def _notes(verdict: Verdict, team: str, n_too_few: int, min_interviews: int) -> list[str]:
    notes = [
        f"This is the part of team {team}: its interviewers are compared with everybody's in the survey, and only they "
        "are shown."
    ]
    if n_too_few:
        has = "has" if n_too_few == 1 else "have"
        notes.append(
            f"{count_of(n_too_few, 'interviewer')} of the team {has} fewer than "
            f"{count_of(min_interviews, 'interview')}: too few to judge, which does not mean fine."
        )
    if verdict.n_data_problems:
        problems = count_of(verdict.n_data_problems, "data-preparation problem")
        notes.append(f"The survey file has {problems}, which the whole report explains.")
    return notes


def _item(item: ItemSummary, members: Members) -> ItemSummary:
    others = item.without_flagged is not None and not members.issuperset(item.without_flagged.interviewers)
    return replace(
        item,
        flagged=tuple(name for name in item.flagged if name in members),
        without_flagged=None if others else item.without_flagged,
        drivers=tuple(_drivers(table, members) for table in item.drivers),
        fixed_drivers=tuple(driver for driver in item.fixed_drivers if driver.interviewer in members),
        figures=tuple(_figure(figure, members) for figure in item.figures),
    )


def _drivers(table: DriverTable, members: Members) -> DriverTable:
    """The team's own among the interviewers who drive a variance."""
    return replace(table, drivers=tuple(driver for driver in table.drivers if driver.interviewer in members))


def _figure(figure: Figure, members: Members) -> Figure:
    """The same points and lines; those of other teams lose their ids and their marks."""
    match figure:
        case Caterpillar() | InterviewerLines():
            names, marks = _unnamed(figure.interviewers, figure.flagged, members)
            return replace(figure, interviewers=names, flagged=marks)
        case QuantilePlot():
            names, marks = _unnamed(figure.labels, figure.flagged, members)
            return replace(figure, labels=names, flagged=marks)
        case _:
            return figure


def _unnamed(
    names: tuple[str, ...], flagged: tuple[int, ...], members: Members
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    shown = tuple(name if name in members else "" for name in names)
    return shown, tuple(position for position in flagged if names[position] in members)


def _heat_map(heat_map: HeatMap, members: Members) -> HeatMap | None:
    rows = [row for row, name in enumerate(heat_map.interviewers) if name in members]
    if not rows:
        return None
    new = {row: position for position, row in enumerate(rows)}
    return replace(
        heat_map,
        interviewers=tuple(heat_map.interviewers[row] for row in rows),
        z=heat_map.z[np.array(rows)],
        flagged=tuple(new[row] for row in heat_map.flagged if row in new),
        flagged_cells=frozenset((new[row], column) for row, column in heat_map.flagged_cells if row in new),
    )


def _cleaning(log: CleaningLog, members: Members) -> CleaningLog:
    """Counts of the whole file; of interviewers one by one only the team's. Notes may name anybody and are left out."""

    def own(counts: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
        return tuple((name, n) for name, n in counts if name in members)

    return replace(
        log,
        recoded=tuple(replace(recode, interviewers=own(recode.interviewers)) for recode in log.recoded),
        out_of_range=tuple(replace(found, interviewers=own(found.interviewers)) for found in log.out_of_range),
        interviewers=tuple(audit for audit in log.interviewers if audit.interviewer in members),
        notes=(),
        repeated_ids=None,
    )
