"""What other systems lack or do otherwise: no fork, no fcntl, no limits, another text encoding, another time zone."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from qa_reports.delivery.archive import folder_name
from tests.parsed import parsed_modules
from tests.small_wave import SmallWave
from tests.survey.wave_files import write_wave

ROOT = Path(__file__).parent.parent
POSIX_ONLY = frozenset({"fcntl", "grp", "pwd", "resource", "termios"})
WITHOUT = """
import asyncio, concurrent.futures.process, ctypes, email, multiprocessing, os, shutil, smtplib, subprocess, sys, types
import jinja2, numpy, pandas, pydantic, pyreadstat, rich.progress, scipy.stats, statsmodels.api, xlsxwriter
# Libraries ask for the system when they are loaded; from here on it is the program alone that may ask.
for name in {missing}: sys.modules[name] = None
for name in ("fork", "sched_getaffinity", "getuid", "geteuid", "fchmod", "O_CLOEXEC", "O_NOFOLLOW"): delattr(os, name)
sys.modules["msvcrt"] = types.SimpleNamespace(locking=lambda *_: None, LK_LOCK=1)
sys.platform = "win32"
from qa_reports.cli import main
sys.exit(main(sys.argv[1:]))
"""


def _run(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment}, cwd=ROOT, capture_output=True, text=True,
        encoding="utf-8", check=False, timeout=300,
    )  # fmt: skip


def test_a_wave_is_archived_without_what_windows_lacks(small_wave: SmallWave) -> None:
    small_wave.replace(
        "items:",
        "archive: {folder: archive}\nreport: {pseudonyms: true}\nemail: {from: qa@agency.example, "
        "to: [field@agency.example], smtp: {host: mail.agency.example}}\nitems:",
    )
    ended = _run(WITHOUT.format(missing=sorted(POSIX_ONLY)), str(small_wave.config), "--formats", "html,json,xlsx",
                 "--quiet", "--no-email")  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert len(list((small_wave.folder / "archive").rglob("report.html"))) == 1


def test_foreign_files_are_read_without_what_windows_lacks(tmp_path: Path) -> None:
    write_wave(tmp_path, ".sav")
    code = WITHOUT.format(missing=sorted(POSIX_ONLY)).replace(
        "from qa_reports.cli import main", "from qa_reports.survey.readers import isolated; isolated._limit_memory()"
    )
    ended = _run(code.replace("sys.exit(main(sys.argv[1:]))", ""))
    assert ended.returncode == 0, ended.stderr


def test_modules_of_one_system_are_loaded_where_the_system_is_asked() -> None:
    """Windows lacks them, so that no module may load one first thing."""
    for path, module in parsed_modules():
        for node in module.body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not POSIX_ONLY & set(names), path


def test_text_is_read_and_written_with_its_encoding_named() -> None:
    """Otherwise it would be the system's, which is not UTF-8 everywhere; also where no test passes by."""
    for path, module in parsed_modules():
        for node in ast.walk(module):
            if not isinstance(node, ast.Call) or any(word.arg == "encoding" for word in node.keywords):
                continue
            name, texts = ast.unparse(node.func), [ast.unparse(argument) for argument in node.args]
            assert name.split(".")[-1] not in ("read_text", "write_text"), (path, node.lineno)
            in_bytes = any("b" in text for text in texts if text in ("'rb'", "'wb'", "'xb'", "'ab'"))
            opened = name.split(".")[-1] in ("open", "fdopen") and name != "os.open"
            assert not opened or in_bytes or name == "archive.open", (path, node.lineno)


def test_no_place_of_one_system_is_written_down() -> None:
    for path, module in parsed_modules():
        for node in ast.walk(module):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not node.value.startswith(("/tmp", "/usr", "/etc", "/home", "/var", "C:")), (path, node.lineno)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles"])
def test_the_same_bytes_in_another_time_zone_and_encoding(small_wave: SmallWave, zone: str) -> None:
    """What is not said to be UTF-8 is a warning, and warnings are errors here."""
    code = (
        "import sys, warnings; warnings.filterwarnings('error', category=EncodingWarning, module='qa_reports');"
        "from qa_reports.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    made = []
    for name, settings in (("here", {"TZ": "UTC"}), ("there", {"TZ": zone, "LC_ALL": "C", "PYTHONUTF8": "0"})):
        output = small_wave.folder / name
        ended = _run(
            code, str(small_wave.config), "--output", str(output), "--formats", "html,json,xlsx", "--quiet",
            SOURCE_DATE_EPOCH="1700000000", PYTHONWARNDEFAULTENCODING="1", **settings,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        made.append({path.name: path.read_bytes() for path in output.iterdir()})
    assert made[0] == made[1]


@pytest.mark.parametrize("name", ["CON", "nul.txt", "COM1", "lpt9.csv", "wave.", "wave ", "a:b", 'a"b<c>|?*', "aux . "])
def test_folders_have_names_that_windows_takes(name: str) -> None:
    made = folder_name(name)
    assert made.upper().split(".")[0].strip() not in {"CON", "NUL", "AUX", "PRN", "COM1", "LPT9"}
    assert made == made.rstrip(". ")
    assert not set(made) & set('<>:"/\\|?*')
