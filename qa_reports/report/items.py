"""What the report shows of one item: its numbers, its models and its figures."""

from __future__ import annotations

from dataclasses import dataclass

from qa_reports.effects.estimate import FailedModel, ItemEffects, VarianceExplained, WithoutFlagged
from qa_reports.effects.linear import FitStatus, FixedEffect, ModelName, ModelResult, ModelTest, Referee, VarianceComponents
from qa_reports.report.figures import Figure


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """One model as a table: a fitted one has numbers, one that could not be estimated a reason and `estimates` None."""

    name: ModelName
    title: str
    """"Null: no covariates", for headings."""
    status: FitStatus
    reason: str | None
    estimates: ModelEstimates | None


@dataclass(frozen=True, slots=True)
class ModelEstimates:
    """The numbers of a fitted model, unrounded."""

    formula: str
    method: str
    n_interviews: int
    n_interviewers: int
    n_parameters: int
    loglik: float
    loglik_ml: float
    fixed_effects: tuple[FixedEffect, ...]
    variance: VarianceComponents
    tests: tuple[ModelTest, ...]
    referee: Referee


@dataclass(frozen=True, slots=True, eq=False)
class ItemSummary:
    """One modelled item: a row of the items table and a page of its own."""

    item: str
    label: str
    kind: str
    status: FitStatus
    """The null model's."""
    n_interviews: int
    n_interviewers: int
    icc: float
    design_effect: float
    effective_n: float
    intercept_variance: float | None
    """Of the null model."""
    intercept_p: float | None
    """p of the likelihood-ratio test of the null model's intercept variance."""
    variance_explained: tuple[VarianceExplained, ...]
    without_flagged: WithoutFlagged | None
    referee_agrees: bool
    """Whether statsmodels agrees with every fitted model of the item."""
    largest_referee_difference: float
    """Largest absolute difference of log-likelihoods over the item's models."""
    flagged: tuple[str, ...]
    """Interviewers with a flag that rests on this item."""
    models: tuple[ModelSummary, ...]
    figures: tuple[Figure, ...]
