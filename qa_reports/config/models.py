"""The YAML file of a report: every option and its default, once, as frozen pydantic models.

Indicators, archive and e-mail have theirs in `indicators.py` and `delivery.py`, kinds of values are in `fields.py`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic.fields import FieldInfo

from qa_reports.config.delivery import ArchiveConfig, EmailConfig
from qa_reports.config.fields import (
    CodedAnswers,
    Delimiter,
    Encoding,
    Flag,
    MissingCodes,
    Names,
    Scale,
    Section,
    Text,
    named,
)
from qa_reports.config.indicators import IndicatorKind, IndicatorsConfig


class SurveyConfig(Section):
    """What the report is about, printed on its first page."""

    name: Text = Field(description="Name of the survey, as it should be printed.")
    wave: Text | None = Field(None, description="Wave or round.")
    country: Text | None = Field(None, description="Country or region of the fieldwork.")


class ReadConfig(Section):
    """How to read a file, where what is detected would be wrong."""

    delimiter: Delimiter | None = Field(
        None,
        description='Text files: what separates the cells, e.g. ";" or "\\t"; comma, semicolon, tab and | are found.',
    )
    encoding: Encoding | None = Field(
        None,
        description="Text, SPSS, Stata and SAS files: e.g. cp1252; UTF-8 and what the file itself says are detected.",
    )
    decimal: Literal[".", ","] | None = Field(
        None, description="The decimal sign of text, also in spreadsheets; a comma is detected where none separates."
    )
    sheet: Text | None = Field(None, description="Spreadsheets: the sheet; the first that is not empty where left out.")
    member: Text | None = Field(None, description="Zip files that hold several data files: the one to read.")
    names_row: int | None = Field(
        None, ge=1, description="Text files and spreadsheets: the row with the names of the columns, if not the first."
    )
    labels_row: int | None = Field(
        None, ge=1, description="Text files and spreadsheets: a row with labels of the columns, such as the questions."
    )
    first_row: int | None = Field(
        None, ge=2, description="Text files and spreadsheets: the first row with data; the one behind those two."
    )


class JoinConfig(Section):
    """A second file whose columns are added to the interviews."""

    file: Text = Field(description="The file to join, relative to this YAML file.")
    on: Names = Field(min_length=1, description="Column or columns that both files share.")
    read: ReadConfig = Field(ReadConfig(), description="How to read it.")


class DurationConfig(Section):
    """Either `minutes`, or `start` and `end`."""

    minutes: Text | None = Field(None, description="Column with the length of the interview in minutes.")
    start: Text | None = Field(None, description="Column with the time the interview began.")
    end: Text | None = Field(None, description="Column with the time the interview ended.")
    date_order: Literal["day_first", "month_first"] | None = Field(
        None,
        description="How dates such as 03/04/2026 are meant, where none has a number above 12 that shows it.",
    )


class DataConfig(Section):
    """The survey file (or a table of a database) and the columns that are not questions."""

    file: Names = Field(
        (),
        min_length=1,
        description="The survey file, one row per interview, relative to this YAML file; a list of files is stacked. "
        "Required, unless there is a `table`.",
    )
    table: Text | None = Field(
        None, description="Instead of `file`: a table with one row per interview, of the database `connection`."
    )
    connection: Text | None = Field(
        None,
        description="Where `table` is: duckdb:FILE, postgres://HOST:PORT/DATABASE, spark:local[2] or spark://HOST:PORT "
        "(a Parquet path is a table there). No user and no password: see docs/scale.md.",
    )
    user: Text | None = Field(None, description="Who reads the table of a PostgreSQL server.")
    password_env: Text | None = Field(None, description="Environment variable that holds that user's password.")
    engine: Literal["auto", "memory", "duckdb"] = Field(
        "auto",
        description="`duckdb` computes sums without reading all interviews into memory, `memory` reads them; `auto` "
        "takes duckdb for large Parquet and CSV files.",
    )
    read: ReadConfig = Field(ReadConfig(), description="How to read it.")
    codebook: Text | None = Field(
        None,
        description="Table with the columns variable, label, value, category, missing, for files that carry no labels; "
        "it wins over what the file says.",
    )
    join: tuple[JoinConfig, ...] = Field((), description="Files with further columns for the same interviews.")
    respondent: Text | None = Field(None, description="Column with the respondent's id; row numbers where left out.")
    interviewer: Names = Field(
        min_length=1, description="Column with the interviewer's id; a list makes a nested id, e.g. [cntry, intnum]."
    )
    weight: Text | None = Field(None, description="Column with survey weights.")
    area: Text | None = Field(None, description="Column with the sampling area, to tell interviewers from areas.")
    team: Text | None = Field(None, description="Column that says who supervises whom.")
    duration: DurationConfig | None = Field(None, description="How long each interview took.")
    where: Text | None = Field(None, description="Which rows to use, e.g. \"cntry == 'CH'\".")

    @property
    def source(self) -> str:
        """The files or the table, for messages."""
        return self.table or ", ".join(self.file)


class CovariateConfig(Section):
    """A characteristic that should not be mistaken for an interviewer effect; a bare name is enough."""

    name: Text = Field(description="Column of the covariate.")
    label: Text | None = Field(None, description="How to print it; the file's own label where left out.")
    type: Literal["numeric", "categorical"] = Field(
        "numeric", description="`numeric` enters as a straight line, `categorical` as one effect per category."
    )
    missing_codes: MissingCodes = Field(
        {}, description="Codes that mean no answer. The defaults for items never apply: people are aged 77 and 88."
    )


_NAME_OR_COVARIATE: Any = str | CovariateConfig
Covariates = tuple[Annotated[CovariateConfig, BeforeValidator(named, json_schema_input_type=_NAME_OR_COVARIATE)], ...]


class InterviewersConfig(Section):
    """What is known about the interviewers."""

    file: Text | None = Field(None, description="File with one row per interviewer, unless the data have the columns.")
    read: ReadConfig = Field(ReadConfig(), description="How to read that file.")
    on: Names | None = Field(
        None, description="Columns that name the interviewer in that file, where they differ from `data.interviewer`."
    )
    missing_codes: MissingCodes | None = Field(
        None,
        description="Values of the interviewer column that stand for nobody, e.g. [-2, 9999]; left out, they are found "
        "and listed, and {} means none.",
    )
    covariates: Covariates = Field((), description="Interviewer characteristics, such as experience.")


class ItemConfig(Section):
    """A question to be examined; a bare name is enough."""

    name: Text = Field(description="Column of the item.")
    label: Text | None = Field(None, description="How to print it; the file's own label where left out.")
    key: Text | None = Field(None, description="Name that stays the same over waves, where the column's name changes.")
    scale: Scale | None = Field(
        None, description="Lowest and highest valid answer, e.g. [0, 10]; answers outside are set aside and listed."
    )
    missing_codes: MissingCodes | None = Field(
        None,
        description="Codes that mean no answer; they replace all others, {} means none. Ranges are written 90..99, "
        "..-1 or 90.. (both ends included).",
    )
    categories: CodedAnswers | None = Field(
        None,
        description="The answers in their order, where the file has them as text or without labels, e.g. [Disagree, "
        "Neither, Agree]; numbered from 1, unless written {0: No trust, 10: Complete trust}.",
    )
    reverse: Flag = Field(
        False, description="`true` turns the scale round (1 to 5 becomes 5 to 1); needs scale or categories."
    )
    slopes: Names = Field((), description="Items whose effect on this one may differ between interviewers.")
    random_intercept: Flag = Field(True, description="`false` lets interviewers differ in the slopes only.")
    model: Literal["auto", "linear", "ordinal", "binary"] = Field(
        "auto",
        description="Kind of model. `auto` chooses by the answers: binary for two, ordinal for up to four or for up to "
        "seven that are very uneven, else linear. `linear` also judges interviewers by the linear model alone.",
    )

    @property
    def valid_range(self) -> Scale | None:
        """The lowest and the highest valid answer: the scale, else the ends of the categories."""
        if self.scale is None and self.categories:
            return min(self.categories), max(self.categories)
        return self.scale


_NAME_OR_ITEM: Any = str | ItemConfig
Items = tuple[Annotated[ItemConfig, BeforeValidator(named, json_schema_input_type=_NAME_OR_ITEM)], ...]


class CodeGroupConfig(Section):
    """Items that share missing codes."""

    items: Names = Field(min_length=1, description="Names of the items.")
    missing_codes: MissingCodes = Field(description="Their codes; they replace the default codes, {} means none.")


class BatteryConfig(Section):
    """Items that are asked together as one grid."""

    name: Text = Field(description="Name of the grid, as it should be printed.")
    items: tuple[Text, ...] = Field(min_length=2, description="Names of its items, in the order they are asked.")


class ReviewedFlag(Section):
    """One kind of flag of one interviewer that somebody has looked into."""

    interviewer: Text = Field(description="The interviewer's id, as the report prints it.")
    kind: Literal["any", "level", "slope", "spread", "missing_code"] | IndicatorKind = Field(
        description="The kind of flag; `any` for all of them."
    )
    until: Text = Field(description="The last wave for which the review holds.")
    note: Text = Field(description="What was found, printed beside the flag.")
    by: Text = Field(description="Who looked into it.")


class ReviewedFile(Section):
    """The file `reviewed.yaml` beside a configuration."""

    reviewed: tuple[ReviewedFlag, ...] = Field(description="The flags that were looked into.")


class FlagsConfig(Section):
    """When an interviewer is worth a call."""

    false_discovery_rate: float = Field(
        0.05, gt=0, lt=1, strict=True, description="Share of false alarms among the flags that is acceptable."
    )
    min_interviews: int = Field(
        5, ge=1, strict=True, description="An interviewer with fewer interviews is listed as too few to judge."
    )


Format = Literal["html", "pdf", "json", "xlsx", "feedback", "parquet"]


class ReportConfigSection(Section):
    """What is made."""

    formats: tuple[Format, ...] = Field(
        ("html", "pdf", "json", "xlsx"),
        min_length=1,
        description="The files to make: any of html, pdf, json, xlsx, feedback (a page for every interviewer) "
        "and parquet (every interviewer's effects as a table).",
    )
    pseudonyms: bool = Field(
        False,
        strict=True,
        description="`true`: interviewers and respondents are called by pseudonyms in all that is made. Keep the "
        "file pseudonyms.key beside this one for the next waves; pseudonyms.csv says who is who.",
    )
    language: Literal["en"] = Field("en", description="Only `en` is offered.")
    pdf_items: Literal["flagged", "all"] = Field(
        "flagged",
        description="Items with a page of their own in the PDF: those with the most flagged interviewers, or `all`; "
        "report.html always has all.",
    )


class ReportConfig(Section):
    """A whole configuration file; relative paths in it start at the folder the file stands in."""

    survey: SurveyConfig = Field(description="What the report is about.")
    data: DataConfig = Field(description="The survey file and the columns that are not questions.")
    missing_codes: MissingCodes = Field(
        {}, description="Codes that mean no answer for every item that lists none itself, e.g. {88: Don't know}."
    )
    missing_code_groups: tuple[CodeGroupConfig, ...] = Field(
        (), description="Missing codes of several items at once, where they differ from the default."
    )
    interviewers: InterviewersConfig = Field(InterviewersConfig(), description="What is known about the interviewers.")
    respondent_covariates: Covariates = Field(
        (), description="Respondent characteristics that interviewers' samples may differ in, such as age."
    )
    items: Items = Field(min_length=1, description="The questions to be examined.")
    batteries: tuple[BatteryConfig, ...] = Field((), description="Items that are asked together as one grid.")
    indicators: IndicatorsConfig = Field(
        IndicatorsConfig(), description="What interviews show about how they were done."
    )
    flags: FlagsConfig = Field(FlagsConfig(), description="When an interviewer is worth a call.")
    report: ReportConfigSection = Field(ReportConfigSection(), description="What is made.")
    archive: ArchiveConfig | None = Field(
        None, description="Keep every run and compare with earlier waves; left out, the report goes beside this file."
    )
    email: EmailConfig | None = Field(None, description="Who gets the report by e-mail.")

    def declared_codes(self, item: ItemConfig) -> MissingCodes | None:
        """The item's own missing codes, else those of its group; None where neither says any."""
        if item.missing_codes is not None:
            return item.missing_codes
        groups = (group.missing_codes for group in self.missing_code_groups if item.name in group.items)
        return next(groups, None)


def fields_by_key(section: type[Section]) -> dict[str, FieldInfo]:
    """The options of a section by the key that stands in the file (`from` is no name Python allows)."""
    return {field.alias or name: field for name, field in section.model_fields.items()}


def config_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a configuration file, for editors that complete and check YAML."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **ReportConfig.model_json_schema()}
