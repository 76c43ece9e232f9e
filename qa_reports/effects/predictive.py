"""How remarkable an interviewer's total is under a categorical model fitted without them.

A linear z is wrong for binary, count and skewed answers. Here the distribution of the sum of an interviewer's scores is
computed exactly (where very many totals are likely, its tails are approximated) under the model of everybody else, and
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

from qa_reports.effects.categorical import CategoricalFit
from qa_reports.effects.categorical_columns import (
    CategoricalColumns,
    CategoricalFailure,
    PreparedColumns,
    prepare_columns,
)
from qa_reports.effects.categorical_search import NODES
from qa_reports.effects.characteristic import SILENT, Answers, transforms_of_totals
from qa_reports.effects.distributions import binomial_mid_p, normal_isf, t_sf
from qa_reports.effects.quadrature import Parameters
from qa_reports.effects.saddlepoint import saddlepoint_tails
from qa_reports.effects.without_one import Without, WithoutOne

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_REFINED = 0.05
"""Interviewers whose p is below this after one Newton step get the model fitted without them, more than by one step."""
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
_MOST_EXACT = 250_000
"""Nodes times totals that are likely, in units of the highest score, beyond which tails are approximated: distributions
take long, and the approximation is good to a thousandth of a tail by then, which it is not for rare answers of however
many interviews."""
_ONE_BY_ONE = 2_000
"""Interviewers whose variances are added one by one; of more they are sorted into so many classes."""
_CELLS = 500_000
"""Interviewers times classes of variances handled at once."""
_TOGETHER = 25
"""Interviewers of like workloads whose totals are computed in one go."""


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


def predictive_tails(
    columns: CategoricalColumns, fit: CategoricalFit, scores: FloatArray, n_interviewers: int, nodes: int = NODES
) -> PredictiveTails:
    """Judge every interviewer's total score by its predictive distribution under the model without them.

    One Newton step away from the whole fit is all that unremarkable interviewers need; for the others the model without
    them is found by expansion or fitted in full (`WithoutOne`). A category nobody else chose counts as half an answer
    among the others. Where all others give the same answer, the number of different ones is held against a binomial
    with share (0 + 1/2) / (n + 1).
    """
    prepared = prepare_columns(columns)
    empty = np.full(n_interviewers, np.nan)
    tails = PredictiveTails(empty, empty.copy(), empty.copy(), empty.copy())
    if isinstance(prepared, CategoricalFailure) or len(prepared.present) < 3:
        return tails
    steps, unit = _lattice(scores)
    models = WithoutOne(prepared, fit, nodes)
    others, constant = models.others, (models.others > 0).sum(axis=1) == 1
    without = models.one_step()
    usable = np.flatnonzero(without.found & ~(others == 0).any(axis=1))
    found = np.full((4, len(others)), np.nan)
    found[:, usable] = _judge(prepared, usable, without.of(usable), steps)
    again = np.flatnonzero(~constant & ~(found[0] > _REFINED))
    if again.size:
        found[:, again] = _judge(prepared, again, models.fitted(again, without.of(again)), steps)
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


def _judge(prepared: PreparedColumns, who: IntArray, without: Without, steps: IntArray) -> FloatArray:
    """(4, k) p, z, expected mean and its sd, in steps of the lattice, of the interviewers `who`."""
    result = np.full((4, len(who)), np.nan)
    workload = np.bincount(prepared.group, weights=prepared.count)
    total = np.bincount(prepared.group, weights=prepared.count * steps[prepared.category])
    order = np.argsort(workload[who], kind="stable")
    order = order[without.found[order]]
    if not len(order):
        return result
    of_effects = 1 / np.maximum(_information(prepared, without.at.of(order[:1])), _CERTAIN)
    others = _precisions(of_effects, without.at.sd**2, who)
    # Interviewers of like workloads together: the longest sum sets the length for all of them.
    for part in np.array_split(order, max(1, len(order) // _TOGETHER)):
        chosen, models, n = who[part], without.of(part), workload[who[part]]
        patterns = _patterns(prepared, chosen, models.at.slopes.mean(axis=0))
        latent = _latent(patterns, models, steps)
        between = np.sqrt(models.at.sd**2 + latent.uncertainty)
        nodes = _nodes(patterns, models, between, latent)
        likely, own = _likely(nodes, patterns, steps), np.asarray(np.round(total[chosen]), dtype=np.float64)
        if likely.most * len(nodes.weight) > _MOST_EXACT * steps[-1]:
            below, above, expected, spread = saddlepoint_tails(
                nodes.share, nodes.weight, patterns.owner, patterns.count, steps, own
            )
        else:
            below, above, expected, spread = _exact_tails(nodes, patterns, steps, own, likely)
        df = _degrees_of_freedom(others[part], models, latent)
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


def _latent(patterns: _Patterns, models: Without, steps: IntArray) -> _Latent:
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


def _information(prepared: PreparedColumns, at: Parameters) -> FloatArray:
    """(G,) information of each interviewer's interviews on their logit, at a random intercept of 0; `at` is one fit."""
    patterns = _patterns(prepared, np.arange(len(prepared.present)), at.slopes[0])
    logit = patterns.covariates @ at.slopes[0]
    share = _category_shares(np.broadcast_to(at.thresholds[0], (len(logit), prepared.n_categories - 1)), logit)
    below = np.cumsum(share, axis=1)
    score = below + np.column_stack([np.zeros(len(logit)), below[:, :-1]]) - 1
    return np.asarray(np.bincount(patterns.owner, weights=patterns.count * (share * score**2).sum(axis=1)), dtype=float)


def _degrees_of_freedom(others: FloatArray, models: Without, latent: _Latent) -> FloatArray:
    """(k,) Satterthwaite degrees of freedom of the variance an interviewer is judged by, sd^2 of the others + chance.

    The information on sd^2 is that of J estimated effects with variances sd^2 + 1/I_j, which exists at zero variance:
    half of `others` (k,), as `_precisions` adds it up.
    """
    judged = models.at.sd**2 + latent.uncertainty + latent.own
    return np.asarray(np.maximum(judged**2 * others, 1.0))


def _precisions(variances: FloatArray, between: FloatArray, left_out: IntArray) -> FloatArray:
    """(k,) sums of 1/(T + v)^2 over variances v (G,) but the one left out, for each T of `between` (k,).

    Of very many interviewers those with nearly the same variance are taken together, by mean and spread: the third
    order in a width of a hundredth is left out.
    """
    if len(variances) <= _ONE_BY_ONE:
        precision = 1 / (between[:, None] + variances) ** 2
        precision[np.arange(len(between)), left_out] = 0.0
        return np.asarray(precision.sum(axis=1))
    mean, count, apart = _classes(variances)
    sums = -1 / (between + variances[left_out]) ** 2
    for part in np.array_split(np.arange(len(between)), max(1, len(between) * len(mean) // _CELLS)):
        precision = 1 / (between[part, None] + mean) ** 2
        sums[part] += precision @ count + 3 * (precision**2 @ apart)
    return np.asarray(sums)


def _classes(variances: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean, number and sum of squares about the mean of variances that are nearly the same."""
    place = np.log(variances / variances.min())
    place = (place * ((_ONE_BY_ONE - 1) / max(float(place.max()), 1e-12))).astype(np.int64)
    count = np.bincount(place)
    mean = np.bincount(place, variances) / np.maximum(count, 1)
    apart = np.bincount(place, (variances - mean[place]) ** 2)
    some = count > 0
    return np.asarray(mean[some]), np.asarray(count[some], dtype=np.float64), np.asarray(apart[some])


class _Nodes(Struct, frozen=True, eq=False):
    """Points of the random intercept, and the chances of single answers there."""

    weight: FloatArray
    """(U,) they sum to 1."""
    share: FloatArray
    """(r, U, C)."""


def _nodes(patterns: _Patterns, models: Without, between: FloatArray, latent: _Latent) -> _Nodes:
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


class _Likely(Struct, frozen=True, eq=False):
    """The totals of k interviewers that are not negligibly rare."""

    lowest: IntArray
    """(k,)."""
    most: int
    """How many there are of one interviewer, at most."""


def _likely(nodes: _Nodes, patterns: _Patterns, steps: IntArray) -> _Likely:
    """By Bernstein's inequality at each node."""
    first = np.flatnonzero(np.diff(patterns.owner, prepend=-1))
    own = nodes.share @ steps
    variance = np.maximum(nodes.share @ steps**2 - own**2, 0.0)
    mean, variance = (np.add.reduceat(one * patterns.count[:, None], first) for one in (own, variance))
    rare = np.log(np.maximum(nodes.weight / SILENT, 1.0))
    far = steps[-1] * rare / 3
    apart = far + np.sqrt(far**2 + 2 * variance * rare)
    lowest = np.floor(np.maximum((mean - apart).min(axis=1), 0))
    highest = np.ceil(np.minimum((mean + apart).max(axis=1), np.add.reduceat(patterns.count, first) * steps[-1]))
    return _Likely(lowest.astype(np.int64), int((highest - lowest).max()) + 1)


def _exact_tails(nodes: _Nodes, patterns: _Patterns, steps: IntArray, total: FloatArray, likely: _Likely) -> _Tails:
    """From the distribution of each total: products of characteristic functions, over the intercept.

    As many frequencies as there are likely totals do: what lies beyond them, which no tail notices, is counted as a
    total so many steps nearer.
    """
    length = fft.next_fast_len(likely.most, real=True)
    answers = Answers(nodes.share, patterns.owner, patterns.count)
    angle: FloatArray = 2 * np.pi / length * np.arange(length // 2 + 1, dtype=np.float64)
    transform = transforms_of_totals(answers, nodes.weight, steps, angle)
    values = likely.lowest[:, None] + np.arange(length)
    chances = np.asarray(np.maximum(fft.irfft(transform, length), 0.0))
    if likely.lowest.any():
        chances = np.take_along_axis(chances, values % length, axis=1)
    here = (values == total[:, None]) / 2
    below = (chances * ((values < total[:, None]) + here)).sum(axis=1)
    above = (chances * ((values > total[:, None]) + here)).sum(axis=1)
    expected = np.asarray((chances * values).sum(axis=1), dtype=np.float64)
    return below, above, expected, np.sqrt((chances * (values - expected[:, None]) ** 2).sum(axis=1))


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
