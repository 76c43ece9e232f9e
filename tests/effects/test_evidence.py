"""Evidence over all items: the statistic is that of its definition, by dense algebra."""

from __future__ import annotations

import numpy as np
from scipy import stats

from qa_reports.effects.evidence import _observed
from qa_reports.effects.side_by_side import Table, weights_in_t

CLOSE = 1e-9
"""Two ways of solving 5 by 5 systems."""


def test_the_statistic_is_that_of_its_definition() -> None:
    """d' A_-j^-1 d over the items an interviewer has, A_-j = T_-j + W_j, on the scale of all five items."""
    rng = np.random.default_rng(71)
    interviewers, items = 15, 5
    has = rng.random((interviewers, items)) < 0.8
    has[0], has[1] = True, np.arange(items) == 2
    counts = rng.integers(3, 20, (interviewers, items)) * has
    together = np.minimum(counts[:, :, None], counts[:, None, :])
    size = counts[:, :, None] * counts[:, None, :]
    overlap = np.divide(together, size, out=np.zeros(size.shape), where=size > 0)
    within, between = 0.4 + 0.6 * np.eye(items), 0.05 * (0.3 + 0.7 * np.eye(items))
    deviation = np.where(has, rng.normal(0, 0.25, has.shape), np.nan)
    n = counts.mean(1)

    observed = _observed(Table(deviation, within, overlap, n, (None,) * items, None), between)

    share = weights_in_t(n) / weights_in_t(n).sum()
    for j, own in enumerate(has):
        d = deviation[j, own]
        of_all = (between + within * overlap[j])[np.ix_(own, own)]
        without = (of_all - share[j] * np.outer(d, d)) / (1 - share[j])
        statistic = d @ np.linalg.solve(without, d)
        same_tail = stats.chi2.isf(stats.chi2.sf(statistic, len(d)), items)
        np.testing.assert_allclose(observed[j], same_tail, rtol=CLOSE)
