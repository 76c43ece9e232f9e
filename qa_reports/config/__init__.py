"""The YAML file of a report: its options and defaults (`models`), and how it is read and checked (`load_config`)."""

from qa_reports.config.addresses import MailAddress, parse_address
from qa_reports.config.codes import code_range, meets_scale
from qa_reports.config.delivery import ArchiveConfig, EmailConfig, SmtpConfig
from qa_reports.config.fields import MissingCodes, Names, Section
from qa_reports.config.indicators import (
    AgreeConfig,
    BackCheckConfig,
    ColumnConfig,
    GateConfig,
    IndicatorKind,
    IndicatorsConfig,
    TimingsConfig,
)
from qa_reports.config.loading import REVIEWED_FILE, ConfigFile, load_config, load_reviewed, read_config
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
    ReadConfig,
    ReportConfig,
    ReportConfigSection,
    ReviewedFlag,
    SurveyConfig,
    config_schema,
)
from qa_reports.config.yaml_file import read_content

__all__ = [
    "REVIEWED_FILE",
    "AgreeConfig",
    "ArchiveConfig",
    "BackCheckConfig",
    "BatteryConfig",
    "ColumnConfig",
    "ConfigFile",
    "CovariateConfig",
    "Covariates",
    "DataConfig",
    "DurationConfig",
    "EmailConfig",
    "FlagsConfig",
    "Format",
    "GateConfig",
    "IndicatorKind",
    "IndicatorsConfig",
    "InterviewersConfig",
    "ItemConfig",
    "JoinConfig",
    "MailAddress",
    "MissingCodes",
    "Names",
    "ReadConfig",
    "ReportConfig",
    "ReportConfigSection",
    "ReviewedFlag",
    "Section",
    "SmtpConfig",
    "SurveyConfig",
    "TimingsConfig",
    "code_range",
    "config_schema",
    "load_config",
    "load_reviewed",
    "meets_scale",
    "parse_address",
    "read_config",
    "read_content",
]
