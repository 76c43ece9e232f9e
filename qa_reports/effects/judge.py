"""What every interviewer's level on one item is judged by: the single cells that flags and figures read."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from qa_reports.effects.categorical_items import CategoricalResult
from qa_reports.effects.estimate import ItemEffects
from qa_reports.effects.influence import two_sided
from qa_reports.effects.spread_effects import SpreadEffects

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class LevelCells(Struct, frozen=True, eq=False):
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
    by_tail: bool = False
    """Whether z and p come from the predictive tail of a categorical model, and not from the deviation's normality."""

    @property
    def evidence(self) -> FloatArray:
        """(J,) the deviation that evidence over items takes, scale points: a tail's as a normal deviation of its z."""
        return self.z * self.deviation_se if self.by_tail else self.deviation


def level_cells(item: ItemEffects) -> LevelCells | None:
    """The levels as the judging model (adjusted for respondents, else null) sees them; None where it judges nobody.

    Binary, count and skewed items go by the tail of their categorical model, the others by the linear deletion z.
    """
    if isinstance(item.categorical, CategoricalResult) and item.categorical.by_tail:
        tails = item.categorical.tails
        if np.isfinite(tails.p).any():
            return LevelCells(
                tails.interviewer,
                tails.n_interviews,
                tails.deviation,
                tails.deviation_se,
                tails.z,
                tails.p,
                by_tail=True,
            )
    effects = item.judging.effects
    if "intercept" not in effects.terms:
        return None
    column = effects.terms.index("intercept")
    if not np.isfinite(effects.p[:, column]).any():
        return None
    cells = LevelCells(
        interviewer=effects.interviewer,
        n_interviews=effects.n_interviews,
        deviation=effects.deviation[:, column],
        deviation_se=effects.deviation_se[:, column],
        z=effects.z[:, column],
        p=effects.p[:, column],
    )
    if not isinstance(item.spread, SpreadEffects) or effects.deviation_df is None:
        return cells
    return _by_own_variance(cells, effects.deviation_df[:, column], item.judging.variance.residual, item.spread)


def _by_own_variance(cells: LevelCells, df: FloatArray, residual_variance: float, spread: SpreadEffects) -> LevelCells:
    """The same levels with each interviewer's own, shrunken residual variance in place of the pooled one.

    An interviewer whose interviews vary more has a mean that varies more: judged by the pooled variance they would be
    called too often. The variance of the deviation changes by s2 (shrunken - 1)/n, and its degrees of freedom combine
    those of the pooled one with those of the own (Satterthwaite). Where interviewers do not differ in spread nothing
    changes.
    """
    known = np.isfinite(spread.shrunken) & np.isfinite(spread.shrunken_df)
    if not known.any():
        return cells
    pooled = residual_variance / cells.n_interviews
    variance, own_df = own_variance(cells.deviation_se, df, pooled, spread.shrunken, spread.shrunken_df)
    p, z = two_sided(cells.deviation / np.sqrt(variance), own_df)
    return replace(
        cells,
        deviation_se=np.where(known, np.sqrt(variance), cells.deviation_se),
        z=np.where(known, z, cells.z),
        p=np.where(known, p, cells.p),
    )


def own_variance(
    se: FloatArray, df: FloatArray, pooled: FloatArray, shrunken: FloatArray, shrunken_df: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Variance of a deviation and its degrees of freedom with the own residual variance in place of the pooled one.

    Args:
        se: standard error of the deviation with the pooled residual variance, `df` its degrees of freedom.
        pooled: pooled residual variance over the number of interviews.
        shrunken: own residual variance over the pooled one, `shrunken_df` its degrees of freedom.
    """
    own = pooled * shrunken
    # Without this interviewer the pooled variance may be less than with them: the level keeps some variance.
    variance = np.maximum(se**2 + own - pooled, 0.2 * own)
    return variance, np.asarray(variance**2 / (se**4 / df + own**2 / shrunken_df))
