"""Mail servers for the tests: a real one with STARTTLS and AUTH, and one that plays a script and breaks off."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = b"qa", b"correct horse"


@dataclass
class Mailbox:
    """What a server has taken, and how it answers: `replies` by recipient, each used once from the left."""

    replies: dict[str, list[str]] = field(default_factory=dict)
    after_data: list[str] = field(default_factory=list)
    """Answers to the text of a message, each used once from the left."""
    taken: list[tuple[str, bytes]] = field(default_factory=list)
    """(recipient, message) of every message that was taken."""
    attempts: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)

    async def handle_MAIL(  # noqa: N802 -- aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.options.extend(options)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.attempts.append(address)
        if self.replies.get(address):
            return self.replies[address].pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.after_data:
            return self.after_data.pop(0)
        assert isinstance(envelope.original_content, bytes)
        self.taken.extend((recipient, envelope.original_content) for recipient in envelope.rcpt_tos)
        return "250 taken as 4711"

    @property
    def recipients(self) -> list[str]:
        return [recipient for recipient, _ in self.taken]

    def message_to(self, recipient: str) -> EmailMessage:
        (content,) = [content for taken_by, content in self.taken if taken_by == recipient]
        message = BytesParser(policy=policy.default).parsebytes(content)
        assert isinstance(message, EmailMessage)
        return message


@dataclass(frozen=True)
class Certificates:
    """A certificate authority of its own, and a certificate for localhost signed by it."""

    authority: Path
    chain: Path
    key: Path


def make_certificates(folder: Path, name: str = "localhost", until: datetime.datetime | None = None) -> Certificates:
    authority = trustme.CA()
    certificate = authority.issue_cert(name, not_after=until)
    made = Certificates(folder / "ca.pem", folder / "chain.pem", folder / "key.pem")
    authority.cert_pem.write_to_path(str(made.authority))
    for number, blob in enumerate(certificate.cert_chain_pems):
        blob.write_to_path(str(made.chain), append=number > 0)
    certificate.private_key_pem.write_to_path(str(made.key))
    return made


def server_context(certificates: Certificates) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.chain, certificates.key)
    return context


def check_password(server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: object) -> AuthResult:
    """Let one user in. `handled=False` is what makes aiosmtpd answer 535 itself."""
    right = isinstance(given, LoginPassword) and (given.login, given.password) == (USER, PASSWORD)
    return AuthResult(success=right, handled=right)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(
    mailbox: Mailbox,
    security: str = "none",
    certificates: Certificates | None = None,
    auth: bool = False,
    smtputf8: bool = False,
    size_limit: int | None = None,
) -> Iterator[int]:
    """A server on a loopback port of its own, until the block ends; yields the port."""
    context = None if certificates is None else server_context(certificates)
    controller = Controller(
        mailbox,
        hostname="localhost",
        port=free_port(),
        ssl_context=context if security == "tls" else None,
        tls_context=context if security == "starttls" else None,
        require_starttls=security == "starttls",
        auth_required=auth,
        auth_require_tls=security == "starttls",
        authenticator=check_password if auth else None,
        enable_SMTPUTF8=smtputf8,
        data_size_limit=size_limit,
    )
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


@dataclass
class ScriptedServer:
    """Speaks just enough SMTP to break off where it is told to."""

    breaks_at: str
    """A command, or "text" (in the middle of the message) or "reply" (after all of it was taken)."""
    times: int = 1
    """How often it breaks off; afterwards it takes everything."""
    taken: int = 0
    cut: int = 0
    port: int = 0

    def serve(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as lines:
                self._talk(connection, lines.readline)

    def _talk(self, connection: socket.socket, readline: Callable[[], bytes]) -> None:
        connection.sendall(b"220 localhost ready\r\n")
        while line := readline():
            command = line.split()[0].decode("ascii").upper()
            if self._breaks(command):
                return
            if command == "DATA":
                connection.sendall(b"354 go on\r\n")
                if not self._take_text(readline):
                    return
                connection.sendall(b"250 taken\r\n")
            elif command == "QUIT":
                connection.sendall(b"221 bye\r\n")
                return
            else:
                connection.sendall(b"250 OK\r\n")

    def _take_text(self, readline: Callable[[], bytes]) -> bool:
        for number in range(10**6):
            line = readline()
            if number == 5 and self._breaks("text"):
                return False
            if line == b".\r\n":
                self.taken += 1
                return not self._breaks("reply")
        return False

    def _breaks(self, place: str) -> bool:
        if place != self.breaks_at or self.cut >= self.times:
            return False
        self.cut += 1
        return True


@contextmanager
def scripted(server: ScriptedServer) -> Iterator[ScriptedServer]:
    with socket.create_server(("localhost", 0)) as listening:
        server.port = listening.getsockname()[1]
        thread = threading.Thread(target=server.serve, args=(listening,), daemon=True)
        thread.start()
        yield server
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=5)


@contextmanager
def silent() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("localhost", 0)) as listening:
        yield listening.getsockname()[1]


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until something that another thread does has happened."""
    for _ in range(200):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen within two seconds")
