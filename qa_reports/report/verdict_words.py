"""The verdict in words: its sentence, and the notes below it in their order."""

from __future__ import annotations

from collections.abc import Sequence

from qa_reports.effects.doubts import FEW_INTERVIEWERS, Doubt
from qa_reports.effects.estimate import ItemNotModelled
from qa_reports.effects.flag import ExpectedByChance
from qa_reports.report.formats import count_of, expected, integer, listing, percent
from qa_reports.report.interviewers import Call
from qa_reports.report.items import ItemSummary

_NAMED = 5
"""Interviewers named in a note."""


def verdict_sentence(
    calls: tuple[Call, ...],
    n_interviewers: int,
    chance: ExpectedByChance,
    any_item: bool,
    any_reviewed: bool,
    unjudged: str | None,
) -> str:
    """The first thing read.

    Args:
        unjudged: why nobody's answers could be compared; None where somebody's could.
    """
    if not any_item:
        return "No item could be modelled, so no interviewer was judged."
    if not calls and unjudged is not None:
        return f"Nobody can be judged: {unjudged}"
    if not calls and any_reviewed:
        return "No interviewer needs a call: everybody who stands out has been looked into."
    if not calls:
        return "No interviewer needs a call: nobody stands out from the other interviewers."
    by_chance = f"by chance alone {expected(chance.interviewers)} would be flagged"
    if unjudged is not None:
        by_chance = "for how the interviews were done; answers could not be compared"
    if len(calls) == 1:
        return f"One of {integer(n_interviewers)} interviewers is worth a call: {calls[0].interviewer} ({by_chance})."
    return (
        f"{integer(len(calls))} of {integer(n_interviewers)} interviewers are worth a call, "
        f"{calls[0].interviewer} first ({by_chance})."
    )


def column_notes(unjudged: str | None, wrong: str | None, any_call: bool) -> tuple[str, ...]:
    """Whether data.interviewer is right, where the number of interviewers raises the question.

    Args:
        unjudged: why nobody's answers could be compared: the verdict's sentence says so where nobody is worth a call.
        wrong: why it may be another column.
        any_call: whether anybody is worth a call.
    """
    if unjudged is not None:
        return (f"No answers can be compared: {unjudged}",) if any_call else ()
    return () if wrong is None else (f"{wrong[:1].upper()}{wrong[1:]}",)


def effect_notes(worst: ItemSummary | None) -> tuple[str, ...]:
    """What interviewers do to the item with the largest ICC."""
    if worst is None:
        return ()
    if worst.icc == 0:
        return ("Interviewers make no difference to any item beyond chance.",)
    return (
        f"Interviewers matter most for “{worst.label}”: {percent(worst.icc)} of its variation is between interviewers, "
        "so its "
        f"{count_of(worst.n_interviews, 'interview')} are worth about {integer(worst.effective_n)}.",
    )


def reviewed_notes(interviewers: Sequence[str]) -> tuple[str, ...]:
    """Who stands out and needs no call, because it was looked into."""
    if not interviewers:
        return ()
    more = "" if len(interviewers) <= _NAMED else f" and {integer(len(interviewers) - _NAMED)} more"
    verb = "stands" if len(interviewers) == 1 else "stand"
    has = "has" if len(interviewers) == 1 else "have"
    return (
        f"{count_of(len(interviewers), 'interviewer')} {verb} out and {has} been looked into already "
        f"({listing(list(interviewers[:_NAMED]))}{more}).",
    )


def gap_notes(not_modelled: tuple[ItemNotModelled, ...], n_too_few: int, min_interviews: int) -> tuple[str, ...]:
    """What the report is silent about."""
    notes = []
    if not_modelled:
        notes.append(f"{count_of(len(not_modelled), 'item')} could not be modelled (the items table says why).")
    if n_too_few:
        has = "has" if n_too_few == 1 else "have"
        notes.append(
            f"{count_of(n_too_few, 'interviewer')} {has} fewer than {count_of(min_interviews, 'interview')}: too few "
            "to judge, "
            "which does not mean fine."
        )
    return tuple(notes)


def referee_notes(pages: tuple[ItemSummary, ...]) -> tuple[str, ...]:
    """The items on which the check of the estimates failed."""
    disagreeing = [page.label for page in pages if not page.referee_agrees]
    if not disagreeing:
        return ()
    return (
        f"The check against statsmodels failed for {listing(disagreeing)}: do not use these numbers before it is "
        "cleared.",
    )


_DOUBTS_IN_WORDS = {
    "failed": "model that could not be estimated",
    "singular": "model at a bound",
    "few_interviewers": f"item with fewer than {FEW_INTERVIEWERS} interviewers",
}
"""Kinds of doubts that no other note speaks of."""


def doubt_notes(doubts: tuple[Doubt, ...]) -> tuple[str, ...]:
    """What is to be read with care."""
    counts = {words: sum(doubt.kind == kind for doubt in doubts) for kind, words in _DOUBTS_IN_WORDS.items()}
    found = [_counted(n, words) for words, n in counts.items() if n]
    if not found:
        return ()
    return (f"To be read with care: {listing(found)} (listed under Methods and model status).",)


def _counted(n: int, words: str) -> str:
    noun, _, rest = words.partition(" ")
    return f"{count_of(n, noun)} {rest}"
