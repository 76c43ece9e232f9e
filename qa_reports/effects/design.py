"""From a survey to model plans: which interviews, which columns, which terms vary between interviewers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa_reports.effects.linear import FailedModel, ModelName, ModelPlan
from qa_reports.effects.moments import Columns
from qa_reports.survey.clean import Covariate, Survey

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """One fixed-effect column over all interviews of the survey, NaN where missing."""

    name: str
    values: FloatArray
    """(n,)."""


def covariate_terms(covariate: Covariate, survey: Survey) -> list[Term]:
    """A numeric covariate as it is, a categorical one as one 0/1 term per category but the first (the reference)."""
    values = covariate.values
    if len(values) != survey.n_interviews or covariate in survey.interviewer_covariates:
        values = values[survey.interviewer]
    if covariate.kind == "numeric":
        return [Term(covariate.name, values)]
    missing = np.isnan(values)
    return [
        Term(f"{covariate.name}: {level}", np.where(missing, np.nan, (values == code).astype(float)))
        for code, level in enumerate(covariate.levels)
        if code > 0
    ]


def interaction(first: Term, second: Term) -> Term:
    """The product of two terms, for cross-level effects."""
    return Term(f"{first.name}:{second.name}", first.values * second.values)


def plan_model(
    name: ModelName,
    item: str,
    survey: Survey,
    answers: FloatArray,
    terms: Sequence[Term] = (),
    *,
    slopes: Sequence[str] = (),
    random_intercept: bool = True,
    rows: NDArray[np.int64] | None = None,
    groups: Sequence[tuple[str, tuple[str, ...]]] = (),
    judge: bool = False,
    precise: bool = True,
) -> ModelPlan | FailedModel:
    """Plan a model of `answers` (n,) on the interviews complete for all terms (or on `rows`, for a comparison).

    `groups` names terms that are tested together. Terms that those before them determine on these interviews are left
    out and named, as lme4 does.
    """
    table = np.column_stack([np.ones(survey.n_interviews), *(term.values for term in terms)])
    if rows is None:
        rows = np.flatnonzero(np.isfinite(answers) & np.isfinite(table).all(axis=1))
    names = ("(Intercept)", *(term.name for term in terms))
    kept = _independent_columns(table[rows])
    lost = [slope for slope in slopes if names.index(slope) not in kept]
    if len(rows) and lost:
        return FailedModel(name, f"{lost[0]} does not vary on the interviews of this model")
    used = tuple(names[k] for k in kept)
    random = ((0,) if random_intercept else ()) + tuple(used.index(slope) for slope in slopes)
    return ModelPlan(
        name=name,
        formula=_formula(item, used, slopes, random_intercept),
        terms=used,
        columns=Columns(table[rows][:, kept], answers[rows], survey.interviewer[rows]),
        rows=rows,
        random=random,
        dropped_terms=tuple(names[k] for k in range(len(names)) if k not in kept),
        groups=tuple(groups),
        judge=judge,
        precise=precise,
    )


def _independent_columns(table: FloatArray) -> list[int]:
    """Columns that those before them do not determine; the tolerance is relative to each column's own size.

    Columns after the constant are centred first, so that a large mean does not hide their variation.
    """
    if not len(table):
        return list(range(table.shape[1]))
    size = np.maximum(np.abs(table).max(axis=0), 1e-300)
    inside = table / size
    inside[:, 1:] -= inside[:, 1:].mean(axis=0)
    kept, basis = [0], np.empty((len(table), 0))
    for k in range(1, table.shape[1]):
        left = inside[:, k]
        norm = np.linalg.norm(left)
        # Twice is enough: the second projection removes what rounding left of the first.
        for _ in range(2):
            left = left - basis @ (basis.T @ left)
        remaining = np.linalg.norm(left)
        if norm > 1e-10 * np.sqrt(len(table)) and remaining > 1e-7 * norm:
            kept.append(k)
            basis = np.column_stack([basis, left / remaining])
    return kept


def _formula(item: str, terms: Sequence[str], slopes: Sequence[str], random_intercept: bool) -> str:
    fixed = ["1", *(term for term in terms if term != "(Intercept)")]
    inner = " + ".join(["1" if random_intercept else "0", *slopes])
    return f"{item} ~ {' + '.join(fixed)} + ({inner} | interviewer)"
