"""Step 2, clean: missing codes, ranges and exclusions; every change is counted and on record."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from msgspec import Struct

from qa_reports.config import Covariates, ItemConfig, ReportConfig
from qa_reports.errors import DataError
from qa_reports.survey.audit import (
    Descriptives,
    InterviewerAudit,
    ItemAudit,
    audit_interviewers,
    audit_items,
    describe_items,
)
from qa_reports.survey.back_check import match_back_check
from qa_reports.survey.codes import Recode, codes_of_item, own_codes
from qa_reports.survey.columns import (
    BoolArray,
    FloatArray,
    IntArray,
    TextArray,
    as_text,
    numbers_or_error,
    require_column,
    row_name,
)
from qa_reports.survey.covariates import (
    CleanCovariate,
    Covariate,
    interviewer_covariate,
    levels_of,
    respondent_covariate,
)
from qa_reports.survey.interviewers import (
    MOST_NAMED,
    Interviewers,
    alike_notes,
    coded_as_missing,
    counted,
    index_interviewers,
    interviewer_texts,
    natural_key,
    of_whom,
)
from qa_reports.survey.items import CleanItem, ItemResponses, OutOfRange, clean_item, reverse
from qa_reports.survey.load import JoinRecord, SurveyFile, VariableLabels, columns_in_use
from qa_reports.survey.nobody import find_nobody
from qa_reports.survey.repeats import DELIVERED_TWICE, RepeatedIds, digests, judge_repeats, repeated
from qa_reports.survey.survey import CleaningLog, DroppedRows, Survey
from qa_reports.survey.suspects import CodeSuspect, find_suspects, known_reasons
from qa_reports.survey.timing import interview_times, question_times
from qa_reports.survey.where import parse_where

__all__ = [
    "CleaningLog",
    "CodeSuspect",
    "Covariate",
    "Descriptives",
    "DroppedRows",
    "FloatArray",
    "IntArray",
    "InterviewerAudit",
    "ItemAudit",
    "ItemResponses",
    "OutOfRange",
    "Recode",
    "Survey",
    "clean_survey",
]

_NO_LABELS = VariableLabels()
_WEIGHT_REMEDY = "recode them, and leave the cell empty where an interview has no weight"


def clean_survey(survey_file: SurveyFile, config: ReportConfig, *, look_for_repeats: bool = True) -> Survey:
    """Turn a file as delivered into a `Survey`; `look_for_repeats`: whether interviews may stand in it twice.

    Raises:
        DataError: a column is missing, an item holds text, no interview is left; the message says what would be right.
        ConfigError: `where` is not a filter.
    """
    used, dropped, nobody_notes = _select_rows(survey_file, config)
    chosen = ChosenRows(survey_file, survey_file.table.loc[used])
    named = config.data.respondent
    ids = None if named is None else as_text(chosen.column(named, "data.respondent"))
    repeated_ids, left_out = (None, None) if ids is None or not look_for_repeats else _repeats(chosen, ids, config)
    if ids is not None and left_out is not None:
        chosen, ids = ChosenRows(survey_file, chosen.table.loc[~left_out]), ids[~left_out]
        dropped += (DroppedRows(DELIVERED_TWICE, int(left_out.sum())),)
    interviewers = index_interviewers(interviewer_texts(chosen.table, config.data.interviewer))
    respondents, respondent_notes = _respondents(chosen, ids, config)
    items = _clean_items(chosen, config, interviewers)
    respondent_covariates = _clean_covariates(
        chosen, config.respondent_covariates, "respondent_covariates", interviewers, respondent_covariate
    )
    interviewer_covariates = _clean_covariates(
        chosen, config.interviewers.covariates, "interviewers.covariates", interviewers, interviewer_covariate
    )
    weight, weight_notes = _weights(chosen, config, interviewers)
    times = (
        None
        if config.data.duration is None
        else interview_times(chosen.table, config.data.duration, chosen.files, interviewers)
    )
    seconds = question_times(chosen.table, config, chosen.files, interviewers)
    again = survey_file.back_check
    back_check = match_back_check(again, respondents, config, survey_file.labels) if again is not None else None
    covariates = respondent_covariates + interviewer_covariates
    teams, team_notes = teams_of(chosen, config, interviewers)
    notes = (
        *nobody_notes,
        *alike_notes(interviewers.ids),
        *survey_file.notes,
        *join_notes(survey_file.joins),
        *respondent_notes,
        *weight_notes,
        *(times.notes if times else ()),
        *(seconds.notes if seconds else ()),
        *team_notes,
    )
    if back_check is not None:
        notes = (*notes, *back_check.notes)
    by_variable = (*(item.recodes for item in items), *(covariate.recodes for covariate in covariates))
    log = CleaningLog(
        rows_in=len(used),
        rows_used=len(chosen.table),
        dropped=dropped,
        recoded=tuple(dict.fromkeys(recode for recodes in by_variable for recode in recodes)),
        out_of_range=tuple(value for item in items for value in item.out_of_range),
        descriptives=describe_items(items, weight, (interviewers,) * len(items)),
        items=audit_items(items, (interviewers,) * len(items)),
        interviewers=audit_interviewers(items, (interviewers,) * len(items)),
        joins=survey_file.joins,
        notes=(*notes, *(note for covariate in covariates for note in covariate.notes)),
        repeated_ids=repeated_ids,
    )
    reasons = known_reasons(config)
    return Survey(
        respondents=respondents,
        interviewer=interviewers.position,
        interviewer_ids=interviewers.ids,
        items=tuple(
            reverse(cleaned.responses) if item.reverse else cleaned.responses
            for cleaned, item in zip(items, config.items, strict=True)
        ),
        respondent_covariates=tuple(cleaned.covariate for cleaned in respondent_covariates),
        interviewer_covariates=tuple(cleaned.covariate for cleaned in interviewer_covariates),
        weight=weight,
        area=_groups(chosen, config.data.area, "data.area"),
        teams=teams,
        minutes=None if times is None else times.minutes,
        suspects=tuple(suspect for item in items for suspect in find_suspects(item, reasons, interviewers)),
        log=log,
        provenance=survey_file.provenance,
        times=times,
        question_times=seconds,
        others=_other_columns(chosen, config, interviewers),
        back_check=back_check,
    )


class ChosenRows(Struct, frozen=True, eq=False):
    """The rows that are used; the table's index still counts the file's rows from 0."""

    survey_file: SurveyFile
    table: pd.DataFrame

    @property
    def files(self) -> str:
        return self.survey_file.files

    def column(self, name: str, key: str) -> pd.Series:
        return require_column(self.table, name, key, self.files)

    def labels(self, name: str) -> VariableLabels:
        return self.survey_file.labels.get(name, _NO_LABELS)


def _select_rows(
    survey_file: SurveyFile, config: ReportConfig
) -> tuple[BoolArray, tuple[DroppedRows, ...], tuple[str, ...]]:
    """(rows in the file,) which rows are used, and why the others are not; the first reason counts. And notes."""
    table, names = survey_file.table, config.data.interviewer
    for name in names:
        require_column(table, name, "data.interviewer", survey_file.files)
    used = np.ones(len(table), dtype=bool)
    dropped: list[DroppedRows] = []

    def drop(reason: str, unwanted: BoolArray) -> None:
        if (used & unwanted).any():
            dropped.append(DroppedRows(reason, int((used & unwanted).sum())))
            used[unwanted] = False
        if not used.any():
            raise DataError(f"{survey_file.files}: no interview is left; every row was dropped: {_sentence(dropped)}")

    if config.data.where is not None:
        matching = parse_where(config.data.where).matching(table, survey_file.files)
        drop(f"not selected by where: {config.data.where}", ~matching)
    drop(f"no interviewer id ({', '.join(names)} is blank)", interviewer_texts(table, names) == "")
    notes: list[str] = []
    for name in names:
        labels = survey_file.labels.get(name, _NO_LABELS)
        nobody, kept = find_nobody(table.loc[used, name], labels, config.interviewers.missing_codes)
        rows = np.flatnonzero(used)
        for found in nobody:
            unwanted = np.zeros(len(table), dtype=bool)
            unwanted[rows[found.cells]] = True
            drop(found.reason, unwanted)
        notes += [*(found.note for found in nobody if found.note is not None), *kept]
    return used, tuple(dropped), tuple(notes)


def _sentence(dropped: list[DroppedRows]) -> str:
    return ", ".join(f"{rows.n} {rows.reason}" for rows in dropped)


def _repeats(chosen: ChosenRows, ids: TextArray, config: ReportConfig) -> tuple[RepeatedIds | None, BoolArray | None]:
    """Respondent ids that stand with several of these rows, and (n,) the rows to be left out; None where none are."""
    again = repeated(ids)
    if not again.any():
        return None, None
    table, in_use = chosen.table.loc[again], columns_in_use(config) - {config.data.respondent}
    items = [item.name for item in config.items if item.name in table]
    found, same = judge_repeats(
        config.data.respondent or "",
        ids[again],
        interviewer_texts(table, config.data.interviewer),
        digests(table, [column for column in table.columns if column in in_use]),
        digests(table, items),
        table[items].notna().any(axis=1).to_numpy(),
        len(ids),
    )
    left_out = np.zeros(len(again), dtype=bool)
    left_out[again] = same
    return found, left_out if same.any() else None


def _respondents(
    chosen: ChosenRows, ids: TextArray | None, config: ReportConfig
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Ids, or the row's number in the file where there is none."""
    row_numbers = [str(row + 1) for row in chosen.table.index]
    if ids is None:
        return tuple(row_numbers), ()
    blank = int((ids == "").sum())
    without = f"{config.data.respondent}: {counted(blank, 'interview')} without a respondent id, called by row."
    names = tuple(str(text) or f"row {row}" for text, row in zip(ids, row_numbers, strict=True))
    return names, (without,) if blank else ()


def _clean_items(chosen: ChosenRows, config: ReportConfig, interviewers: Interviewers) -> tuple[CleanItem, ...]:
    cleaned = []
    for item in config.items:
        column, labels = chosen.column(item.name, "items"), chosen.labels(item.name)
        codes = codes_of_item(item, labels, config)
        cleaned.append(clean_item(column, item, codes, labels, interviewers, chosen.files))
    return tuple(cleaned)


def _other_columns(chosen: ChosenRows, config: ReportConfig, interviewers: Interviewers) -> tuple[ItemResponses, ...]:
    """Columns of numbers that indicators use and that are no items, their own missing codes set to missing."""
    found = []
    for key, wanted in (("gates", config.indicators.gates), ("numeric", config.indicators.numeric)):
        for entry in wanted:
            as_item = ItemConfig(name=entry.name, label=entry.label)
            column, labels = chosen.column(entry.name, f"indicators.{key}"), chosen.labels(entry.name)
            codes = own_codes(entry.missing_codes, labels)
            found.append(clean_item(column, as_item, codes, labels, interviewers, chosen.files).responses)
    return tuple(found)


_CovariateCleaner = Callable[..., CleanCovariate]


def _clean_covariates(
    chosen: ChosenRows, wanted: Covariates, key: str, interviewers: Interviewers, cleaner: _CovariateCleaner
) -> tuple[CleanCovariate, ...]:
    return tuple(
        cleaner(chosen.column(one.name, key), one, chosen.labels(one.name), interviewers, chosen.files)
        for one in wanted
    )


def _weights(
    chosen: ChosenRows, config: ReportConfig, interviewers: Interviewers
) -> tuple[FloatArray | None, tuple[str, ...]]:
    """(n,) weights, NaN where blank or declared missing by the file."""
    name = config.data.weight
    if name is None:
        return None, ()
    column = chosen.column(name, "data.weight")
    coded = coded_as_missing(column, chosen.labels(name))
    cells = numbers_or_error(column, coded, "data.weight", chosen.files, _WEIGHT_REMEDY)
    weights = np.where(coded, np.nan, cells.numbers)
    negative = np.flatnonzero(weights < 0)
    if len(negative):
        raise DataError(
            f'{chosen.files}: column "{name}" (data.weight) is negative in {row_name(column, int(negative[0]))}; '
            "a weight is zero or more"
        )
    absent = np.isnan(weights)
    if not absent.any():
        return weights, ()
    tally, n = interviewers.tally(absent), int(absent.sum())
    # Weights come from an office: that everybody lacks some is nobody's matter, that a few lack theirs may be theirs.
    whose = f", {of_whom(tally)}," if len(tally) <= MOST_NAMED else ""
    left_out, them = ("is left out", "it") if n == 1 else ("are left out", "them")
    return weights, (
        f"{name}: {counted(n, 'interview')} without a weight{whose} {left_out} of weighted models and weighted "
        f"descriptive statistics; everything else counts {them}.",
    )


def _groups(chosen: ChosenRows, name: str | None, key: str) -> tuple[str | None, ...] | None:
    """(n,) the label of each cell, or its text where the file has none; None where it is blank or user-missing."""
    if name is None:
        return None
    column, labels = chosen.column(name, key), chosen.labels(name)
    places, names = levels_of(column, coded_as_missing(column, labels), labels)
    known = (*names, None)
    return tuple(known[place] for place in np.where(np.isnan(places), -1, places).astype(int).tolist())


def teams_of(
    chosen: ChosenRows, config: ReportConfig, interviewers: Interviewers
) -> tuple[tuple[str | None, ...] | None, tuple[str, ...]]:
    """(J,) the most frequent team of each interviewer; the first in natural order where two are as frequent."""
    of_interviews = _groups(chosen, config.data.team, "data.team")
    if of_interviews is None:
        return None, ()
    names = sorted({team for team in of_interviews if team is not None}, key=natural_key)
    position = {team: place for place, team in enumerate(names)}
    counts = np.zeros((len(interviewers.ids), len(names)), dtype=np.int64)
    known = [team is not None for team in of_interviews]
    team_positions = np.array([position[team] for team in of_interviews if team is not None], dtype=np.int64)
    times = 1 if interviewers.times is None else interviewers.times[known]
    np.add.at(counts, (interviewers.position[known], team_positions), times)
    teams = tuple(names[int(row.argmax())] if row.any() else None for row in counts)
    several = int(((counts > 0).sum(axis=1) > 1).sum())
    note = f"{config.data.team}: {counted(several, 'interviewer')} in more than one team; the most frequent counts."
    return teams, (note,) if several else ()


def join_notes(joins: Sequence[JoinRecord]) -> tuple[str, ...]:
    """What a reader should know of joins that left interviews without a partner."""
    return tuple(
        f"{join.file}: no row for {join.unmatched} of {counted(join.matched + join.unmatched, 'interview')}."
        for join in joins
        if join.unmatched
    )
