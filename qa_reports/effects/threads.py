"""Work in threads: NumPy lets others run while it computes, so arrays need not be sent to another process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def mapped(function: Callable[[T], R], over: Iterable[T], threads: int = 1) -> list[R]:
    """As `list(map(function, over))`: things are taken one after the other, whichever thread has time for the next.

    There are never more of them than threads, so that what is large need not be held in memory.
    """
    if threads < 2:
        return [function(one) for one in over]
    things: Iterator[tuple[int, T]] = enumerate(over)
    lock, results = threading.Lock(), dict[int, R]()

    def work() -> None:
        nonlocal things
        try:
            while True:
                with lock:
                    thing = next(things, None)
                if thing is None:
                    return
                place, one = thing
                results[place] = function(one)
        except BaseException:
            with lock:
                things = enumerate(())  # whoever is interrupted waits for no more than what has begun
            raise

    with ThreadPoolExecutor(threads - 1) as others:
        helping = [others.submit(work) for _ in range(threads - 1)]
        work()
        for helper in helping:
            helper.result()
    return [results[place] for place in sorted(results)]
