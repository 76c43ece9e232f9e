"""One random term, every interviewer left out in turn, at a cost that is linear in the interviewers.

What the likelihood sums over interviewers are functions of the relative variance d alone, smooth in log d: their poles
lie at log d = -log(z) +- i pi, wherever the workload z lies. They are computed for everybody at some Chebyshev nodes,
interpolated in between (Berrut & Trefethen 2004, SIAM Review 46(3), barycentric formula), and each interviewer's own
part, which is exact, is taken from them.

Sizes: J interviewers, p fixed effects, N nodes, K left out.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.effects.likelihood import Profile, assemble_profile
from qa_reports.effects.moments import Moments
from qa_reports.effects.problem import Method, Problem, problem

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_NODES = 41
_BELOW, _ABOVE = 0.01, 30.0
"""The range of d around the fit with everyone. The error of interpolation is about 1e-13 of a sum over this range."""
_STEPS = 30
_DECREMENT = 1e-13
"""As in `optimise`."""


class LeftOut(Struct, frozen=True, eq=False):
    """The best relative variance without each of K interviewers, where it could be found."""

    relative: FloatArray
    """(K,)."""
    profile: Profile
    """There; B = (1, K)."""
    found: BoolArray
    """(K,) False where the minimum lies outside the range of the nodes: to be looked for without interpolation."""


class Setup(Struct, frozen=True, eq=False):
    """What a profile is assembled for, B = (1, K)."""

    method: Method
    n_fixed: int
    m: FloatArray
    total: FloatArray


class _Sums:
    """Sums over everybody but one: S = [X y]'H^-1[X y] less its part at d = 0, log|H|, and their derivatives."""

    def __init__(self, problem: Problem, out: NDArray[np.int64], centre: float) -> None:
        """`problem` is that of everyone, one by one; `centre` the d in the middle of what is looked at."""
        self.z = problem.zz[0, 0, :, 0, 0]
        self.products = problem.zc_products[0]
        self.out, self.width = out, problem.n_fixed + 1
        own = problem.moments.cross[0, out]
        m = problem.m[0, 0] - problem.moments.n[0, out]
        self.setup = Setup(problem.method, problem.n_fixed, m[None], (problem.total[0] - own)[None])
        angle = np.pi * np.arange(_NODES) / (_NODES - 1)
        low, high = np.log(centre * _BELOW), np.log(centre * _ABOVE)
        self.nodes = (low + high) / 2 - (high - low) / 2 * np.cos(angle)
        self.weights = np.where(np.arange(_NODES) % 2, -1.0, 1.0)
        self.weights[[0, -1]] /= 2
        self.at_nodes = self._everybody(np.exp(self.nodes))
        self.at_zero = self._everybody(np.zeros(1))

    def _parts(self, d: FloatArray, z: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(3, ...) factors of the products in S and its derivatives, and (3, ...) log|H| and its derivatives."""
        shrink = 1 / (1 + d * z)
        explained = np.stack([-d * shrink, -(shrink**2), 2 * z * shrink**3])
        return explained, np.stack([-np.log(shrink), z * shrink, -((z * shrink) ** 2)])

    def _everybody(self, d: FloatArray) -> FloatArray:
        """(N, 3 (p+1)^2 + 3) all sums at common values (N,) of d."""
        explained, log_h = self._parts(d[:, None], self.z)
        sums = np.moveaxis(explained @ self.products, 0, 1).reshape(len(d), -1)
        return np.concatenate([sums, log_h.sum(-1).T], axis=1)

    def _others(self, everybody: FloatArray, d: FloatArray, rows: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
        """(3, k, p+1, p+1) and (3, k): sums without interviewer out[rows], each at its own d (k,)."""
        who = self.out[rows]
        explained, log_h = self._parts(d, self.z[who])
        squares = everybody[:, :-3].reshape(len(d), 3, -1) - explained.T[..., None] * self.products[who][:, None]
        return np.moveaxis(squares.reshape(len(d), 3, self.width, self.width), 1, 0), (everybody[:, -3:] - log_h.T).T

    def _interpolated(self, d: FloatArray) -> FloatArray:
        """Everybody's sums at (k,) values of d; 0 stands for itself."""
        gap = np.where(d > 0, np.log(np.maximum(d, 1e-300)), self.nodes[0])[:, None] - self.nodes
        exact = np.abs(gap) < 1e-14
        weight = np.where(exact.any(1, keepdims=True), exact, self.weights / np.where(exact, 1.0, gap))
        sums = weight @ self.at_nodes / weight.sum(1, keepdims=True)
        return np.where(d[:, None] > 0, sums, self.at_zero)

    def profile(self, d: FloatArray) -> Profile:
        """Without each interviewer, at d (K,)."""
        s, log_h = self._others(self._interpolated(d), d, np.arange(len(d)))
        return assemble_profile(
            self.setup,
            s=self.setup.total + s[0],
            s_gradient=s[1][None, :, None],
            s_hessian=s[2][None, :, None, None],
            log_h=log_h[0][None],
            log_h_gradient=log_h[1][None, :, None],
            log_h_hessian=log_h[2][None, :, None, None],
        )

    def deviances(self, places: list[int]) -> FloatArray:
        """(1 + places, K) without each interviewer at 0 and at some of the nodes."""
        d = np.concatenate([[0.0], np.exp(self.nodes[places])])[:, None]
        everybody = np.concatenate([self.at_zero, self.at_nodes[places]])[:, None]
        squares, p = self.width**2, self.setup.n_fixed
        shrink = 1 / (1 + d * self.z[self.out])
        own = (d * shrink)[..., None] * self.products[self.out]
        s = self.setup.total[0] + (everybody[..., :squares] + own).reshape(*own.shape[:2], self.width, self.width)
        xx, xy = s[..., :p, :p], s[..., :p, p]
        r2 = np.maximum(s[..., p, p] - (xy * np.linalg.solve(xx, xy[..., None])[..., 0]).sum(-1), 1e-300)
        penalty = everybody[..., -3] + np.log(shrink)
        if self.setup.method == "REML":
            penalty = penalty + np.linalg.slogdet(xx)[1]
        return np.asarray(penalty + self.setup.m[0] * np.log(r2 / self.setup.m[0]))


def leave_each_out(moments: Moments, term: int, relative: float, out: NDArray[np.int64]) -> LeftOut:
    """Minimise the deviance of everybody (`moments` of one fit) without each of the interviewers `out`.

    As in `optimise`, a grid first, zero included, so that no lower minimum is missed; then safeguarded Newton steps.
    """
    everyone = problem(moments, (term,), "REML", np.ones((1, 1, moments.n.shape[1])))
    sums = _Sums(everyone, out, max(relative, 1e-2 / float(everyone.workload[0, 0, 0])))
    places = [*range(0, _NODES, 4)]
    best = sums.deviances(places).argmin(axis=0)
    at_zero = sums.profile(np.zeros(len(out))).gradient[0, :, 0]
    zero = (best == 0) & (at_zero >= 0)
    inside = (best > 1) & (best < len(places))
    values = np.exp(sums.nodes[places])
    position = np.clip(best - 1, 1, len(places) - 2)
    low, high, d = values[position - 1], values[position + 1], values[position]
    done = ~inside
    for _ in range(_STEPS):
        here = sums.profile(d)
        slope, curvature = here.gradient[0, :, 0], here.hessian[0, :, 0, 0]
        high, low = np.where(slope > 0, d, high), np.where(slope > 0, low, d)
        with np.errstate(divide="ignore", invalid="ignore"):
            newton, decrement = d - slope / curvature, slope**2 / curvature
        usable = (curvature > 0) & (newton > low) & (newton < high)
        arrived = (curvature > 0) & (decrement < _DECREMENT)
        # The last step is taken as well: it squares the remaining error, and costs nothing.
        d = np.where(done, d, np.where(usable, newton, np.where(arrived, d, np.sqrt(low * high))))
        done = done | arrived | (high - low <= 1e-14 * high)
        if done.all():
            break
    d = np.where(zero, 0.0, d)
    return LeftOut(d, sums.profile(d), zero | (inside & done))
