"""How much of a very large survey one page shows: it stays below 8 MB and opens in seconds, whatever is reported on.

Whoever is left out here is in `results.json`, the workbook and `effects.parquet`, and the page says so. Limits that
depend on the number of items keep what the page holds of interviewers on items about the same.
"""

from __future__ import annotations

MOST_ROWS = 1_000
"""Rows of any table with a row for every interviewer."""
MOST_PAGES = 100
"""Items with a page of their own: those that somebody is flagged on, then those with the largest ICC."""
MOST_LISTED = 500
"""Lines of the table of interviewers worth a call who have no card."""
MOST_NAMED = 100
"""Interviewers named one after the other in a sentence."""
MOST_MARKED = 50
"""Flagged interviewers marked in one figure."""
MOST_FIGURES = 12
"""Figures of answers in one profile."""
MOST_ATTACHED = 50_000_000
"""Bytes of `results.json` up to which the PDF carries it."""
_CELLS = 22_000
"""Interviewers times items: cells of the fingerprint, profiles that can be asked for, marks in figures."""
_FEWEST = 50
_PROFILE_CELLS, _MOST_PROFILES, _FEWEST_PROFILES = 900, 40, 10


def most_people(n_items: int) -> int:
    """Interviewers who stand in the fingerprint and can be asked for, and as many marks in the figure of an item."""
    return max(_FEWEST, min(MOST_ROWS, _CELLS // max(n_items, 1)))


def most_profiles(n_items: int) -> int:
    """Flagged interviewers with a profile that is written out, figures and all; others are made when asked for."""
    return max(_FEWEST_PROFILES, min(_MOST_PROFILES, _PROFILE_CELLS // max(n_items, 1)))
