"""Every option of the YAML file and its default, once, as frozen pydantic models."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from qa_reports.config.addresses import parse_address
from qa_reports.config.codes import as_categories, as_codes


def _number_as_text(value: object) -> object:
    """`wave: 11` is as good as `wave: "11"`; a decimal number may have lost digits (1.10), so it is refused."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _as_tuple(value: object) -> object:
    """Let one name stand for a list of one, as YAML users expect."""
    return (value,) if isinstance(value, str) else value


def _as_scale(value: object) -> object:
    numbers = isinstance(value, (list, tuple)) and all(type(end) in (int, float) for end in value)
    if not numbers or len(value) != 2:  # type: ignore[arg-type]
        raise PydanticCustomError("scale", "is not a scale; write its lowest and highest answer, e.g. [0, 10]")
    return value


def _named(value: object) -> object:
    """A bare name stands for an entry with all defaults."""
    return {"name": value} if isinstance(value, str) else value


def _as_delimiter(value: object) -> object:
    if not isinstance(value, str) or len(value) != 1 or value.isalnum() or value in "\"'\r\n.":
        raise PydanticCustomError("delimiter", 'is not a delimiter; write one sign, e.g. ";" or "\\t"')
    return value


def _as_encoding(value: object) -> object:
    """The name of a text encoding that Python knows."""
    try:
        "".encode(str(value))
    except (LookupError, ValueError):
        raise PydanticCustomError(
            "encoding", "is not the name of an encoding; write e.g. utf-8, cp1252, cp1250 or iso-8859-15"
        ) from None
    return value


def _as_address(value: object) -> object:
    """An e-mail address, kept as it was written."""
    if not isinstance(value, str) or parse_address(value) is None:
        raise PydanticCustomError(
            "address", "is not an e-mail address; write name@agency.example, or Field team <name@agency.example>"
        )
    return value


_TEXT_OR_NUMBER: Any = str | int
_ANSWERS: Any = dict[str, str] | list[str]
_CODES: Any = dict[str, str] | list[float | str]

Text = Annotated[str, BeforeValidator(_number_as_text, json_schema_input_type=_TEXT_OR_NUMBER), Field(min_length=1)]
Names = Annotated[tuple[Text, ...], BeforeValidator(_as_tuple, json_schema_input_type=str | list[str])]
MissingCodes = Annotated[dict[float | str, Text], BeforeValidator(as_codes, json_schema_input_type=_CODES)]
"""Code or range of codes as it stands in the file -> the reason it stands for, e.g. {88: "Don't know"}."""
CodedAnswers = Annotated[
    dict[float, Text], BeforeValidator(as_categories, json_schema_input_type=dict[str, str] | list[str])
]
"""Number -> the answer it stands for, lowest first."""
Scale = Annotated[tuple[float, float], BeforeValidator(_as_scale, json_schema_input_type=tuple[float, float])]
Flag = Annotated[bool, Field(strict=True)]
Delimiter = Annotated[str, BeforeValidator(_as_delimiter, json_schema_input_type=str)]
Encoding = Annotated[str, BeforeValidator(_as_encoding, json_schema_input_type=str)]
Address = Annotated[str, BeforeValidator(_as_address, json_schema_input_type=str)]
Addresses = Annotated[tuple[Address, ...], BeforeValidator(_as_tuple, json_schema_input_type=str | list[str])]
TeamAddresses = dict[Text, Addresses]
"""Team, as the team column says it -> who gets its part of the report."""


class Section(BaseModel):
    """A mapping of the YAML file: unknown keys are errors, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


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
        None, description="Text files: the decimal sign; a comma is detected where no comma separates the cells."
    )
    sheet: Text | None = Field(None, description="Spreadsheets: the sheet; the first that is not empty where left out.")
    member: Text | None = Field(None, description="Zip files that hold several data files: the one to read.")


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
        description="Where `table` is: duckdb:FILE, spark:local[2] or spark://HOST:PORT (a Parquet path is a table "
        "there). No passwords: see docs/scale.md.",
    )
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
Covariates = tuple[Annotated[CovariateConfig, BeforeValidator(_named, json_schema_input_type=_NAME_OR_COVARIATE)], ...]


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
Items = tuple[Annotated[ItemConfig, BeforeValidator(_named, json_schema_input_type=_NAME_OR_ITEM)], ...]


class CodeGroupConfig(Section):
    """Items that share missing codes."""

    items: Names = Field(min_length=1, description="Names of the items.")
    missing_codes: MissingCodes = Field(description="Their codes; they replace the default codes, {} means none.")


class BatteryConfig(Section):
    """Items that are asked together as one grid."""

    name: Text = Field(description="Name of the grid, as it should be printed.")
    items: tuple[Text, ...] = Field(min_length=2, description="Names of its items, in the order they are asked.")


IndicatorKind = Literal[
    "nonresponse",
    "straightlining",
    "response_style",
    "speeding",
    "times",
    "duplicates",
    "gate",
    "heaping",
    "back_check",
]
"""What an interview can show about how it was done; also the kinds of flags that rest on it."""


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


class ColumnConfig(Section):
    """A column that is not one of the items; a bare name is enough."""

    name: Text = Field(description="Column.")
    label: Text | None = Field(None, description="How to print it; the file's own label where left out.")
    missing_codes: MissingCodes = Field({}, description="Codes that mean no answer; the defaults are for items only.")


_NAME_OR_COLUMN: Any = str | ColumnConfig
Columns = tuple[Annotated[ColumnConfig, BeforeValidator(_named, json_schema_input_type=_NAME_OR_COLUMN)], ...]


class GateConfig(Section):
    """A question whose answer decides whether more questions follow."""

    name: Text = Field(description="Column of the question.")
    opens: tuple[float, ...] = Field(min_length=1, description="The answers after which more questions follow.")
    label: Text | None = Field(None, description="How to print it; the file's own label where left out.")
    missing_codes: MissingCodes = Field({}, description="Codes that mean no answer; the defaults are for items only.")


class AgreeConfig(Section):
    """Questions of the kind agree or disagree."""

    items: Names = Field(min_length=1, description="Names of the items.")
    answers: tuple[float, ...] = Field(min_length=1, description="The answers that agree, e.g. [1, 2].")


class BackCheckConfig(Section):
    """A second, short interview with some of the same respondents, to compare with."""

    file: Text = Field(description="The file of the re-interviews, one row each, relative to this YAML file.")
    respondent: Text | None = Field(
        None, description="Column with the respondent's id in that file; `data.respondent` where left out."
    )
    items: Names = Field(min_length=1, description="Items asked again, under the same names and with the same codes.")


class TimingsConfig(Section):
    """How long single questions or sections took."""

    columns: Names = Field(
        min_length=1,
        description="Columns of times, one per question or section, all in the same unit or each in its own: only "
        "their relation to the column's median counts. In a name, {item} stands for every item that has such a column, "
        "e.g. t_{item}.",
    )
    fast: float = Field(
        0.5, gt=0, lt=1, strict=True, description="Less than this share of a question's median time counts as fast."
    )


class IndicatorsConfig(Section):
    """What interviews show about how they were done. Each indicator is on wherever its inputs exist."""

    off: tuple[Literal["spread"] | IndicatorKind, ...] = Field(
        (),
        description="Indicators to leave out. `spread`: nobody is flagged for it; it is still estimated, since levels "
        "are judged by every interviewer's own.",
    )
    min_battery_items: int = Field(
        3, ge=2, strict=True, description="Identical answers in a battery count from this many answered items."
    )
    fast_share: float = Field(
        0.05, gt=0, lt=0.5, strict=True, description="The share of all interviews, the shortest, that counts as fast."
    )
    hours: tuple[float, float] = Field(
        (6, 23), description="Interviews begin between these hours of the day; others are listed as impossible times."
    )
    timings: TimingsConfig | None = Field(None, description="How long single questions or sections took.")
    min_shared_answers: int = Field(
        10, ge=2, strict=True, description="Two interviews are compared when both answered at least this many items."
    )
    agree: AgreeConfig | None = Field(
        None, description="Agree-disagree questions, where the file's labels do not tell which they are."
    )
    gates: tuple[GateConfig, ...] = Field((), description="Questions that open further ones: who takes the short way?")
    numeric: Columns = Field((), description="Columns of numbers to be examined for round ones, beside such items.")
    back_check: BackCheckConfig | None = Field(None, description="Re-interviews to compare with.")


class FlagsConfig(Section):
    """When an interviewer is worth a call."""

    false_discovery_rate: float = Field(
        0.05, gt=0, lt=1, strict=True, description="Share of false alarms among the flags that is acceptable."
    )
    min_interviews: int = Field(
        5, ge=1, strict=True, description="An interviewer with fewer interviews is listed as too few to judge."
    )


Format = Literal["html", "pdf", "json", "xlsx", "feedback"]


class ReportConfigSection(Section):
    """What is made."""

    formats: tuple[Format, ...] = Field(
        ("html", "pdf", "json", "xlsx"),
        min_length=1,
        description="The files to make: any of html, pdf, json, xlsx and feedback (a page for every interviewer).",
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


class ArchiveConfig(Section):
    """Where every run is kept, and what this wave is compared with."""

    folder: Text = Field(description="Folder of the archive, relative to this YAML file; several surveys may share it.")
    earlier_waves: Names | None = Field(
        None,
        description="Earlier waves to compare with, oldest first, [] for none; where left out, all of this survey in "
        "the archive that were first run before this one.",
    )
    same_interviewers: Flag = Field(
        True, description="`false` where an interviewer id may be somebody else in another wave."
    )


class SmtpConfig(Section):
    """The mail server that takes the messages; its certificate is always verified."""

    host: Text = Field(description="Name of the mail server, as its certificate has it.")
    port: int = Field(587, ge=1, le=65535, strict=True, description="Usually 587 for starttls and 465 for tls.")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="`none` sends unencrypted and without a password, for a mail server on this machine."
    )
    user: Text | None = Field(None, description="Name to log in with; no log-in where left out.")
    password_env: Text | None = Field(None, description="Environment variable that holds the password.")
    password_file: Text | None = Field(
        None, description="File that holds the password and nothing else; an absolute path, or one that begins with ~/."
    )
    timeout: float = Field(30, gt=0, le=600, strict=True, description="Seconds to wait for each answer of the server.")


class EmailConfig(Section):
    """Who gets the archived report by e-mail; without `archive` nothing is sent."""

    from_: Address = Field(alias="from", description="Address of the sender.")
    to: Addresses = Field((), description="Who gets the whole report.")
    cc: Addresses = Field((), description="Who gets a copy of it.")
    teams: TeamAddresses = Field(
        {}, description="Team (a value of `data.team`) and who gets its own part of the report, and nothing else."
    )
    smtp: SmtpConfig = Field(description="The mail server.")
    attach_limit_mb: float = Field(
        10, ge=0, strict=True, description="A larger PDF (in millions of bytes) stays in the archive and is linked to."
    )
    archive_url: Text | None = Field(
        None, description="Web address of the archive's folder, for links, e.g. https://qa.agency.example/archive."
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
