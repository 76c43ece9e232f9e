"""What flagging says: flags, a verdict per interviewer, and what chance would have done."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from qa_reports.config import IndicatorKind, ReviewedFlag
from qa_reports.effects.patterns import Pattern
from qa_reports.effects.spread_effects import NoSpread, SpreadEffects

Severity = Literal["critical", "warning", "data_preparation"]
FlagKind = Literal["level", "slope", "spread", "missing_code"] | IndicatorKind


class Flag(Struct, frozen=True):
    """One reason to call one interviewer ("worth a call", never guilt)."""

    interviewer: str
    severity: Severity
    kind: FlagKind
    items: tuple[str, ...]
    """The items it rests on, strongest first."""
    estimate: float
    """Size in `unit`: deviation from colleagues on the first item (level), slope deviation, own spread over the usual
    one, number of answers."""
    unit: str
    """"scale points", "scale points per point of trstplc", "answers"."""
    z: float | None
    p: float | None
    q: float | None
    """Benjamini-Hochberg adjusted p."""
    sentence: str
    """One plain sentence for a field manager."""
    pattern: Pattern
    """What the deviation looks like."""
    strength: float | None = None
    """p of what it rests on, times how much else of this interviewer was looked at, at most 1; None for a matter of the
    file."""
    review: ReviewedFlag | None = None
    """Who has looked into it, and what was found: then it is listed, but no reason to call."""


class InterviewerVerdict(Struct, frozen=True):
    """The overall result for one interviewer, everyone listed once."""

    interviewer: str
    team: str | None
    n_interviews: int
    severity: Literal["critical", "warning", "none"]
    too_few: bool
    """Fewer interviews than `min_interviews`: too few to judge, which is not "fine"."""
    combined_p: float | None
    """p of everything together, all sources of evidence over all items; None where too few."""
    reviewed: bool = False
    """Stands out, but is not worth a call, because every flag has been looked into."""


class ExpectedByChance(Struct, frozen=True):
    """How many a wave of normal interviewers would show, by the same rules."""

    interviewers: float
    """Flagged interviewers per wave (critical or warning)."""
    cells: float
    """Flagged single cells (an interviewer on one item) per wave."""
    method: str


class Flags(Struct, frozen=True, eq=False):
    """All flags (most severe first) and a verdict per interviewer."""

    flags: tuple[Flag, ...]
    interviewers: tuple[InterviewerVerdict, ...]
    expected_by_chance: ExpectedByChance
    spread: SpreadEffects | NoSpread | None = None
    """The spread over all items together; None where it was not looked at."""
