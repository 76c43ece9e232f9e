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
    positions = [person.position for person in everyone.people]
    columns = [_cells(cells, positions) for cells in everyone.cells]
    block = {
        "covariates": everyone.covariates,
        "items": [_item(cells) for cells in everyone.cells],
        "more": everyone.n_everybody > len(everyone.people),
        "people": [
            _person(person, [column[row] for column in columns])
            | _worth_a_call(person, reasons.get(person.interviewer))
            for row, person in enumerate(everyone.people)
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


def _person(person: Person, cells: list[str]) -> dict[str, object]:
    return {
        "id": person.interviewer,
        "anchor": anchor(person.interviewer, "interviewer"),
        "team": person.team,
        "n": integer(person.n_interviews),
        "tooFew": person.too_few,
        "p": p_value(person.combined_p),
        "spread": signed(person.spread_z),
        "covariates": [answer(value) for value in person.covariates],
        "cells": cells,
    }


def _worth_a_call(person: Person, reasons: Sequence[str] | None) -> dict[str, object]:
    return {} if reasons is None else {"severity": person.severity, "reasons": [*reasons]}


def _cells(cells: ItemCells, positions: Sequence[int]) -> list[str]:
    """The cells of some interviewers on one item."""
    columns = (
        (integer, cells.n),
        (ratio, cells.mean),
        (signed, cells.deviation),
        (signed, cells.z),
        (p_value, cells.p),
        (percent, cells.reliability),
        (points, cells.expected_rank),
        (points, cells.detectable),
    )
    texts = [map(printed, values[positions].tolist()) for printed, values in columns]
    counts = (" ".join(map(str, row)) for row in cells.counts[positions].tolist())
    return ["|".join(row) for row in zip(*texts, counts, strict=True)]
