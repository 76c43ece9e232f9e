"""Which parts of the program take the time of the example wave, by cProfile.

    python -m benchmarks.profiles                  the program as it is
    python -m benchmarks.profiles TREE             and as it was in another checkout, side by side

HTML and JSON, loading included, with everything done in turn by one process on one core. cProfile makes calls of
Python functions look dearer than they are, so the shares count and not the seconds. What a built-in function takes is
its caller's.
"""

from __future__ import annotations

import os
import pstats
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path, PurePath

ROOT = Path(__file__).resolve().parents[1]
_FUNCTIONS = 15
"""Functions that are listed."""
_LEAST = 0.05
"""Seconds below which a part stands among the others."""
_DRIVER = """\
import cProfile, os, sys
profile, kept = cProfile.Profile(), sys.argv.pop()
os._exit = sys.exit  # the program ends without tidying up
try:
    profile.enable()
    from qa_reports import cli
    getattr(cli, "program", getattr(cli, "main", None))()  # its name in older checkouts
except SystemExit:
    pass
finally:
    profile.disable()
    profile.dump_stats(kept)
"""

_Key = tuple[str, int, str]


def profile_of(tree: Path) -> dict[_Key, float]:
    """Own seconds of every Python function of a run, with those of the built-in functions it calls."""
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "profile"
        run = [sys.executable, "-c", _DRIVER, str(tree / "configs" / "example.yaml"), "--output", f"{folder}/report"]
        run += ["--formats", "html,json", "--quiet", str(found)]
        # Bytecode is written first: compiling is no work of the program's.
        subprocess.run([sys.executable, "-m", "compileall", "-qq", "qa_reports"], cwd=tree, check=True)
        subprocess.run(
            run,
            cwd=tree,
            env=os.environ | {"PYTHONPATH": str(tree), "OPENBLAS_NUM_THREADS": "1"},
            check=True,
            stdout=subprocess.DEVNULL,
            preexec_fn=lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
        )
        entries = pstats.Stats(str(found)).stats  # type: ignore[attr-defined]  # its types leave it out
    own: dict[_Key, float] = defaultdict(float)
    for key, (_, _, seconds, _, callers) in entries.items():
        if key[0] == "~" and callers:
            for caller, (_, _, part, _) in callers.items():
                own[caller] += part
        else:
            own[key] += seconds
    return own


def part_of(key: _Key) -> str:
    """The package of ours, or the library, that a function belongs to."""
    file, _, name = key
    places = PurePath(file).parts
    if "importlib" in file or name == "<module>":
        return "importing"
    if "qa_reports" in places:
        rest = places[places.index("qa_reports") + 1 :]
        return f"qa_reports/{rest[0]}"
    if "templates" in places:
        return "templates"
    if "site-packages" in places:
        return places[places.index("site-packages") + 1]
    return "Python's library"


def name_of(key: _Key) -> str:
    """A function and where it stands, without a line number, which moves."""
    places = PurePath(key[0]).parts
    start = next((places.index(one) + 1 for one in ("site-packages", "qa_reports", "templates") if one in places), -1)
    return f"{'/'.join(places[start:]) or key[0]}: {key[2]}".replace("|", "\\|")


def table(title: str, columns: list[dict[str, float]], rows: list[str]) -> list[str]:
    """Markdown of the seconds of each row in each column, with their share of all."""
    sums = [sum(column.values()) for column in columns]
    lines = [f"| {title} | " + " | ".join(("before", "now") if len(columns) > 1 else ("now",)) + " |"]
    lines.append("|---|" + "---:|" * len(columns))
    for row in rows:
        cells = (
            f"{column.get(row, 0.0):.2f} s, {column.get(row, 0.0) / total:.0%}"
            for column, total in zip(columns, sums, strict=True)
        )
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return [*lines, "| all | " + " | ".join(f"{total:.1f} s" for total in sums) + " |", ""]


def summed(own: dict[_Key, float], by: Callable[[_Key], str]) -> dict[str, float]:
    """Seconds by what `by` calls each function."""
    sums: dict[str, float] = defaultdict(float)
    for key, seconds in own.items():
        sums[by(key)] += seconds
    return sums


def _few(parts: dict[str, float], some: set[str]) -> dict[str, float]:
    """The parts in `some`, and all others together."""
    return {part: parts.get(part, 0.0) for part in some} | {"others": sum(parts[p] for p in parts.keys() - some)}


def main(trees: list[Path]) -> None:
    """Print both tables."""
    profiles = [profile_of(tree) for tree in trees]
    parts = [summed(own, part_of) for own in profiles]
    some = {part for column in parts for part, seconds in column.items() if seconds >= _LEAST}
    grouped = [_few(column, some) for column in parts]
    print("\n".join(table("part", grouped, sorted(grouped[0], key=lambda part: -grouped[0][part]))))
    functions = [summed(own, name_of) for own in profiles]
    most = {name for one in functions for name in sorted(one, key=lambda name: -one[name])[:_FUNCTIONS]}
    print("\n".join(table("function", functions, sorted(most, key=lambda name: -functions[0].get(name, 0.0)))))


if __name__ == "__main__":
    main([*(Path(one).resolve() for one in sys.argv[1:2]), ROOT])
