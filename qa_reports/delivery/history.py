"""Step 6, deliver: the earlier waves of a survey, found in its archive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from qa_reports.config import ReportConfig
from qa_reports.delivery.archive import ArchivedRun, loose_name, same_name
from qa_reports.delivery.manifest import EarlierRun, other_data, sha256_of
from qa_reports.report.files import FILE_NAMES
from qa_reports.report.formats import count_of, listing
from qa_reports.report.wave_results import UnreadableResults, read_results
from qa_reports.report.wave_words import wave_in_words
from qa_reports.report.waves import Wave

MOST_NAMED = 5
"""Surveys of a like name that a note names."""
_KEYS = ("survey.name", "survey.country")
"""What surveys are told apart by."""
RESULTS_NAME = FILE_NAMES["json"]


class History(Struct, frozen=True):
    """The earlier waves that a run is compared with, oldest first."""

    waves: tuple[Wave, ...]
    runs: tuple[EarlierRun, ...]
    """The archived run of each wave."""
    notes: tuple[str, ...]
    """One sentence for each run that was passed over, for each wave asked for and not found, and for earlier waves that
    stand under another spelling or country where this survey has none."""


def find_history(runs: Sequence[ArchivedRun], config: ReportConfig) -> History:
    """The latest run of every earlier wave of the configured survey and country.

    Waves stand in the order of `archive.earlier_waves`, else of their first run: a wave that is run again, because its
    data were corrected, keeps its place. A run whose results are damaged is passed over for the one before it.

    Args:
        runs: all runs of the archive, by time.
        config: says which survey, country and wave the present run is of.
    """
    series = [run for run in runs if run.series == _series(config)]
    waves: list[tuple[Wave, EarlierRun]] = []
    notes: list[str] = []
    for name in _wave_order(series, config):
        candidates = [run for run in reversed(series) if run.wave == name]
        found = next((found for run in candidates if (found := _read(run, notes)) is not None), None)
        if found is not None:
            waves.append(found)
        elif not candidates:
            notes.append(f"no run of wave {name} is in the archive, so it is not compared")
    wanted = config.archive is None or config.archive.earlier_waves != ()
    if wanted and not waves and (note := _elsewhere(runs, config)) is not None:
        notes.append(note)
    return History(tuple(wave for wave, _ in waves), tuple(run for _, run in waves), tuple(notes))


def other_data_note(runs: Sequence[ArchivedRun], config: ReportConfig, data: Sequence[str]) -> str | None:
    """A wave that is archived already, with other data alone, is perhaps the wave before; None where it is not.

    Args:
        runs: all runs of the archive, by time.
        config: says which survey, country and wave the present run is of.
        data: SHA-256 of each of the survey's own files.
    """
    same = [run for run in runs if run.series == _series(config) and run.wave == _present(config)]
    if not same or not all(other_data(run.manifest.facts, data) for run in same):
        return None
    last = same[-1].manifest
    wave, interviews = config.survey.wave, count_of(last.facts.n_interviews, "interview")
    named = "a run without survey.wave" if wave is None else wave_in_words(wave)
    remedy = "name it in survey.wave" if wave is None else "change survey.wave"
    return (
        f"{named} is archived already, with other data ({interviews}, run {last.run}); "
        f"if this is a new wave, {remedy} and remove the run that is now made; if the data were corrected, all is well"
    )


def _series(config: ReportConfig) -> tuple[str, str | None]:
    """As `ArchivedRun.series`."""
    country = config.survey.country
    return same_name(config.survey.name), None if country is None else same_name(country)


def _present(config: ReportConfig) -> str | None:
    """As `ArchivedRun.wave`."""
    return None if config.survey.wave is None else same_name(config.survey.wave)


def _elsewhere(runs: Iterable[ArchivedRun], config: ReportConfig) -> str | None:
    """Earlier waves of the survey under another spelling or country; None where there are none.

    A run of this very wave is none of them: several countries have a wave together, in one archive.
    """
    mine, present = _series(config), _present(config)
    found: dict[tuple[str, str | None], list[str | None]] = {}
    for run in runs:
        if run.series == mine and run.wave == present:
            break  # what was first archived after this wave is not earlier
        if loose_name(run.series[0]) == loose_name(mine[0]) and run.series != mine and run.wave != present:
            found.setdefault(run.series, []).append(run.wave)
    if not found:
        return None
    keys = [key for part, key in enumerate(_KEYS) if any(series[part] != mine[part] for series in found)]
    no_country = " without a country" if "survey.country" in keys else ""
    named = [
        f"{_named(series, no_country)} ({listing(_wave_names(waves))})"
        for series, waves in list(found.items())[:MOST_NAMED]
    ]
    if len(found) > MOST_NAMED:
        named.append(f"{len(found) - MOST_NAMED:,} more")
    return (
        f"no earlier wave of {_named(mine, no_country)} is in the archive, but it has {listing(named)}; if that is "
        f"the same survey, write {' and '.join(keys)} as there"
    )


def _named(series: tuple[str, str | None], no_country: str) -> str:
    name, country = series
    return f"{name}{no_country}" if country is None else f"{name}, {country}"


def _wave_names(waves: Iterable[str | None]) -> list[str]:
    return ["a run without a wave's name" if wave is None else wave_in_words(wave) for wave in dict.fromkeys(waves)]


def _wave_order(series: Iterable[ArchivedRun], config: ReportConfig) -> list[str | None]:
    """The earlier waves, oldest first."""
    if config.archive is not None and config.archive.earlier_waves is not None:
        return [same_name(wave) for wave in config.archive.earlier_waves]
    first_run = list(dict.fromkeys(run.wave for run in series))
    present = _present(config)
    return first_run[: first_run.index(present)] if present in first_run else first_run


def _read(run: ArchivedRun, notes: list[str]) -> tuple[Wave, EarlierRun] | None:
    """A run's results; None, with a note, where they are not what was archived."""
    facts = run.manifest.facts
    name = facts.wave or "an earlier run without a wave's name"
    archived = next((file.sha256 for file in run.manifest.outputs if file.name == RESULTS_NAME), None)
    try:
        content = (run.folder / RESULTS_NAME).read_bytes()
        if sha256_of(content) != archived:
            raise UnreadableResults("the file is not what was archived")
        wave = Wave(name, run.manifest.run, read_results(content))
    except (OSError, UnreadableResults) as error:
        notes.append(f"{run.folder / RESULTS_NAME}: cannot be compared with ({error})")
        return None
    return wave, EarlierRun(facts.wave, run.manifest.run, sha256_of(content))
