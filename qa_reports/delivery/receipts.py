"""Step 6, deliver: who has been mailed what. One line of JSON per event, on the disk before anything depends on it.

A message is recorded as `sending` before its text leaves this machine, and by its outcome afterwards. A `sending`
without an outcome was cut short, and whether it arrived cannot be known: it becomes `unknown` and is not sent again by
itself. Lines are only ever added.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from qa_reports.delivery.archive import bring_to_disk
from qa_reports.errors import DataError, OutputError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

RECEIPTS_FILE = "receipts.jsonl"
"""Stands in the wave's folder beside its runs, because two runs of a wave may have the same to say."""

State = Literal["sending", "sent", "refused", "deferred", "unknown"]
"""`deferred`: the server could not take it for now; `refused`: it never will."""


class Matter(Struct, frozen=True):
    """What was to be said to whom."""

    recipient: str
    team: str | None
    content_sha256: str
    """Digest of the results, `MailDocument.content_sha256`."""


class Receipt(Struct, frozen=True):
    """One event of one message."""

    matter: Matter
    state: State
    run: str
    """Name of the run's folder."""
    message_id: str
    time: str
    """UTC, ISO 8601."""
    reply: str
    """What the mail server said, or what happened, in a few words."""


class Receipts:
    """All receipts of a wave, locked: whoever holds this is the only one who mails from that folder."""

    def __init__(self, path: Path, descriptor: int, receipts: list[Receipt]) -> None:
        self._path = path
        self._descriptor = descriptor
        self._receipts = receipts

    def of(self, matter: Matter) -> tuple[Receipt, ...]:
        """Everything that happened in a matter, oldest first."""
        key = _key(matter)
        return tuple(receipt for receipt in self._receipts if _key(receipt.matter) == key)

    def settled(self, matter: Matter) -> Receipt | None:
        """The receipt because of which nobody is mailed again: the message was sent, or may have been."""
        events = self.of(matter)
        sent = [receipt for receipt in events if receipt.state == "sent"]
        doubtful = [receipt for receipt in events if receipt.state == "unknown"]
        return next(iter((*sent[-1:], *doubtful[-1:])), None)

    def record(self, receipt: Receipt) -> None:
        """Add a receipt; when this returns, it is on the disk.

        Raises:
            OutputError: it cannot be written; then nothing may be sent.
        """
        try:
            line = msgspec.json.encode(receipt) + b"\n"
            written = os.write(self._descriptor, line)
            if written != len(line):
                raise OSError(f"only {written} of {len(line)} bytes were written")
            os.fsync(self._descriptor)
        except OSError as error:
            raise _cannot_write(self._path, error) from None
        self._receipts.append(receipt)

    def settle_interrupted(self, time: str) -> None:
        """Turn every `sending` without an outcome into `unknown`."""
        latest = {(_key(receipt.matter), receipt.message_id): receipt for receipt in self._receipts}
        for receipt in latest.values():
            if receipt.state == "sending":
                reply = "the program was stopped while it was sending"
                self.record(replace(receipt, state="unknown", time=time, reply=reply))


@contextmanager
def open_receipts(path: Path) -> Iterator[Receipts]:
    """The receipts of a wave; waits while another run is sending.

    Raises:
        OutputError: the file cannot be written to, so nothing may be sent.
        DataError: a line of it cannot be read, so nobody knows who was mailed.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        raise _cannot_write(path, error) from None
    try:
        _lock(descriptor)
        bring_to_disk(path.parent)
        yield Receipts(path, descriptor, _read(path, descriptor))
    finally:
        os.close(descriptor)


def _read(path: Path, descriptor: int) -> list[Receipt]:
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:  # the machine stopped while this line was written, so nothing was sent on its strength
        os.ftruncate(descriptor, len(whole))
    receipts = []
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            receipts.append(msgspec.json.decode(line, type=Receipt))
        except msgspec.DecodeError:
            remedy = "nobody is mailed while it is unknown who was; restore the file"
            raise DataError(f"{path}:{number}: is not a receipt; {remedy}") from None
    return receipts


def _key(matter: Matter) -> tuple[str, str | None, str]:
    return matter.recipient.casefold(), matter.team, matter.content_sha256


def _lock(descriptor: int) -> None:
    """Wait until no other run is sending; closing the file ends it."""
    if sys.platform == "win32":
        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _cannot_write(path: Path, error: OSError) -> OutputError:
    reason = error.strerror or str(error)
    return OutputError(f"{path}: cannot be written to ({reason}); without receipts nothing is sent")
