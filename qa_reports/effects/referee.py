"""The second opinion on every linear fit that is shown: statsmodels' log-likelihood at our estimates."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

TOLERANCE = 1e-6
"""Relative difference of the log-likelihoods above which the check counts as failed."""

_TOGETHER = 24
"""Random terms of a group as it is handed over, at most."""
_TALLEST = 5_000
"""Interviews of such a group: with more, the columns of its other interviewers cost more than a group saves."""


class RefereeCase(Struct, frozen=True, eq=False):
    """One fitted model as statsmodels is asked about it; m interviews, p fixed columns, q random terms."""

    fixed: FloatArray
    """(m, p)."""
    response: FloatArray
    """(m,)."""
    interviewer: NDArray[np.int64]
    """(m,)."""
    random: tuple[int, ...]
    estimates: FloatArray
    """(p,)."""
    relative_covariance: FloatArray
    """(q, q) covariance of the random terms over the residual variance."""
    method: str


def load_referee() -> None:
    """Load statsmodels, which takes a while: done before the first case is there."""
    import importlib.util

    from qa_reports.libraries import load_numerical, loaded_when_used, not_installed, without_collector

    load_numerical()
    # statsmodels reads formulas by either of two libraries and loads both; here nothing is a formula.
    either = not_installed("formulaic") if importlib.util.find_spec("patsy") else contextlib.nullcontext()
    # A log-likelihood is no matter of distributions or searches, which take eight times as long to load.
    with loaded_when_used("scipy.stats", "scipy.optimize"), either, without_collector():
        import statsmodels.regression.mixed_linear_model  # noqa: F401 -- to have it loaded


def referee_logliks(cases: Sequence[RefereeCase]) -> list[float]:
    """What statsmodels says of each case."""
    load_referee()  # where it was not begun beforehand
    return [_loglik(case) for case in cases]


def _loglik(case: RefereeCase) -> float:
    """statsmodels' `MixedLM.loglike` at our estimates, the residual variance profiled by statsmodels itself.

    Fixed effects that are not the best for this covariance show as a lower log-likelihood. statsmodels cannot invert a
    singular covariance (and goes wrong near one), so it sits in the random columns instead: Z times a root of it, with
    the identity as covariance, is the same model. Neighbouring interviewers are handed over as one group in which each
    has columns of its own, all independent and with variance 1: again the same model.
    Columns are scaled to unit size first and the log-likelihood is given back in the original units.
    """
    from statsmodels.regression.mixed_linear_model import MixedLM, MixedLMParams, VCSpec

    order, ends, apart = _taken_together(case)
    columns, response = case.fixed.T.take(order, axis=1), case.response[order]
    fixed, scale = columns.T, np.maximum(np.abs(columns).max(axis=1), 1e-300)
    unit = float(np.std(response)) or 1.0
    centre = float(np.mean(response))
    # In units of the columns: beside an intercept's variance the root would lose that of a slope on, say, an income.
    of_random = scale[list(case.random)]
    values, vectors = np.linalg.eigh(case.relative_covariance * np.outer(of_random, of_random))
    random_columns = fixed[:, case.random] / of_random @ (vectors * np.sqrt(np.maximum(values, 0.0)))
    inside_effects = (case.estimates - np.eye(len(case.estimates))[0] * centre) * scale / unit

    class ByStretches(MixedLM):  # type: ignore[misc]  # statsmodels has no types
        """Rows stand by group, so that no lists of their places are needed."""

        def group_list(self, array: FloatArray | None) -> list[FloatArray] | None:
            return None if array is None else np.split(array, ends)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        matrices = np.split(apart(random_columns), ends)
        names = [[str(number) for number in range(matrix.shape[1])] for matrix in matrices]
        independent = VCSpec(["interviewer"], [names], [matrices])
        bounds = [0, *ends.tolist(), len(order)]
        # The name of each group once: statsmodels goes through the list only to find the rows, which are known here.
        groups = list(range(len(matrices)))
        model = ByStretches((response - centre) / unit, fixed / scale, groups, exog_vc=independent)
        model.row_indices = {k: slice(*stretch) for k, stretch in enumerate(pairwise(bounds))}
        # What `fit` would set before it calls `loglike`.
        model.reml, model.use_sqrt, model._cov_sing = case.method == "REML", True, 0
        model.cov_pen = model.fe_pen = None
        parameters = MixedLMParams.from_components(fe_params=inside_effects, vcomp=np.ones(1))
        inside = float(model.loglike(parameters, profile_fe=False))
    m = len(case.response) - (case.fixed.shape[1] if case.method == "REML" else 0)
    basis = float(np.log(scale).sum()) if case.method == "REML" else 0.0
    return float(inside - m * np.log(unit) - basis)


def _taken_together(
    case: RefereeCase,
) -> tuple[NDArray[np.int64], NDArray[np.int64], Callable[[FloatArray], FloatArray]]:
    """Neighbouring interviewers as one group: statsmodels goes through the groups one by one, each with a few calls on
    small matrices, so that fewer groups are faster.

    Returns:
        (m,) the order in which rows stand by group, where the groups but the last end in it, and what puts random
        columns (m, q) in this order side by side, those of each interviewer of a group in columns of their own.
    """
    m, q = len(case.response), len(case.random)
    present = np.bincount(case.interviewer) > 0
    number = (np.cumsum(present) - 1)[case.interviewer]
    each = max(1, min(_TOGETHER // q, _TALLEST * (int(number.max()) + 1) // m))
    # NumPy sorts short numbers by their digits, several times as fast.
    order = np.argsort(number.astype(np.min_scalar_type(len(present))), kind="stable")
    number = number[order]

    def apart(random_columns: FloatArray) -> FloatArray:
        made = np.zeros((m, each, q))
        made[np.arange(m), number % each] = random_columns
        return made.reshape(m, each * q)

    return order, np.searchsorted(number, np.arange(each, int(number.max()) + 1, each)), apart
