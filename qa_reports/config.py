"""The YAML file as frozen pydantic models: every option and every default stands here, once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

MissingCodes = dict[float | str, str]
"""Code as it stands in the file -> the reason it stands for, e.g. {88: "Don't know"}."""


def _as_tuple(value: object) -> object:
    """Let one name stand for a list of one, as YAML users expect."""
    return (value,) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]


class Section(BaseModel):
    """A mapping of the YAML file: unknown keys are errors, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SurveyConfig(Section):
    name: str
    wave: str | None = None
    country: str | None = None


class JoinConfig(Section):
    file: str
    on: Names


class DurationConfig(Section):
    """Either `minutes` (a column) or `start` and `end` (two columns of times)."""

    minutes: str | None = None
    start: str | None = None
    end: str | None = None


class DataConfig(Section):
    file: str
    join: tuple[JoinConfig, ...] = ()
    respondent: str | None = None
    interviewer: Names
    weight: str | None = None
    area: str | None = None
    team: str | None = None
    duration: DurationConfig | None = None
    where: str | None = None


class CovariateConfig(Section):
    name: str
    label: str | None = None
    type: Literal["numeric", "categorical"] = "numeric"
    missing_codes: MissingCodes = {}


def _as_covariate(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


Covariates = tuple[Annotated[CovariateConfig, BeforeValidator(_as_covariate)], ...]


class InterviewersConfig(Section):
    file: str | None = None
    on: Names | None = None
    covariates: Covariates = ()


class ItemConfig(Section):
    name: str
    label: str | None = None
    key: str | None = None
    scale: tuple[float, float] | None = None
    missing_codes: MissingCodes | None = None
    slopes: Names = ()
    random_intercept: bool = True
    model: Literal["auto", "linear", "ordinal", "binary"] = "auto"


class BatteryConfig(Section):
    name: str
    items: tuple[str, ...]


class FlagsConfig(Section):
    false_discovery_rate: float = Field(default=0.05, gt=0, lt=1)
    min_interviews: int = Field(default=5, ge=1)


Format = Literal["html", "pdf", "json", "xlsx"]


class ReportConfigSection(Section):
    formats: tuple[Format, ...] = ("html", "pdf", "json")
    language: Literal["en"] = "en"


class ReportConfig(Section):
    """A whole configuration file. `folder` is where relative paths start: the folder of the YAML file."""

    survey: SurveyConfig
    data: DataConfig
    missing_codes: MissingCodes = {}
    interviewers: InterviewersConfig = InterviewersConfig()
    respondent_covariates: Covariates = ()
    items: tuple[ItemConfig, ...] = Field(min_length=1)
    batteries: tuple[BatteryConfig, ...] = ()
    flags: FlagsConfig = FlagsConfig()
    report: ReportConfigSection = ReportConfigSection()


def load_config(path: Path) -> ReportConfig:
    """Read and check a configuration file.

    Raises:
        ConfigError: one message naming file, line and key, and what would be right.
    """
    raise NotImplementedError
