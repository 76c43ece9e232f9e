"""Step 5, report: what has changed since the last wave, in plain sentences."""

from __future__ import annotations

from qa_reports.report.formats import count_of, integer, listing, percent
from qa_reports.report.limits import MOST_NAMED
from qa_reports.report.wave_words import wave_in_words
from qa_reports.report.waves import NOT_EXAMINED, ItemOverWaves, WaveComparison

MOST_ITEMS = 3
"""Items named in a sentence; the table has them all."""


def since_sentence(comparison: WaveComparison) -> str:
    """What is new, for the verdict: "Since Round 6: 1 new, 1 repeated, 2 resolved." """
    return " ".join((_flags(comparison), *_items(comparison)))


def roster_sentence(comparison: WaveComparison) -> str | None:
    """Who joined and who left; None where ids are not the same people."""
    if not comparison.same_interviewers:
        return None
    others = {other.interviewer for other in comparison.perhaps_others}
    stayed = count_of(comparison.n_stayed - len(others), "interviewer")
    return (
        f"{stayed} worked in {wave_in_words(comparison.last)} too, {integer(len(comparison.joined))} joined, "
        f"{integer(len(comparison.left))} left."
    )


def not_compared_sentence(comparison: WaveComparison) -> str | None:
    """The items without an earlier wave, and why where there is more to say; None where all are compared."""
    fresh = [item.label for item in comparison.not_compared if item.note == NOT_EXAMINED]
    others = [f"{item.label} ({item.note})" for item in comparison.not_compared if item.note != NOT_EXAMINED]
    sentences = []
    if fresh:
        verb = "was" if len(fresh) == 1 else "were"
        sentences.append(f"{count_of(len(fresh), 'item')} {verb} {NOT_EXAMINED}: {_some(fresh)}.")
    if others:
        sentences.append(f"{count_of(len(others), 'item')} cannot be compared as things are: {_some(others)}.")
    return " ".join(sentences) or None


def _some(items: list[str]) -> str:
    more = len(items) - MOST_NAMED
    return "; ".join([*items[:MOST_NAMED], *([f"and {integer(more)} more, see results.json"] if more > 0 else [])])


def _flags(comparison: WaveComparison) -> str:
    last = wave_in_words(comparison.last)
    if not comparison.same_interviewers:
        return f"Compared with {last}; interviewers are not matched over waves."
    counts = {status: len(comparison.with_status(status)) for status in ("new", "repeated", "resolved")}
    seen = len(comparison.with_status("reviewed"))
    gone, unjudged = len(comparison.with_status("left")), len(comparison.with_status("not_judged"))
    others = comparison.with_status("perhaps_other")
    if not any((*counts.values(), seen, gone, unjudged, len(others))):
        return f"Since {last}: nobody was worth a call then, and nobody is now."
    words = [f"{integer(n)} {status}" for status, n in counts.items()]
    words += [f"{integer(seen)} looked into already"] if seen else []
    words += [f"{integer(gone)} no longer working"] if gone else []
    words += [f"{integer(unjudged)} with too few interviews now"] if unjudged else []
    return " ".join((f"Since {last}: {', '.join(words)}.", *_left_out(comparison)))


def _left_out(comparison: WaveComparison) -> list[str]:
    """Who is in none of the counts, because the id is perhaps somebody else's."""
    n = len({other.interviewer for other in comparison.perhaps_others})
    if n == 0:
        return []
    labels = [f"“{label}”" for label in dict.fromkeys(other.label for other in comparison.perhaps_others)]
    verb = "differs" if len(labels) == 1 else "differ"
    rest = "is left out of this" if n == 1 else "are left out of this"
    people = "it is perhaps another person" if n == 1 else "they are perhaps other people"
    return [f"{count_of(n, 'id')} {rest}: {listing(labels)} {verb}, so {people}."]


def _items(comparison: WaveComparison) -> list[str]:
    changed = [item for item in comparison.items if item.icc_change is not None and item.icc_change.changed]
    changed.sort(key=lambda item: -abs(item.icc_change.difference) if item.icc_change else 0.0)
    if not changed:
        return []
    more = "" if len(changed) <= MOST_ITEMS else f" and {count_of(len(changed) - MOST_ITEMS, 'more item')}"
    return [f"The interviewer ICC changed for {listing([_moved(item) for item in changed[:MOST_ITEMS]])}{more}."]


def _moved(item: ItemOverWaves) -> str:
    then = None if item.then is None else item.then.icc
    return f"{item.label} ({percent(then)} to {percent(item.now.icc)})"
