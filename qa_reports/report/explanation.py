"""Why an interviewer is worth a call, in short: the pattern, the strongest reasons, what would change, what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from qa_reports.effects.estimate import ItemEffects
from qa_reports.effects.findings import Flag, FlagKind, Flags, InterviewerVerdict
from qa_reports.effects.indicator_effects import NO_INDICATORS, JudgedIndicators
from qa_reports.effects.indicator_flags import remarks_beside
from qa_reports.effects.patterns import PATTERN_NAMES, Pattern, name_patterns
from qa_reports.report.steps import steps_for
from qa_reports.report.without import Without, without_interviewers
from qa_reports.survey.clean import Survey

MOST_REASONS = 3
"""Reasons on a card; the profile has all flags."""


class Reason(Struct, frozen=True):
    """One thing that stands out."""

    kind: FlagKind
    pattern: Pattern
    sentence: str
    flagged: bool
    """False for what is remarkable by itself, but no flag: it stands beside the flags."""
    reviewed: bool


class Explanation(Struct, frozen=True):
    """What is to be said of one flagged interviewer."""

    patterns: tuple[Pattern, ...]
    """The strongest first; it gives the card its name."""
    reasons: tuple[Reason, ...]
    """At most `MOST_REASONS`, the strongest first."""
    without: Without | None
    """None for interviewers who are not worth a call."""
    steps: tuple[str, ...]

    @property
    def name(self) -> str:
        """The first pattern as the report prints it."""
        return PATTERN_NAMES[self.patterns[0]]

    @property
    def also(self) -> tuple[str, ...]:
        """The other patterns likewise, in the middle of a sentence."""
        return tuple(lower_first(PATTERN_NAMES[pattern]) for pattern in self.patterns[1:])


def explain_flags(
    flags: Flags,
    modelled: Sequence[ItemEffects],
    survey: Survey,
    indicators: JudgedIndicators = NO_INDICATORS,
    min_interviews: int = 1,
) -> Mapping[str, Explanation]:
    """Interviewer -> explanation, for everybody with a flag.

    Args:
        flags: all flags, of each interviewer the strongest first.
        modelled: the items' models.
        survey: the survey.
        indicators: what the interviews show.
        min_interviews: interviews that an interviewer needs to be judged.
    """
    verdicts = {verdict.interviewer: verdict for verdict in flags.interviewers}
    positions = {name: j for j, name in enumerate(survey.interviewer_ids)}
    ordered = {name: _ordered(found) for name, found in flags_by_interviewer(flags).items()}
    called = {
        name: list(dict.fromkeys(item for flag in _leading(found) for item in flag.items))
        for name, found in ordered.items()
        if verdicts[name].severity != "none"
    }
    without = without_interviewers(called, modelled, survey)
    return {
        name: _explain(verdicts[name], positions[name], found, without.get(name), indicators, min_interviews)
        for name, found in ordered.items()
    }


def flags_by_interviewer(flags: Flags) -> Mapping[str, list[Flag]]:
    """Interviewer -> their flags, the strongest first."""
    found: dict[str, list[Flag]] = {}
    for flag in flags.flags:
        found.setdefault(flag.interviewer, []).append(flag)
    return found


def sure_p(verdict: InterviewerVerdict, flags: Sequence[Flag]) -> float | None:
    """p of what a call rests on: of everything together, or of the strongest reason by itself where that is smaller.

    Who stands out on a single item need not stand out over all of them.

    Args:
        verdict: an interviewer who is worth a call; None of any other.
        flags: this interviewer's.
    """
    if verdict.severity == "none":
        return None
    reasons = [flag for flag in flags if flag.review is None and flag.severity != "data_preparation"]
    known = [verdict.combined_p, *(flag.strength for flag in reasons)]
    return min((p for p in known if p is not None), default=None)


def _ordered(flags: Sequence[Flag]) -> list[Flag]:
    """What was looked into already is told last; a matter of the file names nobody who is called for another reason."""
    return sorted(flags, key=lambda flag: (flag.review is not None, flag.severity == "data_preparation"))


def _leading(ordered: Sequence[Flag]) -> Sequence[Flag]:
    """Those that nobody has looked into, or else all."""
    return [flag for flag in ordered if flag.review is None] or ordered


def _explain(
    verdict: InterviewerVerdict,
    position: int,
    ordered: Sequence[Flag],
    without: Without | None,
    indicators: JudgedIndicators,
    min_interviews: int,
) -> Explanation:
    leading = _leading(ordered)
    beside = list(remarks_beside(indicators, position, [flag.kind for flag in ordered], min_interviews))
    beside = sorted(beside, key=lambda remark: remark.p) if verdict.severity != "none" else []
    patterns = name_patterns([flag.pattern for flag in leading], [remark.pattern for remark in beside])
    reasons = [Reason(f.kind, f.pattern, f.sentence, True, f.review is not None) for f in ordered]
    reasons += [Reason(remark.kind, remark.pattern, remark.sentence, False, False) for remark in beside]
    return Explanation(
        patterns=patterns,
        reasons=tuple(reasons[:MOST_REASONS]),
        without=without,
        steps=steps_for(patterns, verdict.severity == "critical"),
    )


def lower_first(text: str) -> str:
    """ "Many refusals" -> "many refusals"."""
    return text[:1].lower() + text[1:]
