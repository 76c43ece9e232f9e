"""Small clean surveys made in memory, with planted interviewers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from qa_reports.config import ReportConfig
from qa_reports.survey.answer_classes import classes_without_codes
from qa_reports.survey.clean import CleaningLog, Covariate, ItemResponses, Survey
from qa_reports.survey.suspects import CodeSuspect

EMPTY_LOG = CleaningLog(0, 0, (), (), (), (), (), (), ())


def make_survey(
    answers: Mapping[str, np.ndarray],
    interviewer: np.ndarray,
    *,
    respondent_covariates: Sequence[Covariate] = (),
    interviewer_covariates: Sequence[Covariate] = (),
    left_out: Mapping[str, np.ndarray] | None = None,
    suspects: Sequence[CodeSuspect] = (),
) -> Survey:
    n = len(interviewer)
    left_out = left_out or {}
    items = tuple(_item(name, values, left_out.get(name, np.full(n, np.nan))) for name, values in answers.items())
    return Survey(
        respondents=tuple(str(row + 1) for row in range(n)),
        interviewer=interviewer,
        interviewer_ids=tuple(str(100 + j) for j in range(int(interviewer.max()) + 1)),
        items=items,
        respondent_covariates=tuple(respondent_covariates),
        interviewer_covariates=tuple(interviewer_covariates),
        weight=None,
        area=None,
        teams=None,
        minutes=None,
        suspects=tuple(suspects),
        log=EMPTY_LOG,
        provenance=(),
    )


def _item(name: str, answers: np.ndarray, suspects: np.ndarray) -> ItemResponses:
    return ItemResponses(name, name.title(), (0, 10), (), answers, suspects, classes_without_codes(answers, suspects))


def make_config(names: Sequence[str], slopes: Mapping[str, Sequence[str]] | None = None, **flags: Any) -> ReportConfig:
    items = [{"name": name, "scale": [0, 10], "slopes": list((slopes or {}).get(name, []))} for name in names]
    return ReportConfig.model_validate(
        {
            "survey": {"name": "Made"},
            "data": {"file": "made.csv", "interviewer": "intnum"},
            "items": items,
            "flags": flags,
        }
    )


def wave(
    rng: np.random.Generator,
    *,
    interviewers: int = 60,
    items: int = 8,
    icc: float = 0.06,
    correlation: float = 0.4,
    workload: tuple[int, int] = (4, 25),
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Correlated 0-10 items with correlated interviewer effects: answers by name, and the interviewer of each row."""
    counts = rng.integers(*workload, interviewers, endpoint=True)
    interviewer = np.repeat(np.arange(interviewers), counts)
    target = np.full((items, items), correlation) + (1 - correlation) * np.eye(items)
    root = np.linalg.cholesky(target)
    u = rng.standard_normal((interviewers, items)) @ root.T * np.sqrt(icc)
    e = rng.standard_normal((len(interviewer), items)) @ root.T * np.sqrt(1 - icc)
    y = np.clip(np.rint(5 + 2 * (u[interviewer] + e)), 0, 10)
    return {f"item{k}": y[:, k].copy() for k in range(items)}, interviewer
