"""Step 5, report: `results.json`, every number of a run, unrounded. The contract is `results.schema.json` beside this.

Numbers that do not exist (NaN, infinite) are null, ids are strings, and the same input gives the same bytes: no
time of day and no duration stands here.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import cast

import msgspec
import numpy as np

from qa_reports.config import ReportConfig
from qa_reports.effects.damage import SuspectDamage
from qa_reports.effects.doubts import Doubt, find_doubts
from qa_reports.effects.estimate import ItemEffects
from qa_reports.effects.flag import Flag, Flags, InterviewerVerdict
from qa_reports.effects.indicator_effects import NO_INDICATORS, JudgedIndicators
from qa_reports.effects.sensitivity import Sensitivity
from qa_reports.effects.spread_effects import NoSpread, SpreadEffects
from qa_reports.report.explanation import explain_flags, flags_by_interviewer, sure_p
from qa_reports.report.recontact import Centres, respondents_to_recontact
from qa_reports.report.results_categorical import categorical_effects, categorical_record
from qa_reports.report.results_cleaning import cleaning_record, suspect_record
from qa_reports.report.results_effects import EffectRows
from qa_reports.report.results_explanation import explanation_record
from qa_reports.report.results_indicators import indicator_records, similar_pairs
from qa_reports.report.results_items import (
    Document,
    Estimated,
    item_record,
    number,
    spread_record,
)
from qa_reports.report.results_sensitivity import sensitivity_record
from qa_reports.survey.clean import Covariate, Survey

SCHEMA_VERSION = 1
LARGEST_LOG = 700.0
"""Beyond it, `exp` is no number any more."""


def results_document(
    survey: Survey,
    items: tuple[Estimated, ...],
    damages: tuple[SuspectDamage, ...],
    flags: Flags,
    config: ReportConfig,
    versions: Mapping[str, str],
    config_sha256: str,
    sensitivity: Sensitivity | None = None,
    indicators: JudgedIndicators = NO_INDICATORS,
) -> Document:
    """Every number of a run as plain JSON values, in the key order of the contract; `waves` is added by `with_waves`.

    `effects` are `EffectRows`, made row by row as they are written.

    Args:
        versions: library name -> version, as shown in the report.
        config_sha256: SHA-256 of the configuration file, in hexadecimal digits.
        sensitivity: what weights, areas and teams would change, where they are configured.
        indicators: what the interviews show about how they were done.
    """
    modelled = [item for item in items if isinstance(item, ItemEffects)]
    explanations = explain_flags(flags, modelled, survey, indicators, config.flags.min_interviews)
    position = {name: j for j, name in enumerate(survey.interviewer_ids)}
    own = flags_by_interviewer(flags)
    spread, recontact = _own_spreads(flags.spread, survey), _recontact(survey, flags, indicators)
    return {
        "schema_version": SCHEMA_VERSION,
        "survey": config.survey.name,
        "wave": config.survey.wave,
        "country": config.survey.country,
        "provenance": {
            "config_sha256": config_sha256,
            "files": [{"path": file.path, "sha256": file.sha256, "rows": file.rows} for file in survey.provenance],
            "versions": {name: versions[name] for name in sorted(versions)},
        },
        "cleaning": cleaning_record(survey.log),
        "code_suspects": [suspect_record(suspect, damages) for suspect in survey.suspects],
        "items": [
            _recognisable(item_record(item), config) | {"categorical": categorical_record(item)} for item in items
        ],
        "effects": EffectRows(items, survey),
        "categorical_effects": [row for item in items for row in categorical_effects(item, survey)],
        "interviewers": [
            _interviewer(verdict, position[verdict.interviewer], spread.get(verdict.interviewer), survey)
            | {"sure_p": number(sure_p(verdict, own.get(verdict.interviewer, [])))}
            | {"recontact": recontact.get(verdict.interviewer, [])}
            | explanation_record(explanations.get(verdict.interviewer))
            for verdict in flags.interviewers
        ],
        "indicators": indicator_records(indicators, survey),
        "similar_pairs": similar_pairs(indicators, survey),
        "flags": [_flag(flag, sensitivity) for flag in flags.flags],
        "spread": spread_record(flags.spread),
        "expected_by_chance": {
            "interviewers": number(flags.expected_by_chance.interviewers),
            "cells": number(flags.expected_by_chance.cells),
            "method": flags.expected_by_chance.method,
        },
        "doubts": [_doubt(doubt) for doubt in find_doubts(items)],
        "sensitivity": sensitivity_record(sensitivity),
        "waves": None,
    }


def _doubt(doubt: Doubt) -> Document:
    return {"kind": doubt.kind, "item": doubt.item, "model": doubt.model, "reason": doubt.reason}


def results_json(document: Mapping[str, object]) -> bytes:
    """The document as UTF-8 JSON with one record per line, so that two runs can be compared with `diff`."""
    written = io.BytesIO()  # hundreds of megabytes of very many interviewers: never held twice
    for piece in _pieces(document):
        written.write(piece)
    return written.getvalue()


def results_schema() -> Document:
    """The JSON Schema (draft 2020-12) of `results.json`."""
    text = resources.files("qa_reports.report").joinpath("results.schema.json").read_text(encoding="utf-8")
    return cast(Document, json.loads(text))


def _pieces(document: Mapping[str, object]) -> Iterator[bytes]:
    write = msgspec.json.Encoder().encode
    before = b"{\n"
    for key, value in document.items():
        yield before + b" %b: " % write(key)
        if isinstance(value, list | EffectRows) and len(value):
            yield from _listed(b"[\n", (b"  " + write(record) for record in value), b"\n ]")
        elif isinstance(value, dict) and value:
            members = (b"  %b: %b" % (write(name), write(member)) for name, member in value.items())
            yield from _listed(b"{\n", members, b"\n }")
        else:
            yield b"[]" if isinstance(value, EffectRows) else write(value)
        before = b",\n"
    yield b"\n}\n"


def _listed(start: bytes, lines: Iterator[bytes], end: bytes) -> Iterator[bytes]:
    for line in lines:
        yield start + line
        start = b",\n"
    yield end


def _recognisable(record: Document, config: ReportConfig) -> Document:
    """An item's record with what it is found by, and compared by, in other waves."""
    item = next(item for item in config.items if item.name == record["item"])
    scale = None if item.valid_range is None else [number(end) for end in item.valid_range]
    return {"item": item.name, "key": item.key or item.name, "scale": scale, "reversed": item.reverse, **record}


def _own_spreads(spread: SpreadEffects | NoSpread | None, survey: Survey) -> dict[str, Document]:
    """By interviewer, the spread over all items of those of whom it says something."""
    if not isinstance(spread, SpreadEffects):
        return {}
    return {
        survey.interviewer_ids[int(spread.interviewer[j])]: {
            # Beside colleagues whose interviews hardly vary at all, a share need not be a number.
            "share": number(float(np.exp(spread.deviation[j]))) if spread.deviation[j] < LARGEST_LOG else None,
            "eblup": number(spread.eblup[j]),
            "conditional_sd": number(spread.conditional_sd[j]),
            "z": number(spread.z[j]),
            "p": number(spread.p[j]),
        }
        for j in np.flatnonzero(spread.df > 0)
    }


def _interviewer(
    verdict: InterviewerVerdict,
    position: int,
    spread: Document | None,
    survey: Survey,
) -> Document:
    return {
        "interviewer": verdict.interviewer,
        "team": verdict.team,
        "n_interviews": verdict.n_interviews,
        "covariates": {c.name: _covariate_value(c, position) for c in survey.interviewer_covariates},
        "severity": verdict.severity,
        "too_few": verdict.too_few,
        "reviewed": verdict.reviewed,
        "combined_p": number(verdict.combined_p),
        "spread": spread,
    }


def _recontact(survey: Survey, flags: Flags, indicators: JudgedIndicators) -> dict[str, list[str]]:
    """Respondents that the call list names, by interviewer worth a call."""
    called = {verdict.interviewer for verdict in flags.interviewers if verdict.severity != "none"}
    centres = Centres(survey)
    return {
        name: list(respondents_to_recontact(name, own, survey, indicators, centres).respondents)
        for name, own in flags_by_interviewer(flags).items()
        if name in called
    }


def _covariate_value(covariate: Covariate, position: int) -> float | str | None:
    """An interviewer's value: a number, a category's name, or null where it is missing."""
    value = number(covariate.values[position])
    if value is None:
        return None
    return covariate.levels[int(value)] if covariate.kind == "categorical" else value


def _flag(flag: Flag, sensitivity: Sensitivity | None) -> Document:
    return {
        "interviewer": flag.interviewer,
        "severity": flag.severity,
        "kind": flag.kind,
        "pattern": flag.pattern,
        "items": list(flag.items),
        "estimate": number(flag.estimate),
        "unit": flag.unit,
        "z": number(flag.z),
        "p": number(flag.p),
        "q": number(flag.q),
        "strength": number(flag.strength),
        "sentence": flag.sentence,
        "with_area": _with_area(flag, sensitivity),
        "review": None if flag.review is None else flag.review.model_dump(include={"until", "note", "by"}),
    }


def _with_area(flag: Flag, sensitivity: Sensitivity | None) -> str | None:
    """Whether a level flag stands with areas in the model; null for other flags and without areas."""
    judged = () if sensitivity is None or flag.kind != "level" else sensitivity.flags
    return next((one.outcome for one in judged if (one.interviewer, one.items) == (flag.interviewer, flag.items)), None)
