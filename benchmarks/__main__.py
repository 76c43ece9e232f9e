"""Every figure about speed, in one command: writes docs/performance.md and the short table in the README.

    python -m benchmarks            about three quarters of an hour, and longer the first time, to install a peer
    python -m benchmarks --quick    about two: fewer runs and sizes, nothing installed
    python -m benchmarks --only "The whole program"    one part of the page anew

What cannot be measured here (no R, no Spark) is left out, with a word why.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import growth, peers, whole

ROOT = Path(__file__).resolve().parents[1]
PAGE, README = ROOT / "docs" / "performance.md", ROOT / "README.md"
BEGIN, END = "<!-- measured by `make bench` -->", "<!-- end -->"
LIBRARIES = ("numpy", "scipy", "pandas", "statsmodels", "matplotlib", "weasyprint")
SCRIPTS = {
    "Linear models beside lme4 and statsmodels": ("kernel.py",),
    "Logistic and ordinal models beside R": ("categorical.py",),
    "Interviewers and areas as crossed effects": ("crossed.py",),
    "Near-duplicates": ("duplicates.py", "10000", "100"),
    "Opening the page": ("page.py",),
    "Linear models as interviewers grow": ("interviewers.py", "100", "1000", "10000", "100000"),
    "Linear models as interviews grow": ("interviewers.py", "interviews", "1e3", "1e4", "1e5", "1e6", "1e7"),
}
"""Benchmarks that print their own tables or lines."""
LONG = {
    "The crossed effects by lme4": ("crossed.R",),
    "Many surveys in one command": ("several.py",),
    "Ten million interviews": ("nation.py",),
    "Ten million interviews as text": ("nation.py", "", "1e7", "1e3", "csv"),
}
GROWTH = "Processor seconds of each step against interviews, interviewers and items"
_TIMEOUT = 900
"""Seconds after which a benchmark is given up."""


def machine() -> list[str]:
    """What it was measured on."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)
    load = os.getloadavg()[0]
    cores = len(os.sched_getaffinity(0))
    busy = " (the machine was busy with other work: judge processor seconds and ratios only)" if load > 1 else ""
    return [
        f"Measured on {cores} cores of {_processor()}, Python {platform.python_version()}{_built()}; {versions}.",
        f"Load when it began: {load:.1f}{busy}. Where a range stands in brackets, it is of several runs.",
    ]


def _built() -> str:
    """Distributions compile Python with its profile; without, all takes a quarter longer."""
    return " as the distribution compiles it" if sys.base_prefix == "/usr" else ""


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.machine()
    found = re.search(r"model name\s*: (.+)", text)
    return found.group(1).strip() if found else platform.machine()


def by_script(name: str, *arguments: str) -> list[str]:
    """What a benchmark prints: tables as they are, other lines as a list."""
    if not (ROOT / "benchmarks" / name).exists():
        return [f"Left out: there is no benchmarks/{name}."]
    if name.endswith(".R"):
        if shutil.which("Rscript") is None:
            return ["Left out: Rscript is missing (scripts/setup bench installs it)."]
        command = ["Rscript", str(ROOT / "benchmarks" / name), *arguments]
    else:
        command = [sys.executable, "-m", f"benchmarks.{name.removesuffix('.py')}", *arguments]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True, timeout=_TIMEOUT
    )
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        return [f"Left out: benchmarks/{name} ended with {done.returncode} ({last[0]})."]
    lines = done.stdout.strip().splitlines()
    words = [line for line in done.stderr.strip().splitlines() if "is left out" in line]
    return [line if line.startswith("|") else f"- {line}" for line in (*lines, *words)]


def section(title: str, work: Callable[[], list[str]]) -> list[str]:
    """A part of the page; one that fails does not take the others with it."""
    print(f"{title} ...", file=sys.stderr, flush=True)
    try:
        lines = work()
    except Exception as error:
        traceback.print_exc()
        lines = [f"Left out: {type(error).__name__}: {error}."]
    return [f"## {title}", "", *lines, ""]


def main(quick: bool, only: str | None = None) -> None:
    """Measure, write after every part, so that an interrupted run keeps what it has measured, and say where.

    `only` measures one part anew and leaves the rest of the page as it is.
    """
    about = machine()
    measured: dict[str, list[whole.Run]] = {}
    page = ["# Performance", "", "Written by `make bench`; every benchmark stands in `benchmarks/`.", "", *about, ""]

    def example() -> list[str]:
        measured.update(whole.measure(2 if quick else 7))
        _put_into_readme(["", *whole.table(measured), "", *about, ""])
        return [*whole.table(measured), "", whole.GOALS]

    parts: dict[str, Callable[[], list[str]]] = {
        "The whole program": example,
        "What one would run instead": partial(peers.table, profiling=not quick),
    }
    for title, (name, *arguments) in (SCRIPTS if quick else SCRIPTS | LONG).items():
        parts[title] = partial(by_script, name, *arguments)
    parts["Growth"] = lambda: [f"![{GROWTH}](growth.svg)", "", *growth.run(smallest=quick)]
    if only is not None:
        if only not in parts:
            raise SystemExit(f"--only: there is no part '{only}'; it should be one of: {', '.join(parts)}")
        text, again = PAGE.read_text(encoding="utf-8"), "\n".join(section(only, parts[only])).rstrip()
        PAGE.write_text(with_section(text, only, again), encoding="utf-8")
        return
    for title, work in parts.items():
        page += section(title, work)
        PAGE.write_text("\n".join(page).rstrip() + "\n", encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)} and {README.name} are written")


def with_section(page: str, title: str, section: str) -> str:
    """The page with another text under a heading."""
    before, after = page.split(f"## {title}\n")
    rest = after.split("\n## ", 1)
    return f"{before}{section}\n" + (f"\n## {rest[1]}" if len(rest) > 1 else "")


def _put_into_readme(lines: list[str]) -> None:
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    README.write_text(f"{before}{BEGIN}\n{chr(10).join(lines)}\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Every figure about speed, in one command.")
    parser.add_argument("--quick", action="store_true", help="fewer runs and sizes, nothing installed")
    parser.add_argument("--only", metavar="PART", help="measure one part of the page anew, by its heading")
    told = parser.parse_args()
    main(told.quick, told.only)
