"""Odd surveys: no wrong number, no warning (warnings are errors here), a reason for what cannot be done."""

from __future__ import annotations

import numpy as np
import pytest

from qa_reports.effects.damage import measure_damages
from qa_reports.effects.estimate import ItemEffects, estimate_items
from qa_reports.effects.flag import flag_interviewers
from qa_reports.effects.linear import FailedModel, ModelResult
from qa_reports.survey.clean import Covariate
from tests.effects.synthetic import make_config, make_survey


def _cases() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(3)
    few = np.repeat(np.arange(10), 8)
    return {
        "two interviewers": (np.repeat([0, 1], 30), rng.normal(5, 2, 60)),
        "three interviewers": (np.repeat([0, 1, 2], 9), rng.normal(5, 2, 27)),
        "one giant": (np.concatenate([np.zeros(500, int), np.arange(1, 12), np.arange(1, 12)]), rng.normal(5, 2, 522)),
        "many with one interview": (np.concatenate([np.arange(30), [0, 0, 1, 1]]), rng.normal(5, 2, 34)),
        "units of 1e-6": (few, rng.normal(5, 2, 80) * 1e-6),
        "units of 1e6": (few, rng.normal(5, 2, 80) * 1e6),
        "far from zero": (few, rng.normal(0, 1, 80) + 1e7),
        "no variance between": (few, np.tile(rng.normal(5, 2, 8), 10)),
        "only one varies within": (
            np.repeat(np.arange(6), 5),
            np.concatenate([np.repeat([3.0, 4, 5, 3, 4], 5), rng.normal(4, 1, 5)]),
        ),
        "rare event": (np.repeat(np.arange(20), 10), (rng.random(200) < 0.03).astype(float)),
    }


@pytest.mark.parametrize("name", list(_cases()))
def test_odd_surveys(name: str) -> None:
    interviewer, y = _cases()[name]
    rng = np.random.default_rng(4)
    x = y + rng.normal(0, np.std(y), len(y))
    survey = make_survey({"y": y, "x": x}, interviewer)
    config = make_config(["y", "x"], {"y": ["x"]})
    items = estimate_items(survey, config)
    flags = flag_interviewers(survey, items, measure_damages(survey, config), config)
    item = items[0]
    assert isinstance(item, ItemEffects)
    assert 0 <= item.icc < 1
    assert item.null.icc_interval is not None
    assert 0 <= item.null.icc_interval.lower <= item.icc <= item.null.icc_interval.upper <= 1
    assert item.null.referee.agrees
    assert item.null.exact_p is not None
    assert 0 < item.null.exact_p <= 1
    spread = float(np.std(y))
    for model in (item.null, item.slope):
        assert isinstance(model, ModelResult | FailedModel)
        if isinstance(model, ModelResult):
            # An intercept where x = 0, five million sds from the data, cannot be told to the digit: the failed check
            # says so in the report.
            assert model.referee.agrees or (name == "far from zero" and model.name == "slope")
            assert np.isfinite(model.effects.eblup).all()
            assert np.abs(model.residuals).max() < 20 * spread
            judged = model.effects.p[np.isfinite(model.effects.p)]
            assert ((judged > 0) & (judged <= 1)).all()
    assert len(flags.interviewers) == interviewer.max() + 1
    assert all(flag.kind != "missing_code" for flag in flags.flags)


def test_who_alone_varies_is_not_judged_by_a_fit_that_does_not_exist() -> None:
    interviewer, y = _cases()["only one varies within"]
    (item,) = estimate_items(make_survey({"y": y}, interviewer), make_config(["y"]))
    assert isinstance(item, ItemEffects)
    assert np.isnan(item.null.effects.z[5]).all()
    assert np.isfinite(item.null.effects.z[:5]).all()


def test_a_covariate_constant_within_all_but_one_interviewer() -> None:
    interviewer, y = _cases()["one giant"]
    age = np.where(interviewer == 0, np.random.default_rng(5).normal(50, 10, len(y)), 40.0)
    survey = make_survey({"y": y}, interviewer, respondent_covariates=[Covariate("age", "Age", "numeric", age, ())])
    (item,) = estimate_items(survey, make_config(["y"]))
    assert isinstance(item, ItemEffects)
    assert isinstance(item.adjusted, ModelResult)
    # Without the giant the covariate is constant, so the model without them cannot be fitted.
    assert np.isnan(item.adjusted.effects.z[0]).all()
    assert np.isfinite(item.adjusted.effects.z[1:]).all()
