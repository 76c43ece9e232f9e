"""A categorical model without each of its interviewers, at the cost of a few models of everybody.

One Newton step from the whole fit is near enough for most (`one_step`). For the others the likelihood of everybody is
expanded about its maximum, once for all of them (`_Expansion`), and the left-out interviewer's own part, computed as it
is, is taken away. The variance of the intercept takes the place of its sd, in which the likelihood is no parabola near
zero. Without a variance the likelihood is expanded about its maximum there; its derivative by the variance, which is
known exactly, says whether the others have one. Where an expansion is not good enough, as with few interviewers, the
model is fitted in full (`refit`).

Sizes: G interviewers in the model, k of them left out in turn, C categories, p covariates, D = C - 1 + p + 1
parameters.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from qa_reports.effects.categorical import CategoricalFit
from qa_reports.effects.categorical_columns import PreparedColumns, rows_of
from qa_reports.effects.categorical_search import maximise
from qa_reports.effects.category_rows import Rows
from qa_reports.effects.quadrature import Parameters, evaluate

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_DECREMENT = 1e-9
"""Relative log-likelihood at which a refit is good enough for a tail."""
_CHUNK = 250_000
"""Rows times nodes of refits held at once: little enough for a processor's cache. A fit that has arrived goes on being
evaluated with those beside it that have not."""
_APART = 0.5
"""Standard errors between the points whose second derivatives are compared, either side of the maximum."""
_NEGLIGIBLE = 2e-3
"""Standard errors of the parameters that an expansion may be wrong by: some thousandths of a tail."""
_CLEAR = 3.0
"""Standard errors of the random intercept's sd (half as many of its variance) from zero at which none at all is not
likelier."""
_NODES = 5
"""Quadrature nodes are enough for what is compared at both sides."""
_NO_VARIANCE, _VARIANCE = 0.2, 1.0
"""Interviewers over parameters from which an expansion, without and with a variance, is quicker than fits in full."""
_STEPS = 8
_ARRIVED = 1e-8
_REACH = 2.0
"""Longest step of an expansion, in standard errors."""
_FLAT = 1e-3
"""Information left, in directions where the whole fit has 1, below which an expansion says nothing."""
_SLIGHT = 1e-3
"""Share of the variance of the whole fit that takes the place of one that vanishes or is negative."""


class Without(Struct, frozen=True, eq=False):
    """The model without each of k interviewers, standardised columns."""

    at: Parameters
    """k fits."""
    covariance: FloatArray
    """(k, D-1, D-1) of thresholds and coefficients."""
    found: NDArray[np.bool_]
    """(k,)."""

    def of(self, positions: IntArray) -> Without:
        """Some of them."""
        return Without(self.at.of(positions), self.covariance[positions], self.found[positions])


class WithoutOne:
    """A fitted model from which interviewers are left out."""

    def __init__(self, prepared: PreparedColumns, fit: CategoricalFit, nodes: int) -> None:
        self.prepared, self.nodes, self.sd_se = prepared, nodes, fit.sd_se
        self.rows = rows_of([prepared])
        self.at = Parameters(
            (fit.thresholds - prepared.centre @ fit.fixed)[None],
            (fit.fixed * prepared.scale)[None],
            np.array([fit.sd]),
        )
        own = np.zeros((self.rows.n_groups, prepared.n_categories))
        np.add.at(own, (prepared.group, prepared.category), prepared.count)
        self.others = own.sum(axis=0) - own
        """(G, C) answers of everybody else in each category."""

    def _repeated(self, k: int) -> Parameters:
        return self.at.of(np.zeros(k, dtype=np.int64))

    def one_step(self) -> Without:
        """All G, one Newton step from the whole fit, with the exact gradient and curvature of the others."""
        sd = float(self.at.sd[0])
        here = evaluate(self.rows.apart(), self._repeated(self.rows.n_groups), self.nodes)
        used = here.gradient.shape[1] - (0 if sd > 0 else 1)
        information = (here.curvature - here.curvature.sum(axis=0))[:, :used, :used]
        definite = np.linalg.eigvalsh(information)[:, 0] > 1e-9
        information[~definite] = np.eye(used)
        covariance = np.linalg.inv(information)
        step = np.zeros((self.rows.n_groups, here.gradient.shape[1]))
        step[:, :used] = np.einsum("gde,ge->gd", covariance, -here.gradient[:, :used])
        step[:, -1] = np.maximum(step[:, -1], -0.75 * sd)
        moved = self._repeated(self.rows.n_groups).moved(step)
        definite &= np.all(np.diff(moved.thresholds, axis=1) > 0, axis=1)
        cells = here.gradient.shape[1] - 1
        return Without(moved, covariance[:, :cells, :cells], definite)

    def fitted(self, out: IntArray, start: Without) -> Without:
        """The models without `out`, by expansion where that is good enough and in full elsewhere; `start` (k fits)."""
        found = self.expand(out)
        rest = np.flatnonzero(~found.found)
        for part in np.array_split(rest, max(1, -(-len(rest) * len(self.prepared.count) * self.nodes // _CHUNK))):
            if len(part):
                _put(found, part, self.refit(out[part], start.of(part)))
        return found

    def expand(self, out: IntArray) -> Without:
        """The models without `out` by expansion; not `found` where it is not good enough, or would take longer."""
        k, d = len(out), self.rows.n_parameters
        result = Without(self._repeated(k), np.zeros((k, d - 1, d - 1)), np.zeros(k, dtype=bool))
        left = np.flatnonzero((self.others[out] > 0).all(axis=1))  # nobody else may miss a category
        uphill = np.zeros(len(left), dtype=bool)
        if not self._clear and len(left) > _NO_VARIANCE * d:
            owns = self._alone(out[left])
            none = maximise(self.rows, replace(self.at, sd=np.zeros(1)), free_sd=False).at
            outer = _Expansion(self.rows, none, self.nodes)
            at, covariance, good = outer.without(owns)
            downhill = outer.slope_at_zero(owns, at) <= 0
            places = np.flatnonzero(good & downhill)
            _put(result, left[places], Without(at.of(places), covariance[places], good[places]))
            uphill, left = (good & ~downhill)[~(good & downhill)], left[~(good & downhill)]
        if self.at.sd[0] > 0 and len(left) > _VARIANCE * d:
            at, covariance, good = _Expansion(self.rows, self.at, self.nodes).without(self._alone(out[left]))
            good &= uphill | (at.sd**2 > _CLEAR / 2 * np.sqrt(np.maximum(covariance[:, -1, -1], 0.0)))
            places = np.flatnonzero(good)
            _put(result, left[places], Without(at.of(places), covariance[places, :-1, :-1], good[places]))
        return result

    @property
    def _clear(self) -> bool:
        """Whether the whole fit's variance is far from zero."""
        return self.sd_se is not None and float(self.at.sd[0]) > _CLEAR * self.sd_se

    def _alone(self, out: IntArray) -> Rows:
        """Each of `out` and nobody else."""
        return rows_of([_alone(self.prepared, int(j)) for j in out])

    def refit(self, out: IntArray, start: Without) -> Without:
        """The models without `out`, in full, from `start` (k fits)."""
        models = [_leave_out(self.prepared, int(j)) for j in out]
        first, usable = self._repeated(len(out)), start.found[:, None]
        begin = Parameters(
            np.where(usable, start.at.thresholds, first.thresholds),
            np.where(usable, start.at.slopes, first.slopes),
            np.maximum(np.where(start.found, start.at.sd, first.sd), 0.05),
        )
        rows = rows_of(models)
        best = maximise(rows, begin, nodes=self.nodes, decrement=_DECREMENT)
        at, found, loglik, cells = best.at, best.found.copy(), best.here.loglik, best.here.gradient.shape[1] - 1
        covariance: FloatArray = np.asarray(np.linalg.pinv(-best.here.curvature, hermitian=True), dtype=np.float64)
        near = np.flatnonzero(~found | (at.sd <= _CLEAR * np.sqrt(np.maximum(covariance[:, -1, -1], 0.0))))
        if near.size:
            zero = replace(begin.of(near), sd=np.zeros(len(near)))
            of_near = rows if len(near) == len(models) else rows_of([models[k] for k in near])
            none = maximise(of_near, zero, free_sd=False, decrement=_DECREMENT)
            lower = ~(loglik[near] > none.here.loglik + 1e-9 * np.abs(none.here.loglik))
            for values, others in zip(_arrays(at), _arrays(none.at), strict=True):
                values[near[lower]] = others[lower]
            found[near[lower]] = none.found[lower]
            information = -none.here.curvature[lower][:, :cells, :cells]
            covariance[near[lower], :cells, :cells] = np.linalg.pinv(information, hermitian=True)
        covariance[~found] = 0.0
        return Without(at, covariance[:, :cells, :cells], found)


class _Expansion:
    """Everybody's likelihood about its maximum, in units of its standard errors: parameters are theta + C v with the
    covariance C C', so that the second derivatives are -I at v = 0.

    Third derivatives, and the fourth ones twice along a direction, are differences of the exact second ones.
    """

    def __init__(self, rows: Rows, at: Parameters, nodes: int) -> None:
        self.at, self.nodes, self.by_variance = at, nodes, bool(at.sd[0] > 0)
        here = self._derivatives(rows, at, nodes)
        self.gradient, curvature, self.slope = here.gradient[0], here.curvature[0], here.slope
        d = len(self.gradient)
        self.usable = bool(np.linalg.eigvalsh(-curvature)[0] > 0)
        self.third, self.fourth = np.zeros((2, d, d, d))
        self.root, self.slope_gradient = np.eye(d), np.zeros(d)
        if not self.usable:
            return
        self.root = np.linalg.cholesky(np.linalg.inv(-curvature))
        fewer, apart = min(nodes, _NODES), self._apart()
        middle = self._inside(self._derivatives(rows, at, fewer, here.mode).curvature[0])
        for direction in range(d):
            ends = []
            for sign in (apart, -apart):
                moved = self.moved(sign * np.eye(d)[[direction]])
                if (np.diff(moved.thresholds[0]) <= 0).any():
                    self.usable = False
                    return
                there = self._derivatives(rows, moved, fewer, here.mode)
                ends.append((self._inside(there.curvature[0]), there.slope[0]))
            self.third[direction] = (ends[0][0] - ends[1][0]) / (2 * apart)
            self.fourth[direction] = (ends[0][0] + ends[1][0] - 2 * middle) / apart**2
            self.slope_gradient[direction] = (ends[0][1] - ends[1][1]) / (2 * apart)

    def _inside(self, curvature: FloatArray) -> FloatArray:
        return np.asarray(self.root.T @ curvature @ self.root)

    def _apart(self) -> float:
        """Not as far as where the variance would vanish."""
        if not self.by_variance:
            return _APART
        return min(_APART, 0.7 * float(self.at.sd[0] ** 2 / np.abs(self.root[-1]).max()))

    def moved(self, v: FloatArray) -> Parameters:
        """The parameters at (k, d) places; a variance stays above zero."""
        k, step = len(v), v @ self.root.T
        if not self.by_variance:
            step = np.concatenate([step, np.zeros((k, 1))], axis=1)
        at = self.at.of(np.zeros(k, dtype=np.int64))
        moved = at.moved(step)
        if not self.by_variance:
            return moved
        return replace(moved, sd=np.sqrt(np.maximum(at.sd**2 + step[:, -1], _SLIGHT * at.sd**2)))

    def _derivatives(self, rows: Rows, at: Parameters, nodes: int, near: FloatArray | None = None) -> _Derivatives:
        """`near` (G,) are modes to begin with."""
        here = evaluate(rows, at, nodes, near)
        if not self.by_variance:
            # By the variance the derivative at zero is half the second one by the sd.
            slope = here.curvature[:, -1, -1] / 2
            return _Derivatives(here.gradient[:, :-1], here.curvature[:, :-1, :-1], slope, here.mode)
        sd = at.sd
        gradient, curvature = here.gradient.copy(), here.curvature.copy()
        gradient[:, -1] /= 2 * sd
        curvature[:, -1] /= 2 * sd[:, None]
        curvature[:, :, -1] /= 2 * sd[:, None]
        curvature[:, -1, -1] -= gradient[:, -1] / (2 * sd**2)
        return _Derivatives(gradient, curvature, gradient[:, -1], here.mode)

    def without(self, owns: Rows) -> tuple[Parameters, FloatArray, NDArray[np.bool_]]:
        """Where the likelihood less that of each of k interviewers is highest, the covariance there, and whether that
        can be believed."""
        k, d = owns.n_fits, len(self.gradient)
        v, slope, identity, near = np.zeros((k, d)), self.root.T @ self.gradient, np.eye(d), np.zeros(k)
        left, step, definite = np.broadcast_to(identity, (k, d, d)), v, np.zeros(k, dtype=bool)
        for _ in range(_STEPS if self.usable else 0):
            own = self._derivatives(owns, self.moved(v), self.nodes, near)
            near = own.mode
            bent = (v @ self.third.reshape(d, d * d)).reshape(k, d, d)
            more = (v**2 @ self.fourth.reshape(d, d * d)).reshape(k, d, d)
            gradient = slope - v + ((bent / 2 + more / 6) @ v[..., None])[..., 0] - own.gradient @ self.root
            left = identity - bent - more / 2 + self.root.T @ own.curvature @ self.root
            definite = np.linalg.eigvalsh(left)[:, 0] > _FLAT
            left = np.where(definite[:, None, None], left, identity)
            step = np.linalg.solve(left, gradient[..., None])[..., 0]
            step = step * np.minimum(1.0, _REACH / np.maximum(np.linalg.norm(step, axis=1), 1e-300))[:, None]
            v = v + step
            if np.abs(step).max() < _ARRIVED:
                break
        at = self.moved(v)
        last = np.linalg.norm(np.einsum("ka,abc,kc->kb", v**2, self.fourth, v), axis=1) / 6
        good = definite & (last < _NEGLIGIBLE) & (np.abs(step).max(axis=1) < 1e-6)
        good &= np.all(np.diff(at.thresholds, axis=1) > 0, axis=1)
        if self.by_variance:
            good &= at.sd**2 > 2 * _SLIGHT * self.at.sd[0] ** 2
        return at, self.root @ np.linalg.inv(left) @ self.root.T, good

    def slope_at_zero(self, owns: Rows, at: Parameters) -> FloatArray:
        """(k,) the derivative of the others' likelihood by the variance, at parameters without one."""
        move = _stacked(at) - _stacked(self.at)
        v = np.linalg.solve(self.root, move.T).T
        return np.asarray(self.slope + v @ self.slope_gradient - self._derivatives(owns, at, self.nodes).slope)


class _Derivatives(Struct, frozen=True, eq=False):
    """Of the likelihood of F fits in d parameters, the sd of the intercept as its square or left out."""

    gradient: FloatArray
    """(F, d)."""
    curvature: FloatArray
    """(F, d, d)."""
    slope: FloatArray
    """(F,) by the variance."""
    mode: FloatArray
    """(G,) as of an `Evaluation`."""


def _stacked(at: Parameters) -> FloatArray:
    return np.concatenate([at.thresholds, at.slopes], axis=1)


def _put(found: Without, places: IntArray, others: Without) -> None:
    for values, new in zip(_arrays(found.at), _arrays(others.at), strict=True):
        values[places] = new
    found.covariance[places], found.found[places] = others.covariance, others.found


def _arrays(at: Parameters) -> tuple[FloatArray, ...]:
    return at.thresholds, at.slopes, at.sd


def _alone(prepared: PreparedColumns, j: int) -> PreparedColumns:
    """Nobody but `j`."""
    own = prepared.group == j
    return replace(
        prepared,
        covariates=prepared.covariates[own],
        category=prepared.category[own],
        group=np.zeros(int(own.sum()), dtype=np.int64),
        count=prepared.count[own],
        present=prepared.present[[j]],
    )


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
