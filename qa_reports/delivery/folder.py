"""Step 6, deliver: report files into a folder, each one whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from qa_reports.errors import OutputError


def check_writable(folder: Path, names: tuple[str, ...]) -> None:
    """Find out before any work whether files can be written to a folder; nothing stays behind.

    Raises:
        OutputError: a file stands where a folder is needed, or the other way round, or nothing may be written there.
    """
    try:
        blocked = [folder / name for name in names if (folder / name).is_dir()]
        if blocked:
            raise OutputError(f"{blocked[0]}: a folder stands where the report is to be written; rename or move it")
        existing = nearest_existing(folder)
        if not existing.is_dir():
            raise OutputError(f"{existing}: is a file, but the report needs a folder there; choose another --output")
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise _not_writable(folder, error) from None


def write_files(files: Mapping[str, bytes], folder: Path) -> None:
    """Write files into a folder, which is made where needed: first all beside it, then each moved into its place.

    Raises:
        OutputError: the folder cannot be written to; files of an earlier report then stand as they were.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as beside:
            for name, content in files.items():
                _write_durably(Path(beside) / name, content)
            folder.mkdir(exist_ok=True)
            for name in files:
                (Path(beside) / name).replace(folder / name)
    except OSError as error:
        raise _not_writable(folder, error) from None


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def nearest_existing(folder: Path) -> Path:
    """The folder itself, or the first one above it that exists."""
    return next(place for place in (folder, *folder.absolute().parents) if os.path.lexists(place))


def _not_writable(folder: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{folder}: cannot be written to ({error.strerror or error}); choose another folder with --output"
    )
