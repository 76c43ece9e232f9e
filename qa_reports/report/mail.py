"""Step 5, report: what goes by e-mail. Each edition (the whole report, or one team's) is kept beside the report.

`mail.json` holds the words of every message, and `team-*.pdf` are the teams' parts: an archived run can be mailed years
later without its data, and says then what it said on its day.
"""

from __future__ import annotations

import datetime
import gc
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from qa_reports.effects.flag import Flags
from qa_reports.errors import DataError, one_line
from qa_reports.report.formats import count_of
from qa_reports.report.results import results_json
from qa_reports.report.summarise import ReportSummary
from qa_reports.report.teams import restrict_to_team, team_file_name, team_members

MAIL_FILE = "mail.json"
_MOST_LETTERS = 60
"""Letters of a survey's name in a subject line."""
_MOST_LETTERS_BESIDE = 30
"""Letters of a wave, a team or an interviewer's id in a subject line."""


class MailCall(Struct, frozen=True):
    """One interviewer worth a call, as the message tells it."""

    interviewer: str
    team: str | None
    severity: Literal["critical", "warning"]
    sureness: str
    n_interviews: int
    sentences: tuple[str, ...]
    action: str | None
    """What to do first."""
    pattern: str | None = None
    """What the deviation looks like, in a few words; None in runs that were archived before there was such a thing."""
    without: str | None = None
    """What would change without this interviewer; likewise."""


class MailEdition(Struct, frozen=True):
    """What one group of recipients gets: the whole report (`team` None), or the part of one team."""

    team: str | None
    survey: str
    wave: str | None
    country: str | None
    printed: datetime.date
    sentence: str
    notes: tuple[str, ...]
    n_items_modelled: int
    n_data_problems: int
    calls: tuple[MailCall, ...]
    pdf: str | None
    """Path of the PDF inside the run; None where none was made."""
    pdf_sha256: str | None

    @property
    def subject(self) -> str:
        """The verdict in few words, on one line."""
        about = [_shortened(self.survey, _MOST_LETTERS)]
        if self.wave:
            about.append(_shortened(self.wave, _MOST_LETTERS_BESIDE))
        if self.team is not None:
            about.append(f"team {_shortened(self.team, _MOST_LETTERS_BESIDE)}")
        return f"{', '.join(about)}: {self._verdict()}"

    def _verdict(self) -> str:
        if not self.n_items_modelled:
            return "no item could be modelled"
        problems = ""
        if self.team is None and self.n_data_problems:
            problems = f"; {count_of(self.n_data_problems, 'data-preparation problem')}"
        if not self.calls:
            return f"nobody to call{problems}"
        first = _shortened(self.calls[0].interviewer, _MOST_LETTERS_BESIDE)
        who = f": {first}" if len(self.calls) == 1 else f", {first} first"
        return f"{count_of(len(self.calls), 'interviewer')} to call{who}{problems}"


class MailDocument(Struct, frozen=True):
    """All editions of a run."""

    content_sha256: str
    """Digest of the results without their provenance: two runs with the same digest say the same."""
    editions: tuple[MailEdition, ...]
    schema_version: Literal[1] = 1


def mail_files(
    summary: ReportSummary,
    flags: Flags,
    teams: Sequence[str],
    files: Mapping[str, bytes],
    document: Mapping[str, object],
) -> dict[str, bytes]:
    """The files that `send` needs beside the report: `mail.json`, and a PDF per team.

    Args:
        teams: the teams that have recipients; one without interviewers in this wave gets nothing.
        files: the report's own files; where there is no `report.pdf`, the teams get none either.
        document: what `results_document` returns.
    """
    made: dict[str, bytes] = {}
    whole = files.get("report.pdf")
    editions = [_edition(summary, None if whole is None else ("report.pdf", whole))]
    for team in teams:
        if not team_members(flags, team):
            continue
        part = restrict_to_team(summary, team, flags)
        name = team_file_name(team)
        if whole is not None:
            from qa_reports.report.pdf import render_pdf  # loads what draws and lays out

            made[name] = render_pdf(part)
            gc.collect()  # what was laid out, a hundred megabytes
        editions.append(_edition(part, (name, made[name]) if name in made else None))
    content = results_json({key: value for key, value in document.items() if key != "provenance"})
    written = MailDocument(hashlib.sha256(content).hexdigest(), tuple(editions))
    made[MAIL_FILE] = msgspec.json.format(msgspec.json.encode(written), indent=1) + b"\n"
    return made


def teams_without_interviewers(flags: Flags, teams: Sequence[str]) -> Iterator[str]:
    """A sentence per team that has recipients but no interviewer in this wave."""
    known = list(dict.fromkeys(verdict.team for verdict in flags.interviewers if verdict.team is not None))
    for team in teams:
        if team not in known:
            named = ", ".join(known[:10]) or "none"
            yield f"email.teams.{team}: no interviewer is in this team, so it gets no mail; there are {named}"


def read_mail_file(run: Path) -> MailDocument:
    """What an archived run has to say by e-mail.

    Raises:
        DataError: the folder is no run that was made to be mailed, or the file is not as it was written.
    """
    path = run / MAIL_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=MailDocument)
    except OSError:
        remedy = "give the folder of an archived run whose configuration had an email section"
        raise DataError(f"{path}: cannot be read; {remedy}") from None
    except msgspec.DecodeError:
        raise DataError(f"{path}: is not as this program writes it; restore it, or make the report again") from None


def _edition(summary: ReportSummary, pdf: tuple[str, bytes] | None) -> MailEdition:
    heading, verdict = summary.heading, summary.verdict
    return MailEdition(
        team=heading.team,
        survey=heading.survey,
        wave=heading.wave,
        country=heading.country,
        printed=heading.printed,
        sentence=verdict.sentence,
        notes=verdict.notes,
        n_items_modelled=verdict.n_items_modelled,
        n_data_problems=verdict.n_data_problems,
        calls=tuple(
            MailCall(
                interviewer=call.interviewer,
                team=call.team,
                severity=call.severity,
                sureness=call.sureness,
                n_interviews=call.n_interviews,
                sentences=tuple(reason.sentence for reason in call.explanation.reasons),
                action=call.explanation.steps[0],
                pattern=call.explanation.name,
                without=None if call.explanation.without is None else call.explanation.without.sentence,
            )
            for call in summary.calls
        ),
        pdf=None if pdf is None else pdf[0],
        pdf_sha256=None if pdf is None else hashlib.sha256(pdf[1]).hexdigest(),
    )


def _shortened(text: str, most: int) -> str:
    """On one line, without anything invisible, and not longer than `most` letters."""
    plain = one_line(" ".join(text.split()))
    return plain if len(plain) <= most else f"{plain[: most - 1].rstrip()}…"
