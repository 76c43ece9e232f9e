"""What the page's script shows on demand, as one compact block of JSON: numbers are texts already, ready to print."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from qa_reports.report.cells import ItemCells
from qa_reports.report.everyone import Everyone, Person
from qa_reports.report.formats import answer, integer, p_value, percent, points, ratio, signed

NO_REASONS: Mapping[str, Sequence[str]] = MappingProxyType({})


def anchor(name: str, kind: str) -> str:
    """An id to link to, "item-pplhlp": letters and digits as they are, anything else as its code point."""
    return f"{kind}-" + re.sub(r"[^A-Za-z0-9-]", lambda found: f"_{ord(found.group()):x}_", name)


def page_data(everyone: Everyone, reasons: Mapping[str, Sequence[str]] = NO_REASONS) -> str:
    """JSON that is safe inside a `<script type="application/json">` element: it has no "<" of its own.

    A cell is one text, its numbers divided by "|": answers, mean, deviation, z, p, share that rests on own answers,
    expected rank, detectable shift, and how often each answer was given.

    Args:
        everyone: who can be asked for.
        reasons: interviewer -> sentences, of those worth a call who have no profile of their own.
    """
    block = {
        "covariates": everyone.covariates,
        "items": [_item(cells) for cells in everyone.cells],
        "more": everyone.n_everybody > len(everyone.people),
        "people": [
            _person(person, everyone.cells) | _worth_a_call(person, reasons.get(person.interviewer))
            for person in everyone.people
        ],
    }
    return json.dumps(block, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _item(cells: ItemCells) -> dict[str, object]:
    everybody = cells.counts.sum(axis=0)
    return {
        "name": cells.item,
        "anchor": anchor(cells.item, "item"),
        "label": cells.label,
        "mean": ratio(cells.survey_mean),
        "ranked": integer(cells.n_ranked),
        "answers": cells.answers,
        "counts": everybody.tolist(),
    }


def _person(person: Person, items: tuple[ItemCells, ...]) -> dict[str, object]:
    return {
        "id": person.interviewer,
        "anchor": anchor(person.interviewer, "interviewer"),
        "team": person.team,
        "n": integer(person.n_interviews),
        "tooFew": person.too_few,
        "p": p_value(person.combined_p),
        "spread": signed(person.spread_z),
        "covariates": [answer(value) for value in person.covariates],
        "cells": [_cell(cells, person.position) for cells in items],
    }


def _worth_a_call(person: Person, reasons: Sequence[str] | None) -> dict[str, object]:
    return {} if reasons is None else {"severity": person.severity, "reasons": [*reasons]}


def _cell(cells: ItemCells, j: int) -> str:
    texts = (
        integer(cells.n[j]),
        ratio(cells.mean[j]),
        signed(cells.deviation[j]),
        signed(cells.z[j]),
        p_value(cells.p[j]),
        percent(cells.reliability[j]),
        points(cells.expected_rank[j]),
        points(cells.detectable[j]),
        " ".join(str(count) for count in cells.counts[j].tolist()),
    )
    return "|".join(texts)
