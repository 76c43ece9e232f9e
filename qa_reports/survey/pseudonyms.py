"""`report.pseudonyms`: a survey under other names, before anything is computed or printed with the real ones.

A pseudonym is a keyed digest (HMAC-SHA-256, Bellare, Canetti and Krawczyk 1996) of an id: the same id has the same
pseudonym in every wave that uses the key, and without the key nobody can go back, not even by trying all ids.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from qa_reports.errors import DataError
from qa_reports.survey.clean import CleaningLog, Survey
from qa_reports.survey.columns import IntArray
from qa_reports.survey.interviewers import Tally
from qa_reports.survey.repeats import RepeatedIds, Repeats

KEY_FILE = "pseudonyms.key"
TABLE_FILE = "pseudonyms.csv"
_SHORTEST = 8
"""Characters of a pseudonym, five bits each; more where two ids of a survey would otherwise share one."""
_TELLING = 4
"""A shorter id, "12", cannot be told from a count in a sentence."""
_PSEUDONYM = re.compile(r"[IR]-[A-Z2-7]{8,}")


class PseudonymKey(Struct, frozen=True):
    """A secret of 32 bytes."""

    secret: bytes

    @property
    def text(self) -> str:
        """What stands in the key file."""
        return f"{self.secret.hex()}\n"

    def digest(self, kind: str, name: str) -> str:
        """Letters and digits that stand for a name, of any length up to 52."""
        found = hmac.new(self.secret, f"{kind}:{name}".encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
        return base64.b32encode(found).decode("ascii").rstrip("=")


class Pseudonyms(Struct, frozen=True):
    """The names of a survey and what they are called instead."""

    key: PseudonymKey
    interviewers: dict[str, str]
    respondents: dict[str, str]

    def of_interviewer(self, name: str) -> str:
        """What any interviewer is called, also of another wave or with a pseudonym already."""
        if name in self.interviewers or not _PSEUDONYM.fullmatch(name):
            return self.interviewers.get(name) or _called(self.key, "I", name, _SHORTEST)
        return name

    def of_respondent(self, name: str) -> str:
        """What any respondent is called, also one whose interview is not at hand."""
        return self.respondents.get(name) or _called(self.key, "R", name, _SHORTEST)


def read_key(path: Path) -> PseudonymKey:
    """The key in a file, or a new one where there is none; the new one is not written yet.

    Raises:
        DataError: the file is there and holds no key.
    """
    try:
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return PseudonymKey(secrets.token_bytes(32))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as the key of the pseudonyms ({error})") from None
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise DataError(
            f"{path}: is not a key of pseudonyms, which has 64 hexadecimal digits; put the file of the earlier waves "
            "back, or remove it for new pseudonyms"
        )
    return PseudonymKey(bytes.fromhex(text))


def choose_pseudonyms(survey: Survey, key: PseudonymKey) -> Pseudonyms:
    """What everybody in a survey is called."""
    return Pseudonyms(
        key, _all_called(key, "I", survey.interviewer_ids), _all_called(key, "R", dict.fromkeys(survey.respondents))
    )


def in_order_of_pseudonyms(ids: Iterable[str], key: PseudonymKey) -> IntArray:
    """Positions of ids in the order of what they are called."""
    called = list(_all_called(key, "I", ids).values())
    return np.array(sorted(range(len(called)), key=called.__getitem__), dtype=np.int64)


def with_all_respondents(survey: Survey, names: Pseudonyms) -> tuple[Survey, Pseudonyms]:
    """The survey and the names once more interviews are at hand, which come with the ids of their respondents."""
    names = replace(names, respondents=_all_called(names.key, "R", dict.fromkeys(survey.respondents)))
    return replace(survey, respondents=tuple(names.respondents[name] for name in survey.respondents)), names


def under_pseudonyms(survey: Survey, names: Pseudonyms) -> Survey:
    """The same survey without a real id. Interviewers stand in the order of their pseudonyms, which gives nothing away.

    Keys without a partner in a joined file, which may be ids, are left out of the log, and so is the row filter's text.
    An engine has numbered the interviewers already: it was given the key, and has them in this order.
    """
    pseudonyms = [names.interviewers[name] for name in survey.interviewer_ids]
    order = in_order_of_pseudonyms(survey.interviewer_ids, names.key)
    assert survey.whole is None or np.array_equal(order, np.arange(order.size))
    place = np.empty_like(order)
    place[order] = np.arange(order.size)
    return replace(
        survey,
        respondents=tuple(names.respondents[name] for name in survey.respondents),
        interviewer=place[survey.interviewer],
        interviewer_ids=tuple(pseudonyms[j] for j in order),
        interviewer_covariates=tuple(replace(one, values=one.values[order]) for one in survey.interviewer_covariates),
        teams=None if survey.teams is None else tuple(survey.teams[j] for j in order),
        suspects=tuple(
            replace(one, interviewers=_renamed(one.interviewers, names.of_interviewer)) for one in survey.suspects
        ),
        log=_log(survey.log, names),
    )


def _log(log: CleaningLog, names: Pseudonyms) -> CleaningLog:
    of = names.of_interviewer
    audits = (replace(audit, interviewer=of(audit.interviewer)) for audit in log.interviewers)
    return replace(
        log,
        repeated_ids=None if log.repeated_ids is None else _repeated(log.repeated_ids, names),
        dropped=tuple(
            replace(one, reason="not selected by where") if one.reason.startswith("not selected by where") else one
            for one in log.dropped
        ),
        recoded=tuple(replace(one, interviewers=_renamed(one.interviewers, of)) for one in log.recoded),
        out_of_range=tuple(replace(one, interviewers=_renamed(one.interviewers, of)) for one in log.out_of_range),
        interviewers=tuple(sorted(audits, key=lambda audit: audit.interviewer)),
        joins=tuple(replace(join, unmatched_keys=(), unused_keys=()) for join in log.joins),
        notes=tuple(note for note in (_note(note, names) for note in log.notes) if note),
    )


def _repeated(found: RepeatedIds, names: Pseudonyms) -> RepeatedIds:
    def renamed(one: Repeats) -> Repeats:
        return replace(
            one,
            respondents=tuple(names.of_respondent(name) for name in one.respondents),
            interviewers=_renamed(one.interviewers, names.of_interviewer),
        )

    return replace(
        found,
        left_out=renamed(found.left_out),
        counted_twice=renamed(found.counted_twice),
        others=renamed(found.others),
    )


def _note(note: str, names: Pseudonyms) -> str:
    """A note with the interviewers it lists in parentheses renamed; "" where a longer id still stands in it."""

    def listed(found: re.Match[str]) -> str:
        ids = found.group(1).split(", ")
        return f"({', '.join(names.of_interviewer(name) if name in names.interviewers else name for name in ids)})"

    renamed = re.sub(r"\(([^()]*)\)", listed, note)
    left = (name for name in names.interviewers if len(name) >= _TELLING and name in renamed)
    return "" if next(left, None) is not None else renamed


def _renamed(tally: Tally, name: Callable[[str], str]) -> Tally:
    renamed = ((name(interviewer), n) for interviewer, n in tally)
    return tuple(sorted(renamed, key=lambda one: (-one[1], one[0])))


def _called(key: PseudonymKey, kind: str, name: str, length: int) -> str:
    return f"{kind}-{key.digest(kind, name)[:length]}"


def _all_called(key: PseudonymKey, kind: str, names: Iterable[str]) -> dict[str, str]:
    ids, length = tuple(names), _SHORTEST
    while len({_called(key, kind, name, length) for name in ids}) < len(ids):
        length += 4
    return {name: _called(key, kind, name, length) for name in ids}
