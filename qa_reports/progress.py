"""What a user sees while a report is made: the six steps, as numbered log lines or as a live display."""

from __future__ import annotations

import contextlib
import datetime
import errno
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol, cast

from qa_reports.errors import OutputError, one_line

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

STEPS = ("load", "clean", "estimate", "flag", "report", "deliver")


def say(text: str, stream: IO[str]) -> None:
    """Print a line to somebody who may be gone."""
    print(one_line(text), file=Lasting(stream), flush=True)


class Lasting:
    """A terminal or log for as long as it lasts: when it is gone or its disk is full, the work goes on untold."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:
        """What the stream can show."""
        return str(getattr(self._stream, "encoding", None) or "utf-8")

    def write(self, text: str) -> int:
        """Write what can be written."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self.lost(error)
            return len(text)

    def flush(self) -> None:
        """Let the stream say what it can."""
        try:
            self._stream.flush()
        except OSError as error:
            self.lost(error)

    def lost(self, error: OSError) -> None:
        """Write no more to a stream that takes nothing, or Python would end in an error over what is left in it."""
        with contextlib.suppress(OSError), Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), self._stream.fileno())

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """The stream's own."""
        return self._stream.fileno()


class Progress(Protocol):
    """Told by the pipeline where it is."""

    def begin(self, step: str) -> None:
        """A step of `STEPS` begins."""

    def end(self, step: str, result: str) -> None:
        """The step is done; `result` says in a few words what came out of it."""

    def note(self, text: str) -> None:
        """Something the user should know although the work goes on, one sentence."""

    def detail(self, text: str) -> None:
        """Something only a curious user wants to know, one sentence."""


class Silent:
    """Says nothing but the notes, which go to `stream`."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def begin(self, step: str) -> None:
        """Say nothing."""

    def end(self, step: str, result: str) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Print the note on a line of its own."""
        say(f"note: {text}", self._stream)

    def detail(self, text: str) -> None:
        """Say nothing."""


class LogLines:
    """One plain numbered line per finished step, e.g. `1/6 load      1,703 interviews from wave.csv (0.2 s)`."""

    def __init__(self, stream: IO[str], verbose: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._verbose = verbose
        self._clock = clock
        self._began = clock()

    def begin(self, step: str) -> None:
        """Start the step's clock."""
        self._began = self._clock()

    def end(self, step: str, result: str) -> None:
        """Print the step's line."""
        seconds = self._clock() - self._began
        self._print(f"{STEPS.index(step) + 1}/{len(STEPS)} {step:<8}  {result} ({seconds:.1f} s)")

    def note(self, text: str) -> None:
        """Print the note on a line of its own."""
        self._print(f"note: {text}")

    def detail(self, text: str) -> None:
        """Print the detail, indented under its step, if the user asked for details."""
        if self._verbose:
            self._print(f"    {text}")

    def _print(self, text: str) -> None:
        say(text, self._stream)


class LiveDisplay(LogLines):
    """The log lines on a terminal, with a moving line below them for the step that is going on."""

    def __init__(self, display: RichProgress, verbose: bool) -> None:
        super().__init__(display.console.file, verbose)
        self._display = display
        self._task = display.add_task("", total=len(STEPS))

    def begin(self, step: str) -> None:
        """Show the step as going on."""
        super().begin(step)
        self._display.update(self._task, description=step, completed=STEPS.index(step))

    def _print(self, text: str) -> None:
        self._display.console.print(one_line(text), markup=False, highlight=False, soft_wrap=True)


class Both:
    """Tells two at once, such as the terminal and a log file."""

    def __init__(self, first: Progress, second: Progress) -> None:
        self._both = (first, second)

    def begin(self, step: str) -> None:
        """Tell both."""
        for told in self._both:
            told.begin(step)

    def end(self, step: str, result: str) -> None:
        """Tell both."""
        for told in self._both:
            told.end(step, result)

    def note(self, text: str) -> None:
        """Tell both."""
        for told in self._both:
            told.note(text)

    def detail(self, text: str) -> None:
        """Tell both."""
        for told in self._both:
            told.detail(text)


class LogFile(LogLines):
    """Log lines with their UTC time, details included, appended to a file that other runs may write to as well."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        super().__init__(sys.stderr, verbose=True)
        self._path = path
        self._file = file
        self.failure: str | None = None
        """Why not every line is in the file, one sentence."""

    def _print(self, text: str) -> None:
        now = datetime.datetime.now(datetime.UTC)
        line = f"{now:%Y-%m-%dT%H:%M:%SZ} {os.getpid()} {one_line(text)}\n".encode()
        try:
            if self._file.write(line) != len(line):  # in one piece, so that lines of several runs are not mixed
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:  # a report is worth more than its log
            self.failure = f"{self._path}: the log cannot be written to ({error.strerror or error})"

    def line(self, text: str) -> None:
        """A line of its own: an error, or what the report says."""
        self._print(text)


@contextmanager
def log_file(path: Path | None) -> Iterator[LogFile | None]:
    """A log file to append to; None where none is asked for.

    Raises:
        OutputError: it cannot be written to.
    """
    if path is None:
        yield None
        return
    try:
        file = path.open("ab", buffering=0)
    except OSError as error:
        raise OutputError(f"{path}: the log cannot be written to ({error.strerror or error})") from None
    with file:
        yield LogFile(path, file)


@contextmanager
def progress_on(stream: IO[str], *, quiet: bool, verbose: bool) -> Iterator[Progress]:
    """The kind of progress that suits a stream: live on a terminal, log lines in a file, notes only when quiet."""
    if quiet:
        yield Silent(stream)
    elif not stream.isatty():
        yield LogLines(stream, verbose)
    else:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (SpinnerColumn(), TextColumn("{task.description:<8}"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console(file=cast("IO[str]", Lasting(stream))), transient=True) as display:
            yield LiveDisplay(display, verbose)
