"""Whether anybody can be compared with others at all, and what a wrong column of interviewers looks like."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qa_reports.effects.doubts import FEW_INTERVIEWERS

FEWEST_JUDGED = 3
"""Of two interviewers who differ, nobody knows which is the unusual one."""
_MANY_INTERVIEWS = 200
"""Interviews of the typical interviewer from which so few interviewers are rather regions, sexes or modes."""


def why_nobody(workload: NDArray[np.int64], min_interviews: int, columns: Sequence[str]) -> str | None:
    """Why nobody can be judged, with the question that it raises; None where somebody can.

    Args:
        workload: (J,) interviews of each interviewer.
        min_interviews: what a judgement takes.
        columns: those of data.interviewer.

    Returns:
        Words without a capital letter at the beginning, ending in a question mark.
    """
    enough = int((workload >= min_interviews).sum())
    if enough >= FEWEST_JUDGED:
        return None
    right = f"is data.interviewer ({', '.join(columns)}) the right column?"
    if len(workload) < FEWEST_JUDGED:
        return f"{_only(len(workload))} {_all(int(workload.sum()))}: {right}"
    has = "has" if enough == 1 else "have"
    whose = "none" if not enough else f"only {enough}"
    return (
        f"{whose} of {len(workload):,} interviewers {has} the {_interviews(min_interviews)} that a judgement takes "
        f"(flags.min_interviews): {right}"
    )


def wrong_column(workload: NDArray[np.int64], columns: Sequence[str]) -> str | None:
    """The question that few interviewers with very many interviews each raise; None where they are not so."""
    typical = float(np.median(workload)) if len(workload) else 0.0
    if len(workload) >= FEW_INTERVIEWERS or typical < _MANY_INTERVIEWS:
        return None
    return (
        f"only {len(workload)} interviewers with about {_interviews(round(typical))} each: is data.interviewer "
        f"({', '.join(columns)}) the right column?"
    )


def _only(n: int) -> str:
    return "only 1 interviewer" if n == 1 else f"only {n} interviewers"


def _all(n: int) -> str:
    return f"for {_interviews(n)}"


def _interviews(n: int) -> str:
    return "1 interview" if n == 1 else f"{n:,} interviews"
