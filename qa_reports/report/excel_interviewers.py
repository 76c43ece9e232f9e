"""The workbook's sheets of flags and of interviewers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from qa_reports.report.sheets import Cell, Column, Record, joined, key_value, neutral, within


def interviewer_columns(interviewers: Sequence[Record]) -> tuple[Column, ...]:
    """The columns of every survey, then one per interviewer covariate of this one."""
    covariates = list(dict.fromkeys(name for row in interviewers for name in row["covariates"]))
    return (*_INTERVIEWERS, *(Column(neutral(name), "code", 14, _covariate(name)) for name in covariates))


def _covariate(name: str) -> Callable[[Record], Cell]:
    def value(record: Record) -> Cell:
        return cast(Cell, record["covariates"].get(name))

    return value


def _reasons(record: Record) -> Cell:
    return " ".join(reason["sentence"] for reason in record["reasons"])


def _steps(record: Record) -> Cell:
    return " ".join(record["steps"])


FLAGS = (
    Column("interviewer", "text", 14, key_value("interviewer")),
    Column("severity", "text", 16, key_value("severity")),
    Column("kind", "text", 14, key_value("kind")),
    Column("pattern", "text", 20, key_value("pattern")),
    Column("items", "text", 30, joined("items")),
    Column("estimate", "estimate", 11, key_value("estimate")),
    Column("unit", "text", 26, key_value("unit")),
    Column("z", "estimate", 10, key_value("z")),
    Column("p", "p", 10, key_value("p")),
    Column("q", "p", 10, key_value("q")),
    Column("strength", "p", 10, key_value("strength")),
    Column("with areas", "text", 12, key_value("with_area")),
    Column("reviewed by", "text", 16, within("review", "by")),
    Column("until", "text", 12, within("review", "until")),
    Column("note of the review", "text", 40, within("review", "note")),
    Column("sentence", "text", 90, key_value("sentence")),
)
"""One row per flag."""
_INTERVIEWERS = (
    Column("interviewer", "text", 14, key_value("interviewer")),
    Column("team", "text", 16, key_value("team")),
    Column("interviews", "count", 11, key_value("n_interviews")),
    Column("severity", "text", 12, key_value("severity")),
    Column("too few to judge", "text", 16, key_value("too_few")),
    Column("looked into already", "text", 18, key_value("reviewed")),
    Column("combined p", "p", 12, key_value("combined_p")),
    Column("p of the call", "p", 14, key_value("sure_p")),
    Column("pattern", "text", 20, key_value("pattern")),
    Column("strongest reasons", "text", 90, _reasons),
    Column("without them", "text", 60, within("without", "sentence")),
    Column("what to do", "text", 60, _steps),
    Column("own spread over the usual", "estimate", 23, within("spread", "share")),
    Column("z of the spread", "estimate", 15, within("spread", "z")),
    Column("respondents to re-contact first", "text", 30, joined("recontact")),
)
