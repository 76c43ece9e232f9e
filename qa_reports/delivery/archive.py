"""Step 6, deliver: a run into the archive, `<survey>/<wave>/<run>/`, whole or not at all, and never over another.

A run is written into a hidden folder beside its place, brought to the disk, and renamed: whoever reads the archive, and
whenever the program is killed, finds whole runs only. Folders left behind by a killed run are removed after a day.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import os
import re
import secrets
import shutil
import sys
import tempfile
import time
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from qa_reports.delivery.folder import nearest_existing
from qa_reports.delivery.manifest import (
    MANIFEST_NAME,
    MANIFEST_VERSION,
    HashedFile,
    Manifest,
    RunFacts,
    UnreadableManifest,
    manifest_json,
    read_manifest,
    sha256_of,
)
from qa_reports.errors import OutputError

PARTIAL_PREFIX = ".partial-"
PARTIAL_LIFETIME = 24 * 60 * 60
"""Seconds after which a folder of an unfinished run is taken for abandoned."""
NAME_BYTES = 80
"""Longest folder name in UTF-8; file systems allow 255 and some programs 260 for a whole path."""
NO_WAVE = "_"
"""Folder of runs whose configuration names no wave."""

_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|index\.html|_)(\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices, and two that the archive itself uses."""


class ArchivedRun(Struct, frozen=True):
    """A whole run in the archive."""

    folder: Path
    manifest: Manifest

    @property
    def series(self) -> tuple[str, str | None]:
        """(survey, country): runs that share it are waves of one survey."""
        country = self.manifest.facts.country
        return same_name(self.manifest.facts.survey), None if country is None else same_name(country)

    @property
    def wave(self) -> str | None:
        """The wave, spelled as waves are compared."""
        wave = self.manifest.facts.wave
        return None if wave is None else same_name(wave)


class ArchiveListing(Struct, frozen=True):
    """What stands in an archive."""

    runs: tuple[ArchivedRun, ...]
    """By time."""
    unreadable: tuple[Path, ...]
    """Folders where runs stand, without a manifest that can be read."""


def same_name(name: str) -> str:
    """A name without differences that no reader sees: Unicode composition and white space."""
    return " ".join(unicodedata.normalize("NFC", name).split())


def loose_name(name: str) -> str:
    """A name without what people spell in different ways: case, white space and punctuation."""
    letters = unicodedata.normalize("NFKC", name).casefold()
    return "".join(character for character in letters if character.isalnum()) or same_name(name)


def folder_name(name: str) -> str:
    """A name of a survey or wave as a folder name for any file system; different names stay different.

    A safe name stays as it is, whatever its script. Any other is made safe and gets eight digits of its SHA-256.
    """
    name = same_name(name)
    safe = _UNSAFE.sub("_", name).strip(". ")
    safe = "".join(character if character.isprintable() else "_" for character in safe)
    if _RESERVED.fullmatch(safe) or not safe:
        safe = f"_{safe}"  # in front: Windows takes NUL.txt for a device too
    if safe == name and len(safe.encode("utf-8")) <= NAME_BYTES:
        return safe
    start = safe.encode("utf-8")[: NAME_BYTES - 9].decode("utf-8", "ignore").rstrip(". ")
    return f"{start}-{sha256_of(name.encode('utf-8', 'surrogatepass'))[:8]}"


def wave_folder(archive: Path, survey: str, wave: str | None) -> Path:
    """The folder of a wave's runs."""
    return archive / folder_name(survey) / (NO_WAVE if wave is None else folder_name(wave))


def archive_run(files: Mapping[str, bytes], facts: RunFacts, archive: Path) -> ArchivedRun:
    """Put a run into the archive: all of its files and the manifest, brought to the disk before they are seen.

    Args:
        files: name -> content; the manifest is added.
        facts: what the manifest is to say.
        archive: the archive's folder, made where needed.

    Raises:
        OutputError: the archive cannot be written to; then nothing is there that was not there before.
    """
    parent = wave_folder(archive, facts.survey, facts.wave)
    outputs = tuple(HashedFile(name, sha256_of(content)) for name, content in files.items())
    try:
        _make_folders(parent)
        while True:
            manifest = _named(facts, outputs)
            folder = parent / manifest.run
            if _written(folder, {**files, MANIFEST_NAME: manifest_json(manifest)}):
                return ArchivedRun(folder, manifest)
    except OSError as error:
        raise _not_writable(archive, error) from None


def check_archive(archive: Path, survey: str, wave: str | None) -> None:
    """Find out before any work whether a run of a wave could be put into an archive; nothing stays behind.

    Raises:
        OutputError: it could not.
    """
    try:
        existing = nearest_existing(wave_folder(archive, survey, wave))
        if not existing.is_dir():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise _not_writable(archive, error) from None


def _not_writable(archive: Path, error: OSError) -> OutputError:
    return OutputError(f"{archive}: the archive cannot be written to ({error.strerror or error})")


def list_archive(archive: Path) -> ArchiveListing:
    """Every whole run of an archive, found by its manifest; an archive that does not exist is empty."""
    runs, unreadable = [], []
    for folder in run_folders(archive):
        try:
            runs.append(ArchivedRun(folder, read_manifest(folder)))
        except UnreadableManifest:
            unreadable.append(folder)
    runs.sort(key=lambda run: (run.manifest.made, run.manifest.run))
    return ArchiveListing(tuple(runs), tuple(unreadable))


def run_folders(archive: Path) -> tuple[Path, ...]:
    """The folders of an archive in which runs stand; hidden ones, in which runs are being written, are none of them."""
    waves = [wave for survey in _subfolders(archive) for wave in _subfolders(survey)]
    return tuple(sorted(run for wave in waves for run in _subfolders(wave)))


def damaged_files(run: ArchivedRun) -> tuple[str, ...]:
    """Names of the run's files that are missing or no longer what was archived."""
    return tuple(file.name for file in run.manifest.outputs if not _intact(run.folder / file.name, file.sha256))


def remove_abandoned(archive: Path) -> None:
    """Remove what killed runs left behind, once it is older than a day; what cannot be removed stays."""
    oldest = time.time() - PARTIAL_LIFETIME
    for left_behind in (*archive.glob(f"{PARTIAL_PREFIX}*"), *archive.glob(f"*/*/{PARTIAL_PREFIX}*")):
        with contextlib.suppress(OSError):
            if left_behind.stat().st_mtime < oldest:
                remove(left_behind)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file beside its place, bring it to the disk and move it over whatever was there.

    Raises:
        OSError: it cannot be written; what was there is untouched.
    """
    beside = path.with_name(f"{PARTIAL_PREFIX}{path.name}-{secrets.token_hex(4)}")
    try:
        _write_durably(beside, content)
        beside.replace(path)
    except BaseException:
        remove(beside)
        raise
    bring_to_disk(path.parent)


def _named(facts: RunFacts, outputs: tuple[HashedFile, ...]) -> Manifest:
    now = datetime.datetime.now(datetime.UTC)
    run = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    made = now.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return Manifest(MANIFEST_VERSION, run, made, facts, outputs)


def _written(folder: Path, files: Mapping[str, bytes]) -> bool:
    """Write a folder of files in one step; False when the place is taken."""
    beside = folder.with_name(f"{PARTIAL_PREFIX}{folder.name}-{secrets.token_hex(4)}")
    beside.mkdir()
    try:
        for name, content in files.items():
            _write_durably(beside / name, content)
        bring_to_disk(beside)
        if os.path.lexists(folder):
            return False
        try:
            beside.rename(folder)
        except OSError as error:  # another run was put there at this very moment: it is not empty, so it is safe
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
                return False
            raise
    finally:
        remove(beside)
    bring_to_disk(folder.parent)
    return True


def _make_folders(folder: Path) -> None:
    """Make a folder and those above it, each brought to the disk."""
    if not folder.is_dir():
        _make_folders(folder.parent)
        folder.mkdir(exist_ok=True)
        bring_to_disk(folder.parent)


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def bring_to_disk(folder: Path) -> None:
    """Make sure that what was made, renamed or removed in a folder is so on the disk."""
    if sys.platform == "win32":  # which opens no folders
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(place: Path) -> None:
    """Remove a file or folder as far as possible."""
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            place.unlink(missing_ok=True)


def _subfolders(folder: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        yield from [Path(entry) for entry in entries if not entry.name.startswith(".") and entry.is_dir()]


def _intact(path: Path, sha256: str) -> bool:
    try:
        return sha256_of(path.read_bytes()) == sha256
    except OSError:
        return False
