"""Whether one interviewer's answers lie apart with a second grouping, such as the area, in the model: mean shifts.

The first grouping is the interviewer, the second the area or the team. Sizes: F fits, p fixed effects.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.effects.crossed import CrossedProblem, crossed_problem, crossed_profile, fits_at_once
from qa_reports.effects.crossed_model import NOT_TOLD_APART, inside_columns
from qa_reports.effects.crossed_search import CrossedOptimum, minimise_crossed, told_apart
from qa_reports.effects.influence import two_sided
from qa_reports.effects.information import degrees_of_freedom
from qa_reports.effects.mixed_model import fit_mixed_models
from qa_reports.effects.moments import Columns, Moments, compute_moments

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_START = 0.02
"""Relative variance of the second grouping that the search begins with."""


class ShiftTest(Struct, frozen=True):
    """One level of the first grouping against the fit without it, user's units; NaN where `reason` says why not."""

    shift: float
    """Generalised least squares estimate of how far the level's answers lie from everybody else's."""
    se: float
    """For an ordinary level: its random effect, the levels of the second grouping, residual and fixed effects."""
    df: float
    """Satterthwaite degrees of freedom of the square of `se`."""
    z: float
    """Normal score of p with the sign of the shift."""
    p: float
    """Two-sided, t with `df` degrees of freedom."""
    reason: str | None = None
    """Why the level could not be judged."""


def unjudged(reason: str) -> ShiftTest:
    """A level that could not be judged."""
    nothing = float("nan")
    return ShiftTest(nothing, nothing, nothing, nothing, nothing, reason)


class ShiftQuestion(Struct, frozen=True, eq=False):
    """Whether a level of the first grouping lies apart."""

    columns: Columns
    """With the level's answers; `interviewer` is the first grouping."""
    second: IntArray
    """(m,) level of the second grouping."""
    level: int
    """Which level of the first grouping."""

    @property
    def own(self) -> BoolArray:
        """(m,) the answers of the level."""
        return np.asarray(self.columns.interviewer == self.level)

    @property
    def others(self) -> Columns:
        """Everybody else's answers."""
        columns, rest = self.columns, ~self.own
        return Columns(columns.fixed[rest], columns.response[rest], columns.interviewer[rest])


def judge_shifts(questions: Sequence[ShiftQuestion]) -> list[ShiftTest]:
    """Whether levels of the first grouping lie apart, each judged by the fit without it.

    The variances come from the fit without the level; with them, and a fixed effect for the level, everybody's answers
    give the shift by generalised least squares. Its variance is s2 [X'H^-1 X]^-1 of that effect, and the degrees of
    freedom Satterthwaite's from the expected information of the fit without the level. Without a second variance this
    is the deletion z of `influence`, exactly so where there are no covariates.
    """
    of_width: dict[int, list[int]] = {}
    for k, question in enumerate(questions):
        of_width.setdefault(question.columns.fixed.shape[1], []).append(k)
    found: dict[int, ShiftTest] = {}
    for alike in of_width.values():
        n_interviews = max(len(questions[k].second) for k in alike)
        n_levels = _n_levels([questions[k].columns.interviewer for k in alike])
        together = fits_at_once(n_interviews, (n_levels, _n_levels([questions[k].second for k in alike])))
        for start in range(0, len(alike), together):
            some = alike[start : start + together]
            found |= zip(some, _judge([questions[k] for k in some], n_levels), strict=True)
    return [found[k] for k in range(len(questions))]


def _n_levels(levels: Sequence[IntArray]) -> int:
    return 1 + max(int(own.max(initial=0)) for own in levels)


def _judge(questions: Sequence[ShiftQuestion], n_levels: int) -> list[ShiftTest]:
    """Questions of one number of fixed columns, together."""
    moments = compute_moments([question.columns for question in questions], n_levels)
    alone = fit_mixed_models(compute_moments([question.others for question in questions], n_levels), (0,), "REML")
    reasons = [_obstacle(*given) for given in zip(questions, alone.status, alone.reason, strict=True)]

    def without(some: list[int]) -> CrossedProblem:
        insides = [inside_columns(moments, k, questions[k].columns)[~questions[k].own] for k in some]
        seconds = [questions[k].second[~questions[k].own] for k in some]
        return crossed_problem(insides, [questions[k].others.interviewer for k in some], seconds)

    judged = [k for k, reason in enumerate(reasons) if reason is None]
    others = without(judged) if judged else None
    if others is not None and not (apart := told_apart(others)).all():
        for k in (k for k, known in zip(judged, apart, strict=True) if not known):
            reasons[k] = f"without this interviewer {NOT_TOLD_APART}"
        judged = [k for k in judged if reasons[k] is None]
        others = without(judged) if judged else None
    found: dict[int, ShiftTest] = {}
    if others is not None:
        starts = np.full((1, len(judged), 2), _START)
        starts[0, :, 0] = alone.relative[judged, 0, 0]
        optimum = minimise_crossed(others, starts)
        tests = _shifts([questions[k] for k in judged], moments.of(judged), optimum)
        lost = unjudged("without this interviewer the likelihood has no finite maximum that could be found")
        found = {k: test if ok else lost for k, test, ok in zip(judged, tests, optimum.converged, strict=True)}
    return [found[k] if reason is None else unjudged(reason) for k, reason in enumerate(reasons)]


def _obstacle(question: ShiftQuestion, status: str, reason: str | None) -> str | None:
    """What stands in the way before a second grouping is looked at."""
    if not question.own.any():
        return "this interviewer has no interviews in the model"
    if len(np.unique(question.others.interviewer)) < 2:
        return "without this interviewer only one interviewer is left"
    return f"without this interviewer {reason}" if status == "failed" else None


def _shifts(questions: Sequence[ShiftQuestion], moments: Moments, without: CrossedOptimum) -> list[ShiftTest]:
    insides = [
        np.insert(inside_columns(moments, k, question.columns), -1, question.own.astype(float), axis=1)
        for k, question in enumerate(questions)
    ]
    levels = [question.columns.interviewer for question in questions], [question.second for question in questions]
    here = crossed_profile(crossed_problem(insides, *levels), without.relative)
    inverse = here.s_inverse[:, 0, -1]
    change = -np.einsum("fp,fapq,fq->fa", inverse, here.s_gradient[:, 0], inverse)
    log_gradient = np.concatenate([change / inverse[:, -1:], np.ones((len(inverse), 1))], axis=1)
    df = degrees_of_freedom(without.profile.expected_information[:, 0], log_gradient[:, None])[:, 0]
    shift, se = here.b[:, 0, -1], np.sqrt(without.profile.s2[:, 0] * inverse[:, -1])
    p, z = two_sided(shift / se, df)
    sd = moments.scale[:, -1]
    numbers = np.stack([shift * sd, se * sd, df, z, p], axis=1).tolist()
    return [ShiftTest(*row) for row in numbers]
