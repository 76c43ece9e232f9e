"""The whole program on the example wave, each time as a command of its own: wall and processor seconds, peak memory.

    python -m benchmarks.whole [runs]

Seconds say little where machines differ by a factor of two. So in turn with the program's runs a yardstick is taken:
a process that does nothing but load the libraries somebody would write such a report with. What a run takes in that
unit can be compared between machines.
"""

from __future__ import annotations

import compileall
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "configs" / "example.yaml"
WAYS = {"everything: HTML, PDF, JSON, Excel": "html,pdf,json,xlsx", "HTML and JSON": "html,json"}
GOALS = (
    "The goals (everything in 5 s and HTML and JSON in 2.5 s, 6 and 3 acceptable) were set on a machine that loads "
    "these libraries in 1.9 s: they are 2.6 and 1.3 yardsticks, 3.2 and 1.6 acceptable. There ydata-profiling took "
    "46 s for the example wave, and lme4 0.36 s for its 22 null models: see below what they take here."
)
YARDSTICK = "only loading the usual libraries"
USUAL = "import numpy, pandas, scipy.stats, statsmodels.formula.api, matplotlib.pyplot, weasyprint, jinja2, yaml"


@dataclass(frozen=True, slots=True)
class Run:
    """What a command took."""

    wall: float
    """Seconds."""
    processor: float
    """Seconds of all its processes."""
    peak_mb: float
    """Of its largest process."""


def timed_command(command: Sequence[str]) -> Run:
    """Run a command to its end, which is to be a good one."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    began = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return Run(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def spread(values: Sequence[float], decimals: int = 1) -> str:
    """Median and range, e.g. `6.1 (5.9-6.4)`."""
    return f"{median(values):.{decimals}f} ({min(values):.{decimals}f}-{max(values):.{decimals}f})"


def measure(runs: int) -> dict[str, list[Run]]:
    """Every way in turn, `runs` times: what else the machine does falls on all alike."""
    # As installing it does, also where Python is told to write no bytecode.
    compileall.compile_dir(ROOT / "qa_reports", quiet=2)
    program = (sys.executable, "-c", "from qa_reports.cli import program; program()", str(EXAMPLE))
    with tempfile.TemporaryDirectory() as folder:
        commands = {way: (*program, "--output", folder, "--formats", formats) for way, formats in WAYS.items()}
        commands[YARDSTICK] = (sys.executable, "-c", USUAL)
        measured: dict[str, list[Run]] = {way: [] for way in commands}
        for _ in range(runs):
            for way, command in commands.items():
                measured[way].append(timed_command(command))
    return measured


def table(measured: dict[str, list[Run]]) -> list[str]:
    """Median and range as Markdown; in the last column wall time in units of the yardstick taken beside each run."""
    head = "| example wave, 22 items | wall, s | processor, s | peak memory, MB | wall, in yardsticks |"
    lines = [head, "|---|---:|---:|---:|---:|"]
    for way, runs in measured.items():
        wall, processor = spread([run.wall for run in runs]), spread([run.processor for run in runs])
        units = spread([run.wall / unit.wall for run, unit in zip(runs, measured[YARDSTICK], strict=True)])
        memory = median(run.peak_mb for run in runs)
        lines.append(f"| {way} | {wall} | {processor} | {memory:.0f} | {'1' if way == YARDSTICK else units} |")
    return lines


if __name__ == "__main__":
    print("\n".join(table(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 5))))
