"""One linear random-effects model of one item: fit, tests, referee and interviewer effects, in the survey's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

ModelName = Literal["null", "adjusted", "slope", "covariates"]
FitStatus = Literal["converged", "zero_variance", "singular", "failed"]


@dataclass(frozen=True, slots=True)
class FixedEffect:
    """One fixed effect on the original scale; `se` is its standard error, `df` Satterthwaite's."""

    term: str
    """"(Intercept)", a covariate's name, "name: level" for a category, "a:b" for an interaction."""
    estimate: float
    se: float
    df: float | None
    statistic: float
    p: float


@dataclass(frozen=True, slots=True)
class VarianceComponents:
    """Variance components on the original scale (squared units of the answer)."""

    intercept: float | None
    """Variance of the random intercepts (where every slope predictor is 0); None for slope-only models."""
    residual: float
    slopes: tuple[tuple[str, float], ...] = ()
    """(predictor, variance of its random slopes)."""
    covariances: tuple[tuple[str, str, float], ...] = ()
    """(term, term, covariance), terms "intercept" or "slope:NAME"."""


@dataclass(frozen=True, slots=True)
class ModelTest:
    """A test of a part of the model, e.g. of the intercept variance."""

    name: str
    statistic: float
    p: float
    method: str


@dataclass(frozen=True, slots=True)
class Referee:
    """statsmodels' log-likelihood at our estimates beside ours."""

    loglik: float
    """What statsmodels' MixedLM.loglike says."""
    loglik_difference: float
    """Ours minus theirs."""
    agrees: bool


@dataclass(frozen=True, slots=True, eq=False)
class InterviewerEffects:
    """The random effects of one model. J interviewers with at least one interview in it, q random terms."""

    interviewer: IntArray
    """(J,) positions in `Survey.interviewer_ids`."""
    n_interviews: IntArray
    """(J,) interviews of each in this model."""
    terms: tuple[str, ...]
    """(q,) "intercept" or "slope:NAME"."""
    eblup: FloatArray
    """(J, q), original scale; the intercept is taken where the predictors are 0."""
    conditional_sd: FloatArray
    """(J, q), sd of the effect given the data: for intervals."""
    diagnostic_se: FloatArray
    """(J, q), sd of the EBLUP itself: for QQ plots, eblup / diagnostic_se is standard normal in a true model."""
    deviation: FloatArray
    """(J, q), deletion residual: the interviewer's own least-squares departure from the fit without them,
    the intercept at the grand mean of the predictors; NaN where not estimable."""
    z: FloatArray
    """(J, q), deletion z as a normal score; NaN where not estimable."""
    p: FloatArray
    """(J, q), two-sided p of the deletion z (t with Satterthwaite df); NaN where not estimable."""


@dataclass(frozen=True, slots=True, eq=False)
class ModelResult:
    """One fitted model of one item; m interviews used. A failed fit has a reason and no numbers."""

    name: ModelName
    status: FitStatus
    reason: str | None
    """Why it failed, or what bound was reached; None when converged."""
    method: Literal["REML", "ML"]
    formula: str
    """The model in lme4's notation, for the methodologist."""
    n_interviews: int
    n_interviewers: int
    n_parameters: int
    loglik: float
    loglik_ml: float
    fixed_effects: tuple[FixedEffect, ...]
    variance: VarianceComponents
    tests: tuple[ModelTest, ...]
    referee: Referee
    effects: InterviewerEffects
    rows: IntArray
    """(m,) interviews used, as positions in the survey."""
    fitted: FloatArray
    """(m,) fitted values, interviewer effects included."""
    residuals: FloatArray
    """(m,) answers minus fitted values."""
