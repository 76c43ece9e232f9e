"""Step 5, report: interviewers over waves: whose flags are new, repeated or resolved, who joined and who left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from qa_reports.report.formats import count_of, listing
from qa_reports.report.wave_results import InterviewerResult, WaveResults
from qa_reports.report.wave_words import wave_in_words

ChangeStatus = Literal["new", "repeated", "reviewed", "resolved", "left", "not_judged"]


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
    """

    interviewer: str
    status: ChangeStatus
    joined: bool
    """Had no interviews in the last wave."""
    flagged_in: tuple[str, ...]
    """Every wave in which the interviewer was worth a call, oldest first."""
    trajectory: tuple[TrajectoryPoint | None, ...]
    """One per wave, oldest first; None without interviews."""


def compare_interviewers(waves: Sequence[str], results: Sequence[WaveResults]) -> tuple[InterviewerChange, ...]:
    """Everybody who is worth a call in the last of the waves or was in the one before it.

    Args:
        waves: names, oldest first, at least two.
        results: their results.

    Returns:
        The repeated ones first, then new, reviewed, resolved, not judged and left, each by id.
    """
    people = [{who.interviewer: who for who in wave.interviewers} for wave in results]
    levels = [_levels(wave) for wave in results]
    before, now = people[-2], people[-1]
    order: tuple[ChangeStatus, ...] = ("repeated", "new", "reviewed", "resolved", "not_judged", "left")
    changes = []
    for who in dict.fromkeys((*now, *before)):
        status = _status(before.get(who), now.get(who))
        if status is not None:
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


def other_people(before: WaveResults, now: WaveResults, wave: str) -> tuple[str, ...]:
    """A warning where a category that does not change in a person, such as gender, differs under the same id."""
    then = {who.interviewer: who.covariates for who in before.interviewers}
    differing: dict[str, list[str]] = {}
    for who in now.interviewers:
        for name, value in who.covariates.items():
            earlier = then.get(who.interviewer, {}).get(name)
            if isinstance(value, str) and isinstance(earlier, str) and value != earlier:
                differing.setdefault(name, []).append(who.interviewer)
    return tuple(
        f"{name} is not what it was in {wave_in_words(wave)} for {count_of(len(ids), 'interviewer')} of the same id "
        f"({listing(ids[:5])}{'' if len(ids) <= 5 else ', …'}): if ids are given to other people, set "
        "archive.same_interviewers to false."
        for name, ids in differing.items()
    )


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
