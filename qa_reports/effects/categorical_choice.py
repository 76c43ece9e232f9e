"""Which model the answers to an item call for: by how many different ones there are, and how they are distributed."""

from __future__ import annotations

from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.effects.categorical_columns import MOST_CATEGORIES

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

Kind = Literal["linear", "ordinal", "binary"]

SKEWED = 1.0
"""|skewness| above which a normal approximation of an interviewer's mean is not to be trusted."""
DOMINANT = 0.6
"""Share of answers in one category with the same consequence."""
_FEW = 5
"""Items with fewer categories are ordinal however they are distributed."""
_BETWEEN = 7
"""Items with up to so many categories are ordinal when skewed, and shown by both models when not."""


class Choice(Struct, frozen=True):
    """What an item gets beside the linear models."""

    kind: Kind
    why: str
    """In a few words for the report."""
    fitted: bool
    """Whether a categorical model is fitted at all."""
    by_tail: bool
    """Whether interviewers are judged by its tails."""
    refused: str | None = None
    """Why the model that was configured cannot be had."""


def choose_model(values: FloatArray, counts: IntArray, model: Literal["auto", "linear", "ordinal", "binary"]) -> Choice:
    """The kind of model by the number and the distribution of the answers, or as configured."""
    categories, share = len(values), float(counts.max() / counts.sum())
    skew = _skewness(values, counts) if categories > 1 else 0.0
    different = f"there are {categories} different answers"
    uneven = None
    if abs(skew) > SKEWED:
        uneven = f"the answers are skewed (skewness {skew:.1f})".replace("-", "\N{MINUS SIGN}")
    elif share > DOMINANT:
        uneven = f"{share:.0%} of the answers are the same"
    if model == "linear" or categories < 2:
        return Choice("linear", "configured", fitted=False, by_tail=False)
    if model == "binary" and categories > 2:
        return Choice("linear", "", False, False, f"{different}, and a binary model needs two")
    if categories > MOST_CATEGORIES:
        refused = f"{different}, too many for one threshold each" if model == "ordinal" else None
        return Choice("linear", "", False, False, refused)
    kind: Kind = "binary" if categories == 2 else "ordinal"
    if model != "auto":
        return Choice(kind, "configured", fitted=True, by_tail=True)
    if categories < _FEW:
        return Choice(kind, different, fitted=True, by_tail=True)
    if uneven is not None:
        return Choice(kind if categories <= _BETWEEN else "linear", uneven, fitted=True, by_tail=True)
    return Choice("linear", f"{different}, so both models can be used", fitted=categories <= _BETWEEN, by_tail=False)


def _skewness(values: FloatArray, counts: IntArray) -> float:
    """Third central moment over the cubed sd, of values that stand for so many answers."""
    away = values - np.average(values, weights=counts)
    second, third = (float(np.average(away**power, weights=counts)) for power in (2, 3))
    return float(third / second**1.5)
