"""Step 5, report: a sheet to draw on and its PNG, for the PDF's figures; the only module that knows Matplotlib.

It uses Matplotlib's Agg renderer without figures and axes: an `Axes` costs 60 ms, a panel drawn with `Pen` 8 ms, and
a report has more than a hundred. `panels.py` says what is drawn.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Literal, cast

import numpy as np
from matplotlib.backend_bases import GraphicsContextBase
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.path import Path
from matplotlib.transforms import Affine2D, IdentityTransform
from numpy.typing import NDArray
from PIL import Image

FloatArray = NDArray[np.float64]
Colour = tuple[float, float, float]
Shape = Literal["dot", "diamond", "cross"]

DPI = 140
SMALL, NORMAL = 6.5, 7.5
"""Font sizes in printer's points."""
INK: Colour = (0.13, 0.13, 0.15)
SHAPES = {
    "dot": Path.unit_circle(),
    "diamond": Path([(0, -1.35), (1.35, 0), (0, 1.35), (-1.35, 0), (0, -1.35)]),
    "cross": Path([(-1, -1), (1, 1), (-1, 1), (1, -1)], [Path.MOVETO, Path.LINETO, Path.MOVETO, Path.LINETO]),
}


class Pen:
    """A white sheet measured in millimetres, (0, 0) at its lower left corner."""

    def __init__(self, width_mm: float, height_mm: float) -> None:
        self.width_mm = width_mm
        self.height_mm = height_mm
        self._scale = DPI / 25.4
        self._height = round(height_mm * self._scale)
        # Matplotlib's renderer has no types of its own.
        self._renderer = cast(Any, RendererAgg)(round(width_mm * self._scale), self._height, DPI)
        self._fonts = {
            (size, bold): FontProperties(family="DejaVu Sans", size=size, weight="bold" if bold else "normal")
            for size in (SMALL, NORMAL)
            for bold in (False, True)
        }
        self._glyphs = frozenset(get_font(findfont(self._fonts[SMALL, False])).get_charmap())
        self._advances: dict[tuple[str, bool], float] = {}
        self.box(0, 0, width_mm, height_mm, (1, 1, 1))

    def line(
        self, points: Sequence[tuple[float, float]] | FloatArray, colour: Colour, width: float, dash: bool = False
    ) -> None:
        """Join (k, 2) points; `width` in printer's points."""
        self._stroke(Path(np.asarray(points, dtype=float) * self._scale), colour, width, dash)

    def segments(self, starts: FloatArray, ends: FloatArray, colour: Colour, width: float) -> None:
        """Separate lines from (k, 2) starts to (k, 2) ends."""
        if len(starts):
            vertices = np.stack([starts, ends], axis=1).reshape(-1, 2) * self._scale
            self._stroke(Path(vertices, np.tile([Path.MOVETO, Path.LINETO], len(starts))), colour, width, False)

    def marks(self, points: FloatArray, shape: Shape, size: float, colour: Colour, alpha: float = 1.0) -> None:
        """A mark at each of (k, 2) points; `size` is the radius in printer's points."""
        gc = self._context(colour, 0.9 if shape == "cross" else 0.0, alpha)
        scale = Affine2D().scale(size * DPI / 72)
        centres = Path(points * self._scale)
        face = None if shape == "cross" else colour
        self._renderer.draw_markers(gc, SHAPES[shape], scale, centres, IdentityTransform(), face)
        gc.restore()

    def bubbles(self, points: FloatArray, radii_mm: FloatArray, colour: Colour) -> None:
        """A disc at each of (k, 2) points with its own radius (k,)."""
        gc = self._context(colour, 0.0)
        for (x, y), radius in zip(points * self._scale, radii_mm * self._scale, strict=True):
            place = Affine2D().scale(float(radius)).translate(float(x), float(y))
            self._renderer.draw_path(gc, SHAPES["dot"], place, colour)
        gc.restore()

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        face: Colour,
        edge: Colour | None = None,
        hatch: str | None = None,
        line_width: float = 0.5,
    ) -> None:
        """A filled rectangle; `hatch` is a pattern of strokes in the edge's colour, as Matplotlib writes it."""
        gc = self._context(edge or face, line_width if edge else 0.0)
        if hatch:
            gc.set_hatch(hatch)
            gc.set_hatch_color(edge or INK)
        corners = Path(
            np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)]) * self._scale
        )
        self._renderer.draw_path(gc, corners, IdentityTransform(), face)
        gc.restore()

    def text(
        self, x: float, y: float, words: str, *, size: float = SMALL, bold: bool = False, colour: Colour = INK,
        align: Literal["left", "middle", "right", "bottom"] = "left", rotated: bool = False, room: float | None = None,
    ) -> None:  # fmt: skip
        """Write one line with its baseline at y, shortened to `room` millimetres.

        Rotated words run upwards: aligned "bottom" they start at y, "middle" they are centred on it.
        """
        font = self._fonts[size, bold]
        shown = self._printable(words)
        width = self._width(shown, size, bold)
        while room is not None and width > room and len(shown) > 1:
            keep = min(len(shown) - 2, int(len(shown) * room / width))
            shown = shown[: max(keep, 0)] + "\N{HORIZONTAL ELLIPSIS}"
            width = self._width(shown, size, bold)
        back = {"left": 0.0, "bottom": 0.0, "middle": width / 2, "right": width}[align]
        gc = self._context(colour, 0.0)
        gc.set_alpha(1.0)
        if rotated:
            half_height = size * 0.36 * 25.4 / 72
            left, down = x + half_height, y - back
        else:
            left, down = x - back, y
        self._renderer.draw_text(
            gc, round(left * self._scale), round(self._height - down * self._scale), shown, font, 90 if rotated else 0
        )
        gc.restore()

    def png(self) -> bytes:
        """The sheet as a PNG without a date or other metadata."""
        pixels = np.asarray(self._renderer.buffer_rgba())[:, :, :3]
        target = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(pixels)).save(target, format="png", compress_level=2)
        return target.getvalue()

    def _printable(self, words: str) -> str:
        """Characters that the font lacks become an empty box: an id or a label may hold anything."""
        return "".join(c if ord(c) in self._glyphs and c.isprintable() else "\N{WHITE SQUARE}" for c in words[:200])

    def _width(self, words: str, size: float, bold: bool) -> float:
        """Millimetres, from the advance of every letter: laying the words out costs ten times more."""
        return sum(self._advance(letter, bold) for letter in words) * size * 25.4 / 72

    def _advance(self, letter: str, bold: bool) -> float:
        """Width of a letter in units of the font size."""
        known = self._advances.get((letter, bold))
        if known is None:
            font = get_font(findfont(self._fonts[SMALL, bold]))
            font.set_size(100, 72)
            known = self._advances[letter, bold] = font.load_char(ord(letter)).linearHoriAdvance / 65536 / 100
        return known

    def _stroke(self, path: Path, colour: Colour, width: float, dash: bool) -> None:
        gc = self._context(colour, width)
        if dash:
            gc.set_dashes(0, [4.0 * DPI / 72, 2.5 * DPI / 72])
        self._renderer.draw_path(gc, path, IdentityTransform())
        gc.restore()

    def _context(self, colour: Colour, width: float, alpha: float = 1.0) -> GraphicsContextBase:
        gc = cast(GraphicsContextBase, self._renderer.new_gc())
        gc.set_foreground((*colour, alpha))
        gc.set_alpha(alpha)
        gc.set_linewidth(width * DPI / 72)
        return gc
