"""Step 5, report: why an interviewer is worth a call, as records of `results.json`."""

from __future__ import annotations

from qa_reports.report.explanation import Explanation
from qa_reports.report.results_items import Document, number
from qa_reports.report.without import Without


def explanation_record(explanation: Explanation | None) -> Document:
    """What is added to an interviewer's record; without a flag there is nothing to explain."""
    if explanation is None:
        return {"pattern": None, "also": [], "reasons": [], "without": None, "steps": []}
    return {
        "pattern": explanation.patterns[0],
        "also": list(explanation.patterns[1:]),
        "reasons": [
            {
                "kind": reason.kind,
                "pattern": reason.pattern,
                "sentence": reason.sentence,
                "flagged": reason.flagged,
                "reviewed": reason.reviewed,
            }
            for reason in explanation.reasons
        ],
        "without": None if explanation.without is None else _without(explanation.without),
        "steps": list(explanation.steps),
    }


def _without(without: Without) -> Document:
    return {
        "n_interviews": without.n_interviews,
        "sentence": without.sentence,
        "items": [
            {
                "item": one.item,
                "icc": number(one.icc),
                "icc_without": number(one.icc_without),
                "mean": number(one.mean),
                "mean_without": number(one.mean_without),
            }
            for one in without.items
        ],
    }
