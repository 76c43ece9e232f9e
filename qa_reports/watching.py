"""What a user sees while several reports are made: one line for each that has ended, or a live display."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal, Protocol, cast

from msgspec import Struct

from qa_reports.errors import one_line
from qa_reports.progress import STEPS, Lasting, say
from qa_reports.telling import tell

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from qa_reports.pipeline import ReportMade


class Message(Struct, frozen=True):
    """What a process says while it works: a step of `progress.STEPS` begins or ends, a note, a detail."""

    kind: Literal["begin", "end", "note", "detail"]
    text: str
    step: str = ""
    """The step that ends."""


class Outcome(Struct, frozen=True):
    """How it went: exactly one of `made`, `errors` and `bug` says something."""

    config: Path
    made: ReportMade | None = None
    errors: tuple[str, ...] = ()
    """Sentences for the user."""
    bug: str | None = None
    """A traceback."""
    seconds: float = 0.0


class Watcher(Protocol):
    """Told by `make_reports` what goes on."""

    def started(self, config: Path) -> None:
        """A report is begun."""

    def told(self, config: Path, message: Message) -> None:
        """The process of a report says something."""

    def ended(self, outcome: Outcome) -> None:
        """A report is made or has failed."""


class QuietWatcher:
    """Shows the notes, each with its configuration, and what it is given to print."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def started(self, config: Path) -> None:
        """Say nothing."""

    def told(self, config: Path, message: Message) -> None:
        """Print a note."""
        if message.kind == "note":
            self.say(f"note: {config}: {message.text}")

    def ended(self, outcome: Outcome) -> None:
        """Say nothing: the result says it."""

    def say(self, text: str) -> None:
        """A line of progress."""
        say(text, self._stream)

    def result(self, text: str) -> None:
        """A line of what the command answers, on standard output."""
        tell(text)


class LineWatcher(QuietWatcher):
    """One line per report that has ended, e.g. `12/30 done    at.yaml (6.1 s)`; with details also its steps."""

    def __init__(self, stream: IO[str], verbose: bool, n_reports: int) -> None:
        super().__init__(stream)
        self._verbose = verbose
        self._n_reports = n_reports
        self._n_ended = 0
        self._n_failed = 0

    def told(self, config: Path, message: Message) -> None:
        """Print a note, and for a curious user steps and details."""
        super().told(config, message)
        if self._verbose and message.kind == "end":
            self.say(f"{config}: {STEPS.index(message.step) + 1}/{len(STEPS)} {message.step:<8}  {message.text}")
        if self._verbose and message.kind == "detail":
            self.say(f"{config}:     {message.text}")

    def ended(self, outcome: Outcome) -> None:
        """Print the report's line."""
        self._n_ended += 1
        self._n_failed += outcome.made is None
        how = "done" if outcome.made else "failed"
        place = f"{self._n_ended:>{len(str(self._n_reports))}}/{self._n_reports}"
        self.say(f"{place} {how:<6}  {outcome.config} ({outcome.seconds:.1f} s)")


class LiveWatcher(LineWatcher):
    """The lines on a terminal, with moving ones below them: all reports, and each that is being made."""

    def __init__(self, display: RichProgress, verbose: bool, n_reports: int) -> None:
        super().__init__(display.console.file, verbose, n_reports)
        self._display = display
        self._all = display.add_task(f"0 of {n_reports}", total=n_reports)
        self._rows: dict[Path, TaskID] = {}

    def started(self, config: Path) -> None:
        """Give the report a moving line."""
        self._rows[config] = self._display.add_task(one_line(str(config)), total=len(STEPS))

    def told(self, config: Path, message: Message) -> None:
        """Move the report's line to its step."""
        super().told(config, message)
        if message.kind == "begin":
            words = f"{one_line(str(config))}  {message.text}"
            self._display.update(self._rows[config], description=words, completed=STEPS.index(message.text))

    def ended(self, outcome: Outcome) -> None:
        """Take the report's moving line away."""
        self._display.remove_task(self._rows.pop(outcome.config))
        super().ended(outcome)
        failed = f", {self._n_failed} failed" if self._n_failed else ""
        self._display.update(self._all, description=f"{self._n_ended} of {self._n_reports}{failed}", advance=1)

    def say(self, text: str) -> None:
        """A line above the moving ones."""
        self._display.console.print(one_line(text), markup=False, highlight=False, soft_wrap=True)

    def result(self, text: str) -> None:
        """A line above the moving ones where standard output is a terminal too."""
        if sys.stdout.isatty():
            self.say(text)
        else:
            super().result(text)


@contextmanager
def watching(stream: IO[str], *, quiet: bool, verbose: bool, n_reports: int) -> Iterator[QuietWatcher]:
    """The kind of watcher that suits a stream: live on a terminal, lines in a file, notes only when quiet."""
    if quiet:
        yield QuietWatcher(stream)
    elif not stream.isatty():
        yield LineWatcher(stream, verbose, n_reports)
    else:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TimeElapsedColumn(),
        )
        console = Console(file=cast("IO[str]", Lasting(stream)))
        # Standard output may be a file: what is printed there is not for the display to take.
        with Progress(*columns, console=console, transient=True, redirect_stdout=False) as display:
            yield LiveWatcher(display, verbose, n_reports)
