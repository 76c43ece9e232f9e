"""Step 5, report: the part of a `results.json` that waves are compared by, read back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import Struct, structs

from qa_reports.report.results_effects import effect_rows


class UnreadableResults(Exception):
    """A document is not a `results.json` that this program can compare with; the message says why."""


class FixedEffectResult(Struct, frozen=True):
    """A fixed effect of a model."""

    term: str
    estimate: float | None
    se: float | None
    df: float | None


class ModelResults(Struct, frozen=True):
    """A fitted model, or only the status of one that failed."""

    status: str
    fixed_effects: tuple[FixedEffectResult, ...] = ()


class ItemModels(Struct, frozen=True):
    """The models of an item, as far as waves are compared by them."""

    null: ModelResults | None


class ItemResult(Struct, frozen=True):
    """An item of one wave."""

    item: str
    key: str
    label: str
    kind: str | None
    scale: tuple[float, float] | None
    n_interviews: int
    icc: float | None
    icc_interval: tuple[float, float] | None
    models: ItemModels
    reversed: bool = False
    """Whether its scale was turned round."""


class EffectResult(Struct, frozen=True):
    """An interviewer's effect on an item."""

    item: str
    model: str
    interviewer: str
    term: str
    z: float | None


class InterviewerResult(Struct, frozen=True):
    """An interviewer of one wave."""

    interviewer: str
    n_interviews: int
    severity: str
    too_few: bool
    covariates: dict[str, float | str | None]
    reviewed: bool = False
    """Stands out, but has been looked into; always False in results of earlier versions."""


class WaveResults(Struct, frozen=True):
    """One wave."""

    schema_version: Literal[1]
    wave: str | None
    items: tuple[ItemResult, ...]
    effects: tuple[EffectResult, ...]
    interviewers: tuple[InterviewerResult, ...]


def read_results(content: bytes) -> WaveResults:
    """Read the bytes of a `results.json`.

    Raises:
        UnreadableResults: it is damaged, or of a version without what is needed.
    """
    try:
        return msgspec.json.decode(content, type=WaveResults)
    except (msgspec.DecodeError, RecursionError) as error:
        raise UnreadableResults(str(error)) from None


def results_of(document: Mapping[str, object]) -> WaveResults:
    """The same part of a document that `results_document` has just made."""
    names = EffectResult.__struct_fields__
    effects = tuple(
        EffectResult(*row)
        for block in effect_rows(document).blocks()
        for row in zip(*(block[name] for name in names), strict=True)
    )
    return structs.replace(msgspec.convert({**document, "effects": ()}, WaveResults), effects=effects)
