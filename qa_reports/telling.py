"""What the commands print, and how they end: lines that a terminal can show, complaints, exit codes."""

from __future__ import annotations

import sys
from typing import IO

from qa_reports.errors import ConfigError, UserError, one_line
from qa_reports.progress import Lasting, LogFile, say

REPORT_MADE, BUG, USER_ERROR, FAIL_ON_MET, NOT_ALL_MAILED, INTERRUPTED = 0, 1, 2, 3, 4, 130


def complain(error: UserError, log: LogFile | None = None) -> None:
    """One line; for a configuration one line per mistake."""
    for line in str(error).splitlines() if isinstance(error, ConfigError) else [str(error)]:
        say(line, sys.stderr)
        if log is not None:
            log.line(f"error: {line}")


def tell(text: str, log: LogFile | None = None) -> None:
    """One line of what the command answers."""
    tell_lines(one_line(text))
    if log is not None:
        log.line(text)


def tell_lines(text: str) -> None:
    """Lines that are safe for a terminal already."""
    print(text, flush=True)


class Answers(Lasting):
    """Standard output: what is told there was asked for, so it is said when a disk takes no more of it."""

    def __init__(self, stream: IO[str]) -> None:
        super().__init__(stream)
        self.failure: str | None = None
        """Why not every line was written, one sentence; a reader that has read enough, such as `head`, is no reason."""

    def lost(self, error: OSError) -> None:
        """Write no more, and keep the reason."""
        super().lost(error)
        if not isinstance(error, BrokenPipeError):
            self.failure = f"standard output: cannot be written to ({error.strerror or error})"
