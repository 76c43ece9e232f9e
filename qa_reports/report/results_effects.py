"""The part of `results.json` that is longest: every interviewer's effects on every item, made when they are written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa_reports.effects.estimate import ItemEffects
from qa_reports.effects.linear import ModelResult
from qa_reports.effects.spread_effects import SpreadEffects
from qa_reports.report.results_items import Document, Estimated, judging_models, plain
from qa_reports.survey.clean import Survey

_OF_TERMS = (
    "eblup", "conditional_sd", "diagnostic_se", "deviation", "deviation_se", "z", "p", "reliability", "expected_rank",
    "detectable", "variance_ratio",
)  # fmt: skip
"""What every term of an interviewer has, in the order of the contract."""
_OF_INTERVIEWERS = ("cooks_distance", "covariance_ratio", "residual_ratio")
"""What all terms of an interviewer have in common."""
_OF_SPREAD = _OF_TERMS[:7]
"""Effects on spread have these alone."""

Columns = dict[str, Sequence[Any]]


class EffectRows:
    """The rows of `effects`. Ten thousand interviewers have half a million; nobody needs them all at once."""

    def __init__(self, items: Sequence[Estimated], survey: Survey) -> None:
        self._items, self._survey = [item for item in items if isinstance(item, ItemEffects)], survey

    def blocks(self) -> Iterator[Columns]:
        """The rows of one model after the other as columns; None where there is no number."""
        names = np.array(self._survey.interviewer_ids, dtype=object)
        for item in self._items:
            for model in judging_models(item):
                yield _of_model(item, model, names)
            if isinstance(item.spread, SpreadEffects):
                yield _of_spread(item, item.spread, names)

    def __len__(self) -> int:
        return sum(
            sum(model.effects.interviewer.size * len(model.effects.terms) for model in judging_models(item))
            + (item.spread.interviewer.size if isinstance(item.spread, SpreadEffects) else 0)
            for item in self._items
        )

    def __iter__(self) -> Iterator[Document]:
        for block in self.blocks():
            for row in zip(*block.values(), strict=True):
                yield dict(zip(block, row, strict=True))


def _of_model(item: ItemEffects, model: ModelResult, names: NDArray[np.object_]) -> Columns:
    effects = model.effects
    terms = len(effects.terms)
    rows = effects.interviewer.size * terms
    changes = [change for change in plain(effects.fixed_change) for _ in range(terms)]
    return {
        "item": [item.item] * rows,
        "model": [model.name] * rows,
        "interviewer": np.repeat(names[effects.interviewer], terms).tolist(),
        "term": list(effects.terms) * effects.interviewer.size,
        **{name: plain(getattr(effects, name).ravel()) for name in _OF_TERMS},
        **{name: plain(np.repeat(getattr(effects, name), terms)) for name in _OF_INTERVIEWERS},
        "fixed_change": changes,
        "n_interviews": np.repeat(effects.n_interviews, terms).astype(np.int64).tolist(),
    }


def _of_spread(item: ItemEffects, spread: SpreadEffects, names: NDArray[np.object_]) -> Columns:
    """Effects on the log standard deviation of the answers, the term "spread"."""
    rows = spread.interviewer.size
    return {
        "item": [item.item] * rows,
        "model": [item.judging.name] * rows,
        "interviewer": names[spread.interviewer].tolist(),
        "term": ["spread"] * rows,
        **{name: plain(getattr(spread, name)) for name in _OF_SPREAD},
        **{name: [None] * rows for name in (*_OF_TERMS[len(_OF_SPREAD) :], *_OF_INTERVIEWERS)},
        "fixed_change": [[]] * rows,
        "n_interviews": spread.n_interviews.astype(np.int64).tolist(),
    }


def effect_rows(document: Mapping[str, Any]) -> EffectRows:
    """The effects of a document that `results_document` has made."""
    rows = document["effects"]
    assert isinstance(rows, EffectRows)
    return rows
