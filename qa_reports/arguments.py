"""How a line is read, and what is said of one that makes no sense: argparse in the words of this program.

Argparse's own words change from one Python to the next, so they are never printed.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from qa_reports.errors import UserError

COLUMNS = 80
"""Width of a help page, on every terminal: a part of it is laid out by hand."""
_PAGE = partial(argparse.RawDescriptionHelpFormatter, width=COLUMNS, max_help_position=28)


class Files(NamedTuple):
    """What stands on a line beside the options."""

    parameter: str
    """Of the function that gets them."""
    name: str
    help: str
    several: bool = False


class CommandParser(argparse.ArgumentParser):
    """One command: what may stand on its line, its help, and the function that is called with what does.

    The function is given nothing that was not typed: defaults stand in its signature alone.
    """

    def __init__(
        self,
        does: Callable[..., int],
        called: str,
        line: str,
        description: str,
        examples: str,
        files: Files | None = None,
        commands: Mapping[str, str] | None = None,
    ) -> None:
        """`line` may follow what the command is `called` by; `commands` are others, and what each of them does."""
        super().__init__(
            called, f"{called} {line}".rstrip(), description, examples, formatter_class=_PAGE, add_help=False,
            allow_abbrev=False, exit_on_error=False, argument_default=argparse.SUPPRESS,
        )  # fmt: skip
        self.color = False  # Python 3.14 would colour the page
        self._does = does
        self._files = files
        self.names: list[str] = []
        """Of the options."""
        self._values: dict[str | None, str] = {}
        self._required: list[argparse.Action] = []
        if commands:
            self.add_argument_group(f"commands (`{called} COMMAND --help` tells more)", _table(commands))
        if files is not None:
            self.add_argument_group("arguments", _table({files.name: files.help}))
        self._options = self.add_argument_group("options")
        self.flag("-h", "--help", help="Show this page.")

    def flag(self, *names: str, help: str) -> None:
        """Add an option that is given or not."""
        self.names += names
        self._options.add_argument(*names, action=_Once, nargs=0, help=help)

    def option(
        self, name: str, value: str, help: str, read: Callable[[str], object] = str, *, required: bool = False
    ) -> None:
        """Add an option with a value; `read` takes it, or raises a ValueError that says what it should be."""

        def read_or_complain(text: str) -> object:
            try:
                return read(text)
            except ValueError as should_be:
                self.error(f"{name}: is '{text}'; it should be {should_be}")

        self.names.append(name)
        self._values[name] = value
        action = self._options.add_argument(name, action=_Once, metavar=value, type=read_or_complain, help=help)
        if required:
            self._required.append(action)

    def run(self, words: Sequence[str], after: Sequence[str]) -> int:
        """Call the function for a line; the words `after` a `--` are files, whatever they look like.

        Raises:
            UserError: the line makes no sense.
        """
        for word in words:
            name = word.partition("=")[0]
            if _is_option(word) and name not in self.names:
                from qa_reports.config.wording import did_you_mean  # loads pydantic, for which nobody else waits

                told, hint = f"{name}: there is no such option", did_you_mean(name, self.names, otherwise="")
                self.error(f"{told}; {hint}" if hint else told)
        try:
            # Argparse wants files in one piece. It is told of none, and leaves them over wherever they stand.
            options, files = self.parse_known_args(words)
        except argparse.ArgumentError as error:
            option, value = error.argument_name, self._values.get(error.argument_name)
            told = "takes no value; give it alone" if value is None else f"has no value; it should be {option} {value}"
            self.error(f"{option}: {told}")
        given = {**self._paths([*files, *after]), **vars(options)}
        for action in self._required:
            if action.dest not in given:
                self.error(f"{action.option_strings[0]}: is missing; give {_inside(action.help or '')}")
        return self._does(**given)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with a line, and where to look.

        Raises:
            UserError: always.
        """
        end = "" if message.endswith("?") else "."
        raise UserError(f"{message}{end} `{self.prog} --help` shows what there is.")

    def _paths(self, words: Sequence[str]) -> dict[str, Path | list[Path]]:
        if self._files is None:
            if words:
                self.error(f"{words[0]}: is one too many; `{self.prog}` takes no file")
            return {}
        if not words or "" in words:
            self.error(f"{self._files.name}: is {'empty' if words else 'missing'}; give {_inside(self._files.help)}")
        if len(words) > 1 and not self._files.several:
            self.error(f"{words[1]}: is one too many; `{self.prog}` takes one {self._files.name}")
        paths = [Path(word) for word in words]
        return {self._files.parameter: paths if self._files.several else paths[0]}


class _Once(argparse.Action):
    """Given twice, one of the two would count for nothing."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        if hasattr(namespace, self.dest):
            parser.error(f"{option_string}: is given twice; once is enough")
        setattr(namespace, self.dest, True if self.nargs == 0 else values)


def whole_number(text: str) -> int:
    """Read a number.

    Raises:
        ValueError: what it should be.
    """
    try:
        return int(text)
    except ValueError:
        raise ValueError("a whole number") from None


def one_of(*words: str) -> Callable[[str], str]:
    """What reads one of a few words."""

    def read(text: str) -> str:
        if text not in words:
            raise ValueError(" or ".join(words))
        return text

    return read


def _is_option(word: str) -> bool:
    """A dash alone may be a name, and -3 is a number."""
    return word.startswith("-") and word != "-" and not word[1:].isdecimal()


def _inside(sentence: str) -> str:
    """A sentence as the end of another."""
    return sentence[0].lower() + sentence[1:].rstrip(".")


def _table(rows: Mapping[str, str]) -> str:
    """Names and what they are, in two columns."""
    start = max(len(name) for name in rows) + 2
    return "\n".join(
        textwrap.fill(f"{name:<{start}}{text}", COLUMNS - 2, subsequent_indent=" " * start)
        for name, text in rows.items()
    )
