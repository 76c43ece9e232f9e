"""A first configuration, as values with their evidence: what `init` found out about a survey file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from msgspec import Struct
from msgspec.structs import replace

from qa_reports.config.yaml_text import yaml_text
from qa_reports.errors import DataError
from qa_reports.starting import words
from qa_reports.starting.batteries import BatteryGuess, choose_items, guess_batteries
from qa_reports.starting.columns import Column
from qa_reports.starting.covariates import (
    CovariateGuess,
    guess_interviewer_covariates,
    guess_respondent_covariates,
)
from qa_reports.starting.items import ItemGuess, guess_items
from qa_reports.starting.joining import FoundJoin, Joined
from qa_reports.starting.opened import Wishes, open_survey, relative_path
from qa_reports.starting.roles import (
    Guess,
    Roles,
    guess_interviewer,
    guess_roles,
    interviewer_candidates,
    interviewer_evidence,
)
from qa_reports.starting.rows import RowsGuess
from qa_reports.starting.texts import TextQuestion, text_questions
from qa_reports.survey.columns import did_you_mean
from qa_reports.survey.readers import DataFile


class Draft(Struct, frozen=True):
    """Everything a first configuration says, and why. Paths are relative to its folder."""

    name: str
    wave: str | None
    country: str | None
    file: str
    rows: RowsGuess | None
    """Where its names stand, if not in its first row."""
    n_interviews: int
    n_columns: int
    n_labelled: int
    """Columns with a label or labelled values."""
    codebook: str | None
    join: FoundJoin | None
    roles: Roles
    default_codes: dict[float, str]
    n_with_default: int
    """Items that need no missing codes of their own."""
    n_declared: int
    """Items whose missing codes the file or codebook declares."""
    own_codes: frozenset[str]
    """Items that need them."""
    interviewer_covariates: tuple[CovariateGuess, ...]
    respondent_covariates: tuple[CovariateGuess, ...]
    items: tuple[ItemGuess, ...]
    chosen: frozenset[str]
    """The items to begin with; the others are offered as remarks."""
    batteries: tuple[BatteryGuess, ...]
    as_text: tuple[TextQuestion, ...]
    """Questions whose answers stand as text: nobody knows their order yet."""
    left_out: tuple[tuple[str, int], ...]
    """(why, number of columns) that are no questions on a scale."""


def draft_config(survey_file: Path, folder: Path, wishes: Wishes) -> Draft:
    """Find out what a survey file holds.

    Args:
        survey_file: one row per interview.
        folder: where the configuration will stand; its paths are relative to it.
        wishes: what the user knows already.

    Raises:
        DataError: the file cannot be read, no column says who did the interviews, or no question is found.
    """
    opened = open_survey(survey_file, wishes)
    table, columns, delivered = opened.table, opened.columns, opened.delivered
    joined = opened.joined
    roles = guess_roles(columns, choose_interviewer(columns, wishes, survey_file.name))
    others = [column for column in columns if column.name not in roles.columns]
    respondents = guess_respondent_covariates(others)
    interviewers = guess_interviewer_covariates(columns, roles.interviewer.column)
    taken = roles.columns | {guess.name for guess in (*respondents, *interviewers)}
    as_text = text_questions(columns, taken)
    questions = guess_items(columns, taken | {question.name for question in as_text}, len(table))
    if not questions.items:
        raise DataError(f"{survey_file.name}: no column looks like a question on a scale; {_by_hand(as_text)}")
    items = questions.items if joined is None else _told_apart(questions.items, delivered, joined)
    batteries = guess_batteries(items)
    by_name = {column.name: column for column in columns}
    default, own = _default_codes(items, by_name)
    wave, country = constants(columns)
    return Draft(
        name=wishes.name or _title(survey_file),
        wave=wishes.wave or wave,
        country=country,
        file=relative_path(survey_file, folder),
        rows=opened.rows,
        n_interviews=len(table),
        n_columns=len(columns),
        n_labelled=sum(bool(column.labels.label or column.labels.values) for column in columns),
        codebook=None if opened.codebook is None else relative_path(opened.codebook, folder),
        join=None if joined is None else joined.found(folder),
        roles=roles,
        default_codes=default,
        n_with_default=len(items) - len(own),
        n_declared=sum(_declared_by_file(by_name[item.name]) for item in items),
        own_codes=own,
        interviewer_covariates=interviewers,
        respondent_covariates=respondents,
        items=items,
        chosen=_chosen(items, batteries, delivered, wishes.most_items),
        batteries=batteries,
        as_text=as_text,
        left_out=questions.left_out,
    )


def _by_hand(as_text: Sequence[TextQuestion]) -> str:
    if not as_text:
        return "write a configuration by hand, as configs/minimal.yaml shows"
    first = as_text[0]
    others = f" (of {len(as_text):,} such columns)" if len(as_text) > 1 else ""
    shown = ", ".join(yaml_text(answer) for answer in first.answers)
    return (
        f"{first.name}{others} has answers as text: write a configuration by hand with them in their order, the lowest "
        f"first, as items: [{{name: {yaml_text(first.name)}, categories: [{shown}]}}]"
    )


def _told_apart(items: Sequence[ItemGuess], delivered: DataFile, joined: Joined) -> tuple[ItemGuess, ...]:
    """The items, with a remark on those of the file that says who asked: they may be interviewers' own answers."""
    remark = f"from {joined.path.name}: perhaps what interviewers say of the interview, and no answer of a respondent"
    return tuple(
        item if item.name in delivered.table.columns else replace(item, remarks=(*item.remarks, remark))
        for item in items
    )


def _chosen(
    items: Sequence[ItemGuess], batteries: Sequence[BatteryGuess], delivered: DataFile, most: int
) -> frozenset[str]:
    """The items to begin with: those of the survey file, or of a joined one where it has none."""
    own = [item for item in items if item.name in delivered.table.columns] or list(items)
    names = {item.name for item in own}
    whole = [grid for grid in batteries if all(item.name in names for item in grid.items)]
    return choose_items(own, whole, most)


def choose_interviewer(columns: Sequence[Column], wishes: Wishes, file: str) -> Guess:
    """The column the user names, or the one that says so itself."""
    if wishes.interviewer is not None:
        for column in columns:
            if column.name == wishes.interviewer:
                label = "" if column.label == column.name else column.label
                return Guess(column.name, f"{interviewer_evidence(column)}; named by --interviewer", label)
        hint = did_you_mean(wishes.interviewer, (column.name for column in columns))
        raise DataError(f'{file} has no column "{wishes.interviewer}" (--interviewer){hint}')
    guess = guess_interviewer(columns)
    if guess is None:
        candidates = interviewer_candidates(columns)
        by_values = f"; by their values it could be {', '.join(candidates)}" if candidates else ""
        raise DataError(
            f"{file}: no column says by its name or label who did the interviews; name it with --interviewer COLUMN, "
            f"or the file that has it with --join FILE{by_values}"
        )
    return guess


def _default_codes(
    items: Sequence[ItemGuess], columns: Mapping[str, Column]
) -> tuple[dict[float, str], frozenset[str]]:
    """The missing codes most items share, and the items that need their own.

    A file's own user-missing values apply before the default, so they need no line where they say it all.
    """
    plain = [item for item in items if not _declared_by_file(columns[item.name])]
    counted: Counter[tuple[tuple[float, str], ...]] = Counter(tuple(item.codes.items()) for item in plain)
    best = max(counted, key=lambda codes: (counted[codes], -len(codes)), default=())
    # Where the file declares most codes itself, a default for the rest would only be in the way.
    default = dict(best) if 2 * len(plain) >= len(items) else {}
    own = set()
    for item in items:
        column = columns[item.name]
        in_force = _declared_codes(column) if _declared_by_file(column) else set(default)
        low, high = item.scale
        inside = any(low <= code <= high for code in default)
        used = set(column.value_counts())
        if inside or set(item.codes) - in_force or (in_force - set(item.codes)) & used:
            own.add(item.name)
    return default, frozenset(own)


def _declared_by_file(column: Column) -> bool:
    return bool(column.labels.user_missing or column.labels.user_missing_ranges)


def _declared_codes(column: Column) -> set[float]:
    """The numbers the file declares user-missing, among those it labels or holds."""
    ranges = [*column.labels.user_missing_ranges, *((code, code) for code in column.labels.user_missing)]
    return {
        code
        for code in column.codes
        if any(
            isinstance(low, float | int) and isinstance(high, float | int) and low <= code <= high
            for low, high in ranges
        )
    }


def constants(columns: Sequence[Column]) -> tuple[str | None, str | None]:
    """The wave and the country, where a column says the same of every interview."""
    found: list[str | None] = []
    for pattern in (words.WAVE, words.COUNTRY):
        same = (
            column
            for column in columns
            if pattern.search(column.words) and column.n_present == len(column.cells)
            and len(pd.unique(column.texts)) == 1
        )  # fmt: skip
        column = next(same, None)
        if column is None:
            found.append(None)
            continue
        text = str(column.texts[0])
        said = {str(value): label for value, label in column.labels.values} | {
            f"{value:g}": label for value, label in column.answer_labels.items()
        }
        found.append(said.get(text, text))
    return found[0], found[1]


def _title(survey_file: Path) -> str:
    stem = survey_file.name.split(".")[0]
    return " ".join(stem.replace("_", " ").replace("-", " ").split()) or stem
