"""Step 6, deliver: the earlier waves of a survey, found in its archive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from qa_reports.config import ReportConfig
from qa_reports.delivery.archive import ArchivedRun, same_name
from qa_reports.delivery.manifest import EarlierRun, sha256_of
from qa_reports.report.files import FILE_NAMES
from qa_reports.report.wave_results import UnreadableResults, read_results
from qa_reports.report.waves import Wave

RESULTS_NAME = FILE_NAMES["json"]


class History(Struct, frozen=True):
    """The earlier waves that a run is compared with, oldest first."""

    waves: tuple[Wave, ...]
    runs: tuple[EarlierRun, ...]
    """The archived run of each wave."""
    notes: tuple[str, ...]
    """One sentence for each run that was passed over, and for each wave asked for and not found."""


def find_history(runs: Sequence[ArchivedRun], config: ReportConfig) -> History:
    """The latest run of every earlier wave of the configured survey and country.

    Waves stand in the order of `archive.earlier_waves`, else of their first run: a wave that is run again, because its
    data were corrected, keeps its place. A run whose results are damaged is passed over for the one before it.

    Args:
        runs: all runs of the archive, by time.
        config: says which survey, country and wave the present run is of.
    """
    country = None if config.survey.country is None else same_name(config.survey.country)
    series = [run for run in runs if run.series == (same_name(config.survey.name), country)]
    waves: list[tuple[Wave, EarlierRun]] = []
    notes: list[str] = []
    for name in _wave_order(series, config):
        candidates = [run for run in reversed(series) if run.wave == name]
        found = next((found for run in candidates if (found := _read(run, notes)) is not None), None)
        if found is not None:
            waves.append(found)
        elif not candidates:
            notes.append(f"no run of wave {name} is in the archive, so it is not compared")
    return History(tuple(wave for wave, _ in waves), tuple(run for _, run in waves), tuple(notes))


def _wave_order(series: Iterable[ArchivedRun], config: ReportConfig) -> list[str | None]:
    """The earlier waves, oldest first."""
    if config.archive is not None and config.archive.earlier_waves is not None:
        return [same_name(wave) for wave in config.archive.earlier_waves]
    first_run = list(dict.fromkeys(run.wave for run in series))
    present = None if config.survey.wave is None else same_name(config.survey.wave)
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
