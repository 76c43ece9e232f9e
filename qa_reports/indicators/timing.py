"""Speed, and times that cannot be right: overlapping interviews of one interviewer, and impossible hours."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from qa_reports.config import TimingsConfig
from qa_reports.indicators.measure import FloatArray, IndicatorMeasure, IntArray, not_applicable
from qa_reports.survey.timing import InterviewTimes, QuestionTimes

_LENGTH, _FAST = "Length of the interview", "Fast interviews"
_PER_QUESTION, _FAST_ANSWERS = "Time per question", "Fast answers"
_FEWEST_TIMES = 3
"""Timed questions an interview needs, where there are so many."""
_OVERLAP, _IMPOSSIBLE = "Interviews at the same time", "Impossible times"
_DAY = 24 * 60.0
_LONGEST = 12 * 60.0
"""Minutes: nobody is interviewed for longer than this, so an end is wrong, or the interview was resumed."""


def speed_measures(minutes: FloatArray | None, n: int, fast_share: float) -> Iterator[IndicatorMeasure]:
    """The log of the minutes, and whether an interview is among the shortest of the survey.

    Args:
        minutes: (n,) length in minutes, NaN where unknown.
        n: interviews.
        fast_share: share of all interviews, the shortest, that counts as fast.
    """
    known = 0 if minutes is None else int(np.isfinite(minutes).sum())
    if minutes is None or known < 2:
        reason = "no length of the interviews is configured (data.duration)" if minutes is None else _too_few(known)
        yield not_applicable(n, "log_minutes", "speeding", _LENGTH, reason)
        yield not_applicable(n, "fast", "speeding", _FAST, reason)
        return
    has = np.isfinite(minutes)
    yield IndicatorMeasure(
        name="log_minutes",
        kind="speeding",
        label=_LENGTH,
        values=np.log(np.where(has, minutes, np.nan)),
        unit="log minutes",
        worrying="low",
        scale="continuous",
        threshold="the logarithm of the minutes; short is worrying",
    )
    limit = float(np.quantile(minutes[has], fast_share))
    yield IndicatorMeasure(
        name="fast",
        kind="speeding",
        label=_FAST,
        values=np.where(has, (minutes <= limit).astype(float), np.nan),
        unit="share of interviews",
        worrying="high",
        scale="count",
        threshold=f"{limit:.0f} minutes or less, the shortest {fast_share:.0%} of all interviews",
    )


def _too_few(known: int) -> str:
    return f"the length is known for {known} of the interviews"


def question_measures(times: QuestionTimes | None, n: int, options: TimingsConfig | None) -> Iterator[IndicatorMeasure]:
    """How long questions took beside the median of each, and how many took much less.

    Times that are fractions of the question's own median make long and short questions comparable (Greszki, Meyer and
    Schoen 2015, Public Opin. Q. 79). A question with a median of nothing tells nothing.

    Args:
        times: what the file says.
        n: interviews.
        options: how fast is fast.
    """
    if times is None or options is None:
        reason = "no times of single questions are configured (indicators.timings)"
    else:
        reason = f"no interview has times of {_FEWEST_TIMES} or more questions"
        told = np.isfinite(times.spent).any(axis=0)
        spent = times.spent[:, told]
        relative = spent / np.nanmedian(spent, axis=0) if told.any() else spent
        has = np.isfinite(relative)
        enough = has.sum(axis=1) >= min(_FEWEST_TIMES, len(times.columns))
        if enough.any():
            number = np.maximum(has.sum(axis=1), 1)
            logs = np.where(has, np.log(np.where(has, relative, 1.0)), 0.0).sum(axis=1) / number
            short = (has & (np.where(has, relative, 1.0) < options.fast)).sum(axis=1) / number
            many = f"over {len(times.columns)} {'question' if len(times.columns) == 1 else 'questions'}"
            yield IndicatorMeasure(
                "log_seconds", "speeding", _PER_QUESTION, np.where(enough, logs, np.nan), "log of the usual time",
                "low", "continuous",
                f"the mean logarithm of a question's time over its median in the survey, {many}; short is worrying",
            )  # fmt: skip
            yield IndicatorMeasure(
                "fast_answers", "speeding", _FAST_ANSWERS, np.where(enough, short, np.nan), "share of questions",
                "high", "continuous", f"less than {options.fast:.0%} of the question's median time, {many}",
            )  # fmt: skip
            return
    yield not_applicable(n, "log_seconds", "speeding", _PER_QUESTION, reason)
    yield not_applicable(n, "fast_answers", "speeding", _FAST_ANSWERS, reason)


def time_measures(
    times: InterviewTimes | None, interviewer: IntArray, hours: tuple[float, float]
) -> Iterator[IndicatorMeasure]:
    """Whether an interview overlaps another one of the same interviewer, and whether its times can be right.

    Args:
        times: starts and ends as the file says them.
        interviewer: (n,) position of each interview's interviewer.
        hours: interviews begin between these hours of the day.
    """
    n = len(interviewer)
    if times is None or times.start is None or times.end is None:
        reason = "no start and end of the interviews are configured (data.duration)"
        yield not_applicable(n, "overlap", "times", _OVERLAP, reason)
        yield not_applicable(n, "impossible", "times", _IMPOSSIBLE, reason)
        return
    start, end = times.start, times.end
    known = np.isfinite(start) & np.isfinite(end)
    if times.on_clock:
        reason = "start and end are times of day without dates"
        yield not_applicable(n, "overlap", "times", _OVERLAP, reason)
    else:
        usable = known & (end > start) & (end - start <= _LONGEST)
        overlap = np.where(usable, _overlapping(start, end, interviewer, usable), np.nan)
        yield IndicatorMeasure(
            "overlap", "times", _OVERLAP, overlap, "share of interviews", "high", "count",
            "the interview shares at least one minute with another one of the same interviewer",
        )  # fmt: skip
    hour = (start % _DAY) / 60
    odd = (hour < hours[0]) | (hour > hours[1])
    backwards = (end == start) if times.on_clock else (end <= start) | (end - start > _LONGEST)
    yield IndicatorMeasure(
        "impossible", "times", _IMPOSSIBLE,
        np.where(known, (odd | backwards).astype(float), np.nan), "share of interviews", "high", "count",
        f"the interview begins before {hours[0]:g} or after {hours[1]:g} o'clock, ends when or before it begins, "
        f"or lasts longer than {_LONGEST / 60:g} hours",
    )  # fmt: skip


def _overlapping(start: FloatArray, end: FloatArray, interviewer: IntArray, usable: np.ndarray) -> FloatArray:
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
