"""Take a data file out of gzip or zip, without unpacking more than a survey can be."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import IO

from msgspec import Struct

from qa_reports.errors import DataError
from qa_reports.survey.columns import did_you_mean
from qa_reports.survey.readers.recognise import kind_by_name

MOST_UNPACKED = 2 * 1024**3
"""Bytes that a packed file may have unpacked."""
MOST_RATIO = 200
"""Times its packed size that a file of more than `FREE_OF_RATIO` bytes may have unpacked; surveys stay below 50."""
FREE_OF_RATIO = 64 * 1024**2
_PIECE = 1024**2
_BAD_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError)


class Unpacked(Struct, frozen=True):
    """A data file out of its packing."""

    name: str
    """Its name without the packing's suffix, or that of the member of the zip file."""
    content: bytes


def unpack(name: str, content: bytes, member: str | None) -> Unpacked:
    """The data file in a `.gz` or `.zip` file; any other file as it is.

    Args:
        member: the file wanted out of a zip file that holds several.

    Raises:
        DataError: the packed file is damaged, encrypted, too large unpacked, or it is not clear which member is meant.
    """
    if name.lower().endswith(".gz"):
        return Unpacked(name[:-3], _gunzip(name, content))
    if name.lower().endswith(".zip"):
        return _unzip(name, content, member)
    if member is not None:
        raise DataError(f"{name}: is no zip file, so it has no member {member!r}; delete read.member")
    return Unpacked(name, content)


def check_members(name: str, content: bytes) -> None:
    """Hold a spreadsheet, which is a zip file itself, against the same limits.

    Raises:
        DataError: it would be too large unpacked.
    """
    if not content.startswith(b"PK"):
        return
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except _BAD_ZIP:
        return  # its reader says what is wrong with it
    _check_size(name, size, len(content))


def _gunzip(name: str, content: bytes) -> bytes:
    if not content.startswith(b"\x1f\x8b"):
        raise DataError(f"{name}: this is not a gzip file, though its name says so; take .gz off its name")
    unpacked, rest = bytearray(), content
    try:
        while rest:  # a gzip file may hold several streams, one after the other
            stream = zlib.decompressobj(wbits=31)
            piece = stream.decompress(rest, _PIECE)
            while piece or stream.unconsumed_tail:
                unpacked += piece
                _check_size(name, len(unpacked), len(content))
                piece = stream.decompress(stream.unconsumed_tail, _PIECE)
            if not stream.eof:
                raise DataError(f"{name}: the gzip file has been cut off; copy or download it again")
            rest = stream.unused_data.lstrip(b"\x00")
    except zlib.error:
        raise DataError(f"{name}: the gzip file is damaged; copy or download it again") from None
    return bytes(unpacked)


def _unzip(name: str, content: bytes, member: str | None) -> Unpacked:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entry = _chosen(name, archive, member)
            if entry.flag_bits & 0x1:
                raise DataError(f"{name}: {entry.filename} in it is encrypted; unpack it with its password first")
            _check_size(name, entry.file_size, entry.compress_size)
            with archive.open(entry) as stream:
                return Unpacked(entry.filename, _read(name, stream, entry.compress_size))
    except _BAD_ZIP:
        raise DataError(f"{name}: the zip file is damaged or cut off; copy or download it again") from None


def _read(name: str, stream: IO[bytes], packed: int) -> bytes:
    """Read a member to its end; the size a zip file states of it may be wrong."""
    unpacked = bytearray()
    while piece := stream.read(_PIECE):
        unpacked += piece
        _check_size(name, len(unpacked), packed)
    return bytes(unpacked)


def _chosen(name: str, archive: zipfile.ZipFile, member: str | None) -> zipfile.ZipInfo:
    """The member asked for, or the only one that is a data file."""
    entries = [entry for entry in archive.infolist() if not entry.is_dir() and "__MACOSX/" not in entry.filename]
    names = [entry.filename for entry in entries]
    if member is not None:
        wanted = [entry for entry in entries if entry.filename == member]
        if not wanted:
            raise DataError(f"{name}: holds no {member!r} (read.member){did_you_mean(member, names)}; {_listed(names)}")
        return wanted[0]
    readable = [entry for entry in entries if kind_by_name(entry.filename) not in (None, "text")]
    readable = readable or [entry for entry in entries if kind_by_name(entry.filename) == "text"]
    tables = [entry for entry in readable if not entry.filename.lower().endswith(".txt")] or readable
    if not tables:
        raise DataError(f"{name}: the zip file holds no data file that can be read; {_listed(names)}")
    if len(tables) > 1:
        several = _listed([entry.filename for entry in tables])
        raise DataError(f"{name}: the zip file holds several data files; name one under read.member; {several}")
    return tables[0]


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    return f"it holds {shown}" if names else "it is empty"


def _check_size(name: str, unpacked: int, packed: int) -> None:
    if unpacked > MOST_UNPACKED or (unpacked > FREE_OF_RATIO and unpacked > MOST_RATIO * max(packed, 1)):
        raise DataError(
            f"{name}: is more than {MOST_UNPACKED / 1024**3:.0f} GB or {MOST_RATIO} times its size unpacked, which no "
            "survey is; unpack it by hand if you trust it"
        )
