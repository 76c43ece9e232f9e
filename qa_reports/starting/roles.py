"""Which columns are not questions: interviewer, respondent, weight, area, team, duration. Every guess says why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import Struct

from qa_reports.config import DurationConfig
from qa_reports.errors import DataError
from qa_reports.starting import words
from qa_reports.starting.columns import Column, Groups
from qa_reports.survey.timing import interview_times

_FEWEST_INTERVIEWS = 2.5
"""Interviews per interviewer, on average, below which a column does not say who asked."""
_MOST_MINUTES, _LEAST_MINUTES = 300, 3
_CANDIDATES = 5


class Guess(Struct, frozen=True):
    """A column for a role, and what speaks for it."""

    column: str
    evidence: str
    """One line, without the label."""
    label: str = ""
    """The file's label, where it has one."""


class DurationGuess(Struct, frozen=True):
    """The columns of the interview's length."""

    duration: DurationConfig
    evidence: str


class Roles(Struct, frozen=True):
    """The columns that are not questions; None where the file seems to have none."""

    interviewer: Guess
    respondent: Guess | None
    weight: Guess | None
    area: Guess | None
    team: Guess | None
    duration: DurationGuess | None

    @property
    def columns(self) -> frozenset[str]:
        """Every column with a role."""
        single = (self.interviewer, self.respondent, self.weight, self.area, self.team)
        times = self.duration.duration if self.duration else DurationConfig()
        names = {guess.column for guess in single if guess is not None}
        return frozenset(names | {name for name in (times.minutes, times.start, times.end) if name is not None})


def guess_roles(columns: Sequence[Column], interviewer: Guess) -> Roles:
    """Guess every role but the interviewer's, which is known."""
    by_name = {column.name: column for column in columns}
    groups = Groups.by(by_name[interviewer.column])
    free = [column for column in columns if column.name != interviewer.column]
    respondent = guess_respondent(free)
    free = [column for column in free if respondent is None or column.name != respondent.column]
    weight = guess_weight(free)
    area = guess_area(free)
    free = [column for column in free if area is None or column.name != area.column]
    return Roles(interviewer, respondent, weight, area, guess_team(free, groups), guess_duration(columns))


def guess_interviewer(columns: Sequence[Column]) -> Guess | None:
    """The column that most plausibly says who did each interview, or None where no name or label says so."""
    scored = [(score, column) for column in columns if (score := _speaks_of_interviewers(column)) > 0]
    plausible = [(score, column) for score, column in scored if _is_grouping(column)]
    if not plausible:
        return None
    best = max(plausible, key=lambda pair: (pair[0], -pair[1].position))[1]
    return Guess(best.name, interviewer_evidence(best), _label(best))


def interviewer_evidence(column: Column) -> str:
    """How many interviewers, and with how many interviews."""
    sizes = Groups.by(column).sizes
    if not len(sizes):
        return "no interviewer"
    return f"{len(sizes):,} interviewers with {_range(sizes)}"


def interviewer_candidates(columns: Iterable[Column]) -> tuple[str, ...]:
    """Columns that could say who asked, judged by their values alone, the likeliest first."""
    known = list(columns)
    groupings = [column for column in known if _is_grouping(column) and not column.answer_labels]
    many = [column for column in groupings if 5 <= len(Groups.by(column).sizes) <= 500 and not _is_scale(column)]
    varying = [column for column in known if not column.holds_text and len(column.distinct) > 1]

    def n_constant(column: Column) -> int:
        """Columns that never vary within its groups, as an interviewer's own characteristics do not."""
        groups = Groups.by(column)
        return sum(groups.is_constant_within(other.answers) for other in varying if other is not column)

    return tuple(column.name for column in sorted(many, key=n_constant, reverse=True)[:_CANDIDATES])


def guess_respondent(columns: Sequence[Column]) -> Guess | None:
    """The column that tells interviews apart: another value in every one."""
    found: list[tuple[int, Column, int]] = []
    for column in columns:
        if column.n_present < 0.95 * len(column.cells) or column.holds_times():
            continue
        if not column.holds_text and (column.numbers[~np.isnan(column.numbers)] % 1 != 0).any():
            continue
        present = column.texts[column.texts != ""]
        repeated = len(present) - len(np.unique(present.astype(str)))
        named = bool(words.RESPONDENT_NAME.fullmatch(column.name.casefold().replace(" ", "_")))
        labelled = bool(words.RESPONDENT.search(column.words) and words.NUMBER.search(column.words))
        if repeated > (0.02 * len(present) if named or labelled else 0):
            continue
        if words.INTERVIEWER.search(column.words) and not named:
            continue
        score = 4 * named + 3 * labelled + (2 if column.position == 0 else 0) + (not repeated)
        if score >= 3 and not re.search(r"\b(tel|telephone|phone|gps|latitude|longitude|address)\b", column.words):
            found.append((score, column, repeated))
    if not found:
        return None
    _, best, repeated = max(found, key=lambda entry: (entry[0], -entry[1].position))
    shown = f"{repeated:,} interviews with an id that another has" if repeated else "another one in every interview"
    return Guess(best.name, shown, _label(best))


def guess_weight(columns: Sequence[Column]) -> Guess | None:
    """A column called a weight, never negative and about 1 on average; the final one where there are several."""
    found: list[tuple[float, Column]] = []
    for column in columns:
        if column.holds_text or not words.WEIGHT.search(column.words) or words.BODY_WEIGHT.search(column.words):
            continue
        values = column.answers[~np.isnan(column.answers)]
        if len(values) < 0.9 * len(column.cells) or values.min() < 0 or np.ptp(values) == 0:
            continue
        mean = float(values.mean())
        final = bool(words.FINAL_WEIGHT.search(column.words)) - bool(words.DESIGN_ONLY.search(column.words))
        found.append((2 * final - abs(np.log(mean)), column))
    if not found:
        return None
    _, best = max(found, key=lambda pair: (pair[0], -pair[1].position))
    values = best.answers[~np.isnan(best.answers)]
    others = [column.name for _, column in found if column is not best]
    evidence = f"from {_short(values.min())} to {_short(values.max())}, {_short(values.mean())} on average"
    return Guess(best.name, evidence + (f"; other weights: {', '.join(others)}" if others else ""), _label(best))


def guess_area(columns: Sequence[Column]) -> Guess | None:
    """The smallest areas the file names: sampling points, then clusters, districts, regions."""
    for pattern in words.AREAS:
        for column in columns:
            if not pattern.search(column.words) or words.NO_AREA.search(column.words) or column.holds_times():
                continue
            if words.INTERVIEWER.search(column.words) or words.TEAM.search(column.words):
                continue
            if _is_scale(column) and column.answer_labels:
                continue
            sizes = Groups.by(column).sizes
            if len(sizes) >= 5 and len(sizes) <= 0.5 * len(column.cells) and not _is_fraction(column):
                return Guess(column.name, f"{len(sizes):,} areas with {_range(sizes)}", _label(column))
    return None


def guess_team(columns: Sequence[Column], interviewers: Groups) -> Guess | None:
    """A column that names supervisors or teams, or else a region that (nearly) no interviewer leaves."""
    for pattern, least in ((words.TEAM, 0.6), (words.AREAS[-1], 0.9)):
        for column in columns:
            if not pattern.search(column.words) or words.NO_AREA.search(column.words) or _is_fraction(column):
                continue
            if words.ABOUT_A_PERSON.search(column.words):
                continue
            teams = Groups.by(column)
            if not 2 <= len(teams.sizes) <= max(2, len(interviewers.sizes) // 2) or column.n_present < 0.5 * len(
                column.cells
            ):
                continue
            share = interviewers.share_within_one(teams)
            if share >= least:
                return Guess(
                    column.name, f"{len(teams.sizes)} teams; {share:.0%} of the interviewers are in one", _label(column)
                )
    return None


def guess_duration(columns: Sequence[Column]) -> DurationGuess | None:
    """Start and end where both are times, or else a column of minutes; only what gives plausible lengths."""
    starts = [column for column in columns if _is_time_of(column, words.START)]
    ends = [column for column in columns if _is_time_of(column, words.END)]
    wanted = [
        DurationConfig(start=start.name, end=end.name) for start in starts[:2] for end in ends[:2] if start is not end
    ]
    wanted += [
        DurationConfig(minutes=column.name)
        for column in columns
        if words.DURATION.search(column.words) and not words.SECONDS.search(column.words) and not column.holds_times()
        and not column.holds_text and len(column.distinct) > 5
    ]  # fmt: skip
    table = {column.name: column.cells for column in columns}
    import pandas as pd

    frame = pd.DataFrame(
        {name: table[name] for one in wanted for name in (one.minutes, one.start, one.end) if name is not None}
    )
    for duration in wanted:
        try:
            minutes = interview_times(frame, duration, "").minutes
        except DataError:
            continue
        known = minutes[~np.isnan(minutes)]
        if len(known) >= 0.5 * len(minutes) and _LEAST_MINUTES <= np.median(known) <= _MOST_MINUTES:
            share = len(known) / len(minutes)
            missing = "" if share > 0.995 else f", known for {share:.0%} of the interviews"
            return DurationGuess(
                duration, f"half of the interviews took {np.median(known):.0f} minutes or more{missing}"
            )
    return None


def _speaks_of_interviewers(column: Column) -> int:
    """How surely a name or a label says "this is who asked"; 0 where it does not."""
    label, name = words.plain(column.labels.label or ""), column.name.casefold()
    if words.ABOUT_A_PERSON.search(label) or words.ABOUT_A_PERSON.search(words.plain(column.name)):
        return 0
    named = bool(words.INTERVIEWER_NAME.fullmatch(name.replace(" ", "_").replace("-", "_")))
    labelled = bool(words.INTERVIEWER.search(label))
    numbered = labelled and bool(words.NUMBER.search(label) or words.INTERVIEWER.fullmatch(label))
    in_name = bool(words.INTERVIEWER.search(words.plain(column.name)))
    return 4 * numbered + 3 * named + 2 * in_name + labelled if numbered or named or in_name else 0


def _is_grouping(column: Column) -> bool:
    """Whether the values could be people with several interviews each."""
    if column.holds_times() or _is_fraction(column) or column.n_present < 0.5 * len(column.cells):
        return False
    sizes = Groups.by(column).sizes
    return len(sizes) >= 2 and sizes.mean() >= _FEWEST_INTERVIEWS


def _is_fraction(column: Column) -> bool:
    present = column.numbers[~np.isnan(column.numbers)]
    return not column.holds_text and bool((present % 1 != 0).any())


def _is_scale(column: Column) -> bool:
    return not column.holds_text and len(column.distinct) <= 12 and bool(column.distinct.max(initial=0) <= 10)


def _is_time_of(column: Column, pattern: re.Pattern[str]) -> bool:
    if not pattern.search(column.words) or not words.TIME.search(column.words):
        return False
    if column.holds_times():
        return True
    sample = [text for text in column.texts[:50].tolist() if text]
    return bool(sample) and all(re.search(r"[0-9]{1,2}:[0-9]{2}", text) for text in sample)


def _label(column: Column) -> str:
    return "" if column.label == column.name else column.label


def _range(sizes: np.ndarray) -> str:
    low, high = int(sizes.min()), int(sizes.max())
    each = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    return f"{each} interviews each"


def _short(value: float) -> str:
    return f"{value:.3g}"
