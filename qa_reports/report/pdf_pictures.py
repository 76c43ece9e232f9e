"""Step 5, report: the pictures of a PDF, put in once its pages are laid out.

WeasyPrint unpacks every picture it is given and packs it again, with filters that do nothing for drawings. Here it lays
out a stand-in for each, one that costs nothing, and the picture takes its place before the file is written.
"""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Iterable
from typing import Any

from msgspec import Struct
from PIL import Image

from qa_reports.report.draw import Pixels
from qa_reports.report.panels import WIDTH_MM
from qa_reports.report.pdf_objects import LEVEL


class Picture(Struct, frozen=True):
    """A picture of the printed page: what it shows in words, its size in pixels, its deflated RGB rows."""

    words: str
    width: int
    height: int
    deflated: bytes

    @property
    def source(self) -> str:
        """The address the page names it by."""
        return f"picture:{hashlib.sha256(self.deflated).hexdigest()}"

    @property
    def height_mm(self) -> str:
        """Its height as wide as the text, which its stand-in does not tell."""
        return f"{WIDTH_MM * self.height / self.width:.2f}"


def picture(words: str, drawn: Pixels) -> Picture:
    """A drawing of (height, width, 3) pixels, ready to be put in."""
    height, width, _ = drawn.shape
    return Picture(words, width, height, zlib.compress(drawn.tobytes(), LEVEL))


class StandIns:
    """What WeasyPrint lays out in the place of pictures: one pixel high, and as wide as the picture's number."""

    def __init__(self, pictures: Iterable[Picture]) -> None:
        self._pictures = tuple({one.source: one for one in pictures}.values())
        self._number = {one.source: number for number, one in enumerate(self._pictures, start=1)}

    def png(self, source: str) -> bytes | None:
        """The stand-in of a picture; None for an address that is none of ours."""
        if source not in self._number:
            return None
        target = io.BytesIO()
        Image.new("L", (self._number[source], 1)).save(target, format="png")
        return target.getvalue()

    def replace(self, pdf: Any) -> None:
        """Put the pictures in the place of their stand-ins, in a PDF that is not written yet."""
        for one in pdf.objects:
            extra = getattr(one, "extra", {})
            if extra.get("Subtype") == "/Image" and extra["Height"] == 1:
                shown = self._pictures[extra["Width"] - 1]
                extra.update(Width=shown.width, Height=shown.height, ColorSpace="/DeviceRGB")
                del extra["DecodeParms"]  # of a PNG's filters
                one.stream = [shown.deflated]
