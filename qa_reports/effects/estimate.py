"""Step 3, estimate: every model of every item. Read `estimate_items` first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from qa_reports.config import ReportConfig
from qa_reports.effects.linear import ModelName, ModelResult
from qa_reports.survey.clean import Survey


@dataclass(frozen=True, slots=True)
class FailedModel:
    """A model that was asked for and could not be estimated, with the reason in one sentence."""

    name: ModelName
    reason: str


@dataclass(frozen=True, slots=True)
class VarianceExplained:
    """The fall of one variance component from a smaller to a larger model on the same interviews (may be negative)."""

    larger: ModelName
    smaller: ModelName
    term: str
    """"intercept" or "slope:NAME"."""
    n_interviews: int
    variance_smaller: float
    variance_larger: float
    share: float | None
    """1 - larger/smaller; None where the smaller model's variance is 0."""


@dataclass(frozen=True, slots=True)
class WithoutFlagged:
    """The null model once the flagged interviewers' interviews are set aside."""

    interviewers: tuple[str, ...]
    icc: float
    intercept_variance: float
    n_interviews: int


@dataclass(frozen=True, slots=True, eq=False)
class ItemEffects:
    """All models of one item. `null` always stands; a model that is not configured is None."""

    item: str
    label: str
    kind: Literal["linear", "ordinal", "binary"]
    n_interviews: int
    n_interviewers: int
    null: ModelResult
    adjusted: ModelResult | FailedModel | None
    slope: ModelResult | FailedModel | None
    covariates: ModelResult | FailedModel | None
    icc: float
    design_effect: float
    effective_n: float
    variance_explained: tuple[VarianceExplained, ...]
    without_flagged: WithoutFlagged | None


@dataclass(frozen=True, slots=True)
class ItemNotModelled:
    """An item that cannot be modelled, and why, in one sentence for the report."""

    item: str
    label: str
    reason: str
    n_interviews: int


@dataclass(frozen=True, slots=True, eq=False)
class SuspectDamage:
    """What one code suspect would have done: the same models with the suspect values left in."""

    item: str
    value: float
    icc_without: float | None
    icc_with: float | None
    with_suspect: tuple[ModelResult, ...]
    """Models refitted with the value left in: the item's null model, and the slope model of every item that has
    this one as outcome or slope predictor."""
    outcome: tuple[str, ...]
    """(len(with_suspect),) the item each of them is a model of."""


def estimate_items(survey: Survey, config: ReportConfig) -> tuple[ItemEffects | ItemNotModelled, ...]:
    """Estimate every model of every item, in the configuration's order."""
    raise NotImplementedError
