"""Respondent ids that stand in a file more than once: interviews that were delivered twice, and other repeats.

Nobody answers everything twice in the same way to the same interviewer under one id: such a row is the file's doing. It
is left out, so that it neither counts twice nor makes an interviewer look as if they had copied.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.survey.columns import BoolArray, TextArray
from qa_reports.survey.interviewers import Tally, counted, natural_key
from qa_reports.survey.joins import LISTED_KEYS

DELIVERED_TWICE = "delivered twice: the same respondent, interviewer and values as an earlier row"
"""Why a row is not used."""
_NO_ID = 0.05
"""Share of all rows that repeat an id with other answers beyond which the column is no id: a household's, a panel's."""
_NAMED = 5
"""Respondents and interviewers named in a sentence."""


class Repeats(Struct, frozen=True):
    """Rows with a respondent id that an earlier row has already."""

    n: int
    respondents: tuple[str, ...]
    """Different ids in the order of the file, `LISTED_KEYS` at most."""
    interviewers: Tally
    """Rows of each interviewer, most first."""

    @property
    def named(self) -> str:
        """ "51146, 51231, ...; interviewer 3274"."""
        ids = ", ".join(self.respondents[:_NAMED]) + (", ..." if len(self.respondents) > _NAMED else "")
        return f"{ids}; {self.by}"

    @property
    def by(self) -> str:
        """ "interviewers 3274 and 12"."""
        names = [name for name, _ in self.interviewers]
        if len(names) > _NAMED:
            return f"{len(names):,} interviewers, most at {names[0]}"
        return f"interviewer{'' if len(names) == 1 else 's'} {', '.join(names)}"


NO_REPEATS = Repeats(0, (), ())


class RepeatedIds(Struct, frozen=True):
    """What became of rows with a respondent id that an earlier row has already."""

    column: str
    left_out: Repeats
    """The same interviewer and the same values in every column in use as an earlier row: not used."""
    counted_twice: Repeats
    """The same interviewer and answers as an earlier row, but another value in some other column: used."""
    others: Repeats
    """Other answers or another interviewer: used."""
    is_id: bool = True
    """False where so many ids repeat with other answers that the column tells no interviews apart; nothing was left
    out then, and all repeats are `others`."""
    compared: bool = True
    """False where there are too many repeats to be looked at; all are `others` then."""

    @property
    def is_problem(self) -> bool:
        """Whether the file should be put right."""
        return bool(self.left_out.n or self.counted_twice.n) or not self.compared

    @property
    def title(self) -> str:
        """Of what is to be put right, as a heading."""
        if not self.compared:
            return f"{counted(self.others.n, 'interview')} with a respondent id that stands already"
        n = self.left_out.n + self.counted_twice.n
        return f"{counted(n, 'interview')} {_verb(n, 'stands', 'stand')} in the file twice"

    @property
    def in_short(self) -> str:
        """The problem and its remedy in one sentence."""
        if not self.compared:
            return (
                f"{self.title}: too many to see whether they were delivered twice. They are counted; remove second "
                "rows from the file."
            )
        out, twice = self.left_out, self.counted_twice
        names = Counter(dict(out.interviewers))
        names.update(dict(twice.interviewers))
        together = Repeats(out.n + twice.n, (), tuple(names.most_common()))
        if not twice.n:
            said = ", with the same values in every column in use. Each is counted once"
        elif not out.n:
            said = ", with the same answers and another value elsewhere. They are counted twice"
        else:
            said = (
                f": {out.n:,} with the same values in every column in use, counted once; {twice.n:,} with the same "
                "answers and another value elsewhere, counted twice"
            )
        return f"{self.title} ({together.by}){said}. Remove the second rows from the file."

    @property
    def sentences(self) -> tuple[str, ...]:
        """What there is, what was done, and what would be right."""
        found = []
        if (out := self.left_out).n:
            found.append(
                f"{self.column}: {counted(out.n, 'row')} {_verb(out.n, 'repeats', 'repeat')} an interview, with the "
                f"same respondent, interviewer and values as an earlier row ({out.named}). Not counted: each "
                "interview is used once. Remove the second rows from the file."
            )
        if (twice := self.counted_twice).n:
            found.append(
                f"{self.column}: {counted(twice.n, 'row')} {_verb(twice.n, 'has', 'have')} the same respondent, "
                f"interviewer and answers as an earlier row, and another value elsewhere ({twice.named}). They are "
                "counted, as nothing says which row is right: remove one of each from the file."
            )
        if (more := self.others).n:
            which = (
                f"{self.column}: {counted(more.n, 'interview')} with a respondent id that an earlier one has already"
            )
            found.append(f"{which} ({more.named}){self._why_counted}.")
        return tuple(found)

    @property
    def _why_counted(self) -> str:
        if not self.compared:
            return ": too many to see which were delivered twice. All are counted; remove second rows from the file"
        if not self.is_id:
            return ", with other answers: so many that the column tells no interviews apart. All are counted"
        return ", and other answers or another interviewer: they are counted"


def _verb(n: int, one: str, several: str) -> str:
    return one if n == 1 else several


def digests(table: pd.DataFrame, columns: Sequence[str]) -> NDArray[np.uint64]:
    """(n,) rows with the same values in these columns have the same number, others nearly never."""
    if not columns:
        return np.zeros(len(table), dtype=np.uint64)
    return np.asarray(pd.util.hash_pandas_object(table[list(columns)], index=False).to_numpy(), dtype=np.uint64)


def repeated(ids: TextArray) -> BoolArray:
    """(n,) rows whose id is not blank and stands elsewhere, too."""
    return np.asarray(pd.Series(ids).duplicated(keep=False).to_numpy() & (ids != ""))


def judge_repeats(
    column: str,
    ids: TextArray,
    interviewer: TextArray,
    whole: NDArray[np.uint64],
    answers: NDArray[np.uint64],
    answered: BoolArray,
    n_rows: int,
) -> tuple[RepeatedIds, BoolArray]:
    """What repeats, and (m,) which rows are to be left out.

    Args:
        column: of the ids.
        ids: (m,) of the rows whose id stands elsewhere, too, in the order of the file.
        interviewer: (m,) ids.
        whole: (m,) digests of the columns in use.
        answers: (m,) digests of the items.
        answered: (m,) whether there is anything in an item.
        n_rows: of the survey.
    """
    rows = pd.DataFrame({"id": ids, "who": interviewer, "whole": whole, "answers": answers})
    again = rows.duplicated("id").to_numpy()
    same = rows.duplicated(["id", "who", "whole"]).to_numpy()
    alike = rows.duplicated(["id", "who", "answers"]).to_numpy() & answered & ~same
    others = again & ~same & ~alike
    if others.sum() > max(same.sum() + alike.sum(), _NO_ID * n_rows):
        nothing = np.zeros(len(rows), dtype=bool)
        found = RepeatedIds(column, NO_REPEATS, NO_REPEATS, _repeats(ids, interviewer, again), is_id=False)
        return found, nothing
    out, twice, more = (_repeats(ids, interviewer, which) for which in (same, alike, others))
    return RepeatedIds(column, out, twice, more), same


def too_many(column: str, ids: TextArray, interviewer: TextArray) -> RepeatedIds:
    """The same where the rows are too many to be held against each other."""
    again = pd.Series(ids).duplicated().to_numpy()
    return RepeatedIds(column, NO_REPEATS, NO_REPEATS, _repeats(ids, interviewer, again), compared=False)


def _repeats(ids: TextArray, interviewer: TextArray, which: BoolArray) -> Repeats:
    names = dict.fromkeys(ids[which])
    tally = Counter(interviewer[which])
    most_first = sorted(tally.items(), key=lambda one: (-one[1], natural_key(one[0])))
    return Repeats(int(which.sum()), tuple(names)[:LISTED_KEYS], tuple(most_first))
