"""Steps 1 and 2 for any survey: read into memory, or summed up by an engine."""

from __future__ import annotations

from pathlib import Path

from qa_reports.config import ReportConfig
from qa_reports.engine.clean import clean_in_engine
from qa_reports.engine.tables import EngineTable, open_table, wants_engine
from qa_reports.survey.clean import Survey, clean_survey
from qa_reports.survey.load import SurveyFile, load_survey
from qa_reports.survey.pseudonyms import PseudonymKey


def load_delivered(config: ReportConfig, folder: Path) -> SurveyFile | EngineTable:
    """The survey in memory, or as a table of an engine.

    Raises:
        UserError: as `load_survey` and `open_table`.
    """
    return open_table(config, folder) if wants_engine(config, folder) else load_survey(config, folder)


def clean_delivered(
    delivered: SurveyFile | EngineTable, config: ReportConfig, folder: Path, key: PseudonymKey | None = None
) -> Survey:
    """The clean survey, wherever its interviews are; still under its own names.

    Args:
        delivered: what `load_delivered` returns.
        config: the configuration.
        folder: where the configuration stands.
        key: of the pseudonyms that it is going to have: an engine numbers interviewers in their order.

    Raises:
        UserError: as `clean_survey` and `clean_in_engine`.
    """
    if isinstance(delivered, SurveyFile):
        return clean_survey(delivered, config)
    return clean_in_engine(delivered, config, folder, key=key)
