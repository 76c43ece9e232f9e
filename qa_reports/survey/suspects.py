"""Step 2, clean: values that look like missing codes nobody declared."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CodeSuspect:
    """A value of one item that is probably a missing code the configuration forgot."""

    item: str
    value: float
    n: int
    interviewers: tuple[tuple[str, int], ...]
    """(interviewer id, number of answers), most first."""
    reason: str
    """Why it is suspected, in a few words: "outside the scale 0 to 10"."""
    yaml: str
    """The line to paste under the item in the configuration."""
