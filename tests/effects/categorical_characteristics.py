"""Operating characteristics of the categorical models by seeded simulation, for the slow tests and the docs.

`python -m tests.effects.categorical_characteristics` prints the part of docs/simulations.md on categorical models
(some minutes).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np

from qa_reports.effects.categorical import CategoricalFit, fit_categorical_models
from qa_reports.effects.categorical_columns import CategoricalColumns, number_categories
from qa_reports.effects.mixed_model import fit_mixed_models
from qa_reports.effects.moments import Columns, compute_moments
from qa_reports.effects.predictive import predictive_tails

SHARES = {
    "count, 45 % zeros": (0.45, 0.2, 0.12, 0.08, 0.06, 0.04, 0.03, 0.02),
    "5 categories, 88 % in one": (0.88, 0.06, 0.03, 0.02, 0.01),
    "rare event, 3 %": (0.97, 0.03),
}
ICC_SHARES = {
    "2 categories, 50 %": (0.5, 0.5),
    "2 categories, 10 %": (0.9, 0.1),
    "3 even": (1 / 3, 1 / 3, 1 / 3),
    "4 even": (0.25, 0.25, 0.25, 0.25),
    "4 skewed": (0.7, 0.2, 0.07, 0.03),
    "5 even": (0.2, 0.2, 0.2, 0.2, 0.2),
    "5 skewed": (0.5, 0.3, 0.12, 0.05, 0.03),
}
_NOMINAL = {3: 0.0027, 4: 6.33e-5}


def workloads(rng: np.random.Generator, interviewers: int) -> np.ndarray:
    """(n,) the interviewer of every interview: 5 to about 40 interviews each, 11 or 12 on average."""
    size = np.maximum(5, rng.negative_binomial(4, 4 / 15.35, interviewers))
    return np.repeat(np.arange(interviewers), size)


def answers(rng: np.random.Generator, group: np.ndarray, shares: tuple[float, ...], sd: float) -> np.ndarray:
    """(n,) categories of a cumulative logit model whose marginal shares are about `shares`."""
    below = np.cumsum(shares)[:-1]
    # A normal effect of variance v flattens the logistic curve by about sqrt(1 + .346 v) (Zeger, Liang & Albert 1988).
    cuts = np.log(below / (1 - below)) * np.sqrt(1 + 0.346 * sd**2)
    effect = rng.normal(0, sd, group.max() + 1)[group]
    return np.digitize(effect + rng.logistic(size=group.size), cuts)


def tail_ratios(
    name: str, interviewers: int, judged: int, sd: float = 0.42, seed: int = 61
) -> tuple[float, float, int]:
    """P(|z| > 3) and P(|z| > 4) of normal interviewers over nominal, and how many were judged (latent ICC .05)."""
    rng, found, count = np.random.default_rng(seed), [], 0
    while count < judged:
        group = workloads(rng, interviewers)
        scores, category = number_categories(answers(rng, group, SHARES[name], sd).astype(float))
        columns = CategoricalColumns(np.empty((group.size, 0)), category, group)
        fit = fit_categorical_models([columns], interviewers)[0]
        if not isinstance(fit, CategoricalFit):
            continue
        z = predictive_tails(columns, fit, scores, interviewers).z
        found.append(z[np.isfinite(z)])
        count += found[-1].size
    z = np.abs(np.concatenate(found))
    return float((z > 3).mean() / _NOMINAL[3]), float((z > 4).mean() / _NOMINAL[4]), count


def icc_estimates(name: str, waves: int, icc: float = 0.1, seed: int = 62) -> tuple[float, float, float]:
    """Mean and sd of the ordinal (latent) ICC and mean of the linear ICC; 150 interviewers, true latent ICC `icc`."""
    rng = np.random.default_rng(seed)
    sd = float(np.sqrt(icc / (1 - icc) * np.pi**2 / 3))
    models, moments = [], []
    for _ in range(waves):
        group = workloads(rng, 150)
        category = answers(rng, group, ICC_SHARES[name], sd)
        models.append(CategoricalColumns(np.empty((group.size, 0)), category, group))
        moments.append(compute_moments([Columns(np.ones((group.size, 1)), category.astype(float), group)], 150))
    latent = [fit.latent_icc for fit in fit_categorical_models(models, 150) if isinstance(fit, CategoricalFit)]
    linear = []
    for one in moments:
        fits = fit_mixed_models(one, (0,), "REML")
        between = fits.covariance[0, 0, 0]
        linear.append(between / (between + fits.residual_variance[0]))
    return float(np.mean(latent)), float(np.std(latent)), float(np.mean(linear))


def tables(judged: int = 15_000, waves: int = 60) -> Iterator[str]:
    """The lines of the document."""
    yield "| Predictive tail of normal interviewers | J | judged | P(abs z > 3) / nominal | P(abs z > 4) / nominal |"
    yield "|---|---|---|---|---|"
    for name in SHARES:
        for interviewers in (20, 150):
            three, four, count = tail_ratios(name, interviewers, judged)
            yield f"| {name} | {interviewers} | {count:,} | {three:.2f} | {four:.2f} |"
    yield ""
    yield "| Latent ICC .100, 150 interviewers | waves | latent ICC: mean | its sd | linear ICC: mean | linear / .100 |"
    yield "|---|---|---|---|---|---|"
    for name in ICC_SHARES:
        mean, sd, linear = icc_estimates(name, waves)
        yield f"| {name} | {waves} | {mean:.3f} | {sd:.3f} | {linear:.3f} | {linear / 0.1:.2f} |"


if __name__ == "__main__":
    for line in tables():
        sys.stdout.write(f"{line}\n")
