"""Who drives an estimate: the interviewers whose removal changes a variance component or a fixed effect most."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from msgspec import Struct

from qa_reports.effects.estimate import ItemEffects
from qa_reports.effects.linear import ModelName, ModelResult
from qa_reports.survey.clean import Survey

MOST = 5
"""Interviewers shown per variance; all of them stand in `results.json`."""


class Driver(Struct, frozen=True):
    """What leaving one interviewer out changes."""

    interviewer: str
    n_interviews: int
    variance_ratio: float | None
    """Variance component without them over that with them."""
    cooks_distance: float | None
    """Change of the fixed effects without them."""
    covariance_ratio: float | None
    """det Var(b) without them over that with them: above 1, they add precision."""
    residual_ratio: float | None
    """Residual variance without them over that with them."""
    flagged: bool
    """Whether a flag of theirs rests on this item."""


class DriverTable(Struct, frozen=True):
    """The most influential interviewers on one variance component of one item."""

    model: ModelName
    term: str
    """"intercept" or "slope:NAME"."""
    drivers: tuple[Driver, ...]
    """At most `MOST`, the largest change of the variance first; of Cook's distance where the variance is 0."""
    reason: str | None
    """Why ratios, or everything, are missing; None otherwise."""


class FixedDriver(Struct, frozen=True):
    """The interviewer without whom one fixed effect changes most."""

    model: ModelName
    term: str
    estimate: float
    """With everybody."""
    without: float
    """Without the interviewer."""
    change: float
    """without - estimate, in standard errors of the estimate (Belsley, Kuh & Welsch 1980, DFBETAS)."""
    interviewer: str


def fixed_drivers(item: ItemEffects, survey: Survey) -> tuple[FixedDriver, ...]:
    """One per fixed effect of the models that flags rest on; an effect nobody could be left out of has none."""
    models = (item.judging, *((item.slope,) if isinstance(item.slope, ModelResult) else ()))
    return tuple(driver for model in models for driver in _of_fixed_effects(model, survey))


def _of_fixed_effects(model: ModelResult, survey: Survey) -> Iterator[FixedDriver]:
    effects = model.effects
    for effect, change in zip(model.fixed_effects, effects.fixed_change.T, strict=True):
        if np.isfinite(change).any():
            row = int(np.nanargmax(np.abs(change)))
            yield FixedDriver(
                model=model.name,
                term=effect.term,
                estimate=effect.estimate,
                without=effect.estimate + float(change[row]),
                change=float(change[row]) / effect.se,
                interviewer=survey.interviewer_ids[int(effects.interviewer[row])],
            )


def variance_drivers(item: ItemEffects, survey: Survey, flagged: frozenset[str]) -> tuple[DriverTable, ...]:
    """The intercept variance of the model that judges levels, then the slope variances of the slope model."""
    return tuple(_tables(item, survey, flagged))


def _tables(item: ItemEffects, survey: Survey, flagged: frozenset[str]) -> Iterator[DriverTable]:
    for column, term in enumerate(item.judging.effects.terms):
        yield _table(item.judging, column, term, survey, flagged)
    if isinstance(item.slope, ModelResult):
        for column, term in enumerate(item.slope.effects.terms):
            if term != "intercept":
                yield _table(item.slope, column, term, survey, flagged)


def _table(model: ModelResult, column: int, term: str, survey: Survey, flagged: frozenset[str]) -> DriverTable:
    effects = model.effects
    ratio, cook = effects.variance_ratio[:, column], effects.cooks_distance
    known = np.isfinite(ratio)
    size = np.abs(ratio - 1) if known.any() else cook
    # Interviewers without whom the model could not be fitted come last, and are not shown.
    order = np.argsort(-np.where(np.isfinite(size), size, -np.inf), kind="stable")[:MOST]
    return DriverTable(
        model=model.name,
        term=term,
        drivers=tuple(
            Driver(
                interviewer=(name := survey.interviewer_ids[int(effects.interviewer[row])]),
                n_interviews=int(effects.n_interviews[row]),
                variance_ratio=_finite(ratio[row]),
                cooks_distance=_finite(cook[row]),
                covariance_ratio=_finite(effects.covariance_ratio[row]),
                residual_ratio=_finite(effects.residual_ratio[row]),
                flagged=name in flagged,
            )
            for row in order
            if np.isfinite(size[row])
        ),
        reason=_reason(bool(known.any()), bool(np.isfinite(cook).any())),
    )


def _reason(any_ratio: bool, any_distance: bool) -> str | None:
    if any_ratio:
        return None
    if any_distance:
        return "The variance is 0 with everybody included, so nobody drives it; the order is that of Cook's distance."
    return "Without one of the interviewers there are too few left to fit the model, so nobody's influence is known."


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
