"""Killed at any moment, a run leaves an archive of whole runs, and the next run succeeds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from qa_reports.delivery.archive import damaged_files, list_archive, run_folders
from tests.small_wave import SmallWave

ROOT = Path(__file__).parent.parent.parent

RANDOM_KILLS = """
import os, random, signal, sys, time
from pathlib import Path
from qa_reports.cli import main
import qa_reports.pipeline
from tests.delivery.test_kill import assert_readable

config, kills = Path(sys.argv[1]), int(sys.argv[2])
command = [str(config), "--quiet", "--formats", "html,json", "--new-run"]
assert main(command) == 0  # imports what a run imports late; the children find it there
began = time.monotonic()
assert main(command) == 0
seconds = time.monotonic() - began
moments = random.Random(20261122)
ended = {"killed": 0, "finished": 0}
for _ in range(kills):
    child = os.fork()
    if child == 0:
        os._exit(main(command))
    time.sleep(moments.uniform(0, seconds))
    os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    ended["killed" if os.WIFSIGNALED(status) else "finished"] += 1
    assert_readable(config.parent / "archive", at_least=2 + ended["finished"])
assert main(command) == 0
assert_readable(config.parent / "archive", at_least=3 + ended["finished"])
print(ended["killed"])
"""
"""Imports once and forks, so that what is killed is the run and not Python's start."""

EVERY_CHANGE = """
import os, signal, sys
from pathlib import Path
from qa_reports.delivery.keep import keep_run
from tests.delivery.archived import FACTS, FILES
from tests.delivery.test_kill import assert_readable

folder = Path(sys.argv[1])
CHANGES = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir")

def run(archive, kill_at=None):
    # In a child, to be killed before its touch number kill_at; says whether it got through.
    child = os.fork()
    if child == 0:
        seen = 0
        def hook(event, arguments):
            nonlocal seen
            if event in CHANGES and str(archive) in str(arguments[0]):
                if seen == kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)
                seen += 1
        sys.addaudithook(hook)
        keep_run(FILES, b"config", FACTS, archive, folder / "elsewhere")
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0

for change in range(200):
    archive = folder / str(change)
    assert run(archive)
    finished = run(archive, kill_at=change)
    assert_readable(archive, at_least=1)
    assert run(archive)
    assert_readable(archive, at_least=2)
    if finished:
        break
assert finished
assert not (folder / "elsewhere").exists()
print(change)
"""
"""Kills before the first touch of the archive, before the second, and so on, until a run gets through."""


def assert_readable(archive: Path, at_least: int = 0) -> None:
    """Only whole runs are listed, and the index, where there is one, is whole and lists only runs that are there."""
    listing = list_archive(archive)
    assert listing.unreadable == ()
    assert len(listing.runs) >= at_least
    assert all(damaged_files(run) == () for run in listing.runs)
    index = archive / "index.html"
    if index.exists():
        page = index.read_text(encoding="utf-8")
        assert page.endswith("</html>")
        assert ".partial-" not in page


def run_program(program: str, *arguments: str) -> str:
    command = [sys.executable, "-c", program, *arguments]
    environment = {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()[-1]


def test_killed_before_every_change_to_the_archive(tmp_path: Path) -> None:
    tried = int(run_program(EVERY_CHANGE, str(tmp_path)))
    assert tried >= 12  # making the folders and files of a run and its index alone are so many
    for archive in tmp_path.iterdir():
        whole = list_archive(archive).runs
        index = (archive / "index.html").read_text(encoding="utf-8")
        assert len(whole) == len(run_folders(archive)) >= 2
        assert all(run.manifest.run in index for run in whole)


def test_killed_at_random_moments(small_wave: SmallWave) -> None:
    """A few moments; every change of the archive has its own above. QA_KILLS=50 tries more (docs/robustness.md)."""
    kills = int(os.environ.get("QA_KILLS", "5"))
    small_wave.replace("items:", "archive: {folder: archive}\nitems:")
    killed = int(run_program(RANDOM_KILLS, str(small_wave.config), str(kills)))
    # A machine that speeds up in between finishes some runs before their moment; most must have been cut short.
    assert killed >= max(1, kills // 4)
    last = list_archive(small_wave.folder / "archive").runs[-1]
    assert json.loads((last.folder / "results.json").read_bytes())["survey"] == "Small wave"
