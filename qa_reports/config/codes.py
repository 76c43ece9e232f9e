"""How missing codes and answer categories may be written in the YAML file."""

from __future__ import annotations

import math
import re

from pydantic_core import PydanticCustomError

from qa_reports.config.yaml_text import yaml_quoted, yaml_text

_NUMBER = r"[+-]?[0-9]+(?:\.[0-9]+)?"
_OPEN_RANGE = re.compile(rf"({_NUMBER})?\s*\.\.\s*({_NUMBER})?")
_DASHED_RANGE = re.compile(r"([0-9]+)\s*[-\u2013]\s*([0-9]+)")


def as_codes(value: object) -> object:
    """Codes as numbers, ranges or texts with a reason each; a list of codes has the reason "Missing"."""
    if isinstance(value, (list, tuple)):
        value = dict.fromkeys(value, "Missing") if all(isinstance(code, (int, float, str)) for code in value) else None
    if not isinstance(value, dict) or any(isinstance(code, bool) or code is None for code in value):
        raise PydanticCustomError(
            "codes", "is not a set of codes; write {88: Don't know, 99: No answer}, or [88, 99] without reasons"
        )
    for code in value:
        ends = code_range(code) if isinstance(code, str) else None
        if ends is not None and ends[0] > ends[1]:
            raise PydanticCustomError(
                "codes", "has the range {code}, which runs backwards; the lower end comes first", {"code": code}
            )
    _require_codes_first(value)
    return {float(code) if isinstance(code, int) else code: reason for code, reason in value.items()}


def _require_codes_first(codes: dict[float | str, object]) -> None:
    """A number is no reason: beside a text it is the code itself, on the wrong side."""
    turned = {code: reason for code, reason in codes.items() if _is_word(code) and _is_number(reason)}
    if not turned:
        return
    first = str(next(iter(turned)))
    right = ", ".join(f"{str(reason).strip()}: {yaml_text(str(code))}" for code, reason in turned.items())
    said = (
        f"has the number {turned[first]} for a reason; the code comes first: {{{right}}}; if {yaml_quoted(first)} is "
        "what stands in the file, give its reason in words"
    )
    raise PydanticCustomError("codes", "{said}", {"entry": first, "said": said})


def _is_word(code: float | str) -> bool:
    return isinstance(code, str) and code_range(code) is None and not _is_number(code)


def _is_number(reason: object) -> bool:
    if isinstance(reason, str):
        return re.fullmatch(_NUMBER, reason.strip()) is not None
    return isinstance(reason, (int, float)) and not isinstance(reason, bool)


def code_range(code: str) -> tuple[float, float] | None:
    """The ends of a range of codes, both included: "90..99", "90-99", "..-1" or "90.."; None for any other text."""
    text = code.strip()
    dashed = _DASHED_RANGE.fullmatch(text)
    if dashed:
        return float(dashed[1]), float(dashed[2])
    dotted = _OPEN_RANGE.fullmatch(text)
    if dotted is None or dotted.groups() == (None, None):
        return None
    return float(dotted[1] or -math.inf), float(dotted[2] or math.inf)


def meets_scale(code: float | str, scale: tuple[float, float]) -> bool:
    """Whether a code or range of codes takes in a part of the scale."""
    ends = code_range(code) if isinstance(code, str) else (code, code)
    return ends is not None and ends[0] <= scale[1] and ends[1] >= scale[0]


def as_categories(value: object) -> object:
    """Answers in their order, numbered from 1, or numbers with the answers they stand for."""
    if isinstance(value, (list, tuple)):
        value = {float(place): text for place, text in enumerate(value, start=1)}
    if not isinstance(value, dict) or not _are_answers(value):
        raise PydanticCustomError(
            "codes",
            "is not a set of answers; write them in their order, [Disagree strongly, ..., Agree strongly], or with "
            "their numbers, {1: Disagree strongly, 5: Agree strongly}",
        )
    seen: set[str] = set()
    for text in value.values():
        if text.strip().casefold() in seen:
            raise PydanticCustomError("codes", "has the answer '{text}' twice; keep one", {"text": text})
        seen.add(text.strip().casefold())
    return {float(code): text.strip() for code, text in value.items()}


def _are_answers(value: dict[object, object]) -> bool:
    numbered = all(type(code) in (int, float) for code in value)
    return numbered and len(value) > 1 and all(isinstance(text, str) and text.strip() for text in value.values())
