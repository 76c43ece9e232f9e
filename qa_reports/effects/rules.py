"""The rules that make a deviation a flag; the same for the survey and for the simulated waves it is held against."""

from __future__ import annotations

MINIMUM_SIZE = 0.3
"""Smallest deviation, in residual standard deviations of the item, that is worth a call however sure it is."""
NAMED_BESIDE = 2.0
"""|z| from which an item is named as one of those that combined evidence rests on."""
EXPECTED_WARNINGS = 0.4
"""Normal interviewers that the rule for warnings lets through per wave: p below this over the interviewers judged.
With the single cells beside it about half a normal interviewer is flagged per wave."""
