"""The profile-likelihood interval of a latent ICC."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from qa_reports.effects.categorical import CategoricalFit, latent_icc
from qa_reports.effects.categorical_columns import (
    CategoricalColumns,
    CategoricalFailure,
    prepare_columns,
    rows_of,
)
from qa_reports.effects.categorical_search import (
    BOUNDLESS,
    NODES,
    maximise,
)
from qa_reports.effects.distributions import chi2_isf
from qa_reports.effects.quadrature import Parameters

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_PROFILE_DECREMENT = 1e-9
"""As `_DECREMENT`, for the points of a profile: far below what the ends of an interval notice."""
_SD_PRECISION = 1e-6
"""Of the ends of an interval, logits."""
_FIRST_REACH = 0.3
"""First sd, in logits, tried as the upper end where the estimate is zero."""
FLATTENING = 0.346
"""A normal effect of variance v flattens the logistic curve by sqrt(1 + .346 v) (Zeger, Liang & Albert 1988)."""


def latent_icc_interval(
    columns: CategoricalColumns, fit: CategoricalFit, level: float = 0.95, nodes: int = NODES
) -> tuple[float, float]:
    """Profile-likelihood interval of the latent ICC: every value whose best log-likelihood lies near the maximum.

    The lower end is 0 where the data do not exclude it, the upper end 1 where no variance is too large for them.
    """
    prepared = prepare_columns(columns)
    if isinstance(prepared, CategoricalFailure):
        raise ValueError(prepared.reason)
    rows = rows_of([prepared])
    whole = Parameters(
        (fit.thresholds - prepared.centre @ fit.fixed)[None], (fit.fixed * prepared.scale)[None], np.array([fit.sd])
    )
    reach = float(np.sqrt(chi2_isf(1 - level, 1)))
    last = whole
    modes: FloatArray | None = None

    def excess(sd: float) -> tuple[float, float]:
        """The signed root of the deviance above its minimum, nearly a line in the sd, over its allowed value; and its
        derivative, which is that of the likelihood with the other parameters held, because they are at their best."""
        nonlocal last, modes
        # A normal effect flattens the logistic curve: this is close to where the other parameters will be.
        flatter = np.sqrt((1 + FLATTENING * sd**2) / (1 + FLATTENING * last.sd[0] ** 2))
        held = Parameters(last.thresholds * flatter, last.slopes * flatter, np.array([sd]))
        best = maximise(rows, held, nodes=nodes, free_sd=False, modes=modes, decrement=_PROFILE_DECREMENT)
        last, modes = best.at, best.here.mode
        root = float(np.sqrt(2 * max(fit.loglik - best.here.loglik[0], 0.0)))
        return root - reach, -float(best.here.gradient[0, -1]) / max(root, 1e-9)

    low = 0.0
    if np.sqrt(fit.lr_statistic) > reach:
        near = fit.sd - 2.2 * (fit.sd_se or fit.sd)
        low = _end(excess, near if near > 0 else fit.sd / 2, fit.sd, 0.0)
    last, modes = whole, None
    step = 2 * fit.sd_se if fit.sd_se is not None else _FIRST_REACH
    high = _end(excess, fit.sd + step, fit.sd, np.inf)
    return latent_icc(low), 1.0 if high > BOUNDLESS else latent_icc(high)


def _end(excess: Callable[[float], tuple[float, float]], sd: float, inside: float, outside: float) -> float:
    """Where the excess, negative `inside` and positive `outside`, is zero: Newton steps from `sd`, held in between.

    A value above `BOUNDLESS` where there is no such place below.
    """
    best = inside
    for _ in range(50):
        found, slope = excess(sd)
        inside, outside = (inside, sd) if found > 0 else (sd, outside)
        with np.errstate(divide="ignore", invalid="ignore"):
            onwards = sd - float(np.divide(found, slope))
        if abs(found) < _SD_PRECISION or abs(outside - inside) <= _SD_PRECISION or inside > BOUNDLESS:
            break
        if np.isinf(outside):  # no further than twice as far at once
            longest = best + 2 * (sd - best)
            sd = onwards if sd < onwards < longest else longest
        else:
            sd = onwards if min(inside, outside) < onwards < max(inside, outside) else (inside + outside) / 2
    return sd
