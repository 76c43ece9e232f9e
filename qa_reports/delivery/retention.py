"""Step 6, deliver: old runs out of an archive, whole, and never the newest of a wave."""

from __future__ import annotations

import calendar
import datetime
import re
import secrets
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from qa_reports.delivery.archive import (
    PARTIAL_PREFIX,
    ArchivedRun,
    bring_to_disk,
    damaged_files,
    list_archive,
    remove,
    remove_abandoned,
)
from qa_reports.delivery.index import rebuild_index
from qa_reports.errors import OutputError, UserError

_AGE = re.compile(r"([1-9][0-9]{0,4})\s*([dwmy])")


class Retention(Struct, frozen=True):
    """What an archive holds that is older than allowed."""

    before: datetime.datetime
    """Runs made before this moment are old."""
    old: tuple[ArchivedRun, ...]
    """Old runs that can go, by time."""
    kept: tuple[ArchivedRun, ...]
    """Old runs that stay, because a wave would have none left to compare with."""
    unreadable: tuple[Path, ...]
    """Folders that look like runs and whose age nobody knows; they stay."""


def old_runs(archive: Path, age: str, now: datetime.datetime) -> Retention:
    """Find the runs that are older than an age such as 90d, 26w, 18m or 2y, by the time in their manifests.

    Of every wave the newest run stays, and where its files are damaged also the newest one that is whole. A run whose
    manifest lies in the future (a clock was wrong) is not old.

    Raises:
        UserError: the age is not such an age, or reaches before the year 1.
        OutputError: there is no such archive.
    """
    before = _moment_before(age, now)
    if not archive.is_dir():
        raise OutputError(f"{archive}: there is no such folder; give the folder of an archive")
    listing = list_archive(archive)
    needed = _needed(listing.runs)
    old = [run for run in listing.runs if datetime.datetime.fromisoformat(run.manifest.made) < before]
    return Retention(
        before=before,
        old=tuple(run for run in old if run.folder not in needed),
        kept=tuple(run for run in old if run.folder in needed),
        unreadable=listing.unreadable,
    )


def forget_runs(archive: Path, runs: Iterable[ArchivedRun]) -> None:
    """Remove runs and make the index anew. Each run is first hidden in one step, so that none is ever seen in part.

    Raises:
        OutputError: a run cannot be removed; the index shows what is left.
    """
    try:
        for run in runs:
            _forget(run.folder)
    finally:
        remove_abandoned(archive)
        rebuild_index(archive)


def _forget(folder: Path) -> None:
    hidden = folder.with_name(f"{PARTIAL_PREFIX}forgotten-{folder.name}-{secrets.token_hex(4)}")
    try:
        folder.rename(hidden)
        bring_to_disk(folder.parent)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be removed ({error.strerror or error}); it is still there") from None
    remove(hidden)
    if hidden.exists():
        raise OutputError(f"{hidden}: parts of a run are left that cannot be removed; remove them by hand")


def _needed(runs: Iterable[ArchivedRun]) -> set[Path]:
    """Of every wave the folder of the newest run, and of the newest whole one."""
    waves: dict[tuple[object, object], list[ArchivedRun]] = {}
    for run in runs:
        waves.setdefault((run.series, run.wave), []).append(run)
    needed = set()
    for of_wave in waves.values():
        needed.add(of_wave[-1].folder)
        whole = next((run for run in reversed(of_wave) if not damaged_files(run)), None)
        if whole is not None:
            needed.add(whole.folder)
    return needed


def _moment_before(age: str, now: datetime.datetime) -> datetime.datetime:
    parsed = _AGE.fullmatch(age.strip().lower())
    if parsed is None:
        raise UserError(
            f"--older-than: '{age}' is no age; write days, weeks, months or years, e.g. 90d, 26w, 18m or 2y"
        )
    count, unit = int(parsed[1]), parsed[2]
    try:
        if unit in "dw":
            return now - datetime.timedelta(days=count * (7 if unit == "w" else 1))
        months = now.year * 12 + now.month - 1 - count * (12 if unit == "y" else 1)
        year, month = months // 12, months % 12 + 1
        day = min(now.day, calendar.monthrange(year, month)[1]) if year > 0 else now.day
        return now.replace(year=year, month=month, day=day)
    except (ValueError, OverflowError):
        raise UserError(f"--older-than: '{age}' reaches before the year 1; write a shorter age") from None
