"""Re-interviews: answers that some respondents gave a second time, matched with their interviews."""

from __future__ import annotations

from collections import Counter

import numpy as np
from msgspec import Struct

from qa_reports.config import ReportConfig
from qa_reports.survey.codes import codes_of_item
from qa_reports.survey.columns import FloatArray, IntArray, as_text, require_column
from qa_reports.survey.interviewers import counted
from qa_reports.survey.items import scored_answers
from qa_reports.survey.readers import DataFile, VariableLabels


class BackCheck(Struct, frozen=True, eq=False):
    """m re-interviews with k items asked again."""

    items: tuple[str, ...]
    """(k,) names of the items."""
    interview: IntArray
    """(m,) position of the interview each belongs to; an interview occurs once."""
    answers: FloatArray
    """(m, k) the second answers, NaN where there is none."""
    notes: tuple[str, ...]
    """What could not be used, one sentence each."""


def match_back_check(
    again: DataFile, respondents: tuple[str, ...], config: ReportConfig, labels: dict[str, VariableLabels]
) -> BackCheck | None:
    """Match re-interviews with interviews by the respondent's id; None where the configuration names no file.

    Args:
        again: the file of the re-interviews.
        respondents: (n,) ids of the survey.
        labels: of the survey file, whose missing codes hold for the second answers too.

    Raises:
        DataError: a column is missing, or an item holds text.
    """
    wanted = config.indicators.back_check
    if wanted is None:
        return None
    key = wanted.respondent or config.data.respondent or ""
    ids = [str(text) for text in as_text(require_column(again.table, key, "indicators.back_check", wanted.file))]
    of_survey, of_file = Counter(respondents), Counter(ids)
    position = {name: row for row, name in enumerate(respondents) if of_survey[name] == 1}
    rows = [row for row, name in enumerate(ids) if name in position and of_file[name] == 1]
    answers = np.full((len(rows), len(wanted.items)), np.nan)
    options = {item.name: item for item in config.items}
    for k, name in enumerate(wanted.items):
        column = require_column(again.table, name, "indicators.back_check.items", wanted.file)
        own = again.labels.get(name) or labels.get(name) or VariableLabels()
        codes = codes_of_item(options[name], own, config)
        key = "indicators.back_check.items"
        answers[:, k] = scored_answers(column, options[name], codes, own, key, wanted.file)[rows]
    unmatched = len(ids) - len(rows)
    note = f"{wanted.file}: {counted(unmatched, 're-interview')} of {len(ids)} without exactly one interview to match."
    interview = np.array([position[ids[row]] for row in rows], dtype=np.int64)
    return BackCheck(wanted.items, interview, answers, (note,) if unmatched else ())
