"""The kernel against lme4 and lmerTest on public data, the example wave and (where present) ESS round 11.

Tolerances, and why:
- LOGLIK: our log-likelihood may never be lower than lme4's by more than 1e-6, the precision that likelihood-ratio
  tests are read with; it may be higher, and by much where lme4 stops early, so only the other side is bounded, by 1e-5.
- VARIANCE: lme4's own stopping rule leaves about four digits in a variance component, relative.
- EBLUP: 1e-4 of the residual sd, a hundred times finer than anything shown.
- DF: Satterthwaite's df divide by the curvature of a flat likelihood, differenced numerically by lmerTest.
"""

from __future__ import annotations

import numpy as np
import pytest

from qa_reports.effects.influence import delete_interviewers
from tests.effects.lme4_tables import fit_ids, read_tables, reference_fit

LOGLIK = 1e-6
LOGLIK_ABOVE = 1e-5
VARIANCE = 1e-4
EBLUP = 1e-4
FIXED = 1e-4
DF = 2e-3
DELETION = 1e-3

PUBLIC = ["sleepstudy", "sleepstudy_unbalanced", "dyestuff", "dyestuff2"]
ALL = [key for source in [*PUBLIC, "example", "ess11_ch", "ess11_de"] for key in fit_ids(source)]


WITH_EFFECTS = [
    (source, fit["name"], fit["method"])
    for source in [*PUBLIC, "example"]
    for fit in read_tables(source)["fits"]
    if "ranef" in fit
]


@pytest.mark.parametrize("key", ALL, ids="-".join)
def test_log_likelihood_variances_and_fixed_effects(key: tuple[str, str, str]) -> None:
    case = reference_fit(*key)
    fits, expected = case.fitted(), case.expected
    assert fits.n[0] == expected["n"]
    assert len(case.groups) == expected["groups"]
    assert -LOGLIK < fits.loglik[0] - expected["loglik"] < LOGLIK_ABOVE
    if expected["singular"]:
        assert fits.status[0] in ("zero_variance", "singular")
    else:
        assert fits.status[0] == "converged"
    residual = expected["residual"]
    assert fits.residual_variance[0] == pytest.approx(residual, rel=VARIANCE)
    position = {case.terms[k]: q for q, k in enumerate(case.random)}
    for component in expected["varcomp"]:
        row, column = position[component["term"]], position[component["with"] or component["term"]]
        ours = fits.covariance[0, row, column]
        # A covariance is small beside its variances: it is exact where they are.
        size = np.sqrt(fits.covariance[0, row, row] * fits.covariance[0, column, column])
        assert ours == pytest.approx(component["value"], abs=VARIANCE * max(size, 1e-9 * residual))
    for k, effect in enumerate(expected["fixed"]):
        se = np.sqrt(fits.fixed_covariance[0, k, k])
        assert se == pytest.approx(effect["se"], rel=FIXED)
        assert fits.fixed[0, k] == pytest.approx(effect["estimate"], abs=FIXED * effect["se"])
        if effect.get("df") is not None and case.expected["method"] == "REML":
            assert fits.satterthwaite_df[0, k] == pytest.approx(effect["df"], rel=DF)


@pytest.mark.parametrize("key", WITH_EFFECTS, ids="-".join)
def test_random_effects_and_both_standard_errors(key: tuple[str, str, str]) -> None:
    case = reference_fit(*key)
    fits, expected = case.fitted(), case.expected["ranef"]
    rows = [case.groups.index(group) for group in expected["groups"]]
    tolerance = EBLUP * np.sqrt(case.expected["residual"])
    for q, term in enumerate(expected["terms"]):
        for name in ("eblup", "conditional_sd", "diagnostic_se"):
            np.testing.assert_allclose(
                getattr(fits, name)[0, rows, q], np.array(term[name], float), atol=tolerance, rtol=0
            )


DELETIONS = [
    (source, deletion["name"], deletion["method"])
    for source in [*PUBLIC, "example"]
    for deletion in read_tables(source).get("deletions", [])
]


@pytest.mark.parametrize("key", DELETIONS, ids="-".join)
def test_leave_one_out_residuals_against_refits(key: tuple[str, str, str]) -> None:
    case = reference_fit(*key)
    entries = next(d["entries"] for d in read_tables(key[0])["deletions"] if (d["name"], d["method"]) == key[1:])
    deletions = delete_interviewers(case.moments(), case.random, case.fitted())
    compared = 0
    for entry in entries:
        row = case.groups.index(str(entry["group"]))
        if "reason" in entry:
            assert np.isnan(deletions.deviation[0, row]).all()
            continue
        se = np.array(entry["se"], float)
        np.testing.assert_allclose(deletions.se[0, row], se, rtol=DELETION)
        np.testing.assert_allclose((deletions.deviation[0, row] - entry["residual"]) / se, 0, atol=DELETION)
        compared += 1
    assert compared >= 2
