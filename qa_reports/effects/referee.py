"""The second opinion on every linear fit: statsmodels' log-likelihood at our estimates."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

TOLERANCE = 1e-6
"""Relative difference of the log-likelihoods above which the check counts as failed."""


def referee_loglik(
    fixed: FloatArray,
    response: FloatArray,
    interviewer: NDArray[np.int64],
    random: tuple[int, ...],
    estimates: FloatArray,
    relative_covariance: FloatArray,
    method: str,
) -> float:
    """statsmodels' `MixedLM.loglike` at fixed effects (p,) and a covariance (q, q) of the random terms over s2.

    `fixed` (m, p), `response` (m,), `interviewer` (m,). The residual variance is profiled by statsmodels itself; fixed
    effects that are not the best for this covariance show as a lower log-likelihood. statsmodels cannot invert a
    singular covariance (and goes wrong near one), so it sits in the random columns instead: Z times a root of it, with
    the identity as covariance, is the same model.
    Columns are scaled to unit size first and the log-likelihood is given back in the original units.
    """
    from statsmodels.regression.mixed_linear_model import MixedLM, MixedLMParams

    scale = np.maximum(np.abs(fixed).max(axis=0), 1e-300)
    unit = float(np.std(response)) or 1.0
    centre = float(np.mean(response))
    values, vectors = np.linalg.eigh(relative_covariance)
    random_columns = fixed[:, random] @ (vectors * np.sqrt(np.maximum(values, 0.0)))
    inside_effects = (estimates - np.eye(len(estimates))[0] * centre) * scale / unit
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = MixedLM((response - centre) / unit, fixed / scale, interviewer, exog_re=random_columns)
        # What `fit` would set before it calls `loglike`.
        model.reml, model.cov_pen, model.fe_pen, model.use_sqrt, model._cov_sing = method == "REML", None, None, True, 0
        parameters = MixedLMParams.from_components(fe_params=inside_effects, cov_re=np.eye(len(random)))
        inside = float(model.loglike(parameters, profile_fe=False))
    m = len(response) - (fixed.shape[1] if method == "REML" else 0)
    basis = float(np.log(scale).sum()) if method == "REML" else 0.0
    return float(inside - m * np.log(unit) - basis)
