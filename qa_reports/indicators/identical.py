"""Interviews of different interviewers that agree on all answers both have: how many such pairs chance brings about.

Twelve shared answers that nearly everybody gives make no pair improbable; forty that hardly anybody gives do. How
probable it is that another interview has just these answers comes from a tree of the items (Chow and Liu 1968): each
item given the answer to the one it goes most with, since answers to neighbouring questions are not independent.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qa_reports.indicators.measure import FloatArray, IntArray

_FOR_TREE = 2_000
"""Interviews, evenly spread, that tell which items go together."""
_PRIOR = 5.0
"""Interviews that an item's own distribution counts for beside those with the same answer to the other item."""


class ChanceOfIdentical:
    """How many pairs of a survey are expected to be as improbable as an identical one.

    With S the items both interviews answered, v_k their answers and j(k) the item of S that k hangs on,
    p = P(v_first) prod P(v_k | v_j(k)), and the expected number is n (n - 1) / 2 p: were p right, no more pairs
    as improbable as this one would agree on all of S. Frequencies are those of all other interviews, the pair
    left out; P(v_k | v_j) = (n_jk + 5 P(v_k)) / (n_j + 5).
    """

    def __init__(self, answers: FloatArray) -> None:
        """Of (n, K) answers, NaN where there is none."""
        self.n = len(answers)
        coded = [np.unique(column[np.isfinite(column)], return_inverse=True) for column in answers.T]
        self._codes = np.full(answers.shape, -1, dtype=np.int64)
        for k, (_, place) in enumerate(coded):
            self._codes[np.isfinite(answers[:, k]), k] = place
        self._sizes = [len(values) for values, _ in coded]
        self._single = [
            np.bincount(codes[codes >= 0], minlength=size)
            for codes, size in zip(self._codes.T, self._sizes, strict=True)
        ]
        self._together: dict[tuple[int, int], IntArray] = {}
        self._order, self._information = self._tree()
        self._known: dict[bytes, float] = {}

    def expected(self, first: int, second: int) -> float:
        """Pairs as improbable as that of two interviews that agree on every item both answered."""
        shared = np.where(self._codes[second] >= 0, self._codes[first], -1)
        key = shared.tobytes()
        if key not in self._known:
            self._known[key] = self.n * (self.n - 1) / 2 * float(np.exp(self._log_p(shared)))
        return self._known[key]

    def _log_p(self, shared: IntArray) -> float:
        among = self._order[shared[self._order] >= 0]
        goes_with = self._information[np.ix_(among, among)]
        total = 0.0
        for place, k in enumerate(among.tolist()):
            value = int(shared[k])
            # One more, so that an answer of these two alone is not impossible.
            alone = (self._single[k][value] - 1) / max(self._single[k].sum() - 1, 1)
            if place:
                j = int(among[int(goes_with[place, :place].argmax())])
                table = self._counts(j, k)
                row = table[int(shared[j])]
                alone = (row[value] - 2 + _PRIOR * alone) / (row.sum() - 2 + _PRIOR)
            total += float(np.log(alone))
        return total

    def _counts(self, j: int, k: int) -> IntArray:
        """(answers to j, answers to k) interviews that have both."""
        if (j, k) not in self._together:
            self._together[j, k] = _table(self._codes[:, j], self._codes[:, k], self._sizes[j], self._sizes[k])
        return self._together[j, k]

    def _tree(self) -> tuple[IntArray, FloatArray]:
        """Items in the order in which the tree takes them in (Prim), and (K, K) their mutual information in nats."""
        rows = np.linspace(0, self.n - 1, min(self.n, _FOR_TREE)).round().astype(np.int64)
        codes, k = self._codes[rows], len(self._sizes)
        information = np.full((k, k), -1.0)
        for a in range(k):
            for b in range(a + 1, k):
                table = _table(codes[:, a], codes[:, b], self._sizes[a], self._sizes[b])
                information[a, b] = information[b, a] = _mutual_information(table)
        order = [0]
        closest = information[0].copy()
        for _ in range(k - 1):
            closest[order] = -np.inf
            order.append(int(closest.argmax()))
            closest = np.maximum(closest, information[order[-1]])
        return np.array(order, dtype=np.int64), information


def _table(one: IntArray, other: IntArray, size: int, other_size: int) -> IntArray:
    both = (one >= 0) & (other >= 0)
    cells = np.bincount(one[both] * other_size + other[both], minlength=size * other_size)
    return cells.reshape(size, other_size)


def _mutual_information(table: IntArray) -> float:
    n = table.sum()
    if not n:
        return 0.0
    p: NDArray[np.float64] = table / n
    apart = np.outer(p.sum(axis=1), p.sum(axis=0))
    has = p > 0
    return float((p[has] * np.log(p[has] / apart[has])).sum())


def find_identical(answers: FloatArray, owner: IntArray, fewest: int) -> list[tuple[int, int]]:
    """Pairs of different interviewers that answered the same items in the same way, found by sorting; a group of
    identical interviews gives each with the first of another interviewer."""
    enough = np.flatnonzero(np.isfinite(answers).sum(axis=1) >= fewest)
    coded = np.ascontiguousarray(np.nan_to_num(answers[enough], nan=-np.inf))
    whole = coded.view(np.dtype((np.void, coded.dtype.itemsize * coded.shape[1]))).ravel()
    order = np.argsort(whole, kind="stable")
    new = np.append(True, whole[order[1:]] != whole[order[:-1]])
    first = order[np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))] if order.size else order
    a, b = enough[first], enough[order]
    elsewhere = owner[a] != owner[b]
    return [(int(one), int(other)) for one, other in zip(a[elsewhere], b[elsewhere], strict=True)]
