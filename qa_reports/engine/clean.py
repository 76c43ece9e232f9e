"""Step 2 for a survey larger than memory: everything counted over all interviews, and a sample of them at hand."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from msgspec.structs import replace

from qa_reports.config import CovariateConfig, ReportConfig
from qa_reports.engine.batches import ReadColumn, by_places
from qa_reports.engine.cells import Cells, CleanColumn, clean_column, count_cells, is_plain, plain_column
from qa_reports.engine.interviews import COVARIATE, ITEM, interviews_of
from qa_reports.engine.people import WHO, People, find_people
from qa_reports.engine.tables import EngineTable
from qa_reports.engine.text import let_go
from qa_reports.engine.whole import EngineWhole
from qa_reports.survey.audit import audit_interviewers, audit_items, describe_items
from qa_reports.survey.clean import (
    ChosenRows,
    CleaningLog,
    Covariate,
    Survey,
    clean_survey,
    join_notes,
    teams_of,
)
from qa_reports.survey.codes import codes_of_item
from qa_reports.survey.columns import FloatArray, IntArray, require_column
from qa_reports.survey.covariates import CleanCovariate, interviewer_covariate, respondent_covariate
from qa_reports.survey.items import CleanItem, clean_item, reverse
from qa_reports.survey.load import SurveyFile, VariableLabels
from qa_reports.survey.pseudonyms import PseudonymKey
from qa_reports.survey.suspects import find_suspects, known_reasons
from qa_reports.survey.whole import AnswerCounts, Factor

if TYPE_CHECKING:
    import ibis.expr.types as ir

SAMPLE = 30_000
"""Interviews at hand, for what is shown or judged interview by interview."""
_MOST_SHOWN = 200_000
"""Further interviews that are read for what is said of single interviewers."""
_CYCLE, _STEP = 1_000_003, 618_034
"""Row r is in the sample when r * step modulo the cycle is small: evenly spread over the file, the same every time."""
_MIXING = 1_009
"""So that the digests of a row's columns do not cancel."""
_NO_LABELS = VariableLabels()


def clean_in_engine(
    source: EngineTable, config: ReportConfig, folder: Path, sample: int = SAMPLE, key: PseudonymKey | None = None
) -> Survey:
    """Turn a table of an engine into a `Survey` that holds about `sample` interviews, and all of them in `whole`.

    Interviewers stand in the order of their pseudonyms, where there is a `key` of these.

    Raises:
        DataError, ConfigError: as `clean_survey`, and where a column has too many different values to be counted.
    """
    people = find_people(source, config, folder, key)
    labels = source.labels | people.labels
    item_cells = [count_cells(people, source, item.name) for item in config.items]
    items = [
        clean_item(
            cells.column,
            item,
            codes_of_item(item, labels.get(item.name, _NO_LABELS), config),
            labels.get(item.name, _NO_LABELS),
            cells.interviewers,
            source.name,
        )
        for item, cells in zip(config.items, item_cells, strict=True)
    ]
    scored = [
        replace(item, responses=reverse(item.responses)) if option.reverse else item
        for item, option in zip(items, config.items, strict=True)
    ]
    columns = {
        Factor("item", item.responses.name): clean_column(people.rows, cells, item.responses.answers)
        for item, cells in zip(scored, item_cells, strict=True)
    }
    covariates = [_respondent_covariate(wanted, people, source, labels) for wanted in config.respondent_covariates]
    columns |= {Factor("respondent", one.covariate.name): column for one, column, _ in covariates}
    of_interviewers = [
        _interviewer_covariate(wanted, people, source, labels) for wanted in config.interviewers.covariates
    ]
    teams, team_notes = _teams(people, source, config, labels)
    levels = tuple(one.covariate for one, _, _ in covariates)

    def showing(survey: Survey, whose: Sequence[int]) -> Survey:
        within = np.cumsum(survey.workload[list(whose)]) <= _MOST_SHOWN
        if not within.any():
            return survey
        chosen = [j for j, fits in zip(whose, within, strict=True) if fits]
        return _with_rows(survey, *_sample(people, source, config, labels, sample, chosen), levels)

    cleaned = {ITEM.format(k): column for k, column in enumerate(c for f, c in columns.items() if f.kind == "item")}
    known = {COVARIATE.format(k): column for k, (_, column, _) in enumerate(covariates)}
    rows = people.rows.mutate(**{name: column.expression for name, column in (cleaned | known).items()})
    clean_rows = source.view(rows, "qa_clean")
    read = {
        Factor("item", item.responses.name): by_places(
            clean_rows, cells, item.responses.answers, item.responses.answer_class
        )
        for item, cells in zip(scored, item_cells, strict=True)
    }
    read |= {
        Factor("respondent", one.covariate.name): ReadColumn(clean_rows[COVARIATE.format(k)])
        if cells is None
        else by_places(clean_rows, cells, one.covariate.values)
        for k, (one, _, cells) in enumerate(covariates)
    }
    whole = EngineWhole(
        source=source,
        rows=people.rows,
        columns=columns,
        read=read,
        of_interviewers={one.covariate.name: one.covariate.values for one in of_interviewers},
        counts={
            item.responses.name: _answer_counts(item, cells) for item, cells in zip(scored, item_cells, strict=True)
        },
        workload=people.interviewers.counts(np.ones(len(people.interviewers.ids), dtype=bool)),
        clean_rows=clean_rows,
        interviews=interviews_of(
            clean_rows, people, source, config, list(zip(scored, item_cells, strict=True)), labels
        ),
        showing=showing,
    )
    at_hand, interviewer = _sample(people, source, config, labels, sample)
    interviewers = [cells.interviewers for cells in item_cells]
    by_variable = [item.recodes for item in items]
    by_variable += [one.recodes for one in (*(one for one, _, _ in covariates), *of_interviewers)]
    reasons = known_reasons(config)
    notes = (
        *_sample_notes(len(interviewer), whole.n_interviews),
        *source.notes,
        *people.notes,
        *join_notes(people.joins),
        *team_notes,
    )
    log = CleaningLog(
        rows_in=source.n_rows,
        rows_used=whole.n_interviews,
        dropped=people.dropped,
        recoded=tuple(dict.fromkeys(recode for recodes in by_variable for recode in recodes)),
        out_of_range=tuple(value for item in items for value in item.out_of_range),
        # Weighted ones need every interview with its weight.
        descriptives=at_hand.log.descriptives
        if len(interviewer) == whole.n_interviews
        else describe_items(items, None, interviewers),
        items=audit_items(items, interviewers),
        interviewers=audit_interviewers(items, interviewers),
        joins=people.joins,
        notes=(*notes, *(note for one in of_interviewers for note in one.notes)),
        repeated_ids=people.repeated_ids,
    )
    source.require_unchanged()
    let_go(source.maps)
    survey = replace(
        at_hand,
        interviewer_ids=people.interviewers.ids,
        interviewer_covariates=tuple(one.covariate for one in of_interviewers),
        teams=teams,
        suspects=tuple(
            suspect
            for item, own in zip(items, interviewers, strict=True)
            for suspect in find_suspects(item, reasons, own)
        ),
        log=log,
        provenance=(*source.provenance, *people.provenance),
        whole=whole,
    )
    return _with_rows(survey, at_hand, interviewer, levels)


def _with_rows(survey: Survey, at_hand: Survey, interviewer: IntArray, levels: tuple[Covariate, ...]) -> Survey:
    """The survey with these interviews at hand; `levels` are the respondent covariates with all their categories."""
    return replace(
        survey,
        respondents=at_hand.respondents,
        interviewer=interviewer,
        items=at_hand.items,
        respondent_covariates=tuple(
            _with_levels(here, whole) for here, whole in zip(at_hand.respondent_covariates, levels, strict=True)
        ),
        weight=at_hand.weight,
        area=at_hand.area,
        minutes=at_hand.minutes,
        times=at_hand.times,
        question_times=at_hand.question_times,
        others=at_hand.others,
    )


def _sample_notes(n: int, n_interviews: int) -> tuple[str, ...]:
    if n == n_interviews:
        return ()
    return (
        f"The models, their tests and intervals, the levels and slopes of interviewers and all counts rest on all "
        f"{n_interviews:,} interviews. What is shown interview by interview, how answers to different items go "
        f"together, damage by suspect values and the check by statsmodels rest on {n:,} of them, evenly "
        "spread over the data; of flagged interviewers all interviews are shown. Near-duplicates, weights and areas "
        "are not examined.",
    )


def _answer_counts(item: CleanItem, cells: Cells) -> AnswerCounts:
    """(J, v) counts of the valid answers."""
    answers, people = item.responses.answers, cells.interviewers
    valid = ~np.isnan(answers)
    values, place = np.unique(answers[valid], return_inverse=True)
    counts = np.zeros((len(people.ids), len(values)), dtype=np.int64)
    assert people.times is not None
    np.add.at(counts, (people.position[valid], place), people.times[valid])
    return AnswerCounts(values, counts)


def _respondent_covariate(
    wanted: CovariateConfig, people: People, source: EngineTable, labels: dict[str, VariableLabels]
) -> tuple[CleanCovariate, CleanColumn, Cells | None]:
    """With its different values, unless it is numbers as they are."""
    of_column = labels.get(wanted.name, _NO_LABELS)
    if wanted.type == "numeric" and not wanted.missing_codes and is_plain(people, source, wanted.name):
        label = wanted.label or of_column.label or wanted.name
        covariate = Covariate(wanted.name, label, "numeric", np.zeros(0), ())
        return CleanCovariate(covariate, ()), plain_column(people.rows, source, wanted.name), None
    cells = count_cells(people, source, wanted.name)
    clean = respondent_covariate(cells.column, wanted, of_column, cells.interviewers, source.name)
    return clean, clean_column(people.rows, cells, clean.covariate.values), cells


def _interviewer_covariate(
    wanted: CovariateConfig, people: People, source: EngineTable, labels: dict[str, VariableLabels]
) -> CleanCovariate:
    """From the interviewers' file where it has the column, else from the interviews."""
    of_column = labels.get(wanted.name, _NO_LABELS)
    if wanted.name in people.known:
        return interviewer_covariate(people.known[wanted.name], wanted, of_column, people.interviewers, source.name)
    if wanted.name not in people.rows.columns:
        require_column(people.known, wanted.name, "interviewers.covariates", source.name)
    cells = count_cells(people, source, wanted.name)
    return interviewer_covariate(cells.column, wanted, of_column, cells.interviewers, source.name)


def _teams(
    people: People, source: EngineTable, config: ReportConfig, labels: dict[str, VariableLabels]
) -> tuple[tuple[str | None, ...] | None, tuple[str, ...]]:
    if config.data.team is None:
        return None, ()
    cells = count_cells(people, source, config.data.team)
    chosen = _chosen(cells.column.to_frame(), source, labels)
    return teams_of(chosen, config, cells.interviewers)


def _chosen(table: pd.DataFrame, source: EngineTable, labels: dict[str, VariableLabels]) -> ChosenRows:
    return ChosenRows(SurveyFile(table, labels, source.provenance, ()), table)


def _sample(
    people: People,
    source: EngineTable,
    config: ReportConfig,
    labels: dict[str, VariableLabels],
    size: int,
    whose: Sequence[int] = (),
) -> tuple[Survey, IntArray]:
    """Some interviews, then all others of the interviewers `whose`, cleaned in memory; and their interviewers."""
    rows, n = people.every, int(people.interviewers.counts(np.ones(len(people.interviewers.ids), dtype=bool)).sum())
    chosen: Any = None
    place, order = _told_apart(rows, source, config)
    if n > size:
        chosen = place < int(np.ceil(size / n * _CYCLE))
        rows = rows.filter(chosen | rows[WHO].isin(list(whose)) if whose else chosen)
    rows = rows.order_by(*([chosen.desc()] if whose and chosen is not None else []), *order)
    table = source.frame(rows)
    if source.row is not None:
        table = table.set_index(source.row)
    interviewer = table[WHO].to_numpy(dtype=np.int64)
    file = SurveyFile(table.drop(columns=WHO), labels, source.provenance, (), n_stacked=len(source.provenance))
    return clean_survey(file, _for_sample(config), look_for_repeats=False), interviewer


def _told_apart(rows: ir.Table, source: EngineTable, config: ReportConfig) -> tuple[Any, list[str]]:
    """A whole number of each row, evenly spread below `_CYCLE` and the same every time; the columns to order rows by.

    Where an engine does not number its rows they are told apart by what is in them.
    """
    if source.row is not None:
        return rows[source.row] % _CYCLE * _STEP % _CYCLE, [source.row]
    columns = list(source.table.columns)
    respondent = config.data.respondent
    telling = columns if respondent is None else [respondent]
    # Spark's digests have 32 bits, half of them are negative, and no product may have more.
    digests = [(rows[name].hash() % _CYCLE + _CYCLE) % _CYCLE for name in telling]
    place = functools.reduce(lambda mixed, digest: (mixed * _MIXING + digest) % _CYCLE, digests)
    return place, [*telling, *(name for name in columns if name not in telling)]


def _for_sample(config: ReportConfig) -> ReportConfig:
    """Every row of the sample is used, and nothing is joined to it."""
    data = config.data.model_copy(update={"where": None})
    interviewers = config.interviewers.model_copy(update={"missing_codes": {}, "covariates": (), "file": None})
    return config.model_copy(update={"data": data, "interviewers": interviewers})


def _with_levels(here: Covariate, whole: Covariate) -> Covariate:
    """The sample's covariate with the positions of all categories there are."""
    if here.kind == "numeric":
        return here
    place = np.array([whole.levels.index(level) for level in here.levels], dtype=np.float64)
    known = ~np.isnan(here.values)
    values: FloatArray = np.full(len(here.values), np.nan)
    values[known] = place[here.values[known].astype(np.int64)]
    return replace(here, values=values, levels=whole.levels)
