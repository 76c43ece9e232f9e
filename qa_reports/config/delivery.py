"""The options of archive and e-mail and their defaults."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from qa_reports.config.fields import Address, Addresses, Flag, Names, Section, TeamAddresses, Text


class ArchiveConfig(Section):
    """Where every run is kept, and what this wave is compared with."""

    folder: Text = Field(description="Folder of the archive, relative to this YAML file; several surveys may share it.")
    earlier_waves: Names | None = Field(
        None,
        description="Earlier waves to compare with, oldest first, [] for none; where left out, all of this survey in "
        "the archive that were first run before this one.",
    )
    same_interviewers: Flag | None = Field(
        None,
        description="`false` where an interviewer id may be somebody else in another wave, `true` where it never is; "
        "left out, it may be where a category of the interviewer, such as gender, differs from the wave before.",
    )


class SmtpConfig(Section):
    """The mail server that takes the messages; its certificate is always verified."""

    host: Text = Field(description="Name of the mail server, as its certificate has it.")
    port: int = Field(587, ge=1, le=65535, strict=True, description="Usually 587 for starttls and 465 for tls.")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="`none` sends unencrypted and without a password, for a mail server on this machine."
    )
    user: Text | None = Field(None, description="Name to log in with; no log-in where left out.")
    password_env: Text | None = Field(None, description="Environment variable that holds the password.")
    password_file: Text | None = Field(
        None, description="File that holds the password and nothing else; an absolute path, or one that begins with ~/."
    )
    timeout: float = Field(30, gt=0, le=600, strict=True, description="Seconds to wait for each answer of the server.")


class EmailConfig(Section):
    """Who gets the archived report by e-mail; without `archive` nothing is sent."""

    from_: Address = Field(alias="from", description="Address of the sender.")
    to: Addresses = Field((), description="Who gets the whole report.")
    cc: Addresses = Field((), description="Who gets a copy of it.")
    teams: TeamAddresses = Field(
        {}, description="Team (a value of `data.team`) and who gets its own part of the report, and nothing else."
    )
    smtp: SmtpConfig = Field(description="The mail server.")
    attach_limit_mb: float = Field(
        10, ge=0, strict=True, description="A larger PDF (in millions of bytes) stays in the archive and is linked to."
    )
    archive_url: Text | None = Field(
        None, description="Web address of the archive's folder, for links, e.g. https://qa.agency.example/archive."
    )
