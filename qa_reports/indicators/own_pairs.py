"""Pairs of interviews of one interviewer by their share of identical answers, and whom an interview is closest to."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.indicators.measure import FloatArray, IntArray
from qa_reports.indicators.similarity import PackedAnswers, ShareArray, where

_BLOCK = 512
"""Interviews held against the interviewer's others at once."""
MOST_OWN = 5_000
"""Interviews of one interviewer that are held against each other at most, evenly spread: 12 million pairs."""


class Best(Struct, frozen=True, eq=False):
    """The largest share of n interviews so far, -1 where there is none, and with whom; changed in place."""

    share: ShareArray
    partner: IntArray

    @classmethod
    def of_none(cls, n: int) -> Best:
        """Before anything is compared."""
        return cls(np.full(n, -1.0, dtype=np.float32), np.zeros(n, dtype=np.int64))

    def take(self, rows: IntArray, share: ShareArray, partner: IntArray) -> None:
        """Take in what is closer; every row once at most."""
        better = share > self.share[rows]
        self.share[rows[better]], self.partner[rows[better]] = share[better], partner[better]

    def take_all(self, rows: IntArray, share: ShareArray, partner: IntArray) -> None:
        """Take in shares of rows with all of the partners.

        Who it is with is looked for only where it is higher than before, which soon is nowhere.
        """
        highest = share.max(axis=1)
        better = np.flatnonzero(highest > self.share[rows])
        if better.size:
            self.take(rows[better], highest[better], partner[share[better].argmax(axis=1)])

    def take_closest(self, rows: IntArray, share: ShareArray, partner: IntArray) -> None:
        """Take in pairs, with rows any number of times; of equal shares the first partner counts."""
        if rows.size:
            order = np.lexsort((partner, -share, rows))
            rows, share, partner = rows[order], share[order], partner[order]
            first = np.flatnonzero(np.append(True, rows[1:] != rows[:-1]))
            self.take(rows[first], share[first], partner[first])

    def into(self, other: Best) -> None:
        """Let another one of the same interviews take these in."""
        other.take(np.arange(len(self.share)), self.share, self.partner)


class Pairs(Struct, frozen=True, eq=False):
    """Pairs of interviews, most alike first."""

    share: FloatArray
    first: IntArray
    second: IntArray

    def where(self, which: NDArray[np.bool_] | slice) -> list[tuple[float, int, int]]:
        """Some of them as (share, first, second)."""
        columns = (self.share[which].tolist(), self.first[which].tolist(), self.second[which].tolist())
        return list(zip(*columns, strict=True))


class OwnPairs(Struct, frozen=True, eq=False):
    """All pairs within interviewers; n interviews that stand by interviewer, J interviewers."""

    counts: IntArray
    """(J, bins + 1) how often each share occurs."""
    strongest: list[Pairs]
    """(J) the strongest pairs: as many as an interviewer has interviews, and some more."""
    nearest: Best
    """(n) the own interview each is most like."""


def compare_within(
    packed: PackedAnswers,
    owner: IntArray,
    n_interviewers: int,
    fewest: int,
    extra: int,
    bins: int,
    respondent: IntArray | None = None,
) -> OwnPairs:
    """Compare interviews with the others of their interviewer; `extra` strongest pairs beyond one per interview.

    Interviews of one `respondent` (n,), where these are given, are not compared.
    """
    counts = np.zeros((n_interviewers, bins + 1), dtype=np.int64)
    strongest, nearest = [], Best.of_none(len(owner))
    starts = np.searchsorted(owner, np.arange(n_interviewers + 1)).tolist()
    for j, (start, stop) in enumerate(pairwise(starts)):
        rows = np.arange(start, stop)
        if len(rows) > MOST_OWN:
            rows = rows[np.linspace(0, len(rows) - 1, MOST_OWN).round().astype(np.int64)]
        whose = None if respondent is None or _all_different(respondent[rows]) else respondent[rows]
        strongest.append(_compare_own(packed, rows, fewest, extra, nearest, counts[j], whose))
    return OwnPairs(counts, strongest, nearest)


def _all_different(respondent: IntArray) -> bool:
    return len(np.unique(respondent)) == len(respondent)


def _compare_own(
    packed: PackedAnswers,
    rows: IntArray,
    fewest: int,
    extra: int,
    nearest: Best,
    counts: IntArray,
    whose: IntArray | None,
) -> Pairs:
    """The strongest pairs of one interviewer; `nearest` and `counts` take in all. `whose`: the respondents, where some
    have several of the interviews."""
    n, wanted = len(rows), extra + len(rows)
    own = packed.take(rows)
    share = np.empty(0, dtype=np.float32)
    first, second = np.empty((2, 0), dtype=np.int64)
    bar = np.float32(-1)
    for top in range(0, n if n > 1 else 0, _BLOCK):
        size = min(_BLOCK, n - top)
        here = own.shares(slice(top, top + size), slice(top, n), fewest)
        here[:, :size][np.tri(size, dtype=bool)] = -1
        if whose is not None:
            here[whose[top : top + size, None] == whose[top:]] = -1
        counts += count_shares(here.astype(np.float64), len(counts) - 1)
        # By column first: of equal shares the earlier interview counts.
        nearest.take_all(rows[top:], here.T, rows[top : top + size])
        nearest.take_all(rows[top : top + size], here, rows[top:])
        one, other = where(here > bar)
        share = np.append(share, here[one, other])
        first, second = np.append(first, one + top), np.append(second, other + top)
        if len(share) > wanted:
            kept = _strongest(share, wanted)
            share, first, second = share[kept], first[kept], second[kept]
            bar = share.min()
    order = np.argsort(-share, kind="stable")
    return Pairs(share[order].astype(np.float64), rows[first[order]], rows[second[order]])


def _strongest(share: ShareArray, wanted: int) -> IntArray:
    """Places of the `wanted` highest, of equal ones the first, in ascending order."""
    last = np.partition(share, len(share) - wanted)[len(share) - wanted]
    above, level = np.flatnonzero(share > last), np.flatnonzero(share == last)
    return np.sort(np.concatenate([above, level[: wanted - len(above)]]))


def count_shares(share: NDArray[np.floating], bins: int) -> IntArray:
    """(bins + 1,) how often each share occurs, rounded down; -1 is none."""
    places = (share.ravel() * bins).astype(np.int64) + bins
    return np.bincount(places, minlength=2 * bins + 1)[bins:]
