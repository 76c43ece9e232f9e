"""The command `qa-report`: run a line, turn errors into exit codes.

Nearly everything is imported late: before `program` runs, Ctrl-C would end in a traceback.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys

TYPE_CHECKING = False  # that of `typing` takes milliseconds to import
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn, TextIO


def program() -> NoReturn:
    """The command as a process of its own: `main`, without the time that an interpreter takes to tidy up."""
    try:
        from qa_reports.stopping import stop_in_order

        # Nearly all that is made stays until the end, so there is little garbage to look for.
        gc.set_threshold(100_000)
        stop_in_order()
        code = main()
    except KeyboardInterrupt:  # before `main` could see to it
        code = _stopped()
    # What was registered to be done at the end is done; that the memory is free, the system sees to.
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # closed, or full: `main` has said so
            continue
    os._exit(code)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; a bug is left to end in a traceback with exit code 1."""
    # The matrices are small: BLAS threads cost more than they bring, and one thread adds up in one order, so that
    # the same input gives the same bytes. It has to be said before NumPy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Pydantic would look through all that is installed for plugins, which could change what a configuration means.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        return _run(arguments)
    except (KeyboardInterrupt, Exception) as error:
        code = _code_for(error)
        if code is None:
            raise
        return code


def _run(arguments: Sequence[str] | None) -> int:
    from contextlib import redirect_stdout
    from pathlib import Path
    from typing import cast

    from qa_reports.command_line import run
    from qa_reports.errors import OutputError
    from qa_reports.telling import Answers

    if sys.stderr is None or sys.stdout is None:  # closed by whoever started the program
        nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 -- for as long as the program runs
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
    answers = Answers(sys.stdout)
    with redirect_stdout(cast("TextIO", answers)):
        code = run(sys.argv[1:] if arguments is None else arguments)
    if answers.failure is not None:
        raise OutputError(answers.failure)
    return code


def _code_for(error: BaseException) -> int | None:
    """Say what a user has to know of what ended the program; None for a bug."""
    from qa_reports.errors import NO_MEMORY, UserError, is_want_of_memory
    from qa_reports.stopping import is_stopping
    from qa_reports.telling import USER_ERROR, complain

    if isinstance(error, UserError):
        complain(error)
        return USER_ERROR
    if isinstance(error, KeyboardInterrupt) or is_stopping():  # libraries make other exceptions of it
        return _stopped()
    if isinstance(error, MemoryError | ImportError) and is_want_of_memory(error):
        complain(UserError(NO_MEMORY))
        return USER_ERROR
    return None


def _stopped() -> int:
    from qa_reports.progress import say
    from qa_reports.telling import INTERRUPTED

    say("stopped", sys.stderr)
    return INTERRUPTED
