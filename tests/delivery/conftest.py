"""What tests of mail have in common: a run to be mailed, and what a server is known and spoken to by."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.delivery.archived_run import write_run
from tests.delivery.mail_server import PASSWORD, USER, Certificates, make_certificates


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "archive")


@pytest.fixture
def certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Certificates:
    """A certificate for localhost that this process trusts."""
    made = make_certificates(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
    return made


@pytest.fixture
def login(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("QA_TEST_PASSWORD", PASSWORD.decode())
    return {"user": USER.decode(), "password_env": "QA_TEST_PASSWORD"}
