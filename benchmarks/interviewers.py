"""How the cost of linear models grows with interviewers or interviews, without the report around them.

    python -m benchmarks.interviewers                        100 to 100,000 interviewers, some minutes
    python -m benchmarks.interviewers 100 1000               these numbers of interviewers
    python -m benchmarks.interviewers interviews 1e3 1e6     so many interviews of 100 interviewers

Answers are drawn with half to one and a half times the mean number of interviews per interviewer (10 where interviewers
grow) and an intraclass correlation of .05. Processor milliseconds per item, the best of some runs; the exponent is the
slope of log time on log number over the upper half of the sizes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np

from benchmarks.growth import exponent
from qa_reports.effects.inference import expected_ranks
from qa_reports.effects.influence import delete_interviewers
from qa_reports.effects.intervals import icc_intervals, single_term_intervals
from qa_reports.effects.mixed_model import fit_mixed_models
from qa_reports.effects.moments import Columns, compute_moments
from qa_reports.effects.rlrt import exact_restricted_lrt

SIZES = (100, 1_000, 10_000, 100_000)
ITEMS = 4
_RUNS = 3
_FEW = 100
"""Interviewers where interviews grow."""


def drawn(interviewers: int, seed: int, workload: int = 10) -> Columns:
    """One item with two respondent covariates; half the workload at least, and half as much again at most."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(interviewers), rng.integers(workload // 2, 1 + 3 * workload // 2, interviewers))
    covariates = rng.normal(size=(len(group), 2))
    effect = rng.normal(0, np.sqrt(0.05), interviewers)[group]
    answers = np.round(5 + 2 * (effect + covariates @ [0.2, -0.1] + rng.normal(0, np.sqrt(0.95), len(group))))
    return Columns(np.column_stack([np.ones(len(group)), covariates]), answers, group)


def with_slopes(one: Columns, seed: int) -> Columns:
    """The same item with an effect of the first covariate that differs between interviewers."""
    own = np.random.default_rng([seed, 1]).normal(0, 0.5, int(one.interviewer.max()) + 1)
    return Columns(one.fixed[:, :2], one.response + own[one.interviewer] * one.fixed[:, 1], one.interviewer)


def best(work: Callable[[], object]) -> float:
    """Milliseconds per item."""
    seconds = []
    for _ in range(_RUNS):
        begin = time.process_time()
        work()
        seconds.append(time.process_time() - begin)
    return 1e3 * min(seconds) / ITEMS


def measure(interviewers: int, workload: int = 10) -> dict[str, float]:
    """Milliseconds per item of every step."""
    adjusted = [drawn(interviewers, seed, workload) for seed in range(ITEMS)]
    null = [Columns(one.fixed[:, :1], one.response, one.interviewer) for one in adjusted]
    slopes = [with_slopes(one, seed) for seed, one in enumerate(adjusted)]
    of_null, of_adjusted, of_slopes = (compute_moments(columns, interviewers) for columns in (null, adjusted, slopes))
    fits = fit_mixed_models(of_null, (0,), "REML")
    fits_slopes = fit_mixed_models(of_slopes, (0, 1), "REML")
    statistics = 2 * (fits.loglik - fits.loglik_without)
    return {
        "moments": best(lambda: compute_moments(adjusted, interviewers)),
        "null": best(lambda: fit_mixed_models(of_null, (0,), "REML")),
        "adjusted": best(lambda: fit_mixed_models(of_adjusted, (0,), "REML")),
        "slopes": best(lambda: fit_mixed_models(of_slopes, (0, 1), "REML")),
        "each left out": best(lambda: delete_interviewers(of_null, (0,), fits)),
        "each left out of slopes": best(lambda: delete_interviewers(of_slopes, (0, 1), fits_slopes)),
        "intervals": best(lambda: (icc_intervals(of_null, fits), single_term_intervals(of_null, 0, fits))),
        "expected ranks": best(lambda: [expected_ranks(fits.eblup[f], fits.conditional_sd[f]) for f in range(ITEMS)]),
        "exact test": best(lambda: exact_restricted_lrt(of_null, 0, statistics)),
    }


def table(sizes: list[int], rows: list[dict[str, float]]) -> list[str]:
    """As Markdown, one row per step."""
    lines = [
        "| ms per item | " + " | ".join(f"{size:,}" for size in sizes) + " | exponent |",
        "|---|" + "---:|" * (len(sizes) + 1),
    ]
    for step in rows[0]:
        values = [row[step] for row in rows]
        slope = f"{exponent(sizes, values):.2f}" if len(sizes) > 1 else ""
        lines.append(f"| {step} | " + " | ".join([*(f"{value:,.2f}" for value in values), slope]) + " |")
    return lines


def main(interviews: bool, sizes: list[int]) -> None:
    """Print the table."""
    rows = []
    for size in sizes:
        rows.append(measure(_FEW, size // _FEW) if interviews else measure(size))
        print(f"{size:,}: {rows[-1]}", file=sys.stderr, flush=True)
    print("\n".join(table(sizes, rows)))


if __name__ == "__main__":
    told = sys.argv[1:]
    by_interviews = told[:1] == ["interviews"]
    main(by_interviews, [int(float(size)) for size in told[by_interviews:]] or list(SIZES))
