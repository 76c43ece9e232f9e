"""How the ends of a scale bend the effects of interviewers: the nearer to an end, the less an effect shifts answers.

Answers pile up at an end because what respondents would say lies beyond. An interviewer who moves everybody by u moves
the mean of their answers by less, and leaves them less room to differ: an interviewer's answers, freed of the
interviewer's own effect, are shifted and cut to the scale again. Without it the largest effects that normal
interviewers can have would be overrated on bounded scales, and expected flags with them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from qa_reports.effects.linear import ModelResult

FloatArray = NDArray[np.float64]

_PILED = 0.01
"""Share of answers at the least or the greatest value from which that is an end of the scale."""
_REACH, _STEPS = 5.0, 81
"""Shifts up to so many standard deviations of effects, in so many steps."""
_DEGREE = 5
"""Of the polynomials that stand for the curves."""
_ANSWERS = 4_000
"""Answers that are shifted, at most: evenly chosen by rank."""


class Bent(Struct, frozen=True, eq=False):
    """What becomes of effects with given variances on K items, in residual standard deviations: polynomials."""

    levels: FloatArray
    """(D, K) coefficients, the constant first, of the bent effect, which has the same variance and mean 0,"""
    spreads: FloatArray
    """(D, K) and of the standard deviation of the answers over the usual one."""

    def level(self, effects: FloatArray) -> FloatArray:
        """(..., K) effects that the ends of the scales have bent."""
        return _polynomial(self.levels, effects)

    def spread(self, effects: FloatArray) -> FloatArray:
        """(..., K) standard deviation of the answers over the usual one."""
        return _polynomial(self.spreads, effects)


def _polynomial(coefficients: FloatArray, at: FloatArray) -> FloatArray:
    # Over a last axis as short as that of the items NumPy takes several times as long.
    rows = at.reshape(at.shape[0] if at.ndim > 1 else 1, -1)
    wide = np.tile(coefficients, rows.shape[1] // at.shape[-1])
    value = rows * wide[-1]
    for coefficient in wide[-2:0:-1]:
        value += coefficient
        value *= rows
    value += wide[0]
    return np.asarray(value.reshape(at.shape))


class Bend(Struct, frozen=True, eq=False):
    """A scale with at least one end."""

    answers: FloatArray
    """(m,) answers freed of their interviewer's effect, in residual standard deviations, ascending."""
    low: float
    high: float
    """Ends, in the same units; infinite where there is none."""

    def curves(self, variance: float) -> tuple[FloatArray, FloatArray]:
        """(D,) coefficients of level and spread for effects whose variance, bent, is `variance`."""
        sd = np.sqrt(max(variance, 1e-12))
        unit = np.linspace(-_REACH, _REACH, _STEPS)
        chance = np.exp(-(unit**2) / 2)
        chance /= chance.sum()
        stretch = 1.0
        # Bent effects vary less: they start from larger ones. Three rounds settle it, for bending is mild.
        for _ in range(3):
            mean, spreads = self._shifted(unit * sd * stretch)
            levels = mean - chance @ mean
            stretch *= sd / np.sqrt(chance @ levels**2)
        levels *= sd / np.sqrt(chance @ levels**2)
        spreads /= np.sqrt(chance @ spreads**2)
        fitted = np.polynomial.polynomial.polyfit(unit, np.stack([levels, spreads], axis=1), _DEGREE, w=chance**0.25)
        return tuple((fitted / sd ** np.arange(_DEGREE + 1)[:, None]).T)

    def _shifted(self, shifts: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(S,) mean, from that of the answers, and standard deviation of the answers shifted and cut to the scale.

        From sums up to each answer, which begin at their mean: far from it nothing would be left of their squares.
        """
        answers, m, most = self.answers - self.answers.mean(), len(self.answers), np.abs(shifts).max()
        low, high = (end - self.answers.mean() for end in (self.low, self.high))
        low, high = max(low, answers[0] - most), min(high, answers[-1] + most)
        at_low, below_high = np.searchsorted(answers, [low - shifts, high - shifts])
        sums = np.concatenate([np.zeros((2, 1)), np.cumsum([answers, answers**2], axis=1)], axis=1)
        n, (first, second) = below_high - at_low, sums[:, below_high] - sums[:, at_low]
        mean = (at_low * low + first + n * shifts + (m - below_high) * high) / m
        square = at_low * low**2 + second + (2 * first + n * shifts) * shifts + (m - below_high) * high**2
        return mean, np.sqrt(np.maximum(square / m - mean**2, 0.0))


def bent(bends: Sequence[Bend | None], variances: FloatArray) -> Bent | None:
    """What becomes of effects with these variances (K,) on K items; None where no scale has an end."""
    if not any(bends):
        return None
    levels, spreads = np.zeros((2, _DEGREE + 1, len(bends)))
    levels[1], spreads[0] = 1.0, 1.0
    for k, one in enumerate(bends):
        if one is not None:
            levels[:, k], spreads[:, k] = one.curves(float(variances[k]))
    return Bent(levels, spreads)


def bend(model: ModelResult) -> Bend | None:
    """The bend of the scale that a model's answers are on; None where answers do not pile up at an end."""
    answers = model.fitted + model.residuals
    low, high = answers.min(), answers.max()
    at_low, at_high = np.mean(answers < low + 1e-9), np.mean(answers > high - 1e-9)
    if high - low < 1e-9 or max(at_low, at_high) < _PILED:
        return None
    effects = model.effects
    own = np.zeros(int(effects.interviewer.max()) + 1)
    own[effects.interviewer] = effects.eblup[:, effects.terms.index("intercept")]
    sd = np.sqrt(model.variance.residual)
    freed = np.sort(answers - own[model.interviewer])
    chosen = freed[np.linspace(0, len(freed) - 1, min(len(freed), _ANSWERS)).astype(int)]
    ends = (float(low) if at_low >= _PILED else -np.inf, float(high) if at_high >= _PILED else np.inf)
    return Bend(chosen / sd, ends[0] / sd, ends[1] / sd)
