"""What the report shows of one interviewer: the card in the call list and the profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from qa_reports.effects.estimate import ItemEffects
from qa_reports.effects.flag import Flag, Flags, InterviewerVerdict
from qa_reports.effects.indicator_effects import NO_INDICATORS, JudgedIndicators
from qa_reports.effects.rules import NAMED_BESIDE
from qa_reports.effects.spread_effects import NoSpread, SpreadEffects, times_usual
from qa_reports.report.answers import answer_scatter, distribution
from qa_reports.report.cells import ItemCells, measure_cells
from qa_reports.report.everyone import covariate_value
from qa_reports.report.explanation import Explanation, flags_by_interviewer, sure_p
from qa_reports.report.figures import DeviationStrip, Figure
from qa_reports.report.formats import count_of, integer, percent, points
from qa_reports.report.indicators import IndicatorCell, indicator_cells
from qa_reports.report.items import find_item, slope_model
from qa_reports.report.limits import MOST_FIGURES
from qa_reports.report.recontact import Centres, Recontact, respondents_to_recontact
from qa_reports.survey.clean import ItemResponses, Survey

PRINTED_CELLS = 6
"""Items in the table of a printed profile; report.html has all."""


class NamedItem(Struct, frozen=True):
    """An item as a link: its name (the anchor) and its label."""

    name: str
    label: str


class Call(Struct, frozen=True):
    """One interviewer worth a call: a card in the call list."""

    interviewer: str
    team: str | None
    severity: Literal["critical", "warning"]
    sureness: str
    """How sure, in words a field manager uses."""
    n_interviews: int
    sure_p: float | None
    """p of what the call rests on."""
    explanation: Explanation
    items: tuple[NamedItem, ...]
    """All items a flag rests on."""
    area_note: str | None = None
    """Whether the differences stand when areas are allowed for; None where that was not judged."""
    recontact: Recontact | None = None
    """Whose answers to ask again."""


class ItemCell(Struct, frozen=True):
    """One interviewer on one item."""

    item: str
    label: str
    n_interviews: int
    mean: float | None
    """Mean of their valid answers."""
    survey_mean: float
    deviation: float | None
    """Deletion residual: how far they are from where colleagues would be, in scale points."""
    z: float | None
    p: float | None
    reliability: float | None
    """Share of the estimate of their level that rests on their own answers; 0 at zero variance."""
    expected_rank: float | None
    """Among the `n_ranked` interviewers of the model, 1 the lowest."""
    n_ranked: int
    detectable: float | None
    """Smallest true shift that this workload would show with 80 % power at p < .001, scale points."""
    flagged: bool


class Profile(Struct, frozen=True, eq=False):
    """One flagged interviewer (or one behind a data-preparation problem) on all items."""

    interviewer: str
    team: str | None
    n_interviews: int
    severity: Literal["critical", "warning", "none"]
    too_few: bool
    combined_p: float | None
    covariates: tuple[tuple[str, float | str | None], ...]
    """(label, value) of the interviewer covariates."""
    explanation: Explanation
    flags: tuple[Flag, ...]
    cells: tuple[ItemCell, ...]
    """One per modelled item, in the survey's order."""
    certainty: tuple[str, ...]
    """Sentences: what the estimate of their level rests on, and which shifts their workload could show."""
    strip: DeviationStrip | None
    figures: tuple[Figure, ...]
    """The answers behind each flagged item beside everybody's: of very many the first `MOST_FIGURES`."""
    n_figures: int
    """Figures there would be."""
    indicators: tuple[IndicatorCell, ...] = ()
    """One per indicator, in the order of the section on indicators."""

    @property
    def printed_cells(self) -> tuple[ItemCell, ...]:
        """The flagged items and those with the largest z, as many as fit on a page, in the survey's order."""
        strongest = sorted(self.cells, key=lambda cell: (not cell.flagged, -abs(cell.z or 0.0)))[:PRINTED_CELLS]
        return tuple(cell for cell in self.cells if cell in strongest)


def summarise_calls(
    flags: Flags,
    labels: dict[str, str],
    survey: Survey,
    explanations: Mapping[str, Explanation],
    indicators: JudgedIndicators = NO_INDICATORS,
) -> tuple[Call, ...]:
    """A card per interviewer worth a call, critical first, then the smallest p of what the call rests on."""
    own, centres = flags_by_interviewer(flags), Centres(survey)
    verdicts = [verdict for verdict in flags.interviewers if verdict.severity != "none"]
    verdicts.sort(key=lambda one: (one.severity != "critical", _or_one(sure_p(one, own[one.interviewer]))))
    n_judged = sum(verdict.combined_p is not None for verdict in flags.interviewers)
    return tuple(
        _call(
            verdict,
            own[verdict.interviewer],
            labels,
            explanations[verdict.interviewer],
            respondents_to_recontact(verdict.interviewer, own[verdict.interviewer], survey, indicators, centres),
            n_judged,
        )
        for verdict in verdicts
    )


def summarise_profiles(
    names: Sequence[str],
    flags: Flags,
    modelled: tuple[ItemEffects, ...],
    survey: Survey,
    explanations: Mapping[str, Explanation],
    indicators: JudgedIndicators = NO_INDICATORS,
    min_interviews: int = 1,
) -> tuple[Profile, ...]:
    """A profile of each of some interviewers with a flag."""
    verdicts, flagged = {verdict.interviewer: verdict for verdict in flags.interviewers}, flags_by_interviewer(flags)
    columns = [measure_cells(item, survey) for item in modelled] if names else []
    profiles = []
    for name in names:
        own = tuple(flagged[name])
        kinds, position = frozenset(flag.kind for flag in own), survey.interviewer_ids.index(name)
        cells = indicator_cells(indicators, position, kinds, min_interviews)
        profile = _profile(verdicts[name], own, explanations[name], columns, modelled, survey, flags.spread)
        profiles.append(replace(profile, indicators=cells))
    return tuple(profiles)


def _or_one(p: float | None) -> float:
    return 1.0 if p is None else p


def _call(
    verdict: InterviewerVerdict,
    flags: list[Flag],
    labels: dict[str, str],
    explanation: Explanation,
    recontact: Recontact,
    n_judged: int,
) -> Call:
    severity: Literal["critical", "warning"] = "critical" if verdict.severity == "critical" else "warning"
    named = dict.fromkeys(name for flag in flags for name in flag.items)
    p = sure_p(verdict, flags)
    return Call(
        interviewer=verdict.interviewer,
        team=verdict.team,
        severity=severity,
        sureness=_sureness(severity, p, n_judged),
        n_interviews=verdict.n_interviews,
        sure_p=p,
        explanation=explanation,
        items=tuple(NamedItem(name, labels.get(name, name)) for name in named),
        recontact=recontact,
    )


def _sureness(severity: Literal["critical", "warning"], p: float | None, n_judged: int) -> str:
    """Words for the evidence: what chance alone would do, never what the interviewer did.

    A p of .001 is rare for one interviewer, and not among hundreds.
    """
    if severity == "critical":
        return "Very sure: chance alone hardly ever does this" if _or_one(p) < 1e-4 else "Sure: hardly chance"
    return f"Fairly sure: unusual, but among {count_of(n_judged, 'interviewer')} chance is possible"


def _profile(
    verdict: InterviewerVerdict,
    flags: tuple[Flag, ...],
    explanation: Explanation,
    columns: Sequence[ItemCells],
    modelled: tuple[ItemEffects, ...],
    survey: Survey,
    spread: SpreadEffects | NoSpread | None,
) -> Profile:
    position = survey.interviewer_ids.index(verdict.interviewer)
    flagged = frozenset(name for flag in flags for name in flag.items)
    cells = tuple(_cell(column, position, column.item in flagged) for column in columns)
    figures = _answer_figures(flags, modelled, survey, verdict.interviewer)
    return Profile(
        interviewer=verdict.interviewer,
        team=verdict.team,
        n_interviews=verdict.n_interviews,
        severity=verdict.severity,
        too_few=verdict.too_few,
        combined_p=verdict.combined_p,
        covariates=tuple((one.label, covariate_value(one, position)) for one in survey.interviewer_covariates),
        explanation=explanation,
        flags=flags,
        cells=cells,
        certainty=(*_certainty(cells, flags), *_spread_words(spread, position)),
        strip=_strip(cells, verdict.interviewer),
        figures=figures[:MOST_FIGURES],
        n_figures=len(figures),
    )


def _cell(cells: ItemCells, position: int, flagged: bool) -> ItemCell:
    return ItemCell(
        item=cells.item,
        label=cells.label,
        n_interviews=int(cells.n[position]),
        mean=_number(cells.mean[position]),
        survey_mean=cells.survey_mean,
        deviation=_number(cells.deviation[position]),
        z=_number(cells.z[position]),
        p=_number(cells.p[position]),
        reliability=_number(cells.reliability[position]),
        expected_rank=_number(cells.expected_rank[position]),
        n_ranked=cells.n_ranked,
        detectable=_number(cells.detectable[position]),
        flagged=flagged,
    )


def _certainty(cells: tuple[ItemCell, ...], flags: tuple[Flag, ...]) -> tuple[str, ...]:
    """How much the estimate on the item of the strongest flag can carry, in words."""
    first = next((name for flag in flags for name in flag.items), None)
    cell = next((cell for cell in cells if cell.item == first), None)
    if cell is None or cell.reliability is None:
        return ()
    own = count_of(cell.n_interviews, "answer")
    sentences = [
        f"On “{cell.label}”, interviewers do not differ beyond chance, so the estimate of this one's level rests on "
        f"colleagues alone and not on their own {own}."
        if cell.reliability == 0
        else f"On “{cell.label}”, the estimate of this interviewer's level rests {percent(cell.reliability)} on their "
        f"own {own}, the rest on what is usual among colleagues."
    ]
    if cell.expected_rank is not None:
        rank = f"{points(cell.expected_rank)} of {integer(cell.n_ranked)}"
        sentences.append(f"Expected rank, allowing for chance: {rank}, 1 being the lowest.")
    sentences.append(
        "How small a shift could be found is not known: without this interviewer, or from their answers alone, "
        "the model cannot be estimated."
        if cell.detectable is None
        else f"With {own}, only shifts of {points(cell.detectable)} scale points or more would be found reliably."
    )
    return tuple(sentences)


def _spread_words(spread: SpreadEffects | NoSpread | None, position: int) -> tuple[str, ...]:
    """How much their interviews vary over all items, in a sentence; nothing where that is not known."""
    if not isinstance(spread, SpreadEffects):
        return ()
    row = np.flatnonzero((spread.interviewer == position) & (spread.df > 0))
    if not row.size:
        return ()
    j = int(row[0])
    share, z = times_usual(float(spread.deviation[j])), float(spread.z[j])
    usual = "as ordinary interviewers' do" if abs(z) < NAMED_BESIDE else "which is unusual"
    return (f"Over all items, their interviews vary {percent(share)} as much as colleagues' (z {points(z)}), {usual}.",)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _strip(cells: tuple[ItemCell, ...], interviewer: str) -> DeviationStrip | None:
    if all(cell.z is None for cell in cells):
        return None
    return DeviationStrip(
        title=f"Interviewer {interviewer} on all items",
        caption=(
            "One row per item. The dot shows how far this interviewer is from colleagues, in standard errors "
            "(deletion z): left is lower, right is higher. Most ordinary interviewers stay between \u22122 and 2 "
            "on most items."
        ),
        items=tuple(cell.item for cell in cells),
        labels=tuple(cell.label for cell in cells),
        z=np.array([np.nan if cell.z is None else cell.z for cell in cells]),
        flagged=tuple(position for position, cell in enumerate(cells) if cell.flagged),
    )


def _answer_figures(
    flags: tuple[Flag, ...], modelled: tuple[ItemEffects, ...], survey: Survey, interviewer: str
) -> tuple[Figure, ...]:
    """Per flagged item: a scatter for slopes and missing codes with a slope model, a distribution otherwise."""
    drawn: dict[tuple[str, str], Figure | None] = {}
    for flag in flags:
        for name in flag.items:
            responses = find_item(survey, name)
            if responses is None:
                continue
            pairs = [] if flag.kind in ("level", "spread") else _slope_pairs(name, modelled, survey)
            for outcome, predictor in pairs:
                key = (outcome.name, predictor.name)
                drawn[key] = answer_scatter(outcome, predictor, survey, interviewer)
            if not pairs:
                drawn.setdefault((name, ""), distribution(responses, survey, interviewer))
    return tuple(figure for figure in drawn.values() if figure is not None)


def _slope_pairs(
    name: str, modelled: tuple[ItemEffects, ...], survey: Survey
) -> list[tuple[ItemResponses, ItemResponses]]:
    """(outcome, predictor) of every slope model that has the item on either side."""
    found = []
    for item in modelled:
        slope = slope_model(item)
        terms = () if slope is None else slope.effects.terms
        for predictor in (term.removeprefix("slope:") for term in terms if term != "intercept"):
            outcome, other = find_item(survey, item.item), find_item(survey, predictor)
            if name in (item.item, predictor) and outcome is not None and other is not None:
                found.append((outcome, other))
    return found
