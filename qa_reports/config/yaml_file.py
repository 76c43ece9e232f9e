"""A YAML file as plain values with the line of every key. By YAML 1.2, `NO`, `on` and `12:30` are text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct

from qa_reports.errors import ConfigError, is_whole

KeyPath = tuple[str | int, ...]
"""Keys of mappings and positions in lists, from the top of the file, as pydantic names a place."""

MAX_BYTES = 1_000_000
MAX_VALUES = 100_000
"""Values after aliases are written out: a few lines of aliases of aliases can stand for billions."""
MAX_DEPTH = 50


class YamlFile(Struct, frozen=True):
    """What a YAML file says, and where: `lines` has the line (from 1) of every key and every list entry."""

    value: object
    lines: dict[KeyPath, int]


_INT = r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"
_FLOAT = r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"


class _Yaml12Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the core schema of YAML 1.2 in place of YAML 1.1's guesses, and a limit on nesting."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise yaml.composer.ComposerError(problem="too many levels of nesting", problem_mark=self.get_mark())
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


_Yaml12Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", _INT, "-+0123456789"),
    ("float", _FLOAT, "-+.0123456789"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
):
    _Yaml12Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)

_PLAIN_WORDS = (
    (r"found character '\\t'", "a tab stands where YAML wants spaces; indent with spaces"),
    (
        r"mapping values are not allowed here",
        "a second ': ' in one line; put the text in quotes or correct the indentation",
    ),
    (r"found undefined alias", "'*' refers to nothing; put the text in quotes"),
    (r"found duplicate anchor", "'&' names two things alike; put the text in quotes"),
    (r"found unexpected end of stream|while scanning a quoted scalar", "a quotation mark is not closed; close it"),
    (r"expected ',' or '\]'", "a list is not closed; check its commas and its ']'"),
    (
        r"expected ',' or '}'",
        "a mapping is not closed; check its commas and its '}', and put text with : [ or { in quotes",
    ),
    (r"could not find expected ':'", "a key without ': '; write `key: value`"),
    (r"expected <block end>", "this line does not fit the ones above it; check its indentation"),
    (r"expected a single document", "a second document begins here; keep one and delete the line '---'"),
    (
        r"found character .* that cannot start any token",
        "a value begins with a character that YAML keeps for itself; put it in quotes",
    ),
    (r"found unknown escape character", "a backslash in double quotes; use single quotes"),
    (r"too many levels of nesting", f"more than {MAX_DEPTH} levels of nesting; a configuration needs five"),
)


def read_yaml(path: Path, content: bytes | None = None) -> YamlFile:
    """Read a YAML file without guessing, executing or following anything.

    Args:
        path: the file.
        content: its bytes, where they are at hand: the file may have changed since.

    Raises:
        ConfigError: the file is missing, is not UTF-8 text, is not YAML, repeats a key or is unreasonably large.
    """
    text = _text_of(path, read_content(path) if content is None else content)
    loader = _Yaml12Loader(text)
    try:
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        raise ConfigError(_syntax_message(path, error)) from None
    finally:
        loader.dispose()
    if node is None:
        raise ConfigError(f"{path}:1: the file is empty; a configuration has survey, data and items")
    reading = _Reading(path)
    value = reading.value_of(node, ())
    return YamlFile(value, reading.lines)


def read_content(path: Path) -> bytes:
    """The bytes of a configuration.

    Raises:
        ConfigError: the file is missing, cannot be read, or is unreasonably large.
    """
    if not is_whole(path.name):
        raise ConfigError(f"{path}: its name is not UTF-8 text, so no report could name it; rename the file")
    try:
        content = path.read_bytes() if path.stat().st_size <= MAX_BYTES else None
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file; give the path of a configuration") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); give the path of a YAML file") from None
    if content is None:
        raise ConfigError(f"{path}: is larger than {MAX_BYTES:,} bytes; give a configuration, not a data file")
    return content


def _text_of(path: Path, content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: is not UTF-8 text; save the file as UTF-8") from None
    unprintable = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if unprintable:
        line = text.count("\n", 0, unprintable.start()) + 1
        code = f"U+{ord(unprintable.group()):04X}"
        raise ConfigError(f"{path}:{line}: holds the control character {code}; delete it")
    return text


def _syntax_message(path: Path, error: yaml.MarkedYAMLError) -> str:
    told = f"{error.problem or ''} {error.context or ''}"
    plain = next((words for pattern, words in _PLAIN_WORDS if re.search(pattern, told)), None)
    # What is never closed is mended where it opens, which YAML calls the context.
    marks = (error.context_mark, error.problem_mark) if plain and "not closed" in plain else (error.problem_mark,)
    mark = next((mark for mark in marks if mark), None)
    where = f"{path}:{mark.line + 1}: column {mark.column + 1}" if mark else str(path)
    return f"{where}: is not valid YAML: {plain or error.problem or error.context}"


class _Reading:
    """One pass over the nodes of a file: plain values out, lines kept, limits kept."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[KeyPath, int] = {}
        self.n_values = 0

    def value_of(self, node: yaml.Node, place: KeyPath) -> object:
        self.n_values += 1
        if self.n_values > MAX_VALUES or len(place) > MAX_DEPTH:
            raise self._error(node, "aliases ('*name') stand for far too many values; write the values out")
        if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            return [self._entry(entry, (*place, position)) for position, entry in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, place: KeyPath) -> dict[Any, object]:
        mapping: dict[Any, object] = {}
        first_lines: dict[Any, int] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._error(key_node, "a key is a list or a mapping; a key is one word or number")
            key = self._scalar(key_node)
            if key in mapping:
                earlier = f"first on line {first_lines[key]}"
                raise self._error(key_node, f"{key_node.value}: stands twice, {earlier}; keep one")
            first_lines[key] = key_node.start_mark.line + 1
            key_place = (*place, key if isinstance(key, int) and not isinstance(key, bool) else str(key))
            self.lines[key_place] = first_lines[key]
            mapping[key] = self.value_of(value_node, key_place)
        return mapping

    def _entry(self, node: yaml.Node, place: KeyPath) -> object:
        self.lines[place] = node.start_mark.line + 1
        return self.value_of(node, place)

    def _scalar(self, node: yaml.Node) -> str | int | float | bool | None:
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        text = node.value
        try:
            if kind == "str":
                return self._whole(node)
            if kind == "null":
                return None
            if kind == "bool":
                return {"true": True, "false": False}[text.lower()]
            if kind == "int":
                number = int(text, 0) if text[:2] in ("0o", "0x") else int(text)
                float(number)  # every number here is one of a survey's; OverflowError where it is none
                return number
            if kind == "float":
                return float(re.sub(r"\.(inf|nan)$", r"\1", text.lower()))
        except (KeyError, ValueError, TypeError, AttributeError):
            raise self._error(node, f"is not a value of the kind !!{kind}; leave !!{kind} out") from None
        except OverflowError:
            raise self._error(
                node, f"is a number of {len(text)} digits, more than can be counted with; correct it"
            ) from None
        raise self._error(node, f"the tag {node.tag} is not allowed here; leave it out")

    def _whole(self, node: yaml.Node) -> str:
        text = str(node.value)
        if not is_whole(text):
            raise self._error(node, "holds half of a character, written as \\ud800 to \\udfff; write the character")
        return text

    def _error(self, node: yaml.Node, problem: str) -> ConfigError:
        return ConfigError(f"{self.path}:{node.start_mark.line + 1}: {problem}")
