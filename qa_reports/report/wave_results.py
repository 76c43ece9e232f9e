"""Step 5, report: the part of a `results.json` that waves are compared by, read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from pydantic import TypeAdapter, ValidationError


class UnreadableResults(Exception):
    """A document is not a `results.json` that this program can compare with; the message says why."""


@dataclass(frozen=True, slots=True)
class FixedEffectResult:
    """A fixed effect of a model."""

    term: str
    estimate: float | None
    se: float | None
    df: float | None


@dataclass(frozen=True, slots=True)
class ModelResults:
    """A fitted model, or only the status of one that failed."""

    status: str
    fixed_effects: tuple[FixedEffectResult, ...] = ()


@dataclass(frozen=True, slots=True)
class ItemModels:
    """The models of an item, as far as waves are compared by them."""

    null: ModelResults | None


@dataclass(frozen=True, slots=True)
class ItemResult:
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


@dataclass(frozen=True, slots=True)
class EffectResult:
    """An interviewer's effect on an item."""

    item: str
    model: str
    interviewer: str
    term: str
    z: float | None


@dataclass(frozen=True, slots=True)
class InterviewerResult:
    """An interviewer of one wave."""

    interviewer: str
    n_interviews: int
    severity: str
    too_few: bool
    covariates: dict[str, float | str | None]
    reviewed: bool = False
    """Stands out, but has been looked into; always False in results of earlier versions."""


@dataclass(frozen=True, slots=True)
class WaveResults:
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
        return _adapter().validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise UnreadableResults(f"{place}: {first['msg']}") from None


def results_of(document: Mapping[str, object]) -> WaveResults:
    """The same part of a document that `results_document` has just made."""
    return _adapter().validate_python(document)


@cache
def _adapter() -> TypeAdapter[WaveResults]:
    return TypeAdapter(WaveResults)
