"""Step 5, report: the objects of a PDF as bytes, made once; `pdf.py` lays the pages out.

pydyf asks every object twice for its bytes, for the file and for its identifier, and deflates every stream at the
slowest level each time. With tags and an attachment that is a fifth of the time a report takes.
"""

from __future__ import annotations

import contextlib
import sys
import zlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

LEVEL = 3
"""Of deflating: 6 takes twice as long, 9 five times, and they save seven and ten bytes in a hundred."""


@contextlib.contextmanager
def deflated_sooner() -> Iterator[None]:
    """While it lasts, pydyf deflates the two streams that it makes of all objects at `LEVEL`, not at the slowest."""
    pydyf = sys.modules.get("pydyf")
    kept = vars(pydyf).get("zlib") if pydyf else None
    if kept is not zlib:  # another version
        yield
        return
    sooner = SimpleNamespace(compress=zlib.compress, compressobj=lambda **_: zlib.compressobj(LEVEL))
    vars(pydyf)["zlib"] = sooner
    try:
        yield
    finally:
        vars(pydyf)["zlib"] = kept


class WrittenObject:
    """An object of a PDF whose bytes are known; pydyf sets `offset` while it writes the file."""

    def __init__(self, original: Any, attached: bytes) -> None:
        self.number: int = original.number
        self.generation: int = original.generation
        self.free: str = original.free
        self.offset: int = original.offset
        self.compressible: bool = original.compressible
        self.data: bytes = b"" if self.free == "f" else _bytes_of(original, attached)

    @property
    def indirect(self) -> bytes:
        """The object as it stands in the file."""
        return b"%d %d obj\n%b\nendobj" % (self.number, self.generation, self.data)

    @property
    def reference(self) -> bytes:
        """How other objects name it."""
        return b"%d %d R" % (self.number, self.generation)


def write_once(pdf: Any, attached: bytes = b"") -> None:
    """Turn every object of a finished PDF into its bytes; its attachment, where it has one, is `attached` deflated."""
    pdf.objects = [WrittenObject(one, attached) for one in pdf.objects]


def _bytes_of(original: Any, attached: bytes) -> bytes:
    # Archives read the metadata without unpacking them.
    if not getattr(original, "compress", False) or original.extra.get("Type") == "/Metadata":
        original.compress = False
        return bytes(original.data)
    original.compress = False
    if original.extra.get("Type") == "/EmbeddedFile":
        original.stream = [attached]
    else:
        _, _, rest = original.data.partition(b"\nstream\n")
        original.stream = [zlib.compress(rest.removesuffix(b"\nendstream"), LEVEL)]
    original.extra["Filter"] = "/FlateDecode"
    return bytes(original.data)
