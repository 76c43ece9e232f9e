"""The archive: whole runs only, never over another, wherever it stands and whatever a survey is called."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

import qa_reports.delivery.archive as archive_module
from qa_reports.cli import main
from qa_reports.delivery.archive import (
    NAME_BYTES,
    PARTIAL_LIFETIME,
    damaged_files,
    folder_name,
    list_archive,
    remove_abandoned,
    same_name,
    wave_folder,
)
from qa_reports.delivery.index import rebuild_index
from qa_reports.delivery.manifest import UnreadableManifest, read_manifest
from qa_reports.errors import OutputError
from tests.delivery.archived import FACTS, FILES, put
from tests.small_wave import SmallWave

ROOT = Path(__file__).parent.parent.parent
QUICK = ["--quiet", "--formats", "html,json"]


@pytest.fixture
def archiving_wave(small_wave: SmallWave) -> SmallWave:
    small_wave.replace("items:", "archive: {folder: archive}\nitems:")
    return small_wave


def runs(wave: SmallWave) -> list[Path]:
    return [run.folder for run in list_archive(wave.folder / "archive").runs]


# Names of folders.


SAFE = ("European Social Survey", "Round 11", "Enquête sociale", "社会調査", "أفروباروميتر", "11")
UNSAFE = (
    *("../../etc", "..", ".", "/", "a/b", "a\\b", "C:", "a?b", "a\x1bb", "a\u202eb", "\x00", "x.", "", "   "),
    *("con", "NUL.txt", "lpt1", "index.html", "_", ".partial-x", "x" * 300, "é" * 60),
)


@pytest.mark.parametrize("name", SAFE)
def test_a_safe_name_stays_as_it_is(name: str) -> None:
    assert folder_name(name) == name


@pytest.mark.parametrize("name", UNSAFE)
def test_an_unsafe_name_is_made_safe_and_marked(name: str) -> None:
    made = folder_name(name)
    assert made.endswith("-" + hashlib.sha256(same_name(name).encode()).hexdigest()[:8])
    assert made.split(".")[0].casefold() not in {"con", "nul", "lpt1", "index", "_"}


@given(st.text(max_size=120), st.text(max_size=120))
def test_folder_names_are_safe_and_tell_names_apart(one: str, other: str) -> None:
    made = folder_name(one)
    assert Path("archive", made).parent == Path("archive")
    assert made not in {"", ".", "..", "_"}
    assert not made.startswith(".")
    assert len(made.encode()) <= NAME_BYTES
    assert made == made.strip(". ")
    assert made.isprintable()
    assert (folder_name(other) == made) == (same_name(other) == same_name(one))


def test_a_run_without_a_wave_has_a_folder_of_its_own() -> None:
    folders = {wave_folder(Path("archive"), "Survey", wave) for wave in (None, "_", "None")}
    assert len(folders) == 3


# What a run leaves.


def test_a_run_is_archived_whole(tmp_path: Path) -> None:
    run = put(tmp_path / "archive")
    assert run.folder.parent == tmp_path / "archive" / "Trust Survey" / "Wave 1"
    assert {path.name for path in run.folder.iterdir()} == {*FILES, "manifest.json"}
    assert {path.name for path in run.folder.parent.iterdir()} == {run.folder.name}
    read = read_manifest(run.folder)
    assert read == run.manifest
    assert read.facts == FACTS
    assert {file.name: file.sha256 for file in read.outputs} == {
        name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()
    }
    assert damaged_files(run) == ()


def test_runs_never_overwrite_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = iter(["same", "one", "same", "two", "other", "three"])
    monkeypatch.setattr(archive_module.secrets, "token_hex", lambda _: next(ends))

    class Clock(archive_module.datetime.datetime):
        @classmethod
        def now(cls, tz: object = None) -> archive_module.datetime.datetime:
            return cls(2026, 3, 1, 12, tzinfo=archive_module.datetime.UTC)

    monkeypatch.setattr(archive_module.datetime, "datetime", Clock)
    first = put(tmp_path, {"report.html": b"first"})
    second = put(tmp_path, {"report.html": b"second"})
    assert (first.folder.name, second.folder.name) == ("20260301T120000Z-same", "20260301T120000Z-other")
    assert (first.folder / "report.html").read_bytes() == b"first"
    assert len(list_archive(tmp_path).runs) == 2
    assert {path.name for path in first.folder.parent.iterdir()} == {first.folder.name, second.folder.name}


def test_a_place_taken_at_the_last_moment_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path)
    monkeypatch.setattr(os.path, "lexists", lambda _: False)
    names = iter(["taken", "free"])
    real = archive_module._named
    monkeypatch.setattr(
        archive_module,
        "_named",
        lambda facts, outputs: structs.replace(real(facts, outputs), run=next(names)),
    )
    taken = wave_folder(tmp_path, FACTS.survey, FACTS.wave) / "taken"
    taken.mkdir()
    (taken / "report.html").write_bytes(b"theirs")
    assert put(tmp_path).folder.name == "free"
    assert (taken / "report.html").read_bytes() == b"theirs"


def test_an_unfinished_run_is_not_listed_and_removed_after_a_day(tmp_path: Path) -> None:
    parent = put(tmp_path).folder.parent
    fresh, old = parent / ".partial-fresh", parent / ".partial-old"
    for folder in (fresh, old):
        folder.mkdir()
        (folder / "report.html").write_bytes(b"half")
    yesterday = time.time() - PARTIAL_LIFETIME - 60
    os.utime(old, (yesterday, yesterday))
    assert len(list_archive(tmp_path).runs) == 1
    assert list_archive(tmp_path).unreadable == ()
    remove_abandoned(tmp_path)
    assert fresh.exists()
    assert not old.exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"manifest_version": 1}', b'{"manifest_version": 99}', b"\xff", b"[" * 100_000],
)
def test_a_damaged_manifest_is_told_from_a_run(tmp_path: Path, content: bytes) -> None:
    run = put(tmp_path)
    (run.folder / "manifest.json").write_bytes(content)
    with pytest.raises(UnreadableManifest, match=r"manifest\.json: "):
        read_manifest(run.folder)
    listing = list_archive(tmp_path)
    assert (listing.runs, listing.unreadable) == ((), (run.folder,))


def test_a_time_that_is_none_makes_a_manifest_unreadable(tmp_path: Path) -> None:
    path = put(tmp_path).folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), "made": "noon"}), encoding="utf-8")
    assert len(list_archive(tmp_path).unreadable) == 1


def test_a_missing_archive_is_empty(tmp_path: Path) -> None:
    assert list_archive(tmp_path / "nowhere").runs == ()


# The whole program.


def test_the_report_goes_to_the_archive(archiving_wave: SmallWave, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(archiving_wave.config), *QUICK]) == 0
    (run,) = runs(archiving_wave)
    assert run.parent == archiving_wave.folder / "archive" / "Small wave" / "1"
    assert {path.name for path in run.iterdir()} == {"report.html", "results.json", "config.yaml", "manifest.json"}
    assert (run / "config.yaml").read_bytes() == archiving_wave.config.read_bytes()
    facts = read_manifest(run).facts
    assert facts.inputs[0].sha256 == hashlib.sha256(archiving_wave.survey_file.read_bytes()).hexdigest()
    assert facts.config.sha256 == hashlib.sha256(archiving_wave.config.read_bytes()).hexdigest()
    results = json.loads((run / "results.json").read_bytes())
    assert [(item.item, item.icc) for item in facts.items] == [(i["item"], i["icc"]) for i in results["items"]]
    assert results["waves"] is None
    assert capsys.readouterr().out == f"{run / 'report.html'}: {facts.verdict}\n"
    assert (archiving_wave.folder / "archive" / "index.html").exists()
    assert not (archiving_wave.folder / "wave-report").exists()


def test_results_are_archived_whatever_the_formats(archiving_wave: SmallWave) -> None:
    assert main([str(archiving_wave.config), "--quiet", "--formats", "html"]) == 0
    assert (runs(archiving_wave)[0] / "results.json").exists()


def test_the_same_run_is_recognised(archiving_wave: SmallWave, capsys: pytest.CaptureFixture[str]) -> None:
    command = [str(archiving_wave.config), *QUICK]
    assert main(command) == 0
    first = capsys.readouterr()
    index = archiving_wave.folder / "archive" / "index.html"
    index.unlink()
    assert main(command) == 0
    again = capsys.readouterr()
    (run,) = runs(archiving_wave)
    assert again.out == first.out
    assert again.err == f"note: already archived as {run.name}: same data, same configuration, same program\n"
    assert run.name in index.read_text(encoding="utf-8")
    assert main([*command, "--new-run"]) == 0
    assert len(runs(archiving_wave)) == 2


@pytest.mark.parametrize("changed", ["data", "configuration", "formats", "an archived file"])
def test_another_run_is_not_taken_for_the_same(archiving_wave: SmallWave, changed: str) -> None:
    command = [str(archiving_wave.config), *QUICK]
    assert main(command) == 0
    match changed:
        case "data":
            archiving_wave.survey_file.write_bytes(archiving_wave.survey_file.read_bytes() + b"121,101,5,5,x\n")
        case "configuration":
            archiving_wave.replace("Trust in others", "Trust")
        case "formats":
            command[-1] = "html,json,xlsx"
        case "an archived file":
            (runs(archiving_wave)[0] / "report.html").write_bytes(b"spoilt")
    assert main(command) == 0
    assert len(runs(archiving_wave)) == 2


def test_a_recognised_run_still_fails_on_flags(archiving_wave: SmallWave) -> None:
    lines = archiving_wave.survey_file.read_text(encoding="utf-8").splitlines()
    for row in range(1, 11):
        number, interviewer, *_ = lines[row].split(",")
        lines[row] = f"{number},{interviewer},10,0,x"
    archiving_wave.survey_file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = [str(archiving_wave.config), *QUICK, "--fail-on", "warning"]
    assert [main(command), main(command)] == [3, 3]
    assert len(runs(archiving_wave)) == 1


def test_output_leaves_the_archive_alone(archiving_wave: SmallWave) -> None:
    assert main([str(archiving_wave.config), *QUICK, "--output", str(archiving_wave.folder / "monday")]) == 0
    assert not (archiving_wave.folder / "archive").exists()
    assert (archiving_wave.folder / "monday" / "report.html").exists()


def test_two_runs_at_once_are_both_archived(archiving_wave: SmallWave) -> None:
    program = "import sys; from qa_reports.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, str(archiving_wave.config), *QUICK, "--new-run"]
    started = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait() for process in started] == [0, 0]
    folders = runs(archiving_wave)
    index = (archiving_wave.folder / "archive" / "index.html").read_text(encoding="utf-8")
    assert len(folders) == 2
    assert all(folder.name in index for folder in folders)
    assert not list((archiving_wave.folder / "archive").rglob(".partial-*"))


# When the archive cannot take it.


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_full_archive_leaves_the_report_beside_the_configuration(
    archiving_wave: SmallWave, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(archiving_wave.config), *QUICK]) == 0
    before = archiving_wave.files()
    capsys.readouterr()
    monkeypatch.setattr(archive_module, "_write_durably", _full)
    assert main([str(archiving_wave.config), *QUICK, "--new-run"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    elsewhere = archiving_wave.folder / "wave-report"
    assert line == (
        f"{archiving_wave.folder / 'archive'}: the archive cannot be written to (No space left on device); "
        f"the report is in {elsewhere} instead"
    )
    assert archiving_wave.files() - before == {"wave-report", "wave-report/report.html", "wave-report/results.json"}
    assert before <= archiving_wave.files()


def test_a_file_where_the_archive_should_be(archiving_wave: SmallWave, capsys: pytest.CaptureFixture[str]) -> None:
    (archiving_wave.folder / "archive").write_bytes(b"mine")
    assert main([str(archiving_wave.config), *QUICK]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "archive: the archive cannot be written to (" in line
    assert (archiving_wave.folder / "archive").read_bytes() == b"mine"
    assert (archiving_wave.folder / "wave-report" / "report.html").exists()


def test_nothing_can_be_written_anywhere(
    archiving_wave: SmallWave, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = archiving_wave.files()
    monkeypatch.setattr("os.fsync", _full)
    assert main([str(archiving_wave.config), *QUICK]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "the archive cannot be written to (No space left on device), and no report is written: " in line
    assert {name for name in archiving_wave.files() - before if not name.startswith("archive")} == set()
    assert runs(archiving_wave) == []


def test_an_index_that_cannot_be_written_loses_no_run(
    archiving_wave: SmallWave, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("qa_reports.delivery.index.write_atomically", _full)
    assert main([str(archiving_wave.config), *QUICK]) == 2
    (run,) = runs(archiving_wave)
    (line,) = capsys.readouterr().err.splitlines()
    told = f"index.html: the index cannot be written (No space left on device); the run is archived in {run}"
    assert line.endswith(told)


def test_an_archive_that_became_read_only_still_recognises_a_run(
    archiving_wave: SmallWave, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [str(archiving_wave.config), *QUICK]
    assert main(command) == 0
    monkeypatch.setattr("qa_reports.delivery.index.write_atomically", _full)
    monkeypatch.setattr(archive_module, "_write_durably", _full)
    assert main(command) == 0
    assert len(runs(archiving_wave)) == 1
    assert not (archiving_wave.folder / "wave-report").exists()


def test_an_index_that_fails_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path)
    index = rebuild_index(tmp_path)
    before = index.read_bytes()
    put(tmp_path)
    monkeypatch.setattr("os.fsync", _full)
    with pytest.raises(OutputError, match=r"index\.html: the index cannot be written"):
        rebuild_index(tmp_path)
    assert index.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Trust Survey", "index.html"]
