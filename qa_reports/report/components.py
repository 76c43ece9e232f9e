"""The variance components of a model as rows of a table: estimate, standard error, interval and tests side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from qa_reports.effects.intervals import Interval
from qa_reports.effects.linear import (
    ComponentPrecision,
    MaximumLikelihood,
    ModelResult,
    ModelTest,
    VarianceComponents,
)
from qa_reports.report.formats import variance_of


class ComponentRow(Struct, frozen=True):
    """One component, unrounded; what is None has its reason in `missing_reasons`."""

    name: str
    """"intercept variance", "slope variance (trstplc)", "correlation of intercept and trstplc", "residual variance"."""
    estimate: float | None
    se: float | None
    """From the observed information; the tests deserve more trust."""
    interval: Interval | None
    """95 %, profile likelihood."""
    test: ModelTest | None
    """Likelihood ratio against the model without the term; variances of random terms only."""
    exact_p: float | None
    """p of the exact restricted likelihood-ratio test; null models only."""


NO_ERROR = (
    "Where a standard error is missing (\u2013), a variance is 0 or a correlation is at \u00b11: there the likelihood "
    "has no curvature to take one from."
)
NO_INTERVAL = (
    "Where the interval of a variance is missing (\u2013), the predictor's 0 lies too far from the data for the "
    "intercept to be told from the slope."
)
COVARIANCE = (
    "A covariance has a standard error, and the correlation made from it the interval; both belong to the REML fit. "
    "The intercept variance of a slope model is the one where the predictor is 0."
)
NO_CORRELATION = "A correlation is missing (\u2013) where one of the two variances is 0."
NO_RATIO = (
    "Where a likelihood ratio is missing (\u2013), one of the terms has a random slope, which would have to go with "
    "it; the F test stands."
)


def component_rows(model: ModelResult) -> tuple[ComponentRow, ...]:
    """The components of a fitted model by its own method: random terms, their covariances, the residual."""
    return tuple(_rows(model.variance, model.precision, model.tests, model.exact_p))


def ml_component_rows(fit: MaximumLikelihood) -> tuple[ComponentRow, ...]:
    """The components of the same model by maximum likelihood, without intervals: those belong to the REML fit."""
    return tuple(_rows(fit.variance, (), fit.tests, None))


def _rows(
    variance: VarianceComponents,
    precision: tuple[ComponentPrecision, ...],
    tests: tuple[ModelTest, ...],
    exact_p: float | None,
) -> Iterator[ComponentRow]:
    known = {component.term: component for component in precision}
    tested = {test.name: test for test in tests}

    def row(name: str, estimate: float | None, term: str, exact: float | None = None) -> ComponentRow:
        found = known.get(term)
        return ComponentRow(
            name,
            estimate,
            None if found is None else found.se,
            None if found is None else found.interval,
            tested.get(term),
            exact,
        )

    if variance.intercept is not None:
        yield row(variance_of("intercept"), variance.intercept, "intercept", exact_p)
    for predictor, value in variance.slopes:
        yield row(variance_of(f"slope:{predictor}"), value, f"slope:{predictor}")
    for one, other, value in variance.covariances:
        yield row(f"covariance of {_pair(one, other)}", value, f"{one},{other}")
    for one, other, correlation in variance.correlations:
        yield row(f"correlation of {_pair(one, other)}", correlation, f"correlation:{one},{other}")
    yield row(variance_of("residual"), variance.residual, "residual")


def _pair(one: str, other: str) -> str:
    return f"{one.removeprefix('slope:')} and {other.removeprefix('slope:')}"


def missing_reasons(models: Sequence[ModelResult]) -> tuple[str, ...]:
    """Why numbers of these models' tables are missing, each reason once."""
    variances = [part for model in models for part in model.precision if not part.term.startswith("correlation:")]
    reasons = {
        NO_ERROR: any(part.se is None for part in variances),
        NO_INTERVAL: any(part.interval is None for part in variances if "," not in part.term),
        COVARIANCE: any(model.variance.covariances for model in models),
        NO_CORRELATION: any(value is None for model in models for *_, value in model.variance.correlations),
        NO_RATIO: any(test.likelihood_ratio is None for model in models for test in model.group_tests),
    }
    return tuple(reason for reason, applies in reasons.items() if applies)
