"""What the report shows of one interviewer: the card in the call list and the profile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from qa_reports.effects.flag import Flag
from qa_reports.report.figures import Figure


@dataclass(frozen=True, slots=True)
class NamedItem:
    """An item as a link: its name (the anchor) and its label."""

    name: str
    label: str


@dataclass(frozen=True, slots=True)
class Call:
    """One interviewer worth a call: a card in the call list."""

    interviewer: str
    team: str | None
    severity: Literal["critical", "warning"]
    sureness: str
    """How sure, in words a field manager uses."""
    n_interviews: int
    combined_p: float | None
    flags: tuple[Flag, ...]
    """The level and slope flags, strongest first; each has its sentence."""
    items: tuple[NamedItem, ...]
    """All items a flag rests on."""
    actions: tuple[str, ...]
    """Suggested next steps, one sentence each, the first is the first to take."""


@dataclass(frozen=True, slots=True)
class ItemCell:
    """One interviewer on one item."""

    item: str
    label: str
    n_interviews: int
    mean: float | None
    """Mean of their valid answers."""
    survey_mean: float
    deviation: float | None
    """Deletion residual: how far they are from where colleagues would be, in scale points."""
    z: float | None
    p: float | None
    flagged: bool


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """One flagged interviewer (or one behind a data-preparation problem) on all items."""

    interviewer: str
    team: str | None
    n_interviews: int
    severity: Literal["critical", "warning", "none"]
    too_few: bool
    combined_p: float | None
    covariates: tuple[tuple[str, float | str | None], ...]
    """(label, value) of the interviewer covariates."""
    flags: tuple[Flag, ...]
    cells: tuple[ItemCell, ...]
    """One per modelled item, in the survey's order."""
    strip: Figure | None
    figures: tuple[Figure, ...]
    """The answers behind each flagged item beside everybody's."""
