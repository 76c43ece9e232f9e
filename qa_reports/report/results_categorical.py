"""Step 5, report: the categorical models of `results.json`, unrounded, as plain JSON values."""

from __future__ import annotations

from collections.abc import Iterator

from qa_reports.effects.categorical_items import (
    Agreement,
    CategoricalFailed,
    CategoricalModel,
    CategoricalResult,
    LogitEffect,
)
from qa_reports.effects.estimate import ItemEffects, ItemNotModelled
from qa_reports.report.results_items import Document, interval_ends, number
from qa_reports.survey.clean import Survey


def categorical_record(item: ItemEffects | ItemNotModelled) -> Document | None:
    """The categorical models of an item; null where it has none, status and reason where they have no estimate."""
    found = item.categorical if isinstance(item, ItemEffects) else None
    if found is None:
        return None
    if isinstance(found, CategoricalFailed):
        return {"status": "failed", "reason": found.reason, "latent_icc": None}
    return {
        "status": found.null.status,
        "kind": found.kind,
        "why": found.why,
        "values": list(found.values),
        "judges_levels": found.by_tail,
        "latent_icc": number(found.null.latent_icc),
        "latent_icc_interval": interval_ends(found.icc_interval),
        "models": {"null": _model(found.null), "adjusted": _adjusted(found.adjusted)},
        "agreement": _agreement(found.agreement),
    }


def categorical_effects(item: ItemEffects | ItemNotModelled, survey: Survey) -> Iterator[Document]:
    """One row per interviewer of the model that the tails rest on."""
    found = item.categorical if isinstance(item, ItemEffects) else None
    if not isinstance(found, CategoricalResult):
        return
    model, tails = found.judging, found.tails
    for j, position in enumerate(model.interviewer):
        yield {
            "item": item.item,
            "model": model.name,
            "interviewer": survey.interviewer_ids[int(position)],
            "mode": number(model.mode[j]),
            "conditional_sd": number(model.conditional_sd[j]),
            "diagnostic_se": number(model.diagnostic_se[j]),
            "deviation": number(tails.deviation[j]),
            "deviation_se": number(tails.deviation_se[j]),
            "z": number(tails.z[j]),
            "p": number(tails.p[j]),
            "n_interviews": int(model.n_by_interviewer[j]),
        }


def _adjusted(model: CategoricalModel | CategoricalFailed | None) -> Document | None:
    if isinstance(model, CategoricalFailed):
        return {"status": "failed", "reason": model.reason}
    return None if model is None else _model(model)


def _model(model: CategoricalModel) -> Document:
    return {
        "status": model.status,
        "reason": model.reason,
        "formula": model.formula,
        "n_interviews": model.n_interviews,
        "n_interviewers": model.n_interviewers,
        "n_parameters": model.n_parameters,
        "loglik": number(model.loglik),
        "aic": number(model.aic),
        "thresholds": [_effect(effect) for effect in model.thresholds],
        "fixed_effects": [_effect(effect) for effect in model.fixed_effects],
        "dropped_terms": list(model.dropped_terms),
        "intercept_variance": number(model.intercept_variance),
        "intercept_sd_se": number(model.sd_se),
        "latent_icc": number(model.latent_icc),
        "test": {"statistic": number(model.lr_statistic), "p": number(model.lr_p)},
    }


def _effect(effect: LogitEffect) -> Document:
    return {
        "term": effect.term,
        "estimate": number(effect.estimate),
        "se": number(effect.se),
        "statistic": number(effect.statistic),
        "p": number(effect.p),
        "interval": interval_ends(effect.interval),
    }


def _agreement(agreement: Agreement) -> Document:
    return {
        "correlation": number(agreement.correlation),
        "icc_ratio": number(agreement.icc_ratio),
        "remarkable_linear": agreement.remarkable_linear,
        "remarkable_tail": agreement.remarkable_tail,
        "remarkable_both": agreement.remarkable_both,
    }
