"""How long near-duplicates take, and in how much memory: `python benchmarks/duplicates.py [interviews] [items]`."""

from __future__ import annotations

import resource
import sys
import time

import numpy as np

from qa_reports.indicators.duplicates import find_duplicates

_WORKLOAD = 50


def measure(interviews: int, items: int) -> str:
    """One line for docs/indicators.md, for 0-10 answers with 2 % missing."""
    rng = np.random.default_rng(1)
    tendency = 0.6 * rng.normal(size=(interviews, 1))
    answers = np.clip(np.rint(5 + 2.2 * (tendency + rng.normal(size=(interviews, items)))), 0, 10)
    answers[rng.random(answers.shape) < 0.02] = np.nan
    interviewers = -(-interviews // _WORKLOAD)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    find_duplicates(answers, np.arange(interviews) // _WORKLOAD, interviewers, 10)
    seconds = time.process_time() - start
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return f"{interviews:,} interviews x {items} items: {seconds:.1f} s of one core, {more:.0f} MB beside the answers"


if __name__ == "__main__":
    size, width = (int(argument) for argument in (sys.argv[1:] + ["50000", "100"][len(sys.argv) - 1 :]))
    sys.stdout.write(measure(size, width) + "\n")
