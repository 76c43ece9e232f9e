"""Step 5, report: everything the templates may show, and nothing else. Read `summarise` first."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from qa_reports.effects.estimate import ItemNotModelled
from qa_reports.effects.flag import ExpectedByChance, InterviewerVerdict
from qa_reports.report.figures import Figure
from qa_reports.report.interviewers import Call, NamedItem, Profile
from qa_reports.report.items import ItemSummary, ModelSummary
from qa_reports.survey.clean import CleaningLog
from qa_reports.survey.load import FileProvenance


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands on top of the report."""

    survey: str
    wave: str | None
    country: str | None
    printed: datetime.date


@dataclass(frozen=True, slots=True)
class Verdict:
    """The first thing read: one sentence, and the few figures behind it."""

    sentence: str
    notes: tuple[str, ...]
    """Further sentences, data-preparation problems first."""
    n_interviews: int
    n_interviewers: int
    n_items: int
    n_items_modelled: int
    median_icc: float | None
    """Over the modelled items; None when there is none."""
    worst: NamedItem | None
    """The item with the largest interviewer ICC."""
    worst_icc: float | None
    worst_n: int | None
    """Interviews of the worst item, and how many they work like."""
    worst_effective_n: float | None
    typical_share: float | None
    """Median over the items of effective_n / n_interviews."""
    n_flagged: int
    n_critical: int
    n_too_few: int
    expected_by_chance: ExpectedByChance
    n_data_problems: int


@dataclass(frozen=True, slots=True, eq=False)
class SuspectComparison:
    """One model with a suspicious value left in, beside the clean one."""

    outcome: NamedItem
    with_value: ModelSummary
    without_value: ModelSummary | None
    """The clean model; None where it could not be estimated."""
    figures: tuple[Figure, ...]
    """EBLUP QQ plots: with the value in, then clean."""


@dataclass(frozen=True, slots=True, eq=False)
class SuspectSummary:
    """A value that is probably a missing code nobody declared: a data-preparation problem."""

    item: NamedItem
    value: float
    n: int
    interviewers: tuple[tuple[str, int], ...]
    reason: str
    yaml: str
    sentences: tuple[str, ...]
    """What it is and what it would have done, for a field manager."""
    icc_with: float | None
    icc_without: float | None
    comparisons: tuple[SuspectComparison, ...]


@dataclass(frozen=True, slots=True)
class Methods:
    """How the numbers were made, with the survey's own figures in the sentences."""

    paragraphs: tuple[str, ...]
    glossary: tuple[tuple[str, str], ...]
    """(term, explanation)."""
    versions: tuple[tuple[str, str], ...]
    files: tuple[FileProvenance, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ReportSummary:
    """A whole report. Numbers are unrounded; sentences are ready to print; every label is untrusted text."""

    heading: Heading
    verdict: Verdict
    calls: tuple[Call, ...]
    """Every interviewer worth a call, the surest first."""
    too_few: tuple[InterviewerVerdict, ...]
    """Interviewers with too few interviews to judge."""
    min_interviews: int
    items: tuple[ItemSummary, ...]
    not_modelled: tuple[ItemNotModelled, ...]
    profiles: tuple[Profile, ...]
    """One per flagged interviewer, in the call list's order, then those behind data-preparation problems."""
    suspects: tuple[SuspectSummary, ...]
    cleaning: CleaningLog
    methods: Methods
