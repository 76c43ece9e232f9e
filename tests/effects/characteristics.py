"""Operating characteristics by seeded simulation: sizes, coverages, calibration. Shared by the slow tests and the docs.

`python -m tests.effects.characteristics > docs/simulations.md` writes the table of docs/methods.md (some minutes).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
from scipy import stats

from qa_reports.effects.inference import boundary_p
from qa_reports.effects.influence import delete_interviewers, two_sided
from qa_reports.effects.intervals import icc_intervals
from qa_reports.effects.mixed_model import fit_mixed_models
from qa_reports.effects.moments import Columns, Moments, compute_moments
from qa_reports.effects.rlrt import exact_restricted_lrt
from tests.effects.simulate import random_intercepts, random_slopes

_BATCH = 50


def _waves(seed: int, waves: int, interviewers: int, icc: float) -> list[Moments]:
    rng = np.random.default_rng(seed)
    counts = [_BATCH] * (waves // _BATCH)
    return [
        compute_moments(
            [random_intercepts(rng, interviewers=interviewers, icc=icc) for _ in range(count)], interviewers
        )
        for count in counts
    ]


def variance_test_sizes(interviewers: int, waves: int, *, exact: bool, seed: int = 41) -> tuple[float, float]:
    """Share of waves without interviewer variance that the mixture and (if asked for) the exact test reject at 5 %."""
    mixture, exact_rejections = [], []
    for moments in _waves(seed, waves, interviewers, 0.0):
        fits = fit_mixed_models(moments, (0,), "REML")
        statistics = 2 * (fits.loglik - fits.loglik_without)
        mixture += [boundary_p(statistic, 1) < 0.05 for statistic in statistics]
        if exact:
            exact_rejections += [test.p < 0.05 for test in exact_restricted_lrt(moments, 0, statistics)]
    return float(np.mean(mixture)), float(np.mean(exact_rejections)) if exact else float("nan")


def slope_test_size(interviewers: int, waves: int, seed: int = 42) -> float:
    """Share of waves without slope variance that the half chi-square(1), half chi-square(2) mixture rejects at 5 %."""
    rng = np.random.default_rng(seed)
    rejected = []
    for _ in range(waves // _BATCH):
        drawn = [random_slopes(rng, interviewers=interviewers, covariance=np.diag([0.7, 0.0])) for _ in range(_BATCH)]
        moments = compute_moments(drawn, interviewers)
        full, reduced = fit_mixed_models(moments, (0, 1), "REML"), fit_mixed_models(moments, (0,), "REML")
        rejected += [boundary_p(statistic, 2) < 0.05 for statistic in 2 * (full.loglik - reduced.loglik)]
    return float(np.mean(rejected))


def icc_coverage(interviewers: int, icc: float, waves: int, seed: int = 43) -> float:
    """Share of 95 % profile intervals that hold the true ICC."""
    covered = []
    for moments in _waves(seed, waves, interviewers, icc):
        bounds = icc_intervals(moments, fit_mixed_models(moments, (0,), "REML"))
        covered.append((bounds[:, 0] <= icc) & (icc <= bounds[:, 1]))
    return float(np.concatenate(covered).mean())


def deletion_tail_ratio(interviewers: int, icc: float, judged: int, seed: int = 44) -> tuple[float, float, int]:
    """P(|z| > 2) and P(|z| > 3) of normal interviewers over nominal, and how many interviewers that rests on."""
    waves = max(_BATCH, judged // interviewers // _BATCH * _BATCH)
    scores = [
        delete_interviewers(moments, (0,), fit_mixed_models(moments, (0,), "REML")).z.ravel()
        for moments in _waves(seed + interviewers, waves, interviewers, icc)
    ]
    z = np.abs(np.concatenate(scores))
    z = z[np.isfinite(z)]
    nominal = 2 * stats.norm.sf([2, 3])
    return float((z > 2).mean() / nominal[0]), float((z > 3).mean() / nominal[1]), len(z)


def satterthwaite_size(interviewers: int, icc: float, waves: int, seed: int = 45) -> float:
    """Share of waves in which an interviewer covariate without effect has p < .05."""
    rng = np.random.default_rng(seed)
    p_values = []
    for _ in range(waves // _BATCH):
        drawn = []
        for _ in range(_BATCH):
            columns = random_intercepts(rng, interviewers=interviewers, icc=icc)
            level2 = rng.normal(size=interviewers)[columns.interviewer]
            drawn.append(Columns(np.column_stack([columns.fixed, level2]), columns.response, columns.interviewer))
        fits = fit_mixed_models(compute_moments(drawn, interviewers), (0,), "REML")
        t = fits.fixed[:, 2] / np.sqrt(fits.fixed_covariance[:, 2, 2])
        p_values.append(two_sided(t, fits.satterthwaite_df[:, 2])[0])
    return float((np.concatenate(p_values) < 0.05).mean())


def page() -> Iterator[str]:
    """The lines of docs/simulations.md."""
    yield ("# Simulated operating characteristics\n")
    yield ("Made by `python -m tests.effects.characteristics`: seeded, workloads 1 to 40, one respondent covariate.\n")
    yield ("| Test at nominal 5 % | interviewers | waves | rejected |\n|---|---|---|---|")
    for interviewers, waves in ((20, 2000), (150, 1000)):
        mixture, exact = variance_test_sizes(interviewers, waves, exact=True)
        yield (f"| intercept variance, mixture p | {interviewers} | {waves:,} | {mixture:.3f} |")
        yield (f"| intercept variance, exact restricted test | {interviewers} | {waves:,} | {exact:.3f} |")
    for interviewers, waves in ((60, 1000), (150, 500)):
        yield (
            f"| slope variance, mixture p | {interviewers} | {waves:,} | {slope_test_size(interviewers, waves):.3f} |"
        )
    for icc in (0.0, 0.05, 0.15):
        size = satterthwaite_size(15, icc, 4000)
        yield (f"| interviewer covariate, Satterthwaite t, ICC {icc:.2f} | 15 | 4,000 | {size:.3f} |")
    yield ("\n| Coverage of the 95 % ICC interval | ICC | waves | covered |\n|---|---|---|---|")
    for interviewers in (20, 150):
        for icc in (0.0, 0.02, 0.05, 0.15):
            yield (f"| {interviewers} interviewers | {icc:.2f} | 3,000 | {icc_coverage(interviewers, icc, 3000):.3f} |")
    yield ("\n| Deletion z of normal interviewers | ICC | judged | P(abs z > 2) / nominal | P(abs z > 3) / nominal |")
    yield ("|---|---|---|---|---|")
    for interviewers in (5, 20, 150):
        for icc in (0.0, 0.05, 0.15):
            two, three, judged = deletion_tail_ratio(interviewers, icc, 60_000)
            yield (f"| {interviewers} interviewers | {icc:.2f} | {judged:,} | {two:.2f} | {three:.2f} |")


if __name__ == "__main__":
    for line in page():
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
