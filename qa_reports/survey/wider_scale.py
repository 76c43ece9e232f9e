"""Step 2, clean: whether the values outside a declared scale say that the scale is mistyped.

Somebody who reads "missing code" pastes it, and real answers become refusals. So what stands next to the scale, or is
too often outside it, asks for the scale first.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from msgspec import Struct

from qa_reports.survey.codes import as_code, looks_like_code
from qa_reports.survey.columns import FloatArray, IntArray, number_text
from qa_reports.survey.interviewers import Interviewers
from qa_reports.survey.items import CleanItem
from qa_reports.survey.label_words import reasons_of_labels

_NEXT = 1.0
"""How far an answer is from the next one of a scale."""
_MANY = 0.05
"""Values that are not written as codes are and that are so many of the answers are no slips of the keyboard."""
_MOST, _MOST_CODES = 0.5, 2
"""Values written as codes are say that the scale is wrong where they are more than half of the answers and more than
two different ones: one or two may be what is written where the question was not put."""
_SET_OF_CODES, _FEW = 2, 0.1
"""At least so many values next to the scale that are all written as codes are, such as 7, 8 and 9 next to 1 to 6, and
that are less than this share of the answers together, are codes."""
_LEAST_BELOW = 0.05
"""Answers below 0 on a scale from -1 to 1; a scale from -k to k may have this over k squared."""
_MOST_NAMED = 5


class WiderScale(Struct, frozen=True):
    """The scale that an item may have in place of the declared one."""

    declared: tuple[float, float]
    perhaps: tuple[float, float]
    share: float
    """Of the item's answers, those outside the one and inside the other."""
    adjoins: bool
    """Whether the values begin next to the declared scale."""
    values: tuple[float, ...]
    """Those outside the one and inside the other, in ascending order; none that is labelled as no answer."""

    @property
    def yaml(self) -> str:
        """The line to paste under the item."""
        return f"scale: [{number_text(self.perhaps[0])}, {number_text(self.perhaps[1])}]"

    @property
    def words(self) -> str:
        """ "0 to 10": what the scale may be."""
        return scale_words(self.perhaps)

    @property
    def where(self) -> str:
        """ "just outside the declared scale 1 to 10": where the values stand."""
        return f"{'just ' if self.adjoins else ''}outside the declared scale {scale_words(self.declared)}"


def scale_words(scale: tuple[float, float]) -> str:
    """ "0 to 10"."""
    return f"{number_text(scale[0])} to {number_text(scale[1])}"


def values_words(values: Sequence[float]) -> str:
    """Values of a scale, in ascending order: "0", "0 and 11", "2 to 10", "11, 15, 20, 25, 30 and 14 more"."""
    texts = [number_text(value) for value in values]
    if len(values) > 2 and np.ptp(np.diff(values)) == 0 and values[1] - values[0] == _NEXT:
        return f"{texts[0]} to {texts[-1]}"
    shown = texts[:_MOST_NAMED] if len(texts) > _MOST_NAMED + 1 else texts
    last = f"{len(texts) - len(shown)} more" if len(shown) < len(texts) else shown.pop()
    return f"{', '.join(shown)} and {last}" if shown else last


def wider_scale(item: CleanItem, known: Collection[float], interviewers: Interviewers) -> WiderScale | None:
    """The scale that the values set aside speak for; None where they do not speak for another one.

    Args:
        known: missing codes of other items: written as codes are, however they look, but not next to the scale.
    """
    responses = item.responses
    if responses.scale is None or np.isnan(responses.suspects).all():
        return None
    low, high = responses.scale
    non_answers = reasons_of_labels((as_code(raw), label) for raw, label in item.labels.values)
    delivered = np.where(np.isnan(responses.suspects), responses.answers, responses.suspects)
    values, counts = _counted(delivered, interviewers)
    answers = np.array([float(value) not in non_answers for value in values], dtype=bool)
    values, counts = values[answers], counts[answers]
    adjoining = _adjoining(values, counts, low, high)
    perhaps = _with_many(values, counts, adjoining, known)
    if perhaps == (low, high):
        return None
    inside = (values >= perhaps[0]) & (values <= perhaps[1]) & ((values < low) | (values > high))
    share = float(counts[inside].sum() / counts.sum())
    return WiderScale((low, high), perhaps, share, adjoining != (low, high), tuple(values[inside].tolist()))


def _counted(delivered: FloatArray, interviewers: Interviewers) -> tuple[FloatArray, IntArray]:
    """The numbers of a column in ascending order, and how often each stands there."""
    there = ~np.isnan(delivered)
    values, place = np.unique(delivered[there], return_inverse=True)
    times = None if interviewers.times is None else interviewers.times[there]
    return values, np.bincount(place, times, len(values)).astype(np.int64)


def _adjoining(values: FloatArray, counts: IntArray, low: float, high: float) -> tuple[float, float]:
    """The scale with the values next to it, and those next to them.

    A few answers 7, 8 and 9 beside 1 to 6 are codes, and -1 beside 0 is one unless 0 is the middle.
    """
    above: list[float] = []
    for value in values[values > high]:
        if value - (above[-1] if above else high) > _NEXT:
            break
        above.append(float(value))
    if above and not _are_codes(above, values, counts):
        high = above[-1]
    least = -negative_end(values, counts, high) if low >= 0 else -np.inf
    for value in values[values < low][::-1]:
        if low - value > _NEXT or (value < 0 and value < least):
            break
        low = float(value)
    return low, high


def _are_codes(adjoining: Sequence[float], values: FloatArray, counts: IntArray) -> bool:
    """Whether the values next to a scale are a set of missing codes, as 7, 8 and 9 are next to 1 to 6."""
    share = counts[np.isin(values, adjoining)].sum() / counts.sum()
    return len(adjoining) >= _SET_OF_CODES and all(map(looks_like_code, adjoining)) and bool(share < _FEW)


def _with_many(
    values: FloatArray, counts: IntArray, scale: tuple[float, float], known: Collection[float]
) -> tuple[float, float]:
    """The scale with the values beyond a gap too, where they are too many to be slips or codes."""
    beyond = (values < scale[0]) | (values > scale[1])
    ordinary = beyond & ~np.array([looks_like_code(value) or float(value) in known for value in values], dtype=bool)
    if counts[ordinary].sum() >= _MANY * counts.sum():
        there = values[ordinary]
    elif beyond.sum() > _MOST_CODES and counts[beyond].sum() > _MOST * counts.sum():
        there = values[beyond]
    else:
        return scale
    return min(scale[0], float(there.min())), max(scale[1], float(there.max()))


def negative_end(values: FloatArray, counts: IntArray, highest: float) -> float:
    """How far a scale with its middle at 0 goes down; 0 where the negative values are no part of a scale.

    A scale runs -k, ..., -1, 0, ..., k, and answers below 0 are not rare on it: the shorter it is, the more it looks
    like -1 and -2 beside other answers.
    """
    end = 0.0
    while -end - 1 in values:
        end += 1
    balanced = 0 in values and (end == highest or (end > 2 and abs(end - highest) <= 2))
    share = counts[(values < 0) & (values >= -end)].sum() / max(int(counts.sum()), 1)
    return end if balanced and share >= _LEAST_BELOW / max(end, 1.0) ** 2 else 0.0
