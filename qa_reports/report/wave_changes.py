"""Step 5, report: interviewers over waves: whose flags are new, repeated or resolved, who joined and who left."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from qa_reports.report.formats import integer, listing
from qa_reports.report.wave_results import InterviewerResult, WaveResults
from qa_reports.report.wave_words import wave_in_words

ChangeStatus = Literal["new", "repeated", "reviewed", "resolved", "left", "not_judged", "perhaps_other"]
MOST_NAMED = 10
"""Ids named in a note; `results.json` has them all."""


class TrajectoryPoint(Struct, frozen=True):
    """An interviewer in one wave."""

    wave: str
    n_interviews: int
    severity: str
    too_few: bool
    mean_absolute_z: float | None
    """Over the items of the wave, of the z that level flags rest on; None where nothing was judged.

    Chance alone gives sqrt(2 / pi), about 0.8."""
    z: tuple[tuple[str, float], ...]
    """(item key, z), in the wave's order of items."""


class InterviewerChange(Struct, frozen=True):
    """An interviewer who is worth a call now, or was in the last wave.

    `new`: now, not in the last wave. `repeated`: both, or now and looked into then. `reviewed`: in the last wave;
    stands out now, too, and has been looked into. `resolved`: in the last wave; judged now and not flagged.
    `left`: in the last wave; no interviews now. `not_judged`: in the last wave; too few interviews now.
    `perhaps_other`: now or in the last wave, and perhaps two people who have had one id.
    """

    interviewer: str
    status: ChangeStatus
    joined: bool
    """Had no interviews in the last wave."""
    flagged_in: tuple[str, ...]
    """Every wave in which the interviewer was worth a call, oldest first."""
    trajectory: tuple[TrajectoryPoint | None, ...]
    """One per wave, oldest first; None without interviews."""


class PerhapsOther(Struct, frozen=True):
    """An id under which a category that does not change in a person, such as gender, differs from the last wave."""

    interviewer: str
    covariate: str
    label: str
    then: str
    now: str


def compare_interviewers(
    waves: Sequence[str], results: Sequence[WaveResults], others: Collection[str] = ()
) -> tuple[InterviewerChange, ...]:
    """Everybody who is worth a call in the last of the waves or was in the one before it.

    Args:
        waves: names, oldest first, at least two.
        results: their results.
        others: ids that are perhaps somebody else than in the wave before.

    Returns:
        The repeated ones first, then new, reviewed, resolved, not judged, left and perhaps others, each by id.
    """
    people = [{who.interviewer: who for who in wave.interviewers} for wave in results]
    levels = [_levels(wave) for wave in results]
    before, now = people[-2], people[-1]
    order: tuple[ChangeStatus, ...] = ("repeated", "new", "reviewed", "resolved", "not_judged", "left", "perhaps_other")
    changes = []
    for who in dict.fromkeys((*now, *before)):
        status = _status(before.get(who), now.get(who))
        if status is not None:
            status = "perhaps_other" if who in others else status
            points = tuple(
                _point(wave, found.get(who), level.get(who, ()))
                for wave, found, level in zip(waves, people, levels, strict=True)
            )
            flagged_in = tuple(point.wave for point in points if point is not None and point.severity != "none")
            changes.append(InterviewerChange(who, status, who not in before, flagged_in, points))
    return tuple(sorted(changes, key=lambda change: (order.index(change.status), change.interviewer)))


def roster(before: WaveResults, now: WaveResults) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """(joined, left, stayed) between two waves, in the waves' order of interviewers."""
    then = [who.interviewer for who in before.interviewers]
    present = [who.interviewer for who in now.interviewers]
    earlier, current = frozenset(then), frozenset(present)
    return (
        tuple(who for who in present if who not in earlier),
        tuple(who for who in then if who not in current),
        tuple(who for who in present if who in earlier),
    )


def other_people(before: WaveResults, now: WaveResults, labels: Mapping[str, str]) -> tuple[PerhapsOther, ...]:
    """The ids that are perhaps somebody else now, because a category under them has changed.

    Args:
        before: the last wave.
        now: this one.
        labels: covariate -> its label.
    """
    then = _categories(before)
    found = []
    for name, present in _categories(now).items():
        earlier = then.get(name, {})
        # Without one category in common the covariate is coded in another way, and says nothing about people.
        if not {_same(value) for value in present.values()} & {_same(value) for value in earlier.values()}:
            continue
        found += [
            PerhapsOther(who, name, labels.get(name, name), earlier[who], value)
            for who, value in present.items()
            if who in earlier and _same(earlier[who]) != _same(value)
        ]
    return tuple(found)


def other_people_note(others: Sequence[PerhapsOther], wave: str) -> str:
    """Which ids they are, what speaks for it, and what the configuration could say."""
    sentences = []
    for label in dict.fromkeys(other.label for other in others):
        of_label = [other for other in others if other.label == label]
        named = [f"{other.interviewer} ({other.then} then, {other.now} now)" for other in of_label[:MOST_NAMED]]
        more = len(of_label) - MOST_NAMED
        shown = listing([*named, f"{integer(more)} more"] if more > 0 else named)
        sentences.append(f"“{label}” is not what it was in {wave_in_words(wave)} for {shown}.")
    remedy = (
        "If they are the same people all the same, set archive.same_interviewers to true; if ids are given to other "
        "people in every wave, to false."
    )
    return " ".join((*sentences, remedy))


def _categories(wave: WaveResults) -> dict[str, dict[str, str]]:
    """Covariate -> interviewer -> category; numbers, such as age, change by themselves."""
    categories: dict[str, dict[str, str]] = {}
    for who in wave.interviewers:
        for name, value in who.covariates.items():
            if isinstance(value, str):
                categories.setdefault(name, {})[who.interviewer] = value
    return categories


def _same(category: str) -> str:
    return " ".join(category.casefold().split())


def _status(before: InterviewerResult | None, now: InterviewerResult | None) -> ChangeStatus | None:
    flagged_then = before is not None and before.severity != "none"
    if now is not None and now.severity != "none":
        return "repeated" if flagged_then or (before is not None and before.reviewed) else "new"
    if not flagged_then:
        return None
    if now is None:
        return "left"
    if now.reviewed:
        return "reviewed"
    return "not_judged" if now.too_few else "resolved"


def _levels(wave: WaveResults) -> dict[str, list[tuple[str, float]]]:
    """Interviewer -> (item key, z) of the level of their answers."""
    keys = {item.item: item.key for item in wave.items}
    levels: dict[str, list[tuple[str, float]]] = {}
    for effect in wave.effects:
        if effect.term == "intercept" and effect.model != "slope" and effect.z is not None:
            levels.setdefault(effect.interviewer, []).append((keys.get(effect.item, effect.item), effect.z))
    return levels


def _point(wave: str, who: InterviewerResult | None, z: Sequence[tuple[str, float]]) -> TrajectoryPoint | None:
    if who is None:
        return None
    mean = sum(abs(value) for _, value in z) / len(z) if z else None
    return TrajectoryPoint(wave, who.n_interviews, who.severity, who.too_few, mean, tuple(z))
