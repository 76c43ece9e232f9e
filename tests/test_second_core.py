"""The second process: same results, same errors, and nothing lost when it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qa_reports.errors import DataError
from qa_reports.second_core import IN_TURN, Later, SecondCore, give_way, second_core

needs_two_cores = pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="one core, or no fork"
)


def product(a: int, b: int = 2) -> int:
    return a * b


def refuse(words: str) -> None:
    raise DataError(words)


def killed_unless(caller: int) -> int:
    if os.getpid() != caller:
        os.kill(os.getpid(), signal.SIGKILL)
    return caller


def test_results_and_errors_are_those_of_a_plain_call() -> None:
    with second_core() as core:
        for where in (core, IN_TURN):
            results = [where.start(product, a, b=3) for a in range(5)]
            assert [result() for result in results] == [0, 3, 6, 9, 12]
            with pytest.raises(DataError, match="no such column"):
                where.start(refuse, "no such column")()


@needs_two_cores
def test_work_is_done_in_another_process() -> None:
    with second_core() as core:
        assert core.start(os.getpid)() != os.getpid()


@needs_two_cores
def test_a_process_that_gives_way_is_less_urgent_than_the_program() -> None:
    with second_core() as core:
        core.start(give_way)
        assert core.start(os.nice, 0)() > os.nice(0)


@needs_two_cores
def test_what_is_held_back_begins_in_its_order_and_once() -> None:
    done: list[int] = []

    class AtOnce(SecondCore):
        def start(self, function, /, *args, **options):  # type: ignore[no-untyped-def]
            value = function(*args, **options)
            return lambda: value

    later = Later(AtOnce(None))
    first, second, third = (later.start(done.append, number) for number in (1, 2, 3))
    assert done == []
    third()
    assert done == [3]  # who asks does not wait for the others
    later.begin()
    assert done == [3, 1, 2]
    first(), second(), third(), later.begin()
    assert done == [3, 1, 2]
    assert later.start(max, 4, 5)() == 5
    with pytest.raises(DataError, match="no such column"):
        Later(IN_TURN).start(refuse, "no such column")()


@needs_two_cores
def test_a_process_that_ends_while_it_is_sent_much_holds_nobody_up() -> None:
    """Ctrl-C reaches both: the child ends at once, and the pipe to it is full."""
    program = (
        "import os, sys, time\n"
        "from qa_reports.second_core import second_core\n"
        "with second_core() as core:\n"
        "    child = core.start(os.getpid)()\n"
        "    core.start(time.sleep, 60)\n"
        "    much = [core.start(len, bytes(4_000_000)) for _ in range(3)]\n"
        "    time.sleep(0.5)\n"
        "    os.kill(child, 9)\n"
        "    if sys.argv[1] == 'ask': print([one() for one in much])\n"
        "print('ended')"
    )
    for way, told in (("ask", "[4000000, 4000000, 4000000]\nended\n"), ("leave", "ended\n")):
        command = [sys.executable, "-c", program, way]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, told, "")


def test_a_killed_process_costs_time_only() -> None:
    with second_core() as core:
        first = core.start(killed_unless, os.getpid())
        assert first() == os.getpid()
        assert core.start(product, 4)() == 8


@needs_two_cores
def test_the_second_process_ends_with_the_program() -> None:
    """However it goes: here by SIGKILL, in the middle of the work."""
    program = (
        "import os, time\n"
        "from qa_reports.second_core import second_core\n"
        "with second_core() as core:\n"
        "    print(core.start(os.getpid)(), flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        child = int(running.stdout.readline())
        running.kill()
    for _ in range(100):
        if not _alive(child):
            break
        time.sleep(0.1)
    assert not _alive(child)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    return state.rpartition(")")[2].split()[0] != "Z"


@needs_two_cores
def test_the_end_of_the_program_is_quiet() -> None:
    program = (
        "import time\n"
        "from qa_reports.second_core import second_core\n"
        "with second_core() as core:\n"
        "    unasked = core.start(time.sleep, 0.3)\n"
    )
    for _ in range(3):
        ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert ended.stderr == ""


@needs_two_cores
@pytest.mark.parametrize("busy", [True, False])
def test_an_interrupted_terminal_shows_no_traceback_of_the_second_process(busy: bool) -> None:
    """Ctrl-C reaches every process of the terminal: only the program says that it stopped."""
    program = (
        "import os, sys, time\n"
        "from qa_reports.second_core import second_core\n"
        "try:\n"
        "    with second_core() as core:\n"
        "        core.start(os.getpid)()\n"
        f"        core.start(time.sleep, {60 if busy else 0})\n"
        "        print('begun', flush=True)\n"
        "        time.sleep(60)\n"
        "except KeyboardInterrupt:\n"
        "    print('stopped', file=sys.stderr)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "begun\n"
        os.killpg(running.pid, signal.SIGINT)
        _, told = running.communicate(timeout=20)
    assert told == "stopped\n"
