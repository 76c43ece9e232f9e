"""Time of 22 models with crossed random intercepts for interviewers and areas; `crossed.R` beside this does the same.

    python benchmarks/crossed.py            # the example wave: 150 interviewers, 258 areas
    QA_SHARED_DATA=... python benchmarks/crossed.py ess11_de psu

Prints the seconds of one warm run: from columns in memory to variances, standard errors and both tests.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from qa_reports.effects.crossed_model import fit_crossed
from qa_reports.effects.moments import Columns

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("QA_SHARED_DATA", ROOT.parent / "shared" / "data"))


def read(source: str) -> tuple[pd.DataFrame, list[str]]:
    """The wave and the names of its items."""
    if source == "example":
        wave = pd.read_csv(ROOT / "configs" / "example_wave.csv", low_memory=False)
        return wave, list(wave.columns[9:])
    main, interviewer = (pd.read_csv(SHARED / source / f"{source}_{part}.csv") for part in ("main", "interviewer"))
    wave = main.merge(interviewer, on=["cntry", "idno"])
    items = [name for name in ("trstprl", "trstlgl", "trstplc", "trstplt", "trstprt", "imbgeco") if name in wave]
    return wave, (items * 4)[:22]


def main(source: str = "example", area: str = "area") -> None:
    """Fit all items twice and print the time of the second run."""
    wave, items = read(source)
    interviewer, level = (pd.factorize(wave[name])[0].astype(np.int64) for name in ("intnum", area))
    columns, second = [], []
    for item in items:
        answers = pd.to_numeric(wave[item], errors="coerce").to_numpy(float)
        top = 10 if np.nanmax(answers) > 20 else 6
        rows = (answers >= 0) & (answers <= top)
        columns.append(Columns(np.ones((int(rows.sum()), 1)), answers[rows], interviewer[rows]))
        second.append(level[rows])
    levels = int(interviewer.max()) + 1, int(level.max()) + 1
    for _ in range(2):
        begin = time.perf_counter()
        fit_crossed(columns, second, levels)
        seconds = time.perf_counter() - begin
    print(f"{source} {area}: {len(items)} models, {levels[0]} x {levels[1]} levels, {seconds:.2f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
