"""A configuration file becomes a `ReportConfig`, or one message that says what to change, and on which line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct
from pydantic import ValidationError

from qa_reports.config.checks import contradictions
from qa_reports.config.models import ReportConfig, ReviewedFile, ReviewedFlag
from qa_reports.config.wording import Complaint, in_plain_words
from qa_reports.config.yaml_file import KeyPath, YamlFile, read_content, read_yaml
from qa_reports.errors import ConfigError, one_line

MAX_COMPLAINTS = 10
REVIEWED_FILE = "reviewed.yaml"
"""The list of flags that were looked into, beside the configuration."""


class ConfigFile(Struct, frozen=True):
    """A configuration with the file it was read from."""

    path: Path
    content: bytes
    config: ReportConfig


def read_config(path: Path) -> ConfigFile:
    """Read and check a configuration file, and keep its bytes.

    Raises:
        ConfigError: as `load_config`.
    """
    content = read_content(path)
    return ConfigFile(path, content, load_config(path, content))


def load_config(path: Path, content: bytes | None = None) -> ReportConfig:
    """Read and check a configuration file.

    Args:
        path: the file.
        content: its bytes, where they are at hand.

    Raises:
        ConfigError: one line per mistake, `FILE:LINE: key.path: what is wrong; what would be right`, in file order.
    """
    yaml_file = read_yaml(path, content)
    if not isinstance(yaml_file.value, dict):
        raise ConfigError(f"{path}:1: is not a configuration; it has keys such as survey, data and items")
    complaints = {complaint.place: complaint for complaint in _empty_values(yaml_file.value, ())}
    try:
        config = ReportConfig.model_validate(yaml_file.value)
    except ValidationError as error:
        for complaint in in_plain_words(error, yaml_file.value):
            complaints.setdefault(complaint.place, complaint)
        raise ConfigError(_message(path, yaml_file, complaints.values())) from None
    found = (*complaints.values(), *contradictions(config))
    if found:
        raise ConfigError(_message(path, yaml_file, found))
    return config


def load_reviewed(path: Path, content: bytes | None = None) -> tuple[ReviewedFlag, ...]:
    """Read and check a list of reviewed flags.

    Args:
        path: the file.
        content: its bytes, where they are at hand.

    Raises:
        ConfigError: as for a configuration, one line per mistake.
    """
    yaml_file = read_yaml(path, content)
    if not isinstance(yaml_file.value, dict):
        raise ConfigError(f"{path}:1: is not a list of reviewed flags; it has the key reviewed, and entries under it")
    complaints = {complaint.place: complaint for complaint in _empty_values(yaml_file.value, ())}
    try:
        reviewed = ReviewedFile.model_validate(yaml_file.value).reviewed
    except ValidationError as error:
        for complaint in in_plain_words(error, yaml_file.value, ReviewedFile):
            complaints.setdefault(complaint.place, complaint)
        raise ConfigError(_message(path, yaml_file, complaints.values())) from None
    found = [*complaints.values()]
    keys = [(entry.interviewer, entry.kind) for entry in reviewed]
    for position, key in enumerate(keys):
        if key in keys[:position]:
            text = f"{key[0]}, {key[1]} is listed twice (entries {keys.index(key) + 1} and {position + 1}); keep one"
            found.append(Complaint(("reviewed", position), text))
    if found:
        raise ConfigError(_message(path, yaml_file, found))
    return reviewed


def _empty_values(value: object, place: KeyPath) -> Iterator[Complaint]:
    """A key without a value: nobody can tell "none" from "the default" there, so it is refused everywhere."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if value is None:
        remedy = "give a value or delete the line"
        if len(place) > 1 and isinstance(place[-2], int) and " " in str(place[-1]):  # which no key of an entry has
            remedy = "if it belongs to the text before the comma, put that text in quotes"
        yield Complaint(place, f"is empty; {remedy}")
    for part, contained in inner:
        yield from _empty_values(contained, (*place, part if isinstance(part, int) else str(part)))


def _message(path: Path, yaml_file: YamlFile, complaints: Iterable[Complaint]) -> str:
    placed = sorted(
        (_line(yaml_file, complaint.place), number, complaint) for number, complaint in enumerate(complaints)
    )
    lines = [
        one_line(f"{path}:{line}: {_shown_place(yaml_file.value, complaint.place)}: {complaint.text}")
        for line, _, complaint in placed[:MAX_COMPLAINTS]
    ]
    if len(placed) > MAX_COMPLAINTS:
        lines.append(f"{path}: and {len(placed) - MAX_COMPLAINTS} more")
    return "\n".join(lines)


def _line(yaml_file: YamlFile, place: KeyPath) -> int:
    """The line of a place, or of the nearest thing around it that stands in the file (a missing key has no line)."""
    return next((yaml_file.lines[place[:n]] for n in range(len(place), 0, -1) if place[:n] in yaml_file.lines), 1)


def _shown_place(value: object, place: KeyPath) -> str:
    """`items.trstplc.scale`: an entry of a list goes by its name, or by its number from 1 where it has none."""
    shown = ""
    for part in place:
        value = _inside(value, part)
        if isinstance(part, int) and not shown.endswith("missing_codes"):
            name = value.get("name") if isinstance(value, dict) else value
            shown += f".{name}" if isinstance(name, str) else f"[{part + 1}]"
        else:
            shown += f".{part}" if shown else str(part)
    return shown


def _inside(value: object, part: str | int) -> object:
    if isinstance(value, dict):
        return value.get(part)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part]
    return None
