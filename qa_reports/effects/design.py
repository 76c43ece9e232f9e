"""From a survey to model plans: which interviews, which columns, which terms vary between interviewers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from qa_reports.effects.linear import FailedModel, ModelName, ModelPlan, WholeModel
from qa_reports.effects.moments import Columns, CrossProducts
from qa_reports.survey.clean import Covariate, Survey
from qa_reports.survey.whole import Factor, ModelColumn, Rows

FloatArray = NDArray[np.float64]

_DOUBTFUL = 1e-3
"""Share of a column's length, and of its largest value, above which products of columns leave no doubt that it varies,
and that those before it do not determine it: these products are known to some 1e-14."""


class Term(Struct, frozen=True, eq=False):
    """One fixed-effect column over all interviews of the survey, NaN where missing."""

    name: str
    values: FloatArray
    """(n,)."""
    factors: ModelColumn
    """What it is made of."""


def covariate_terms(covariate: Covariate, survey: Survey) -> list[Term]:
    """A numeric covariate as it is, a categorical one as one 0/1 term per category but the first (the reference)."""
    values = covariate.values
    kind: Literal["respondent", "interviewer"] = "respondent"
    if len(values) != survey.n_rows or covariate in survey.interviewer_covariates:
        values, kind = values[survey.interviewer], "interviewer"
    if covariate.kind == "numeric":
        return [Term(covariate.name, values, (Factor(kind, covariate.name),))]
    missing = np.isnan(values)
    return [
        Term(
            f"{covariate.name}: {level}",
            np.where(missing, np.nan, (values == code).astype(float)),
            (Factor(kind, covariate.name, code),),
        )
        for code, level in enumerate(covariate.levels)
        if code > 0
    ]


def interaction(first: Term, second: Term) -> Term:
    """The product of two terms, for cross-level effects."""
    return Term(f"{first.name}:{second.name}", first.values * second.values, (*first.factors, *second.factors))


def item_term(name: str, answers: FloatArray) -> Term:
    """The answers (n,) to an item as a column."""
    return Term(name, answers, (Factor("item", name),))


def plan_model(
    name: ModelName,
    item: str,
    survey: Survey,
    answers: FloatArray,
    terms: Sequence[Term] = (),
    *,
    slopes: Sequence[str] = (),
    random_intercept: bool = True,
    like: ModelPlan | None = None,
    left_out: Sequence[int] = (),
    groups: Sequence[tuple[str, tuple[str, ...]]] = (),
    judge: bool = False,
    precise: bool = True,
    checked: bool = True,
) -> ModelPlan | FailedModel:
    """Plan a model of `answers` (n,) on the interviews complete for all terms (or on those of `like`, to compare).

    `left_out` are interviewers whose answers are missing here; `groups` names terms that are tested together. Terms
    that those before them determine on these interviews are left out and named, as lme4 does.
    """
    table = np.column_stack([np.ones(survey.n_rows), *(term.values for term in terms)])
    rows = like.rows if like else np.flatnonzero(np.isfinite(answers) & np.isfinite(table).all(axis=1))
    names = ("(Intercept)", *(term.name for term in terms))
    whole = _whole_model(survey, item, terms, like, left_out)
    kept = _independent_columns(table[rows]) if whole is None else _independent_products(whole.products)
    lost = [slope for slope in slopes if names.index(slope) not in kept]
    if (len(rows) if whole is None else whole.products.n.any()) and lost:
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
        checked=checked,
        whole=None if whole is None else _with_columns(whole, kept),
    )


def _whole_model(
    survey: Survey, item: str, terms: Sequence[Term], like: ModelPlan | None, left_out: Sequence[int]
) -> WholeModel | None:
    """The model over all interviews, where those at hand are a sample; None where they are all."""
    if survey.whole is None:
        return None
    columns: tuple[ModelColumn, ...] = ((), *(term.factors for term in terms))
    complete = frozenset(replace(factor, level=None) for column in columns for factor in column)
    rows = like.whole.rows if like and like.whole else Rows(item, complete, tuple(left_out))
    sums = survey.whole.cross_sums(rows, columns)
    return WholeModel(rows, columns, CrossProducts(sums.cross, sums.n, sums.origin))


def _with_columns(whole: WholeModel, kept: Sequence[int]) -> WholeModel:
    """With some of the fixed columns."""
    products = whole.products.of([*kept, len(whole.columns)])
    return WholeModel(whole.rows, tuple(whole.columns[k] for k in kept), products)


def _independent_products(products: CrossProducts) -> list[int]:
    """As `_independent_columns`, from cross products, which are exact to the square of its tolerance only."""
    total = products.cross.sum(axis=0)[:-1, :-1]
    m = max(total[0, 0], 1.0)
    centred = total / m - np.outer(total[0], total[0]) / m**2
    sd = np.sqrt(np.maximum(np.diagonal(centred), 0.0))
    size = np.maximum(np.abs(products.origin[:-1]), np.sqrt(np.diagonal(total) / m))
    kept = [0]
    for k in range(1, len(total)):
        if not sd[k] > 1e-7 * size[k]:
            continue
        others = kept[1:]
        correlation = centred[np.ix_([*others, k], [*others, k])] / np.outer(sd[[*others, k]], sd[[*others, k]])
        own = correlation[:-1, -1]
        if 1 - own @ np.linalg.solve(correlation[:-1, :-1], own) > 1e-10:
            kept.append(k)
    return kept


def _independent_columns(table: FloatArray) -> list[int]:
    """Columns that those before them do not determine; the tolerance is relative to each column's own size.

    Columns after the constant are centred first, so that a large mean does not hide their variation.
    """
    if not len(table):
        return list(range(table.shape[1]))
    size = np.maximum(np.abs(table).max(axis=0), 1e-300)
    inside = table / size
    inside[:, 1:] -= inside[:, 1:].mean(axis=0)
    if _clearly_independent(inside[:, 1:]):
        return list(range(table.shape[1]))
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


def _clearly_independent(centred: FloatArray) -> bool:
    """Whether products of the columns, which are had at once, leave no doubt."""
    products = centred.T @ centred
    norm = np.sqrt(np.diagonal(products))
    if not (norm > _DOUBTFUL * np.sqrt(len(centred))).all():
        return False
    try:
        left = np.linalg.cholesky(products / np.outer(norm, norm))
    except np.linalg.LinAlgError:
        return False
    return bool((np.diagonal(left) > _DOUBTFUL).all())


def _formula(item: str, terms: Sequence[str], slopes: Sequence[str], random_intercept: bool) -> str:
    fixed = ["1", *(term for term in terms if term != "(Intercept)")]
    inner = " + ".join(["1" if random_intercept else "0", *slopes])
    return f"{item} ~ {' + '.join(fixed)} + ({inner} | interviewer)"
