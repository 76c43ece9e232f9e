"""The options of indicators and their defaults: what interviews show about how they were done."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from qa_reports.config.fields import MissingCodes, Names, Section, Text, named

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


class ColumnConfig(Section):
    """A column that is not one of the items; a bare name is enough."""

    name: Text = Field(description="Column.")
    label: Text | None = Field(None, description="How to print it; the file's own label where left out.")
    missing_codes: MissingCodes = Field({}, description="Codes that mean no answer; the defaults are for items only.")


_NAME_OR_COLUMN: Any = str | ColumnConfig
Columns = tuple[Annotated[ColumnConfig, BeforeValidator(named, json_schema_input_type=_NAME_OR_COLUMN)], ...]


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
