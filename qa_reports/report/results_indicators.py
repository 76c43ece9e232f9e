"""The part of `results.json` about indicators: every measure with its model, and what it says of each interviewer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qa_reports.effects.indicator_effects import IndicatorEffects, IndicatorModel, JudgedIndicators
from qa_reports.effects.linear import FailedModel
from qa_reports.indicators.measure import IndicatorMeasure
from qa_reports.report.results_items import Document, number, plain
from qa_reports.survey.clean import Survey


def indicator_records(indicators: JudgedIndicators, survey: Survey) -> list[Document]:
    """One record per measure; those that are not applicable have their reason and nothing else."""
    effects = {one.measure.name: one for one in indicators.effects}
    return [_record(measure, effects.get(measure.name), survey) for measure in indicators.measured.measures]


def similar_pairs(indicators: JudgedIndicators, survey: Survey) -> Document:
    """Improbably similar interviews by their respondents' ids, most alike first."""
    found = indicators.measured.duplicates
    pairs = () if found is None else found.pairs

    def interviewer(row: int) -> str:
        return survey.interviewer_ids[int(survey.interviewer[row])]

    return {
        "limit": None if found is None else number(found.limit),
        "n_pairs": 0 if found is None else found.n_pairs,
        "pairs": [
            {
                "respondents": [survey.respondents[pair.first], survey.respondents[pair.second]],
                "interviewers": [interviewer(pair.first), interviewer(pair.second)],
                "share": number(pair.share),
                "shared": pair.shared,
                "expected": number(pair.expected),
            }
            for pair in pairs
        ],
    }


def _record(measure: IndicatorMeasure, effects: IndicatorEffects | None, survey: Survey) -> Document:
    model = effects.model if effects is not None and isinstance(effects.model, IndicatorModel) else None
    return {
        "indicator": measure.name,
        "kind": measure.kind,
        "label": measure.label,
        "reason": measure.reason,
        "unit": measure.unit or None,
        "worrying": measure.worrying,
        "threshold": measure.threshold or None,
        "n_interviews": 0 if effects is None else int(effects.n.sum()),
        "mean": None if effects is None else number(effects.mean),
        "judged_by": None if effects is None else effects.judged_by,
        "not_modelled": effects.model.reason
        if effects is not None and isinstance(effects.model, FailedModel)
        else None,
        "model": None if model is None else _model(model),
        "interviewers": [] if effects is None else _interviewers(effects, model, survey),
    }


def _model(model: IndicatorModel) -> Document:
    return {
        "kind": model.kind,
        "variance": number(model.variance),
        "icc": number(model.icc),
        "p": number(model.p),
        "adjusted_for": list(model.adjusted_for),
    }


def _interviewers(effects: IndicatorEffects, model: IndicatorModel | None, survey: Survey) -> list[Document]:
    who = np.flatnonzero(effects.n)
    counted = effects.measure.scale == "count" or effects.judged_by == "pairs"
    columns: dict[str, Sequence[object]] = {
        "interviewer": [survey.interviewer_ids[j] for j in who],
        "n_interviews": effects.n[who].tolist(),
        "mean": plain(effects.own[who]),
        "mean_elsewhere": plain(effects.others[who]),
        "affected": effects.affected[who].astype(np.int64).tolist() if counted else [None] * len(who),
        "share_elsewhere": plain(effects.affected_elsewhere[who]) if counted else [None] * len(who),
        "size": plain(effects.size[who]),
        **{
            name: [None] * len(who) if model is None else plain(getattr(model, name)[who])
            for name in ("eblup", "conditional_sd", "diagnostic_se", "reliability")
        },
        "z": plain(effects.z[who]),
        "p": plain(effects.p[who]),
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
