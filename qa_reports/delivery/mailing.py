"""Step 6, deliver: an archived run by e-mail, to everybody once."""

from __future__ import annotations

import datetime
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from msgspec import Struct

from qa_reports.config import EmailConfig, MailAddress, load_config, parse_address
from qa_reports.delivery.folder import write_files
from qa_reports.delivery.keep import CONFIG_NAME
from qa_reports.delivery.message import Attachment, Correspondents, Envelope, compose, make_message_id
from qa_reports.delivery.receipts import RECEIPTS_FILE, Matter, Receipt, Receipts, State, open_receipts
from qa_reports.delivery.refusals import Outcome
from qa_reports.delivery.send import WAITS, Listener, read_password, send_messages
from qa_reports.errors import ConfigError, DataError, UserError
from qa_reports.report.formats import plain_letters
from qa_reports.report.letter import Enclosure, write_letter
from qa_reports.report.mail import MailDocument, MailEdition, read_mail_file


class Delivery(Struct, frozen=True):
    """How it stands with one recipient."""

    recipient: str
    team: str | None
    state: Literal["sent", "earlier", "refused", "deferred", "unknown"]
    """`earlier`: sent by an earlier run, so not again."""
    words: str
    """One sentence for the user."""

    @property
    def done(self) -> bool:
        """Whether the recipient has the report, as far as a mail server can tell."""
        return self.state in ("sent", "earlier")


class _Planned(Struct, frozen=True):
    """One message that is to be sent, or was."""

    matter: Matter
    who: Correspondents
    key: str
    """Where the recipient stands in the configuration."""
    edition: MailEdition


def email_of(run: Path, config: Path | None = None) -> EmailConfig:
    """Who gets an archived run, and by which server: what its own configuration says, or another one.

    Raises:
        UserError: there is no such run or configuration, or it has no `email` section.
    """
    if not run.is_dir():
        raise DataError(f"{run}: there is no such folder; give the folder of an archived run")
    path = config or run / CONFIG_NAME
    email = load_config(path).email
    if email is None:
        raise ConfigError(f"{path}: has no email section, so nobody would get the report; give one by --config")
    return email


def mail_run(
    run: Path, email: EmailConfig, *, again: bool = False, waits: Sequence[float] = WAITS
) -> tuple[Delivery, ...]:
    """Mail an archived run to everybody who has not got it yet.

    Args:
        run: the run's folder in the archive.
        email: who gets it, and by which server.
        again: also to those who have got it, or may have.
        waits: seconds before each further attempt at what a server could not take.

    Returns:
        one entry per recipient and edition, in the order of the configuration.

    Raises:
        UserError: the run cannot be read or the receipts not written; then nothing (more) was sent.
    """
    document = read_mail_file(run)
    plans = _plan(document, email)
    with open_receipts(run.absolute().parent / RECEIPTS_FILE) as receipts:
        receipts.settle_interrupted(_now().isoformat(timespec="seconds"))
        settled = {plan.matter: None if again else receipts.settled(plan.matter) for plan in plans}
        outcomes = _send(run, email, [plan for plan in plans if settled[plan.matter] is None], receipts, waits)
    return tuple(_delivery(plan.matter, outcomes.get(plan.matter), settled[plan.matter]) for plan in plans)


def write_messages(run: Path, email: EmailConfig, folder: Path) -> tuple[str, ...]:
    """Write what would be sent as `.eml` files, one per recipient, and send nothing; returns their names.

    Raises:
        UserError: the run cannot be read or the folder not written to.
    """
    files = {}
    for number, plan in enumerate(_plan(read_mail_file(run), email), start=1):
        letters = re.sub(r"[^A-Za-z0-9]+", "_", plan.matter.recipient).strip("_")[:40]
        files[f"{number:02d}-{letters}.eml"] = _envelope(run, email, plan, times_mailed=0).compose()
    write_files(files, folder)
    return tuple(files)


def _plan(document: MailDocument, email: EmailConfig) -> list[_Planned]:
    """Every recipient of every edition, in the order of the configuration, each once."""
    planned: dict[Matter, _Planned] = {}
    sender = _parsed(email.from_)
    for edition in document.editions:
        to = tuple(map(_parsed, email.to if edition.team is None else email.teams.get(edition.team, ())))
        cc = tuple(map(_parsed, email.cc)) if edition.team is None else ()
        first = "email.to" if edition.team is None else f"email.teams.{edition.team}"
        for key, recipients in ((first, to), ("email.cc", cc)):
            for recipient in recipients:
                matter = Matter(recipient.spec, edition.team, document.content_sha256)
                planned.setdefault(matter, _Planned(matter, Correspondents(sender, recipient, to, cc), key, edition))
    return list(planned.values())


def _parsed(text: str) -> MailAddress:
    address = parse_address(text)
    if address is None:
        raise ValueError(f"{text} has passed the configuration's check and is no address")
    return address


def _send(
    run: Path, email: EmailConfig, planned: Sequence[_Planned], receipts: Receipts, waits: Sequence[float]
) -> dict[Matter, Outcome]:
    """Send what is planned and record every step; a password that is not there is everybody's outcome."""
    if not planned:
        return {}
    try:
        password = read_password(email.smtp)
    except UserError as error:
        return {plan.matter: Outcome("deferred", str(error)) for plan in planned}
    envelopes: list[Envelope] = []
    matters: dict[str, Matter] = {}
    outcomes: dict[Matter, Outcome] = {}
    for plan in planned:
        envelopes.append(_envelope(run, email, plan, _times_mailed(receipts.of(plan.matter))))
        matters[envelopes[-1].message_id] = plan.matter

    def record(envelope: Envelope, state: State, reply: str) -> None:
        now = _now().isoformat(timespec="seconds")
        receipts.record(Receipt(matters[envelope.message_id], state, run.name, envelope.message_id, now, reply))

    def ended(envelope: Envelope, outcome: Outcome) -> None:
        record(envelope, outcome.state, outcome.reply)
        outcomes[matters[envelope.message_id]] = outcome

    listener = Listener(sending=lambda envelope: record(envelope, "sending", ""), ended=ended)
    send_messages(envelopes, email.smtp, password, listener, waits)
    return outcomes


def _times_mailed(receipts: Sequence[Receipt]) -> int:
    """How many messages the recipient has, or may have."""
    return sum(receipt.state in ("sent", "unknown") for receipt in receipts)


def _envelope(run: Path, email: EmailConfig, plan: _Planned, times_mailed: int) -> Envelope:
    """The message of a plan; its id stays the same until it has been sent, so that it is never taken for a second one.

    Raises:
        DataError: the PDF is not the one that was archived.
    """
    matter, who = plan.matter, plan.who
    parts = (matter.content_sha256, matter.team or "", matter.recipient.casefold(), str(times_mailed))
    message_id = make_message_id(parts, who.sender.domain)
    date = _now()
    size = None if plan.edition.pdf is None else len(_read_pdf(run, plan.edition))
    attached = size is not None and size <= email.attach_limit_mb * 1e6
    letter = write_letter(plan.edition, _enclosure(run, email, plan.edition, size, attached))

    def composed() -> bytes:
        pdf = _read_pdf(run, plan.edition) if attached else None
        attachment = None if pdf is None else Attachment(_file_name(plan.edition), pdf)
        return compose(letter, who, attachment, message_id, date)

    return Envelope(
        sender=who.sender.spec,
        recipient=who.recipient.spec,
        key=plan.key,
        needs_utf8=who.need_utf8,
        message_id=message_id,
        attached=size if size is not None and attached else 0,
        compose=composed,
    )


def _read_pdf(run: Path, edition: MailEdition) -> bytes:
    path = run / str(edition.pdf)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}); restore it from a copy") from None
    if hashlib.sha256(content).hexdigest() != edition.pdf_sha256:
        raise DataError(f"{path}: is not the PDF that this run made, so it is not mailed; restore it from a copy")
    return content


def _enclosure(run: Path, email: EmailConfig, edition: MailEdition, size: int | None, attached: bool) -> Enclosure:
    """Where the PDF is. A team is led to its own PDF only, and not to the archive's pages about everybody."""
    place = run.absolute().parts[-3:]
    if edition.team is None:
        opened = next((name for name in ("report.html", "report.pdf") if (run / name).exists()), "")
    else:
        opened = "" if edition.pdf is None or attached else edition.pdf
    link = None
    if email.archive_url is not None and opened:
        path = "/".join(quote(part, safe="") for part in (*place, opened))
        link = f"{email.archive_url.rstrip('/')}/{path}"
    return Enclosure(attached, size, link, "/".join(place))


def _file_name(edition: MailEdition) -> str:
    """A name that every system can save: letters, digits and hyphens."""
    words = "-".join(plain_letters(part) for part in (edition.survey, edition.wave, edition.team) if part)
    return f"{re.sub(r'[^A-Za-z0-9]+', '-', words).strip('-')[:80] or 'report'}.pdf"


def _delivery(matter: Matter, outcome: Outcome | None, settled: Receipt | None) -> Delivery:
    who = matter.recipient if matter.team is None else f"{matter.recipient} (team {matter.team})"
    if outcome is not None:
        words = {
            "sent": f"{who}: sent",
            "refused": f"{who}: not sent: {outcome.reply}",
            "deferred": f"{who}: not sent, the next run tries again: {outcome.reply}",
            "unknown": f"{who}: perhaps sent: {outcome.reply}; only --again sends it again",
        }
        return Delivery(matter.recipient, matter.team, outcome.state, words[outcome.state])
    if settled is None:
        raise ValueError(f"{who} has neither an outcome nor a receipt")
    if settled.state == "sent":
        return Delivery(matter.recipient, matter.team, "earlier", f"{who}: was sent it on {settled.time}")
    words_then = f"{who}: perhaps sent on {settled.time}: {settled.reply}; only --again sends it again"
    return Delivery(matter.recipient, matter.team, "unknown", words_then)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
