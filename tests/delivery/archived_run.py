"""An archived run that can be mailed, made by hand: its texts and PDFs are what a test needs them to be."""

from __future__ import annotations

import datetime
import hashlib
from pathlib import Path
from typing import Any

import msgspec
from msgspec import structs

from qa_reports.config import EmailConfig
from qa_reports.report.mail import MAIL_FILE, MailCall, MailDocument, MailEdition

PDF = b"%PDF-1.7\n" + bytes(range(256)) * 40 + b"\n.\r\n..\n%%EOF\n"
"""Every byte there is, and lines that SMTP could take for the end of the message."""
NORTH_PDF = b"%PDF-1.7 north"

WHOLE = MailEdition(
    team=None,
    survey="Trust Survey",
    wave="Wave 1",
    country="Belgium",
    printed=datetime.date(2026, 3, 1),
    sentence="2 of 12 interviewers are worth a call, 1003 first.",
    notes=("Interviewers matter most for Trust in the police.",),
    n_items_modelled=3,
    n_data_problems=1,
    calls=(
        MailCall("1003", "North", "critical", "Sure: hardly chance", 18, ("Answers lie lower.",), "Call and ask."),
        MailCall("1009", "South", "warning", "Fairly sure", 20, ("Answers lie higher.",), "Call and ask."),
    ),
    pdf="report.pdf",
    pdf_sha256=hashlib.sha256(PDF).hexdigest(),
)
NORTH = structs.replace(
    WHOLE,
    team="North",
    sentence="1 of 6 interviewers of team North is worth a call: 1003.",
    calls=WHOLE.calls[:1],
    pdf="team-north.pdf",
    pdf_sha256=hashlib.sha256(NORTH_PDF).hexdigest(),
)


def write_run(folder: Path, *editions: MailEdition, content: str = "c" * 64, name: str = "run-1") -> Path:
    """A run in `<folder>/Trust Survey/Wave 1/<name>`; the editions' PDFs stand in it."""
    run = folder / "Trust Survey" / "Wave 1" / name
    run.mkdir(parents=True)
    (run / "report.pdf").write_bytes(PDF)
    (run / "report.html").write_text("<!DOCTYPE html>", encoding="utf-8")
    (run / "team-north.pdf").write_bytes(NORTH_PDF)
    document = MailDocument(content, editions or (WHOLE, NORTH))
    (run / MAIL_FILE).write_bytes(msgspec.json.encode(document))
    return run


def email(port: int, security: str = "none", **more: Any) -> EmailConfig:
    """A section with three recipients unless told otherwise."""
    smtp = {"host": "localhost", "port": port, "security": security, "timeout": 5, **more.pop("smtp", {})}
    section = {"from": "QA desk <qa@agency.example>", "to": ["a@x.example", "b@x.example"], "cc": "c@x.example"}
    return EmailConfig.model_validate({**section, "smtp": smtp, **more})
