"""The rules that make a deviation a flag; the same for the survey and for the simulated waves it is held against."""

from __future__ import annotations

MINIMUM_SIZE = 0.3
"""Smallest deviation, in residual standard deviations of the item, that is worth a call however sure it is."""
NAMED_BESIDE = 2.0
"""|z| from which an item is named as one of those that combined evidence rests on."""
EXPECTED_WARNINGS = 0.4
"""Normal interviewers that the rule for warnings lets through per wave: p below this over the interviewers judged.
With the single cells beside it about half a normal interviewer is flagged per wave."""
MINIMUM_SPREAD = 0.2
"""Smallest deviation of the log standard deviation that is worth a call: below 82 % or above 122 % of the usual."""
WEIGHT_OF_LEVELS = 3.0
"""Share of attention of levels over all items, beside other sources of evidence: they are what counts most."""
WEIGHT_OF_SPREAD = 1.0
"""That of spread."""
WEIGHT_OF_ONE_SPREAD = 0.2
"""Weight of one interviewer's spread on one item beside a level or slope (1): one item says little about spread."""
WEIGHT_OF_INDICATORS = 0.3
"""That of each kind of indicator: there are many, and what they are looked at for is plain when it is there."""
REMARKABLE = 0.01
"""p of a kind of indicator below which it is told beside the flags of an interviewer who is called anyway."""
