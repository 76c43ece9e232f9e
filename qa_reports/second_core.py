"""A second process beside the program's own, for work that need not be waited for: second opinions and the PDF."""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_LESS_URGENT = 10
"""Steps of niceness: a tenth of a core beside a process that has not given way."""


class SecondCore:
    """Runs functions beside the caller, or in turn where there is no second core or processes cannot be forked.

    Functions and arguments are pickled: no closures, no open files.
    """

    def __init__(self, executor: Executor | None) -> None:
        self._executor = executor

    def start(self, function: Callable[P, T], /, *args: P.args, **options: P.kwargs) -> Callable[[], T]:
        """Start the function; what is returned waits for its result (or raises its exception).

        A second process that was killed, for want of memory for instance, costs time only: the function is run again
        by the caller.
        """
        if self._executor is None:
            return lambda: function(*args, **options)
        try:
            # Python 3.12 warns of any fork beside threads; the progress display's holds no lock the child needs.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                future: Future[T] = self._executor.submit(function, *args, **options)
        except (BrokenExecutor, OSError):
            return lambda: function(*args, **options)
        _leave_reading_to_the_child(self._executor)

        def result() -> T:
            try:
                return future.result()
            except BrokenExecutor:
                return function(*args, **options)

        return result


IN_TURN = SecondCore(None)
"""Everything in the caller's own process, when its result is asked for."""


class Later(SecondCore):
    """Holds back what another core is given until it is to begin, so that more urgent work has that core first."""

    def __init__(self, core: SecondCore) -> None:
        super().__init__(None)
        self._core = core
        self._held: list[Callable[[], object]] = []

    def start(self, function: Callable[P, T], /, *args: P.args, **options: P.kwargs) -> Callable[[], T]:
        """As of any core; who asks for the result before it has begun, begins it."""
        begin = functools.cache(lambda: self._core.start(function, *args, **options))
        self._held.append(begin)
        return lambda: begin()()

    def begin(self) -> None:
        """Let the core begin, in the order in which it was given the work."""
        for begin in self._held:
            begin()
        self._held.clear()


@contextlib.contextmanager
def second_core(wanted: bool = True) -> Iterator[SecondCore]:
    """A second core for a while; what was not begun by the end is given up.

    Where it is not wanted, because other processes have the cores, everything is done in turn.
    """
    if not wanted or not can_fork() or usable_cores() < 2:
        yield IN_TURN
        return
    executor = ProcessPoolExecutor(1, multiprocessing.get_context("fork"), initializer=_begin, initargs=(os.getpid(),))
    try:
        yield SecondCore(executor)
    finally:
        # Waiting for it, for an interpreter that ends in the meantime complains of closed pipes.
        executor.shutdown(wait=True, cancel_futures=True)


def _leave_reading_to_the_child(executor: Executor) -> None:
    """Close this process's end for reading of the pipe to the child.

    With it open, what is being sent to a child that has ended is no broken pipe but waits for ever, and so does
    whoever stops then. Nor are processes begun later to hold it. Python closes it itself only from 3.12 on, and only
    where it notices the end before it is to stop.
    """
    reader = getattr(getattr(executor, "_call_queue", None), "_reader", None)
    if reader is not None:
        with contextlib.suppress(OSError):
            reader.close()


def can_fork() -> bool:
    """Whether a process can be had that has everything in memory already."""
    return sys.platform == "linux"


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def give_way() -> None:
    """From now on this process has a core only when no other wants it: for what nobody waits for."""
    with contextlib.suppress(OSError):
        os.nice(_LESS_URGENT)


def _begin(parent: int) -> None:
    """Ctrl-C on a terminal reaches this process, too: it ends at once and says nothing, since the program does."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    end_with(parent)


def end_with(parent: int) -> None:
    """End when the program that started this process is gone, however it went: it may have been killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
