"""The page docs/configuration.md, written from the models (`make docs` prints this module into it)."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Iterator
from typing import Annotated, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from qa_reports.config.fields import Section, TeamAddresses, Text
from qa_reports.config.models import ReportConfig, fields_by_key

_INTRODUCTION = """# Configuration

<!-- Written by `make docs` from the models in qa_reports/config: change it there. -->

A report is described by one YAML file; `configs/example.yaml` is one to copy. Only `survey.name`, `data.file`,
`data.interviewer` and `items` are required. Relative paths start at the folder of the YAML file.

- Unknown keys, repeated keys and keys without a value are errors, with the line and what would be right.
- Only `true` and `false` are truth values: `NO` is Norway, `on` is a word, `12:30` is text.
- Missing codes are written `{88: Don't know, 99: No answer}`, the code first, or `[88, 99]` without reasons;
  `90..99`, `..-1` and `90..` are ranges. The reason's first words say what kind of nonresponse it is, as
  docs/cleaning.md tells.
- Of an item's own `missing_codes`, those of its group (`missing_code_groups`), the file's or codebook's, and the
  default ones, the first that there are count and replace the others; `{}` means none. A code of the configuration
  inside an item's scale is an error until the item says which it is.
- Covariates never take the default codes: real respondents are aged 77 and 88.
- `qa-report schema` prints the JSON Schema of this file, for editors that complete and check YAML.
"""

_KINDS: dict[object, str] = {str: "text", bool: "true or false", int: "whole number", float: "number"}


def reference_page() -> str:
    """Every option with its meaning and default, section by section, as Markdown."""
    parts = [_INTRODUCTION, _table("The file", ReportConfig)]
    parts.extend(_table(f"`{place}`", section) for place, section in _sections(ReportConfig, ""))
    return "\n".join(parts)


def _table(title: str, section: type[Section]) -> str:
    rows = [
        f"| `{name}` | {_kind(field.annotation)} | {_default(field)} | {_cell(field.description or '')} |"
        for name, field in fields_by_key(section).items()
    ]
    head = [f"## {title}", "", section.__doc__ or "", "", "| key | value | default | meaning |", "|---|---|---|---|"]
    return "\n".join([*head, *rows, ""])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    if field.default is None or isinstance(field.default, Section) or field.default in ((), {}):
        return ""
    plain = list(field.default) if isinstance(field.default, tuple) else field.default
    return f"`{plain if isinstance(plain, str) else json.dumps(plain)}`".replace('"', "")


def _kind(annotation: object) -> str:
    """What may stand at an option, in words."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(inner[0])
    if origin in (Union, types.UnionType):
        return _kind(next(member for member in inner if member is not type(None)))
    if origin is Literal:
        return ", ".join(f"`{json.dumps(choice) if isinstance(choice, bool) else choice}`" for choice in inner)
    if inner == (float, ...):
        return "list of numbers"
    if annotation == TeamAddresses:
        return "teams with addresses"
    if annotation == dict[float, Text]:
        return "list of answers, or answers by number"
    if origin is dict:
        return "codes with reasons"
    if origin is tuple and inner == (float, float):
        return "two numbers"
    if origin is tuple:
        entry = _kind(inner[0])
        return "a name or a list of names" if entry == "text" else f"list, {entry}"
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return "see below"
    return _KINDS[annotation]


def _sections(section: type[Section], place: str) -> Iterator[tuple[str, type[Section]]]:
    for name, field in fields_by_key(section).items():
        for inner in _inner_sections(field.annotation):
            here = f"{place}.{name}" if place else name
            yield here, inner
            yield from _sections(inner, here)


def _inner_sections(annotation: object) -> Iterator[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for inner in get_args(annotation):
        yield from _inner_sections(inner)


if __name__ == "__main__":
    sys.stdout.write(reference_page())
