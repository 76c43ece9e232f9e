"""`results.json`: the contract, its schema, its bytes."""

from __future__ import annotations

import json
import math

import jsonschema
import numpy as np
import pytest
from msgspec import structs

from qa_reports.effects.linear import ModelResult
from qa_reports.report.results import results_document, results_json, results_schema
from tests.report.example_survey import ExampleReportInput, example_report_input

# Every key that the contract of results.json names, by place; "[]" stands for each record of a list.
CONTRACT = (
    "survey",
    "wave",
    "waves",
    "provenance.config_sha256",
    "provenance.files.[].path",
    "provenance.files.[].sha256",
    "provenance.files.[].rows",
    "provenance.versions",
    "cleaning.rows_in",
    "cleaning.rows_used",
    "cleaning.recoded.[].item",
    "cleaning.recoded.[].code",
    "cleaning.recoded.[].reason",
    "cleaning.recoded.[].n",
    "cleaning.out_of_range.[].item",
    "cleaning.dropped.[].reason",
    "code_suspects.[].item",
    "code_suspects.[].value",
    "code_suspects.[].n",
    "code_suspects.[].interviewers",
    "code_suspects.[].icc_with",
    "code_suspects.[].icc_without",
    "code_suspects.[].yaml",
    "items.[].item",
    "items.[].key",
    "items.[].scale",
    "items.[].label",
    "items.[].status",
    "items.[].reason",
    "items.[].kind",
    "items.[].n_interviews",
    "items.[].n_interviewers",
    "items.[].icc",
    "items.[].icc_interval",
    "items.[].design_effect",
    "items.[].effective_n",
    "items.[].variance_explained",
    "items.[].without_flagged",
    "items.[].referee",
    "items.[].models.null",
    "items.[].models.adjusted",
    "items.[].models.slope",
    "items.[].models.covariates",
    "effects.[].item",
    "effects.[].model",
    "effects.[].interviewer",
    "effects.[].term",
    "effects.[].eblup",
    "effects.[].conditional_sd",
    "effects.[].diagnostic_se",
    "effects.[].z",
    "effects.[].reliability",
    "effects.[].expected_rank",
    "effects.[].detectable",
    "effects.[].variance_ratio",
    "effects.[].cooks_distance",
    "effects.[].covariance_ratio",
    "effects.[].residual_ratio",
    "effects.[].fixed_change",
    "effects.[].n_interviews",
    "interviewers.[].interviewer",
    "interviewers.[].team",
    "interviewers.[].n_interviews",
    "interviewers.[].covariates",
    "interviewers.[].severity",
    "interviewers.[].too_few",
    "flags.[].interviewer",
    "flags.[].severity",
    "flags.[].kind",
    "flags.[].items",
    "flags.[].estimate",
    "flags.[].unit",
    "flags.[].z",
    "flags.[].p",
    "flags.[].q",
    "flags.[].sentence",
    "flags.[].with_area",
    "sensitivity.weights.items.[].null.icc",
    "sensitivity.area.items.[].group_icc",
    "sensitivity.area.apart",
    "sensitivity.team.items.[].group_p",
    "sensitivity.flags.[].cells.[].z_with_area",
    "expected_by_chance.interviewers",
    "expected_by_chance.cells",
    "expected_by_chance.method",
)
MODEL_KEYS = (
    "status",
    "method",
    "n_interviews",
    "n_parameters",
    "loglik",
    "loglik_ml",
    "aic",
    "bic",
    "fixed_effects",
    "group_tests",
    "variance_components",
    "precision",
    "icc_interval",
    "tests",
    "exact_p",
    "referee",
)


def document_of(example: ExampleReportInput) -> dict:
    return results_document(
        example.survey, example.items, example.damages, example.flags, example.config, example.versions, "ab" * 32,
        example.sensitivity,
    )  # fmt: skip


@pytest.fixture(scope="module")
def document() -> dict:
    return document_of(example_report_input())


def _values(place: str, value: object) -> list[object]:
    found = [value]
    for key in place.split("."):
        found = [inner for outer in found for inner in (outer if key == "[]" else [outer[key]])]
    return found


@pytest.mark.parametrize("place", CONTRACT)
def test_every_key_of_the_contract_is_there(document: dict, place: str) -> None:
    assert _values(place, document)


def test_fitted_models_have_every_key(document: dict) -> None:
    models = [m for item in document["items"] for m in item["models"].values() if m and m["status"] != "failed"]
    assert len(models) == 7  # null and adjusted of three items, one slope model
    for model in models:
        assert set(MODEL_KEYS) <= set(model)
    slope = document["items"][1]["models"]["slope"]
    assert set(slope["variance_components"]) == {"intercept", "residual", "slopes", "covariances", "correlations"}
    assert slope["variance_components"]["covariances"] == {"intercept,slope:trstplc": -0.06}
    assert [set(effect) for effect in slope["fixed_effects"]] == [
        {"term", "estimate", "se", "df", "statistic", "p", "interval"}
    ] * 2


def test_precision_tests_and_intervals_stand_unrounded(document: dict) -> None:
    item = document["items"][1]
    null, adjusted, slope = (item["models"][name] for name in ("null", "adjusted", "slope"))
    assert item["icc_interval"] == null["icc_interval"] == [0.012, 0.31]
    assert slope["icc_interval"] is None
    assert slope["precision"] == {
        "component_se": {
            "intercept": 0.11,
            "slope:trstplc": None,
            "intercept,slope:trstplc": 0.021,
            "residual": 0.2,
        },
        "component_interval": {
            "intercept": [0.0, 0.9],
            "slope:trstplc": [0.001, 0.05],
            "intercept,slope:trstplc": None,
            "correlation:intercept,slope:trstplc": [-1.0, 0.4],
            "residual": [2.0, 3.5],
        },
    }
    variances = slope["variance_components"]
    product = variances["intercept"] * variances["slopes"]["trstplc"]
    assert variances["correlations"] == {"intercept,slope:trstplc": pytest.approx(-0.06 / math.sqrt(product))}
    assert (null["exact_p"], adjusted["exact_p"]) == (0.0031, None)
    (group,) = adjusted["group_tests"]
    assert (group["name"], group["df"], group["likelihood_ratio_p"]) == ("respondent covariates", 96.4, 0.016)
    assert null["aic"] == pytest.approx(2 * 308.75 + 2 * null["n_parameters"])
    assert null["bic"] == pytest.approx(2 * 308.75 + math.log(null["n_interviews"]) * null["n_parameters"])


def test_interval_of_a_fixed_effect_is_t_times_its_standard_error(document: dict) -> None:
    (effect,) = document["items"][0]["models"]["null"]["fixed_effects"]
    low, high = effect["interval"]
    # t(10.4 degrees of freedom) at .975 is 2.2165, between the tables' 2.2281 (10) and 2.2010 (11).
    assert (high - low) / 2 == pytest.approx(2.2165 * 0.12, rel=1e-3)
    assert (high + low) / 2 == pytest.approx(effect["estimate"])


def test_document_and_schema_agree(document: dict) -> None:
    schema = results_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    written = json.loads(results_json(document))
    jsonschema.Draft202012Validator(schema).validate(written)
    assert written == {**document, "effects": list(document["effects"])}


def test_schema_refuses_unknown_keys_and_guilt(document: dict) -> None:
    validator = jsonschema.Draft202012Validator(results_schema())
    written = json.loads(results_json(document))
    assert validator.is_valid(written)
    assert not validator.is_valid({**written, "generated_at": "now"})
    guilty = [{**written["flags"][0], "severity": "guilty"}]
    assert not validator.is_valid({**written, "flags": guilty})


def test_effects_hold_the_flag_models_only(document: dict) -> None:
    cells = {(row["item"], row["model"], row["term"]) for row in document["effects"]}
    assert cells == {
        ("trstplc", "adjusted", "intercept"),
        ("pplhlp", "adjusted", "intercept"),
        ("pplhlp", "slope", "intercept"),
        ("pplhlp", "slope", "slope:trstplc"),
        ("gincdif", "adjusted", "intercept"),
    }
    assert len(document["effects"]) == 5 * 12


def test_effects_are_the_estimates_unrounded(document: dict) -> None:
    example = example_report_input()
    slope = example.items[1].slope
    assert isinstance(slope, ModelResult)
    rows = [r for r in document["effects"] if r["item"] == "pplhlp" and r["term"] == "slope:trstplc"]
    assert [row["eblup"] for row in rows] == slope.effects.eblup[:, 1].tolist()
    assert [row["interviewer"] for row in rows] == list(example.survey.interviewer_ids)


def test_not_modelled_and_failed_carry_their_reason(document: dict) -> None:
    constant = document["items"][3]
    assert (constant["status"], constant["icc"]) == ("not_modelled", None)
    assert constant["reason"] == "Every interview has the same answer, 4."
    assert document["items"][0]["models"]["covariates"] == {
        "status": "failed",
        "reason": "Years of experience is the same for every interviewer.",
    }


def test_suspects_stand_beside_the_clean_analysis(document: dict) -> None:
    (suspect,) = document["code_suspects"]
    assert (suspect["value"], suspect["interviewers"]) == (88, {"1007": 1})
    assert suspect["icc_with"] > suspect["icc_without"]
    assert [(refit["outcome"], refit["model"]) for refit in suspect["with_suspect"]] == [
        ("trstplc", "null"),
        ("pplhlp", "slope"),
    ]
    refit = suspect["with_suspect"][1]
    assert refit["variance_components"]["slopes"]["trstplc"] >= 0
    assert "slope:trstplc" in [test["name"] for test in refit["tests"]]


def test_worst_referee_is_a_failed_check() -> None:
    example = example_report_input()
    item = example.items[0]
    referee = structs.replace(item.adjusted.referee, loglik_difference=1e-3, agrees=False)
    spoilt = structs.replace(item, adjusted=structs.replace(item.adjusted, referee=referee))
    changed = document_of(structs.replace(example, items=(spoilt, *example.items[1:])))
    assert changed["items"][0]["referee"] == {
        "model": "adjusted",
        "loglik": -310.25,
        "loglik_difference": 1e-3,
        "agrees": False,
        "n_interviews": 0,
    }


def test_numbers_that_do_not_exist_are_null() -> None:
    example = example_report_input()
    item = example.items[0]
    effects = structs.replace(
        item.adjusted.effects,
        z=np.full((12, 1), np.nan),
        p=np.full((12, 1), np.inf),
        variance_ratio=np.full((12, 1), np.nan),
        cooks_distance=np.full(12, np.nan),
    )
    broken = structs.replace(item, icc=math.nan, adjusted=structs.replace(item.adjusted, effects=effects))
    changed = document_of(structs.replace(example, items=(broken, *example.items[1:])))
    assert changed["items"][0]["icc"] is None
    rows = [row for row in changed["effects"] if row["item"] == "trstplc"]
    assert {row[key] for row in rows for key in ("z", "p", "variance_ratio", "cooks_distance")} == {None}
    assert b"NaN" not in results_json(changed)
    assert b"Infinity" not in results_json(changed)


def test_interviewers_once_each_with_their_covariates(document: dict) -> None:
    by_id = {row["interviewer"]: row for row in document["interviewers"]}
    assert len(by_id) == len(document["interviewers"]) == 12
    assert by_id["1003"]["covariates"] == {"experience": 2.0, "sex": "male"}
    assert by_id["1011"]["covariates"] == {"experience": 10.0, "sex": None}
    assert (by_id["1012"]["too_few"], by_id["1012"]["severity"]) == (True, "none")


def test_bytes_are_the_same_and_one_record_stands_on_a_line(document: dict) -> None:
    written = results_json(document)
    assert written == results_json(document_of(example_report_input()))
    assert written.endswith(b"}\n")
    assert sum(line.startswith(b'  {"item":"pplhlp","model"') for line in written.splitlines()) == 3 * 12


def test_hostile_text_survives_as_text() -> None:
    hostile = '<script>alert("1")</script>\u202e=cmd|\U0001f600'
    written = json.loads(results_json(document_of(example_report_input(hostile, hostile))))
    assert written["items"][0]["label"] == hostile
    assert hostile in {row["interviewer"] for row in written["interviewers"]}


def test_sensitivity_is_null_without_areas_teams_and_weights() -> None:
    plain = document_of(structs.replace(example_report_input(), sensitivity=None))
    assert plain["sensitivity"] is None
    assert {flag["with_area"] for flag in plain["flags"]} == {None}
    jsonschema.validate(json.loads(results_json(plain)), results_schema())


def test_flags_say_whether_they_stand_with_areas(document: dict) -> None:
    assert {flag["kind"]: flag["with_area"] for flag in document["flags"]} == {
        "level": "vanishes",
        "missing_code": None,
    }
    assert document["sensitivity"]["area"]["apart"] is False
    assert document["sensitivity"]["team"]["apart"] is True
    assert document["sensitivity"]["area"]["items"][2]["icc"] is None
