"""How several sources of evidence are best combined: false alarms under dependence, and power, by simulation.

`python -m tests.effects.combination_characteristics` writes the table of docs/simulations-flags.md (a minute).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
from scipy import stats

from qa_reports.effects.rules import EXPECTED_WARNINGS, WEIGHT_OF_INDICATORS, WEIGHT_OF_LEVELS, WEIGHT_OF_SPREAD
from qa_reports.effects.sources import combine_sources

SOURCES = ("levels", "spread", "straightlining", "response styles", "duplicates", "speed", "nonresponse", "times")
WEIGHTS = np.array([WEIGHT_OF_LEVELS, WEIGHT_OF_SPREAD, *[WEIGHT_OF_INDICATORS] * 6])
RATE = EXPECTED_WARNINGS / 130
DEPENDENT = {(1, 2): 0.5, (1, 4): 0.5, (2, 3): 0.4, (2, 4): 0.4, (2, 5): 0.3}
"""Correlations of normal scores of sources."""
METHODS = ("Simes", "Cauchy", "harmonic mean", "weighted Fisher (Good)", "Simes with Fisher over the indicators")
_AGREEING = 1.5
"""Weight of Fisher's combination as one more source."""


def statistics(p: np.ndarray) -> np.ndarray:
    """(5, n) of p (n, 8) by each method, small where remarkable."""
    share = WEIGHTS / WEIGHTS.sum()
    fisher = stats.chi2.sf(-2 * np.log(p[:, 2:]).sum(1), 12)
    with_fisher = combine_sources(np.column_stack([p, fisher]), np.append(WEIGHTS, _AGREEING))
    cauchy = stats.cauchy.sf((share * np.tan((0.5 - np.clip(p, 1e-15, 1 - 1e-9)) * np.pi)).sum(1))
    return np.stack(
        [combine_sources(p, WEIGHTS), cauchy, 1 / (share / p).sum(1), (share * np.log(p)).sum(1), with_fisher]
    )


def scores(rng: np.random.Generator, n: int, correlations: dict[tuple[int, int], float]) -> np.ndarray:
    """(n, 8) of normal interviewers."""
    covariance = np.eye(len(SOURCES))
    for (one, other), value in correlations.items():
        covariance[one, other] = covariance[other, one] = value
    return np.asarray(rng.standard_normal((n, len(SOURCES))) @ np.linalg.cholesky(covariance).T)


def table(n: int = 1_000_000, seed: int = 81) -> Iterator[str]:
    """False alarms over nominal, then power; methods without a known distribution are calibrated at independence."""
    rng = np.random.default_rng(seed)
    independent = statistics(stats.norm.sf(scores(rng, n, {})))
    bounds = np.array([RATE, RATE, *np.quantile(independent[2:4], RATE, axis=1), RATE])
    yield "| | " + " | ".join(METHODS) + " |"
    yield "|---" * (len(METHODS) + 1) + "|"

    def row(what: str, z: np.ndarray, over: float) -> str:
        shares = (statistics(stats.norm.sf(z)) < bounds[:, None]).mean(1) / over
        return f"| {what} | " + " | ".join(f"{share:.2f}" for share in shares) + " |"

    yield row("normal, independent sources: rate over nominal", scores(rng, n, {}), RATE)
    yield row("normal, strong dependence", scores(rng, n, DEPENDENT), RATE)
    for what, shift in {
        "levels at z = 4": {0: 4.0},
        "one indicator at z = 4": {5: 4.0},
        "one indicator at z = 3": {5: 3.0},
        "two indicators at z = 3": {2: 3.0, 5: 3.0},
        "three indicators at z = 2.5": {2: 2.5, 5: 2.5, 6: 2.5},
        "levels at 3 and an indicator at 2.5": {0: 3.0, 5: 2.5},
    }.items():
        z = scores(rng, n // 10, {})
        for source, size in shift.items():
            z[:, source] += size
        yield row(f"{what}: found", z, 1.0)


if __name__ == "__main__":
    for line in table():
        sys.stdout.write(f"{line}\n")
