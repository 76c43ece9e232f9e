"""One random term, every interviewer left out in turn, at a cost that is linear in the interviewers.

What the likelihood sums over interviewers are functions of the relative variance d alone, smooth in log d: their poles
lie at log d = -log(z) +- i pi, wherever the workload z lies. They are computed for everybody at some Chebyshev nodes,
interpolated in between (Berrut & Trefethen 2004, SIAM Review 46(3), barycentric formula), and each interviewer's own
part, which is exact, is taken from them.

Sizes: F fits, J interviewers, p fixed effects, N nodes, K left out.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.effects.likelihood import Profile, assemble_profile, derivatives_of_one
from qa_reports.effects.moments import Moments
from qa_reports.effects.optimise import newton_of_one
from qa_reports.effects.problem import problem
from qa_reports.effects.small_matrices import eliminated

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_NODES = 41
_BELOW, _ABOVE = 0.01, 30.0
"""The range of d around the fit with everyone. The error of interpolation is about 1e-13 of a sum over this range."""
_STEPS = 30
_DECREMENT = 1e-13
"""As in `optimise`."""


class LeftOut(Struct, frozen=True, eq=False):
    """The best relative variance of F fits without each of K interviewers, where it could be found."""

    relative: FloatArray
    """(F, K)."""
    profile: Profile
    """There; B = (F, K)."""
    found: BoolArray
    """(F, K) False where the minimum lies outside the range of the nodes: to be looked for without interpolation."""


class Setup(Struct, frozen=True, eq=False):
    """What a profile is assembled for, B = (F, K)."""

    restricted: BoolArray
    n_fixed: int
    m: FloatArray
    total: FloatArray


class Everybody:
    """What leaving each interviewer out of F models begins with: the sums over all of them at some values of d."""

    def __init__(self, moments: Moments, term: int, relative: FloatArray) -> None:
        """`relative` (F,): the best d of the fits with everybody."""
        f, j = moments.n.shape
        self.problem, self.relative = problem(moments, (term,), "REML", np.ones((f, 1, j))), relative
        self.z = self.problem.zz[:, 0, 0, 0]
        centre = np.maximum(relative, 1e-2 / self.problem.workload[:, 0, 0])
        angle = np.pi * np.arange(_NODES) / (_NODES - 1)
        low, high = np.log(centre * _BELOW)[:, None], np.log(centre * _ABOVE)[:, None]
        self.nodes = (low + high) / 2 - (high - low) / 2 * np.cos(angle)
        self.weights = np.where(np.arange(_NODES) % 2, -1.0, 1.0)
        self.weights[[0, -1]] /= 2
        self.at_nodes = self._sums(np.exp(self.nodes))
        self.at_zero = self._sums(np.zeros((f, 1)))

    def _sums(self, d: FloatArray) -> FloatArray:
        """(F, N, 3 (p+1)^2 + 3) all sums at common values (F, N) of d."""
        f, n = d.shape
        explained, log_h = _parts(d[..., None], self.z[:, None])
        sums = np.swapaxes(explained, -1, -2).reshape(f, 3 * n, -1) @ self.problem.zc_products
        return np.concatenate([sums.reshape(f, n, -1), log_h.sum(2)], axis=-1)

    def at(self, d: FloatArray) -> FloatArray:
        """(F, K, 3 (p+1)^2 + 3) all sums, interpolated, at (F, K) values of d; 0 stands for itself."""
        gap = np.where(d > 0, np.log(np.maximum(d, 1e-300)), self.nodes[:, :1])[..., None] - self.nodes[:, None]
        exact = np.abs(gap) < 1e-14
        weight = np.where(exact.any(-1, keepdims=True), exact, self.weights / np.where(exact, 1.0, gap))
        sums = weight @ self.at_nodes / weight.sum(-1, keepdims=True)
        return np.where(d[..., None] > 0, sums, self.at_zero)


def _parts(d: FloatArray, z: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(..., 3) factors of the products in S and its derivatives, and (..., 3) log|H| and its derivatives."""
    shrink = 1 / (1 + d * z)
    narrow = z * shrink
    explained = np.stack([-d * shrink, -(shrink**2), 2 * narrow * shrink**2], axis=-1)
    return explained, np.stack([-np.log(shrink), narrow, -(narrow**2)], axis=-1)


class _Sums:
    """Sums over everybody but one: S = [X y]'H^-1[X y] less its part at d = 0, log|H|, and their derivatives."""

    def __init__(self, everybody: Everybody, out: NDArray[np.int64], wanted: BoolArray) -> None:
        """Nobody is left out where it is not `wanted` (F, K)."""
        self.everybody, whole = everybody, everybody.problem
        self.width = whole.n_fixed + 1
        self.own_z = everybody.z[:, out] * wanted
        self.own_products = whole.zc_products[:, out] * wanted[..., None]
        m = whole.m - whole.moments.n[:, out] * wanted
        total = whole.total - whole.moments.cross[:, out] * wanted[..., None, None]
        self.setup = Setup(whole.restricted, whole.n_fixed, m, total)

    def _others(self, d: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(F, K, 3, p+1, p+1) and (F, K, 3): sums without each interviewer, at d (F, K)."""
        everybody, (explained, log_h) = self.everybody.at(d), _parts(d, self.own_z)
        own = explained[..., None] * self.own_products[..., None, :]
        squares = everybody[..., :-3].reshape(own.shape) - own
        return squares.reshape(*own.shape[:-1], self.width, self.width), everybody[..., -3:] - log_h

    def profile(self, d: FloatArray) -> Profile:
        """Without each interviewer, at d (F, K)."""
        s, log_h = self._others(d)
        return assemble_profile(
            self.setup,
            s=self.setup.total + s[:, :, 0],
            s_gradient=s[:, :, 1:2],
            s_hessian=s[:, :, 2, None, None],
            log_h=log_h[..., 0],
            log_h_gradient=log_h[..., 1:2],
            log_h_hessian=log_h[..., 2, None, None],
        )

    def slope_and_curvature(self, d: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(F, K) each: derivatives of the deviance without each interviewer, at d (F, K)."""
        s, log_h = self._others(d)
        return derivatives_of_one(self.setup, self.setup.total + s[:, :, 0], s[:, :, 1:], log_h[..., 1], log_h[..., 2])

    def deviances(self, places: list[int]) -> FloatArray:
        """(1 + places, F, K) without each interviewer at 0 and at some of the nodes."""
        nodes, whole = self.everybody.nodes[:, places], self.everybody
        d = np.concatenate([np.zeros((len(nodes), 1)), np.exp(nodes)], axis=1).T[..., None]
        everybody = np.moveaxis(np.concatenate([whole.at_zero, whole.at_nodes[:, places]], axis=1), 1, 0)[:, :, None]
        shrink = 1 / (1 + d * self.own_z)
        own = (d * shrink)[..., None] * self.own_products
        sums = everybody[..., : self.width**2] + own
        log_xx, r2 = eliminated(self.setup.total + sums.reshape(*own.shape[:-1], self.width, self.width))
        penalty = everybody[..., -3] + np.log(shrink)
        penalty = penalty + np.where(self.setup.restricted, log_xx, 0.0)
        return np.asarray(penalty + self.setup.m * np.log(np.maximum(r2, 1e-300) / self.setup.m))


def leave_each_out(everybody: Everybody, out: NDArray[np.int64], wanted: BoolArray) -> LeftOut:
    """Minimise the deviances of everybody without each of the interviewers `out` (K,), where that is `wanted` (F, K).

    As in `optimise`, a grid first, zero included, so that no lower minimum is missed; then safeguarded Newton steps,
    from the fit with everybody where the grid allows that.
    """
    sums, relative = _Sums(everybody, out, wanted), everybody.relative
    places = [*range(0, _NODES, 4)]
    best = sums.deviances(places).argmin(axis=0)
    zero = best == 0
    if zero.any():
        zero &= sums.slope_and_curvature(np.zeros(best.shape))[0] >= 0
    inside = (best > 1) & (best < len(places))
    values = np.exp(everybody.nodes[:, places])
    position = np.clip(best - 1, 1, len(places) - 2)
    low, high, d = (np.take_along_axis(values, position + step, 1) for step in (-1, 1, 0))
    with_all = np.broadcast_to(relative[:, None], d.shape)
    d = np.where((low < with_all) & (with_all < high), with_all, d)
    done, scale = ~inside, 1 / everybody.problem.workload[:, :, 0]
    for _ in range(_STEPS):
        slope, curvature = sums.slope_and_curvature(d)
        high, low = np.where(slope > 0, d, high), np.where(slope > 0, low, d)
        newton, decrement = newton_of_one(d, slope, curvature, scale)
        usable, arrived = (newton > low) & (newton < high), decrement < _DECREMENT
        # The last step is taken as well: it squares the remaining error, and costs nothing.
        d = np.where(done, d, np.where(usable, newton, np.where(arrived, d, np.sqrt(low * high))))
        done = done | arrived | (high - low <= 1e-14 * high)
        if done.all():
            break
    d = np.where(zero, 0.0, d)
    return LeftOut(d, sums.profile(d), wanted & (zero | (inside & done)))
