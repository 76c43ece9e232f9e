"""Tails of sums of thousands of scores beside their exact distribution."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from qa_reports.effects import predictive
from qa_reports.effects.categorical import CategoricalFit, fit_categorical_models
from qa_reports.effects.categorical_columns import CategoricalColumns
from qa_reports.effects.predictive import predictive_tails
from qa_reports.effects.saddlepoint import saddlepoint_tails

N = 2_000
"""Interviews."""
OFTEN, SELDOM = 0.015, 0.1
"""Relative error of a tail where the rarer categories are expected in dozens of interviews, and in two."""
ROUNDED = 1e-6
"""Of a tail, and its square of one: sums of 15,000 rounded numbers."""
CENTRAL = 0.01
"""What a tail of the sum of 10,000 answers may differ from the normal distribution's, which has no skewness."""


@pytest.mark.parametrize(
    ("share", "close"),
    [
        ([0.97, 0.02, 0.01], OFTEN),
        ([0.3, 0.3, 0.4], OFTEN),
        ([0.999, 0.0007, 0.0003], SELDOM),
        ([0.0003, 0.0007, 0.999], SELDOM),
    ],
)
def test_tails_are_close_to_the_exact_ones_however_far_out(share: list[float], close: float) -> None:
    chances, steps = np.array(share), np.array([0, 1, 2])
    length = 2 * N + 1
    wave = np.fft.fft(np.concatenate([chances, np.zeros(length - 3)]))
    exact = np.real(np.fft.ifft(wave**N))
    mean = N * chances @ steps
    sd = np.sqrt(N * (chances @ steps**2 - (chances @ steps) ** 2))
    for away in (-4, -2, -0.5, 0, 0.5, 2, 4):
        total = min(max(0, round(mean + away * sd)), 2 * N)
        below, above, expected, spread = saddlepoint_tails(
            chances[None, None], np.ones(1), np.zeros(1, dtype=np.int64), np.array([float(N)]), steps,
            np.array([float(total)]),
        )  # fmt: skip
        smaller = min(exact[:total].sum(), exact[total + 1 :].sum()) + exact[total] / 2
        assert min(below[0], above[0]) == pytest.approx(smaller, rel=2 * close)
        assert below[0] + above[0] == pytest.approx(1, abs=1e-12)
        assert expected[0] == pytest.approx(mean)
        assert spread[0] == pytest.approx(sd)


def test_totals_far_from_what_an_intercept_makes_likely_have_a_saddlepoint() -> None:
    """Newton's steps go to and fro about it where the answers would nearly all have to be others."""
    logits, n, steps = np.linspace(-6, 6, 241), 10_000.0, np.arange(7)
    below_threshold = special.expit(np.arange(-1.0, 5.0) - logits[:, None])
    edge = np.zeros((len(logits), 1))
    share = np.diff(np.concatenate([edge, below_threshold, edge + 1], axis=1), axis=1)
    total = np.full(len(logits), 18_831.0)
    below, above, expected, sd = saddlepoint_tails(
        share[:, None], np.ones(1), np.arange(len(logits)), np.full(len(logits), n), steps, total
    )

    np.testing.assert_allclose(below, special.ndtr((total - expected) / sd), atol=CENTRAL)
    np.testing.assert_allclose(below + above, 1)


@pytest.mark.parametrize("share", [[0.9, 0.06, 0.04], [0.9985, 0.001, 0.0005]])
@pytest.mark.parametrize("sd", [0.0, 0.4])
def test_few_frequencies_say_the_same_as_all(share: list[float], sd: float) -> None:
    """Half of all totals are likely, or some hundreds; counts are such that powers are taken in two ways."""
    count, steps, half = np.array([7.0, 70.0, 3_000.0]), np.array([0, 1, 5]), 30 if sd else 0
    node = np.linspace(-6, 6, 2 * half + 1) if sd else np.zeros(1)
    weight = np.exp(-(node**2) / 2) / np.exp(-(node**2) / 2).sum()
    thresholds = special.logit(np.cumsum(share)[:-1])
    chances = predictive._category_shares(thresholds, np.array([-0.5, 0.0, 0.5])[:, None] + sd * node)
    length = int(count.sum()) * 5 + 1
    single = chances @ np.exp(-2j * np.pi / length * np.outer(steps, np.arange(length)))
    every = np.fft.ifft(weight @ np.prod(single ** count[:, None, None], axis=0)).real

    totals = np.array([0.0, 5.0, 31.0, 400.0, 900.0, 12_000.0])
    k = len(totals)
    patterns = predictive._Patterns(np.repeat(np.arange(k), 3), np.zeros((3 * k, 0)), np.tile(count, k))
    nodes = predictive._Nodes(weight, np.tile(chances, (k, 1, 1)))
    likely = predictive._likely(nodes, patterns, steps)
    below, above, expected, spread = predictive._exact_tails(nodes, patterns, steps, totals, likely)

    assert likely.most < length * (0.6 if sd else 0.12)
    value = np.arange(length)
    at = totals.astype(np.int64)
    np.testing.assert_allclose(below, [every[:t].sum() + every[t] / 2 for t in at], rtol=ROUNDED, atol=ROUNDED**2)
    np.testing.assert_allclose(above, [every[t + 1 :].sum() + every[t] / 2 for t in at], rtol=ROUNDED, atol=ROUNDED**2)
    np.testing.assert_allclose(expected, every @ value)
    np.testing.assert_allclose(spread, np.sqrt(every @ (value - every @ value) ** 2))


def test_interviewers_are_judged_alike_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    who = np.repeat(np.arange(12), 600)
    chance = special.expit(-3 + 0.4 * rng.standard_normal(12) + 1.5 * (np.arange(12) == 4))
    columns = CategoricalColumns(np.empty((len(who), 0)), (rng.random(len(who)) < chance[who]).astype(np.int64), who)
    fit = fit_categorical_models([columns], 12)[0]
    assert isinstance(fit, CategoricalFit)
    exact = predictive_tails(columns, fit, np.array([0.0, 1.0]), 12)
    monkeypatch.setattr(predictive, "_MOST_EXACT", 0)
    close = predictive_tails(columns, fit, np.array([0.0, 1.0]), 12)

    np.testing.assert_allclose(close.p, exact.p, rtol=2 * OFTEN)
    np.testing.assert_allclose(close.expected, exact.expected, rtol=1e-6)
    np.testing.assert_allclose(close.sd, exact.sd, rtol=1e-6)
    assert exact.p.argmin() == 4
