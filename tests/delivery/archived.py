"""Runs to put into an archive, made by hand."""

from __future__ import annotations

from pathlib import Path

from msgspec import structs

from qa_reports.delivery.archive import ArchivedRun, archive_run
from qa_reports.delivery.manifest import HashedFile, ManifestItem, RunFacts

FACTS = RunFacts(
    survey="Trust Survey",
    wave="Wave 1",
    country="Belgium",
    verdict="2 of 12 interviewers are worth a call, 1003 first.",
    since_last_wave=None,
    n_interviews=1200,
    n_interviewers=12,
    n_flagged=2,
    n_critical=1,
    items=(
        ManifestItem("trstplc", "police", "Trust in the police", 0.08),
        ManifestItem("pplhlp", "pplhlp", "People are helpful", 0.02),
        ManifestItem("same", "same", "Everybody says four", None),
    ),
    config=HashedFile("wave1.yaml", "c" * 64),
    inputs=(HashedFile("wave1.csv", "a" * 64),),
    earlier_waves=(),
    versions={"qa-report": "0.1.0"},
    fingerprint="f" * 64,
)
FILES = {"report.html": b"<!doctype html>", "results.json": b"{}\n"}


def put(archive: Path, files: dict[str, bytes] | None = None, **facts: object) -> ArchivedRun:
    """Archive a run of which only the named facts matter."""
    return archive_run(FILES if files is None else files, structs.replace(FACTS, **facts), archive)
