"""Names that stand below a title or labels, and labels that stand below the names, as spreadsheets have them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from msgspec import Struct

from qa_reports.config import ReadConfig
from qa_reports.survey.columns import as_text, read_cells

_MOST_ABOVE = 3
"""Rows above the data that are looked at, beside the first one."""
_NAME = re.compile(r"[^\W\d]\w{0,31}")
_MOST = 0.8
"""Share of the columns that have to agree."""
_FEWEST_COLUMNS = 3


class RowsGuess(Struct, frozen=True):
    """Where names, labels and data stand, and what speaks for it."""

    read: ReadConfig
    evidence: str

    @property
    def entries(self) -> str:
        """As the configuration writes them."""
        return ", ".join(f"{key}: {value}" for key, value in self.read.model_dump(exclude_none=True).items())


def guess_rows(table: pd.DataFrame) -> RowsGuess | None:
    """What a table that was read with its first row as the header shows about its first rows; None where it is one."""
    top = [[str(cell) for cell in as_text(row)] for _, row in table.head(_MOST_ABOVE).T.astype(object).items()]
    header = [str(name) for name in table.columns]
    if len(header) < _FEWEST_COLUMNS or len(table) <= 2 * _MOST_ABOVE:
        return None
    if not _are_names(header):
        for place, row in enumerate(top):
            if _are_names(row):
                above = [header, *top][place]
                labels = place + 1 if _are_labels(above) else None
                evidence = "the first row of names" if labels is None else "names, with labels above them"
                return RowsGuess(ReadConfig(names_row=place + 2, labels_row=labels), evidence)
        return None
    n_above = _rows_of_words(table)
    if n_above == 0:
        return None
    first = None if n_above == 1 else n_above + 2
    return RowsGuess(ReadConfig(labels_row=2, first_row=first), "words above the answers, taken for labels")


def _are_names(cells: Sequence[str]) -> bool:
    """Whether these are all different, and nearly all names as programs write them."""
    named = [cell for cell in cells if _NAME.fullmatch(cell)]
    return len(set(cells)) == len(cells) and len(named) >= _MOST * len(cells)


def _are_labels(cells: Sequence[str]) -> bool:
    told = [cell for cell in cells if " " in cell.strip() and not cell.startswith("unnamed column")]
    return 2 * len(told) >= len(cells)


def _rows_of_words(table: pd.DataFrame) -> int:
    """How many rows at the head hold words where all others hold numbers."""
    below = [read_cells(table[name].iloc[_MOST_ABOVE:]) for name in table]
    numeric = [place for place, cells in enumerate(below) if not cells.other.any() and np.isfinite(cells.numbers).any()]
    if len(numeric) < _FEWEST_COLUMNS:
        return 0
    words = np.column_stack([read_cells(table.iloc[:_MOST_ABOVE, place]).other for place in numeric]).mean(axis=1)
    wordy = words >= _MOST
    return int(wordy.argmin()) if not wordy.all() else 0
