"""Step 6, deliver: `manifest.json`: what a run was made from, what it says, and the SHA-256 of its files.

The index of an archive and the memory of earlier waves rest on manifests, never on the names of folders.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

MANIFEST_NAME = "manifest.json"
MANIFEST_VERSION = 1


class UnreadableManifest(Exception):
    """A manifest is missing, damaged, or of a later version; the message says which."""


class HashedFile(Struct, frozen=True):
    """A file and its SHA-256 in hexadecimal digits."""

    name: str
    """For inputs the path as the configuration gives it, for outputs the name in the run's folder."""
    sha256: str


class ManifestItem(Struct, frozen=True):
    """An item of the run, as much as the index shows of it."""

    item: str
    key: str
    """What it is found by in other waves."""
    label: str
    icc: float | None
    """None where it could not be modelled."""


class EarlierRun(Struct, frozen=True):
    """An archived run that this one was compared with."""

    wave: str | None
    run: str
    results_sha256: str


class RunFacts(Struct, frozen=True):
    """Everything known about a run before it has a name and a place in the archive."""

    survey: str
    wave: str | None
    country: str | None
    verdict: str
    """One sentence."""
    since_last_wave: str | None
    """What is new since the wave before, in a sentence; None for a first wave."""
    n_interviews: int
    n_interviewers: int
    n_flagged: int
    """Interviewers worth a call, the critical ones included."""
    n_critical: int
    items: tuple[ManifestItem, ...]
    config: HashedFile
    inputs: tuple[HashedFile, ...]
    earlier_waves: tuple[EarlierRun, ...]
    """The runs it was compared with, oldest wave first."""
    versions: dict[str, str]
    fingerprint: str
    """What the files are a function of, see `fingerprint`."""
    n_doubts: int = 0
    """Results that are not to be trusted as they stand."""
    n_reviewed: int = 0
    """Interviewers who stand out and have been looked into already."""
    expected_flagged: float | None = None
    """Interviewers that chance alone would flag; None in manifests of earlier versions."""
    data: tuple[str, ...] | None = None
    """SHA-256 of each of the survey's own files, those of interviewers and codebooks not among them; none for the table
    of a database, whose digest hangs on the columns in use. None in manifests of earlier versions."""

    @property
    def own_data(self) -> tuple[str, ...]:
        """SHA-256 of each of the survey's own files; of earlier versions the first file that was read."""
        return tuple(file.sha256 for file in self.inputs[:1]) if self.data is None else self.data

    @property
    def sentence(self) -> str:
        """What the report says, and what is new in it."""
        return " ".join(filter(None, (self.verdict, self.since_last_wave)))


def other_data(then: RunFacts, now: Sequence[str]) -> bool:
    """Whether a run was made from other data, sharing no file of a survey; False where nobody can tell.

    Args:
        then: the run.
        now: SHA-256 of each of the survey's own files, as `RunFacts.data`.
    """
    return bool(then.own_data and now) and not frozenset(then.own_data) & frozenset(now)


class Manifest(Struct, frozen=True):
    """What stands in `manifest.json`."""

    manifest_version: int
    run: str
    """Name of the run's folder: the UTC time and a random end."""
    made: str
    """UTC time, ISO 8601 with microseconds: sorts as text."""
    facts: RunFacts
    outputs: tuple[HashedFile, ...]
    """Every other file of the run as it was archived."""


def sha256_of(content: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def fingerprint(
    config_sha256: str,
    inputs: Sequence[HashedFile],
    earlier_waves: Sequence[EarlierRun],
    versions: dict[str, str],
    files: Sequence[str],
) -> str:
    """SHA-256 of all that a run's files depend on, besides the printed date: equal for the same run done again.

    Args:
        config_sha256: SHA-256 of the configuration file.
        inputs: the data files, in the order they are read.
        earlier_waves: the runs it is compared with.
        versions: program name -> version.
        files: names of the files that are made.
    """
    parts = {
        "config": config_sha256,
        "inputs": [file.sha256 for file in inputs],
        "earlier_waves": [earlier.results_sha256 for earlier in earlier_waves],
        "versions": versions,
        "files": sorted(files),
    }
    return sha256_of(json.dumps(parts, sort_keys=True).encode("utf-8"))


def manifest_json(manifest: Manifest) -> bytes:
    """The manifest as UTF-8 JSON."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a run's folder.

    Raises:
        UnreadableManifest: it is missing, damaged, or of a later version.
    """
    try:
        content = (folder / MANIFEST_NAME).read_bytes()
        version = json.loads(content)["manifest_version"]
        if version != MANIFEST_VERSION:
            raise UnreadableManifest(f"{folder / MANIFEST_NAME}: is of version {version}, made by another program")
        manifest = msgspec.json.decode(content, type=Manifest)
        datetime.datetime.fromisoformat(manifest.made)
        return manifest
    except OSError as error:
        raise UnreadableManifest(f"{folder / MANIFEST_NAME}: {error.strerror or error}") from None
    except (ValueError, TypeError, KeyError, RecursionError, msgspec.DecodeError):
        raise UnreadableManifest(f"{folder / MANIFEST_NAME}: is not a manifest of this program") from None
