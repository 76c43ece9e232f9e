"""What somebody would run instead of this program, on the example wave.

    python -m benchmarks.peers

A profile of the table by ydata-profiling, installed into an environment of its own that is kept for the next time
(`.venv/ydata-profiling`, for it takes long to install); and an R script
that fits lme4's models to the 22 items, with conditional standard deviations and profile intervals (`report.R`), and
tells neither whom to call nor why.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from benchmarks.whole import ROOT, timed_command

WAVE = ROOT / "configs" / "example_wave.csv"
PROFILER = ROOT / ".venv" / "ydata-profiling"
PATIENCE = 1200
"""Seconds that pip is given."""
PROFILE = """
import sys
import pandas as pd
from ydata_profiling import ProfileReport
ProfileReport(pd.read_csv(sys.argv[1]), title="wave", progress_bar=False).to_file(sys.argv[2])
"""


def ydata_profiling() -> str:
    """A row of the table, or why there is none."""
    python = str(PROFILER / "bin" / "python")
    show = [python, "-m", "pip", "list", "--format", "freeze", "--disable-pip-version-check"]
    if not PROFILER.exists():
        venv.create(PROFILER, with_pip=True)
        # setuptools below 81 still has pkg_resources, which the package imports.
        install = [python, "-m", "pip", "install", "-qq", "ydata-profiling", "setuptools<81"]
        try:
            done = subprocess.run(install, check=False, capture_output=True, timeout=PATIENCE).returncode == 0
        except subprocess.TimeoutExpired:
            done = False
        if not done:
            shutil.rmtree(PROFILER)
            return f"ydata-profiling is left out: pip could not install it in {PATIENCE} s"
    listed = subprocess.run(show, check=True, capture_output=True, text=True).stdout.splitlines()
    version = next(line.partition("==")[2] for line in listed if line.startswith("ydata-profiling=="))
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "profile.html"
        try:
            run = timed_command([python, "-c", PROFILE, str(WAVE), str(page)])
        except RuntimeError:
            return f"ydata-profiling {version} is left out: it ended with an error"
        return _row(f"ydata-profiling {version}", run.wall, run.processor, run.peak_mb, page.stat().st_size / 1e6)


def lme4() -> str:
    """A row of the table, or why there is none."""
    if shutil.which("Rscript") is None:
        return "R is left out: Rscript is missing (scripts/setup bench installs it)"
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "effects.csv"
        script = str(Path(__file__).with_name("report.R"))
        try:
            run = timed_command(["Rscript", script, str(WAVE), str(page)])
        except RuntimeError:
            return "R is left out: lme4 is missing or ended with an error (scripts/setup bench installs it)"
        command = ["Rscript", "-e", "cat(as.character(packageVersion('lme4')))"]
        version = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        name = f"R script with lme4 {version}: null and adjusted models, profiles, a CSV"
        return _row(name, run.wall, run.processor, run.peak_mb, page.stat().st_size / 1e6)


def table(profiling: bool = True) -> list[str]:
    """The peers as Markdown; what is left out is said below."""
    rows = [lme4(), *([ydata_profiling()] if profiling else [])]
    head = ["| instead of it | wall, s | processor, s | peak memory, MB | result, MB |", "|---|---:|---:|---:|---:|"]
    return [*head, *(row for row in rows if row[0] == "|"), "", *(row for row in rows if row[0] != "|")]


def _row(name: str, wall: float, processor: float, peak: float, size: float) -> str:
    return f"| {name} | {wall:.1f} | {processor:.1f} | {peak:.0f} | {size:.1f} |"


if __name__ == "__main__":
    sys.stdout.write("\n".join(table()) + "\n")
