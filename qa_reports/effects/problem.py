"""The part of the moments that the likelihood of linear mixed models needs, arranged for `likelihood`.

Interviewers with the same number of interviews differ, to a random intercept, only in their sums of products, which
the likelihood adds up: they are one kind of interviewer that counts several times, and evaluating the likelihood costs
as much as there are different workloads, however many interviewers there are.

Sizes as in `likelihood`.
"""

from __future__ import annotations

from functools import cache, cached_property
from typing import Literal, Protocol

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from qa_reports.effects.moments import Moments

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Method = Literal["REML", "ML"]

_ALIKE = 0.7
"""Different workloads over interviewers from which it is not worth while to take alike ones together."""


class Setup(Protocol):
    """What a profile is assembled for; the arrays lead with B = (F, K)."""

    @property
    def restricted(self) -> BoolArray:
        """(K,) which variants are by REML, the others by ML; or (1,) of them all."""
        ...

    @property
    def n_fixed(self) -> int:
        """Number of fixed columns, p."""
        ...

    @property
    def m(self) -> FloatArray:
        """(B) degrees of freedom of the residual variance."""
        ...

    @property
    def total(self) -> FloatArray:
        """(B, p+1, p+1) cross products [X y]'[X y]."""
        ...


class Problem(Struct, frozen=True, eq=False, dict=True):
    """The part of the moments that does not change with D, for F fits in K variants.

    `keep` (F, K, J) says how often an interviewer counts in a variant: 1 or 0 (left out). `restricted` (K,) or (1,):
    which variants are by REML, the others by ML.
    """

    moments: Moments
    random: tuple[int, ...]
    """(q,) which fixed columns carry random terms."""
    restricted: BoolArray
    keep: FloatArray

    @cached_property
    def basis(self) -> FloatArray:
        """(r, q, q) symmetric matrices E_a with D = sum_a d_a E_a, d the lower triangle of D row by row."""
        return symmetric_basis(len(self.random))

    @cached_property
    def workload(self) -> FloatArray:
        """(F, K, q) mean of the diagonal of Z'Z over the interviewers who count: the scale of 1/D."""
        present = self.keep * (self.moments.n[:, None, :] > 0)
        squares = np.diagonal(self.zz, axis1=2, axis2=3)
        return np.asarray((present[..., None] * squares).sum(2) / present.sum(2)[..., None])

    @cached_property
    def total(self) -> FloatArray:
        """(F, K, p+1, p+1) cross products of the interviewers kept."""
        f, j, width, _ = self.moments.cross.shape
        total = self.keep @ self.moments.cross.reshape(f, j, width * width)
        return np.asarray(total.reshape(f, -1, width, width))

    @cached_property
    def zz(self) -> FloatArray:
        """(F, 1, q, q, J) Z'Z."""
        return self.zc[:, :, :, self.random]

    @cached_property
    def zc(self) -> FloatArray:
        """(F, 1, q, p+1, J) Z'[X y]."""
        return np.ascontiguousarray(np.moveaxis(self.moments.cross[:, None, :, self.random], 2, -1))

    @cached_property
    def zc_products(self) -> FloatArray:
        """(F, r J, (p+1)^2) z_a z_b' + z_b z_a' of the rows of Z'[X y] for every element (a, b) of D, once for a = b.

        Any sum over interviewers of C'Z M Z'C with a symmetric M is a product of the elements of M with these.
        """
        zc = self.moments.cross[:, :, self.random]
        f, _, q, width = zc.shape
        elements = []
        for a, b in zip(*lower_triangle(q), strict=True):
            product = zc[:, :, a, :, None] * zc[:, :, b, None, :]
            elements.append(product if a == b else product + np.swapaxes(product, -1, -2))
        return np.stack(elements, axis=1).reshape(f, -1, width * width)

    @cached_property
    def n(self) -> FloatArray:
        """(F, K) interviews."""
        return np.asarray(np.einsum("fkj,fj->fk", self.keep, self.moments.n.astype(float)))

    @cached_property
    def m(self) -> FloatArray:
        """(F, K) degrees of freedom of the residual variance."""
        return self.n - self.n_fixed * self.restricted

    @property
    def n_fixed(self) -> int:
        """Number of fixed columns, p."""
        return int(self.moments.cross.shape[-1] - 1)

    def by(self, *methods: Method) -> Problem:
        """The same problem by another method, or by each of several as a variant; what has been computed is kept."""
        other = replace(self, restricted=by_reml(*methods))
        vars(other).update({name: value for name, value in vars(self).items() if name != "m"})
        return other


def by_reml(*methods: Method) -> BoolArray:
    """Which of some methods are REML."""
    return np.array([method == "REML" for method in methods])


@cache
def lower_triangle(q: int) -> tuple[IntArray, IntArray]:
    """Rows and columns (r,) of the elements of a symmetric matrix (q, q), its lower triangle row by row."""
    rows, columns = np.tril_indices(q)
    rows.flags.writeable = columns.flags.writeable = False  # for they are kept
    return rows, columns


def symmetric_basis(q: int) -> FloatArray:
    """(r, q, q) matrices with ones at one place of the lower triangle, row by row, and at its mirror image."""
    rows, columns = lower_triangle(q)
    basis = np.zeros((len(rows), q, q))
    basis[np.arange(len(rows)), rows, columns] = 1.0
    basis[np.arange(len(rows)), columns, rows] = 1.0
    return basis


@cache
def units_around_units(q: int) -> tuple[FloatArray, FloatArray]:
    """E_a E_e E_b (r, r, r, q, q), indices a, b, e, and tr(E_a E_e E_b E_g) (r, r, r, r), of the basis E (r, q, q).

    With a symmetric W = sum_e w_e E_e they make E_a W E_b and tr(E_a W E_b W).
    """
    basis = symmetric_basis(q)
    units = basis[:, None, None] @ basis @ basis[:, None]
    traces = np.einsum("abeil,gil->abeg", units, basis)
    units.flags.writeable = traces.flags.writeable = False  # for they are kept
    return units, traces


def problem(moments: Moments, random: tuple[int, ...], method: Method, keep: FloatArray | None = None) -> Problem:
    """Set up F fits; `keep` (F, K, J) defaults to everyone once (K = 1): then J may be kinds of interviewers."""
    if keep is not None:
        return Problem(moments, random, by_reml(method), keep)
    f, j = moments.n.shape
    if random == (0,) and np.issubdtype(moments.n.dtype, np.integer):
        workload = np.flatnonzero(np.bincount(moments.n.ravel()))
        if len(workload) < _ALIKE * j:
            return _of_kinds(moments, method, workload)
    return Problem(moments, random, by_reml(method), np.ones((f, 1, j)))


class _KindsProblem(Problem, frozen=True, eq=False, dict=True):
    """Kinds of interviewers; `keep` says how many there are of each."""

    products: FloatArray
    """(F, J, (p+1)^2) means of products of the sums of interviewers of a kind: what `zc_products` is for one."""
    kinds: FloatArray
    """(J,) their interviews."""

    @cached_property
    def total(self) -> FloatArray:
        return np.asarray(self.moments.cross.sum(1)[:, None])

    @cached_property
    def zz(self) -> FloatArray:
        return self.kinds[None, None, None, None]

    @cached_property
    def zc_products(self) -> FloatArray:
        return self.products

    @cached_property
    def n(self) -> FloatArray:
        return np.asarray(self.keep @ self.kinds)

    @cached_property
    def workload(self) -> FloatArray:
        return np.asarray(self.n / (self.keep * (self.kinds > 0)).sum(-1))[..., None]


def _of_kinds(moments: Moments, method: Method, workload: NDArray[np.int64]) -> Problem:
    """The problem of one random intercept; `workload` (U,) are the different numbers of interviews."""
    (f, j), u, width = moments.n.shape, len(workload), moments.cross.shape[-1]
    kind = np.empty(int(workload[-1]) + 1, dtype=np.int64)
    kind[workload] = np.arange(u)
    place = (kind[moments.n] + u * np.arange(f)[:, None]).ravel()
    number = np.bincount(place, minlength=f * u).reshape(f, u)
    sums = moments.cross[:, :, 0].reshape(f * j, width).T
    products = np.zeros((width, width, f * u))
    for a in range(width):
        for b in range(a + 1):
            products[a, b] = products[b, a] = np.bincount(place, sums[a] * sums[b], f * u)
    mean = np.moveaxis(products.reshape(width * width, f, u), 0, 2) / np.maximum(number, 1)[..., None]
    keep, kinds = number[:, None].astype(np.float64), workload.astype(np.float64)
    return _KindsProblem(moments, (0,), by_reml(method), keep, mean, kinds)
