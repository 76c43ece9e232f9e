"""Step 5, report: the comparison with earlier waves in `results.json`, unrounded, as plain JSON values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import asdict

from qa_reports.report.results_items import Document, number
from qa_reports.report.wave_changes import InterviewerChange, TrajectoryPoint
from qa_reports.report.waves import Change, ItemOverWaves, Limits, WaveComparison, WavePoint


def with_waves(document: Mapping[str, object], comparison: WaveComparison | None) -> Document:
    """The document of `results_document` with its `waves` filled; null where there is no earlier wave."""
    return {**document, "waves": None if comparison is None else _waves(comparison)}


def _waves(comparison: WaveComparison) -> Document:
    return {
        "names": list(comparison.waves),
        "runs": list(comparison.runs),
        "items": [_item(item) for item in comparison.items],
        "interviewers": [_interviewer(change) for change in comparison.interviewers],
        "joined": list(comparison.joined),
        "left": list(comparison.left),
        "n_stayed": comparison.n_stayed,
        "perhaps_others": [asdict(other) for other in comparison.perhaps_others],
        "same_interviewers": comparison.same_interviewers,
        "notes": list(comparison.notes),
    }


def _item(item: ItemOverWaves) -> Document:
    return {
        "item": item.item,
        "key": item.key,
        "points": [None if point is None else _point(point) for point in item.points],
        "then": None if item.then is None else item.then.wave,
        "icc_change": _change(item.icc_change),
        "mean_change": _change(item.mean_change),
        "limits": _limits(item.limits),
        "note": item.note,
    }


def _point(point: WavePoint) -> Document:
    return {
        "wave": point.wave,
        "item": point.item,
        "n_interviews": point.n_interviews,
        "icc": number(point.icc),
        "icc_interval": _interval(point.icc_interval),
        "mean": number(point.mean),
        "mean_interval": _interval(point.mean_interval),
    }


def _interval(interval: Sequence[float] | None) -> list[float | None] | None:
    return None if interval is None else [number(end) for end in interval]


def _change(change: Change | None) -> Document | None:
    return None if change is None else asdict(change)


def _limits(limits: Limits | None) -> Document | None:
    return None if limits is None else asdict(limits)


def _interviewer(change: InterviewerChange) -> Document:
    return {
        "interviewer": change.interviewer,
        "status": change.status,
        "joined": change.joined,
        "flagged_in": list(change.flagged_in),
        "trajectory": [None if point is None else _trajectory(point) for point in change.trajectory],
    }


def _trajectory(point: TrajectoryPoint) -> Document:
    return {
        "wave": point.wave,
        "n_interviews": point.n_interviews,
        "severity": point.severity,
        "too_few": point.too_few,
        "mean_absolute_z": number(point.mean_absolute_z),
        "z": {key: number(z) for key, z in point.z},
    }
