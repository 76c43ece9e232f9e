"""Kinds of values in the YAML file: text, names, codes, scales, addresses; and what every section of it has."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
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
    ends = value if isinstance(value, (list, tuple)) else ()
    if len(ends) != 2 or not all(type(end) in (int, float) for end in ends):
        raise PydanticCustomError("scale", "is not a scale; write its lowest and highest answer, e.g. [0, 10]")
    return value


def named(value: object) -> object:
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

    # What checks a section is built once, inside that of the whole file, and not for every section by itself.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)
