"""What the report says about weights, areas and teams: sentences beside the tables of `effects.sensitivity`."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from qa_reports.effects.area_flags import FlagWithArea
from qa_reports.effects.groupings import GroupedItem, GroupingSensitivity
from qa_reports.effects.sensitivity import Sensitivity, WeightedItem, WeightSensitivity
from qa_reports.report.formats import count_of, integer, listing, percent, percent_points, signed

_SIGNIFICANT = 0.05
_MOVED = 0.01
"""An ICC that is so much higher or lower is worth a line on paper."""


class SensitivityRow(Struct, frozen=True):
    """One item in all analyses; None where one is not configured or says nothing of the item."""

    label: str
    area: GroupedItem | None
    team: GroupedItem | None
    weighted: WeightedItem | None

    @property
    def icc(self) -> float | None:
        """The interviewer ICC that the others are compared with."""
        alone = [one.icc_alone for one in (self.area, self.team) if one is not None and one.status != "failed"]
        return alone[0] if alone else None if self.weighted is None else self.weighted.null.unweighted_icc

    @property
    def moved(self) -> bool:
        """Whether areas, teams or weights change what the item shows, or it differs between areas or teams."""
        groupings = [one for one in (self.area, self.team) if one is not None and one.status != "failed"]
        iccs = [one.icc for one in groupings] + ([self.weighted.null.icc_effective] if self.weighted else [])
        return any(_small(one.group_p) for one in groupings) or any(
            icc is not None and self.icc is not None and abs(icc - self.icc) >= _MOVED for icc in iccs
        )


class SensitivitySummary(Struct, frozen=True):
    """The section on sensitivity. Sentences are ready to print."""

    weights: WeightSensitivity | None
    weight_sentences: tuple[str, ...]
    area: GroupingSensitivity | None
    area_sentences: tuple[str, ...]
    flags: tuple[FlagWithArea, ...]
    """The level flags with areas in the model."""
    team: GroupingSensitivity | None
    team_sentences: tuple[str, ...]
    verdict_notes: tuple[str, ...]
    """What belongs on the first page."""
    labels: Mapping[str, str]
    """Of all items, by name."""

    @property
    def rows(self) -> tuple[SensitivityRow, ...]:
        """One per item, in the survey's order."""
        area = {} if self.area is None else {one.item: one for one in self.area.items}
        team = {} if self.team is None else {one.item: one for one in self.team.items}
        weighted = {} if self.weights is None else {one.item: one for one in self.weights.items}
        names = dict.fromkeys(name for part in (area, team, weighted) for name in part)
        return tuple(
            SensitivityRow(self.labels[name], area.get(name), team.get(name), weighted.get(name)) for name in names
        )

    @property
    def printed_rows(self) -> tuple[SensitivityRow, ...]:
        """Those with something to say on paper."""
        return tuple(row for row in self.rows if row.moved)


def summarise_sensitivity(sensitivity: Sensitivity | None, labels: Mapping[str, str]) -> SensitivitySummary | None:
    """The section, or None where neither weights nor areas nor teams are configured; `labels` are those of items."""
    if sensitivity is None or (sensitivity.weights, sensitivity.area, sensitivity.team) == (None, None, None):
        return None
    return SensitivitySummary(
        weights=sensitivity.weights,
        weight_sentences=() if sensitivity.weights is None else _weight_sentences(sensitivity.weights),
        area=sensitivity.area,
        area_sentences=() if sensitivity.area is None else _area_sentences(sensitivity.area),
        flags=sensitivity.flags,
        team=sensitivity.team,
        team_sentences=() if sensitivity.team is None else _team_sentences(sensitivity.team),
        verdict_notes=(
            *(() if sensitivity.area is None else _not_apart(sensitivity.area)),
            *_vanishing(sensitivity.flags),
        ),
        labels=labels,
    )


def area_note(flags: tuple[FlagWithArea, ...], interviewer: str, labels: Mapping[str, str]) -> str | None:
    """One sentence for the call list about an interviewer's level flags with areas in the model."""
    own = [flag for flag in flags if flag.interviewer == interviewer]
    if not own or all(flag.outcome == "not_judged" for flag in own):
        return None
    cells = [cell for flag in own for cell in flag.cells if cell.z is not None and cell.z_with_area is not None]
    strongest = max(cells, key=lambda cell: abs(cell.z or 0.0), default=None)
    change = (
        ""
        if strongest is None or signed(strongest.z_with_area) == signed(strongest.z)
        else f" (z {signed(strongest.z_with_area)} instead of {signed(strongest.z)} on "
        f"“{labels.get(strongest.item, strongest.item)}”)"
    )
    if any(flag.outcome == "stands" for flag in own):
        return f"The difference stands when areas are allowed for{change}."
    return (
        f"The difference vanishes when areas are allowed for{change}: it may be the area, not the interviewer, that "
        "differs."
    )


def methods_sentence(sensitivity: Sensitivity | None) -> str:
    """How the section was made, for the methods text; empty where there is none."""
    if sensitivity is None:
        return ""
    parts = []
    if sensitivity.weights is not None and sensitivity.weights.reason is None:
        parts.append(
            "As a sensitivity analysis the random-intercept models were fitted with survey weights by "
            "pseudo-maximum likelihood, the weights scaled to add up to each interviewer's number of interviews, with "
            "sandwich standard errors (Rabe-Hesketh and Skrondal 2006)."
        )
    for grouping in (sensitivity.area, sensitivity.team):
        if grouping is not None and grouping.reason is None:
            other = "the area" if grouping.kind == "area" else "the team, within which interviewers are nested"
            parts.append(
                f"Models with random intercepts for the interviewer and for {other} were fitted by REML; each variance "
                "was tested by likelihood ratio with the other in the model."
            )
    if sensitivity.flags:
        parts.append(
            "Flagged levels were judged again with areas in the model, by the fit without the interviewer and "
            "generalised least squares."
        )
    return " ".join(parts)


def _weight_sentences(weights: WeightSensitivity) -> tuple[str, ...]:
    left_out = [
        *([f"{count_of(weights.n_without_weight, 'interview')} without a weight"] if weights.n_without_weight else []),
        *([f"{count_of(weights.n_zero_weight, 'interview')} with a weight of 0"] if weights.n_zero_weight else []),
    ]
    open_words = (f"Left out here: {listing(left_out)}.",) if left_out else ()
    if weights.reason is not None:
        return (f"There are no weighted results: {weights.reason}.", *open_words)
    found = [
        (item.null.icc_effective - item.null.unweighted_icc, item)
        for item in weights.items
        if item.null.icc_effective is not None and item.null.unweighted_icc is not None
    ]
    if weights.constant:
        lead = "All weights of each interviewer are the same, so they change nothing about interviewers."
    elif not found:
        lead = "No item could be modelled with weights."
    else:
        change, item = max(found, key=lambda pair: abs(pair[0]))
        lead = (
            f"With weights the interviewer ICC changes most for “{item.label}”: {percent(item.null.icc_effective)} "
            f"instead of {percent(item.null.unweighted_icc)} ({percent_points(change)} percentage points), the weights "
            "scaled to the interviews they leave each interviewer. Scaled to the number of interviews, as is usual, "
            "weights that vary raise the ICC even when they have nothing to do with the answers."
        )
    return (lead, *open_words)


def _area_sentences(area: GroupingSensitivity) -> tuple[str, ...]:
    sentences = [*_not_apart(area)]
    if not sentences and area.reason is not None:
        sentences.append(f"There is no model with areas: {area.reason}.")
    elif not sentences:
        sentences.append(
            f"Interviewers and areas can be told apart: {_confined(area)}, and {percent(area.comparable)} of the "
            "comparisons between interviewers can be made within areas."
        )
    sentences += _missing(area)
    if area.items:
        sentences.append(_tested(area))
    return tuple(sentences)


def _not_apart(area: GroupingSensitivity) -> tuple[str, ...]:
    """The sentence for the verdict where assignment was not interpenetrated."""
    if area.apart or area.comparable is None:
        return ()
    if area.reason is not None:
        return (f"Interviewer and area cannot be told apart: {area.reason} ({_confined(area)}).",)
    return (
        f"Interviewer and area cannot be told apart: {_confined(area)}, {integer(area.n_single)} of "
        f"{integer(area.n_groups)} areas ({percent(area.n_single / area.n_groups)}) had one interviewer, and only "
        f"{percent(area.comparable)} of the comparisons between interviewers can be made within areas. What stands out "
        "may be an area.",
    )


def _confined(area: GroupingSensitivity) -> str:
    share = area.n_confined / area.n_interviewers if area.n_interviewers else None
    confined = f"{integer(area.n_confined)} of {integer(area.n_interviewers)} interviewers"
    return f"{confined} ({percent(share)}) worked in one area only"


def _vanishing(flags: tuple[FlagWithArea, ...]) -> tuple[str, ...]:
    gone = list(dict.fromkeys(flag.interviewer for flag in flags if flag.outcome == "vanishes"))
    if not gone:
        return ()
    names = listing(gone) if len(gone) <= 5 else f"{listing(gone[:5])} and {integer(len(gone) - 5)} more"
    return (
        f"With areas in the model {count_of(len(gone), 'interviewer')} no longer "
        f"{'stands' if len(gone) == 1 else 'stand'} out ({names}): ask about the area first.",
    )


def _missing(grouping: GroupingSensitivity) -> tuple[str, ...]:
    if not grouping.n_without:
        return ()
    one = "an area" if grouping.kind == "area" else "a team"
    return (f"Left out here: {count_of(grouping.n_without, 'interview')} without {one}.",)


def _tested(grouping: GroupingSensitivity) -> str:
    groups = "areas" if grouping.kind == "area" else "teams"
    fitted = [item for item in grouping.items if item.status != "failed"]
    if not fitted:
        return f"No item could be modelled with {groups}."
    significant = sum(_small(item.group_p) for item in fitted)
    most = max(fitted, key=lambda item: item.group_icc or 0.0)
    largest = (
        f"no item varies between {groups}"
        if not most.group_icc
        else f"at most {percent(most.group_icc)} of an item's variation lies between {groups} (“{most.label}”)"
    )
    staying = sum(_small(item.p) for item in fitted)
    return (
        f"Of {count_of(len(fitted), 'item')}, {integer(significant)} {'differs' if significant == 1 else 'differ'} "
        f"between {groups} at the 5% level and {integer(staying)} between interviewers with {groups} in the model; "
        f"{largest}."
    )


def _small(p: float | None) -> bool:
    return p is not None and p < _SIGNIFICANT


def _team_sentences(team: GroupingSensitivity) -> tuple[str, ...]:
    if team.reason is not None:
        return (f"There is no model with teams: {team.reason}.", *_missing(team))
    few = (
        (f"With {count_of(team.n_groups, 'team')} the variance between teams is known roughly only.",)
        if team.n_groups < 10
        else ()
    )
    return (_tested(team), *few, *_missing(team))
