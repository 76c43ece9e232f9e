"""A column of text while it is read: how its cells are kept, until one comes that does not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

WHOLE = ("int8", "int16", "int32", "int64")
"""Whole numbers, of so many bits."""
TEXTS, AS_IT_IS = "texts", "as it is"
"""The place of each text among the different ones; and the text itself."""
_MOST_TEXTS = 1_000_000
"""Different texts of a column that are told by their places."""
_GROWING = 2**30
"""Numbers that fill a quarter of 32 bits may grow past them further down, and get 64 at once."""
_MINUS, _ZERO, _NINE = (ord(sign) for sign in "-09")


class TextColumn:
    """What is known of a column so far. Its first cells say how it is kept; where others do not fit, it is read again,
    and by then all is known of it."""

    def __init__(self) -> None:
        self.kept: str | None = None
        """One of `WHOLE`, `TEXTS` or `AS_IT_IS`; None before anything is known."""
        self.texts: dict[str, int] = {}
        """Places of the different texts."""
        self.again = False
        """Whether a cell did not fit."""
        self._whole, self._low, self._high = True, 0, 0
        self._many = False

    def begin(self) -> None:
        """The file is read from its beginning."""
        self.again, self.texts = False, {}

    def end(self) -> None:
        """The file has been read to its end."""
        if self.again:
            self.kept = self._fitting()

    def take(self, cells: pa.StringArray) -> pa.Array:
        """The cells as they are kept; nulls where they do not fit."""
        import pyarrow as pa

        first = self.kept is None
        if first or self.kept in WHOLE:
            numbers = whole_numbers(cells) if self._whole else None
            self._learn(numbers)
            self.kept = self.kept or self._fitting()
            if self.kept in WHOLE:
                if numbers is not None and not self.again and self._holds(self.kept):
                    return numbers.cast(self.type)
                self.again = True
        if self.again:
            return pa.nulls(len(cells), self.type)
        return cells if self.kept == AS_IT_IS else self._places(cells)

    @property
    def type(self) -> pa.DataType:
        """Of what is kept."""
        import pyarrow as pa

        if self.kept == AS_IT_IS:
            return pa.string()
        return pa.int32() if self.kept == TEXTS else pa.type_for_alias(str(self.kept))

    def _learn(self, numbers: pa.Array | None) -> None:
        import pyarrow.compute as pc

        if numbers is None:
            self._whole = False
        elif numbers.null_count < len(numbers):
            found = pc.min_max(numbers)
            self._low, self._high = min(self._low, found["min"].as_py()), max(self._high, found["max"].as_py())

    def _fitting(self) -> str:
        if not self._whole:
            return AS_IT_IS if self._many else TEXTS
        if self._low < -_GROWING or self._high > _GROWING:
            return WHOLE[-1]
        return next(kind for kind in WHOLE if self._holds(kind))

    def _holds(self, kind: str) -> bool:
        span = np.iinfo(kind)
        return bool(span.min <= self._low and self._high <= span.max)

    def _places(self, cells: pa.StringArray) -> pa.Array:
        import pyarrow as pa

        encoded = cells.dictionary_encode()
        places = [self.texts.setdefault(text, len(self.texts)) for text in encoded.dictionary.to_pylist()]
        if len(self.texts) > _MOST_TEXTS:
            self.again = self._many = True
            return pa.nulls(len(cells), self.type)
        return pa.array(places, pa.int32()).take(encoded.indices)


def whole_numbers(cells: pa.StringArray) -> pa.Array | None:
    """The whole numbers that the texts write; None where one writes something else, or otherwise: 007, +5, 5.0.

    From such a number its text can be had back, so that nothing is lost by keeping the number.
    """
    import pyarrow as pa

    _, offsets, letters = cells.buffers()
    ends = np.frombuffer(offsets, np.int32)[cells.offset : cells.offset + len(cells) + 1]
    if not len(cells) or ends[0] == ends[-1]:
        return pa.nulls(len(cells), pa.int8())
    letter = np.frombuffer(letters, np.uint8)
    own, size = letter[ends[0] : ends[-1]], np.diff(ends)
    least, most = own.min(), own.max()
    if most > _NINE or least < _MINUS:
        return None
    if least >= _ZERO and size.max() <= 2:
        # Most answers; as below, by a third of the time.
        known = np.minimum(ends[:-1], ends[-1] - 1)
        value = letter[known] - np.uint8(_ZERO)
        two = np.flatnonzero(size == 2)
        if (value[two] == 0).any():
            return None
        value[two] = 10 * value[two] + (letter[known[two] + 1] - np.uint8(_ZERO))
        if cells.null_count == 0:
            return pa.array(value.view(np.int8))
        return pa.array(value.view(np.int8), mask=size == 0)
    try:
        numbers = cells.cast(pa.int16() if size.max() <= 4 else pa.int64())
    except pa.ArrowInvalid:
        return None
    # Digits and a sign that are as few as the number needs can only be written in one way.
    value = numbers.fill_null(0).to_numpy(zero_copy_only=False)
    away = np.abs(value)
    needed = 1 + (value < 0).astype(np.int8)
    for power in range(1, len(str(int(away.max())))):
        needed += away >= 10**power
    return numbers if np.array_equal(needed[size > 0], size[size > 0]) else None
