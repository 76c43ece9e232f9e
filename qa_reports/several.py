"""Several surveys at once, each in a process of its own: one that fails, or is killed, stops no other.

A process says what it does through a pipe; the program's own process starts the next one when one has ended.
"""

from __future__ import annotations

import multiprocessing
import os
import time
import traceback
import warnings
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkContext, SpawnContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from qa_reports.config import ConfigFile, Format
from qa_reports.delivery.archive import same_name
from qa_reports.effects.referee import load_referee
from qa_reports.errors import NO_MEMORY, UserError
from qa_reports.pipeline import Mailing, make_report
from qa_reports.progress import Both, Progress, log_file
from qa_reports.report.pdf_layout import LAID_OUT, load_drawing, pdf_obstacle
from qa_reports.second_core import can_fork, end_with, usable_cores
from qa_reports.stopping import is_stopping, stop_in_order
from qa_reports.watching import Message, Outcome, Watcher

_PATIENCE = 10
"""Seconds that a process is given to end when the program is stopped."""


class Task(Struct, frozen=True):
    """A report to make, and what other reports must not be made at the same time."""

    file: ConfigFile
    output: Path | None
    shared: frozenset[str]
    """Names of what it shares with others: those made earlier are to be finished first."""

    @property
    def config(self) -> Path:
        """The configuration's path."""
        return self.file.path


class Options(Struct, frozen=True):
    """What holds for all reports of one command."""

    formats: tuple[Format, ...] | None
    new_run: bool
    mailing: Mailing
    log: Path | None


def task_of(file: ConfigFile, output: Path | None) -> Task:
    """The report of a configuration.

    Waves of one survey that go to one archive are made in turn, because each is compared with those before it; so
    are configurations in one folder that use pseudonyms, because they have one key.
    """
    path, config, shared = file.path, file.config, set()
    if config.archive is not None and output is None:
        country = None if config.survey.country is None else same_name(config.survey.country)
        series = (same_name(config.survey.name), country)
        shared.add(f"{series} in {(path.parent / config.archive.folder).resolve()}")
    if config.report.pseudonyms:
        shared.add(f"pseudonyms in {path.parent.resolve()}")
    return Task(file, output, frozenset(shared))


def make_reports(tasks: Sequence[Task], options: Options, jobs: int, watcher: Watcher) -> Iterator[Outcome]:
    """Make reports, `jobs` at a time, and say how each went as soon as it ends.

    A report has a second core of its own only where there are two cores for each. When the caller stops listening,
    or the program is interrupted, the processes that still work are ended.
    """
    if can_fork():
        context: ForkContext | SpawnContext = multiprocessing.get_context("fork")
        _load_what_all_need(tasks, options)
    else:
        context = multiprocessing.get_context("spawn")
    at_once = min(jobs, len(tasks))
    alone = 2 * at_once <= usable_cores()
    waiting, running = list(tasks), list[_Running]()
    try:
        while waiting or running:
            while len(running) < at_once and (task := _next(waiting, running)) is not None:
                waiting.remove(task)
                watcher.started(task.config)
                running.append(_start(context, task, options, alone))
            wait([*(one.pipe for one in running), *(one.process.sentinel for one in running)])
            for one in list(running):
                outcome = _listen(one, watcher)
                if outcome is not None:
                    running.remove(one)
                    watcher.ended(outcome)
                    yield outcome
    finally:
        for one in running:
            one.process.terminate()
        for one in running:
            one.process.join(_PATIENCE)
            one.process.kill()


def _load_what_all_need(tasks: Sequence[Task], options: Options) -> None:
    """Load once what takes every report a second to load, before its processes part."""
    load_referee()
    if any(LAID_OUT.intersection(options.formats or task.file.config.report.formats) for task in tasks):
        load_drawing()
        pdf_obstacle()  # each report says what stands in the way of its own


class _Running(Struct, frozen=True):
    task: Task
    process: BaseProcess
    pipe: Connection
    began: float


def _next(waiting: Sequence[Task], running: Sequence[_Running]) -> Task | None:
    """The first task that shares nothing with one that is running or comes before it."""
    taken = frozenset[str]().union(*(one.task.shared for one in running))
    for task in waiting:
        if not task.shared & taken:
            return task
        taken |= task.shared
    return None


def _start(
    context: ForkContext | SpawnContext,
    task: Task,
    options: Options,
    alone: bool,
) -> _Running:
    listening, speaking = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(task, options, alone, os.getpid(), speaking))
    # Python 3.12 warns of any fork beside threads; the progress display's holds no lock the child needs.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    speaking.close()
    return _Running(task, process, listening, time.monotonic())


def _listen(one: _Running, watcher: Watcher) -> Outcome | None:
    """Pass on what the process has said; the outcome if it has ended."""
    alive = one.process.is_alive()  # before reading: what a process says comes before its end
    seconds = time.monotonic() - one.began
    try:
        while one.pipe.poll():
            said = one.pipe.recv()
            if isinstance(said, Outcome):
                one.process.join()
                return replace(said, seconds=seconds)
            watcher.told(one.task.config, said)
    except EOFError:
        one.process.join()
        alive = False
    if alive:
        return None
    one.process.join()
    code = one.process.exitcode
    how = f"killed by signal {-code}" if code is not None and code < 0 else f"ended with code {code}"
    error = f"its process was {how}, perhaps for want of memory; run it alone, or give fewer --jobs"
    return Outcome(one.task.config, errors=(error,), seconds=seconds)


def _work(task: Task, options: Options, alone: bool, parent: int, pipe: Connection) -> None:
    """Make one report in a process of its own."""
    stop_in_order()
    end_with(parent)
    try:
        pipe.send(_outcome(task, options, alone, pipe))
    except (KeyboardInterrupt, BrokenPipeError):
        os._exit(1)  # everything is cleaned up, and nobody listens


def _outcome(task: Task, options: Options, alone: bool, pipe: Connection) -> Outcome:
    try:
        with log_file(options.log) as lines:
            told: Progress = _Spoken(pipe) if lines is None else Both(_Spoken(pipe), lines)
            return Outcome(
                task.config,
                made=make_report(
                    task.file, task.output, options.formats, told, options.new_run, options.mailing, alone
                ),
            )
    except UserError as error:
        return Outcome(task.config, errors=tuple(str(error).splitlines()))
    except MemoryError:
        return Outcome(task.config, errors=(NO_MEMORY,))
    except Exception:  # whatever it is, the other reports are made
        if is_stopping():
            raise KeyboardInterrupt from None
        return Outcome(task.config, bug=traceback.format_exc())


class _Spoken:
    """Progress that is told through a pipe."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def begin(self, step: str) -> None:
        self._pipe.send(Message("begin", step))

    def end(self, step: str, result: str) -> None:
        self._pipe.send(Message("end", result, step))

    def note(self, text: str) -> None:
        self._pipe.send(Message("note", text))

    def detail(self, text: str) -> None:
        self._pipe.send(Message("detail", text))
