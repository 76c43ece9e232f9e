"""Whom to ask again: the respondents of an interviewer whose answers speak most for the difference."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import Struct

from qa_reports.effects.flag import Flag
from qa_reports.effects.indicator_effects import NO_INDICATORS, JudgedIndicators
from qa_reports.effects.patterns import of_measure
from qa_reports.report.figures import FloatArray, IntArray
from qa_reports.report.items import find_item
from qa_reports.survey.clean import Survey
from qa_reports.survey.interviewers import natural_key

MOST = 5
"""Respondents that are named."""


class Recontact(Struct, frozen=True):
    """Respondents to re-contact first."""

    respondents: tuple[str, ...]
    """Ids, or numbers of rows where the survey has no ids."""
    why: str
    """What chose them, to stand behind "because"."""


class Centres(dict[str, tuple[float, float]]):
    """Item -> mean and sd of everybody's answers, counted when it is first asked for."""

    def __init__(self, survey: Survey) -> None:
        self._survey = survey

    def __missing__(self, item: str) -> tuple[float, float]:
        counted = self._survey.answer_counts(item)
        total = counted.counts.sum(axis=0)
        mean = float(np.average(counted.values, weights=total))
        self[item] = mean, float(np.sqrt(np.average((counted.values - mean) ** 2, weights=total)))
        return self[item]


def respondents_to_recontact(
    interviewer: str,
    flags: Sequence[Flag],
    survey: Survey,
    indicators: JudgedIndicators = NO_INDICATORS,
    centres: Centres | None = None,
) -> Recontact:
    """The interviews that show most of what the strongest flag is about, else some spread over all of theirs.

    Args:
        interviewer: who.
        flags: the interviewer's flags, strongest first.
        survey: the survey.
        indicators: what the interviews show about how they were done.
        centres: of the survey's items, where this is asked of many interviewers.
    """
    centres = Centres(survey) if centres is None else centres
    rows = np.flatnonzero(survey.interviewer == survey.interviewer_ids.index(interviewer))
    # Interviews that were fetched later stand behind the others.
    own = np.array(sorted(rows.tolist(), key=lambda row: natural_key(survey.respondents[row])), dtype=np.int64)
    ids = [survey.respondents[row] for row in own]
    if not own.size:
        return Recontact((), "none of their interviews is among those that are looked at one by one")
    for flag in flags:
        score, why = _scored(flag, flags, own, survey, indicators, centres)
        if np.isfinite(score).any():
            order = np.argsort(np.where(np.isfinite(score), -score, np.inf), kind="stable")
            chosen = _each_once(ids[place] for place in order[np.isfinite(score[order])])
            break
    else:
        different = _each_once(ids)
        places = np.unique(np.linspace(0, len(different) - 1, min(MOST, len(different))).round().astype(int))
        chosen = tuple(different[place] for place in places)
        why = "they are spread evenly over this interviewer's interviews"
    return Recontact(chosen[:MOST], why)


def _each_once(respondents: Iterable[str]) -> tuple[str, ...]:
    """A respondent whose id stands in the file twice is asked again once."""
    return tuple(dict.fromkeys(respondents))


def _scored(
    flag: Flag,
    flags: Sequence[Flag],
    own: IntArray,
    survey: Survey,
    indicators: JudgedIndicators,
    centres: Centres,
) -> tuple[FloatArray, str]:
    """(own,) how much each interview shows of a flag, and why that chooses them; NaN where it cannot be told."""
    if flag.kind == "level":
        items = dict.fromkeys(name for one in flags if one.kind == "level" for name in one.items)
        return _score(
            survey, own, tuple(items), centres
        ), "their answers to these questions differ most from everybody's"
    for effects in indicators.effects:
        measure = effects.measure
        if measure.kind == flag.kind and (measure.name == flag.kind or of_measure(measure.name) == flag.pattern):
            values = measure.values[own]
            score = values if measure.worrying == "high" else -values
            return np.where(values > 0, score, np.nan) if measure.scale == "count" else score, "they show it most"
    return np.full(own.size, np.nan), ""


def _score(survey: Survey, own: IntArray, items: tuple[str, ...], centres: Centres) -> FloatArray:
    """(own,) how far interviews lie on the interviewer's side of everybody's mean, in sd, mean over the items."""
    columns = []
    for name in items:
        responses = find_item(survey, name)
        if responses is None:
            continue
        theirs = responses.answers[own]
        if np.isnan(theirs).all():
            continue
        mean, spread = centres[name]
        if spread == 0:
            continue
        away = (theirs - mean) / spread
        columns.append(away * np.sign(np.nanmean(away)))
    if not columns:
        return np.full(own.size, np.nan)
    known = np.isfinite(np.array(columns))
    total = np.where(known, columns, 0.0).sum(axis=0)
    count = known.sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
