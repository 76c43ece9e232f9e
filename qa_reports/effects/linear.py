"""One linear random-effects model of one item, planned and fitted, in the survey's words."""

from __future__ import annotations

from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy import special

from qa_reports.effects.intervals import Interval
from qa_reports.effects.moments import Columns, CrossProducts
from qa_reports.survey.whole import ModelColumn, Rows

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

ModelName = Literal["null", "adjusted", "slope", "covariates"]
FitStatus = Literal["converged", "zero_variance", "singular", "failed"]


class FixedEffect(Struct, frozen=True):
    """One fixed effect on the original scale; `se` is its standard error, `df` Satterthwaite's."""

    term: str
    """"(Intercept)", a covariate's name, "name: level" for a category, "a:b" for an interaction."""
    estimate: float
    se: float
    df: float | None
    statistic: float
    p: float

    @property
    def interval(self) -> Interval | None:
        """95 % interval, estimate -+ t(df) se; None where there are no degrees of freedom or no standard error."""
        if self.df is None or not np.isfinite(self.df) or not np.isfinite(self.se):
            return None
        reach = float(special.stdtrit(self.df, 0.975)) * self.se
        return Interval(self.estimate - reach, self.estimate + reach)


class VarianceComponents(Struct, frozen=True):
    """Variance components on the original scale (squared units of the answer)."""

    intercept: float | None
    """Variance of the random intercepts (where every slope predictor is 0); None for slope-only models."""
    residual: float
    slopes: tuple[tuple[str, float], ...] = ()
    """(predictor, variance of its random slopes)."""
    covariances: tuple[tuple[str, str, float], ...] = ()
    """(term, term, covariance), terms "intercept" or "slope:NAME"."""

    @property
    def correlations(self) -> tuple[tuple[str, str, float | None], ...]:
        """(term, term, correlation) of every covariance; None where one of the two variances is 0."""
        variances = {"intercept": self.intercept or 0.0, **{f"slope:{name}": value for name, value in self.slopes}}

        def correlation(covariance: float, product: float) -> float | None:
            return float(np.clip(covariance / np.sqrt(product), -1.0, 1.0)) if product > 0 else None

        return tuple(
            (one, other, correlation(covariance, variances[one] * variances[other]))
            for one, other, covariance in self.covariances
        )


class ComponentPrecision(Struct, frozen=True):
    """How well one variance component is known. The test of the component deserves more trust than its `se`."""

    term: str
    """"intercept", "slope:NAME", "TERM,TERM" of a covariance, "residual", or "correlation:TERM,TERM"."""
    se: float | None
    """Standard error from the observed information, squared units; None at a bound and for a correlation."""
    interval: Interval | None
    """95 % profile-likelihood interval; None where it is not computed."""


class ModelTest(Struct, frozen=True):
    """A test of a part of the model, e.g. of the intercept variance."""

    name: str
    statistic: float
    p: float
    method: str


class GroupTest(Struct, frozen=True):
    """Joint test of several fixed effects, e.g. of a covariate with several categories."""

    name: str
    terms: tuple[str, ...]
    statistic: float
    """Wald F, REML."""
    df: float
    """Denominator degrees of freedom (Satterthwaite, Fai-Cornelius)."""
    p: float
    likelihood_ratio: float | None
    """Twice the fall of the ML log-likelihood without the terms."""
    likelihood_ratio_p: float | None
    """Chi-square with len(terms) degrees of freedom."""


class Referee(Struct, frozen=True):
    """statsmodels' log-likelihood at our estimates beside ours, on a sample where there are very many interviews; NaN,
    and no agreement, where it was not asked."""

    loglik: float
    """What statsmodels' MixedLM.loglike says."""
    loglik_difference: float
    """Ours minus theirs."""
    agrees: bool
    n_interviews: int
    """Interviews that it was asked about, all of the model unless there are very many; 0 where it was not asked."""


class InterviewerEffects(Struct, frozen=True, eq=False):
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
    deviation_se: FloatArray
    """(J, q), standard error of the deviation for a normal interviewer."""
    z: FloatArray
    """(J, q), deletion z as a normal score; NaN where not estimable."""
    p: FloatArray
    """(J, q), two-sided p of the deletion z (t with Satterthwaite df); NaN where not estimable."""
    reliability: FloatArray
    """(J, q), share of the EBLUP's variance that is signal, 1 - conditional_sd^2/Var(u): with one random intercept
    Var(u)/(Var(u) + s2/n_j); 0 at zero variance."""
    expected_rank: FloatArray
    """(J, q), expected rank among the J interviewers, 1 lowest (Laird & Louis 1989, J. Educ. Stat. 14)."""
    detectable: FloatArray
    """(J, q), smallest true shift found with 80 % power at p < .001 with this workload; NaN where not judged."""
    variance_ratio: FloatArray
    """(J, q), variance component without the interviewer over that with them; NaN where not judged or 0."""
    cooks_distance: FloatArray
    """(J,), change of the fixed effects without the interviewer; NaN where not judged."""
    covariance_ratio: FloatArray
    """(J,), det Var(b) without the interviewer over that with them; NaN where not judged."""
    residual_ratio: FloatArray
    """(J,), residual variance without the interviewer over that with them; NaN where not judged."""
    fixed_change: FloatArray
    """(J, p), each fixed effect without the interviewer minus that with them, original scale, in the order of
    `ModelResult.fixed_effects`; NaN where not judged."""
    deviation_df: FloatArray | None = None
    """(J, q), Satterthwaite degrees of freedom of `deviation_se` squared; None where nobody is judged."""


class MaximumLikelihood(Struct, frozen=True):
    """The same model by maximum likelihood, shown beside REML for slope models."""

    loglik: float
    fixed_effects: tuple[FixedEffect, ...]
    variance: VarianceComponents
    tests: tuple[ModelTest, ...]


class ModelResult(Struct, frozen=True, eq=False):
    """One fitted model of one item; m interviews used."""

    name: ModelName
    status: FitStatus
    """Never "failed": a model that cannot be estimated is a `FailedModel`."""
    reason: str | None
    """What bound was reached; None when converged."""
    method: Literal["REML", "ML"]
    formula: str
    """The model in lme4's notation, for the methodologist."""
    n_interviews: int
    n_interviewers: int
    n_parameters: int
    loglik: float
    loglik_ml: float
    fixed_effects: tuple[FixedEffect, ...]
    dropped_terms: tuple[str, ...]
    """Fixed effects left out because the columns before them determine them."""
    variance: VarianceComponents
    tests: tuple[ModelTest, ...]
    precision: tuple[ComponentPrecision, ...]
    exact_p: float | None
    """p of the exact restricted likelihood-ratio test of a single random term (null and slope-only models)."""
    icc_interval: Interval | None
    """95 % profile-likelihood interval of Var(u)/(Var(u) + s2), random-intercept models."""
    group_tests: tuple[GroupTest, ...]
    by_ml: MaximumLikelihood | None
    referee: Referee
    effects: InterviewerEffects
    predictor_sd: FloatArray
    """(q,) standard deviation of the column each random term belongs to; 0 for the intercept."""
    rows: IntArray
    """(m,) interviews used, as positions in the survey."""
    interviewer: IntArray
    """(m,) their interviewers, as positions in `Survey.interviewer_ids`."""
    fitted: FloatArray
    """(m,) fitted values, interviewer effects included."""
    residuals: FloatArray
    """(m,) answers minus fitted values."""

    @property
    def aic(self) -> float:
        """Akaike's criterion of the maximum-likelihood fit: comparable between models of the same interviews."""
        return -2 * self.loglik_ml + 2 * self.n_parameters

    @property
    def bic(self) -> float:
        """Schwarz's criterion of the maximum-likelihood fit, with the number of interviews."""
        return -2 * self.loglik_ml + float(np.log(self.n_interviews)) * self.n_parameters


class FailedModel(Struct, frozen=True):
    """A model that was asked for and could not be estimated, with the reason in one sentence."""

    name: ModelName
    reason: str


class WholeModel(Struct, frozen=True, eq=False):
    """A model over interviews that are not at hand."""

    rows: Rows
    columns: tuple[ModelColumn, ...]
    """(p,) what each fixed column of the plan is made of."""
    products: CrossProducts


class ModelPlan(Struct, frozen=True, eq=False):
    """What to fit: one model of one item, complete cases only (m of them)."""

    name: ModelName
    formula: str
    terms: tuple[str, ...]
    """(p,) names of the fixed columns, "(Intercept)" first."""
    columns: Columns
    rows: IntArray
    """(m,) the interviews, as positions in the survey."""
    random: tuple[int, ...]
    """(q,) fixed columns with a random term."""
    dropped_terms: tuple[str, ...] = ()
    groups: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """(name, terms) of fixed effects to test together."""
    judge: bool = False
    """Whether interviewers are judged by this model (deletion z)."""
    precise: bool = True
    """Whether intervals and exact tests are wanted; a comparison does without."""
    checked: bool = True
    """Whether statsmodels is asked for a second opinion; not about a model that serves a comparison only."""
    judgement_only: bool = False
    """Whether nothing is wanted but the fit and who lies how far from it: no tests, intervals or second opinion."""
    whole: WholeModel | None = None
    """All interviews of the model, where `columns` has a sample of them."""

    @property
    def n_interviews(self) -> int:
        """Interviews of the model, at hand or not."""
        return len(self.rows) if self.whole is None else int(self.whole.products.n.sum())

    @property
    def data(self) -> Columns | CrossProducts:
        """What the moments are made of."""
        return self.columns if self.whole is None else self.whole.products

    @property
    def random_terms(self) -> tuple[str, ...]:
        """(q,) "intercept" or "slope:NAME"."""
        return tuple("intercept" if k == 0 else f"slope:{self.terms[k]}" for k in self.random)
