"""The pieces that figures are drawn with: scales, ticks, one path per layer of marks; no survey words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.report.bidi import isolated
from qa_reports.report.formats import answer

FloatArray = NDArray[np.float64]
CELLS_ACROSS = 1 << 20
"""More grid cells than any picture is wide, so that one number stands for a cell."""
LABEL_LENGTH = 22
"""Longer labels inside a figure are cut; the page and the caption have the whole text."""
CHARACTER = 6.2
"""Rough width of a character of figure text, for keeping labels inside the picture."""


class Scale(Struct, frozen=True):
    """A linear map from data to pixels."""

    low: float
    high: float
    start: float
    end: float

    def at(self, values: FloatArray | Sequence[float]) -> FloatArray:
        """Pixel positions of data values, same shape."""
        return self.start + (np.asarray(values, dtype=np.float64) - self.low) / (self.high - self.low) * (
            self.end - self.start
        )

    def ticks(self, most: int = 6) -> FloatArray:
        """Round values inside the scale, at most about `most` of them."""
        rough = (self.high - self.low) / most
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        values: FloatArray = np.arange(first, last + 1, dtype=np.float64) * step
        return values


def padded(values: FloatArray, start: float, end: float, share: float = 0.06) -> Scale:
    """A scale over the finite values with a margin; never of zero width."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    size = max(abs(low), abs(high))
    if high - low <= 1e-12 * size:
        half = max(0.5, 1e-6 * size)
        low, high = low - half, high + half
    margin = share * (high - low)
    return Scale(low - margin, high + margin, start, end)


class Panel(Struct, frozen=True):
    """A drawing area with its two scales, in pixels of the view box."""

    x: Scale
    y: Scale
    width: float = 380.0
    height: float = 250.0


def panel(x: FloatArray, y: FloatArray, top: float = 12.0, height: float = 250.0) -> Panel:
    """A panel that holds the points (x, y), with room for the axes."""
    return Panel(padded(x, 48, 368), padded(y, height - 40, top), height=height)


def figure(drawing: Panel, title: str, layers: Sequence[str]) -> str:
    """The finished picture: an image with a title for screen readers."""
    return (
        f'<svg class="figure" viewBox="0 0 {drawing.width:.0f} {drawing.height:.0f}" role="img">'
        f"<title>{escape(title)}</title>{''.join(layers)}</svg>"
    )


def axes(drawing: Panel, x_label: str, y_label: str, x_ticks: bool = True) -> str:
    """Grid lines with their values, and the names of the axes."""
    left, right = drawing.x.start, drawing.x.end
    bottom, top = drawing.y.start, drawing.y.end
    y_values = drawing.y.ticks()
    y_at = drawing.y.at(y_values)
    parts = [segments(np.full(y_at.size, left), y_at, np.full(y_at.size, right), y_at, "grid")]
    parts += [text(left - 6, at + 3.5, answer(value), "tick", "end") for value, at in zip(y_values, y_at, strict=True)]
    if x_ticks:
        x_values = drawing.x.ticks()
        parts += [
            text(at, bottom + 14, answer(value), "tick", "middle")
            for value, at in zip(x_values, drawing.x.at(x_values), strict=True)
        ]
    parts.append(text((left + right) / 2, bottom + 31, shorten(x_label, 48), "axis", "middle"))
    parts.append(
        f'<text class="axis" text-anchor="middle" transform="translate(11 {(top + bottom) / 2:.0f}) rotate(-90)">'
        f"{escape(shorten(y_label, 34))}</text>"
    )
    return "".join(parts)


def dots(x: FloatArray, y: FloatArray, css: str, grid: float = 0.1) -> str:
    """Round marks as one path of zero-length strokes; marks on the same grid cell are drawn once."""
    if x.size == 0:
        return ""
    columns, rows = np.rint(x / grid).astype(np.int64), np.rint(y / grid).astype(np.int64)
    cells = np.unique(rows * CELLS_ACROSS + columns)
    at = np.stack([cells % CELLS_ACROSS, cells // CELLS_ACROSS], axis=1) * grid
    path = "M%.5g %.5gh0" * len(at) % tuple(at.ravel().tolist())
    return f'<path class="{css}" d="{path}"/>'


def marks(x: FloatArray, y: FloatArray, css: str) -> str:
    """Round marks as one path, every one of them and in the order given, so that the n-th can be told who it is."""
    path = _path("M%.1f %.1fh0", x, y)
    return f'<path class="{css}" d="{path}"/>' if path else ""


def diamonds(x: FloatArray, y: FloatArray, css: str, size: float = 4.5) -> str:
    """Diamond marks as one path: another shape than dots, so that colour is never the only difference."""
    if x.size == 0:
        return ""
    s = _short(size)
    path = _path(f"M%.1f %.1fl{s} {s}l-{s} {s}l-{s} -{s}z", x, y - size)
    return f'<path class="{css}" d="{path}"/>'


def circles(x: FloatArray, y: FloatArray, css: str, radius: float = 8.0) -> str:
    """Open circles around points."""
    return "".join(
        f'<circle class="{css}" cx="{_short(a)}" cy="{_short(b)}" r="{_short(radius)}"/>'
        for a, b in zip(x, y, strict=True)
    )


def segments(x1: FloatArray, y1: FloatArray, x2: FloatArray, y2: FloatArray, css: str) -> str:
    """Straight lines as one path."""
    if x1.size == 0:
        return ""
    path = _path("M%.1f %.1fL%.1f %.1f", x1, y1, x2, y2)
    return f'<path class="{css}" d="{path}"/>'


def line(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    """One straight line."""
    return f'<path class="{css}" d="M{_short(x1)} {_short(y1)}L{_short(x2)} {_short(y2)}"/>'


def bars(centre: FloatArray, top: FloatArray, base: float, width: float, css: str) -> str:
    """Upright bars as one path; bars of no height are left out."""
    path = "".join(
        f"M{_short(at - width / 2)} {_short(base)}V{_short(high)}h{_short(width)}V{_short(base)}z"
        for at, high in zip(centre, top, strict=True)
        if base - high > 0.05
    )
    return f'<path class="{css}" d="{path}"/>' if path else ""


def text(x: float, y: float, words: str, css: str, anchor: str = "start") -> str:
    """Escaped text at a point."""
    return (
        f'<text class="{css}" x="{_short(x)}" y="{_short(y)}" text-anchor="{anchor}">{escape(isolated(words))}</text>'
    )


def labels(drawing: Panel, x: FloatArray, y: FloatArray, words: Sequence[str], most: int = 12) -> str:
    """Names beside marks, moved up or down where they would cover each other; at most `most`, the outermost first."""
    middle = float(np.median(y)) if y.size else 0.0
    chosen = sorted(range(len(words)), key=lambda position: (-abs(y[position] - middle), position))[:most]
    taken: list[tuple[float, float, float]] = []
    parts = []
    for position in chosen:
        word = shorten(words[position], 16)
        width = CHARACTER * len(word)
        right = x[position] + 8 + width <= drawing.width - 4
        left_edge = x[position] + 8 if right else x[position] - 8 - width
        at = float(y[position]) + 4
        while any(
            abs(at - other) < 12 and left_edge < end and begin < left_edge + width for begin, end, other in taken
        ):
            at += 12
        taken.append((left_edge, left_edge + width, at))
        parts.append(text(x[position] + (8 if right else -8), at, word, "name", "start" if right else "end"))
    return "".join(parts)


def shorten(words: str, most: int = LABEL_LENGTH) -> str:
    """Cut a long label with an ellipsis."""
    return words if len(words) <= most else words[: most - 1].rstrip() + "…"


def _path(piece: str, *coordinates: FloatArray) -> str:
    """A piece of a path for every mark, with `%.1f` where its coordinates (n,) belong: as `_short`, all at once."""
    marks = np.stack(coordinates, axis=1)
    return (piece * len(marks) % tuple(marks.ravel().tolist())).replace("-0.0", "0").replace(".0", "")


def _short(value: float) -> str:
    """A coordinate with at most one decimal."""
    rounded = f"{value:.1f}".removesuffix(".0")
    return "0" if rounded == "-0" else rounded
