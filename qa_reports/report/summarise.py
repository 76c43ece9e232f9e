"""Step 5, report: everything the templates may show, and nothing else. Read `summarise` first."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from qa_reports.config import ReportConfig
from qa_reports.effects.damage import SuspectDamage
from qa_reports.effects.doubts import Doubt, find_doubts
from qa_reports.effects.estimate import ItemEffects, ItemNotModelled
from qa_reports.effects.few import why_nobody, wrong_column
from qa_reports.effects.flag import ExpectedByChance, Flag, Flags, InterviewerVerdict
from qa_reports.effects.indicator_effects import NO_INDICATORS, JudgedIndicators
from qa_reports.effects.sensitivity import Sensitivity
from qa_reports.report.everyone import Everyone, summarise_everyone
from qa_reports.report.explanation import explain_flags
from qa_reports.report.heat_map import HeatMap, build_heat_map
from qa_reports.report.indicators import IndicatorsSummary, summarise_indicators
from qa_reports.report.interviewers import Call, NamedItem, Profile, summarise_calls, summarise_profiles
from qa_reports.report.items import ItemSummary, summarise_item
from qa_reports.report.limits import MOST_PAGES, most_profiles
from qa_reports.report.methods import Methods, describe_methods
from qa_reports.report.sensitivity import SensitivitySummary, area_note, summarise_sensitivity
from qa_reports.report.suspects import (
    ItemSuspects,
    SuspectSummary,
    by_item,
    repeat_notes,
    summarise_suspects,
    suspect_notes,
)
from qa_reports.report.verdict_words import (
    column_notes,
    doubt_notes,
    effect_notes,
    gap_notes,
    referee_notes,
    reviewed_notes,
    verdict_sentence,
)
from qa_reports.report.wave_sentences import since_sentence
from qa_reports.report.waves import WaveComparison
from qa_reports.survey.clean import CleaningLog, Survey

_FILE_PROFILES = 10
"""Profiles of interviewers with suspicious codes and no other flag that are shown however many are worth a call."""
_TEAM_PROFILES = 10
"""Interviewers of a team, the surest, who have a profile in the team's part in any case."""
PRINTED_ITEMS = 6
"""Items with a page of their own in the PDF, at most, unless all are asked for."""


class Heading(Struct, frozen=True):
    """What stands on top of the report."""

    survey: str
    wave: str | None
    country: str | None
    printed: datetime.date
    team: str | None = None
    """The team whose part of the report this is; None for the whole report."""


class Verdict(Struct, frozen=True):
    """The first thing read: one sentence, and the few figures behind it."""

    sentence: str
    notes: tuple[str, ...]
    """Further sentences, data-preparation problems first."""
    n_interviews: int
    n_interviewers: int
    n_items: int
    n_items_modelled: int
    median_icc: float | None
    """Over the modelled items; None when there is none."""
    worst: NamedItem | None
    """The item with the largest interviewer ICC."""
    worst_icc: float | None
    worst_n: int | None
    """Interviews of the worst item, and how many they work like."""
    worst_effective_n: float | None
    typical_share: float | None
    """Median over the items of effective_n / n_interviews."""
    n_flagged: int
    n_critical: int
    n_too_few: int
    expected_by_chance: ExpectedByChance
    n_data_problems: int
    n_reviewed: int = 0
    """Interviewers who stand out and have been looked into."""
    nobody_judged: bool = False
    """Whether nobody's answers could be compared with others'."""


class ReportSummary(Struct, frozen=True, eq=False):
    """A whole report. Numbers are unrounded; sentences are ready to print; every label is untrusted text."""

    heading: Heading
    verdict: Verdict
    calls: tuple[Call, ...]
    """Every interviewer worth a call, the surest first."""
    too_few: tuple[InterviewerVerdict, ...]
    """Interviewers with too few interviews to judge."""
    min_interviews: int
    items: tuple[ItemSummary, ...]
    not_modelled: tuple[ItemNotModelled, ...]
    profiles: tuple[Profile, ...]
    """One per flagged interviewer, in the call list's order, then those behind data-preparation problems; of very many
    the first of either."""
    suspects: tuple[SuspectSummary, ...]
    heat_map: HeatMap | None
    """Everybody's deviation on every item; None when no item could be modelled."""
    cleaning: CleaningLog
    methods: Methods
    printed_items: tuple[str, ...]
    """Names of the items with a page of their own in the PDF."""
    waves: WaveComparison | None = None
    """This wave beside earlier ones; None without an archive or for a first wave."""
    sensitivity: SensitivitySummary | None = None
    """What weights, areas and teams would change; None where none of them is configured."""
    indicators: IndicatorsSummary | None = None
    """How the interviews were done; None where nothing was measured."""
    everyone: Everyone | None = None
    """Every interviewer on every item; None when no item could be modelled."""
    doubts: tuple[Doubt, ...] = ()
    """Results that are not to be trusted as they stand."""
    reviewed: tuple[Flag, ...] = ()
    """Flags that somebody has looked into: each has its `review`."""
    team_profiles: tuple[Profile, ...] = ()
    """Of interviewers who have none in the report, but one in their team's part."""

    @property
    def problems(self) -> tuple[ItemSuspects, ...]:
        """The suspects of each item together."""
        return by_item(self.suspects)

    @property
    def shown_suspects(self) -> tuple[SuspectSummary, ...]:
        """Those of which the report shows what they would have done, in the survey's order."""
        shown = [suspect for problem in self.problems for suspect in problem.shown]
        return tuple(suspect for suspect in self.suspects if suspect in shown)


def summarise(
    survey: Survey,
    items: tuple[ItemEffects | ItemNotModelled, ...],
    damages: tuple[SuspectDamage, ...],
    flags: Flags,
    config: ReportConfig,
    printed_date: datetime.date,
    versions: Mapping[str, str],
    waves: WaveComparison | None = None,
    sensitivity: Sensitivity | None = None,
    indicators: JudgedIndicators = NO_INDICATORS,
) -> ReportSummary:
    """Collect everything the report shows.

    Args:
        damages: what each code suspect would have done, in any order.
        printed_date: the date on the report (from the caller, so that the same input gives the same bytes).
        versions: program name -> version, in the order they are printed.
        waves: the comparison with earlier waves, where there are any.
        sensitivity: what weights, areas and teams would change, where they are configured.
        indicators: what the interviews show about how they were done.
    """
    modelled = tuple(item for item in items if isinstance(item, ItemEffects))
    not_modelled = tuple(item for item in items if isinstance(item, ItemNotModelled))
    labels = {item.name: item.label for item in survey.items}
    explanations = explain_flags(flags, modelled, survey, indicators, config.flags.min_interviews)
    calls = summarise_calls(flags, labels, survey, explanations, indicators)
    other_models = summarise_sensitivity(sensitivity, labels)
    if other_models is not None:
        calls = tuple(
            replace(call, area_note=area_note(other_models.flags, call.interviewer, labels)) for call in calls
        )
    doubts = find_doubts(items)
    flagged_on = flagged_by_item(flags)
    with_page = _with_page(modelled, flagged_on)
    pages = tuple(
        summarise_item(item, survey, flagged_on.get(item.item, ()), len(modelled), item.item in with_page)
        for item in modelled
    )
    suspects = summarise_suspects(survey, damages, flags)
    profiled = _profiled(calls, flags, len(modelled))
    of_teams = () if config.email is None else _profiled_for_teams(calls, profiled, config.email.teams)
    profiles = summarise_profiles(
        (*profiled, *of_teams), flags, modelled, survey, explanations, indicators, config.flags.min_interviews
    )
    heat_map = build_heat_map(survey, modelled, flags, indicators, config.flags.min_interviews)
    too_few = tuple(verdict for verdict in flags.interviewers if verdict.too_few)
    return ReportSummary(
        heading=Heading(config.survey.name, config.survey.wave, config.survey.country, printed_date),
        verdict=_verdict(
            survey,
            doubts,
            pages,
            not_modelled,
            calls,
            suspects,
            flags,
            waves,
            config,
            other_models,
        ),
        calls=calls,
        too_few=too_few,
        min_interviews=config.flags.min_interviews,
        items=pages,
        not_modelled=not_modelled,
        profiles=profiles[: len(profiled)],
        team_profiles=profiles[len(profiled) :],
        suspects=suspects,
        heat_map=heat_map,
        cleaning=survey.log,
        printed_items=_printed_items(pages, config.report.pdf_items),
        methods=describe_methods(survey, modelled, config, flags, versions, sensitivity),
        waves=waves,
        doubts=doubts,
        sensitivity=other_models,
        indicators=summarise_indicators(indicators, survey, config.flags.min_interviews),
        everyone=summarise_everyone(survey, modelled, flags, heat_map),
        reviewed=tuple(flag for flag in flags.flags if flag.review is not None),
    )


def _printed_items(pages: tuple[ItemSummary, ...], wanted: Literal["flagged", "all"]) -> tuple[str, ...]:
    """All, or those with the most flagged interviewers, in the survey's order."""
    if wanted == "all":
        return tuple(page.item for page in pages)
    most = sorted((page for page in pages if page.flagged), key=lambda page: -len(page.flagged))[:PRINTED_ITEMS]
    return tuple(page.item for page in pages if page in most)


def flagged_by_item(flags: Flags) -> Mapping[str, tuple[str, ...]]:
    """Item -> interviewers with a flag on it, in the flags' order; a matter of the file is no flag on them."""
    found: dict[str, dict[str, None]] = {}
    for flag in flags.flags:
        if flag.severity != "data_preparation":
            for item in flag.items:
                found.setdefault(item, {})[flag.interviewer] = None
    return {item: tuple(interviewers) for item, interviewers in found.items()}


def _with_page(modelled: Sequence[ItemEffects], flagged_on: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    """Items with a page of their own: where there are very many, those with most flags and then the largest ICC."""
    ranked = sorted(modelled, key=lambda item: (-len(flagged_on.get(item.item, ())), -item.icc))
    return frozenset(item.item for item in ranked[:MOST_PAGES])


def _profiled(calls: tuple[Call, ...], flags: Flags, n_items: int) -> tuple[str, ...]:
    """Who gets a profile: the surest of the call list, then who only needs the file mended."""
    most = most_profiles(n_items)
    others = dict.fromkeys(flag.interviewer for flag in flags.flags)
    for call in calls:
        others.pop(call.interviewer, None)
    first = tuple(call.interviewer for call in calls[:most])
    return (*first, *list(others)[: max(most - len(first), _FILE_PROFILES)])


def _profiled_for_teams(calls: tuple[Call, ...], profiled: tuple[str, ...], teams: Collection[str]) -> tuple[str, ...]:
    """The surest of each team who gets a part of the report and has too few of them among those with a profile."""
    there, found = frozenset(profiled), []
    room = dict.fromkeys(teams, _TEAM_PROFILES)
    for call in calls:
        if call.team is not None and room.get(call.team, 0) > 0:
            room[call.team] -= 1
            found += [] if call.interviewer in there else [call.interviewer]
    return tuple(found)


def _verdict(
    survey: Survey,
    doubts: tuple[Doubt, ...],
    pages: tuple[ItemSummary, ...],
    not_modelled: tuple[ItemNotModelled, ...],
    calls: tuple[Call, ...],
    suspects: tuple[SuspectSummary, ...],
    flags: Flags,
    waves: WaveComparison | None,
    config: ReportConfig,
    sensitivity: SensitivitySummary | None,
) -> Verdict:
    min_interviews, columns = config.flags.min_interviews, config.data.interviewer
    unjudged = why_nobody(survey.workload, min_interviews, columns)
    worst = max(pages, key=lambda page: page.icc, default=None)
    n_too_few = sum(verdict.too_few for verdict in flags.interviewers)
    chance = flags.expected_by_chance
    reviewed = tuple(verdict.interviewer for verdict in flags.interviewers if verdict.reviewed)
    return Verdict(
        sentence=verdict_sentence(calls, len(survey.interviewer_ids), chance, bool(pages), bool(reviewed), unjudged),
        notes=(
            *column_notes(unjudged, wrong_column(survey.workload, columns), bool(calls)),
            *suspect_notes(suspects),
            *repeat_notes(survey.log.delivered_twice, bool(suspects)),
            *(() if waves is None else (since_sentence(waves),)),
            *effect_notes(worst),
            *(() if sensitivity is None else sensitivity.verdict_notes),
            *reviewed_notes(reviewed),
            *gap_notes(not_modelled, n_too_few, min_interviews),
            *doubt_notes(doubts),
            *referee_notes(pages),
        ),
        n_interviews=survey.n_interviews,
        n_interviewers=len(survey.interviewer_ids),
        n_items=len(pages) + len(not_modelled),
        n_items_modelled=len(pages),
        median_icc=float(np.median([page.icc for page in pages])) if pages else None,
        worst=None if worst is None else NamedItem(worst.item, worst.label),
        worst_icc=None if worst is None else worst.icc,
        worst_n=None if worst is None else worst.n_interviews,
        worst_effective_n=None if worst is None else worst.effective_n,
        typical_share=float(np.median([page.effective_n / page.n_interviews for page in pages])) if pages else None,
        n_flagged=len(calls),
        n_critical=sum(call.severity == "critical" for call in calls),
        n_too_few=n_too_few,
        expected_by_chance=chance,
        n_data_problems=len(by_item(suspects)) + (survey.log.delivered_twice is not None),
        n_reviewed=len(reviewed),
        nobody_judged=unjudged is not None,
    )
