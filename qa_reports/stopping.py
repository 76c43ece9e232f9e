"""Ending in good order when a terminal, or the system, says so."""

from __future__ import annotations

import signal
import sys

TYPE_CHECKING = False  # as in `cli`
if TYPE_CHECKING:
    from sys import UnraisableHookArgs
    from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Ctrl-C, and what systems and schedulers end programs with."""


def stop_in_order() -> None:
    """End by either signal as by Ctrl-C: what is half written is removed, and so are temporary folders with answers.

    What ignores Ctrl-C, because it was started in the background, goes on ignoring it.
    """
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _stop)
    sys.unraisablehook = _stop_after_all


def is_stopping() -> bool:
    """Whether it was told to stop: libraries may make another exception of the interruption (DuckDB does)."""
    return signal.getsignal(signal.SIGTERM) is _ignore


def _stop(number: int, _: object) -> NoReturn:
    """Once: a terminal interrupts all processes, and so does the program."""
    for further in SIGNALS:
        signal.signal(further, _ignore)
    raise KeyboardInterrupt(number)


def _stop_after_all(lost: UnraisableHookArgs) -> None:
    """Python lets no exception out of some places, such as what it calls after an import: stop a moment later."""
    if not isinstance(lost.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
        return
    signal.signal(signal.SIGALRM, _stop)
    signal.setitimer(signal.ITIMER_REAL, 0.01)


def _ignore(_: int, __: object) -> None:
    """It is stopping already."""
