"""What is shipped: a wheel that works by itself, and an sdist that builds it."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from qa_reports import __version__
from tests.small_wave import SmallWave

ROOT = Path(__file__).parent.parent

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("packaging")]


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an sdist and the wheel built from that sdist."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT))
    return folder


def run(*command: str, folder: Path = ROOT) -> str:
    """Run a command without the settings of this test run, and return what it prints."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV_"))}
    ended = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def only(folder: Path, pattern: str) -> Path:
    (path,) = folder.glob(pattern)
    return path


def test_the_wheel_holds_the_package_and_its_templates(dist: Path) -> None:
    names = set(zipfile.ZipFile(only(dist, "*.whl")).namelist())
    templates = {
        f"qa_reports/templates/{path.relative_to(ROOT / 'templates')}"
        for path in (ROOT / "templates").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert templates
    assert templates <= names
    assert "qa_reports/report/results.schema.json" in names
    assert "qa_reports/py.typed" in names
    assert {name.split("/")[0] for name in names} == {"qa_reports", f"qa_reports-{__version__}.dist-info"}


def test_the_sdist_holds_what_is_named_and_nothing_else(dist: Path) -> None:
    with tarfile.open(only(dist, "*.tar.gz")) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    assert {"templates/report.html.j2", "configs/example.yaml", "tests/conftest.py", "LICENSE", "PKG-INFO"} <= names
    tops = {name.split("/")[0] for name in names}
    assert tops <= {
        "qa_reports", "templates", "configs", "docs", "tests", "benchmarks", "scripts", "Makefile", "README.md",
        "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "pyproject.toml", "PKG-INFO", ".gitignore",
    }  # fmt: skip


def test_the_wheel_makes_a_report_in_a_clean_environment(dist: Path, tmp_path: Path, small_wave: SmallWave) -> None:
    place = tmp_path / "clean"
    venv.create(place, with_pip=True)
    pip = [str(place / "bin" / "python"), "-m", "pip"]
    run(*pip, "install", "--quiet", "--disable-pip-version-check", str(only(dist, "*.whl")))
    command = str(place / "bin" / "qa-report")
    assert run(command, "--version", folder=tmp_path) == f"qa-report {__version__}\n"
    run(command, str(small_wave.config), "--formats", "html,pdf,json", folder=tmp_path)
    made = {path.name: path.read_bytes()[:15] for path in (small_wave.folder / "wave-report").iterdir()}
    assert set(made) == {"report.html", "report.pdf", "results.json"}
    assert made["report.html"].lower().startswith(b"<!doctype html>")
    assert made["report.pdf"].startswith(b"%PDF-")
    installed = run(*pip, "list", "--format", "freeze", folder=tmp_path)
    assert "pytest" not in installed
