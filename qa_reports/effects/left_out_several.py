"""Several random terms, every one of many interviewers left out in turn, at a cost that is linear in the interviewers.

What the likelihood sums over interviewers are smooth functions of the relative covariance D, and one of many
interviewers moves D by little: everybody's sums are expanded about the fit of all, with their exact first and second
derivatives and, by differences of these, the third ones and the fourth ones twice along an axis. An interviewer's own
part, which is exact, is taken away. Where what the expansion leaves out may matter, or D would leave the covariances,
an interviewer is not found and to be left out in full.

Sizes: J interviewers, q random terms, r = q(q+1)/2 elements of D, p fixed effects, k left out.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from msgspec.structs import asdict
from numpy.typing import NDArray

from qa_reports.effects.left_out import Setup
from qa_reports.effects.likelihood import Profile, Sums, assemble_profile, profile, sums_of_several_terms
from qa_reports.effects.moments import Moments
from qa_reports.effects.optimise import newton_step
from qa_reports.effects.problem import Problem, problem, symmetric_basis

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_APART = 0.5
"""Standard errors of D between the fit and the points whose second derivatives are compared."""
_NEGLIGIBLE = 1e-4
"""Standard errors of D that the last terms of the expansion may matter by: what is left out matters less."""
_STEPS = 12
_DECREMENT = 1e-12
_FURTHEST = 2.0
"""Longest step, in standard errors."""


class LeftOutOfSeveral(Struct, frozen=True, eq=False):
    """The best D without each of k interviewers, where it could be found."""

    relative: FloatArray
    """(k, q, q)."""
    profile: Profile
    """There; B = (1, k)."""
    found: BoolArray
    """(k,)."""


class Expansion:
    """Everybody's sums about the fit of all, D in its elements by standard errors: d = d0 + C v."""

    def __init__(self, moments: Moments, random: tuple[int, ...], relative: FloatArray) -> None:
        """`moments` of one fit, and its D (q, q)."""
        self.moments, self.random, self.relative = moments, random, relative
        self.basis = symmetric_basis(len(random))
        self.everyone = problem(moments, random, "REML")
        curvature = profile(self.everyone, relative[None, None]).hessian[0, 0] / 2
        values, vectors = np.linalg.eigh(curvature)
        # No expansion where D is at a bound and the likelihood does not bend.
        self.usable = bool(values[0] > 1e-10 * values[-1]) and bool(np.linalg.eigvalsh(relative)[0] > 0)
        self.root = vectors / np.sqrt(values) if self.usable else np.eye(len(values))
        if self.usable:
            self.here = self._sums(np.zeros(len(values)))
            ends = [[self._sums(sign * step) for sign in (_APART, -_APART)] for step in np.eye(len(values))]
            self.third = {name: self._slopes(name, ends) for name in ("s_hessian", "log_h_hessian")}
            self.fourth = {name: self._bends(name, ends) for name in ("s_hessian", "log_h_hessian")}

    def _covariances(self, v: FloatArray) -> FloatArray:
        """(..., q, q) D at places v (..., r)."""
        return np.asarray(self.relative + np.einsum("...a,aij->...ij", v @ self.root.T, self.basis))

    def _sums(self, v: FloatArray) -> Sums:
        found = sums_of_several_terms(self.everyone, self._covariances(v)[None, None])
        return Sums(**{name: values[0, 0] for name, values in asdict(found).items()})

    def _slopes(self, name: str, ends: list[list[Sums]]) -> FloatArray:
        return np.stack([(getattr(up, name) - getattr(down, name)) / (2 * _APART) for up, down in ends])

    def _bends(self, name: str, ends: list[list[Sums]]) -> FloatArray:
        middle = 2 * getattr(self.here, name)
        return np.stack([(getattr(up, name) + getattr(down, name) - middle) / _APART**2 for up, down in ends])

    def _everybody(self, v: FloatArray, fourth: bool) -> dict[str, FloatArray]:
        """The sums at (k, r) places."""
        found, d = {}, v @ self.root.T
        for part in ("s", "log_h"):
            value, gradient, second = (getattr(self.here, f"{part}{name}") for name in ("", "_gradient", "_hessian"))
            third = np.tensordot(v, self.third[f"{part}_hessian"], 1)
            more = np.tensordot(v**2, self.fourth[f"{part}_hessian"], 1) if fourth else np.zeros_like(third)

            def along(matrices: FloatArray) -> FloatArray:
                """One index of (k, r, ...) contracted with d."""
                return np.asarray(np.einsum("ka,ka...->k...", d, matrices))

            repeated = np.broadcast_to(second, third.shape)
            found[f"{part}_hessian"] = second + third + more / 2
            found[f"{part}_gradient"] = gradient + along(repeated + third / 2 + more / 6)
            bent = along(along(repeated / 2 + third / 6 + more / 24))
            found[part] = value + np.tensordot(d, gradient, 1) + bent
        return found

    def without(self, out: NDArray[np.int64]) -> LeftOutOfSeveral:
        """The fits without each of the interviewers."""
        k, r, one = len(out), len(self.basis), self.moments
        own = Moments(
            one.cross[0, out][:, None], one.n[0, out][:, None], one.centre.repeat(k, 0), one.scale.repeat(k, 0)
        )
        alone = Problem(own, self.random, self.everyone.restricted, np.ones((k, 1, 1)))
        setup = Setup(
            restricted=self.everyone.restricted,
            n_fixed=self.everyone.n_fixed,
            m=(self.everyone.m[0, 0] - one.n[0, out])[None].astype(np.float64),
            total=self.everyone.total[0] - one.cross[0, out][None],
        )

        def here(v: FloatArray, fourth: bool = True) -> Profile:
            theirs = asdict(sums_of_several_terms(alone, self._covariances(v)[:, None]))
            everybody = self._everybody(v, fourth)
            return assemble_profile(setup, **{name: (everybody[name] - theirs[name][:, 0])[None] for name in everybody})

        v, decrement = np.zeros((k, r)), np.full(k, np.inf)
        at = here(v)
        for _ in range(_STEPS):
            gradient, hessian = at.gradient[0] @ self.root, self.root.T @ at.hessian[0] @ self.root
            step, decrement = newton_step(gradient, hessian)
            if (decrement < _DECREMENT).all():
                break
            v = v + step * np.minimum(1.0, _FURTHEST / np.maximum(np.linalg.norm(step, axis=1), 1e-300))[:, None]
            at = here(v)
        relative = self._covariances(v)
        missing = (at.gradient[0] - here(v, fourth=False).gradient[0]) @ self.root / 2
        inside = np.linalg.eigvalsh(relative)[:, 0] > 0
        curved = np.linalg.eigvalsh(self.root.T @ at.hessian[0] @ self.root)[:, 0] > 0
        settled = (decrement < 1e-9) & (np.linalg.norm(missing, axis=1) < _NEGLIGIBLE)
        return LeftOutOfSeveral(relative, at, inside & curved & settled)
