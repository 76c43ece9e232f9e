"""Logistic and cumulative-logit random-intercept models of answers in few categories, by maximum likelihood.

P(y <= k) = F(theta_k - x b - u_j), F logistic, u_j ~ N(0, sd^2). With two categories this is the logistic model whose
intercept is -theta_0. The integral over u_j is an adaptive Gauss-Hermite quadrature, as in lme4::glmer(nAGQ = 10) and
ordinal::clmm(nAGQ = 10). Arrays only: nothing here knows a survey. To call it:

    one = CategoricalColumns(fixed, category, interviewer, count)       # no constant among the columns of `fixed`
    fit = fit_categorical_models([one], n_interviewers)[0]
    if isinstance(fit, CategoricalFit): fit.latent_icc, fit.mode, ...   # else fit.reason says why there is none
    low, high = latent_icc_interval(one, fit)                           # categorical_interval.py

Categories are numbered 0, 1, .. in their order with none left out: `number_categories` does it for any values. Counts
are all that matters, so interviews with the same interviewer, covariates and category may be given once with their
number. Models of one shape (number of categories, number of covariates) are fitted together.
Sizes: m rows, J interviewers, C categories, p covariates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from qa_reports.effects.categorical_columns import (
    CategoricalColumns,
    CategoricalFailure,
    PreparedColumns,
    prepare_columns,
    rows_of,
)
from qa_reports.effects.categorical_search import (
    BOUNDLESS,
    NODES,
    SEPARATED,
    Maximum,
    maximise,
    sd_slope_at_zero,
    starting_values,
)
from qa_reports.effects.category_rows import Rows
from qa_reports.effects.inference import boundary_p
from qa_reports.effects.quadrature import Parameters

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_FLAT = 1e-8
"""Information per interview about a direction of the standardised parameters below which the maximum is at infinity:
the search stops before the coefficients run as far as `SEPARATED` where only a few answers are separated."""


class CategoricalFit(Struct, frozen=True, eq=False):
    """One fitted model, in the units of the columns as given."""

    status: Literal["converged", "zero_variance"]
    reason: str | None
    """What bound was reached; None when converged."""
    n: float
    """Interviews (the sum of the counts)."""
    n_interviewers: int
    """Interviewers with at least one."""
    n_categories: int
    thresholds: FloatArray
    """(C-1,) on the logit scale, where all covariates are 0; minus the intercept of a logistic model."""
    fixed: FloatArray
    """(p,) coefficients: above 0, higher categories are likelier."""
    covariance: FloatArray
    """(C-1+p, C-1+p) of thresholds and coefficients, from the observed information, sd estimated too."""
    sd: float
    """Of the random intercept, logits."""
    sd_se: float | None
    """Standard error of `sd`; None at zero variance."""
    loglik: float
    loglik_without: float
    """Without the random intercept."""
    mode: FloatArray
    """(J,) conditional mode of each random intercept, logits; 0 for interviewers without interviews."""
    conditional_sd: FloatArray
    """(J,) sd of the random intercept given the answers, from the curvature at the mode: for intervals."""
    diagnostic_se: FloatArray
    """(J,) sd of the mode itself, sqrt(sd^2 - conditional_sd^2): for QQ plots."""

    @property
    def n_parameters(self) -> int:
        """Thresholds, coefficients and the variance."""
        return len(self.thresholds) + len(self.fixed) + 1

    @property
    def latent_icc(self) -> float:
        """Var(u) / (Var(u) + pi^2 / 3): the intraclass correlation of the latent logistic variable."""
        return latent_icc(self.sd)

    @property
    def lr_statistic(self) -> float:
        """Likelihood-ratio statistic of the random intercept."""
        return max(0.0, 2 * (self.loglik - self.loglik_without))

    @property
    def lr_p(self) -> float:
        """Its p: half a point mass at zero, half chi-square(1)."""
        return boundary_p(self.lr_statistic, 1)


def latent_icc(sd: float) -> float:
    """Var(u) / (Var(u) + pi^2 / 3) for a random intercept with this sd on the logit scale."""
    return sd**2 / (sd**2 + np.pi**2 / 3)


def fit_categorical_models(
    models: Sequence[CategoricalColumns], n_interviewers: int, nodes: int = NODES
) -> list[CategoricalFit | CategoricalFailure]:
    """Fit every model by maximum likelihood; the results stand in the order of `models`.

    Columns of `fixed` must be finite and none may be a combination of the others and a constant.
    A variance of zero is a result (`zero_variance`); what has no maximum is a `CategoricalFailure` with its reason.
    """
    results: dict[int, CategoricalFit | CategoricalFailure] = {}
    batches: dict[tuple[int, int], list[tuple[int, PreparedColumns]]] = {}
    for position, columns in enumerate(models):
        prepared = prepare_columns(columns)
        if isinstance(prepared, CategoricalFailure):
            results[position] = prepared
        else:
            shape = (prepared.n_categories, prepared.covariates.shape[1])
            batches.setdefault(shape, []).append((position, prepared))
    for batch in batches.values():
        fitted = _fit_batch([prepared for _, prepared in batch], n_interviewers, nodes)
        results.update(zip([position for position, _ in batch], fitted, strict=True))
    return [results[position] for position in range(len(models))]


def _fit_batch(
    batch: Sequence[PreparedColumns], n_interviewers: int, nodes: int
) -> list[CategoricalFit | CategoricalFailure]:
    rows = rows_of(batch)
    without = maximise(rows, starting_values(rows), free_sd=False)
    slope, information = sd_slope_at_zero(rows, without.at)
    # One scoring step from zero; where the slope is downhill there may still be a maximum further up.
    start = np.sqrt(np.clip(slope / np.maximum(information, 1e-12), 0.05, 4.0))
    inner = maximise(
        rows, replace(without.at, sd=start), nodes=nodes, modes=np.zeros(rows.n_groups), downhill=slope < 0
    )
    return [_result(one, rows, f, without, inner, n_interviewers) for f, one in enumerate(batch)]


def _result(
    one: PreparedColumns, rows: Rows, f: int, without: Maximum, inner: Maximum, n_interviewers: int
) -> CategoricalFit | CategoricalFailure:
    if not without.found[f]:
        return _no_maximum(without.at, f)
    higher = inner.here.loglik[f] > without.here.loglik[f] + 1e-9 * abs(without.here.loglik[f])
    if higher and not inner.found[f]:
        return _no_maximum(inner.at, f)
    best = inner if higher else without
    at, cut = best.at, rows.n_categories - 1
    information = -best.here.curvature[f]
    used = len(information) if higher else len(information) - 1
    flattest, directions = np.linalg.eigh(information[:used, :used])
    if flattest[0] < _FLAT * one.count.sum():
        return _no_curvature(np.abs(directions[:, 0]), cut, len(one.scale))
    covariance = np.linalg.inv(information[:used, :used])
    # Back from standardised columns: thresholds move by the coefficients times the centres.
    to_units = np.eye(used)
    to_units[cut:used, cut:used][np.diag_indices(len(one.scale))] = 1 / one.scale
    to_units[:cut, cut : cut + len(one.scale)] = one.centre / one.scale
    covariance = to_units @ covariance @ to_units.T
    fixed = at.slopes[f] / one.scale
    sd = float(at.sd[f]) if higher else 0.0
    own = rows.fit == f
    mode, conditional_sd = np.zeros(n_interviewers), np.full(n_interviewers, sd)
    mode[one.present] = sd * best.here.mode[own]
    conditional_sd[one.present] = sd / np.sqrt(best.here.precision[own])
    cells = cut + len(fixed)
    return CategoricalFit(
        status="converged" if higher else "zero_variance",
        reason=None if higher else "the interviewer variance is estimated as zero",
        n=float(one.count.sum()),
        n_interviewers=len(one.present),
        n_categories=rows.n_categories,
        thresholds=at.thresholds[f] + one.centre @ fixed,
        fixed=fixed,
        covariance=covariance[:cells, :cells],
        sd=sd,
        sd_se=float(np.sqrt(covariance[-1, -1])) if higher else None,
        loglik=float(best.here.loglik[f]),
        loglik_without=float(without.here.loglik[f]),
        mode=mode,
        conditional_sd=conditional_sd,
        diagnostic_se=np.sqrt(np.maximum(sd**2 - conditional_sd**2, 0.0)),
    )


def _no_maximum(at: Parameters, f: int) -> CategoricalFailure:
    """Say what ran away."""
    slopes = np.abs(at.slopes[f])
    if len(slopes) and slopes.max() > SEPARATED / 2:
        return _separated(int(slopes.argmax()))
    if at.sd[f] > BOUNDLESS / 2:
        return CategoricalFailure("answers hardly vary within interviewers, so their variance has no estimate")
    return CategoricalFailure("the search for the maximum of the likelihood did not arrive")


def _no_curvature(direction: FloatArray, cut: int, n_covariates: int) -> CategoricalFailure:
    """Say what the likelihood is flat in: parameters are thresholds, covariates and, where it is free, the sd."""
    largest = int(direction.argmax()) - cut
    if 0 <= largest < n_covariates:
        return _separated(largest)
    return CategoricalFailure("the answers do not tell the parameters of the model apart")


def _separated(column: int) -> CategoricalFailure:
    return CategoricalFailure("a covariate separates the answers perfectly", column)
