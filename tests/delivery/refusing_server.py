"""A mail server that answers as it is told to."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

from tests.delivery.mail_server import Certificates, server_context


@dataclass
class Refusing:
    """Says `replies[COMMAND]` where there is one, and nothing at all where that is empty.

    "TEXT" is the reply to a message's text, "HELLO" the greeting.
    """

    replies: dict[str, str] = field(default_factory=dict)
    offers: tuple[str, ...] = ()
    """Lines of the answer to EHLO; "STARTTLS" is offered only before the encryption."""
    certificates: Certificates | None = None
    encrypted: bool = False
    """From the start, as on port 465."""
    heard: list[str] = field(default_factory=list)
    """The first word of every line that came, in capitals; not those of messages."""
    taken: int = 0
    port: int = 0

    def serve(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with suppress(OSError), ExitStack() as opened:  # the program may hang up
                self._talk(opened.enter_context(connection), opened)

    def _wrapped(self, connection: socket.socket) -> ssl.SSLSocket:
        assert self.certificates is not None
        return server_context(self.certificates).wrap_socket(connection, server_side=True)

    def _talk(self, connection: socket.socket, opened: ExitStack) -> None:
        if self.encrypted:
            connection = opened.enter_context(self._wrapped(connection))
        lines = opened.enter_context(connection.makefile("rb"))
        self._say(connection, self.replies.get("HELLO", "220 ready"))
        while line := lines.readline():
            command = line.decode("utf-8", "replace").strip().split(" ")[0].upper()
            self.heard.append(command)
            if command == "EHLO" and "EHLO" not in self.replies:
                offers = [o for o in self.offers if o != "STARTTLS" or not isinstance(connection, ssl.SSLSocket)]
                self._say(connection, "\r\n".join([*(f"250-{offer}" for offer in ("localhost", *offers)), "250 HELP"]))
            elif command == "STARTTLS" and command not in self.replies:
                self._say(connection, "220 go on")
                connection = opened.enter_context(self._wrapped(connection))
                lines = opened.enter_context(connection.makefile("rb"))
            elif command == "DATA" and command not in self.replies:
                self._say(connection, "354 go on")
                while lines.readline() not in (b".\r\n", b""):
                    pass
                self.taken += "TEXT" not in self.replies
                self._say(connection, self.replies.get("TEXT", "250 taken"))
            else:
                self._say(connection, self.replies.get(command, "250 OK"))

    def _say(self, connection: socket.socket, reply: str) -> None:
        if reply:
            connection.sendall(f"{reply}\r\n".encode())


@contextmanager
def refusing(server: Refusing) -> Iterator[Refusing]:
    with socket.create_server(("localhost", 0)) as listening:
        server.port = listening.getsockname()[1]
        thread = threading.Thread(target=server.serve, args=(listening,), daemon=True)
        thread.start()
        yield server
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=5)
