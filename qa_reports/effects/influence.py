"""Leave-one-interviewer-out: how far each interviewer lies from a model fitted without them.

An outlier inflates the variance it is judged by, so every interviewer is judged by the fit of all others.
Sizes: F fits, J interviewers, q random terms, p fixed effects.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.effects.distributions import normal_isf, t_sf
from qa_reports.effects.information import degrees_of_freedom
from qa_reports.effects.left_out import Everybody, leave_each_out
from qa_reports.effects.left_out_several import Expansion
from qa_reports.effects.likelihood import Profile
from qa_reports.effects.mixed_model import MixedModelFits, back_transform, spanned
from qa_reports.effects.moments import Moments
from qa_reports.effects.optimise import minimise, profile_at
from qa_reports.effects.problem import problem, symmetric_basis

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_CHUNK = 500_000
"""Left-out interviewers times sums per interviewer that are handled at once: some 25 MB."""
_REFITTED = 12_000
"""Left-out interviewers times interviewers that are refitted at once: few enough to stay near the processor."""
_SUMS = 12
"""Tables of the size of the cross products that are held for a left-out interviewer."""
_MANY = 300
"""Interviewers left out of a model with several random terms from which an expansion is tried first."""
_NOTHING = 1e-100
"""Relative variance of a deviation that only rounding has left; the square of its reciprocal would be no number."""


class Deletions(Struct, frozen=True, eq=False):
    """The interviewers of F fits against the REML fit without them, user's units; NaN where not estimable."""

    deviation: FloatArray
    """(F, J, q) r_j = (Z'Z)^-1 Z'(y_j - X_j b_-j), the intercept at the grand mean of the predictors."""
    se: FloatArray
    """(F, J, q) standard error of the deviation for a normal interviewer: random terms, residual and b_-j together."""
    df: FloatArray
    """(F, J, q) Satterthwaite degrees of freedom of se squared."""
    p: FloatArray
    """(F, J, q) two-sided, t distribution."""
    z: FloatArray
    """(F, J, q) the deletion z: normal score of p with the sign of the deviation."""
    covariance: FloatArray
    """(F, J, q, q) covariance of the random terms without the interviewer, the intercept where predictors are 0."""
    residual_variance: FloatArray
    """(F, J) residual variance without the interviewer."""
    fixed: FloatArray
    """(F, J, p) fixed effects without the interviewer."""
    cooks_distance: FloatArray
    """(F, J) (b - b_-j)' Var(b)^-1 (b - b_-j) / p (Cook 1977)."""
    covariance_ratio: FloatArray
    """(F, J) det Var(b_-j) / det Var(b) (Belsley, Kuh & Welsch 1980): above 1, the interviewer adds precision."""


_Without = dict[str, FloatArray]
"""One chunk of left-out interviewers, inside scale, by the names used in `delete_interviewers`; leading axis k."""


def delete_interviewers(
    moments: Moments, random: tuple[int, ...], fits: MixedModelFits, judged: BoolArray | None = None
) -> Deletions:
    """Refit every model once without each interviewer (by REML) and compare the interviewer with it.

    `judged` (F,) says which fits it is asked of; the others are not touched.

    The variance of r_j is V = D_-j + s2_-j (Z'Z)^-1 + R Var(b_-j) R', R = (Z'Z)^-1 Z'X_j. Its degrees of freedom are
    Satterthwaite's, from the expected information of the variance parameters, which exists at zero variance too.
    """
    f, j = moments.n.shape
    q, p = len(random), moments.cross.shape[-1] - 1
    shapes = {"deviation": (q,), "se": (q,), "df": (q,), "relative": (q, q), "s2": (), "b": (p,), "log_det": ()}
    inside = {name: np.full((f, j, *shape), np.nan) for name, shape in shapes.items()}
    wanted = np.array(fits.status) != "failed"
    usable, size = np.flatnonzero(wanted if judged is None else wanted & judged), _SUMS * (p + 1) ** 2
    together = max(1, _CHUNK // (j * size))
    for some in np.split(usable, range(together, len(usable), together)) if usable.size else ():
        chosen, relative = moments.of(some.tolist()), fits.relative[some]
        present, total = np.flatnonzero((chosen.n > 0).any(0)), chosen.cross.sum(1, keepdims=True)
        everybody = Everybody(chosen, random[0], relative[:, 0, 0]) if len(random) == 1 else None
        for chunk in np.array_split(present, max(1, -(-len(present) * size // _CHUNK))):
            for name, values in _delete_chunk(chosen, random, relative, chunk, inside, total, everybody).items():
                inside[name][np.ix_(some, chunk)] = values
    return _in_units(moments, random, fits, inside)


def _in_units(moments: Moments, random: tuple[int, ...], fits: MixedModelFits, inside: _Without) -> Deletions:
    sd = moments.scale[:, -1]
    to_units = back_transform(moments)
    k = to_units[:, None, random][:, :, :, random]
    s2 = inside["s2"] * sd[:, None] ** 2
    fixed = sd[:, None, None] * (inside["b"] @ np.swapaxes(to_units, -1, -2))
    fixed[..., 0] += moments.centre[:, None, -1]
    change = fixed - fits.fixed[:, None]
    precision = np.stack(
        [np.linalg.pinv(v, hermitian=True) if np.isfinite(v).all() else v for v in fits.fixed_covariance]
    )
    # det Var(b) of both fits on the same, inside scale.
    with np.errstate(invalid="ignore"):  # failed fits are NaN
        whole = np.linalg.slogdet(fits.fixed_covariance)[1] - 2 * np.linalg.slogdet(to_units * sd[:, None, None])[1]
    unit = sd[:, None] / moments.scale[:, random]
    p, z = two_sided(inside["deviation"] / inside["se"], inside["df"])
    return Deletions(
        deviation=inside["deviation"] * unit[:, None],
        se=inside["se"] * unit[:, None],
        df=inside["df"],
        p=p,
        z=z,
        covariance=s2[..., None, None] * (k @ inside["relative"] @ np.swapaxes(k, -1, -2)),
        residual_variance=s2,
        fixed=fixed,
        cooks_distance=np.einsum("fjp,fpr,fjr->fj", change, precision, change) / fixed.shape[-1],
        covariance_ratio=np.exp(inside["log_det"] - whole[:, None]),
    )


def _delete_chunk(
    moments: Moments,
    random: tuple[int, ...],
    relative: FloatArray,
    out: IntArray,
    shapes: _Without,
    total: FloatArray,
    everybody: Everybody | None,
) -> _Without:
    """The k interviewers `out` of some fits, each against the fit without them; `shapes` names what is wanted.

    `total` are everybody's cross products; `everybody` is there of models with one random term.
    """
    own = moments.cross[:, out]
    zz, zc = own[..., random, :][..., random], own[..., random, :]
    result = {name: np.full((*own.shape[:2], *values.shape[2:]), np.nan) for name, values in shapes.items()}
    judged = (moments.n[:, out] > 0) & _others_identify(moments, random, out, total)
    if everybody is not None and judged.any():
        left = leave_each_out(everybody, out, judged)
        result = _compare(left.relative[..., None, None], left.profile, left.found, zz, zc)
        judged &= ~left.found
    for fit in np.flatnonzero(judged.any(1)).tolist():
        rows = np.flatnonzero(judged[fit])
        for some, best, here, converged in _refits(moments.of([fit]), random, relative[fit], out[rows]):
            at = fit, rows[some]
            for name, values in _compare(best[None], here, converged[None], zz[at][None], zc[at][None]).items():
                result[name][at] = values[0]
    unsolvable = np.linalg.cond(zz) >= 1e10
    for name in ("deviation", "se", "df"):
        result[name][unsolvable] = np.nan
    return result


def _refits(
    moments: Moments, random: tuple[int, ...], relative: FloatArray, out: IntArray
) -> Iterator[tuple[IntArray, FloatArray, Profile, BoolArray]]:
    """One fit without each of the interviewers `out`: some of them (k,), D (k, q, q), the profile (1, k) there, and
    whether it is the minimum. Who was not found comes once more."""
    left = np.arange(len(out))
    if len(random) > 1 and len(out) > _MANY and (expansion := Expansion(moments, random, relative)).usable:
        several = expansion.without(out)
        yield left, several.relative, several.profile, several.found
        left = left[~several.found]
    for rows in np.array_split(left, max(1, -(-len(left) * moments.n.shape[1] // _REFITTED))):
        if rows.size:
            keep = np.ones((1, len(rows), moments.n.shape[1]))
            keep[0, np.arange(len(rows)), out[rows]] = 0.0
            setup = problem(moments, random, "REML", keep)
            optimum = minimise(setup, np.broadcast_to(relative, (1, len(rows), *relative.shape)))
            yield rows, optimum.relative[0], profile_at(setup, optimum), optimum.converged[0]


def _others_identify(moments: Moments, random: tuple[int, ...], out: IntArray, total: FloatArray) -> BoolArray:
    """(F, k) whether the interviewers left can still carry the model: fixed columns of full rank, that do not tell
    interviewers apart (as they do where one interviewer is left who has a random term), and who has two interviews."""
    p, n = moments.cross.shape[-1] - 1, moments.n
    own = n[:, out]
    repeated = (n > 1).sum(1, keepdims=True) - (own > 1) >= 1
    others = (total - moments.cross[:, out])[..., :p, :p]
    left = n.sum(1, keepdims=True) - own
    rank = np.linalg.eigvalsh(others)[..., 0] > 1e-9 * left
    found = repeated & rank & (left > p + 1)
    others = np.where(rank[..., None, None], others, np.eye(p))
    for term in random:
        zx, zz = moments.cross[:, :, term, :p], moments.cross[:, :, term, term]
        whole, mine = np.swapaxes(zx, -1, -2) @ zx, zx[:, out]
        theirs = whole[:, None] - mine[..., :, None] * mine[..., None, :]
        found &= ~spanned(others, zz.sum(1, keepdims=True) - zz[:, out], theirs)
    return np.asarray(found)


def _compare(best: FloatArray, here: Profile, converged: BoolArray, zz: FloatArray, zc: FloatArray) -> _Without:
    """Interviewers (F, k) against the fits without them: D (F, k, q, q) and the profile there."""
    p = here.b.shape[-1]
    own = np.linalg.pinv(zz, hermitian=True)
    v = np.concatenate([-here.b, np.ones((*here.b.shape[:-1], 1))], axis=-1)
    design = own @ zc[..., :p]
    projected = design @ here.s_inverse
    variance = np.diagonal(best + own, axis1=-2, axis2=-1) + (projected * design).sum(-1)
    # Nothing varies for an interviewer whose predictors are all 0, in a model without random intercept.
    variance = np.where(variance > _NOTHING, variance, np.nan)
    from_d = np.diagonal(symmetric_basis(zz.shape[-1]), axis1=-2, axis2=-1).T
    from_b = -np.einsum("...qp,...aps,...qs->...qa", projected, here.s_gradient, projected)
    log_gradient = (from_d + from_b) / variance[..., None]
    log_gradient = np.concatenate([log_gradient, np.ones((*variance.shape, 1))], axis=-1)
    found = {
        "deviation": (own @ zc @ v[..., None])[..., 0],
        "se": np.sqrt(here.s2[..., None] * variance),
        "df": degrees_of_freedom(here.expected_information, log_gradient),
        "relative": best.copy(),
        "s2": here.s2.copy(),
        "b": here.b.copy(),
        "log_det": p * np.log(here.s2) + np.linalg.slogdet(here.s_inverse)[1],
    }
    # Without this interviewer there may be no maximum, e.g. when only they vary within their interviews.
    for values in found.values():
        values[~converged] = np.nan
    return found


def two_sided(statistic: FloatArray, df: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Two-sided p of a t statistic, and the normal score with its sign (finite for p down to 1e-300)."""
    half = np.maximum(t_sf(np.abs(statistic), df), 1e-300)
    return np.minimum(2 * half, 1.0), np.sign(statistic) * normal_isf(half)
