"""Faults of the machine: one clear line, exit code 2, and the archive and earlier reports as they were."""

from __future__ import annotations

import hashlib
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from qa_reports import pipeline
from qa_reports.cli import main
from qa_reports.delivery.archive import damaged_files, list_archive
from qa_reports.survey.readers import delimited
from tests.small_wave import SmallWave

ROOT = Path(__file__).parents[2]
SMALLEST_FILE = 20_000
"""Bytes that fit on the full disk: a manifest does, a report does not."""


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _run(wave: SmallWave, limit: int, most: int) -> subprocess.CompletedProcess[str]:
    """The program under a resource limit."""
    return subprocess.run(
        [sys.executable, "-c", "import sys; from qa_reports.cli import main; sys.exit(main())", str(wave.config),
         "--formats", "json,html", "--new-run", "--quiet"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
        preexec_fn=lambda: resource.setrlimit(limit, (most, most)),
    )  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="limits of a process are those of Linux")
@pytest.mark.parametrize("archived", [True, False])
def test_files_that_do_not_fit_on_the_disk(small_wave: SmallWave, archived: bool) -> None:
    if archived:
        small_wave.replace("items:", "archive: {folder: archive}\nitems:")
    assert main([str(small_wave.config), "--formats", "json,html", "--quiet"]) == 0
    before = _digests(small_wave.folder)
    ended = _run(small_wave, resource.RLIMIT_FSIZE, SMALLEST_FILE)
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    assert "cannot be written to (File too large)" in ended.stderr
    assert _digests(small_wave.folder) == before
    assert all(damaged_files(run) == () for run in list_archive(small_wave.folder / "archive").runs)


def test_no_memory_is_one_line(
    small_wave: SmallWave, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(pipeline, "clean_delivered", exhausted)
    assert main([str(small_wave.config), "--quiet", "--formats", "json"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{small_wave.config}: there is not enough memory")
    assert not (small_wave.folder / "wave-report").exists()


def test_no_memory_to_load_a_library_is_one_line(
    small_wave: SmallWave, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "libgfortran.so.5: failed to map segment from shared object"

    def exhausted(*_: object) -> None:
        raise ImportError(said)

    monkeypatch.setattr(pipeline, "clean_delivered", exhausted)
    assert main([str(small_wave.config), "--quiet", "--formats", "json"]) == 2
    assert "there is not enough memory" in capsys.readouterr().err
    said = "No module named 'scipy'"
    with pytest.raises(ImportError):
        main([str(small_wave.config), "--quiet", "--formats", "json"])


def test_no_memory_while_parsing_is_not_called_a_mistake_in_the_file(
    small_wave: SmallWave, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise delimited.pd.errors.ParserError("Error tokenizing data. C error: out of memory")

    monkeypatch.setattr(delimited.pd, "read_csv", exhausted)
    assert main([str(small_wave.config), "--quiet", "--formats", "json"]) == 2
    assert "there is not enough memory" in capsys.readouterr().err


def test_an_input_that_changes_during_the_run_is_read_once(
    small_wave: SmallWave, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digest in the report is that of the bytes that were analysed."""
    before = hashlib.sha256(small_wave.survey_file.read_bytes()).hexdigest()
    cleaned = pipeline.clean_delivered

    def meanwhile(*given: object) -> object:
        small_wave.survey_file.write_text("gone", encoding="utf-8")
        small_wave.config.write_text("gone", encoding="utf-8")
        return cleaned(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(pipeline, "clean_delivered", meanwhile)
    assert main([str(small_wave.config), "--quiet", "--formats", "json"]) == 0
    assert before in (small_wave.folder / "wave-report" / "results.json").read_text(encoding="utf-8")


def test_files_that_go_while_the_wave_is_loaded(small_wave: SmallWave, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is archived, and what the fingerprint is of, is what was read."""
    small_wave.replace("items:", "archive: {folder: archive}\nitems:")
    config = small_wave.config.read_bytes()
    reviewed = small_wave.config.with_name("reviewed.yaml")
    reviewed.write_text(
        "reviewed: [{interviewer: '101', kind: any, until: 9, note: called, by: A}]\n", encoding="utf-8"
    )
    loaded = pipeline.load_delivered

    def meanwhile(*given: object) -> object:
        delivered = loaded(*given)  # type: ignore[arg-type]
        small_wave.config.unlink()
        reviewed.unlink()
        return delivered

    monkeypatch.setattr(pipeline, "load_delivered", meanwhile)
    assert main([str(small_wave.config), "--quiet", "--formats", "json"]) == 0
    (run,) = list_archive(small_wave.folder / "archive").runs
    assert (run.folder / "config.yaml").read_bytes() == config
    assert run.manifest.facts.config.sha256 == hashlib.sha256(config).hexdigest()
