"""Step 6, deliver: keep a run in its archive with a new index, and say where the report is when that fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from qa_reports.config import ReportConfig
from qa_reports.delivery.archive import ArchivedRun, archive_run, damaged_files, remove_abandoned
from qa_reports.delivery.folder import write_files
from qa_reports.delivery.index import rebuild_index
from qa_reports.delivery.manifest import EarlierRun, HashedFile, ManifestItem, RunFacts
from qa_reports.errors import OutputError
from qa_reports.report.summarise import ReportSummary
from qa_reports.report.wave_sentences import since_sentence

CONFIG_NAME = "config.yaml"
"""Name of the configuration as it was used, in a run's folder."""


def keep_run(
    files: Mapping[str, bytes], config_file: bytes, facts: RunFacts, archive: Path, otherwise: Path
) -> ArchivedRun:
    """Archive a run and make the index anew.

    Args:
        files: the report's files.
        config_file: the configuration as it was used.
        facts: what the manifest is to say.
        archive: the archive's folder.
        otherwise: where the report goes when the archive cannot take it, so that the work is not lost.

    Raises:
        OutputError: the archive or its index cannot be written; the message says where the report is.
    """
    try:
        run = archive_run({**files, CONFIG_NAME: config_file}, facts, archive)
    except OutputError as error:
        raise _kept_elsewhere(error, files, otherwise) from None
    remove_abandoned(archive)
    refresh_index(archive, run)
    return run


def refresh_index(archive: Path, run: ArchivedRun) -> None:
    """Make the index anew for a run that is in the archive.

    Raises:
        OutputError: the index cannot be written; the message says where the run is.
    """
    try:
        rebuild_index(archive)
    except OutputError as error:
        raise OutputError(f"{error}; the run is archived in {run.folder}") from None


def run_facts(
    config: ReportConfig,
    summary: ReportSummary,
    config_file: HashedFile,
    inputs: tuple[HashedFile, ...],
    earlier_waves: tuple[EarlierRun, ...],
    versions: dict[str, str],
    fingerprint: str,
) -> RunFacts:
    """What the manifest says of a run.

    Args:
        config: the configuration.
        summary: what the report shows.
        config_file: path and SHA-256 of the configuration.
        inputs: paths and SHA-256 of the data files.
        earlier_waves: the runs it was compared with.
        versions: program name -> version.
        fingerprint: of `manifest.fingerprint`.
    """
    keys = {item.name: item.key or item.name for item in config.items}
    iccs: dict[str, float] = {item.item: item.icc for item in summary.items}
    labels = {item.item: item.label for item in summary.items}
    labels |= {item.item: item.label for item in summary.not_modelled}
    return RunFacts(
        survey=config.survey.name,
        wave=config.survey.wave,
        country=config.survey.country,
        verdict=summary.verdict.sentence,
        since_last_wave=None if summary.waves is None else since_sentence(summary.waves),
        n_interviews=summary.verdict.n_interviews,
        n_interviewers=summary.verdict.n_interviewers,
        n_flagged=summary.verdict.n_flagged,
        n_critical=summary.verdict.n_critical,
        items=tuple(ManifestItem(name, key, labels.get(name, name), iccs.get(name)) for name, key in keys.items()),
        config=config_file,
        inputs=inputs,
        earlier_waves=earlier_waves,
        versions=versions,
        fingerprint=fingerprint,
        n_doubts=len(summary.doubts),
        n_reviewed=summary.verdict.n_reviewed,
        expected_flagged=summary.verdict.expected_by_chance.interviewers,
        data=data_of(config, inputs),
    )


def data_of(config: ReportConfig, inputs: Sequence[HashedFile]) -> tuple[str, ...]:
    """SHA-256 of the survey's own files, which are the first that are read."""
    return tuple(file.sha256 for file in inputs[: len(config.data.file)])


def find_same(runs: Sequence[ArchivedRun], fingerprint: str) -> ArchivedRun | None:
    """The latest run made from the same things whose files are all as they were archived; None when there is none."""
    same = (run for run in reversed(runs) if run.manifest.facts.fingerprint == fingerprint)
    return next((run for run in same if not damaged_files(run)), None)


def _kept_elsewhere(error: OutputError, files: Mapping[str, bytes], otherwise: Path) -> OutputError:
    try:
        write_files(files, otherwise)
    except OutputError as second:
        return OutputError(f"{error}, and no report is written: {second}")
    return OutputError(f"{error}; the report is in {otherwise} instead")
