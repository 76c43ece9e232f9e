"""Work in threads: results are those of one thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from qa_reports.effects.side_by_side import Table
from qa_reports.effects.simulated_levels import OwnSpread, simulate_levels
from qa_reports.effects.threads import mapped


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_are_in_the_order_of_things(threads: int) -> None:
    assert mapped(lambda x: x**2, range(100), threads) == [x**2 for x in range(100)]
    assert mapped(str, [], threads) == []


def test_things_are_not_made_before_a_thread_has_time_for_them() -> None:
    done: list[int] = []

    def things() -> Iterator[int]:
        for place in range(50):
            assert place - len(done) < 2
            yield place

    mapped(done.append, things(), threads=2)
    assert sorted(done) == list(range(50))


@pytest.mark.parametrize("threads", [1, 2])
def test_after_a_failure_no_more_is_begun(threads: int) -> None:
    begun: list[int] = []

    def work(thing: int) -> None:
        begun.append(thing)
        if thing == 3:
            raise ValueError("three")
        if thing > 3:
            failed.wait(0.01)

    failed = threading.Event()
    with pytest.raises(ValueError, match="three"):
        mapped(work, range(10_000), threads)
    assert len(begun) < 100


def test_simulated_waves_are_the_same_however_many_threads_make_statistics_of_them() -> None:
    rng = np.random.default_rng(5)
    n, items = rng.integers(5, 40, 60).astype(float), 8
    within = np.full((items, items), 0.2) + 0.8 * np.eye(items)
    table = Table(
        deviation=np.zeros((len(n), items)),
        within=within,
        overlap=np.ones((len(n), items, items)) / n[:, None, None],
        n=n,
        bends=(None,) * items,
        respondents=rng.standard_normal((500, items)),
        batteries=(np.arange(3),),
    )
    spread = OwnSpread(np.ones(len(n)), n - 1, 0.0, 0.1)
    one, two = (simulate_levels(table, 0.05, spread, 0.05 * np.eye(items), threads) for threads in (1, 2))
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[2], two[2])
    for single, several in zip(one[1], two[1], strict=True):
        np.testing.assert_array_equal(single, several)
