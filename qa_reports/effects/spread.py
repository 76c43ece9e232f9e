"""Random effects on the spread of answers: do an interviewer's interviews vary less, or more, than others'?

A location-scale model (Hedeker, Mermelstein & Demirtas 2008; Brunton-Smith, Sturgis & Leckie 2017) on what the answers
say about spread alone, an interviewer's own variance about their own mean:

    ratio_j = exp(2 (s + v_j)) chi2(df_j) / df_j,    v_j ~ N(0, tau^2)

v_j is an effect on the log residual standard deviation. The likelihood is integrated over v_j by adaptive
Gauss-Hermite quadrature, and s is profiled with the restricted (Cox-Reid) adjustment, so that tau is not too small
with few interviewers. Sizes: F fits, J interviewers, T values of tau, Q nodes.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy import special

from qa_reports.effects.distributions import normal_isf
from qa_reports.effects.inference import boundary_p

FloatArray = NDArray[np.float64]


def _flat_start_spline(knots: FloatArray, at: FloatArray) -> FloatArray:
    """(K, M) weights of values at K knots in the cubic spline through them, evaluated at M points.

    Its first derivative is 0 at the first knot; at the other end the third derivative is continuous (not-a-knot).
    """
    h, k = np.diff(knots), len(knots)
    slope = np.diff(np.eye(k), axis=0) / h[:, None]
    left, right = np.zeros((k, k)), np.zeros((k, k))
    left[0, 0] = 1.0
    for i in range(1, k - 1):
        left[i, i - 1 : i + 2] = h[i], 2 * (h[i - 1] + h[i]), h[i - 1]
        right[i] = 3 * (h[i] * slope[i - 1] + h[i - 1] * slope[i])
    end = h[-1] + h[-2]
    left[-1, -2:] = end, h[-2]
    right[-1] = (h[-1] ** 2 * slope[-2] + (2 * end + h[-1]) * h[-2] * slope[-1]) / end
    derivative = np.linalg.solve(left, right)
    part = np.clip(np.searchsorted(knots, at, side="right") - 1, 0, k - 2)
    t, width = ((at - knots[part]) / h[part])[:, None], h[part][:, None]
    value = np.eye(k)[part] * (1 + 2 * t) * (1 - t) ** 2 + np.eye(k)[part + 1] * t**2 * (3 - 2 * t)
    bend = derivative[part] * (t * (1 - t) ** 2) - derivative[part + 1] * (t**2 * (1 - t))
    return np.asarray((value + width * bend).T)


_TAUS = np.array([0.0, 0.03, 0.06, 0.09, 0.12, 0.15, 0.18, 0.22, 0.27, 0.33, 0.4, 0.5, 0.65, 0.85, 1.1, 1.5])
"""Where the likelihood of tau is evaluated: an interviewer's sd is between e^-3 and e^3 times the usual at 1.5."""
FEWEST = 3
"""Interviewers needed: with two there is nobody to compare either with."""
_SCORING = 2
"""Steps towards s: the start is good and the curve nearly a parabola."""
_FINE = np.linspace(0.0, _TAUS[-1], 3001)
_SPLINE = _flat_start_spline(_TAUS, _FINE)
"""(T, 3001) what the value at each grid point adds to the curve between them."""
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(9)
_TAIL_NODES, _TAIL_WEIGHTS = np.polynomial.hermite_e.hermegauss(15)
_INTERVAL_DROP = 3.841458820694124
"""Rise of the deviance at the ends of a 95 % profile-likelihood interval."""
_CHUNK = 60_000
"""Array elements handled at once: what fits into a processor's cache is fastest."""
_NEGLIGIBLE = 1e-5
"""Weight of a tau below which it adds nothing to a tail."""


class SpreadFits(Struct, frozen=True, eq=False):
    """F fitted spread models. NaN where a fit was not possible, and, for what compares an interviewer with the others,
    where an interviewer says nothing about spread (df 0)."""

    tau: FloatArray
    """(F,) sd of the interviewers' effects on the log standard deviation."""
    tau_interval: FloatArray
    """(F, 2) 95 % profile-likelihood interval."""
    statistic: FloatArray
    """(F,) restricted likelihood ratio against tau = 0."""
    p: FloatArray
    """(F,) of it: half chi-square(0), half chi-square(1)."""
    centre: FloatArray
    """(F,) s: log standard deviation of an average interviewer."""
    eblup: FloatArray
    """(F, J) E(v_j | data): exp of it is the spread over the usual one; 0 at tau = 0 and for df 0."""
    conditional_sd: FloatArray
    """(F, J) sd of v_j given the data: for intervals."""
    diagnostic_se: FloatArray
    """(F, J) sd of the EBLUP itself, sqrt(tau^2 - conditional_sd^2)."""
    deviation: FloatArray
    """(F, J) own log standard deviation (bias removed) minus that of the others."""
    deviation_se: FloatArray
    """(F, J) its standard error for a normal interviewer."""
    p_deletion: FloatArray
    """(F, J) two-sided p of the own variance under the fit without the interviewer."""
    z: FloatArray
    """(F, J) its normal score, negative when the interviews are alike."""
    shrunken: FloatArray
    """(F, J) own `ratio` shrunk towards the usual one as far as the others' tau says; exactly 1 where that is 0."""
    shrunken_df: FloatArray
    """(F, J) degrees of freedom of `shrunken`; infinite where the others' tau is 0."""


class _Profile(Struct, frozen=True, eq=False):
    """The likelihood over T values of tau, s at its best for each."""

    centre: FloatArray
    """(F, T)."""
    own: FloatArray
    """(F, T, J) log-likelihood of each interviewer."""
    gradient: FloatArray
    """(F, T, J) its derivative with respect to s."""
    information: FloatArray
    """(F, T, J) what each interviewer tells about s."""


def fit_spreads(ratio: FloatArray, df: FloatArray) -> SpreadFits:
    """Fit F spread models at once. A fit needs three interviewers who say something: else its numbers are NaN.

    Args:
        ratio: (F, J) own variance over the expected one, positive; ignored where `df` is 0.
        df: (F, J) effective degrees of freedom of `ratio`; 0 where there are none.
    """
    f, j = ratio.shape
    shapes = {"tau": (), "tau_interval": (2,), "statistic": (), "p": (), "centre": ()}
    found = {name: np.full((f, *shapes.get(name, (j,))), np.nan) for name in SpreadFits.__struct_fields__}
    usable = np.flatnonzero((df > 0).sum(1) >= FEWEST)
    size = max(1, _CHUNK // (j * len(_TAUS) * len(_NODES)))
    for start in range(0, len(usable), size):
        rows = usable[start : start + size]
        for name, values in _fit(ratio[rows], df[rows]).items():
            found[name][rows] = values
    return SpreadFits(**found)


def _fit(ratio: FloatArray, df: FloatArray) -> dict[str, FloatArray]:
    known = df > 0
    log_ratio = np.log(np.where(known, ratio, 1.0))
    here = _profile(log_ratio, df, np.broadcast_to(_TAUS, (len(df), len(_TAUS))))
    tau, interval, statistic = _best_tau(here.own.sum(-1) - np.log(here.information.sum(-1)) / 2)
    centre = _profile(log_ratio, df, tau[:, None]).centre[:, 0]
    eblup, conditional_sd = _posterior(log_ratio, df, centre, tau)
    deletion = _compare(log_ratio, df, _without(here))
    return {
        "tau": tau,
        "tau_interval": interval,
        "statistic": statistic,
        "p": np.array([boundary_p(value, 1) for value in statistic]),
        "centre": centre,
        "eblup": eblup,
        "conditional_sd": conditional_sd,
        "diagnostic_se": np.sqrt(np.maximum(tau[:, None] ** 2 - conditional_sd**2, 0.0)),
        **{name: np.where(known, values, np.nan) for name, values in deletion.items()},
    }


def _terms(log_ratio: FloatArray, df: FloatArray, centre: FloatArray, tau: FloatArray) -> tuple[FloatArray, ...]:
    """Log-likelihood, its derivative by s, and weights and values of v (Q, ...): adaptive quadrature over v/tau."""
    x = log_ratio - 2 * centre
    # The mode of a concave function: started at the shrunken estimate, Newton needs a few steps.
    t = tau / (tau**2 + 1 / (2 * np.maximum(df, 1e-9))) * np.clip(x / 2, -8, 8)
    for _ in range(4):
        e = df * np.exp(np.clip(x - 2 * tau * t, -60, 60))
        step = (tau * (e - df) - t) / (2 * tau**2 * e + 1)
        t = t + step
    sd = 1 / np.sqrt(1 + 2 * tau**2 * df * np.exp(np.clip(x - 2 * tau * t, -60, 60)))
    # Nodes lead, so that sums over them add up long rows.
    nodes = np.multiply.outer(_NODES, sd)
    nodes += t
    v = tau * nodes
    e = np.exp(np.clip(x - 2 * v, -60, 60))
    height = (v + centre + e / 2) * -df
    nodes *= nodes
    height -= nodes / 2
    height += np.reshape(_NODES**2 / 2, (-1, *[1] * sd.ndim))
    top = height.max(0)
    mass = np.exp(height - top) * np.reshape(_WEIGHTS, (-1, *[1] * sd.ndim))
    total = mass.sum(0)
    likelihood = top + np.log(total * sd / np.sqrt(2 * np.pi))
    gradient = df * ((mass * e).sum(0) / total - 1)
    return likelihood, gradient, mass / total, v


def _profile(log_ratio: FloatArray, df: FloatArray, tau: FloatArray) -> _Profile:
    """The best s for each tau (F, T) by scoring, with each interviewer's part of the likelihood there."""
    shape = (*tau.shape, df.shape[1])
    y, nu, taus = (np.broadcast_to(a, shape) for a in (log_ratio[:, None], df[:, None], tau[..., None]))
    information = np.where(nu > 0, 1 / (taus**2 + 1 / (2 * np.maximum(nu, 1e-9))), 0.0)
    pooled = (df * np.exp(log_ratio)).sum(1) / df.sum(1)
    # The mean of exp(2 (s + v)) is exp(2 s + 2 tau^2).
    centre = np.log(pooled)[:, None] / 2 - tau**2
    for _ in range(_SCORING):
        _, gradient, _, _ = _terms(y, nu, np.broadcast_to(centre[..., None], shape), taus)
        centre = centre + np.clip(gradient.sum(-1) / information.sum(-1), -1, 1)
    own, gradient, _, _ = _terms(y, nu, np.broadcast_to(centre[..., None], shape), taus)
    return _Profile(centre, own, gradient, information)


def _best_tau(restricted: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Maximum, 95 % interval and likelihood ratio against 0 of log-likelihoods (F, T) over the grid of tau."""
    # Only tau squared enters, so the curve is flat at 0.
    curve = restricted @ _SPLINE
    best = curve.argmax(1)
    top = curve[np.arange(len(curve)), best]
    inside = 2 * (top[:, None] - curve) <= _INTERVAL_DROP
    interval = np.column_stack([_FINE[inside.argmax(1)], _FINE[-1 - inside[:, ::-1].argmax(1)]])
    return _FINE[best], interval, np.maximum(2 * (top - curve[:, 0]), 0.0)


def _posterior(
    log_ratio: FloatArray, df: FloatArray, centre: FloatArray, tau: FloatArray
) -> tuple[FloatArray, FloatArray]:
    shape = df.shape
    _, _, mass, v = _terms(log_ratio, df, np.broadcast_to(centre[:, None], shape), np.broadcast_to(tau[:, None], shape))
    mean = (mass * v).sum(0)
    return mean, np.sqrt((mass * (v - mean) ** 2).sum(0))


class _Without(Struct, frozen=True, eq=False):
    """What all others say: weights over the T values of tau, and s with its variance at each."""

    weight: FloatArray
    """(F, T, J) posterior of tau without the interviewer, flat on tau (Gelman 2006)."""
    centre: FloatArray
    """(F, T, J)."""
    variance: FloatArray
    """(F, T, J) of the centre."""
    best: NDArray[np.int64]
    """(F, J) position in the grid of the most likely tau."""


def _without(here: _Profile) -> _Without:
    """Take each interviewer out: one scoring step in s from the fit of all, exact to order 1/J^2."""
    others = np.maximum(here.information.sum(-1, keepdims=True) - here.information, 1e-12)
    likelihood = here.own.sum(-1, keepdims=True) - here.own + here.gradient**2 / (2 * others) - np.log(others) / 2
    width = np.gradient(_TAUS)
    posterior = np.exp(likelihood - likelihood.max(1, keepdims=True)) * width[:, None]
    return _Without(
        weight=posterior / posterior.sum(1, keepdims=True),
        centre=here.centre[..., None] - here.gradient / others,
        variance=1 / others,
        best=likelihood.argmax(1),
    )


def _compare(log_ratio: FloatArray, df: FloatArray, without: _Without) -> dict[str, FloatArray]:
    """Compare each interviewer's own variance with what the others lead to expect, their uncertainty included."""
    half = np.maximum(df, 1e-9) / 2
    tau2 = (_TAUS**2)[None, :, None]
    centre = (without.weight * without.centre).sum(1)
    variance = (without.weight * (tau2 + without.variance + (without.centre - centre[:, None]) ** 2)).sum(1)
    deviation = (log_ratio - special.digamma(half) + np.log(half)) / 2 - centre
    tail = np.stack([_tail(log_ratio[f], half[f], deviation[f] < 0, without, f) for f in range(len(df))])
    # Where the mean lies beyond the median both tails are above a half.
    tail = np.clip(tail, 1e-300, 0.5)
    shrunken, shrunken_df = shrink_variances(np.exp(log_ratio), df, centre, _TAUS[without.best])
    return {
        "deviation": deviation,
        "deviation_se": np.sqrt(variance + special.polygamma(1, half) / 4),
        "p_deletion": 2 * tail,
        "z": np.where(deviation < 0, -1.0, 1.0) * normal_isf(tail),
        "shrunken": shrunken,
        "shrunken_df": shrunken_df,
    }


def _tail(log_ratio: FloatArray, half: FloatArray, alike: NDArray[np.bool_], without: _Without, f: int) -> FloatArray:
    """(J,) probability of a variance at least as small (`alike`) or large, over v_j, s and tau."""
    shown = np.flatnonzero(without.weight[f].max(1) > _NEGLIGIBLE)
    weight, centre = without.weight[f, shown], without.centre[f, shown]
    sd = np.sqrt(_TAUS[shown, None] ** 2 + without.variance[f, shown])
    at = half * np.exp(np.clip(log_ratio - 2 * (centre + np.multiply.outer(_TAIL_NODES, sd)), -60, 60))
    tail = np.empty_like(log_ratio)
    for chosen, probability in ((alike, special.gammainc), (~alike, special.gammaincc)):
        over_v = np.tensordot(_TAIL_WEIGHTS / _TAIL_WEIGHTS.sum(), probability(half[chosen], at[..., chosen]), 1)
        tail[chosen] = (weight[:, chosen] * over_v).sum(0)
    return tail


def shrink_variances(
    ratio: FloatArray, df: FloatArray, centre: FloatArray | float, tau: FloatArray | float
) -> tuple[FloatArray, FloatArray]:
    """Own variances shrunk as limma does (Smyth 2004), with d0 prior degrees of freedom at s0^2, and d0 + df.

    s0^2 d0/chi2(d0) has the log-normal's mean and variance on the log scale: trigamma(d0/2) = 4 tau^2, and
    log s0^2 = 2 s + digamma(d0/2) - log(d0/2). At tau = 0 the result is exactly 1, with infinite degrees of freedom.
    """
    tau = np.asarray(tau)
    different, position = np.unique(tau, return_inverse=True)
    half = np.array([_inverse_trigamma(4 * value**2) if value > 0 else 1.0 for value in different])
    half = half[position].reshape(tau.shape)
    usual = np.exp(2 * np.asarray(centre) + special.digamma(half) - np.log(half))
    shrunken = np.where(tau > 0, (2 * half * usual + df * ratio) / (2 * half + df), 1.0)
    return shrunken, np.broadcast_to(np.where(tau > 0, 2 * half + df, np.inf), shrunken.shape)


def _inverse_trigamma(value: float) -> float:
    """x with trigamma(x) = value, by Newton on 1/trigamma (Smyth 2004, appendix)."""
    x = 0.5 + 1 / value
    for _ in range(8):
        trigamma = special.polygamma(1, x)
        x += trigamma * (1 - trigamma / value) / special.polygamma(2, x)
    return float(x)
