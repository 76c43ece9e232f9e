"""Step 4, flag: which interviewers deviate, how surely, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["critical", "warning", "data_preparation"]
FlagKind = Literal["level", "slope", "missing_code"]


@dataclass(frozen=True, slots=True)
class Flag:
    """One reason to call one interviewer ("worth a call", never guilt)."""

    interviewer: str
    severity: Severity
    kind: FlagKind
    items: tuple[str, ...]
    """The items it rests on, strongest first."""
    estimate: float
    """Size in `unit`: mean deviation from colleagues over the items (level), slope deviation, number of answers."""
    unit: str
    """"scale points", "scale points per point of trstplc", "answers"."""
    z: float | None
    p: float | None
    q: float | None
    """Benjamini-Hochberg adjusted p."""
    sentence: str
    """One plain sentence for a field manager."""


@dataclass(frozen=True, slots=True)
class InterviewerVerdict:
    """The overall result for one interviewer, everyone listed once."""

    interviewer: str
    team: str | None
    n_interviews: int
    severity: Literal["critical", "warning", "none"]
    too_few: bool
    """Fewer interviews than `min_interviews`: too few to judge, which is not "fine"."""
    combined_p: float | None
    """p of the evidence over all items; None where too few."""


@dataclass(frozen=True, slots=True)
class ExpectedByChance:
    """How many a wave of normal interviewers would show, by the same rules."""

    interviewers: float
    """Flagged interviewers per wave (critical or warning)."""
    cells: float
    """Flagged interviewer-by-item cells per wave."""
    method: str


@dataclass(frozen=True, slots=True)
class Flags:
    """All flags (most severe first) and a verdict per interviewer."""

    flags: tuple[Flag, ...]
    interviewers: tuple[InterviewerVerdict, ...]
    expected_by_chance: ExpectedByChance
