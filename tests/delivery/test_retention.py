"""Old runs go, whole; the newest of every wave stays, and so does whatever cannot be judged."""

from __future__ import annotations

import datetime
import json
import os
from pathlib import Path

import pytest

from qa_reports.cli import main
from qa_reports.delivery import archive as archive_module
from qa_reports.delivery.archive import PARTIAL_PREFIX, ArchivedRun, list_archive
from qa_reports.delivery.index import rebuild_index
from qa_reports.delivery.retention import forget_runs, old_runs
from qa_reports.errors import OutputError, UserError
from tests.delivery.archived import put

NOW = datetime.datetime(2026, 5, 31, 12, tzinfo=datetime.UTC)


def _dated(run: ArchivedRun, made: str) -> ArchivedRun:
    """The run with another time in its manifest, as if it had been archived then."""
    path = run.folder / "manifest.json"
    manifest = json.loads(path.read_bytes())
    manifest["made"] = made
    path.write_text(json.dumps(manifest), encoding="utf-8")
    return run


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Wave 1 with runs of 2022, 2023 and 2024, wave 2 with one of 2022 and one of the far future."""
    folder = tmp_path / "archive"
    for wave, made in (("1", 2022), ("1", 2023), ("1", 2024), ("2", 2022), ("2", 2099)):
        _dated(put(folder, wave=wave), f"{made}-03-01T00:00:00.000000Z")
    rebuild_index(folder)
    return folder


def _years(runs: tuple[ArchivedRun, ...]) -> list[tuple[str | None, str]]:
    return [(run.wave, run.manifest.made[:4]) for run in runs]


def test_what_is_old_and_what_stays(archive: Path) -> None:
    found = old_runs(archive, "2y", NOW)
    assert sorted(_years(found.old)) == [("1", "2022"), ("1", "2023"), ("2", "2022")]
    assert _years(found.kept) == [("1", "2024")]


def test_the_newest_whole_run_stays_beside_a_damaged_newest(archive: Path) -> None:
    newest = next(run for run in list_archive(archive).runs if _years((run,)) == [("1", "2024")])
    (newest.folder / "report.html").write_text("spoilt", encoding="utf-8")
    assert _years(old_runs(archive, "2y", NOW).kept) == [("1", "2023"), ("1", "2024")]


def test_nothing_goes_without_delete_and_with_it_the_index_is_right(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(archive.rglob("*"))
    assert main(["forget", str(archive), "--older-than", "2y"]) == 0
    assert sorted(archive.rglob("*")) == before
    assert "3 runs made before" in capsys.readouterr().out
    gone = [run.manifest.run for run in old_runs(archive, "2y", NOW).old]
    assert main(["forget", str(archive), "--older-than", "2y", "--delete"]) == 0
    assert _years(list_archive(archive).runs) == [("1", "2024"), ("2", "2099")]
    index = (archive / "index.html").read_text(encoding="utf-8")
    assert not [run for run in gone if run in index]
    assert not list(archive.rglob(f"{PARTIAL_PREFIX}*"))
    assert main(["forget", str(archive), "--older-than", "2y", "--delete"]) == 0
    assert len(list_archive(archive).runs) == 2


def test_folders_without_a_manifest_stay(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    strange = archive / "Trust Survey" / "1" / "strange"
    strange.mkdir()
    (strange / "notes.txt").write_text("mine", encoding="utf-8")
    assert main(["forget", str(archive), "--older-than", "1d", "--delete"]) == 0
    assert "its age cannot be read" in capsys.readouterr().out
    assert (strange / "notes.txt").exists()


def test_a_link_is_removed_and_not_what_it_points_to(archive: Path, tmp_path: Path) -> None:
    run = old_runs(archive, "2y", NOW).old[0]
    elsewhere = tmp_path / "elsewhere"
    run.folder.rename(elsewhere)
    run.folder.symlink_to(elsewhere)
    forget_runs(archive, old_runs(archive, "2y", NOW).old)
    assert not os.path.lexists(run.folder)
    assert (elsewhere / "manifest.json").exists()


def test_killed_half_way_leaves_whole_runs_and_the_next_time_the_rest_goes(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(place: Path) -> None:
        (place / "report.html").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("qa_reports.delivery.retention.remove", killed)
        with pytest.raises(KeyboardInterrupt):
            forget_runs(archive, old_runs(archive, "2y", NOW).old)
    listing = list_archive(archive)
    assert listing.unreadable == ()
    assert len(listing.runs) == 4
    (left_behind,) = archive.glob(f"*/*/{PARTIAL_PREFIX}*")
    os.utime(left_behind, (0, 0))
    archive_module.remove_abandoned(archive)
    assert not left_behind.exists()


def test_a_run_that_cannot_be_hidden_is_said_to_be_there_still(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Path, target: Path) -> Path:
        raise PermissionError(13, "Permission denied")

    found = old_runs(archive, "2y", NOW)
    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(OutputError, match=r"cannot be removed \(Permission denied\); it is still there"):
        forget_runs(archive, found.old)
    assert len(list_archive(archive).runs) == 5


@pytest.mark.parametrize(
    ("age", "expected"),
    [("1d", "2026-05-30"), ("2w", "2026-05-17"), ("3m", "2026-02-28"), ("2y", "2024-05-31"), (" 15M ", "2025-02-28")],
)
def test_ages(archive: Path, age: str, expected: str) -> None:
    assert old_runs(archive, age, NOW).before.date().isoformat() == expected


@pytest.mark.parametrize("age", ["", "2", "y", "-2y", "0d", "2 years", "9999y", "1.5y", "99999m"])
def test_no_ages(archive: Path, age: str) -> None:
    with pytest.raises(UserError, match="--older-than: "):
        old_runs(archive, age, NOW)
    assert main(["forget", str(archive / "nowhere"), "--older-than", "2y"]) == 2
