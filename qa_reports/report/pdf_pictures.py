"""Step 5, report: the pictures of a PDF, put in once its pages are laid out.

WeasyPrint unpacks every picture it is given and packs it again, with filters that do nothing for drawings. Here it lays
out a stand-in for each, one that costs nothing, and the picture takes its place before the file is written. So pages
can be laid out while their pictures are drawn.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

from msgspec import Struct


class Picture(Struct, frozen=True):
    """A drawn picture: its size in pixels and its deflated RGB rows."""

    width: int
    height: int
    deflated: bytes


def source(number: int) -> str:
    """The address by which a page names one of its pictures, counted from 1."""
    return f"picture:{number}"


class StandIns:
    """What WeasyPrint lays out in the place of `n` pictures: one pixel high, and as wide as the picture's number."""

    def __init__(self, n: int) -> None:
        self._n = n

    def png(self, address: str) -> bytes | None:
        """The stand-in of a picture; None for an address that is none of ours."""
        from PIL import Image  # which WeasyPrint loads as well, and nobody else needs it so early

        named = re.fullmatch(r"picture:([1-9][0-9]{0,8})", address)
        if named is None or int(named[1]) > self._n:
            return None
        target = io.BytesIO()
        Image.new("L", (int(named[1]), 1)).save(target, format="png")
        return target.getvalue()

    def replace(self, pdf: Any, pictures: Sequence[Picture]) -> None:
        """Put the pictures in the place of their stand-ins, in a PDF that is not written yet."""
        for one in pdf.objects:
            extra = getattr(one, "extra", {})
            if extra.get("Subtype") == "/Image" and extra["Height"] == 1:
                shown = pictures[extra["Width"] - 1]
                extra.update(Width=shown.width, Height=shown.height, ColorSpace="/DeviceRGB")
                del extra["DecodeParms"]  # of a PNG's filters
                one.stream = [shown.deflated]
