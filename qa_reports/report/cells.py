"""All interviewers on one item: what the profiles and the fingerprint show of each of them."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from qa_reports.effects.estimate import ItemEffects
from qa_reports.effects.judge import level_cells
from qa_reports.report.answers import count_answers
from qa_reports.report.figures import FloatArray, IntArray
from qa_reports.report.items import find_item
from qa_reports.survey.clean import Survey


class ItemCells(Struct, frozen=True, eq=False):
    """J interviewers of the survey on one item; NaN where there is nothing to say."""

    item: str
    label: str
    n: IntArray
    """(J,) valid answers."""
    mean: FloatArray
    """(J,) of their valid answers."""
    survey_mean: float
    deviation: FloatArray
    """(J,) deletion residual in scale points."""
    z: FloatArray
    """(J,) deletion z."""
    p: FloatArray
    """(J,)"""
    reliability: FloatArray
    """(J,) share of the estimate of their level that rests on their own answers."""
    expected_rank: FloatArray
    """(J,) among the `n_ranked` interviewers of the model, 1 the lowest."""
    n_ranked: int
    detectable: FloatArray
    """(J,) smallest true shift that this workload would show with 80 % power at p < .001, scale points."""
    answers: tuple[str, ...]
    """(b,) the answers, or bins of them."""
    counts: IntArray
    """(J, b) how often each interviewer's respondents gave them."""


def measure_cells(item: ItemEffects, survey: Survey) -> ItemCells:
    """Everybody on one modelled item."""
    size, effects, judged = len(survey.interviewer_ids), item.judging.effects, level_cells(item)
    responses, given = find_item(survey, item.item), survey.answer_counts(item.item)
    n, total = given.counts.sum(axis=1), given.counts @ given.values
    column = effects.terms.index("intercept") if "intercept" in effects.terms else None

    def spread_out(values: FloatArray, who: IntArray) -> FloatArray:
        everybody = np.full(size, np.nan)
        everybody[who] = values
        return everybody

    def of_effects(values: FloatArray) -> FloatArray:
        return np.full(size, np.nan) if column is None else spread_out(values[:, column], effects.interviewer)

    # A categorical model may rest on other interviews than the linear one.
    nobody = np.full(size, np.nan)
    none = np.zeros((size, 0), dtype=np.int64)
    labels, counts = ((), none) if responses is None else count_answers(responses, survey)
    return ItemCells(
        item=item.item,
        label=item.label,
        n=n,
        mean=np.divide(total, n, out=np.full(size, np.nan), where=n > 0),
        survey_mean=float(total.sum() / n.sum()) if n.any() else float("nan"),
        deviation=nobody if judged is None else spread_out(judged.deviation, judged.interviewer),
        z=nobody if judged is None else spread_out(judged.z, judged.interviewer),
        p=nobody if judged is None else spread_out(judged.p, judged.interviewer),
        reliability=of_effects(effects.reliability),
        expected_rank=of_effects(effects.expected_rank),
        n_ranked=effects.interviewer.size,
        detectable=of_effects(effects.detectable),
        answers=labels,
        counts=counts,
    )
