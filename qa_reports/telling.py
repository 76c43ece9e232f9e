"""What the commands print, and how they end: lines that a terminal can show, complaints, exit codes."""

from __future__ import annotations

import sys

from qa_reports.errors import ConfigError, OutputError, UserError, one_line
from qa_reports.progress import LogFile, let_go, say

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
    """Lines that are safe for a terminal already.

    Raises:
        OutputError: they go to a file that cannot be written to.
    """
    try:
        print(text, file=sys.stdout, flush=True)
    except BrokenPipeError:  # the reader, such as `head`, has read what it wanted
        let_go(sys.stdout)
    except OSError as error:
        let_go(sys.stdout)
        raise OutputError(f"standard output: cannot be written to ({error.strerror or error})") from None
