"""Figure data of answers: one interviewer's raw answers beside everybody's."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from qa_reports.report.figures import AnswerScatter, Distribution, FloatArray, IntArray, Line
from qa_reports.report.formats import answer, estimate
from qa_reports.survey.clean import ItemResponses, Survey

MOST_BARS = 25
"""A distribution with more different answers than this is drawn in bins."""
BINS = 20
MOST_LABELS = 7
"""Of more labelled answers than this, only the first and the last are named."""


def distribution(item: ItemResponses, survey: Survey, interviewer: str | None = None) -> Distribution | None:
    """Answers to one item, everybody's or with one interviewer's beside them; None without a valid answer."""
    labels, counts = count_answers(item, survey)
    if not labels:
        return None
    whole = counts.sum(axis=0)
    own = counts[survey.interviewer_ids.index(interviewer)] if interviewer else np.zeros_like(whole)
    return Distribution(
        title=(
            f"Answers to {item.label}: interviewer {interviewer} and everybody"
            if interviewer
            else f"Answers of everybody: {item.label}"
        ),
        caption=(
            "Wide bars show everybody's answers, narrow bars this interviewer's. Ordinary interviewers' bars follow "
            "the wide ones, give or take chance: with few interviews the narrow bars jump."
            if interviewer
            else "How often each answer was given, after missing codes and values outside the scale were set aside."
        ),
        axis=item.label,
        labels=labels,
        everyone=whole / max(whole.sum(), 1),
        n_everyone=int(whole.sum()),
        interviewer=interviewer,
        theirs=own / max(own.sum(), 1) if interviewer else np.zeros(0),
        n_theirs=int(own.sum()),
        meaning=_meaning(item).strip(),
    )


def count_answers(item: ItemResponses, survey: Survey) -> tuple[tuple[str, ...], IntArray]:
    """The answers to an item, or bins of them, and how often each of J interviewers' respondents gave them: (J, b)."""
    given = survey.answer_counts(item.name)
    if not len(given.values):
        return (), np.zeros((len(survey.interviewer_ids), 0), dtype=np.int64)
    labels, place = _answer_bins(item, given.values)
    counts = np.zeros((len(labels), len(survey.interviewer_ids)), dtype=np.int64)
    np.add.at(counts, place, given.counts.T)
    return labels, np.ascontiguousarray(counts.T)


def answer_scatter(outcome: ItemResponses, predictor: ItemResponses, survey: Survey, interviewer: str) -> AnswerScatter:
    """One interviewer's answers to two items on top of everybody's, suspicious values as delivered marked."""
    x, y = predictor.answers, outcome.answers
    both = ~np.isnan(x) & ~np.isnan(y)
    own = both & (survey.interviewer == survey.interviewer_ids.index(interviewer))
    delivered_x = np.where(np.isnan(predictor.suspects), x, predictor.suspects)
    delivered_y = np.where(np.isnan(outcome.suspects), y, outcome.suspects)
    theirs = survey.interviewer == survey.interviewer_ids.index(interviewer)
    marked = theirs & ~both & ~np.isnan(delivered_x) & ~np.isnan(delivered_y)
    everyone = survey.pair_counts(predictor.name, outcome.name)
    with_marked = own | marked
    return AnswerScatter(
        title=f"{outcome.label} by {predictor.label}: interviewer {interviewer} and everybody",
        caption=(
            "Round dots are everybody's answers (larger where there are more), diamonds this interviewer's. "
            "The dashed line runs through everybody's answers, the solid one through this interviewer's."
            + (
                " The circled point is as it stands in the file, and the dotted line is what it would make of this "
                "interviewer."
                if marked.any()
                else ""
            )
            + _meaning(predictor, outcome)
        ),
        x_axis=predictor.label,
        y_axis=outcome.label,
        interviewer=interviewer,
        x=everyone.first,
        y=everyone.second,
        count=everyone.count,
        own_x=x[own],
        own_y=y[own],
        marked_x=delivered_x[marked],
        marked_y=delivered_y[marked],
        everyone_line=_least_squares(everyone.first, everyone.second, everyone.count),
        own_line=_least_squares(x[own], y[own]),
        marked_line=_least_squares(delivered_x[with_marked], delivered_y[with_marked]) if marked.any() else None,
    )


def _meaning(*items: ItemResponses) -> str:
    """What the numbers on the axis stand for, as far as they are labelled, and whether they were turned round."""
    sentences = []
    for item in items:
        said = [f"{answer(value)} is \u201c{label}\u201d" for value, label in item.categories if label != answer(value)]
        of_item = f"{item.label}: " if len(items) > 1 else ""
        if said:
            shown = said if len(said) <= MOST_LABELS else [said[0], said[-1]]
            sentences.append(f" {of_item}{', '.join(shown)}.")
        if item.reversed:
            sentences.append(f" {of_item or 'The '}scale is turned round (lowest + highest \u2212 answer).")
    return "".join(sentences)


def _least_squares(x: FloatArray, y: FloatArray, count: FloatArray | None = None) -> Line | None:
    """The least-squares line over the range of x, each point counting `count` times; None without variation in x."""
    if x.size < 2 or x.min() == x.max():
        return None
    times = np.ones(x.size) if count is None else count
    centre, level = float(times @ x / times.sum()), float(times @ y / times.sum())
    slope = float((times * (x - centre)) @ y / (times @ (x - centre) ** 2))
    low, high = float(x.min()), float(x.max())
    return low, level + slope * (low - centre), high, level + slope * (high - centre)


def _answer_bins(item: ItemResponses, given: FloatArray) -> tuple[tuple[str, ...], IntArray]:
    """Labels of the bars, and in which each of the answers falls (v,): one bar per answer, or equal bins."""
    values = given
    if item.scale is not None and np.all(values == np.round(values)) and item.scale[1] - item.scale[0] < MOST_BARS:
        values = np.arange(np.ceil(item.scale[0]), np.floor(item.scale[1]) + 1)
        values = np.union1d(values, given)
    if values.size <= MOST_BARS:
        return tuple(answer(value) for value in values), np.searchsorted(values, given)
    edges = np.linspace(given.min(), given.max(), BINS + 1)
    return (
        tuple(f"{estimate(low)} to {estimate(high)}" for low, high in pairwise(edges)),
        np.clip(np.searchsorted(edges, given, side="right") - 1, 0, BINS - 1),
    )
