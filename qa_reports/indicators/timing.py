"""Speed, and times that cannot be right: overlapping interviews of one interviewer, and impossible hours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from qa_reports.config import TimingsConfig
from qa_reports.indicators.measure import FloatArray, IndicatorMeasure, IntArray, not_applicable
from qa_reports.survey.interviews import ARRAYS, Arithmetic, Clock, Condition, Lengths
from qa_reports.survey.timing import InterviewTimes

_LENGTH, _FAST = "Length of the interview", "Fast interviews"
_PER_QUESTION, _FAST_ANSWERS = "Time per question", "Fast answers"
_FEWEST_TIMES = 3
"""Timed questions an interview needs, where there are so many."""
_OVERLAP, _IMPOSSIBLE = "Interviews at the same time", "Impossible times"
_DAY = 24 * 60.0
_LONGEST = 12 * 60.0
"""Minutes: nobody is interviewed for longer than this, so an end is wrong, or the interview was resumed."""


def speed_measures(
    minutes: Lengths | None, fast_share: float, arithmetic: Arithmetic = ARRAYS
) -> Iterator[IndicatorMeasure]:
    """The log of the minutes, and whether an interview is among the shortest of the survey.

    Args:
        minutes: length of the interviews in minutes.
        fast_share: share of all interviews, the shortest, that counts as fast.
        arithmetic: how to compute with columns.
    """
    if minutes is None or minutes.n < 2:
        reason = "no length of the interviews is configured (data.duration)" if minutes is None else _too_few(minutes.n)
        yield not_applicable("log_minutes", "speeding", _LENGTH, reason)
        yield not_applicable("fast", "speeding", _FAST, reason)
        return
    a = arithmetic
    yield IndicatorMeasure(
        name="log_minutes",
        kind="speeding",
        label=_LENGTH,
        values=a.log(minutes.spent),
        unit="log minutes",
        worrying="low",
        scale="continuous",
        threshold="the logarithm of the minutes; short is worrying",
    )
    limit = minutes.quantile(fast_share)
    yield IndicatorMeasure(
        name="fast",
        kind="speeding",
        label=_FAST,
        values=a.where(a.known(minutes.spent), a.given(minutes.spent <= limit)),
        unit="share of interviews",
        worrying="high",
        scale="count",
        threshold=f"{limit:.0f} minutes or less, the shortest {fast_share:.0%} of all interviews",
    )


def _too_few(known: int) -> str:
    return f"the length is known for {known} of the interviews"


def question_measures(
    times: Sequence[Lengths] | None, options: TimingsConfig | None, arithmetic: Arithmetic = ARRAYS
) -> Iterator[IndicatorMeasure]:
    """How long questions took beside the median of each, and how many took much less.

    Times that are fractions of the question's own median make long and short questions comparable (Greszki, Meyer and
    Schoen 2015, Public Opin. Q. 79). A question with a median of nothing tells nothing.

    Args:
        times: what the file says of each question.
        options: how fast is fast.
        arithmetic: how to compute with columns.
    """
    told = [one for one in times or () if one.n]
    if times is None or options is None or not told:
        reason = "no times of single questions are configured (indicators.timings)"
        if times is not None and options is not None:
            reason = _NO_TIMES
        yield not_applicable("log_seconds", "speeding", _PER_QUESTION, reason)
        yield not_applicable("fast_answers", "speeding", _FAST_ANSWERS, reason)
        return
    a = arithmetic
    relative = [one.spent / one.median for one in told]
    n = a.count(a.known(x) for x in relative)
    enough = n >= min(_FEWEST_TIMES, len(times))
    logs = sum(a.filled(a.log(x), 0.0) for x in relative)
    short = a.count(x < options.fast for x in relative)
    many = f"over {len(times)} {'question' if len(times) == 1 else 'questions'}"
    yield IndicatorMeasure(
        "log_seconds", "speeding", _PER_QUESTION, a.where(enough, a.divide(logs, n)), "log of the usual time",
        "low", "continuous",
        f"the mean logarithm of a question's time over its median in the survey, {many}; short is worrying",
        unless=_NO_TIMES,
    )  # fmt: skip
    yield IndicatorMeasure(
        "fast_answers", "speeding", _FAST_ANSWERS, a.where(enough, a.divide(short, n)), "share of questions",
        "high", "continuous", f"less than {options.fast:.0%} of the question's median time, {many}",
        unless=_NO_TIMES,
    )  # fmt: skip


_NO_TIMES = f"no interview has times of {_FEWEST_TIMES} or more questions"


def time_measures(
    times: Clock | None, hours: tuple[float, float], arithmetic: Arithmetic = ARRAYS
) -> Iterator[IndicatorMeasure]:
    """Whether an interview overlaps another one of the same interviewer, and whether its times can be right.

    Args:
        times: starts and ends as the file says them.
        hours: interviews begin between these hours of the day.
        arithmetic: how to compute with columns.
    """
    if times is None:
        reason = "no start and end of the interviews are configured (data.duration)"
        yield not_applicable("overlap", "times", _OVERLAP, reason)
        yield not_applicable("impossible", "times", _IMPOSSIBLE, reason)
        return
    a, start, end = arithmetic, times.start, times.end
    known = a.known(start) & a.known(end)
    if times.on_clock:
        reason = "start and end are times of day without dates"
        yield not_applicable("overlap", "times", _OVERLAP, reason)
    else:
        usable = known & (end > start) & (end - start <= _LONGEST)
        overlap = a.where(usable, a.given(times.overlapping(usable)))
        yield IndicatorMeasure(
            "overlap", "times", _OVERLAP, overlap, "share of interviews", "high", "count",
            "the interview shares at least one minute with another one of the same interviewer",
        )  # fmt: skip
    hour = a.remainder(start, _DAY) / 60
    odd = (hour < hours[0]) | (hour > hours[1])
    backwards = (end == start) if times.on_clock else (end <= start) | (end - start > _LONGEST)
    yield IndicatorMeasure(
        "impossible", "times", _IMPOSSIBLE,
        a.where(known, a.given(odd | backwards)), "share of interviews", "high", "count",
        f"the interview begins before {hours[0]:g} or after {hours[1]:g} o'clock, ends when or before it begins, "
        f"or lasts longer than {_LONGEST / 60:g} hours",
    )  # fmt: skip


def clock(times: InterviewTimes | None, interviewer: IntArray) -> Clock | None:
    """Starts and ends in memory, None without any; `interviewer` (n,) is the position of each interview's."""
    if times is None or times.start is None or times.end is None:
        return None
    start, end = times.start, times.end
    return Clock(start, end, times.on_clock, lambda usable: _overlapping(start, end, interviewer, usable) > 0)


def _overlapping(start: FloatArray, end: FloatArray, interviewer: IntArray, usable: Condition) -> FloatArray:
    """(n,) 1 where an interview shares at least a minute with another of its interviewer."""
    found = np.zeros(len(start))
    rows = np.flatnonzero(usable)
    rows = rows[np.lexsort((end[rows], start[rows], interviewer[rows]))]
    latest, owner, holder = -np.inf, -1, -1
    for row in rows.tolist():
        if interviewer[row] != owner:
            latest, owner = -np.inf, int(interviewer[row])
        if start[row] + 1 <= min(latest, end[row]):
            found[row] = found[holder] = 1.0
        if end[row] > latest:
            latest, holder = end[row], row
    return found
