"""What every interviewer's level on one item is judged by: the single cells that flags and figures read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa_reports.effects.estimate import ItemEffects

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class LevelCells:
    """The levels of J interviewers on one item, each held against the colleagues without them; NaN where not judged."""

    interviewer: IntArray
    """(J,) positions in `Survey.interviewer_ids`."""
    n_interviews: IntArray
    """(J,) interviews of each that the judgement rests on."""
    deviation: FloatArray
    """(J,) deletion residual in scale points: the own departure from what the others' fit expects."""
    deviation_se: FloatArray
    """(J,) standard error of the deviation for a normal interviewer."""
    z: FloatArray
    """(J,) how remarkable the deviation is, as a normal score."""
    p: FloatArray
    """(J,) two-sided p that flags rest on."""


def level_cells(item: ItemEffects) -> LevelCells | None:
    """The levels as the judging model (adjusted for respondents, else null) sees them; None where it judges nobody."""
    effects = item.judging.effects
    if "intercept" not in effects.terms:
        return None
    column = effects.terms.index("intercept")
    if not np.isfinite(effects.p[:, column]).any():
        return None
    return LevelCells(
        interviewer=effects.interviewer,
        n_interviews=effects.n_interviews,
        deviation=effects.deviation[:, column],
        deviation_se=effects.deviation_se[:, column],
        z=effects.z[:, column],
        p=effects.p[:, column],
    )
