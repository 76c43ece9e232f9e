"""Step 5, report: what cleaning did, and the code suspects, in `results.json`, as plain JSON values."""

from __future__ import annotations

from collections.abc import Iterable

from qa_reports.effects.damage import Consequence, SuspectDamage
from qa_reports.report.results_items import Document, model_record, number
from qa_reports.survey.audit import WeightedDescriptives
from qa_reports.survey.clean import CleaningLog
from qa_reports.survey.repeats import RepeatedIds
from qa_reports.survey.suspects import CodeSuspect


def cleaning_record(log: CleaningLog) -> Document:
    """The section `cleaning`."""
    return {
        "rows_in": log.rows_in,
        "rows_used": log.rows_used,
        "recoded": [
            {
                "item": recode.variable,
                "code": _code(recode.code),
                "reason": recode.reason,
                "n": recode.n,
                "interviewers": _counts(recode.interviewers),
            }
            for recode in log.recoded
        ],
        "out_of_range": [
            {"item": found.item, "value": _code(found.value), "n": found.n, "interviewers": _counts(found.interviewers)}
            for found in log.out_of_range
        ],
        "dropped": [{"reason": dropped.reason, "n": dropped.n} for dropped in log.dropped],
        "joins": [
            {
                "file": join.file,
                "on": list(join.on),
                "matched": join.matched,
                "unmatched": join.unmatched,
                "unused": join.unused,
                "unmatched_keys": list(join.unmatched_keys),
                "unused_keys": list(join.unused_keys),
            }
            for join in log.joins
        ],
        "descriptives": [
            {
                "item": described.item,
                "stage": described.stage,
                "n": described.n,
                "mean": number(described.mean),
                "sd": number(described.sd),
                "minimum": number(described.minimum),
                "lower_quartile": number(described.lower_quartile),
                "median": number(described.median),
                "upper_quartile": number(described.upper_quartile),
                "maximum": number(described.maximum),
                "distribution": [{"value": _code(value), "n": n} for value, n in described.distribution],
                "weighted": None if described.weighted is None else _weighted(described.weighted),
            }
            for described in log.descriptives
        ],
        "interviewers": [
            {
                "interviewer": audit.interviewer,
                "n_interviews": audit.n_interviews,
                "n_answers": audit.n_answers,
                "n_recoded": audit.n_recoded,
                "n_blank": audit.n_blank,
                "n_out_of_range": audit.n_out_of_range,
            }
            for audit in log.interviewers
        ],
        "items": [
            {
                "item": audit.item,
                "n_interviews": audit.n_interviews,
                "n_answers": audit.n_answers,
                "n_recoded": audit.n_recoded,
                "n_blank": audit.n_blank,
                "n_out_of_range": audit.n_out_of_range,
            }
            for audit in log.items
        ],
        "notes": list(log.said),
        "repeated_ids": None if log.repeated_ids is None else _repeated(log.repeated_ids),
    }


def _repeated(found: RepeatedIds) -> Document:
    kinds = (("left_out", found.left_out), ("counted_twice", found.counted_twice), ("others", found.others))
    return {
        "respondent": found.column,
        "is_id": found.is_id,
        "compared": found.compared,
        **{
            name: {"n": one.n, "respondents": list(one.respondents), "interviewers": _counts(one.interviewers)}
            for name, one in kinds
        },
    }


def _weighted(described: WeightedDescriptives) -> Document:
    return {
        "n": described.n,
        "mean": number(described.mean),
        "sd": number(described.sd),
        "lower_quartile": number(described.lower_quartile),
        "median": number(described.median),
        "upper_quartile": number(described.upper_quartile),
        "distribution": [{"value": _code(value), "share": number(share)} for value, share in described.distribution],
    }


def suspect_record(suspect: CodeSuspect, damages: tuple[SuspectDamage, ...]) -> Document:
    """A code suspect with its damage; the damage is null or empty where the item could not be modelled."""
    damage = next((d for d in damages if d.item == suspect.item and d.value == suspect.value), None)
    refits = zip(damage.outcome, damage.with_suspect, strict=True) if damage else ()
    treatments = {
        "without": damage.set_aside if damage else None,
        "with_value": damage.left_in if damage else None,
        "with_all_of_item": damage.all_left_in if damage else None,
    }
    return {
        "item": suspect.item,
        "value": _code(suspect.value),
        "n": suspect.n,
        "interviewers": _counts(suspect.interviewers),
        "reason": suspect.reason,
        "kind": suspect.kind,
        "perhaps_scale": None if suspect.wider is None else [_code(end) for end in suspect.wider.perhaps],
        "set_aside": suspect.set_aside,
        "treatments": {name: None if shown is None else _consequence(shown) for name, shown in treatments.items()},
        "icc_with": number(damage.icc_with) if damage else None,
        "icc_without": number(damage.icc_without) if damage else None,
        "with_suspect": [{"outcome": outcome, "model": fit.name, **model_record(fit)} for outcome, fit in refits],
        "yaml": suspect.yaml,
    }


def _consequence(shown: Consequence) -> Document:
    return {
        "n": shown.n,
        "mean": number(shown.mean),
        "icc": number(shown.icc),
        "standing_out": list(shown.standing_out),
    }


def _code(value: float | str) -> float | int | str:
    """An answer or code as people write it: 88, not 88.0."""
    if isinstance(value, str):
        return value
    return int(value) if float(value).is_integer() else float(value)


def _counts(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    return {interviewer: int(n) for interviewer, n in counts}
