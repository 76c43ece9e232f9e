"""Step 5, report: what has changed since earlier waves. Read `compare_waves` first.

Items are compared where they have the same key and the same scale. Where the key is only a name, their labels have to
ask the same: names such as Q53A stand for other questions in other rounds. The difference of two interviewer ICCs is
judged by the method of variance estimates recovery: each ICC's own interval says how uncertain it is on the side that
matters, so an ICC of zero needs no special case (Zou and Donner 2008, Statistics in Medicine 27, 1693-1702; for ICCs
Ramasundarahettige, Donner and Zou 2009, Statistics in Medicine 28, 1041-1053). Means are compared by Welch's t. Both
take the waves for independent; interviewers who work in both make the tests cautious.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from qa_reports.effects.distributions import normal_isf, normal_sf, t_isf, t_sf
from qa_reports.effects.inference import false_discovery_q
from qa_reports.report.formats import count_of
from qa_reports.report.wave_changes import (
    ChangeStatus,
    InterviewerChange,
    PerhapsOther,
    compare_interviewers,
    other_people,
    other_people_note,
    roster,
)
from qa_reports.report.wave_results import FixedEffectResult, ItemResult, WaveResults
from qa_reports.report.wave_words import asks_the_same, wave_in_words, with_this_label

LIMIT_WAVES = 5
"""Waves needed before limits are drawn, the present one included: fewer say little about ordinary variation."""
LIMIT_TAIL = float(normal_sf(3))
"""Share beyond each limit when nothing has changed, as with three standard deviations that are known."""
CONFIDENCE = 0.95
_Z = float(normal_isf((1 - CONFIDENCE) / 2))
NOT_EXAMINED = "not examined in an earlier wave"
_INTERCEPT = "(Intercept)"


class Wave(Struct, frozen=True):
    """A wave with its results and where they stand."""

    name: str
    run: str | None
    """Name of the archived run; None for the present wave."""
    results: WaveResults


def rename_wave(wave: Wave, name: Callable[[str], str]) -> Wave:
    """The same wave with its interviewers called by other names."""
    results = wave.results
    return replace(
        wave,
        results=replace(
            results,
            effects=tuple(replace(one, interviewer=name(one.interviewer)) for one in results.effects),
            interviewers=tuple(replace(one, interviewer=name(one.interviewer)) for one in results.interviewers),
        ),
    )


class WavePoint(Struct, frozen=True):
    """An item in one wave."""

    wave: str
    item: str
    """Its name in that wave."""
    n_interviews: int
    icc: float | None
    icc_interval: tuple[float, float] | None
    mean: float | None
    """Intercept of the null model, in scale points."""
    mean_interval: tuple[float, float] | None


class Change(Struct, frozen=True):
    """A difference, now minus then, with its 95% interval and test."""

    difference: float
    low: float
    high: float
    p: float
    q: float
    """Benjamini-Hochberg adjusted over the items compared."""
    changed: bool
    """q is at most the configured false discovery rate."""


class Limits(Struct, frozen=True):
    """Where an ICC is expected from its earlier waves alone, when nothing has changed."""

    centre: float
    low: float
    high: float
    beyond: bool
    """The present ICC lies outside."""


class ItemOverWaves(Struct, frozen=True):
    """An item of the present wave in all waves."""

    item: str
    key: str
    label: str
    points: tuple[WavePoint | None, ...]
    """One per wave, oldest first; None where the wave lacks it or asked it on another scale."""
    now: WavePoint
    then: WavePoint | None
    """The latest earlier wave that it can be compared with."""
    icc_change: Change | None
    mean_change: Change | None
    limits: Limits | None
    note: str | None
    """Why something is not compared."""
    unmatched: Literal["other_question", "other_name"] | None = None
    """Nothing to compare with, but an earlier wave has another question of this name, or this label under another."""


class WaveComparison(Struct, frozen=True):
    """The present wave beside earlier ones."""

    waves: tuple[str, ...]
    """Names, oldest first; the present wave is the last."""
    runs: tuple[str, ...]
    """The archived runs of the earlier waves, in the same order."""
    items: tuple[ItemOverWaves, ...]
    interviewers: tuple[InterviewerChange, ...]
    """Everybody who is worth a call now or was in the last wave; empty where ids are not the same people."""
    joined: tuple[str, ...]
    left: tuple[str, ...]
    n_stayed: int
    """Ids of both waves, those included that are perhaps other people."""
    perhaps_others: tuple[PerhapsOther, ...]
    """Ids of both waves that are perhaps other people; one may stand here once for each covariate."""
    same_interviewers: bool
    notes: tuple[str, ...]

    @property
    def last(self) -> str:
        """Name of the last wave before this one."""
        return self.waves[-2]

    @property
    def highest_icc(self) -> float:
        """Top of an axis for all items: the largest ICC, or end of an interval up to twice that."""
        points = [point for item in self.items for point in item.points if point is not None]
        largest = max((point.icc for point in points if point.icc is not None), default=0.0)
        end = max((point.icc_interval[1] for point in points if point.icc_interval is not None), default=0.0)
        return max(1.08 * largest, min(end, 2 * largest), 0.01)

    @property
    def compared(self) -> tuple[ItemOverWaves, ...]:
        """The items that an earlier wave has, too."""
        return tuple(item for item in self.items if item.then is not None)

    @property
    def not_compared(self) -> tuple[ItemOverWaves, ...]:
        """The others, each with a note."""
        return tuple(item for item in self.items if item.then is None)

    def with_status(self, status: ChangeStatus) -> list[str]:
        """The interviewers with a status."""
        return [change.interviewer for change in self.interviewers if change.status == status]


def compare_waves(
    earlier: Sequence[Wave],
    now: Wave,
    false_discovery_rate: float,
    same_interviewers: bool | None = None,
    keyed: Collection[str] = (),
    covariate_labels: Mapping[str, str] = MappingProxyType({}),
) -> WaveComparison | None:
    """Compare a wave with earlier ones.

    Args:
        earlier: the earlier waves, oldest first.
        now: the present wave.
        false_discovery_rate: for the items' tests, each family by itself.
        same_interviewers: False where an id may be somebody else in another wave; where None, it may where a category
            such as gender differs.
        keyed: the items of this wave whose key the configuration gives.
        covariate_labels: interviewer covariate -> its label.

    Returns:
        The comparison, or None when there is no earlier wave.
    """
    if not earlier:
        return None
    waves = (*earlier, now)
    items = tuple(_item_over_waves(item, earlier, now, item.item in keyed) for item in now.results.items)
    everybody = [wave.results for wave in waves]
    matched = same_interviewers is not False
    others = other_people(everybody[-2], everybody[-1], covariate_labels) if same_interviewers is None else ()
    joined, left, stayed = roster(everybody[-2], everybody[-1]) if matched else ((), (), ())
    names, other_ids = [wave.name for wave in waves], frozenset(other.interviewer for other in others)
    changes = compare_interviewers(names, everybody, other_ids) if matched else ()
    return WaveComparison(
        waves=tuple(names),
        runs=tuple(wave.run for wave in earlier if wave.run is not None),
        items=_judged(items, false_discovery_rate),
        interviewers=changes,
        joined=joined,
        left=left,
        n_stayed=len(stayed),
        perhaps_others=others,
        same_interviewers=matched,
        notes=(*_questions_to_match(items), *([other_people_note(others, earlier[-1].name)] if others else [])),
    )


def icc_change(now: WavePoint, then: WavePoint) -> Change | None:
    """The change of an ICC by recovering variances from the two intervals; None where an interval is missing."""
    if now.icc is None or then.icc is None or now.icc_interval is None or then.icc_interval is None:
        return None
    difference = now.icc - then.icc
    down = math.hypot(now.icc - now.icc_interval[0], then.icc_interval[1] - then.icc)
    up = math.hypot(now.icc_interval[1] - now.icc, then.icc - then.icc_interval[0])
    # The side towards zero tells how far the data reach towards "no change".
    towards_zero = (down if difference > 0 else up) / _Z
    if difference == 0:
        p = 1.0
    elif towards_zero <= 0:
        return None
    else:
        p = 2 * float(normal_sf(abs(difference) / towards_zero))
    return Change(difference, difference - down, difference + up, p, math.nan, False)


def mean_change(now: FixedEffectResult | None, then: FixedEffectResult | None) -> Change | None:
    """The change of a mean by Welch's t test; None where a standard error is missing."""
    first, second = _estimate(now), _estimate(then)
    if first is None or second is None:
        return None
    variances = np.array([first[1] ** 2, second[1] ** 2])
    total = float(variances.sum())
    if total <= 0:
        return None
    share = float(np.sum(variances**2 / np.array([first[2], second[2]])))
    df = total**2 / share if share > 0 else math.inf
    difference = first[0] - second[0]
    margin = float(t_isf((1 - CONFIDENCE) / 2, df)) * math.sqrt(total)
    p = 2 * float(t_sf(abs(difference) / math.sqrt(total), df))
    return Change(difference, difference - margin, difference + margin, p, math.nan, False)


def icc_limits(earlier: Sequence[float], now: float) -> Limits | None:
    """Limits for the next ICC from those of earlier waves; None while there are too few.

    A prediction interval, mean +- t sd sqrt(1 + 1/n) with t at the tails of three standard deviations, so that few
    waves raise no more false alarms than many. The present wave is left out: of five values, none can be three of
    their standard deviations from their mean.
    """
    if len(earlier) + 1 < LIMIT_WAVES:
        return None
    values = np.asarray(earlier, dtype=np.float64)
    centre = float(values.mean())
    spread = float(values.std(ddof=1)) * math.sqrt(1 + 1 / values.size)
    reach = float(t_isf(LIMIT_TAIL, values.size - 1)) * spread
    low, high = max(0.0, centre - reach), min(1.0, centre + reach)
    return Limits(centre, low, high, not low <= now <= high)


def _questions_to_match(items: Sequence[ItemOverWaves]) -> Iterator[str]:
    """What a key in the configuration would put right, in a sentence each."""
    sentences = {
        "other_question": "the name of another question in an earlier wave, by the labels, and nothing to compare with",
        "other_name": "the label of an item with another name in an earlier wave, and a key would compare them",
    }
    for kind, what in sentences.items():
        count = sum(item.unmatched == kind for item in items)
        if count:
            yield f"{count_of(count, 'item')} {'has' if count == 1 else 'have'} {what} (see below)."


def _item_over_waves(item: ItemResult, earlier: Sequence[Wave], now: Wave, keyed: bool) -> ItemOverWaves:
    present = _point(item, now.name)
    points: list[WavePoint | None] = []
    then_result: ItemResult | None = None
    unmatched: Literal["other_question", "other_name"] | None
    note, unmatched = NOT_EXAMINED, None
    for wave in earlier:
        other = next((other for other in wave.results.items if other.key == item.key), None)
        obstacle = None if other is None else _obstacle(item, other, wave.name)
        if other is not None and not keyed and not asks_the_same(item, other):
            unmatched = "other_question"
            obstacle = f"in {wave_in_words(wave.name)} {other.item} is “{other.label}”: not compared"
        if other is None or obstacle is not None:
            alike = with_this_label(item, wave.results.items)
            if alike is not None:
                unmatched = "other_name"
                obstacle = f"{alike.item} in {wave_in_words(wave.name)}: compared with key: {alike.key}"
            points.append(None)
            note = obstacle or note
        else:
            points.append(_point(other, wave.name))
            then_result = other
    then = next((point for point in reversed(points) if point is not None), None)
    iccs = [point.icc for point in points if point is not None and point.icc is not None]
    return ItemOverWaves(
        item=item.item,
        key=item.key,
        label=item.label,
        points=(*points, present),
        now=present,
        then=then,
        icc_change=None if then is None else icc_change(present, then),
        mean_change=None if then_result is None else mean_change(_intercept(item), _intercept(then_result)),
        limits=None if present.icc is None else icc_limits(iccs, present.icc),
        note=note if then is None else _gap(item, then_result, then),
        unmatched=unmatched if then is None else None,
    )


def _obstacle(now: ItemResult, then: ItemResult, wave: str) -> str | None:
    """Why an item of an earlier wave cannot be compared; None when it can."""
    if now.scale is not None and then.scale is not None and now.scale != then.scale:
        return f"scale {_range(then.scale)} in {wave_in_words(wave)}, {_range(now.scale)} now: not compared"
    # Kinds may differ: the ICC and the mean that are compared are those of the linear model, whatever the kind.
    return None


def _gap(now: ItemResult, then: ItemResult | None, point: WavePoint) -> str | None:
    if now.icc is None:
        return "not modelled now"
    if point.icc is None:
        return f"not modelled in {wave_in_words(point.wave)}"
    if then is not None and now.reversed != then.reversed:
        turned = "now" if now.reversed else f"in {wave_in_words(point.wave)}"
        return f"turned round {turned} only: see that both scales run the same way"
    if then is not None and (now.scale is None or then.scale is None):
        return "no scale declared in both waves: whether it is the same is not checked"
    if now.icc_interval is None or point.icc_interval is None:
        return "no interval of the ICC, so its change is not tested"
    return None


def _range(scale: tuple[float, float]) -> str:
    return f"{scale[0]:g} to {scale[1]:g}"


def _point(item: ItemResult, wave: str) -> WavePoint:
    estimate = _estimate(_intercept(item))
    interval = None
    if estimate is not None:
        margin = float(t_isf((1 - CONFIDENCE) / 2, estimate[2])) * estimate[1]
        interval = (estimate[0] - margin, estimate[0] + margin)
    mean = None if estimate is None else estimate[0]
    return WavePoint(wave, item.item, item.n_interviews, item.icc, item.icc_interval, mean, interval)


def _intercept(item: ItemResult) -> FixedEffectResult | None:
    model = item.models.null
    return None if model is None else next((e for e in model.fixed_effects if e.term == _INTERCEPT), None)


def _estimate(effect: FixedEffectResult | None) -> tuple[float, float, float] | None:
    """(estimate, se, df), with the normal distribution where there are no degrees of freedom."""
    if effect is None or effect.estimate is None or effect.se is None:
        return None
    return effect.estimate, effect.se, math.inf if effect.df is None else effect.df


def _judged(items: tuple[ItemOverWaves, ...], rate: float) -> tuple[ItemOverWaves, ...]:
    """The items with their tests adjusted for being many."""
    icc = _adjusted({item.key: item.icc_change for item in items}, rate)
    mean = _adjusted({item.key: item.mean_change for item in items}, rate)
    return tuple(replace(item, icc_change=icc[item.key], mean_change=mean[item.key]) for item in items)


def _adjusted(changes: Mapping[str, Change | None], rate: float) -> dict[str, Change | None]:
    tested = {key: change for key, change in changes.items() if change is not None}
    adjusted: dict[str, Change | None] = dict.fromkeys(changes)
    if tested:
        q = false_discovery_q(np.array([change.p for change in tested.values()]))
        for (key, change), value in zip(tested.items(), q.tolist(), strict=True):
            adjusted[key] = replace(change, q=value, changed=value <= rate)
    return adjusted
