"""Step 5, report: a page for every interviewer, to be handed to them: their own interviews beside what is usual.

A sheet names nobody else, gives no p and no verdict. It says what went well first, and what the numbers cannot say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.config import ReportConfig
from qa_reports.effects.findings import Flag, Flags
from qa_reports.effects.indicator_effects import IndicatorEffects, JudgedIndicators
from qa_reports.effects.indicator_flags import remarks_beside
from qa_reports.effects.patterns import name_patterns
from qa_reports.effects.rules import NAMED_BESIDE
from qa_reports.effects.spread_effects import SpreadEffects, times_usual
from qa_reports.report.feedback_words import QUESTIONS, good_points
from qa_reports.report.formats import count_of, integer, percent, points
from qa_reports.report.summarise import Heading
from qa_reports.survey.clean import Survey

FloatArray = NDArray[np.float64]

_FEWEST_COLLEAGUES = 5
"""Colleagues whose usual range can be told without pointing at one of them."""
_USUAL = (0.1, 0.9)
_MOST_TOPICS = 3
_AS_USUAL = "as usual"


class FeedbackLine(Struct, frozen=True):
    """One thing in numbers."""

    label: str
    own: str
    usual: str
    """Where the middle eight of ten colleagues lie; a dash where there are too few of them."""
    words: str
    """"as usual", "higher than usual", "lower than usual"; a dash with too few interviews."""


class FeedbackSheet(Struct, frozen=True):
    """One interviewer's page."""

    interviewer: str
    n_interviews: int
    too_few: bool
    lines: tuple[FeedbackLine, ...]
    went_well: tuple[str, ...]
    talk_about: tuple[str, ...]
    """At most three; empty where nothing stands out."""


class FeedbackSheets(Struct, frozen=True):
    """Everybody's pages, in the order of the survey's interviewers."""

    heading: Heading
    n_interviews: int
    n_interviewers: int
    min_interviews: int
    sheets: tuple[FeedbackSheet, ...]


class _Shown(Struct, frozen=True):
    """How a measure is shown: as what, of which number, in which words."""

    label: str
    value: Callable[[float], float]
    text: Callable[[float], str]


def _same(value: float) -> float:
    return value


_SHOWN: Mapping[str, _Shown] = {
    "nonresponse": _Shown("Unanswered questions per interview", _same, points),
    "log_minutes": _Shown("Typical length, minutes", lambda value: float(np.exp(value)), integer),
    "log_seconds": _Shown("Time per question, of the usual", lambda value: float(np.exp(value)), percent),
    "straightlining": _Shown("Batteries answered all the same, per interview", _same, points),
    "variability": _Shown("Variety of answers within an interview, of the scale", _same, percent),
    "extreme": _Shown("Answers at the ends of the scale", _same, percent),
    "midpoint": _Shown("Answers in the middle of the scale", _same, percent),
    "acquiescence": _Shown("Agreeing answers", _same, percent),
    "short_way": _Shown("Gate questions that open nothing, per interview", _same, points),
    "round_numbers": _Shown("Round numbers per interview", _same, points),
}
"""Measures that a sheet shows, where they are applicable."""


def feedback_sheets(
    survey: Survey, flags: Flags, indicators: JudgedIndicators, config: ReportConfig, heading: Heading
) -> FeedbackSheets:
    """A sheet for every interviewer."""
    own: dict[str, list[Flag]] = {}
    for flag in flags.flags:
        if flag.review is None and flag.severity != "data_preparation":
            own.setdefault(flag.interviewer, []).append(flag)
    minimum, workload = config.flags.min_interviews, survey.workload
    enough = workload >= minimum
    spread = flags.spread if isinstance(flags.spread, SpreadEffects) else None
    return FeedbackSheets(
        heading=heading,
        n_interviews=survey.n_interviews,
        n_interviewers=len(survey.interviewer_ids),
        min_interviews=minimum,
        sheets=tuple(
            FeedbackSheet(
                interviewer=name,
                n_interviews=int(workload[j]),
                too_few=not enough[j],
                lines=(lines := tuple(_lines(j, workload, enough, indicators, spread))),
                went_well=good_points(j, workload, enough, indicators, spread) + _as_usual(lines),
                talk_about=_topics(j, own.get(name, []), indicators, minimum) if enough[j] else (),
            )
            for j, name in enumerate(survey.interviewer_ids)
        ),
    )


def _lines(
    j: int,
    workload: NDArray[np.int64],
    enough: NDArray[np.bool_],
    indicators: JudgedIndicators,
    spread: SpreadEffects | None,
) -> Iterator[FeedbackLine]:
    yield FeedbackLine("Interviews", integer(int(workload[j])), _range(workload.astype(float), j, integer), "")
    for effects in indicators.effects:
        shown = _SHOWN.get(effects.measure.name)
        if shown is None or not np.isfinite(effects.own[j]):
            continue
        values = np.array([shown.value(value) if np.isfinite(value) else np.nan for value in effects.own])
        yield FeedbackLine(
            shown.label,
            shown.text(values[j]),
            _range(np.where(effects.n >= 1, np.where(enough, values, np.nan), np.nan), j, shown.text),
            _words(_signed(effects, j)) if enough[j] else "\u2013",
        )
    if spread is not None and (row := np.flatnonzero((spread.interviewer == j) & (spread.df > 0))).size:
        shares = np.full(len(workload), np.nan)
        shares[spread.interviewer] = np.where(spread.df > 0, [times_usual(float(d)) for d in spread.deviation], np.nan)
        words = _words(float(spread.z[row[0]])) if enough[j] else "\u2013"
        label = "Difference between respondents, of the usual"
        yield FeedbackLine(label, percent(shares[j]), _range(np.where(enough, shares, np.nan), j, percent), words)


def _as_usual(lines: Sequence[FeedbackLine]) -> tuple[str, ...]:
    compared = [line.words for line in lines if line.words not in ("", "\u2013")]
    usual = compared.count(_AS_USUAL)
    if not usual:
        return ()
    are = "is" if usual == 1 else "are"
    return (f"{integer(usual)} of {count_of(len(compared), 'number')} below {are} as usual.",)


def _signed(effects: IndicatorEffects, j: int) -> float:
    """z, positive where the number is higher than usual."""
    return float(effects.z[j]) * (1.0 if effects.measure.worrying == "high" else -1.0)


def _words(z: float) -> str:
    if not np.isfinite(z):
        return "\u2013"
    return _AS_USUAL if abs(z) < NAMED_BESIDE else "higher than usual" if z > 0 else "lower than usual"


def _range(values: FloatArray, j: int, text: Callable[[float], str]) -> str:
    others = np.delete(values, j)
    others = others[np.isfinite(others)]
    if len(others) < _FEWEST_COLLEAGUES:
        return "\u2013"
    low, high = (text(float(end)) for end in np.quantile(others, _USUAL))
    return low if low == high else f"{low} to {high}"


def _topics(j: int, flags: Sequence[Flag], indicators: JudgedIndicators, minimum: int) -> tuple[str, ...]:
    """Questions to talk about: of the flags, strongest first, then of what is remarkable by itself."""
    beside = sorted(remarks_beside(indicators, j, [flag.kind for flag in flags], minimum), key=lambda one: one.p)
    patterns = name_patterns([*(flag.pattern for flag in flags), *(remark.pattern for remark in beside)])
    return tuple(dict.fromkeys(QUESTIONS[pattern] for pattern in patterns))[:_MOST_TOPICS]
