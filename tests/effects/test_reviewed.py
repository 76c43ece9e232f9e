"""Reviewed flags: still listed, no reason to call any more."""

from __future__ import annotations

import pytest

from qa_reports.config import ReviewedFlag
from qa_reports.effects.flag import ExpectedByChance, Flag, Flags, InterviewerVerdict
from qa_reports.effects.reviewed import mark_reviewed, unknown_interviewers


def flag(interviewer: str, kind: str, severity: str = "critical") -> Flag:
    return Flag(
        interviewer, severity, kind, ("trstplc",), 1.0, "scale points", 4.0, 1e-4, 0.01, "What was seen.", "one_item"
    )  # type: ignore[arg-type]


def flags(*found: Flag) -> Flags:
    verdicts = tuple(
        InterviewerVerdict(name, None, 12, severity, False, 0.001)  # type: ignore[arg-type]
        for name in ("1", "2")
        for own in [[one for one in found if one.interviewer == name]]
        for severity in ["critical" if any(one.severity == "critical" for one in own) else "warning" if own else "none"]
    )
    return Flags(found, verdicts, ExpectedByChance(0.4, 0.0, "simulated"))


def review(interviewer: str, kind: str = "level", until: str = "Round 9") -> ReviewedFlag:
    return ReviewedFlag(interviewer=interviewer, kind=kind, until=until, note="Recordings are fine.", by="A. Smith")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "until", "wave", "covered"),
    [
        ("level", "Round 9", "Round 9", True),
        ("any", "Round 9", "Round 9", True),
        ("slope", "Round 9", "Round 9", False),
        ("level", "Round 10", "Round 9", True),
        ("level", "Round 9", "Round 10", False),
        ("level", "Round 9", None, True),
    ],
)
def test_a_review_covers_its_kind_until_its_wave(kind: str, until: str, wave: str | None, covered: bool) -> None:
    marked = mark_reviewed(flags(flag("1", "level")), [review("1", kind, until)], wave)

    assert (marked.flags[0].review is not None) == covered
    assert marked.interviewers[0].severity == ("none" if covered else "critical")
    assert [verdict.reviewed for verdict in marked.interviewers] == [covered, False]
    assert marked.flags[0].sentence.endswith("Recordings are fine." if covered else "What was seen.")


def test_another_flag_of_the_same_interviewer_still_counts() -> None:
    found = flags(flag("1", "level"), flag("1", "slope", "warning"), flag("2", "level"))

    marked = mark_reviewed(found, [review("1")], "Round 9")

    assert [verdict.severity for verdict in marked.interviewers] == ["warning", "critical"]
    assert not any(verdict.reviewed for verdict in marked.interviewers)


def test_an_interviewer_without_interviews_is_noted() -> None:
    assert unknown_interviewers([review("3"), review("3", "slope"), review("1")], ["1", "2"]) == (
        "reviewed.yaml: interviewer 3 has no interview in this wave",
    )
