"""Which results of a wave are not to be trusted as they stand, and why: what `--strict` counts.

An interviewer variance of zero is none of them: it is an estimate like any other, shown with the status zero_variance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct

from qa_reports.effects.categorical_items import CategoricalFailed
from qa_reports.effects.estimate import ItemEffects, ItemNotModelled
from qa_reports.effects.linear import FailedModel, ModelResult

DoubtKind = Literal["referee", "not_modelled", "failed", "singular", "few_interviewers"]

FEW_INTERVIEWERS = 10
"""With fewer, a variance between interviewers is hardly more than a guess (McNeish and Stapleton 2016)."""


class Doubt(Struct, frozen=True):
    """One result that needs care."""

    item: str
    label: str
    model: str | None
    """None where it is about the item as a whole."""
    kind: DoubtKind
    reason: str
    """Words for the report, without a full stop."""


def find_doubts(items: Sequence[ItemEffects | ItemNotModelled]) -> tuple[Doubt, ...]:
    """Every doubt, in the items' order."""
    return tuple(doubt for item in items for doubt in _of_item(item))


def _of_item(item: ItemEffects | ItemNotModelled) -> Iterator[Doubt]:
    if isinstance(item, ItemNotModelled):
        yield Doubt(item.item, item.label, None, "not_modelled", item.reason.rstrip("."))
        return
    if item.n_interviewers < FEW_INTERVIEWERS:
        few = f"only {item.n_interviewers} interviewers, so the variance between them is hardly known"
        yield Doubt(item.item, item.label, None, "few_interviewers", few)
    for model in (item.null, item.adjusted, item.slope, item.covariates):
        if isinstance(model, FailedModel):
            yield Doubt(item.item, item.label, model.name, "failed", model.reason.rstrip("."))
        elif model is not None:
            yield from _of_model(item, model)
    if isinstance(item.categorical, CategoricalFailed):
        yield Doubt(item.item, item.label, "categorical", "failed", item.categorical.reason.rstrip("."))


def _of_model(item: ItemEffects, model: ModelResult) -> Iterator[Doubt]:
    if not model.referee.agrees:
        disagrees = "statsmodels finds another log-likelihood at these estimates: do not use them"
        yield Doubt(item.item, item.label, model.name, "referee", disagrees)
    if model.status == "singular":
        yield Doubt(item.item, item.label, model.name, "singular", (model.reason or "at a bound").rstrip("."))
