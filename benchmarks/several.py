"""Many surveys in one command, as after a round of fieldwork in 30 countries: seconds in all and for each.

    python -m benchmarks.several [surveys]

Every survey is the example wave under another name, HTML and JSON. In turn with it one survey is done alone, as often
as it takes to see what runs scatter by.
"""

from __future__ import annotations

import compileall
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.whole import EXAMPLE, ROOT, timed_command

ALONE = 3
"""Runs of one survey by itself."""
PROGRAM = (sys.executable, "-c", "from qa_reports.cli import program; program()")


def write_surveys(folder: Path, surveys: int) -> list[str]:
    """As many configurations in `folder`, which hold the same data."""
    for data in EXAMPLE.parent.glob("example_*.csv"):
        shutil.copy(data, folder)
    text, named = EXAMPLE.read_text(encoding="utf-8"), "country: Belgium"
    if named not in text:
        raise ValueError(f"{EXAMPLE.name} does not say '{named}' any more")
    paths = [folder / f"survey{number:02}.yaml" for number in range(1, surveys + 1)]
    for number, path in enumerate(paths, start=1):
        path.write_text(text.replace(named, f"country: Country {number}"), encoding="utf-8")
    return [str(path) for path in paths]


def main(surveys: int) -> None:
    """Print one line for all together and one for a survey alone."""
    compileall.compile_dir(ROOT / "qa_reports", quiet=2)
    with tempfile.TemporaryDirectory() as name:
        paths = write_surveys(Path(name), surveys)
        output = ("--output", f"{name}/reports", "--formats", "html,json")
        alone = [timed_command((*PROGRAM, paths[0], *output)) for _ in range(ALONE)]
        together = timed_command((*PROGRAM, *paths, *output))
    wall, used = median(run.wall for run in alone), median(run.processor for run in alone)
    print(
        f"{surveys} surveys in one command: {together.wall:.0f} s, {together.wall / surveys:.1f} s and "
        f"{together.processor / surveys:.1f} s of processor for each; largest process {together.peak_mb:.0f} MB"
    )
    print(f"one alone: {wall:.1f} s, {used:.1f} s of processor (median of {ALONE})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
