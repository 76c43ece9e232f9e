"""What is shipped: a wheel that works by itself, and an sdist that builds it."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from qa_reports import __version__
from tests.small_wave import SmallWave

ROOT = Path(__file__).parent.parent

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("packaging")]


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an sdist and the wheel built from that sdist."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT))
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


def test_the_wheel_makes_a_report_with_what_it_declares_and_nothing_else(
    dist: Path, tmp_path: Path, small_wave: SmallWave
) -> None:
    """The libraries are those at hand, as links: installing them anew took a minute and tried the network."""
    place = tmp_path / "installed"
    zipfile.ZipFile(only(dist, "*.whl")).extractall(place)
    requires = metadata.Distribution.at(next(place.glob("*.dist-info"))).requires or []
    for name in closure(requires):
        distribution = metadata.distribution(name)
        tops = {file.parts[0] for file in distribution.files or []} - {"..", "__pycache__"}
        for top in sorted(tops):
            if not (place / top).exists():
                (place / top).symlink_to(str(distribution.locate_file(top)))
    assert not list(place.glob("pytest*"))

    def qa_report(*arguments: str) -> str:
        program = "import sys; sys.path.insert(0, sys.argv.pop(1)); from importlib.metadata import entry_points; "
        program += "(command,) = entry_points(group='console_scripts', name='qa-report'); sys.exit(command.load()())"
        return run(sys.executable, "-I", "-S", "-c", program, str(place), *arguments, folder=tmp_path)

    assert qa_report("--version") == f"qa-report {__version__}\n"
    qa_report(str(small_wave.config), "--formats", "html,pdf,json")
    made = {path.name: path.read_bytes()[:15] for path in (small_wave.folder / "wave-report").iterdir()}
    assert set(made) == {"report.html", "report.pdf", "results.json"}
    assert made["report.html"].lower().startswith(b"<!doctype html>")
    assert made["report.pdf"].startswith(b"%PDF-")


def closure(requires: list[str]) -> set[str]:
    """Names of the distributions that requirements lead to, extras of this package left out."""
    found: set[str] = set()
    waiting = [(Requirement(text), frozenset[str]()) for text in requires]
    while waiting:
        requirement, extras = waiting.pop()
        environments = [{"extra": extra} for extra in extras or {""}]
        if requirement.marker is not None and not any(requirement.marker.evaluate(one) for one in environments):
            continue
        if requirement.name not in found or requirement.extras:
            found.add(requirement.name)
            own = frozenset(requirement.extras)
            waiting += [(Requirement(text), own) for text in metadata.requires(requirement.name) or []]
    return found
