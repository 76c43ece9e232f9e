"""Step 5, report: a sheet to draw on and its pixels, for the PDF's figures; fonts are for `typefaces.py`.

It uses Matplotlib's Agg renderer without figures and axes, and lets Pillow write words: an `Axes` costs 60 ms, a panel
drawn with `Pen` 5 ms, and a report may have more than a hundred. `panels.py` says what is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal, cast

import numpy as np
from matplotlib.backend_bases import GraphicsContextBase
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.path import Path
from matplotlib.transforms import Affine2D, IdentityTransform
from msgspec import Struct
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from qa_reports.report.typefaces import printable, typeface

FloatArray = NDArray[np.float64]
Pixels = NDArray[np.uint8]
Colour = tuple[float, float, float]
Shape = Literal["dot", "diamond", "cross"]

DPI = 140
SMALL, NORMAL = 6.5, 7.5
"""Font sizes in printer's points."""
MOST_LETTERS = 200
"""Of one line; a label may be longer than any picture is wide."""
INK: Colour = (0.13, 0.13, 0.15)
SHAPES = {
    "dot": Path.unit_circle(),
    "diamond": Path([(0, -1.35), (1.35, 0), (0, 1.35), (-1.35, 0), (0, -1.35)]),
    "cross": Path([(-1, -1), (1, 1), (-1, 1), (1, -1)], [Path.MOVETO, Path.LINETO, Path.MOVETO, Path.LINETO]),
}


class _Writing(Struct, frozen=True):
    """Words to be written when all else is drawn: the left end of their baseline, in pixels from the upper left."""

    x: float
    y: float
    words: str
    font: ImageFont.FreeTypeFont
    colour: tuple[int, ...]
    rotated: bool
    halo: int
    """Width of the white seam around the letters, pixels."""


def in_pixels(width_mm: float, height_mm: float) -> tuple[int, int]:
    """How many pixels wide and high a sheet is."""
    return round(width_mm * DPI / 25.4), round(height_mm * DPI / 25.4)


class Pen:
    """A white sheet measured in millimetres, (0, 0) at its lower left corner."""

    def __init__(self, width_mm: float, height_mm: float) -> None:
        self.width_mm = width_mm
        self.height_mm = height_mm
        self._scale = DPI / 25.4
        width, self._height = in_pixels(width_mm, height_mm)
        # Matplotlib's renderer has no types of its own.
        self._renderer = cast(Any, RendererAgg)(width, self._height, DPI)
        self._writings: list[_Writing] = []
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
        face: Colour | None,
        edge: Colour | None = None,
        hatch: str | None = None,
        line_width: float = 0.5,
    ) -> None:
        """A rectangle, filled or as a frame; `hatch` is strokes in the edge's colour, as Matplotlib writes them."""
        gc = self._context(edge or face or INK, line_width if edge else 0.0)
        if hatch:
            gc.set_hatch(hatch)
            gc.set_hatch_color(edge or INK)
        corners = Path(
            np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)]) * self._scale
        )
        self._renderer.draw_path(gc, corners, IdentityTransform(), face)
        gc.restore()

    def tiles(self, left: float, top: float, size: tuple[float, float], shades: FloatArray) -> None:
        """Fill a grid whose upper left corner is (left, top) with a white gap around every tile.

        Args:
            size: width and height of one tile with its gap.
            shades: (rows, columns, 3) colours, the upper row first.
        """
        rows, columns, _ = shades.shape
        across = np.rint((left + np.arange(columns + 1) * size[0]) * self._scale).astype(int)
        down = np.rint(self._height - (top - np.arange(rows + 1) * size[1]) * self._scale).astype(int)
        sheet = np.asarray(self._renderer.buffer_rgba())[down[0] : down[-1], across[0] : across[-1], :3]
        inks = np.rint(255 * shades).astype(np.uint8)
        sheet[:] = inks.repeat(np.diff(down), axis=0).repeat(np.diff(across), axis=1)
        sheet[down[:-1] - down[0]] = 255
        sheet[:, across[:-1] - across[0]] = 255

    def text(
        self, x: float, y: float, words: str, *, size: float = SMALL, bold: bool = False, colour: Colour = INK,
        align: Literal["left", "middle", "right", "bottom"] = "left", rotated: bool = False, room: float | None = None,
        halo: bool = False,
    ) -> float:  # fmt: skip
        """Write one line with its baseline at y, shortened to `room` millimetres; returns its width.

        `halo` keeps away the lines it is written over.

        Rotated words run upwards: aligned "bottom" they start at y, "middle" they are centred on it.
        """
        shown = printable(words[:MOST_LETTERS])
        width = _length(shown, size, bold) / self._scale
        while room is not None and width > room and len(shown) > 1:
            keep = min(len(shown) - 2, int(len(shown) * room / width))
            shown = shown[: max(keep, 0)].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
            width = _length(shown, size, bold) / self._scale
        back = {"left": 0.0, "bottom": 0.0, "middle": width / 2, "right": width}[align]
        if rotated:
            left, up = x + size * 0.36 * 25.4 / 72, y - back
        else:
            left, up = x - back, y
        ink = tuple(round(255 * channel) for channel in colour)
        self._writings.append(
            _Writing(
                x=left * self._scale,
                y=self._height - up * self._scale,
                words=shown,
                font=typeface(shown, size * DPI / 72, bold),
                colour=ink,
                rotated=rotated,
                halo=2 if halo else 0,
            )
        )
        return width

    def pixels(self) -> Pixels:
        """The sheet from its upper left corner, (height, width, 3) red, green, blue."""
        drawn = np.asarray(self._renderer.buffer_rgba())
        height, width, _ = drawn.shape
        sheet = Image.frombuffer("RGBA", (width, height), drawn, "raw", "RGBA", 0, 1).convert("RGB")
        pen = ImageDraw.Draw(sheet)
        for writing in self._writings:
            _write(sheet, pen, writing)
        return np.asarray(sheet)

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


def lines_of(words: str, room: float, size: float = SMALL, bold: bool = False) -> list[str]:
    """Words broken where a line of `room` millimetres ends; a word that is longer stays whole."""
    lines, pixels = [""], room * DPI / 25.4
    for word in printable(words).split():
        longer = f"{lines[-1]} {word}".lstrip()
        if lines[-1] and _length(longer, size, bold) > pixels:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


@lru_cache(maxsize=4096)
def _length(words: str, size: float, bold: bool) -> float:
    """How wide a line is, pixels: signs and ticks come by the hundred."""
    return typeface(words, size * DPI / 72, bold).getlength(words)


def _write(sheet: Image.Image, pen: ImageDraw.ImageDraw, writing: _Writing) -> None:
    if not writing.rotated:
        place, halo = (writing.x, writing.y), writing.halo
        if halo:
            pen.text(place, writing.words, fill="white", font=writing.font, anchor="ls", stroke_width=halo)
        pen.text(place, writing.words, fill=writing.colour, font=writing.font, anchor="ls")
        return
    ascent, descent = writing.font.getmetrics()
    upright = Image.new("L", (int(writing.font.getlength(writing.words)) + 2, ascent + descent))
    ImageDraw.Draw(upright).text((0, ascent), writing.words, fill=255, font=writing.font, anchor="ls")
    mask = upright.transpose(Image.Transpose.ROTATE_90)
    sheet.paste(writing.colour, (round(writing.x) - ascent, round(writing.y) - mask.height), mask)
