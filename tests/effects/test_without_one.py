"""Categorical models without one interviewer: the expansion beside models fitted in full."""

from __future__ import annotations

import numpy as np
import pytest

from qa_reports.effects.categorical import CategoricalFit, fit_categorical_models
from qa_reports.effects.categorical_columns import CategoricalColumns, PreparedColumns, prepare_columns
from qa_reports.effects.categorical_search import NODES
from qa_reports.effects.quadrature import evaluate
from qa_reports.effects.without_one import Without, WithoutOne

CLOSE = 0.01
"""Standard errors of the whole fit between parameters by expansion and in full: about as much as the relative error of
a tail, and five times what an expansion is trusted to miss."""


def _model(sd: float, interviewers: int, workload: int, stands_out: bool = True) -> tuple[WithoutOne, PreparedColumns]:
    rng = np.random.default_rng(3)
    group = np.repeat(np.arange(interviewers), workload)
    x = rng.normal(size=(len(group), 2))
    latent = x @ [0.4, -0.2] + rng.normal(0, sd, interviewers)[group] + rng.logistic(size=len(group))
    category = np.digitize(latent, [0.5, 1.5])
    if stands_out:
        category[:workload] = 2
    columns = CategoricalColumns(x, category, group)
    fit = fit_categorical_models([columns], interviewers)[0]
    prepared = prepare_columns(columns)
    assert isinstance(fit, CategoricalFit)
    assert isinstance(prepared, PreparedColumns)
    return WithoutOne(prepared, fit, NODES), prepared


def _distance(model: WithoutOne, one: Without, other: Without, out: np.ndarray) -> np.ndarray:
    """(k,) between two sets of parameters, in standard errors of the whole fit."""
    information = -evaluate(model.rows, model.at, NODES).curvature[0]
    gap = np.concatenate(
        [getattr(one.at, name) - getattr(other.at, name) for name in ("thresholds", "slopes")]
        + [(one.at.sd - other.at.sd)[:, None]],
        axis=1,
    )
    return np.sqrt(np.einsum("kd,de,ke->k", gap, information, gap))


@pytest.mark.parametrize("sd", [0.9, 0.35, 0.0])
def test_an_expansion_is_a_fit_in_full(sd: float) -> None:
    model, _ = _model(sd, 150, 10, stands_out=sd > 0)
    assert (model.at.sd[0] > 0) == (sd > 0)
    out = np.arange(0, 150, 10)
    quick, full = model.expand(out), model.refit(out, model.one_step().of(out))
    assert quick.found.mean() > 0.8
    assert full.found.all()
    np.testing.assert_array_equal(quick.at.sd[quick.found] > 0, full.at.sd[quick.found] > 0)
    assert _distance(model, quick, full, out)[quick.found].max() < CLOSE
    np.testing.assert_allclose(quick.covariance[quick.found], full.covariance[quick.found], rtol=0.02, atol=1e-4)


def test_a_variance_that_one_interviewer_made_vanishes_without_them() -> None:
    model, _ = _model(0.0, 150, 10)
    assert model.at.sd[0] > 0
    out = np.arange(10)
    without, full = model.expand(out), model.refit(out, model.one_step().of(out))
    assert without.found[0]
    assert without.at.sd[0] == full.at.sd[0] == 0
    np.testing.assert_array_equal(without.at.sd[without.found] > 0, full.at.sd[without.found] > 0)


def test_with_few_interviewers_models_are_fitted_in_full() -> None:
    model, _ = _model(0.9, 8, 12)
    out = np.arange(8)
    assert not model.expand(out).found.all()
    start = model.one_step()
    both, full = model.fitted(out, start), model.refit(out, start)
    assert both.found.all()
    assert _distance(model, both, full, out).max() < CLOSE


def test_who_alone_chose_a_category_is_left_out_in_full() -> None:
    rng = np.random.default_rng(5)
    group = np.repeat(np.arange(100), 10)
    category = rng.integers(0, 2, len(group))
    category[0] = 2
    columns = CategoricalColumns(np.empty((len(group), 0)), category, group)
    fit, prepared = fit_categorical_models([columns], 100)[0], prepare_columns(columns)
    assert isinstance(fit, CategoricalFit)
    assert isinstance(prepared, PreparedColumns)
    found = WithoutOne(prepared, fit, NODES).expand(np.arange(20))
    assert not found.found[0]
    assert found.found[1:].all()
