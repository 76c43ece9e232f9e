"""What pydantic finds wrong, in the words of someone who edits the YAML file."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Union, get_args, get_origin

from msgspec import Struct
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from qa_reports.config.fields import Section
from qa_reports.config.models import ReportConfig, fields_by_key
from qa_reports.config.yaml_file import KeyPath


class Complaint(Struct, frozen=True):
    """One mistake: where it stands, and "what is wrong; what would be right"."""

    place: KeyPath
    text: str


def did_you_mean(word: object, known: Iterable[str], otherwise: str) -> str:
    """`did you mean X?` for the known word nearest to a mistyped one, or `otherwise` when none is near."""
    near = difflib.get_close_matches(str(word), list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else otherwise


def in_plain_words(error: ValidationError, value: object, file: type[Section] = ReportConfig) -> tuple[Complaint, ...]:
    """One complaint per place; `value` is what the file says, `file` what it should be."""
    complaints: dict[KeyPath, Complaint] = {}
    for details in error.errors(include_url=False, include_context=True):
        if details["type"] == "too_short" and len(details["input"]) >= details["ctx"]["min_length"]:
            continue  # long enough, but an entry is wrong, and that is a complaint of its own
        place = _place_in_file(details["loc"], value, details["type"])
        place = (*place, details["ctx"]["entry"]) if "entry" in details.get("ctx", {}) else place
        complaints.setdefault(place, Complaint(place, _text(details, place, file)))
    return tuple(complaints.values())


def _place_in_file(loc: KeyPath, value: object, kind: str) -> KeyPath:
    """The part of pydantic's location that stands in the file: it also names keys as floats and members of unions."""
    place: list[str | int] = []
    for part in loc:
        if isinstance(value, dict):
            part = next((key for key in value if key == part or str(key) == part or _same_number(key, part)), part)
            if part not in value:
                return (*place, part) if kind == "missing" else tuple(place)
            value = value[part]
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return tuple(place)
        place.append(part)
    return tuple(place)


def _same_number(key: object, part: str | int) -> bool:
    try:
        return isinstance(key, (int, float)) and float(key) == float(part)
    except ValueError:
        return False


def _text(details: ErrorDetails, place: KeyPath, file: type[Section]) -> str:
    kind, given, context = details["type"], details["input"], details.get("ctx", {})
    if kind == "missing":
        return f"is missing; give {_lower_first(_description(place, file))}"
    if kind == "extra_forbidden":
        known = _keys_at(place[:-1], file)
        return f"is not a known key; {did_you_mean(place[-1], known, 'known here: ' + ', '.join(known))}"
    if kind in ("scale", "codes", "address"):
        return details["msg"]
    if kind in ("encoding", "delimiter"):
        return f"is {_shown(given)}, which {details['msg']}"
    if kind == "literal_error":
        allowed = [_shown(choice).strip("'") for choice in _choices(_annotation(place, file))]
        return f"is {_shown(given)}; {did_you_mean(given, allowed, 'it should be ' + _either(allowed))}"
    return f"is {_shown(given)}; {_remedy(kind, given, context, _keys_at(place, file))}"


def _remedy(kind: str, given: object, context: dict[str, Any], keys: list[str]) -> str:
    match kind:
        case "string_type":
            return "it should be text; put it in quotes"
        case "bool_type":
            return "it should be true or false"
        case "int_type" | "int_from_float" | "int_parsing":
            return "it should be a whole number"
        case "float_type" | "float_parsing" | "finite_number":
            return "it should be a number"
        case "greater_than_equal":
            return f"it should be at least {context['ge']}"
        case "greater_than":
            return f"it should be more than {context['gt']:g}"
        case "less_than":
            return f"it should be less than {context['lt']:g}"
        case "too_short" | "string_too_short" if given == "":
            return "it should not be empty text"
        case "too_short":
            least = context["min_length"]
            return f"it should have at least {least} {'entry' if least == 1 else 'entries'}"
        case "dict_type" if not keys:
            return "it should have a name and a value on each line"
        case "tuple_type" | "list_type":
            return "it should be a list, with '- ' before each entry or in [ ]"
        case _:
            return f"it should have the keys {', '.join(keys)}" if keys else "it does not belong here"


def _shown(given: object) -> str:
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, (dict, list, tuple)):
        kind = "mapping" if isinstance(given, dict) else "list"
        return f"a {kind}" if given else f"an empty {kind}"
    return str(given) if isinstance(given, (int, float)) else f"'{given}'"


def _either(choices: list[str]) -> str:
    return choices[0] if len(choices) == 1 else f"{', '.join(choices[:-1])} or {choices[-1]}"


def _lower_first(description: str) -> str:
    words = description.rstrip(".").split(",")[0].split(";")[0]
    return words[:1].lower() + words[1:]


def _annotation(place: KeyPath, file: type[Section]) -> object:
    """The type of the option at a place of the file."""
    annotation: object = file
    for part in place:
        if isinstance(part, int):
            continue
        section = next(_sections(annotation), None)
        field = fields_by_key(section).get(part) if section else None
        if field is None:
            return None
        annotation = field.annotation
    return annotation


def _description(place: KeyPath, file: type[Section]) -> str:
    section = next(_sections(_annotation(place[:-1], file)), None)
    field = fields_by_key(section).get(str(place[-1])) if section else None
    return field.description or "it" if field else "it"


def _keys_at(place: KeyPath, file: type[Section]) -> list[str]:
    section = next(_sections(_annotation(place, file)), None)
    return list(fields_by_key(section)) if section else []


def _sections(annotation: object) -> Iterator[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    elif get_origin(annotation) in (tuple, Annotated, Union, types.UnionType):
        for inner in get_args(annotation):
            yield from _sections(inner)


def _choices(annotation: object) -> Iterator[object]:
    for inner in get_args(annotation):
        if get_args(inner):
            yield from _choices(inner)
        elif inner is not Ellipsis:
            yield inner
