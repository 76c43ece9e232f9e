"""Read one data file: find it, take it out of its packing, and hand it to the reader of its format."""

from __future__ import annotations

import codecs
import hashlib
import stat
from pathlib import Path

from qa_reports.config import ReadConfig
from qa_reports.errors import DataError
from qa_reports.survey.columns import did_you_mean
from qa_reports.survey.readers.delimited import read_delimited
from qa_reports.survey.readers.delivered import DataFile, FileProvenance
from qa_reports.survey.readers.foreign import read_foreign
from qa_reports.survey.readers.recognise import kind_of
from qa_reports.survey.readers.unpack import check_members, unpack

_AS_DETECTED = ReadConfig()


def read_data_file(folder: Path, name: str, options: ReadConfig = _AS_DETECTED) -> DataFile:
    """Read a file of any supported format into its table and labels; no configuration is needed.

    `read_data_file(path.parent, path.name)` reads one path.

    Args:
        folder: where `name` starts, and what messages leave out.
        name: the file as the configuration writes it.
        options: what is known of the file; what is left out is detected.

    Returns:
        The table (values as delivered, codes and all), `labels` by column (empty for files of text), the file's
        provenance, and notes on what was guessed.

    Raises:
        DataError: there is no such file, its kind is not supported, or it is unreadable or empty.
    """
    content = _content(folder, name)
    packed = unpack(name, content, options.member)
    if not packed.content.removeprefix(codecs.BOM_UTF8).strip():
        raise DataError(f"{name}: the file is empty")
    kind = kind_of(Path(packed.name).name, packed.content, name)
    if kind == "text":
        delivered = read_delimited(packed.content, packed.name, name, options)
    else:
        check_members(name, packed.content)
        delivered = read_foreign(kind, packed.content, name, options)
    if delivered.table.empty:
        raise DataError(f"{name}: the file has columns but no rows")
    provenance = FileProvenance(name, hashlib.sha256(content).hexdigest(), len(delivered.table))
    return DataFile(delivered.table, delivered.labels, provenance, delivered.notes)


def _content(folder: Path, name: str) -> bytes:
    """The file's bytes. A pipe or a device would never end, so only what lies in a folder as a file is opened."""
    path = folder / name
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise DataError(f"{name}: is a folder; name a file in it")
        if not stat.S_ISREG(mode):
            raise DataError(f"{name}: is no ordinary file (a pipe or a device); save the data to a file")
        return path.read_bytes()
    except FileNotFoundError:
        beside = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        raise DataError(
            f"{name}: there is no such file in {folder.absolute()}{did_you_mean(path.name, beside)}"
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{name}: cannot be read ({reason})") from None
