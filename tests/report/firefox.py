"""Firefox without a window, told what to do by Marionette, its own remote protocol: JSON over a local socket."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
START_SECONDS = 60
"""A first start on a busy machine takes ten."""


class Firefox:
    """One window. Scripts are functions' bodies and return what JSON can say."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._told = connection.makefile("rb")
        self._read()  # who it is
        self._tell("WebDriver:NewSession", {"capabilities": {"alwaysMatch": {"acceptInsecureCerts": False}}})

    def open(self, address: str) -> None:
        """Load a page, anew where it is the same with another fragment, and wait until it is loaded."""
        self._tell("WebDriver:Navigate", {"url": "about:blank"})
        self._tell("WebDriver:Navigate", {"url": address})

    def run(self, script: str) -> Any:
        """What a script returns."""
        return self._tell("WebDriver:ExecuteScript", {"script": script, "args": [], "sandbox": None})["value"]

    def wait_for(self, condition: str, seconds: float = 20) -> None:
        """Until an expression is true."""
        end = time.monotonic() + seconds
        while not self.run(f"return Boolean({condition})"):
            assert time.monotonic() < end, condition
            time.sleep(0.05)

    def _tell(self, command: str, given: dict[str, Any]) -> Any:
        message = json.dumps([0, 1, command, given])
        self._connection.sendall(f"{len(message.encode())}:{message}".encode())
        _, _, error, result = self._read()
        assert error is None, error
        return result

    def _read(self) -> Any:
        length = b""
        while not length.endswith(b":"):
            letter = self._told.read(1)
            assert letter, "Firefox has hung up"
            length += letter
        return json.loads(self._told.read(int(length[:-1])))


@contextlib.contextmanager
def firefox(profile: Path) -> Iterator[Firefox]:
    """A Firefox of its own, with an empty profile in a new folder."""
    assert FIREFOX is not None
    profile.mkdir()
    (profile / "user.js").write_text('user_pref("marionette.port", 0);\nuser_pref("app.update.auto", false);\n')
    command = [FIREFOX, "--headless", "--no-remote", "--profile", str(profile), "--marionette"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with socket.create_connection(("127.0.0.1", _port(profile, process))) as connection:
            connection.settimeout(START_SECONDS)
            yield Firefox(connection)
    finally:
        process.terminate()
        process.wait()


def _port(profile: Path, process: subprocess.Popen[bytes]) -> int:
    """The port it has chosen and written into its profile."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError, ValueError):
            return int((profile / "MarionetteActivePort").read_text())
        time.sleep(0.1)
    raise AssertionError("Firefox did not start")
