"""How remarkable an interviewer's total is under a categorical model fitted without them.

A linear z is wrong for binary, count and skewed answers. Here the distribution of the sum of an interviewer's scores is
computed exactly (beyond thousands of interviews, its tails are approximated) under the model of everybody else, and
its (mid-p) tail is the p. Arrays only; to call it:

    tails = predictive_tails(columns, fit, scores, n_interviewers)      # scores (C,), e.g. the answers' own values
    tails.p, tails.z                                                     # (J,), NaN where nobody can be judged

Sizes: J interviewers, C categories, D parameters, U nodes of the random intercept.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy import fft, special

from qa_reports.effects.categorical import (
    NODES,
    CategoricalColumns,
    CategoricalFailure,
    CategoricalFit,
    PreparedColumns,
    maximise,
    prepare_columns,
    rows_of,
)
from qa_reports.effects.distributions import binomial_mid_p, normal_isf, t_sf
from qa_reports.effects.quadrature import Parameters, evaluate
from qa_reports.effects.saddlepoint import saddlepoint_tails

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_REFINED = 0.05
"""Interviewers whose p is below this after one Newton step get the model refitted in full without them."""
_DECREMENT = 1e-9
"""Relative log-likelihood at which such a refit is good enough for a tail."""
_SMALLEST = 1e-12
"""Smallest tail that sums of thousands of rounded numbers can tell from zero."""
_REACH = 6.5
"""Standard deviations of the random intercept that are integrated over, either side."""
_LONGEST = 50
"""Scores on a lattice of more steps than this are replaced by the categories' numbers."""
_WIDEST = 200.0
"""Standard deviations of an interviewer's own logit that the intercept is let vary by: it sets the number of nodes."""
_CERTAIN = 1e-12
"""Information on a logit below which an answer counts as certain."""
_PATTERNS = 24
"""An interviewer with more different covariate patterns has neighbouring ones taken together."""
_MOST_EXACT = 2_000
"""Interviews of an interviewer beyond which the tail of their total is approximated: the distribution takes long, and
the approximation is good to some thousandths of the tail by then."""
_NOTHING = 1e-25
"""Size of a transform that is left out: all that is left out together moves no chance by as much as rounding does."""
_TOGETHER = 25
"""Interviewers of like workloads whose totals are computed in one go."""
_CHUNK = 4_000_000
"""Rows times nodes of refits held at once."""


_Tails = tuple[FloatArray, FloatArray, FloatArray, FloatArray]
"""(k,) chances of less and of more than the total, half the chance of the total itself in both; mean and sd of it."""


class PredictiveTails(Struct, frozen=True, eq=False):
    """J interviewers, each held against the model of all others; NaN where that model has no estimate."""

    p: FloatArray
    """(J,) two-sided: twice the smaller mid-p tail of the own total, the sd of the others taken as estimated (t)."""
    z: FloatArray
    """(J,) normal score of p with the sign of the deviation."""
    expected: FloatArray
    """(J,) expected mean score of a normal interviewer with the same covariates and number of interviews."""
    sd: FloatArray
    """(J,) standard deviation of that mean score."""


class _Without(Struct, frozen=True, eq=False):
    """The model without each of k interviewers, standardised columns."""

    at: Parameters
    """k fits."""
    covariance: FloatArray
    """(k, D-1, D-1) of thresholds and coefficients."""
    found: NDArray[np.bool_]
    """(k,)."""


def predictive_tails(
    columns: CategoricalColumns, fit: CategoricalFit, scores: FloatArray, n_interviewers: int, nodes: int = NODES
) -> PredictiveTails:
    """Judge every interviewer's total score by its predictive distribution under the model without them.

    The refits start from one Newton step away from the whole fit, which is all that unremarkable interviewers need; the
    others are refitted in full. A category nobody else chose counts as half an answer among the others. Where all
    others give the same answer, the number of different ones is held against a binomial with share (0 + 1/2) / (n + 1).
    """
    prepared = prepare_columns(columns)
    empty = np.full(n_interviewers, np.nan)
    tails = PredictiveTails(empty, empty.copy(), empty.copy(), empty.copy())
    if isinstance(prepared, CategoricalFailure) or len(prepared.present) < 3:
        return tails
    steps, unit = _lattice(scores)
    others, constant = _others(prepared)
    everyone = np.arange(len(prepared.present))
    without = _one_step(prepared, fit, nodes)
    usable = np.flatnonzero(without.found & ~(others == 0).any(axis=1))
    found = np.full((4, len(everyone)), np.nan)
    found[:, usable] = _judge(prepared, usable, _chosen(without, usable), steps)
    again = np.flatnonzero(~constant & ~(found[0] > _REFINED))
    for part in np.array_split(again, max(1, -(-len(again) * len(prepared.count) * nodes // _CHUNK))):
        if len(part):
            found[:, part] = _judge(prepared, part, _refit(prepared, fit, part, _chosen(without, part), nodes), steps)
    for j in np.flatnonzero(constant):
        found[:, j] = _against_constant(prepared, int(j), others[j], steps)
    tails.p[prepared.present], tails.z[prepared.present] = found[0], found[1]
    tails.expected[prepared.present] = scores[0] + unit * found[2]
    tails.sd[prepared.present] = unit * found[3]
    return tails


def _lattice(scores: FloatArray) -> tuple[IntArray, float]:
    """Scores as whole steps from the first one and the size of a step; the categories' numbers where there is none."""
    gaps = np.asarray(scores, dtype=float) - scores[0]
    whole = np.round(gaps).astype(np.int64)
    if np.allclose(gaps, whole, atol=1e-9):
        step = int(np.gcd.reduce(whole)) or 1
        if 0 < whole[-1] // step <= _LONGEST:
            return whole // step, float(step)
    return np.arange(len(scores)), float(gaps[-1] / (len(scores) - 1))


def _others(prepared: PreparedColumns) -> tuple[FloatArray, NDArray[np.bool_]]:
    """(G, C) answers of everybody else in each category, and (G,) whether these are all in one category."""
    own = np.zeros((len(prepared.present), prepared.n_categories))
    np.add.at(own, (prepared.group, prepared.category), prepared.count)
    others = own.sum(axis=0) - own
    return others, (others > 0).sum(axis=1) == 1


def _inside(prepared: PreparedColumns, fit: CategoricalFit) -> Parameters:
    return Parameters(
        (fit.thresholds - prepared.centre @ fit.fixed)[None], (fit.fixed * prepared.scale)[None], np.array([fit.sd])
    )


def _chosen(without: _Without, positions: IntArray) -> _Without:
    return _Without(without.at.of(positions), without.covariance[positions], without.found[positions])


def _one_step(prepared: PreparedColumns, fit: CategoricalFit, nodes: int) -> _Without:
    """One Newton step from the whole fit, with the exact gradient and curvature of the others."""
    rows = rows_of([prepared])
    at = _inside(prepared, fit)
    here = evaluate(rows, at, nodes if fit.sd > 0 else 1)
    used = here.gradient.shape[1] - (0 if fit.sd > 0 else 1)
    information = (here.curvature - here.curvature.sum(axis=0))[:, :used, :used]
    definite = np.linalg.eigvalsh(information)[:, 0] > 1e-9
    information[~definite] = np.eye(used)
    covariance = np.linalg.inv(information)
    step = np.zeros((rows.n_groups, here.gradient.shape[1]))
    step[:, :used] = np.einsum("gde,ge->gd", covariance, -here.gradient[:, :used])
    step[:, -1] = np.maximum(step[:, -1], -0.75 * fit.sd)
    repeated = at.of(np.zeros(rows.n_groups, dtype=np.int64)).moved(step)
    definite &= np.all(np.diff(repeated.thresholds, axis=1) > 0, axis=1)
    cells = here.gradient.shape[1] - 1
    return _Without(repeated, covariance[:, :cells, :cells], definite)


def _refit(prepared: PreparedColumns, fit: CategoricalFit, out: IntArray, start: _Without, nodes: int) -> _Without:
    """The k models without `out`, in full, from where one step led."""
    models = [_leave_out(prepared, int(j)) for j in out]
    rows = rows_of(models)
    whole = _inside(prepared, fit)
    first = whole.of(np.zeros(len(out), dtype=np.int64))
    usable = start.found[:, None]
    begin = Parameters(
        np.where(usable, start.at.thresholds, first.thresholds),
        np.where(usable, start.at.slopes, first.slopes),
        np.maximum(np.where(start.found, start.at.sd, first.sd), 0.05),
    )
    inner = maximise(rows, begin, nodes=nodes, decrement=_DECREMENT)
    none = maximise(
        rows,
        Parameters(begin.thresholds, begin.slopes, np.zeros(len(out))),
        nodes=1,
        free_sd=False,
        decrement=_DECREMENT,
    )
    higher = inner.here.loglik > none.here.loglik + 1e-9 * np.abs(none.here.loglik)
    at = Parameters(
        np.where(higher[:, None], inner.at.thresholds, none.at.thresholds),
        np.where(higher[:, None], inner.at.slopes, none.at.slopes),
        np.where(higher, inner.at.sd, 0.0),
    )
    found = np.where(higher, inner.found, none.found)
    cells = inner.gradient.shape[1] - 1
    covariance = np.zeros((len(out), cells, cells))
    for k in np.flatnonzero(found):
        information = -(inner.curvature[k] if higher[k] else none.curvature[k][:cells, :cells])
        covariance[k] = np.linalg.pinv(information, hermitian=True)[:cells, :cells]
    return _Without(at, covariance, found)


def _leave_out(prepared: PreparedColumns, j: int) -> PreparedColumns:
    """Everybody else, and half an answer in each category that only `j` chose, by an interviewer of its own."""
    kept = prepared.group != j
    group = prepared.group[kept] - (prepared.group[kept] > j)
    category, count, covariates = prepared.category[kept], prepared.count[kept], prepared.covariates[kept]
    missing = np.setdiff1d(np.arange(prepared.n_categories), category)
    extra = len(missing)
    return PreparedColumns(
        covariates=np.concatenate([covariates, np.zeros((extra, covariates.shape[1]))]),
        category=np.concatenate([category, missing]),
        group=np.concatenate([group, group.max() + 1 + np.arange(extra)]),
        count=np.concatenate([count, np.full(extra, 0.5)]),
        centre=prepared.centre,
        scale=prepared.scale,
        present=np.delete(prepared.present, j),
        n_categories=prepared.n_categories,
    )


class _Patterns(Struct, frozen=True, eq=False):
    """The covariate patterns of k interviewers, by interviewer."""

    owner: IntArray
    """(r,) 0 .. k-1, ascending."""
    covariates: FloatArray
    """(r, p)."""
    count: FloatArray
    """(r,)."""


def _patterns(prepared: PreparedColumns, who: IntArray, slopes: FloatArray) -> _Patterns:
    """The patterns of `who`; of interviewers with many, neighbours by their linear predictor are taken together."""
    width = prepared.covariates.shape[1]
    if not width:  # all interviews of an interviewer are alike
        n_interviews = np.bincount(prepared.group, weights=prepared.count)[who].astype(float)
        return _Patterns(np.arange(len(who)), np.empty((len(who), 0)), n_interviews)
    first = np.searchsorted(prepared.group, who)
    size = np.searchsorted(prepared.group, who, side="right") - first
    owner = np.repeat(np.arange(len(who)), size)
    ends = np.cumsum(size)
    rows = np.arange(len(owner)) + np.repeat(first - ends + size, size)
    x, count = prepared.covariates[rows], prepared.count[rows]
    order = np.lexsort((x @ slopes, owner))
    x, count = x[order], count[order]
    # Where an interviewer's pattern lies among all interviews of theirs, 0 to 1, and which of so many places that is.
    before = np.cumsum(count) - count / 2
    total = np.add.reduceat(count, ends - size)
    share = (before - np.repeat(np.cumsum(total) - total, size)) / np.repeat(total, size)
    place = np.minimum(share * _PATTERNS, _PATTERNS - 1).astype(np.int64)
    alike = (np.diff(place) == 0) & (np.diff(owner) == 0) & (np.repeat(size, size)[1:] > _PATTERNS)
    starts = np.flatnonzero(np.concatenate([[True], ~alike]))
    together = np.add.reduceat(count, starts)
    mean = np.add.reduceat(x * count[:, None], starts) / together[:, None]
    return _Patterns(owner[starts], mean, together)


def _judge(prepared: PreparedColumns, who: IntArray, without: _Without, steps: IntArray) -> FloatArray:
    """(4, k) p, z, expected mean and its sd, in steps of the lattice, of the interviewers `who`."""
    result = np.full((4, len(who)), np.nan)
    workload = np.bincount(prepared.group, weights=prepared.count)
    total = np.bincount(prepared.group, weights=prepared.count * steps[prepared.category])
    order = np.argsort(workload[who], kind="stable")
    order = order[without.found[order]]
    # Interviewers of like workloads together: the longest sum sets the length for all of them.
    for part in np.array_split(order, max(1, len(order) // _TOGETHER)):
        if not len(part):
            continue
        chosen, models, n = who[part], _chosen(without, part), workload[who[part]]
        patterns = _patterns(prepared, chosen, models.at.slopes.mean(axis=0))
        latent = _latent(patterns, models, steps)
        between = np.sqrt(models.at.sd**2 + latent.uncertainty)
        nodes = _nodes(patterns, models, between, latent)
        if n.max() > _MOST_EXACT:
            below, above, expected, spread = saddlepoint_tails(
                nodes.share, nodes.weight, patterns.owner, patterns.count, steps, np.round(total[chosen])
            )
        else:
            below, above, expected, spread = _exact_tails(
                nodes, patterns, steps, np.asarray(total[chosen], dtype=np.float64), int(n.max())
            )
        df = _degrees_of_freedom(prepared, chosen, models, latent)
        result[:2, part] = _two_sided(below, above, df)
        result[2:, part] = expected / n, spread / n
    return result


def _two_sided(below: FloatArray, above: FloatArray, df: FloatArray) -> FloatArray:
    """(2, k) p and signed normal score from mid-p tails; as with a z, the normal score is referred to t."""
    smaller = np.clip(np.minimum(below, above), _SMALLEST, 0.5)
    half = t_sf(normal_isf(smaller), df)
    return np.stack([2 * half, np.where(above < below, 1.0, -1.0) * normal_isf(half)])


class _Latent(Struct, frozen=True, eq=False):
    """k interviewers on the logit scale."""

    own: FloatArray
    """(k,) variance of what their total says about their logit, from the chance of single answers."""
    uncertainty: FloatArray
    """(k,) variance of where the others' model puts them."""


def _category_shares(thresholds: FloatArray, logit: FloatArray) -> FloatArray:
    """(..., C) probabilities from thresholds (..., C-1) and linear predictors (...)."""
    below = special.expit(thresholds - logit[..., None])
    edge = np.zeros((*logit.shape, 1))
    return np.diff(np.concatenate([edge, below, edge + 1], axis=-1), axis=-1)


def _latent(patterns: _Patterns, models: _Without, steps: IntArray) -> _Latent:
    """By the delta method at a random intercept of 0: how the expected total moves with logits and parameters."""
    at, owner = models.at, patterns.owner
    logit = np.einsum("rp,rp->r", patterns.covariates, at.slopes[owner])
    thresholds = at.thresholds[owner]
    share = _category_shares(thresholds, logit)
    # About the mean, not as a difference of squares, which rounding makes negative where an answer is nearly certain.
    variance = (share * (steps - (share @ steps)[:, None]) ** 2).sum(axis=1)
    below = special.expit(thresholds - logit[:, None])
    by_threshold = below * (1 - below) * np.diff(steps)
    by_logit = by_threshold.sum(axis=1)
    count = patterns.count
    slope = np.bincount(owner, weights=count * by_logit)
    certain = slope < _CERTAIN  # answers that cannot turn out otherwise say nothing about a logit
    slope = np.where(certain, 1.0, slope)
    cells = np.column_stack([-by_threshold, patterns.covariates * by_logit[:, None]]) * count[:, None]
    first = np.searchsorted(owner, np.arange(len(at.sd)))
    gradient = np.add.reduceat(cells, first) / slope[:, None]
    return _Latent(
        own=np.where(certain, 1 / _CERTAIN, np.bincount(owner, weights=count * variance) / slope**2),
        uncertainty=np.maximum(np.einsum("kd,kde,ke->k", gradient, models.covariance, gradient), 0.0),
    )


def _degrees_of_freedom(prepared: PreparedColumns, who: IntArray, models: _Without, latent: _Latent) -> FloatArray:
    """(k,) Satterthwaite degrees of freedom of the variance an interviewer is judged by, sd^2 of the others + chance.

    The information on sd^2 is that of J estimated effects with variances sd^2 + 1/I_j, which exists at zero variance.
    """
    everyone = np.arange(len(prepared.present))
    mean = _Without(
        models.at.of(np.zeros(len(everyone), dtype=np.int64)), np.zeros((len(everyone), 1, 1)), np.ones(1, dtype=bool)
    )
    patterns = _patterns(prepared, everyone, mean.at.slopes[0])
    logit = patterns.covariates @ mean.at.slopes[0]
    share = _category_shares(np.broadcast_to(mean.at.thresholds[0], (len(logit), prepared.n_categories - 1)), logit)
    below = np.cumsum(share, axis=1)
    score = below + np.column_stack([np.zeros(len(logit)), below[:, :-1]]) - 1
    information = np.bincount(patterns.owner, weights=patterns.count * (share * score**2).sum(axis=1))
    variance = models.at.sd[:, None] ** 2 + 1 / np.maximum(information, _CERTAIN)
    precision = 1 / variance**2
    precision[np.arange(len(who)), who] = 0.0
    judged = models.at.sd**2 + latent.uncertainty + latent.own
    return np.asarray(np.maximum(judged**2 * precision.sum(axis=1), 1.0))


class _Nodes(Struct, frozen=True, eq=False):
    """Points of the random intercept, and the chances of single answers there."""

    weight: FloatArray
    """(U,) they sum to 1."""
    share: FloatArray
    """(r, U, C)."""


def _nodes(patterns: _Patterns, models: _Without, between: FloatArray, latent: _Latent) -> _Nodes:
    """A trapezoid sum over the normal intercept is exact to rounding once its step is small beside both the normal and
    the width over which the total follows the intercept."""
    # Where the intercept is as good as unknown, all answers are at one end or the other: how far out does not matter.
    between = np.minimum(between, _WIDEST * np.sqrt(latent.own))
    width = np.sqrt(latent.own) / np.maximum(between, 1e-9)
    step = float((width / np.sqrt(1 + width**2)).min())
    half = int(np.ceil(_REACH / step)) if between.max() > 0 else 0
    node = step * np.arange(-half, half + 1)
    weight = np.exp(-(node**2) / 2)
    owner = patterns.owner
    logit = np.einsum("rp,rp->r", patterns.covariates, models.at.slopes[owner])
    share = _category_shares(models.at.thresholds[owner][:, None], logit[:, None] + between[owner][:, None] * node)
    return _Nodes(weight / weight.sum(), share)


def _exact_tails(nodes: _Nodes, patterns: _Patterns, steps: IntArray, total: FloatArray, most: int) -> _Tails:
    """From the distribution of each total: products of characteristic functions, over the intercept."""
    length = fft.next_fast_len(most * int(steps[-1]) + 1, real=True)
    wave = np.exp(-2j * np.pi / length * np.outer(steps, np.arange(length // 2 + 1)))
    first = np.searchsorted(patterns.owner, np.arange(len(total)))
    transform = np.zeros((len(total), wave.shape[1]), dtype=complex)
    for u, weight in enumerate(nodes.weight):
        single = nodes.share[:, u] @ wave
        if (patterns.count != 1).any():
            # The transform of a sum of many answers is nothing at most frequencies.
            size = np.add.reduceat(patterns.count[:, None] * np.log(np.maximum(np.abs(single), _NOTHING)), first)
            some = (size > np.log(_NOTHING)).any(axis=0)
            transform[:, some] += weight * np.multiply.reduceat(single[:, some] ** patterns.count[:, None], first)
        else:
            transform += weight * np.multiply.reduceat(single, first)
    chances = np.asarray(np.maximum(fft.irfft(transform, length), 0.0))
    values = np.arange(chances.shape[1])
    own = np.round(total).astype(np.int64)
    here = chances[np.arange(len(own)), own]
    below = np.where(values < own[:, None], chances, 0.0).sum(axis=1) + here / 2
    above = np.where(values > own[:, None], chances, 0.0).sum(axis=1) + here / 2
    expected = np.asarray(chances @ values, dtype=np.float64)
    return below, above, expected, np.sqrt(np.maximum(chances @ values**2 - expected**2, 0.0))


def _against_constant(prepared: PreparedColumns, j: int, others: FloatArray, steps: IntArray) -> FloatArray:
    """(4,) as `_judge`, where all others give one answer: how many different answers are there by chance?"""
    usual = int(others.argmax())
    mine = prepared.group == j
    count, away = prepared.count[mine], steps[prepared.category[mine]] - steps[usual]
    n, different = float(count.sum()), float(count[away != 0].sum())
    share = 0.5 / (others.sum() + 1)
    above = float(binomial_mid_p(different, round(n), share))
    smaller = min(max(min(above, 1 - above), _SMALLEST), 0.5)
    sign = float(np.sign(count @ away)) or 1.0
    size = float(np.abs(away[away != 0]).mean()) if different else 1.0
    sd = size * float(np.sqrt(n * share * (1 - share))) / n
    direction = sign if above < 0.5 else -sign
    return np.array([2 * smaller, direction * normal_isf(smaller), steps[usual] + sign * size * share, sd])
