"""Questions whose answers stand as text, as exports with labels in place of numbers have them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from qa_reports.starting import words
from qa_reports.starting.columns import Column
from qa_reports.survey.label_words import reasons_of_labels

_FEWEST, _MOST = 3, 11
"""Different answers."""
_LEAST_ANSWERED = 1 / 3
_NUMBERED = re.compile(r"\s*([+-]?[0-9]+)\b")


class TextQuestion(Struct, frozen=True):
    """A question that can be examined once somebody has put its answers in their order."""

    name: str
    answers: tuple[str, ...]
    """By the numbers in front of them where all have one, else by the alphabet."""
    codes: tuple[tuple[str, str], ...]
    """(text, reason) of what is no answer."""


def text_questions(columns: Sequence[Column], taken: frozenset[str]) -> tuple[TextQuestion, ...]:
    """The columns that are not `taken` and hold few different texts, at least half of them of a graded kind."""
    found = (_text_question(column) for column in columns if column.name not in taken)
    return tuple(question for question in found if question is not None)


def _text_question(column: Column) -> TextQuestion | None:
    if not column.holds_text or column.holds_times():
        return None
    if words.INTERVIEWER.search(column.words) or words.NO_ATTITUDE.search(column.words):
        return None
    cells = [" ".join(str(text).split()) for text in column.texts.tolist()]
    different = sorted({cell for cell in cells if cell})
    if not _FEWEST <= len(different) <= 2 * _MOST:
        return None
    codes = {text: reason.value for text, reason in reasons_of_labels([(text, text) for text in different]).items()}
    answers = [text for text in different if text not in codes]
    graded = sum(bool(words.GRADED.search(words.plain(text)) or _NUMBERED.match(text)) for text in answers)
    n_answers = sum(cell in answers for cell in cells)
    if not _FEWEST <= len(answers) <= _MOST or 2 * graded < len(answers) or n_answers < _LEAST_ANSWERED * len(cells):
        return None
    numbers = [_NUMBERED.match(text) for text in answers]
    if all(numbers):
        answers.sort(key=lambda text: int(match[1]) if (match := _NUMBERED.match(text)) else 0)
    return TextQuestion(column.name, tuple(answers), tuple(codes.items()))
