"""Where a level deviates because of one answer: "18 of 21 said 4", which says more than "0.9 points above"."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from qa_reports.survey.clean import ItemResponses, Survey

_LEAST_SHARE = 1 / 3
"""Share of an interviewer's own answers that the one answer has."""
_LEAST_TIMES = 2
"""Times as often as elsewhere."""
_CARRIED = (0.75, 1.25)
"""Share of the difference between the two means that the one answer makes, where it is all that differs."""


class OneAnswer(Struct, frozen=True):
    """The answer that an interviewer's level on an item comes from."""

    value: float
    """As it stands in the file."""
    label: str | None
    n: int
    n_answers: int
    share_elsewhere: float


def one_answer(survey: Survey, item: str, interviewer: int) -> OneAnswer | None:
    """The answer that carries the difference to the others, None where it is spread over several.

    Args:
        survey: the survey.
        item: name of the item.
        interviewer: position of the interviewer.
    """
    given = survey.answer_counts(item)
    if len(given.values) < 2:
        return None
    own = given.counts[interviewer].astype(np.float64)
    others = given.counts.sum(axis=0) - own
    if not own.sum() or not others.sum():
        return None
    p, q, values = own / own.sum(), others / others.sum(), given.values
    at = int(np.argmax(p - q))
    rest = np.delete(q, at)
    if p[at] < _LEAST_SHARE or p[at] < _LEAST_TIMES * q[at] or not rest.sum():
        return None
    among_the_rest = float(np.delete(values, at) @ rest / rest.sum())
    difference = float(values @ (p - q))
    carried = float((p[at] - q[at]) * (values[at] - among_the_rest))
    low, high = _CARRIED
    if difference == 0 or not low <= carried / difference <= high:
        return None
    responses = next(one for one in survey.items if one.name == item)
    value = float(values[at])
    return OneAnswer(responses.scored(value), _label(responses, value), int(own[at]), int(own.sum()), float(q[at]))


def _label(responses: ItemResponses, value: float) -> str | None:
    label = dict(responses.categories).get(value)
    return None if label is None or label == f"{value:g}" else label
