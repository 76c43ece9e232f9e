"""Step 5, report: what is said of letters in names and labels that no font of this machine has."""

from __future__ import annotations

from collections.abc import Collection

from qa_reports.config import Format, ReportConfig
from qa_reports.report.files import FILE_NAMES
from qa_reports.survey.clean import Survey

_MOST_LETTERS = 8
"""Named of them."""


def unprintable_letters(words: str) -> str:
    """The letters, sorted, that no font has; it loads Matplotlib, so it is for where a PDF is drawn."""
    from qa_reports.report.typefaces import letters_without_font

    return letters_without_font(words)


def outside_words(survey: Survey, config: ReportConfig) -> str:
    """What a PDF says in letters that may be any."""
    about = (config.survey.name, config.survey.wave or "", config.survey.country or "")
    items = (word for item in survey.items for word in (item.name, item.label))
    return "".join((*about, *items, *survey.interviewer_ids, *(team or "" for team in survey.teams or ())))


def unprintable_note(letters: str, laid_out: Collection[Format]) -> str:
    """What to do about letters that no font has."""
    names = " and ".join(FILE_NAMES[form] for form in FILE_NAMES if form in laid_out)
    more = f" and {len(letters) - _MOST_LETTERS:,} more" if len(letters) > _MOST_LETTERS else ""
    return (
        f"{names}: no font on this machine has {' '.join(letters[:_MOST_LETTERS])}{more}, which are empty boxes there; "
        "install one, on Debian and Ubuntu by 'apt install fonts-noto-core fonts-noto-cjk', and make the report again"
    )
