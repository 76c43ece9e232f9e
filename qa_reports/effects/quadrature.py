"""Likelihood of cumulative-logit random-intercept models by adaptive Gauss-Hermite quadrature, with its gradient.

P(y <= k) = F(theta_k - x b - s v), F logistic, v standard normal per interviewer, s >= 0. Two categories make it a
logistic model whose intercept is -theta_0. The logarithm of a category's probability needs only A = F(upper - eta) and
B = F(lower - eta): its derivative by eta is A + B - 1, the second one -A(1-A) - B(1-B).

Sizes: F fits of one shape, G interviewers over all fits, R rows, C categories, p covariates, Q nodes; D = C - 1 + p + 1
parameters in the order thresholds, covariates, s.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from qa_reports.effects.category_rows import Rows

FloatArray = NDArray[np.float64]

_FAR = 300.0
"""Beyond this logit a probability is 0 or 1 for every purpose, and the square of its exponential still a number."""
_NEAR = 70.0
"""Below this thresholds, predictors and effects have exponentials whose products and their squares are numbers."""
_MODE_STEPS = 60
_MODE_TOLERANCE = 1e-10


class Parameters(Struct, frozen=True, eq=False):
    """Parameters of F fits of one shape."""

    thresholds: FloatArray
    """(F, C-1) ascending."""
    slopes: FloatArray
    """(F, p)."""
    sd: FloatArray
    """(F,) of the random intercept, >= 0."""

    def moved(self, step: FloatArray) -> Parameters:
        """Parameters plus a step (F, D)."""
        cut = self.thresholds.shape[1]
        return Parameters(self.thresholds + step[:, :cut], self.slopes + step[:, cut:-1], self.sd + step[:, -1])

    def of(self, fits: NDArray[np.int64]) -> Parameters:
        """The parameters of some of the fits, in the order given."""
        return Parameters(self.thresholds[fits], self.slopes[fits], self.sd[fits])


class Evaluation(Struct, frozen=True, eq=False):
    """The likelihood of F fits at given parameters; G interviewers over all fits."""

    loglik: FloatArray
    """(F,) minus infinity where thresholds are not ascending."""
    gradient: FloatArray
    """(F, D) the exact gradient of the quadrature sum, nodes moving along."""
    curvature: FloatArray
    """(F, D, D) second derivatives (Louis 1982, JRSS B 44), exact up to the quadrature error."""
    mode: FloatArray
    """(G,) of the integrand over v."""
    precision: FloatArray
    """(G,) minus its second log derivative at the mode."""


class _Logits(Struct, frozen=True, eq=False):
    """Where each row stands before its interviewer's effect, and what does not depend on it."""

    upper: FloatArray
    """(R,) theta_y - x b; infinite for the last category."""
    lower: FloatArray
    """(R,) theta_(y-1) - x b; minus infinite for the first."""
    log_width: FloatArray
    """(R,) log(1 - exp(lower - upper))."""
    ratio: FloatArray
    """(R,) 1 / (exp(upper - lower) - 1)."""
    bend: FloatArray
    """(F, C) minus the derivative of `ratio` by the width, of each category."""
    over: FloatArray
    """(R,) exp(-upper)."""
    under: FloatArray
    """(R,) exp(lower)."""
    near: bool
    """Whether these are far from the ends of numbers."""


def _logits(rows: Rows, at: Parameters) -> _Logits:
    edge = np.full((rows.n_fits, 1), np.inf)
    ends = np.concatenate([-edge, at.thresholds, edge], axis=1)
    width = np.diff(ends, axis=1)
    ratio = 1.0 / np.expm1(np.minimum(width, _FAR))
    ratio[width > _FAR] = 0.0
    of_cells = np.stack([ends[:, 1:], ends[:, :-1], np.log(-np.expm1(-width)), ratio]).reshape(4, -1)
    upper, lower, log_width, own_ratio = np.take(of_cells, rows.cell, axis=1)
    eta = np.empty(len(rows.count))
    for f, own in rows.slices():
        np.matmul(rows.covariates[own], at.slopes[f], out=eta[own])
    upper -= eta
    lower -= eta
    return _Logits(
        upper, lower, log_width, own_ratio, ratio * (1 + ratio),
        over=np.exp(np.minimum(-upper, _FAR)),
        under=np.exp(np.minimum(lower, _FAR)),
        near=bool(max(np.abs(at.thresholds).max(), np.abs(eta).max(initial=0.0)) < _NEAR),
    )  # fmt: skip


def _odds(rows: Rows, logits: _Logits, shift: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(1 - A) / A and B / (1 - B) of every row (R, ...) at logits lowered by `shift` of its interviewer (G, ...)."""
    extra = (slice(None), *([None] * (shift.ndim - 1)))
    if logits.near and np.abs(shift).max() < _NEAR:  # few exponentials: one for each interviewer, not for each row
        lowered = np.take(np.exp(shift), rows.group, axis=0)
        return logits.over[extra] * lowered, logits.under[extra] / lowered
    lowered = shift[rows.group]
    over = np.exp(np.minimum(lowered - logits.upper[extra], _FAR))
    return over, np.exp(np.minimum(logits.lower[extra] - lowered, _FAR))


def _tails(rows: Rows, logits: _Logits, shift: FloatArray) -> tuple[FloatArray, FloatArray]:
    """1 - A and B, as `_odds`."""
    over, under = _odds(rows, logits, shift)
    return over / (1 + over), under / (1 + under)


def evaluate(rows: Rows, at: Parameters, nodes: int, start: FloatArray | None = None) -> Evaluation:
    """Log-likelihood, gradient and curvature by `nodes` quadrature nodes at the mode of each interviewer.

    `start` (G,) are modes to begin the search with. Without any variance there is nothing to integrate.
    """
    ascending = np.all(np.diff(at.thresholds, axis=1) > 0, axis=1)
    safe = Parameters(np.where(ascending[:, None], at.thresholds, np.arange(at.thresholds.shape[1])), at.slopes, at.sd)
    logits = _logits(rows, safe)
    if at.sd.any():
        found = _integrated(rows, logits, safe.sd[rows.fit], nodes, np.zeros(rows.n_groups) if start is None else start)
    else:
        found = _without_variance(rows, logits)
    return replace(found, loglik=np.where(ascending, found.loglik, -np.inf))


def _integrated(rows: Rows, logits: _Logits, sd: FloatArray, nodes: int, start: FloatArray) -> Evaluation:
    """By quadrature; `sd` and `start` (G,)."""
    mode, tails = _find_modes(rows, logits, sd, start)
    precision, mode_gradient, spread_gradient = _laplace(rows, sd, mode, tails)
    x, weight = _rule(nodes)
    reach = 1 / np.sqrt(precision)
    node = mode[:, None] + reach[:, None] * np.sqrt(2) * x
    over, under = _odds(rows, logits, sd[:, None] * node)
    more_over, more_under = 1 + over, 1 + under
    log_p = logits.log_width[:, None] - np.log(more_over * more_under)
    over /= more_over
    under /= more_under
    log_f = rows.member @ log_p - node**2 / 2 + np.log(weight) + x**2
    top = log_f.max(axis=1, keepdims=True)
    posterior = np.exp(log_f - top)
    total = posterior.sum(axis=1, keepdims=True)
    posterior /= total
    # sqrt(2) of the rule, 1/sqrt(2 pi) of the density.
    contribution = (top + np.log(total))[:, 0] + np.log(reach) - 0.5 * np.log(np.pi)
    score = _scores(rows, logits, over, under)
    pull = posterior * (sd[:, None] * score[:, -1] - node)
    score[:, -1] *= node
    weighted = score * posterior[:, None]
    mean = weighted.sum(axis=2)
    gradient = mean + pull.sum(axis=1)[:, None] * mode_gradient
    gradient += (pull @ (np.sqrt(2) * x) + 1 / reach)[:, None] * spread_gradient
    of_scores = weighted @ np.swapaxes(score, 1, 2) - mean[:, :, None] * mean[:, None]
    first = rows.first
    curvature = _expected_curvature(rows, logits, over, under, posterior, (mode, reach))
    curvature += np.add.reduceat(of_scores, first)
    return Evaluation(
        loglik=_by_fit(rows, contribution),
        gradient=np.add.reduceat(gradient, first),
        curvature=curvature, mode=mode, precision=precision,
    )  # fmt: skip


def _without_variance(rows: Rows, logits: _Logits) -> Evaluation:
    """At a variance of zero, where the likelihood is a product over rows.

    By s the first derivative is zero, the second one an interviewer's squared score by a shift of all their logits less
    its information (at the same place half of it is the derivative by the variance).
    """
    over, under = logits.over / (1 + logits.over), logits.under / (1 + logits.under)
    log_p = logits.log_width - np.log((1 + logits.over) * (1 + logits.under))
    gradient = np.add.reduceat(_scores(rows, logits, over[:, None], under[:, None])[..., 0], rows.first)
    upper, lower = over * (1 - over), under * (1 - under)
    either = rows.both[:, None] * np.stack([upper, lower], axis=1)[..., None]
    curvature = _curvature(rows, logits, (upper, lower), either)
    score, information = _by_shift(rows, over, under)
    gradient[:, -1], curvature[:, -1], curvature[:, :, -1] = 0.0, 0.0, 0.0
    curvature[:, -1, -1] = _by_fit(rows, score**2 - information)
    return Evaluation(
        loglik=_by_fit(rows, rows.by_group(log_p)),
        gradient=gradient, curvature=curvature, mode=np.zeros(rows.n_groups), precision=np.ones(rows.n_groups),
    )  # fmt: skip


def shift_at_zero(rows: Rows, at: Parameters) -> tuple[FloatArray, FloatArray]:
    """(G,) score and information of each interviewer by a shift of all their logits, without a variance."""
    logits = _logits(rows, at)
    return _by_shift(rows, logits.over / (1 + logits.over), logits.under / (1 + logits.under))


def _by_shift(rows: Rows, over: FloatArray, under: FloatArray) -> tuple[FloatArray, FloatArray]:
    return rows.by_group(under - over), rows.by_group(over * (1 - over) + under * (1 - under))


def _by_fit(rows: Rows, values: FloatArray) -> FloatArray:
    """(F,) sums of the interviewers' values (G,)."""
    return np.asarray(np.bincount(rows.fit, weights=values, minlength=rows.n_fits), dtype=np.float64)


def _curvature(rows: Rows, logits: _Logits, ones: Sequence[FloatArray], either: FloatArray) -> FloatArray:
    """(F, D, D) second derivatives, of s after the node those by s and another; the last element is left as it is.

    Args:
        ones: two (R,), minus the second derivatives of log F by the upper and of log(1 - F) by the lower logit,
        either: (R, 2, p+1) and these times what the logits move with, but thresholds.
    """
    c, cut, width = rows.n_categories, rows.n_categories - 1, rows.both.shape[1]
    right, sums = either.reshape(-1, 2 * width), np.empty((rows.n_fits, c + width, 2 * width))
    for f, own in rows.slices():
        np.matmul(rows.weighed[own].T, right[own], out=sums[f])
    upper, lower = sums[..., :width], sums[..., width:]
    total = np.zeros((rows.n_fits, rows.n_parameters, rows.n_parameters))
    total[:, :cut, cut:] = upper[:, :cut] + lower[:, 1:c]
    total[:, cut:, :cut] = np.swapaxes(total[:, :cut, cut:], 1, 2)
    total[:, cut:, cut:] = upper[:, c:] + lower[:, c:]
    total[:, -1] = total[:, :, -1]
    counts, above, below = (
        np.bincount(rows.cell, weights, rows.n_fits * c).reshape(-1, c)
        for weights in (rows.count, rows.count * ones[0], rows.count * ones[1])
    )
    # The width of a category moves with the thresholds at both of its ends.
    bend, place = counts * logits.bend, np.arange(cut)
    total[:, place, place] = above[:, :-1] + below[:, 1:] + bend[:, :-1] + bend[:, 1:]
    total[:, place[1:], place[:-1]] = total[:, place[:-1], place[1:]] = -bend[:, 1:-1]
    return -total


@functools.cache
def _rule(nodes: int) -> tuple[FloatArray, FloatArray]:
    """Gauss-Hermite nodes and weights (Q,)."""
    x, weight = np.polynomial.hermite.hermgauss(nodes)
    return x, weight


def _find_modes(
    rows: Rows, logits: _Logits, sd: FloatArray, start: FloatArray
) -> tuple[FloatArray, tuple[FloatArray, FloatArray]]:
    """(G,) the mode of each interviewer's integrand, and the `_tails` there.

    Newton, held inside a bracket (the integrand is log-concave).
    """
    mode = start.copy()
    # A score is between -1 and 1 per interview, so this bracket holds the mode.
    high = sd * np.add.reduceat(rows.count, rows.begins) + 1
    low = -high
    for _ in range(_MODE_STEPS):
        over, under = _tails(rows, logits, sd * mode)
        score, information = _by_shift(rows, over, under)
        pull = sd * score - mode
        step = pull / (1 + sd**2 * information)
        if np.abs(step).max() < _MODE_TOLERANCE:
            return mode, (over, under)
        low, high = np.where(pull > 0, mode, low), np.where(pull < 0, mode, high)
        target = mode + step
        outside = (target <= low) & (pull < 0) | (target >= high) & (pull > 0)
        mode = np.where(outside, (low + high) / 2, target)
    return mode, _tails(rows, logits, sd * mode)


def _laplace(
    rows: Rows, sd: FloatArray, mode: FloatArray, tails: tuple[FloatArray, FloatArray]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The curvature at the mode (G,), and how mode and 1/sqrt(curvature) move with the parameters (G, D) each."""
    over, under = tails
    upper, lower = over * (1 - over), under * (1 - under)
    # f' = f (1 - 2F), with F = 1 - over above and F = under below.
    upper_bend, lower_bend = upper * (2 * over - 1), lower * (1 - 2 * under)
    summed = rows.by_parameter(np.stack([upper, upper_bend], axis=1), np.stack([lower, lower_bend], axis=1))
    score, (information, third) = rows.by_group(under - over), -summed[:, -1].T
    precision = 1 + sd**2 * information
    first, second = summed[..., 0] * sd[:, None], -summed[..., 1] * sd[:, None] ** 2
    first[:, -1] = first[:, -1] * mode + score
    second[:, -1] = second[:, -1] * mode - 2 * sd * information
    mode_gradient = first / precision[:, None]
    moved = (sd**3 * third)[:, None] * mode_gradient + second
    return precision, mode_gradient, 0.5 * moved / precision[:, None] ** 1.5


def _scores(rows: Rows, logits: _Logits, over: FloatArray, under: FloatArray) -> FloatArray:
    """(G, D, Q) derivatives of an interviewer's log-likelihood at every node; the last is by s v / v."""
    return rows.by_parameter(over + logits.ratio[:, None], -under - logits.ratio[:, None])


def _expected_curvature(
    rows: Rows,
    logits: _Logits,
    over: FloatArray,
    under: FloatArray,
    posterior: FloatArray,
    place: tuple[FloatArray, FloatArray],
) -> FloatArray:
    """(F, D, D) posterior means of the second derivatives, s after the node.

    Nodes are `place`'s (G,) modes plus its reaches times those of the rule."""
    x, weights = np.sqrt(2) * _rule(posterior.shape[1])[0], np.take(posterior, rows.group, axis=0)
    mode, reach = place[0][rows.group], place[1][rows.group]
    moments = np.stack([np.ones_like(x), x, x**2], axis=1)
    ones, either, last = [], np.empty((len(mode), 2, rows.both.shape[1])), np.zeros(len(mode))
    for side, tail in enumerate((over, under)):
        by_node = tail - tail**2
        by_node *= weights
        of_one, of_x, of_square = moments.T @ by_node.T
        np.multiply(rows.both, of_one[:, None], out=either[:, side])
        either[:, side, -1] = -(mode * of_one + reach * of_x)
        last += mode**2 * of_one + 2 * mode * reach * of_x + reach**2 * of_square
        ones.append(of_one)
    total = _curvature(rows, logits, ones, either)
    total[:, -1, -1] = -_by_fit(rows, rows.by_group(last))
    return total
