"""Shares of identical answers between all pairs of interviews, by bits: exclusive-or and count.

Every answer becomes a whole number, written in a few bit planes: plane p of 64 items is one 64-bit word per interview.
Two interviews agree on an item where all planes agree, so that one word operation compares 64 items. 50,000 interviews
with 100 items are 1.25 billion pairs; they are compared in blocks that stay in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from qa_reports.indicators.measure import FloatArray, IntArray

Words = NDArray[np.unsignedinteger]
ShareArray = NDArray[np.float32]

ROWS, COLUMNS = 64, 4096
_SHOWING = 3
"""Bit planes that show most differences between answers: the lowest tell neighbouring answers apart."""
_SELDOM = 20
"""Where more than one pair in so many is left, all are looked at in full: one by one, each takes longer."""
_ROUNDED = 1e-3
"""More than single precision takes from a share, times the items."""


class PackedAnswers(Struct, frozen=True, eq=False):
    """n interviews, W words of 64 items each, P planes."""

    rows: Words
    """(W, P, n) the answers; a missing one differs from everything in `columns`."""
    columns: Words
    """(W, P, n) the same, with another mark for missing."""
    answered: Words
    """(W, n) which items have an answer."""
    missing: NDArray[np.int16]
    """(n,) how many have none."""
    complete: bool
    """Whether every answer is there."""
    n_items: int

    def take(self, places: IntArray) -> PackedAnswers:
        """Some of the interviews."""
        return replace(
            self,
            rows=np.ascontiguousarray(self.rows[..., places]),
            columns=np.ascontiguousarray(self.columns[..., places]),
            answered=np.ascontiguousarray(self.answered[..., places]),
            missing=self.missing[places],
        )

    def shares(self, rows: slice, columns: slice, fewest: int, others: PackedAnswers | None = None) -> ShareArray:
        """(rows, columns) share of identical answers among the items both answered; -1 with less than `fewest`.

        The columns are of `others`, where they are not of these interviews themselves.
        """
        agreeing, common = self._agreements(rows, columns, self if others is None else others)
        return _shares(agreeing, common, fewest)

    def closer(
        self,
        rows: slice,
        columns: slice,
        fewest: int,
        than: ShareArray,
        others: PackedAnswers | None = None,
        or_than: ShareArray | None = None,
    ) -> tuple[IntArray, IntArray, ShareArray]:
        """Rows, columns (from 0) and shares of the pairs whose share is above the bar of the row or of the column.

        Two planes show most answers that differ, and so most pairs that are not closer: the others are looked at.

        Args:
            rows: of these interviews.
            columns: of `others`.
            fewest: items both must have answered.
            than: (rows,) bars.
            others: the other interviews, where they are not these themselves.
            or_than: (columns,) bars; where None, those of the rows decide.
        """
        others = self if others is None else others
        # What one of them has not answered shows as a difference, or does not.
        most = self._most_different(rows, than)[:, None]
        if or_than is not None:
            most = np.maximum(most, others._most_different(columns, or_than))
        shown = (most + self.missing[rows, None]).astype(self._sums) + others.missing[columns].astype(self._sums)
        row, column = where(self._differences(rows, columns, others) <= shown)
        if len(row) * _SELDOM > shown.size:
            agreeing, common = (table[row, column] for table in self._agreements(rows, columns, others))
        else:
            agreeing, common = self._agreements_of(row + rows.start, column + columns.start, others)
        share = _shares(agreeing, common, fewest)
        above = share > (than[row] if or_than is None else np.minimum(than[row], or_than[column]))
        return row[above], column[above], share[above]

    def _most_different(self, places: slice, than: ShareArray) -> IntArray:
        """(m,) answers of each in which another one may differ and be closer than the bar, at most.

        Of c items both answered and d answered differently the share is 1 - d/c, and c is at most what one answered.
        """
        answered = self.n_items - self.missing[places]
        return np.minimum(np.floor(answered * (1 - than.astype(np.float64)) + _ROUNDED), self.n_items).astype(np.int16)

    def _differences(self, rows: slice, columns: slice, others: PackedAnswers) -> NDArray[np.unsignedinteger]:
        """(rows, columns) items answered differently, as far as the first planes show."""
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        buffer, plane_difference = np.empty(shape, self.rows.dtype), np.empty(shape, self.rows.dtype)
        different: NDArray[np.unsignedinteger] = np.zeros(shape, dtype=self._number)
        for word in range(len(self.rows)):
            np.bitwise_xor(self.rows[word, 0, rows, None], others.columns[word, 0, columns], out=buffer)
            for plane in range(1, min(_SHOWING, self.rows.shape[1])):
                np.bitwise_xor(
                    self.rows[word, plane, rows, None], others.columns[word, plane, columns], out=plane_difference
                )
                np.bitwise_or(buffer, plane_difference, out=buffer)
            different += count_bits(buffer)
        return different

    def _agreements_of(
        self, rows: IntArray, columns: IntArray, others: PackedAnswers
    ) -> tuple[NDArray[np.unsignedinteger], NDArray[np.unsignedinteger]]:
        """(m,) items answered alike, and items both answered, of m pairs."""
        agreeing, common = np.full(len(rows), self.n_items, self._number), np.zeros(len(rows), self._number)
        for word in range(len(self.rows)):
            different = np.zeros(len(rows), self.rows.dtype)
            for own, other in zip(self.rows[word], others.columns[word], strict=True):
                different |= own.take(rows) ^ other.take(columns)
            agreeing -= count_bits(different)
            common += count_bits(self.answered[word].take(rows) & others.answered[word].take(columns))
        return agreeing, common

    @property
    def _number(self) -> type[np.unsignedinteger]:
        """What counts items."""
        return np.uint8 if self.n_items < 256 else np.uint16

    @property
    def _sums(self) -> type[np.unsignedinteger]:
        """What counts items three times over."""
        return np.uint8 if 3 * self.n_items < 256 else np.uint16

    def _agreements(
        self, rows: slice, columns: slice, others: PackedAnswers
    ) -> tuple[NDArray[np.unsignedinteger], NDArray[np.unsignedinteger]]:
        """(rows, columns) items answered alike, and items both answered."""
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        agreeing, common = np.full(shape, self.n_items, dtype=self._number), np.zeros(shape, dtype=self._number)
        buffer, plane_difference = np.empty(shape, self.rows.dtype), np.empty(shape, self.rows.dtype)
        for word in range(len(self.rows)):
            np.bitwise_xor(self.rows[word, 0, rows, None], others.columns[word, 0, columns], out=buffer)
            for plane in range(1, self.rows.shape[1]):
                np.bitwise_xor(
                    self.rows[word, plane, rows, None], others.columns[word, plane, columns], out=plane_difference
                )
                np.bitwise_or(buffer, plane_difference, out=buffer)
            agreeing -= count_bits(buffer)
            if not self.complete:
                np.bitwise_and(self.answered[word, rows, None], others.answered[word, columns], out=buffer)
                common += count_bits(buffer)
        if self.complete:
            common[:] = self.n_items
        return agreeing, common


def where(condition: NDArray[np.bool_]) -> tuple[IntArray, IntArray]:
    """Rows and columns at which it holds, row by row: what `np.nonzero` says, found several times as fast."""
    row, column = np.divmod(np.flatnonzero(condition), max(1, condition.shape[1]))
    return row, column


def _shares(agreeing: NDArray[np.unsignedinteger], common: NDArray[np.unsignedinteger], fewest: int) -> ShareArray:
    share: ShareArray = np.divide(agreeing.astype(np.float32), np.maximum(common, 1).astype(np.float32))
    share[common < fewest] = -1
    return share


def count_bits(words: Words) -> NDArray[np.unsignedinteger]:
    """Number of ones in each word."""
    if hasattr(np, "bitwise_count"):  # NumPy 2
        return np.bitwise_count(words)
    return count_bits_by_halves(words)


def count_bits_by_halves(words: Words) -> NDArray[np.unsignedinteger]:
    """The same by adding neighbouring bits, pairs, nibbles and bytes (Warren 2012, Hacker's Delight, sec. 5-1)."""
    one, two, four, high = (np.uint64(number) for number in (1, 2, 4, 56))
    pairs, nibbles, low = (np.uint64(mask) for mask in (0x5555555555555555, 0x3333333333333333, 0x0F0F0F0F0F0F0F0F))
    ones = np.uint64(0x0101010101010101)
    wide = words.astype(np.uint64)
    counted = wide - ((wide >> one) & pairs)
    counted = (counted & nibbles) + ((counted >> two) & nibbles)
    counted = (counted + (counted >> four)) & low
    return np.asarray((counted * ones) >> high).astype(np.uint8)


def pack_answers(answers: FloatArray) -> PackedAnswers:
    """Pack (n, K) answers; NaN is missing."""
    n, k = answers.shape
    codes = np.zeros((n, k), dtype=np.int64)
    for item in range(k):
        has = np.isfinite(answers[:, item])
        codes[has, item] = np.unique(answers[has, item], return_inverse=True)[1] + 2
    planes = max(1, int(codes.max(initial=0)).bit_length())
    answered = codes > 0
    return PackedAnswers(
        rows=_planes(codes, planes),
        columns=_planes(np.where(answered, codes, 1), planes),
        answered=_words(answered),
        missing=(~answered).sum(axis=1, dtype=np.int16),
        complete=bool(answered.all()),
        n_items=k,
    )


def _planes(codes: IntArray, planes: int) -> Words:
    by_plane = [_words((codes >> plane & 1).astype(bool)) for plane in range(planes)]
    return np.ascontiguousarray(np.stack(by_plane, axis=1))


def _words(bits: NDArray[np.bool_]) -> Words:
    """(W, n) the bits of 64 items in one word, or of 32 where there are no more."""
    n, k = bits.shape
    word = np.dtype(np.uint32 if k <= 32 else np.uint64)
    padded = np.zeros((n, -(-k // (8 * word.itemsize)) * 8 * word.itemsize), dtype=bool)
    padded[:, :k] = bits
    return np.ascontiguousarray(np.packbits(padded, axis=1).view(word).T)


def blocks(n: int) -> Iterator[tuple[slice, slice]]:
    """Rectangles that cover every pair (row < column) at least once; those on the diagonal hold others too."""
    for top in range(0, n, ROWS):
        bottom = min(top + ROWS, n)
        for left in range(top, n, COLUMNS):
            yield slice(top, bottom), slice(left, min(left + COLUMNS, n))
