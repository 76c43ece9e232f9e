"""Step 1, load: survey and interviewer files as delivered, with their labels and where they came from."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
from msgspec import Struct
from msgspec.structs import replace

from qa_reports.config import DurationConfig, ReportConfig
from qa_reports.survey.codebook import describe_columns, read_codebook
from qa_reports.survey.joins import JoinRecord, WantedJoin, join_file
from qa_reports.survey.readers import DataFile, FileProvenance, VariableLabels, read_data_file
from qa_reports.survey.stack import stack_files
from qa_reports.survey.timing import timing_columns

__all__ = ["FileProvenance", "JoinRecord", "SurveyFile", "VariableLabels", "load_survey"]


class SurveyFile(Struct, frozen=True, eq=False):
    """One row per interview, values as delivered (codes not yet recoded), after the joins and before any exclusion."""

    table: pd.DataFrame
    labels: dict[str, VariableLabels]
    provenance: tuple[FileProvenance, ...]
    """The survey's files in the order they are stacked, then those joined, then all others."""
    joins: tuple[JoinRecord, ...]
    back_check: DataFile | None = None
    """The file of re-interviews, where one is configured."""
    n_stacked: int = 1
    """How many of the files are the survey's own."""
    notes: tuple[str, ...] = ()
    """What had to be guessed to read the files, and in what they differ, one sentence each."""

    @property
    def n_rows(self) -> int:
        """Rows as delivered."""
        return len(self.table)

    @property
    def files(self) -> str:
        """The files as a message names them: "main.csv (with interviewers.csv joined)"."""
        paths = [file.path for file in self.provenance[: self.n_stacked + len(self.joins)]]
        own, joined = " + ".join(paths[: self.n_stacked]), ", ".join(paths[self.n_stacked :])
        return f"{own} (with {joined} joined)" if joined else own


def load_survey(config: ReportConfig, folder: Path) -> SurveyFile:
    """Read the survey's file or files, join the interviewer files, keep labels (also a codebook's) and provenance.

    Args:
        folder: where relative paths start, the folder of the configuration file.

    Raises:
        DataError: a file or a column is missing or unreadable; the message names it and says what would be right.
    """
    in_use = columns_in_use(config)
    files = tuple(read_data_file(folder, name, config.data.read) for name in config.data.file)
    survey = stack_files(files, in_use)
    provenance = tuple(file.provenance for file in files)
    loaded = SurveyFile(survey.table, survey.labels, provenance, (), n_stacked=len(files), notes=survey.notes)
    for join in config.data.join:
        loaded = _joined(loaded, WantedJoin(join.file, join.on, join.on, "data.join", join.read), in_use, folder)
    # The interviewers' file comes last, because its key may come from a file joined before.
    if config.interviewers.file is not None:
        loaded = _joined(loaded, interviewers_join(config.interviewers.file, config, loaded.table), in_use, folder)
    if config.data.codebook is not None:
        codebook = read_codebook(folder, config.data.codebook)
        described = describe_columns(loaded.labels, codebook, (str(column) for column in loaded.table))
        loaded = replace(
            loaded,
            labels=described,
            provenance=(*loaded.provenance, codebook.provenance),
            notes=(*loaded.notes, *codebook.notes),
        )
    if config.indicators.back_check is not None:
        again = read_data_file(folder, config.indicators.back_check.file)
        loaded = replace(
            loaded,
            provenance=(*loaded.provenance, again.provenance),
            back_check=again,
            notes=(*loaded.notes, *again.notes),
        )
    return loaded


def interviewers_join(file: str, config: ReportConfig, table: pd.DataFrame) -> WantedJoin:
    """`interviewers.on` names columns of both files or, where the survey has none of that name, of the second only."""
    interviewer, on = config.data.interviewer, config.interviewers.on or config.data.interviewer
    only_theirs = len(on) == len(interviewer) and not set(on) <= set(table.columns)
    return WantedJoin(file, interviewer if only_theirs else on, on, "interviewers.on", config.interviewers.read)


def columns_in_use(config: ReportConfig) -> frozenset[str]:
    """Every column the configuration names, and every word of its row filter, which may be one."""
    options, duration = config.data, config.data.duration or DurationConfig()
    groups = (options.respondent, options.weight, options.area, options.team)
    times = (duration.minutes, duration.start, duration.end)
    covariates = (*config.respondent_covariates, *config.interviewers.covariates)
    joined_on = (column for join in options.join for column in join.on)
    filtered_by = re.findall(r"`([^`]+)`|(\w+)", options.where or "")
    return frozenset(
        (
            *(column for column in (*groups, *times) if column is not None),
            *options.interviewer,
            *(item.name for item in config.items),
            *(covariate.name for covariate in covariates),
            *(gate.name for gate in config.indicators.gates),
            *(column.name for column in config.indicators.numeric),
            *timing_columns(config),
            *joined_on,
            *(config.interviewers.on or ()),
            *(quoted or word for quoted, word in filtered_by),
        )
    )


def _joined(survey: SurveyFile, wanted: WantedJoin, in_use: frozenset[str], folder: Path) -> SurveyFile:
    other = read_data_file(folder, wanted.file, wanted.read)
    table, record = join_file(survey.table, other, wanted, in_use, survey.files)
    provenance = (*survey.provenance, other.provenance)
    return replace(
        survey,
        table=table,
        labels=other.labels | survey.labels,
        provenance=provenance,
        joins=(*survey.joins, record),
        notes=(*survey.notes, *other.notes),
    )
