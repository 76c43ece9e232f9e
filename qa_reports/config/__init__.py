"""The YAML file of a report: its options and defaults (`models`), and how it is read and checked (`load_config`)."""

from qa_reports.config.loading import load_config
from qa_reports.config.models import (
    BatteryConfig,
    CovariateConfig,
    Covariates,
    DataConfig,
    DurationConfig,
    FlagsConfig,
    Format,
    InterviewersConfig,
    ItemConfig,
    JoinConfig,
    MissingCodes,
    Names,
    ReportConfig,
    ReportConfigSection,
    Section,
    SurveyConfig,
    config_schema,
)

__all__ = [
    "BatteryConfig",
    "CovariateConfig",
    "Covariates",
    "DataConfig",
    "DurationConfig",
    "FlagsConfig",
    "Format",
    "InterviewersConfig",
    "ItemConfig",
    "JoinConfig",
    "MissingCodes",
    "Names",
    "ReportConfig",
    "ReportConfigSection",
    "Section",
    "SurveyConfig",
    "config_schema",
    "load_config",
]
