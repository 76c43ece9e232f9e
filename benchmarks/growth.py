"""How the cost of a report grows with interviews, interviewers and items, step by step.

    python -m benchmarks.growth                       every size, some twenty minutes; writes docs/growth.svg
    python -m benchmarks.growth --one 20000 1000 22   one size, as a line of JSON

Each size is a simulated wave (`benchmarks/waves.py`), reported on (HTML and JSON) by a process of its own without a
second core: processor seconds of each step, peak memory, and the size of the files. Waves of 300,000 interviews and
more are Parquet files, and where the program leaves one to DuckDB its marks are hollow. The exponent of a step is the
slope of log seconds on log size over the upper half of the sizes in memory, or by DuckDB: 1 is linear, 0 does not
depend on it; in the plot that of the largest sizes. Second opinions, exact tests and intervals, which flags do not wait
for, count to the report.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.waves import WavePlan, write_wave

ROOT = Path(__file__).resolve().parents[1]
STEPS = ("load", "clean", "estimate", "flag", "report")
_APART = 1.5
"""Ratio of seconds between words in the plot."""
WORKLOAD = 10
"""Interviews per interviewer where the number of interviewers grows."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One direction of growth."""

    name: str
    plans: tuple[WavePlan, ...]

    def size(self, plan: WavePlan) -> int:
        """What grows."""
        return int(getattr(plan, self.name))


AXES = (
    Axis(
        "interviews",
        tuple(WavePlan(n, 100, 22) for n in (1_000, 3_000, 10_000, 30_000, 100_000, 1_000_000, 10_000_000)),
    ),
    Axis(
        "interviewers",
        tuple(WavePlan(WORKLOAD * j, j, 22) for j in (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)),
    ),
    Axis("items", tuple(WavePlan(2_000, 100, k) for k in (22, 50, 100, 200))),
)
_QUICK = 500_000
"""Answers of a wave that takes seconds."""
_PARQUET = 300_000
"""Interviews from which a wave comes as Parquet."""

Measured = dict[str, float]
"""Processor seconds of every step, `peak_mb`, `html_mb` and `json_mb`, and whether an `engine` did it (1 or 0)."""


class _Clock:
    """Progress that keeps the processor seconds of each step."""

    def __init__(self) -> None:
        self.seconds: Measured = {}
        self._began = 0.0

    def begin(self, step: str) -> None:
        """Start the step's clock."""
        self._began = time.process_time()

    def end(self, step: str, result: str) -> None:
        """Keep its time."""
        self.seconds[step] = time.process_time() - self._began

    def note(self, text: str) -> None:
        """Notes do not matter here."""

    def detail(self, text: str) -> None:
        """Details do not matter here."""


def measure_here(plan: WavePlan) -> Measured:
    """Report on a wave in this process."""
    from qa_reports.config.loading import read_config
    from qa_reports.engine.tables import wants_engine
    from qa_reports.pipeline import make_report

    clock = _Clock()
    with tempfile.TemporaryDirectory() as folder:
        config = write_wave(Path(folder), plan, form="parquet" if plan.interviews >= _PARQUET else "csv")
        output = Path(folder) / "report"
        make_report(read_config(config), output, ("html", "json"), clock, alone=False)
        sizes = {f"{path.suffix[1:]}_mb": path.stat().st_size / 1e6 for path in output.iterdir()}
        engine = wants_engine(read_config(config).config, config.parent)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    steps = {step: clock.seconds[step] for step in STEPS}
    return steps | {"peak_mb": peak / 1024, "engine": float(engine)} | sizes


def measure(plan: WavePlan) -> Measured:
    """Report on a wave in a process of its own."""
    sizes = map(str, (plan.interviews, plan.interviewers, plan.items))
    command = [sys.executable, "-m", "benchmarks.growth", "--one", *sizes]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(ended.stdout)


def exponent(sizes: list[int], values: list[float]) -> float:
    """Slope of log value on log size over the upper half of the sizes, two at least."""
    half = max(0, min(len(sizes) // 2, len(sizes) - 2))
    return float(np.polyfit(np.log(sizes[half:]), np.log(np.maximum(values[half:], 1e-3)), 1)[0])


def alike(rows: list[Measured]) -> list[tuple[str, list[int]]]:
    """What was done in memory, and what by DuckDB: its name and places, which follow each other."""
    names = ["DuckDB" if row["engine"] else "memory" for row in rows]
    return [(name, [k for k, one in enumerate(names) if one == name]) for name in dict.fromkeys(names)]


def table(axis: Axis, plans: list[WavePlan], rows: list[Measured]) -> list[str]:
    """The axis as Markdown."""
    lines = [
        f"| {axis.name} | in | "
        + " | ".join(f"{step}, s" for step in STEPS)
        + " | all, s | peak, MB | HTML, MB | JSON, MB |"
    ]
    lines.append("|---:|---|" + "---:|" * (len(STEPS) + 4))
    for plan, row in zip(plans, rows, strict=True):
        seconds = [row[step] for step in STEPS]
        cells = [f"{axis.size(plan):,}", "DuckDB" if row["engine"] else "memory"]
        cells += [f"{one:.2f}" for one in (*seconds, sum(seconds))]
        lines.append(
            "| " + " | ".join([*cells, *(f"{row[name]:,.1f}" for name in ("peak_mb", "html_mb", "json_mb"))]) + " |"
        )
    for where, places in alike(rows):
        sizes = [axis.size(plans[k]) for k in places]
        some = [rows[k] for k in places]
        columns = [[row[step] for row in some] for step in STEPS]
        columns.append([sum(row[step] for step in STEPS) for row in some])
        columns += [[row[name] for row in some] for name in ("peak_mb", "html_mb", "json_mb")]
        if len(some) > 1:
            slopes = " | ".join(f"{exponent(sizes, column):.2f}" for column in columns)
            lines.append(f"| exponent | {where} | {slopes} |")
    return lines


def draw(measured: list[tuple[Axis, list[WavePlan], list[Measured]]], path: Path) -> None:
    """Three panels on logarithmic scales, one line per step."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams |= {"svg.hashsalt": "growth", "font.size": 8, "svg.fonttype": "none"}
    from matplotlib import pyplot as plt
    from matplotlib.ticker import EngFormatter

    figure, panels = plt.subplots(1, len(measured), figsize=(9.5, 3.4), sharey=True, layout="constrained")
    for panel, (axis, plans, rows) in zip(panels, measured, strict=True):
        sizes = [axis.size(plan) for plan in plans]
        below = 0.0
        for step in sorted(STEPS, key=lambda step: rows[-1][step]):
            values = [max(row[step], 1e-3) for row in rows]
            colour = f"C{STEPS.index(step)}"
            for _, places in alike(rows):
                panel.plot([sizes[k] for k in places], [values[k] for k in places], linewidth=1.2, color=colour)
            faces = ["white" if row["engine"] else colour for row in rows]
            panel.scatter(sizes, values, s=12, facecolors=faces, edgecolors=colour, zorder=3)
            below = max(values[-1], _APART * below)  # no word upon another
            of_last = alike(rows)[-1][1]
            last = of_last if len(of_last) > 1 else list(range(len(rows)))
            words = f"  {step} ({exponent([sizes[k] for k in last], [values[k] for k in last]):.1f})"
            panel.annotate(words, (sizes[-1], below), va="center", color=colour)
        panel.set(xscale="log", yscale="log", xlabel=axis.name)
        panel.set_xlim(sizes[0] / 1.3, sizes[-1] * (sizes[-1] / sizes[0]) ** 0.6)  # room for the words on the right
        round_ones = [size for size in sizes if np.log10(size).is_integer()]
        panel.set_xticks(round_ones if len(round_ones) > 2 else sizes)
        panel.xaxis.set_major_formatter(EngFormatter(sep=""))
        panel.minorticks_off()
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("processor seconds")
    if any(row["engine"] for _, _, rows in measured for row in rows):
        panels[0].plot([], [], "o", markersize=3.5, markerfacecolor="white", color="0.4", label="by DuckDB")
        panels[0].legend(loc="upper left", frameon=False)
    figure.savefig(path, metadata={"Date": None})


def run(smallest: bool = False) -> list[str]:
    """Measure every axis, draw the plot, and return the tables as lines of Markdown.

    `smallest` leaves out what takes more than seconds.
    """
    lines: list[str] = []
    measured = []
    for axis in AXES:
        plans = [plan for plan in axis.plans if not smallest or plan.interviews * plan.items < _QUICK]
        done, rows = [], []
        for plan in plans:
            try:
                rows.append(measure(plan))
            except subprocess.CalledProcessError as error:
                lines += [
                    f"- {axis.size(plan):,} {axis.name} are left out: the report ended with {error.returncode}.",
                    "",
                ]
                continue
            done.append(plan)
            print(f"{axis.name} {axis.size(plan):,}: {json.dumps(rows[-1])}", file=sys.stderr, flush=True)
        measured.append((axis, done, rows))
        lines += [*table(axis, done, rows), ""]
    draw(measured, ROOT / "docs" / "growth.svg")
    return lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="How the cost of a report grows.")
    parser.add_argument("--one", type=int, nargs=3, metavar=("INTERVIEWS", "INTERVIEWERS", "ITEMS"))
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure_here(WavePlan(*given.one))))
    else:
        print("\n".join(run()))
