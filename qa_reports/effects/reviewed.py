"""Flags that somebody has looked into already: still listed, no longer a reason to call."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from qa_reports.config import ReviewedFlag
from qa_reports.effects.flag import Flag, Flags, InterviewerVerdict
from qa_reports.survey.interviewers import natural_key


def mark_reviewed(flags: Flags, reviewed: Sequence[ReviewedFlag], wave: str | None) -> Flags:
    """Mark the flags that a review covers; an interviewer with no other flag is not worth a call any more.

    A review covers an interviewer's flags of its kind, in waves up to `until`: waves are compared as people order them
    ("Round 9" before "Round 10"). Without a wave in the configuration every review holds.
    """
    covering = [entry for entry in reviewed if wave is None or natural_key(wave) <= natural_key(entry.until)]
    by_flag = {(entry.interviewer, entry.kind): entry for entry in covering}
    marked = tuple(
        flag if review is None else replace(flag, review=review, sentence=f"{flag.sentence} {_words(review)}")
        for flag in flags.flags
        for review in [by_flag.get((flag.interviewer, flag.kind)) or by_flag.get((flag.interviewer, "any"))]
    )
    if not any(flag.review for flag in marked):
        return flags
    return replace(
        flags, flags=marked, interviewers=tuple(_without_reviewed(one, marked) for one in flags.interviewers)
    )


def _words(review: ReviewedFlag) -> str:
    return f"Reviewed by {review.by}, until {review.until}: {review.note}"


def _without_reviewed(verdict: InterviewerVerdict, flags: Sequence[Flag]) -> InterviewerVerdict:
    own = [flag for flag in flags if flag.interviewer == verdict.interviewer]
    if not any(flag.review for flag in own):
        return verdict
    left = {flag.severity for flag in own if flag.review is None}
    if "critical" in left:
        return replace(verdict, severity="critical")
    if "warning" in left:
        return replace(verdict, severity="warning")
    return replace(verdict, severity="none", reviewed=verdict.severity != "none")


def unknown_interviewers(reviewed: Sequence[ReviewedFlag], interviewers: Sequence[str]) -> tuple[str, ...]:
    """A sentence for every reviewed interviewer who has no interview in this wave."""
    known = frozenset(interviewers)
    unknown = dict.fromkeys(entry.interviewer for entry in reviewed if entry.interviewer not in known)
    return tuple(f"reviewed.yaml: interviewer {name} has no interview in this wave" for name in unknown)
