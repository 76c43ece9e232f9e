"""Intervals, tests, standard errors and influence against R (`tests/reference/inference.R`) and closed forms.

Tolerances, and why (measured differences in brackets, over all models):
- INTERVAL: ends of a profile interval of an intercept model, relative to its width: both sides find the crossing of one
  function, each to its own stopping rule (1.4e-6).
- SLOPE_INTERVAL: the same for slope models, where three other parameters are minimised over at every step, here until
  the root of the deviance is within 1e-5 (1.8e-5, correlations; 5e-6 otherwise).
- SPLINE: lme4's own `confint` interpolates the profile between some twenty points (3e-5; correlations 6e-4).
- STANDARD_ERROR: R's come from a numerical Hessian, at lme4's optimum, of a likelihood that is nearly flat (9e-5).
- MONTE_CARLO: standard errors of the difference of two simulated shares (1.7). Both seeds are fixed: what passes once
  passes always; 3.5 leaves room for the largest of some hundred comparisons when a seed changes.
- GRID: RLRsim searches the maximum on 200 points, which lowers its statistics, relative to a share above a quantile.
- STATISTIC: of a likelihood ratio and of an information criterion, absolute (2e-11 and 1e-8).
- F_TEST: lmerTest differentiates the covariance of the fixed effects numerically; relative, of F and its degrees of
  freedom (2.5e-7).
- COMPONENT, INFLUENCE: of a refit: variance components and fixed effects (2e-7), Cook's distance and the covariance
  ratio (8e-6), relative; what two optimisers leave in the change of an estimate that hardly changes.
- CROSSING: deviance at the end of an interval; bisection leaves 1e-8 of the distance from the estimate (1e-7).
- EXACT: closed forms on balanced data, limited by the optimiser's 1e-13 of the deviance only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace
from scipy import stats

from qa_reports.effects.fit import fit_models
from qa_reports.effects.influence import delete_interviewers
from qa_reports.effects.intervals import icc_intervals, single_term_intervals
from qa_reports.effects.joint_intervals import joint_intervals
from qa_reports.effects.linear import ModelPlan, ModelResult
from qa_reports.effects.mixed_model import MixedModelFits, fit_mixed_models
from qa_reports.effects.moments import Columns, Moments, compute_moments
from qa_reports.effects.rlrt import SIMULATIONS, exact_restricted_lrt
from tests.effects.lme4_tables import REFERENCE, ReferenceFit, read_tables, reference_fit

INTERVAL = 1e-5
SLOPE_INTERVAL = 5e-5
SPLINE = 2e-3
STANDARD_ERROR = 3e-4
MONTE_CARLO = 3.5
GRID = 2e-3
STATISTIC = 1e-7
F_TEST = 1e-5
COMPONENT = 1e-5
INFLUENCE = 1e-4
CROSSING = 1e-5
EXACT = 1e-6

PUBLIC = ("sleepstudy", "sleepstudy_unbalanced", "dyestuff", "dyestuff2")
SOURCES = (*PUBLIC, "example", "ess11_ch", "ess11_de")
JOINT = ("three_terms", "example_joint")
Key = tuple[str, str, str]


def keys_with(part: str, *, sources: tuple[str, ...] = SOURCES) -> list[Key]:
    """(source, name, method) of every fit whose reference has this part."""
    return [
        (f"inference_{source}", fit["name"], fit["method"])
        for source in sources
        for fit in read_tables(f"inference_{source}")["fits"]
        if fit.get(part)
    ]


def ends(entry: dict[str, Any]) -> tuple[float, float]:
    return entry["lower"], entry["upper"]


def assert_same_interval(ours: tuple[float, float], theirs: tuple[float, float], tolerance: float) -> None:
    width = theirs[1] - theirs[0]
    assert ours == pytest.approx(theirs, abs=tolerance * width)
    assert (ours[0] == 0) == (theirs[0] == 0)


def centred_on_predictor(case: ReferenceFit) -> Moments:
    """The moments of an intercept-and-slope model whose predictor is 0 at its mean."""
    fixed = case.columns.fixed.copy()
    fixed[:, 1] -= fixed[:, 1].mean()
    return compute_moments([replace(case.columns, fixed=fixed)], len(case.groups))


# ---- profile-likelihood intervals


ONE_TERM = [key for key in keys_with("intervals") if "slope" not in key[1] or key[1] == "slope_only"]
TWO_TERMS = [key for key in keys_with("intervals") if key[1].startswith(("slope:", "intercept_and_slope"))]


@pytest.mark.parametrize("key", ONE_TERM, ids="-".join)
def test_profile_intervals_of_a_model_with_one_random_term(key: Key) -> None:
    case = reference_fit(*key)
    moments, fits = case.moments(), case.fitted()
    (term,) = case.random
    between, residual = single_term_intervals(moments, term, fits)
    ours = {
        ("variance", case.terms[term]): between,
        **({("icc", "(Intercept)"): icc_intervals(moments, fits)} if term == 0 else {}),
        ("variance", "residual"): residual,
    }
    for entry in case.expected["intervals"]:
        low, high = ours[entry["quantity"], entry["term"]][0]
        assert_same_interval((low, high), ends(entry), INTERVAL)


@pytest.mark.slow
@pytest.mark.parametrize("key", TWO_TERMS, ids="-".join)
def test_profile_intervals_of_a_slope_model(key: Key) -> None:
    case = reference_fit(*key)
    found = joint_intervals(case.moments(), case.random, case.fitted(), 0)
    at_mean = centred_on_predictor(case)
    again = fit_mixed_models(at_mean, case.random, case.expected["method"])
    centred = joint_intervals(at_mean, case.random, again, 0)
    assert found is not None
    assert centred is not None
    slope = case.expected["slopes"][0]
    ours = {
        ("variance", "(Intercept)"): found.variances[0],
        ("variance", slope): found.variances[1],
        ("correlation", "(Intercept)"): found.correlations[0][2],
        ("variance", "residual"): found.residual,
        ("variance_at_mean", "(Intercept)"): centred.variances[0],
    }
    checked = 0
    for entry in case.expected["intervals"]:
        interval = ours.get((entry["quantity"], entry["term"]))
        if interval is not None:
            assert_same_interval((interval.lower, interval.upper), ends(entry), SLOPE_INTERVAL)
            checked += 1
    assert checked == len(ours)


@pytest.mark.parametrize("key", keys_with("intervals", sources=JOINT), ids="-".join)
def test_profile_intervals_of_several_random_terms_and_of_a_model_with_cross_level_terms(key: Key) -> None:
    """R searches correlations up to .9999 and sds from a millionth of the estimate: those bounds are ours exactly."""
    case = reference_fit(*key)
    found = joint_intervals(case.moments(), case.random, case.fitted(), 0)
    assert found is not None
    names = [case.terms[k] for k in case.random]
    ours = {("variance", name, None): interval for name, interval in zip(names, found.variances, strict=True)}
    ours |= {("correlation", names[one], names[other]): interval for one, other, interval in found.correlations}
    ours["variance", "residual", None] = found.residual
    for entry in case.expected["intervals"]:
        interval = ours.pop((entry["quantity"], entry["term"], entry["with"]))
        theirs = np.array(ends(entry))
        if entry["quantity"] == "correlation":
            theirs = np.where(np.abs(theirs) >= 0.9999, np.sign(theirs), theirs)
        elif theirs[0] < 1e-11:
            theirs[0] = 0.0
        assert_same_interval((interval.lower, interval.upper), (theirs[0], theirs[1]), SLOPE_INTERVAL)
    assert not ours


# No intervals are computed for a slope without intercept.
PROFILED = [key for key in keys_with("profile_lme4", sources=PUBLIC) if key[1] != "slope_only"]


@pytest.mark.parametrize("key", PROFILED, ids="-".join)
def test_close_to_confint_of_lme4(key: Key) -> None:
    """By ML and on standard deviations, as lme4 profiles them."""
    case = reference_fit(*key)
    moments, fits = case.moments(), case.fitted()
    ours: dict[tuple[str, str], tuple[float, float]] = {}
    if len(case.random) == 1:
        between, residual = single_term_intervals(moments, 0, fits)
        for term, variance in (("(Intercept)", between), ("residual", residual)):
            ours["sd", term] = (np.sqrt(variance[0, 0]), np.sqrt(variance[0, 1]))
    else:
        found = joint_intervals(moments, case.random, fits, 0)
        assert found is not None
        (intercept, slope), ((_, _, correlation),) = found.variances, found.correlations
        for term, interval in (("(Intercept)", intercept), ("Days", slope), ("residual", found.residual)):
            ours["sd", term] = (np.sqrt(interval.lower), np.sqrt(interval.upper))
        ours["correlation", "Days.(Intercept)"] = (correlation.lower, correlation.upper)
    compared = [e for e in case.expected["profile_lme4"] if e["quantity"] != "fixed" and e["upper"] is not None]
    assert compared
    for entry in compared:
        assert_same_interval(ours[entry["quantity"], entry["term"]], ends(entry), SPLINE)


# ---- standard errors of variance components


@pytest.mark.parametrize("key", keys_with("variance_se"), ids="-".join)
def test_standard_errors_of_variance_components(key: Key) -> None:
    case = reference_fit(*key)
    ours = case.fitted().component_se[0]
    theirs = [parameter["se"] for parameter in case.expected["variance_se"]["parameters"]]
    np.testing.assert_allclose(ours, theirs, rtol=STANDARD_ERROR)


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_no_standard_error_at_zero_variance(method: str) -> None:
    fits = reference_fit("inference_dyestuff2", "null", method).fitted()
    assert fits.status[0] == "zero_variance"
    assert np.isnan(fits.component_se[0]).all()


# ---- exact restricted likelihood-ratio test


def monte_carlo(p: float, simulations: int) -> float:
    """How far two simulated shares near p may lie apart, and the one draw that stands for the observed wave."""
    variance = max(p * (1 - p), 1 / SIMULATIONS)
    return MONTE_CARLO * float(np.sqrt(variance * (1 / SIMULATIONS + 1 / simulations))) + 1 / SIMULATIONS


def statistics_of(fits: MixedModelFits) -> np.ndarray:
    return 2 * (fits.loglik - fits.loglik_without)


@pytest.mark.parametrize("key", keys_with("rlrt"), ids="-".join)
def test_exact_restricted_test_against_rlrsim(key: Key) -> None:
    case = reference_fit(*key)
    moments, expected = case.moments(), case.expected["rlrt"]
    statistic = statistics_of(case.fitted())
    assert statistic[0] == pytest.approx(expected["statistic"], abs=STATISTIC)
    (test,) = exact_restricted_lrt(moments, case.random[0], statistic)
    assert test.p == pytest.approx(expected["p"], abs=monte_carlo(expected["p"], expected["simulations"]))
    mass = expected["mass_at_zero"]
    assert test.zero_probability == pytest.approx(mass, abs=monte_carlo(mass, expected["simulations"]))


@pytest.mark.parametrize("key", [key for key in keys_with("rlrt") if key[1].startswith("null")], ids="-".join)
def test_null_distribution_against_rlrsim(key: Key) -> None:
    """The share of the null distribution above RLRsim's quantiles."""
    case = reference_fit(*key)
    once, expected = case.moments(), case.expected["rlrt"]
    quantiles = [(q["level"], q["value"]) for q in expected["quantiles"] if q["value"] > 0]
    assert len(quantiles) >= 3
    moments = Moments(*(np.repeat(getattr(once, n), len(quantiles), axis=0) for n in ("cross", "n", "centre", "scale")))
    tests = exact_restricted_lrt(moments, 0, np.array([value for _, value in quantiles]))
    for (level, value), test in zip(quantiles, tests, strict=True):
        # The density of the statistic is about half of its upper tail, so GRID moves a share by GRID / 2 of it.
        share = 1 - level
        assert test.p == pytest.approx(share, abs=monte_carlo(share, expected["simulations"]) + GRID * share), value


# ---- groups of covariates, criteria


def plan_of(case: ReferenceFit, groups: tuple[tuple[str, tuple[str, ...]], ...] = ()) -> ModelPlan:
    """The reference model as the program plans it; "covariates" has no intervals to wait for."""
    m = len(case.columns.response)
    return ModelPlan(
        name="covariates",
        formula=case.expected["formula"],
        terms=tuple(case.terms),
        columns=case.columns,
        rows=np.arange(m),
        random=case.random,
        groups=groups,
    )


def result_of(case: ReferenceFit, groups: tuple[tuple[str, tuple[str, ...]], ...] = ()) -> ModelResult:
    (result,) = fit_models([plan_of(case, groups)], len(case.groups))
    assert isinstance(result, ModelResult)
    return result


@pytest.mark.parametrize("key", keys_with("group_tests"), ids="-".join)
def test_groups_of_covariates(key: Key) -> None:
    case = reference_fit(*key)
    expected = case.expected["group_tests"]
    result = result_of(case, tuple((entry["group"], tuple(entry["terms"])) for entry in expected))
    assert len(result.group_tests) == len(expected)
    for ours, theirs in zip(result.group_tests, expected, strict=True):
        assert ours.name == theirs["group"]
        assert set(ours.terms) == set(theirs["terms"])
        assert len(ours.terms) == theirs["num_df"]
        assert ours.statistic == pytest.approx(theirs["f"], rel=F_TEST)
        assert ours.df == pytest.approx(theirs["den_df"], rel=F_TEST)
        # log p moves by at most half the chi-square, num_df F, times a relative change of F.
        assert np.log(ours.p) == pytest.approx(np.log(theirs["p"]), abs=F_TEST * (1 + len(ours.terms) * theirs["f"]))
        assert ours.likelihood_ratio == pytest.approx(theirs["lr"], abs=STATISTIC)
        assert ours.likelihood_ratio_p == pytest.approx(theirs["lr_p"], rel=STATISTIC)


@pytest.mark.parametrize("key", [key for key in keys_with("criteria") if key[2] == "ML"], ids="-".join)
def test_parameters_and_information_criteria(key: Key) -> None:
    case = reference_fit(*key)
    result, expected = result_of(case), case.expected["criteria"]
    assert result.n_parameters == expected["parameters"]
    assert result.aic == pytest.approx(expected["aic"], abs=STATISTIC)
    assert result.bic == pytest.approx(expected["bic"], abs=STATISTIC)


# ---- leaving one interviewer out


@pytest.mark.parametrize("key", keys_with("left_out"), ids="-".join)
def test_leaving_one_out_equals_a_refit_by_lme4(key: Key) -> None:
    case = reference_fit(*key)
    fits = case.fitted()
    found = delete_interviewers(case.moments(), case.random, fits)
    rows, columns = np.tril_indices(len(case.random))
    # lme4 lists variances first, then covariances.
    order = np.argsort(rows != columns, kind="stable")
    residual = fits.residual_variance[0]
    sds = np.sqrt(np.diag(fits.covariance[0]))
    sizes = np.maximum(np.outer(sds, sds)[rows, columns][order], 1e-6 * residual)
    for entry in case.expected["left_out"]:
        j = case.groups.index(entry["group"])
        components = found.covariance[0, j, rows, columns][order]
        assert (np.abs(components - entry["varcomp"]) <= COMPONENT * sizes).all()
        assert found.residual_variance[0, j] == pytest.approx(entry["residual"], rel=COMPONENT)
        gap = np.abs(found.fixed[0, j] - entry["fixed"])
        assert (gap <= COMPONENT * np.array(entry["se"])).all()
        assert found.cooks_distance[0, j] == pytest.approx(entry["cook"], rel=INFLUENCE, abs=INFLUENCE * 1e-2)
        assert found.covariance_ratio[0, j] == pytest.approx(entry["covratio"], rel=INFLUENCE)


@pytest.mark.parametrize("key", keys_with("extremes"), ids="-".join)
def test_most_influential_interviewers_of_a_real_survey(key: Key) -> None:
    case = reference_fit(*key)
    fits = case.fitted()
    found, expected = delete_interviewers(case.moments(), case.random, fits), case.expected["extremes"]
    ratio = found.covariance[0, :, 0, 0] / fits.covariance[0, 0, 0]
    assert found.cooks_distance[0].max() == pytest.approx(expected["largest_cook"], rel=INFLUENCE)
    assert found.covariance_ratio[0].min() == pytest.approx(expected["smallest_covratio"], rel=INFLUENCE)
    assert found.covariance_ratio[0].max() == pytest.approx(expected["largest_covratio"], rel=INFLUENCE)
    assert ratio.min() == pytest.approx(expected["smallest_variance_ratio"], rel=INFLUENCE)
    assert ratio.max() == pytest.approx(expected["largest_variance_ratio"], rel=INFLUENCE)


# ---- closed forms of the balanced one-way analysis of variance


class OneWay:
    """J groups of k answers each."""

    def __init__(self, file: str, group: str, response: str) -> None:
        table = pd.read_csv(REFERENCE / file)
        self.y = table.pivot_table(response, index=group, columns=table.groupby(group).cumcount()).to_numpy(float)
        self.j, self.k = self.y.shape
        self.n = self.j * self.k
        means = self.y.mean(axis=1)
        self.between = self.k * float(((means - means.mean()) ** 2).sum())
        self.within = float(((self.y - means[:, None]) ** 2).sum())
        self.msb, self.msw = self.between / (self.j - 1), self.within / (self.n - self.j)
        self.f = self.msb / self.msw
        interviewer = np.repeat(np.arange(self.j), self.k)
        self.moments = compute_moments([Columns(np.ones((self.n, 1)), self.y.ravel(), interviewer)], self.j)
        self.fits = fit_mixed_models(self.moments, (0,), "REML")

    def deviance(self, ratio: float) -> float:
        """REML deviance but for a constant, ratio = Var(u)/s2, s2 profiled out; (MSB, MSW) are sufficient."""
        growth = 1 + self.k * ratio
        return float((self.j - 1) * np.log(growth) + (self.n - 1) * np.log(self.between / growth + self.within))


BALANCED = {
    "dyestuff": ("dyestuff.csv", "Batch", "Yield"),
    "sleepstudy": ("sleepstudy.csv", "Subject", "Reaction"),
    "dyestuff2": ("dyestuff2.csv", "Batch", "Yield"),
}
POSITIVE = ["dyestuff", "sleepstudy"]


@pytest.mark.parametrize("name", POSITIVE)
def test_balanced_estimates_standard_errors_and_degrees_of_freedom(name: str) -> None:
    """Searle, Casella & McCulloch 1992, Variance Components, section 3.5; the mean squares are independent."""
    data = OneWay(*BALANCED[name])
    fits = data.fits
    assert fits.covariance[0, 0, 0] == pytest.approx((data.msb - data.msw) / data.k, rel=EXACT)
    assert fits.residual_variance[0] == pytest.approx(data.msw, rel=EXACT)
    assert fits.fixed_covariance[0, 0, 0] == pytest.approx(data.msb / data.n, rel=EXACT)
    assert fits.satterthwaite_df[0, 0] == pytest.approx(data.j - 1, rel=EXACT)
    var_b, var_w = 2 * data.msb**2 / (data.j - 1), 2 * data.msw**2 / (data.n - data.j)
    expected = np.sqrt([(var_b + var_w) / data.k**2, var_w])
    np.testing.assert_allclose(fits.component_se[0], expected, rtol=EXACT)


@pytest.mark.parametrize("name", POSITIVE)
def test_balanced_restricted_test_is_the_f_test(name: str) -> None:
    """The statistic grows with F wherever it is positive (F > 1), so its exact p is that of F."""
    data = OneWay(*BALANCED[name])
    expected = (data.n - 1) * np.log(((data.j - 1) * data.f + data.n - data.j) / (data.n - 1))
    expected -= (data.j - 1) * np.log(data.f)
    statistic = statistics_of(data.fits)
    assert statistic[0] == pytest.approx(expected, rel=EXACT)
    (test,) = exact_restricted_lrt(data.moments, 0, statistic)
    p = stats.f.sf(data.f, data.j - 1, data.n - data.j)
    assert test.p == pytest.approx(p, abs=monte_carlo(p, SIMULATIONS))
    zero = stats.f.cdf(1, data.j - 1, data.n - data.j)
    assert test.zero_probability == pytest.approx(zero, abs=monte_carlo(zero, SIMULATIONS))


@pytest.mark.parametrize("f", [1.3, 1.8, 2.5, 3.5])
def test_balanced_null_distribution_is_that_of_f(f: float) -> None:
    data = OneWay(*BALANCED["dyestuff"])
    statistic = (data.n - 1) * np.log(((data.j - 1) * f + data.n - data.j) / (data.n - 1)) - (data.j - 1) * np.log(f)
    (test,) = exact_restricted_lrt(data.moments, 0, np.array([statistic]))
    p = stats.f.sf(f, data.j - 1, data.n - data.j)
    assert test.p == pytest.approx(p, abs=monte_carlo(p, SIMULATIONS))


def test_balanced_statistic_is_zero_where_f_is_below_one() -> None:
    data = OneWay(*BALANCED["dyestuff2"])
    assert data.f < 1
    assert statistics_of(data.fits)[0] == pytest.approx(0, abs=1e-9)
    (test,) = exact_restricted_lrt(data.moments, 0, statistics_of(data.fits))
    assert test.p == 1.0


@pytest.mark.parametrize("name", list(BALANCED))
def test_balanced_icc_interval_solves_the_closed_deviance(name: str) -> None:
    data = OneWay(*BALANCED[name])
    best = max(0.0, (data.f - 1) / data.k)
    level = data.deviance(best) + stats.chi2.ppf(0.95, 1)
    low, high = icc_intervals(data.moments, data.fits)[0]
    assert data.deviance(high / (1 - high)) == pytest.approx(level, abs=CROSSING)
    if data.deviance(0.0) > level:
        assert data.deviance(low / (1 - low)) == pytest.approx(level, abs=CROSSING)
    else:
        assert low == 0.0


@pytest.mark.parametrize("name", list(BALANCED))
def test_balanced_icc_interval_excludes_zero_when_the_statistic_exceeds_its_quantile(name: str) -> None:
    data = OneWay(*BALANCED[name])
    low, _ = icc_intervals(data.moments, data.fits)[0]
    assert (low > 0) == (statistics_of(data.fits)[0] > stats.chi2.ppf(0.95, 1))


def test_balanced_interval_is_near_the_exact_f_interval() -> None:
    """F / F(u; J-1, n-J) bounds 1 + k Var(u)/s2 exactly (Searle et al. 1992, section 3.5d).

    The profile interval takes its quantile from chi-square(1) instead; with 18 groups of 10 their ends differ by less
    than 0.03 on the scale of the ICC.
    """
    data = OneWay(*BALANCED["sleepstudy"])
    quantiles = stats.f.ppf([0.975, 0.025], data.j - 1, data.n - data.j)
    ratio = (data.f / quantiles - 1) / data.k
    np.testing.assert_allclose(icc_intervals(data.moments, data.fits)[0], ratio / (1 + ratio), atol=0.03)


@pytest.mark.parametrize("name", POSITIVE)
def test_balanced_cooks_distance_and_covariance_ratio(name: str) -> None:
    """The mean without a group is the plain mean of the others, its variance their mean square between over n - k."""
    data = OneWay(*BALANCED[name])
    found = delete_interviewers(data.moments, (0,), data.fits)
    for j in range(data.j):
        others = np.delete(data.y, j, axis=0)
        means = others.mean(axis=1)
        between = data.k * means.var(ddof=1)
        within = others.var(axis=1, ddof=1).mean()
        assert between > within
        cook = data.n * (data.y.mean() - others.mean()) ** 2 / data.msb
        assert found.cooks_distance[0, j] == pytest.approx(cook, rel=EXACT, abs=1e-12)
        expected = (between / (data.n - data.k)) / (data.msb / data.n)
        assert found.covariance_ratio[0, j] == pytest.approx(expected, rel=EXACT)
        assert found.covariance[0, j, 0, 0] == pytest.approx((between - within) / data.k, rel=EXACT)
        assert found.residual_variance[0, j] == pytest.approx(within, rel=EXACT)


def test_factor_within_complete_blocks_has_the_f_of_the_two_way_analysis() -> None:
    """18 subjects on 10 days each: F(9, 153) of the days, whatever the variance between subjects."""
    table = pd.read_csv(REFERENCE / "sleepstudy.csv").pivot_table("Reaction", index="Subject", columns="Days")
    y = table.to_numpy(float)
    blocks, levels = y.shape
    fitted = y.mean(axis=1, keepdims=True) + y.mean(axis=0, keepdims=True) - y.mean()
    df = (blocks - 1) * (levels - 1)
    error = ((y - fitted) ** 2).sum() / df
    f = blocks * ((y.mean(axis=0) - y.mean()) ** 2).sum() / (levels - 1) / error
    case = reference_fit("inference_sleepstudy", "days_as_factor", "REML")
    (test,) = result_of(case, (("Days", tuple(case.terms[1:])),)).group_tests
    assert test.statistic == pytest.approx(f, rel=EXACT)
    assert test.df == pytest.approx(df, rel=EXACT)
    assert test.p == pytest.approx(stats.f.sf(f, levels - 1, df), rel=1e-4)
