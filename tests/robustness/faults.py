"""Faults of a real machine, one after the other, and what came of each: a table for docs/robustness.md.

    python -m tests.robustness.faults --kills 30 > faults.md

Needs root on Linux (small file systems are mounted), `setpriv` and `faketime`; takes minutes. What
can be tried without root is in the tests.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from qa_reports.delivery.archive import damaged_files, list_archive
from tests.delivery.mail_server import Mailbox, free_port, running
from tests.small_wave import SmallWave, write_small_wave

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-c", "import sys; from qa_reports.cli import main; sys.exit(main())"]
ORDINARY = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
"""Permissions hold for it, as they do for anybody but root."""
FORMATS = ["--formats", "html,json"]


def digests(folder: Path) -> dict[str, str]:
    """Every file of a folder, whole."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def start(*arguments: str, wrapped: list[str] | None = None) -> subprocess.Popen[str]:
    """The program as somebody would start it."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen(
        [*(wrapped or []), *PROGRAM, *arguments], cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip


def run(*arguments: str, wrapped: list[str] | None = None) -> tuple[int, list[str]]:
    """Exit code, and what it said beside its steps."""
    process = start(*arguments, "--quiet", wrapped=wrapped)
    _, told = process.communicate(timeout=900)
    return process.returncode, told.splitlines()


def run_and_meddle(
    step: str, meddle: Callable[[], object], *arguments: str, wrapped: list[str] | None = None
) -> tuple[int, list[str]]:
    """Run, and do something as soon as a step has ended."""
    process = start(*arguments, wrapped=wrapped)
    assert process.stderr is not None
    told = []
    for line in process.stderr:
        told.append(line.rstrip("\n"))
        if line.startswith(step):
            meddle()
    process.wait()
    return process.returncode, [line for line in told if line[1:3] != "/6"]


def sound(archive: Path, before: dict[str, str] | None = None) -> str:
    """Whether all runs are whole, and what was there before has the same bytes."""
    listing = list_archive(archive)
    assert listing.unreadable == ()
    assert [damaged_files(one) for one in listing.runs if damaged_files(one)] == []
    now = digests(archive)
    if before is not None:
        kept = {name: content for name, content in before.items() if not name.endswith("index.html")}
        assert kept.items() <= now.items()
    return f"{len(listing.runs)} whole runs"


def clear(code: int, told: list[str], wanted: int = 2) -> str:
    """The exit code and the one line."""
    assert code == wanted, (code, told)
    assert len(told) == 1, told
    return f"exit {code}: `{told[0]}`"


@contextlib.contextmanager
def file_system(kilobytes: int) -> Iterator[Path]:
    """A file system of its own, so small."""
    with tempfile.TemporaryDirectory() as place:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", place], check=True)
        try:
            yield Path(place)
        finally:
            subprocess.run(["umount", "-l", place], check=True)


@contextlib.contextmanager
def archived_wave() -> Iterator[SmallWave]:
    """A wave with one archived run."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        wave = write_small_wave(Path(folder) / "wave")
        wave.replace("items:", "archive: {folder: archive}\nitems:")
        assert run(str(wave.config), *FORMATS) == (0, [])
        yield wave


def disk_full_while_archiving() -> str:
    outcomes = set()
    for free in (0, 24, 80, 150):
        with archived_wave() as wave, file_system(1024) as disk:
            shutil.copytree(wave.folder / "archive", disk / "archive")
            wave.replace("folder: archive", f"folder: {disk}/archive")
            room = shutil.disk_usage(disk).free - free * 1024
            (disk / "filler").write_bytes(b"0" * room)
            before = digests(disk / "archive")
            code, told = run(str(wave.config), *FORMATS, "--new-run")
            outcomes.add(
                clear(code, [line.replace(str(disk), "ARCHIVE").replace(str(wave.folder), "") for line in told])
            )
            assert digests(disk / "archive") == before
    return "; ".join(sorted(outcomes))


def disk_full_while_writing_a_report() -> str:
    outcomes = set()
    for free in (0, 24, 80, 140):
        with archived_wave() as wave, file_system(1024) as disk:
            output = disk / "out"
            assert run(str(wave.config), *FORMATS, "--output", str(output))[0] == 0
            (disk / "filler").write_bytes(b"0" * (shutil.disk_usage(disk).free - free * 1024))
            before = digests(output)
            code, told = run(str(wave.config), *FORMATS, "--output", str(output))
            outcomes.add(clear(code, [line.replace(str(disk), "DISK") for line in told]))
            assert digests(disk / "out") == before
            assert {path.name for path in disk.iterdir()} == {"out", "filler"}
    return "; ".join(sorted(outcomes))


def disk_full_for_the_key_of_pseudonyms() -> str:
    with archived_wave() as wave, file_system(200) as disk:
        shutil.copytree(wave.folder, disk / "wave", ignore=shutil.ignore_patterns("archive"))
        there = SmallWave(disk / "wave")
        there.replace("items:", "report: {pseudonyms: true}\nitems:")
        (disk / "filler").write_bytes(b"0" * shutil.disk_usage(disk).free)
        before = digests(disk)
        with tempfile.TemporaryDirectory() as output:
            code, told = run(str(there.config), *FORMATS, "--output", f"{output}/out")
            assert list(Path(output).iterdir()) == []
        assert digests(disk) == before
        return clear(code, [line.replace(str(disk), "DISK") for line in told])


def permission_lost_during_the_run() -> str:
    with archived_wave() as wave:
        archive = wave.folder / "archive"
        before = digests(archive)

        def take_away() -> None:
            for folder in (archive, *(path for path in archive.rglob("*") if path.is_dir())):
                folder.chmod(0o555)
            wave.folder.chmod(0o555)

        code, told = run_and_meddle("4/6", take_away, str(wave.config), *FORMATS, "--new-run", wrapped=ORDINARY)
        assert digests(archive) == before
        return clear(code, [line.replace(str(wave.folder), "WAVE") for line in told])


def input_that_may_not_be_read() -> str:
    outcomes = []
    for name in ("wave.csv", "wave.yaml"):
        with archived_wave() as wave:
            (wave.folder / name).chmod(0)
            code, told = run(str(wave.config), *FORMATS, wrapped=ORDINARY)
            outcomes.append(clear(code, [line.replace(str(wave.folder), "WAVE") for line in told]))
    return "; ".join(outcomes)


def input_changed_during_the_run() -> str:
    for step in ("1/6", "2/6", "4/6"):
        with archived_wave() as wave:
            archive, digest = wave.folder / "archive", hashlib.sha256(wave.survey_file.read_bytes()).hexdigest()
            before = digests(archive)

            def change(wave: SmallWave = wave) -> None:
                wave.survey_file.write_text("cut off", encoding="utf-8")
                wave.config.unlink()

            assert run_and_meddle(step, change, str(wave.config), *FORMATS, "--new-run") == (0, [])
            sound(archive, before)
            newest = list_archive(archive).runs[-1]
            assert newest.manifest.facts.inputs[0].sha256 == digest
            assert b"items:" in (newest.folder / "config.yaml").read_bytes()
    return "exit 0: the report is of what was read, so are its digests and the archived configuration"


def clock_that_is_wrong() -> str:
    with archived_wave() as wave:
        archive = wave.folder / "archive"
        before = digests(archive)

        def nothing_is_lost() -> None:
            sound(archive, before)
            before.update({name: digest for name, digest in digests(archive).items() if "index" not in name})

        for when in ("2002-03-01 12:00:00", "2037-12-31 23:59:59"):
            ended = run(str(wave.config), *FORMATS, "--new-run", wrapped=["faketime", when])
            assert ended == (0, []), (when, ended)
            nothing_is_lost()
        clock = wave.folder / "clock"
        clock.write_text("+0", encoding="utf-8")
        library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
        clocked = [f"LD_PRELOAD={library}", f"FAKETIME_TIMESTAMP_FILE={clock}", "FAKETIME_NO_CACHE=1"]
        command = [str(wave.config), *FORMATS, "--new-run", "--log", str(wave.folder / "log")]
        ended = run_and_meddle(
            "3/6", lambda: clock.write_text("-2d", encoding="utf-8"), *command, wrapped=["env", *clocked]
        )
        assert ended == (0, []), ended
        nothing_is_lost()
        code, told = run(str(wave.config), *FORMATS)
        assert (code, [line[:22] for line in told]) == (0, ["note: already archived"]), told
        return f"exit 0: nothing is overwritten, {sound(archive, before)}; the next run compares and recognises as ever"


def children_of(process: int) -> list[int]:
    """Processes that a process has started."""
    return [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def killed_at_any_moment(kills: int) -> str:
    moments, killed, left = random.Random(1), 0, 0
    mailbox = Mailbox()
    with archived_wave() as wave, running(mailbox) as port:
        archive = wave.folder / "archive"
        wave.replace(
            "items:",
            "report: {pseudonyms: true}\nemail: {from: qa@agency.example, to: [a@x.example, b@x.example], "
            f"smtp: {{host: localhost, port: {port}, security: none}}}}\nitems:",
        )
        command = [str(wave.config), "--formats", "html,json,xlsx", "--new-run", "--log", str(wave.folder / "log")]
        began = time.monotonic()
        assert run(*command)[0] == 0
        seconds, before = time.monotonic() - began, digests(archive)
        for _ in range(kills):
            process = start(*command)
            time.sleep(moments.uniform(0.3, 1.0) * seconds)
            others = children_of(process.pid) if process.poll() is None else []
            process.kill()
            process.communicate()
            killed += process.returncode == -signal.SIGKILL
            sound(archive, before)
            before = digests(archive)
            time.sleep(2)  # what it has started looks every second whether it is still there
            left += sum(Path(f"/proc/{one}").exists() and "Z" not in state(one) for one in others)
        code, told = run(*command)
        assert code in (0, 4), told  # who may have got a letter gets no other by itself
        counts = [mailbox.recipients.count(who) for who in ("a@x.example", "b@x.example")]
        assert max(counts) == 1, counts
        assert left == 0
        return f"{killed} of {kills} killed; {sound(archive, before)}, the next run succeeds, nobody was mailed twice"


def mail_server(port: int, taken: Path) -> subprocess.Popen[str]:
    """A mail server of its own process, which takes its time; it adds to a file whose letters it has taken."""
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_SERVER, str(port), str(taken)], cwd=ROOT, text=True, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


SLOW_SERVER = """
import asyncio, sys, time
from pathlib import Path
from aiosmtpd.controller import Controller

class Slow:
    async def handle_RCPT(self, server, session, envelope, address, options):
        await asyncio.sleep(0.15)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        with Path(sys.argv[2]).open("a") as taken:
            taken.writelines(f"{address}\\n" for address in envelope.rcpt_tos)
        await asyncio.sleep(0.15)
        return "250 taken"

Controller(Slow(), hostname="localhost", port=int(sys.argv[1])).start()
print("ready", flush=True)
time.sleep(10**6)
"""


def mail_server_killed(kills: int) -> str:
    moments, counted = random.Random(2), Counter[str]()
    people = [f"p{number}@x.example" for number in range(6)]
    for _ in range(kills):
        with archived_wave() as wave:
            taken, port = wave.folder / "taken", free_port()
            taken.touch()
            smtp = f"{{host: localhost, port: {port}, security: none, timeout: 5}}"
            wave.replace("items:", f"email: {{from: qa@agency.example, to: {people}, smtp: {smtp}}}\nitems:")
            archive = wave.folder / "archive"
            server, n_wanted = mail_server(port, taken), moments.randrange(1, 5)
            process = start(str(wave.config), *FORMATS, "--new-run", "--quiet")
            while len(taken.read_text().splitlines()) < n_wanted:
                time.sleep(0.01)
            time.sleep(moments.uniform(0, 0.3))
            before = taken.read_text().splitlines()
            server.kill()
            server.communicate()
            told = process.communicate(timeout=300)[1]
            assert (process.returncode, "Traceback" in told) == (4, False), (process.returncode, told)
            run = str(list_archive(archive).runs[-1].folder)
            server = mail_server(port, taken)
            ended = start("send", run)
            words = ended.communicate(timeout=300)[0].splitlines()
            got, uncertain = Counter(taken.read_text().splitlines()), [line for line in words if "--again" in line]
            server.kill()
            server.communicate()
            sound(archive)
            assert max(got.values()) == 1, got
            assert ended.returncode == (4 if uncertain else 0), (ended.returncode, words)
            missed = set(people) - set(got)
            assert all(any(person in line for line in uncertain) for person in missed), (missed, words)
            counted += Counter({"before": len(before), "after": len(got) - len(before), "perhaps": len(uncertain)})
            counted["missed"] += len(missed)
    return (
        f"{kills} servers killed: exit 4, the report is archived; {counted['before']} letters were taken before and "
        f"{counted['after']} by `send` from a new server, {counted['perhaps']} called perhaps sent, of which "
        f"{counted['missed']} had not arrived; nobody got two, nobody was forgotten in silence"
    )


def state(process: int) -> str:
    """As the kernel names it; Z has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    return "Z"


def several_processes_at_once() -> str:
    with archived_wave() as wave:
        archive, before = wave.folder / "archive", digests(wave.folder / "archive")
        for options, wanted, said in ((["--new-run"], 4, ""), ([], 0, "note: already archived")):
            n_runs = len(list_archive(archive).runs)
            processes = [start(str(wave.config), *FORMATS, "--quiet", *options) for _ in range(4)]
            ended = [(process.communicate()[1], process.returncode) for process in processes]
            assert {(told[:22], code) for told, code in ended} == {(said, 0)}, ended
            assert len(list_archive(archive).runs) == n_runs + wanted, (options, n_runs, list_archive(archive))
            sound(archive, before)
        output = wave.folder / "out"
        processes = [start(str(wave.config), *FORMATS, "--quiet", "--output", str(output)) for _ in range(4)]
        ended = [(process.communicate()[1], process.returncode) for process in processes]
        assert ended == [("", 0)] * 4, ended
        assert {path.name for path in output.iterdir()} == {"report.html", "results.json"}
        pages = list(archive.rglob("report.html"))
        assert all(page.read_bytes().endswith(b"</html>\n") or page.read_bytes().endswith(b"</html>") for page in pages)
        return f"exit 0 of all: {sound(archive, before)}; four in one output folder leave one whole report"


def out_of_memory() -> str:
    with archived_wave() as wave:
        lines = wave.survey_file.read_text(encoding="utf-8").splitlines()
        with wave.survey_file.open("w", encoding="utf-8") as file:
            file.write(lines[0] + "\n")
            for copy in range(4000):
                file.writelines(f"{copy}-{line}\n" for line in lines[1:])
        before, outcomes = digests(wave.folder / "archive"), set()
        for megabytes in (500, 700, 900):
            limited = ["bash", "-c", f'ulimit -v {megabytes * 1024}; exec "$@"', "bash"]
            code, told = run(str(wave.config), *FORMATS, wrapped=limited)
            outcomes.add(clear(code, [line.replace(str(wave.folder), "WAVE") for line in told]))
            assert digests(wave.folder / "archive") == before
        return "; ".join(sorted(outcomes))


FAULTS: dict[str, Callable[[], str]] = {
    "disk full while archiving, 0 to 150 kB left": disk_full_while_archiving,
    "disk full while writing over a report, 0 to 140 kB left": disk_full_while_writing_a_report,
    "disk full where the key of the pseudonyms is kept": disk_full_for_the_key_of_pseudonyms,
    "permission to write lost during the run": permission_lost_during_the_run,
    "data or configuration that may not be read": input_that_may_not_be_read,
    "data cut off and configuration removed after step 1, 2, 4": input_changed_during_the_run,
    "clock in 2002, in 2037, and set back by two days during the run": clock_that_is_wrong,
    "four processes at once": several_processes_at_once,
    "480,000 interviews in 500, 700, 900 MB": out_of_memory,
}


def main() -> int:
    """Try every fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--only", default="", help="faults whose name holds this")
    parser.add_argument("--from", dest="first", default="", help="the fault to begin with")
    asked = parser.parse_args()
    faults = {
        **FAULTS,
        "killed at a random moment, with mail": lambda: killed_at_any_moment(asked.kills),
        "the mail server is killed while it takes six letters": lambda: mail_server_killed(max(asked.kills // 5, 1)),
    }
    print("| fault | what was seen |\n|---|---|")
    failed, begun = 0, False
    for name, attempt in faults.items():
        begun = begun or asked.first in name
        if begun and asked.only in name:
            try:
                print(f"| {name} | {attempt()} |", flush=True)
            except Exception:
                failed += 1
                print(f"| {name} | **not as it should be** |", flush=True)
                traceback.print_exc()
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
