"""Step 5, report: weights, areas and teams in `results.json`, unrounded, as plain JSON values."""

from __future__ import annotations

from typing import cast

from msgspec import Struct
from msgspec.structs import asdict

from qa_reports.effects.sensitivity import Sensitivity
from qa_reports.report.results_items import Document, number


def sensitivity_record(sensitivity: Sensitivity | None) -> Document | None:
    """The section, its keys the names of the fields of `effects.sensitivity`; null where nothing is configured."""
    if sensitivity is None or (sensitivity.weights, sensitivity.area, sensitivity.team) == (None, None, None):
        return None
    record = cast(Document, _plain(sensitivity))
    for name, grouping in (("area", sensitivity.area), ("team", sensitivity.team)):
        if grouping is not None:
            cast(Document, record[name])["apart"] = grouping.apart
    return record


def _plain(value: object) -> object:
    if isinstance(value, Struct):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return number(value) if isinstance(value, float) else value
