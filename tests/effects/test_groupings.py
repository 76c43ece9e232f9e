"""Why interviewers cannot be told from their areas or teams."""

from __future__ import annotations

import numpy as np
import pytest

from qa_reports.effects.groupings import Grouping, GroupingKind, _why_not


@pytest.mark.parametrize(
    ("kind", "interviewer", "level", "reason"),
    [
        ("area", [0, 0, 1, 1, 1], [0, 1, 0, 1, 1], None),
        ("area", [], [], "no interview has an area"),
        ("team", [], [], "no interview has a team"),
        ("team", [0, 0, 1, 1], [0, 0, 0, 0], "all interviews are in one team"),
        ("area", [0, 0, 0, 0], [0, 0, 1, 1], "there is only one interviewer"),
        ("area", [0, 0, 1, 1], [0, 1, 2, 3], "every area has one interview, so areas cannot be told apart"),
        ("area", [0, 0, 1, 1], [0, 0, 1, 1], "every area has one interviewer who worked nowhere else"),
        ("team", [0, 0, 1, 1], [0, 0, 1, 1], "every team has one interviewer"),
        ("area", [0, 1, 2, 3], [0, 0, 1, 1], "every interviewer has one interview, so interviewers and areas"),
    ],
)
def test_why_not(kind: GroupingKind, interviewer: list[int], level: list[int], reason: str | None) -> None:
    places = np.array(level, dtype=np.int64)
    grouping = Grouping(kind, "psu", places, tuple(f"place {k}" for k in range(len(set(level)))))
    pairs = np.array(sorted(set(zip(interviewer, level, strict=True))), dtype=np.int64).reshape(-1, 2)
    said = _why_not(grouping, np.array(interviewer, dtype=np.int64), places, pairs)
    assert said is None if reason is None else str(said).startswith(reason)
