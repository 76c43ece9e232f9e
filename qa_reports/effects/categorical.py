"""Logistic and cumulative-logit random-intercept models of answers in few categories, by maximum likelihood.

P(y <= k) = F(theta_k - x b - u_j), F logistic, u_j ~ N(0, sd^2). With two categories this is the logistic model whose
intercept is -theta_0. The integral over u_j is an adaptive Gauss-Hermite quadrature, as in lme4::glmer(nAGQ = 10) and
ordinal::clmm(nAGQ = 10). Arrays only: nothing here knows a survey. To call it:

    one = CategoricalColumns(fixed, category, interviewer, count)       # no constant among the columns of `fixed`
    fit = fit_categorical_models([one], n_interviewers)[0]
    if isinstance(fit, CategoricalFit): fit.latent_icc, fit.mode, ...   # else fit.reason says why there is none
    low, high = latent_icc_interval(one, fit)

Categories are numbered 0, 1, .. in their order with none left out: `number_categories` does it for any values. Counts
are all that matters, so interviews with the same interviewer, covariates and category may be given once with their
number. Models of one shape (number of categories, number of covariates) are fitted together.
Sizes: m rows, J interviewers, C categories, p covariates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from qa_reports.effects.distributions import chi2_isf
from qa_reports.effects.inference import boundary_p
from qa_reports.effects.quadrature import Evaluation, Parameters, Rows, build_rows, evaluate

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

NODES = 10
"""Quadrature nodes; lme4 and ordinal are given the same number in the reference tables."""
MOST_CATEGORIES = 12
"""More categories than this are not worth a threshold each."""
_ITERATIONS = 60
_DECREMENT = 1e-13
"""Twice the log-likelihood still to be gained, by Newton's own estimate, over the size of the log-likelihood: done."""
_SEPARATED = 15.0
"""A coefficient of this many logits per standard deviation has no maximum."""
_FLAT = 1e-8
"""Information per interview about a direction of the standardised parameters below which the maximum is at infinity:
the search stops before the coefficients run as far as `_SEPARATED` where only a few answers are separated."""
_BOUNDLESS = 12.0
"""A random intercept with this sd (latent ICC .98) means that answers hardly vary within interviewers."""
_PROFILE_DECREMENT = 1e-9
"""As `_DECREMENT`, for the points of a profile: far below what the ends of an interval notice."""
_SD_PRECISION = 1e-6
"""Of the ends of an interval, logits."""
_FIRST_REACH = 0.3
"""First sd, in logits, tried as the upper end where the estimate is zero."""
FLATTENING = 0.346
"""A normal effect of variance v flattens the logistic curve by sqrt(1 + .346 v) (Zeger, Liang & Albert 1988)."""
_STEP = 3.0
"""Longest step of a coefficient, in logits."""


class CategoricalColumns(Struct, frozen=True, eq=False):
    """What one model is fitted to; m rows."""

    fixed: FloatArray
    """(m, p) covariates; no constant, p may be 0."""
    category: IntArray
    """(m,) 0 .. C-1 in their order, every one in use."""
    interviewer: IntArray
    """(m,) 0 .. J-1."""
    count: FloatArray | None = None
    """(m,) how many interviews a row stands for; None is one each."""


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


class CategoricalFailure(Struct, frozen=True):
    """A model that cannot be estimated, and why, as a clause for a sentence."""

    reason: str
    column: int | None = None
    """The column of `fixed` that is to blame, where it is one."""


def latent_icc(sd: float) -> float:
    """Var(u) / (Var(u) + pi^2 / 3) for a random intercept with this sd on the logit scale."""
    return sd**2 / (sd**2 + np.pi**2 / 3)


def number_categories(values: FloatArray) -> tuple[FloatArray, IntArray]:
    """The distinct values (C,) in ascending order, and each value's (m,) place among them."""
    levels, category = np.unique(values, return_inverse=True)
    return levels, category.reshape(values.shape).astype(np.int64)


class PreparedColumns(Struct, frozen=True, eq=False):
    """One model ready for the quadrature: covariates standardised, equal rows counted together, by interviewer."""

    covariates: FloatArray
    """(R, p)."""
    category: IntArray
    """(R,)."""
    group: IntArray
    """(R,) 0 .. G-1, places in `present`."""
    count: FloatArray
    """(R,)."""
    centre: FloatArray
    """(p,) what was subtracted from the covariates."""
    scale: FloatArray
    """(p,) what they were divided by."""
    present: IntArray
    """(G,) the interviewers that have rows."""
    n_categories: int


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


def prepare_columns(columns: CategoricalColumns) -> PreparedColumns | CategoricalFailure:
    """Check the columns, standardise the covariates and count equal rows together."""
    count = np.ones(len(columns.category)) if columns.count is None else np.asarray(columns.count, dtype=float)
    used = count > 0
    category, interviewer, fixed = columns.category[used], columns.interviewer[used], columns.fixed[used]
    count = count[used]
    if not len(category):
        return CategoricalFailure("there are no answers")
    totals = np.bincount(category, weights=count)
    if (totals == 0).any():
        return CategoricalFailure(
            f"nobody chose category {int(np.argmin(totals))}: number the chosen ones without gaps"
        )
    if len(totals) < 2:
        return CategoricalFailure("all answers are the same")
    if len(totals) > MOST_CATEGORIES:
        return CategoricalFailure(f"{len(totals)} different answers are too many for one threshold each")
    present, group = np.unique(interviewer, return_inverse=True)
    if len(present) < 2:
        return CategoricalFailure("there is only one interviewer")
    if not _varies_within(group, category):
        return CategoricalFailure(
            "no interviewer has two different answers, so nothing tells interviewers from respondents"
        )
    centre = count @ fixed / count.sum()
    scale = np.sqrt(count @ (fixed - centre) ** 2 / count.sum())
    if (scale <= 0).any():
        return CategoricalFailure("a covariate does not vary", int(np.argmin(scale)))
    inside = (fixed - centre) / scale
    order = np.lexsort([*inside.T, category, group])
    category, group, inside = category[order], group[order], inside[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (np.diff(group) != 0) | (np.diff(category) != 0) | (np.diff(inside, axis=0) != 0).any(axis=1)
    first = np.flatnonzero(new)
    return PreparedColumns(
        covariates=inside[first], category=category[first], group=group[first],
        count=np.add.reduceat(count[order], first), centre=centre, scale=scale, present=present,
        n_categories=len(totals),
    )  # fmt: skip


def _varies_within(group: IntArray, category: IntArray) -> bool:
    low, high = np.full(group.max() + 1, np.iinfo(np.int64).max), np.full(group.max() + 1, -1)
    np.minimum.at(low, group, category)
    np.maximum.at(high, group, category)
    return bool((high > low).any())


def _fit_batch(
    batch: Sequence[PreparedColumns], n_interviewers: int, nodes: int
) -> list[CategoricalFit | CategoricalFailure]:
    rows = rows_of(batch)
    without = maximise(rows, starting_values(rows), nodes=1, free_sd=False)
    slope, information = sd_slope_at_zero(rows, without.at)
    # One scoring step from zero; where the slope is downhill there may still be a maximum further up.
    start = np.sqrt(np.clip(slope / np.maximum(information, 1e-12), 0.05, 4.0))
    inner = maximise(rows, replace(without.at, sd=start), nodes=nodes, free_sd=True, modes=np.zeros(rows.n_groups))
    return [_result(one, rows, f, without, inner, n_interviewers) for f, one in enumerate(batch)]


def starting_values(rows: Rows) -> Parameters:
    """Thresholds from the marginal shares of the categories, no covariate matters, no variance."""
    own = rows.fit[rows.group]
    totals = np.zeros((rows.n_fits, rows.n_categories))
    np.add.at(totals, (own, rows.category), rows.count)
    share = np.cumsum(totals, axis=1)[:, :-1] / totals.sum(axis=1, keepdims=True)
    return Parameters(
        np.log(share / (1 - share)), np.zeros((rows.n_fits, rows.covariates.shape[1])), np.zeros(rows.n_fits)
    )


class Maximum(Struct, frozen=True, eq=False):
    """Where the likelihood of F fits is highest."""

    at: Parameters
    found: NDArray[np.bool_]
    """(F,) whether the search arrived."""
    here: Evaluation
    gradient: FloatArray
    """(F, D)."""
    curvature: FloatArray
    """(F, D, D)."""


def maximise(
    rows: Rows,
    start: Parameters,
    *,
    nodes: int = NODES,
    free_sd: bool = True,
    modes: FloatArray | None = None,
    decrement: float = _DECREMENT,
    iterations: int = _ITERATIONS,
) -> Maximum:
    """Newton with the exact gradient, step halving, and curvature made definite where the likelihood is not concave.

    With the sd held (`free_sd` false) the likelihood is log-concave (Prekopa 1973; Pratt 1981, JASA 76), so there is
    one maximum at most.
    """
    at, here = start, evaluate(rows, start, nodes, modes)
    active = np.ones(rows.n_fits, dtype=bool)
    for iteration in range(iterations + 1):
        gradient, curvature = _per_fit(rows, here)
        step, left = _newton_step(gradient, curvature, free_sd)
        active &= left > decrement * np.maximum(1.0, np.abs(here.loglik))
        active &= ~_runaway(at)
        if not active.any() or iteration == iterations:
            break
        step = _within_reach(at, step) * active[:, None]
        at, here, stuck = _climb(rows, at, here, step, nodes)
        active &= ~stuck
    found = (left < 1e-6 * np.maximum(1.0, np.abs(here.loglik))) & ~_runaway(at)
    return Maximum(at, found, here, gradient, curvature)


def _per_fit(rows: Rows, here: Evaluation) -> tuple[FloatArray, FloatArray]:
    first = np.searchsorted(rows.fit, np.arange(rows.n_fits))
    return np.add.reduceat(here.gradient, first), np.add.reduceat(here.curvature, first)


def _newton_step(gradient: FloatArray, curvature: FloatArray, free_sd: bool) -> tuple[FloatArray, FloatArray]:
    """(F, D) step and (F,) gradient times step; directions of the wrong curvature are taken with their sign turned."""
    used = gradient.shape[1] - (0 if free_sd else 1)
    # In units of each parameter's own curvature, so that no direction is small by its scale alone.
    unit = 1 / np.sqrt(np.maximum(np.abs(np.diagonal(curvature, axis1=1, axis2=2)[:, :used]), 1e-12))
    inside = -curvature[:, :used, :used] * unit[:, :, None] * unit[:, None]
    values, vectors = np.linalg.eigh((inside + np.swapaxes(inside, 1, 2)) / 2)
    values = np.maximum(np.abs(values), 1e-8)
    projected = np.einsum("fdk,fd->fk", vectors, gradient[:, :used] * unit)
    step = np.zeros_like(gradient)
    step[:, :used] = np.einsum("fdk,fk->fd", vectors, projected / values) * unit
    return step, (projected**2 / values).sum(axis=1)


def _within_reach(at: Parameters, step: FloatArray) -> FloatArray:
    """No parameter moves by more than `_STEP` logits, and the sd falls to a quarter of itself at most."""
    size = np.maximum(np.abs(step).max(axis=1) / _STEP, -step[:, -1] / np.maximum(0.75 * at.sd, 1e-300))
    return np.asarray(step / np.maximum(size, 1.0)[:, None])


def _climb(
    rows: Rows, at: Parameters, here: Evaluation, step: FloatArray, nodes: int
) -> tuple[Parameters, Evaluation, NDArray[np.bool_]]:
    """Take the step, halved until the likelihood does not fall; (F,) fits where no length of it helps stay."""
    tolerance = 1e-12 * np.maximum(1.0, np.abs(here.loglik))
    for _ in range(30):
        moved = at.moved(step)
        there = evaluate(rows, moved, nodes, here.mode)
        worse = there.loglik < here.loglik - tolerance
        if not worse.any():
            return moved, there, worse
        step = np.where(worse[:, None], step / 2, step)
    step = np.where(worse[:, None], 0.0, step)
    moved = at.moved(step)
    return moved, evaluate(rows, moved, nodes, here.mode), worse


def _runaway(at: Parameters) -> NDArray[np.bool_]:
    """(F,) fits with a parameter beyond what a maximum can have."""
    far = (np.abs(at.slopes) > _SEPARATED).any(axis=1) | (np.abs(at.thresholds) > 3 * _SEPARATED).any(axis=1)
    return far | (at.sd > _BOUNDLESS)


def sd_slope_at_zero(rows: Rows, at: Parameters) -> tuple[FloatArray, FloatArray]:
    """(F,) the derivative of the log-likelihood by the variance at variance zero, and its expected information.

    Half the sum over interviewers of (score^2 - information), score and information by a shift of all their logits.
    """
    # Two nodes integrate v^2 exactly where the integrand is the normal density; by the sd the slope is zero there, and
    # its derivative by the variance half the second one by the sd.
    curvature = evaluate(rows, replace(at, sd=np.zeros(rows.n_fits)), 2).curvature
    cut = rows.n_categories - 1
    information = -curvature[:, :cut, :cut].sum(axis=(1, 2))
    slope, expected = (
        np.bincount(rows.fit, weights=values, minlength=rows.n_fits) / 2
        for values in (curvature[:, -1, -1], information**2)
    )
    return slope, expected


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
    information = -best.curvature[f]
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
    if len(slopes) and slopes.max() > _SEPARATED / 2:
        return _separated(int(slopes.argmax()))
    if at.sd[f] > _BOUNDLESS / 2:
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


def latent_icc_interval(
    columns: CategoricalColumns, fit: CategoricalFit, level: float = 0.95, nodes: int = NODES
) -> tuple[float, float]:
    """Profile-likelihood interval of the latent ICC: every value whose best log-likelihood lies near the maximum.

    The lower end is 0 where the data do not exclude it, the upper end 1 where no variance is too large for them.
    """
    prepared = prepare_columns(columns)
    if isinstance(prepared, CategoricalFailure):
        raise ValueError(prepared.reason)
    rows = rows_of([prepared])
    whole = Parameters(
        (fit.thresholds - prepared.centre @ fit.fixed)[None], (fit.fixed * prepared.scale)[None], np.array([fit.sd])
    )
    reach = float(np.sqrt(chi2_isf(1 - level, 1)))
    last = whole
    modes: FloatArray | None = None

    def excess(sd: float) -> tuple[float, float]:
        """The signed root of the deviance above its minimum, nearly a line in the sd, over its allowed value; and its
        derivative, which is that of the likelihood with the other parameters held, because they are at their best."""
        nonlocal last, modes
        # A normal effect flattens the logistic curve: this is close to where the other parameters will be.
        flatter = np.sqrt((1 + FLATTENING * sd**2) / (1 + FLATTENING * last.sd[0] ** 2))
        held = Parameters(last.thresholds * flatter, last.slopes * flatter, np.array([sd]))
        best = maximise(rows, held, nodes=nodes, free_sd=False, modes=modes, decrement=_PROFILE_DECREMENT)
        last, modes = best.at, best.here.mode
        root = float(np.sqrt(2 * max(fit.loglik - best.here.loglik[0], 0.0)))
        return root - reach, -float(best.gradient[0, -1]) / max(root, 1e-9)

    low = 0.0
    if np.sqrt(fit.lr_statistic) > reach:
        near = fit.sd - 2.2 * (fit.sd_se or fit.sd)
        low = _end(excess, near if near > 0 else fit.sd / 2, fit.sd, 0.0)
    last, modes = whole, None
    step = 2 * fit.sd_se if fit.sd_se is not None else _FIRST_REACH
    high = _end(excess, fit.sd + step, fit.sd, np.inf)
    return latent_icc(low), 1.0 if high > _BOUNDLESS else latent_icc(high)


def _end(excess: Callable[[float], tuple[float, float]], sd: float, inside: float, outside: float) -> float:
    """Where the excess, negative `inside` and positive `outside`, is zero: Newton steps from `sd`, held in between.

    A value above `_BOUNDLESS` where there is no such place below.
    """
    best = inside
    for _ in range(50):
        found, slope = excess(sd)
        inside, outside = (inside, sd) if found > 0 else (sd, outside)
        with np.errstate(divide="ignore", invalid="ignore"):
            onwards = sd - float(np.divide(found, slope))
        if abs(found) < _SD_PRECISION or abs(outside - inside) <= _SD_PRECISION or inside > _BOUNDLESS:
            break
        if np.isinf(outside):  # no further than twice as far at once
            longest = best + 2 * (sd - best)
            sd = onwards if sd < onwards < longest else longest
        else:
            sd = onwards if min(inside, outside) < onwards < max(inside, outside) else (inside + outside) / 2
    return sd


def rows_of(batch: Sequence[PreparedColumns]) -> Rows:
    """The rows of models of one shape, for the quadrature."""
    return build_rows(
        [one.covariates for one in batch], [one.category for one in batch], [one.group for one in batch],
        [one.count for one in batch], batch[0].n_categories,
    )  # fmt: skip
