"""Step 6, deliver: `index.html` of an archive, made from the manifests alone.

Every link is relative: an archive that is moved, copied or put on a web server keeps working.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import numpy as np
from msgspec import Struct

from qa_reports.delivery.archive import ArchivedRun, ArchiveListing, list_archive, run_folders, write_atomically
from qa_reports.delivery.manifest import ManifestItem, other_data
from qa_reports.errors import OutputError
from qa_reports.report.formats import calendar_date
from qa_reports.report.render import render_archive_index
from qa_reports.report.wave_words import asks_the_same

INDEX_NAME = "index.html"
ATTEMPTS = 10
"""How often the index is made again because other runs were archived meanwhile; each of them makes it too."""

_LINKS = {
    "report.html": "Report",
    "report.pdf": "PDF",
    "results.xlsx": "Excel",
    "results.json": "JSON",
    "feedback.pdf": "Feedback sheets",
}


class IndexRun(Struct, frozen=True):
    """A run as the index shows it."""

    run: str
    made: str
    """UTC date and time in words."""
    verdict: str
    since_last_wave: str | None
    n_interviews: int
    n_interviewers: int
    n_flagged: int
    n_critical: int
    n_reviewed: int
    median_icc: float | None
    """Over its own items; see `IndexTrend` for what waves are compared by."""
    n_items_modelled: int
    links: tuple[tuple[str, str], ...]
    """(words, relative address)."""


class IndexWave(Struct, frozen=True):
    """A wave with its runs."""

    name: str | None
    latest: IndexRun
    older: tuple[IndexRun, ...]
    """Newest first."""
    other_data: IndexRun | None
    """The newest of them that was made from other data than the latest run: perhaps another wave."""


class IndexItem(Struct, frozen=True):
    """An item over the waves."""

    key: str
    label: str
    icc: tuple[float | None, ...]
    """One per wave, oldest first; None where the wave lacks it or it could not be modelled."""


class IndexTrend(Struct, frozen=True):
    """The typical interviewer ICC over waves, from the same items in each."""

    icc: tuple[float | None, ...]
    """Median over the shared items, one per wave, oldest first; None in waves that lack some of them."""
    n_waves: int
    """The latest ones, which share the items."""
    n_items: int
    """How many they share."""

    @property
    def words(self) -> str:
        """Over what the medians are."""
        which = "1 item" if self.n_items == 1 else f"{self.n_items:,} items"
        outside = len(self.icc) - self.n_waves
        if outside:
            return f"{which} of the last {self.n_waves:,} waves"
        return f"{which} of both waves" if self.n_waves == 2 else f"{which} of all {self.n_waves:,} waves"


class IndexSurvey(Struct, frozen=True):
    """A survey with its waves."""

    name: str
    country: str | None
    waves: tuple[IndexWave, ...]
    """Oldest first, by their first run."""
    items: tuple[IndexItem, ...]
    trend: IndexTrend | None
    """None for a single wave, and where the last two have no item in common."""

    @property
    def n_flagged(self) -> tuple[int, ...]:
        """Of each wave's latest run, oldest first."""
        return tuple(wave.latest.n_flagged for wave in self.waves)


class ArchiveIndex(Struct, frozen=True):
    """Everything the index shows."""

    surveys: tuple[IndexSurvey, ...]
    """By name."""
    n_runs: int
    unreadable: tuple[str, ...]
    """Folders that look like runs but are none that can be read, relative to the archive."""


def rebuild_index(archive: Path) -> Path:
    """Make the archive's index anew and put it into its place in one step.

    When two runs do this at once, the one that writes last looks once more, so that neither run is missing.

    Raises:
        OutputError: it cannot be written; the index that was there is untouched.
    """
    path = archive / INDEX_NAME
    try:
        for _ in range(ATTEMPTS):
            before = run_folders(archive)
            page = render_archive_index(summarise_archive(list_archive(archive), archive)).encode("utf-8")
            if path.is_file() and path.read_bytes() == page:
                break
            write_atomically(path, page)
            if run_folders(archive) == before:
                break
    except OSError as error:
        raise OutputError(f"{path}: the index cannot be written ({error.strerror or error})") from None
    return path


def summarise_archive(listing: ArchiveListing, archive: Path) -> ArchiveIndex:
    """Collect what the index shows."""
    by_series: dict[tuple[str, str | None], list[ArchivedRun]] = {}
    for run in listing.runs:
        by_series.setdefault(run.series, []).append(run)
    surveys = [_survey(runs, archive) for runs in by_series.values()]
    surveys.sort(key=lambda survey: (survey.name.casefold(), survey.name, survey.country or ""))
    return ArchiveIndex(
        surveys=tuple(surveys),
        n_runs=len(listing.runs),
        unreadable=tuple(folder.relative_to(archive).as_posix() for folder in listing.unreadable),
    )


def _survey(runs: Sequence[ArchivedRun], archive: Path) -> IndexSurvey:
    by_wave: dict[str | None, list[ArchivedRun]] = {}
    for run in runs:
        by_wave.setdefault(run.wave, []).append(run)
    facts = runs[-1].manifest.facts
    waves = [_wave(same, archive) for same in by_wave.values()]
    latest = [same[-1] for same in by_wave.values()]
    items = _items(latest)
    return IndexSurvey(facts.survey, facts.country, tuple(waves), items, _trend(items, len(latest)))


def _wave(runs: Sequence[ArchivedRun], archive: Path) -> IndexWave:
    newest, *before = reversed(runs)
    facts = newest.manifest.facts
    other = next((run for run in before if other_data(run.manifest.facts, facts.own_data)), None)
    older = tuple(_run(run, archive) for run in before)
    return IndexWave(facts.wave, _run(newest, archive), older, None if other is None else _run(other, archive))


def _trend(items: Sequence[IndexItem], n_waves: int) -> IndexTrend | None:
    """From the last two waves back, as long as at least half of the items that these share are in all of them.

    Medians over each wave's own items would compare other questions: some have ten times the ICC of others.
    """
    if n_waves < 2:
        return None
    shared = [item.icc for item in items if item.icc[-1] is not None and item.icc[-2] is not None]
    if not shared:
        return None
    first, fewest = n_waves - 2, len(shared) / 2
    while first > 0 and len(still := [icc for icc in shared if icc[first - 1] is not None]) >= fewest:
        first, shared = first - 1, still
    medians = np.median(np.array([icc[first:] for icc in shared], dtype=np.float64), axis=0)
    return IndexTrend((*(None,) * first, *medians.tolist()), n_waves - first, len(shared))


def _items(latest: Sequence[ArchivedRun]) -> tuple[IndexItem, ...]:
    """The items of all waves, in the newest wave's order, then those that only earlier waves had.

    As where waves are compared, items of one name stand in one row only if their labels ask the same.
    """
    rows: list[tuple[ManifestItem, dict[int, float | None]]] = []
    by_key: dict[str, list[tuple[ManifestItem, dict[int, float | None]]]] = {}
    for place in reversed(range(len(latest))):
        for item in latest[place].manifest.facts.items:
            same = (row for row in by_key.get(item.key, []) if item.key != item.item or asks_the_same(row[0], item))
            row = next(same, None)
            if row is None:
                row = (item, {})
                rows.append(row)
                by_key.setdefault(item.key, []).append(row)
            row[1].setdefault(place, item.icc)
    return tuple(
        IndexItem(item.key, item.label, tuple(iccs.get(place) for place in range(len(latest)))) for item, iccs in rows
    )


def _run(run: ArchivedRun, archive: Path) -> IndexRun:
    facts = run.manifest.facts
    place = run.folder.relative_to(archive).as_posix()
    iccs = [item.icc for item in facts.items if item.icc is not None]
    there = {file.name for file in run.manifest.outputs}
    return IndexRun(
        run=run.manifest.run,
        made=_in_words(run.manifest.made),
        verdict=facts.verdict,
        since_last_wave=facts.since_last_wave,
        n_interviews=facts.n_interviews,
        n_interviewers=facts.n_interviewers,
        n_flagged=facts.n_flagged,
        n_critical=facts.n_critical,
        n_reviewed=facts.n_reviewed,
        median_icc=float(np.median(iccs)) if iccs else None,
        n_items_modelled=len(iccs),
        links=tuple((words, quote(f"{place}/{name}")) for name, words in _LINKS.items() if name in there),
    )


def _in_words(made: str) -> str:
    time = datetime.datetime.fromisoformat(made).astimezone(datetime.UTC)
    return f"{calendar_date(time.date())}, {time:%H:%M} UTC"
