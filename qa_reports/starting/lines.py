"""Lines of a configuration with their remarks."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from qa_reports.errors import one_line

WIDTH = 118
"""Columns of a line."""
_REMARKS_AT = 34
_LONGEST_LABEL = 70


def entry_lines(fields: Sequence[str], remark: str, indent: str, width: int = WIDTH) -> Iterator[str]:
    """An entry of a list on one line, or with one key per line where it is too long; its remark behind or above."""
    one = f"{indent}- {{{', '.join(fields)}}}"
    if len(one) <= width:
        yield from remarked(one, remark, width)
        return
    if remark:
        yield from remark_lines(remark, indent, width)
    for place, field in enumerate(fields):
        yield f"{indent}{'- ' if place == 0 else '  '}{field}"


def remarked(text: str, remark: str, width: int = WIDTH) -> Iterator[str]:
    """A line with its remark behind it where both fit, else above it."""
    remark = one_line(remark)
    behind = f"{text:<{_REMARKS_AT}}  # {remark}"
    if not remark:
        yield text
    elif len(behind) <= width:
        yield behind
    else:
        yield from remark_lines(remark, " " * (len(text) - len(text.lstrip())), width)
        yield text


def remark_lines(text: str, indent: str = "", width: int = WIDTH) -> Iterator[str]:
    """A remark by itself, in as many lines as it takes."""
    wrapped = textwrap.wrap(one_line(text), width - len(indent) - 2, break_long_words=False, break_on_hyphens=False)
    yield from (f"{indent}# {line}" for line in wrapped)


def cut(text: str, longest: int = _LONGEST_LABEL) -> str:
    """The beginning of a text, on one line."""
    text = one_line(text)
    return text if len(text) <= longest else f"{text[: longest - 3].rstrip()}..."
