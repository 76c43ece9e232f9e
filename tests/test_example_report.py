"""The example wave tells its story: 4976 by level, 7519 by one undeclared code, and nothing about 7519's slope."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from qa_reports.config import read_config
from qa_reports.pipeline import make_report
from qa_reports.progress import Silent

CONFIGS = Path(__file__).resolve().parents[1] / "configs"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    folder = tmp_path_factory.mktemp("example") / "report"
    make_report(read_config(CONFIGS / "example.yaml"), folder, ("html", "json"), Silent(io.StringIO()))
    return json.loads((folder / "results.json").read_text("utf-8")), (folder / "report.html").read_text("utf-8")


@pytest.mark.slow
def test_one_core_makes_the_same_bytes_as_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    made = []
    for alone in (True, False):
        folder = tmp_path / str(alone)
        make_report(read_config(CONFIGS / "example.yaml"), folder, ("json",), Silent(io.StringIO()), alone=alone)
        made.append((folder / "results.json").read_bytes())
    assert made[0] == made[1]


def flags_of(results: dict[str, Any], interviewer: str) -> list[dict[str, Any]]:
    return [flag for flag in results["flags"] if flag["interviewer"] == interviewer]


def test_4976_is_flagged_by_level_first_on_helpfulness(report: tuple[dict[str, Any], str]) -> None:
    (flag,) = flags_of(report[0], "4976")
    assert (flag["kind"], flag["severity"], flag["items"][0]) == ("level", "critical", "pplhlp")
    assert -4.5 < flag["estimate"] < -2.5
    assert flag["sentence"].startswith("In 30 interviews, answers to “Most of the time people are helpful” lie 3.")


def test_7519_is_data_preparation_and_not_a_slope(report: tuple[dict[str, Any], str]) -> None:
    results, _ = report
    (flag,) = flags_of(results, "7519")
    assert (flag["kind"], flag["severity"], flag["estimate"]) == ("missing_code", "data_preparation", 1)
    assert not [flag for flag in results["flags"] if flag["kind"] == "slope"]
    assert "would make this interviewer stand out" in flag["sentence"]
    assert "the lowest of all and raise the test of whether that slope differs between interviewers" in flag["sentence"]


def test_what_the_88_would_have_done_stands_beside_the_clean_analysis(report: tuple[dict[str, Any], str]) -> None:
    results, page = report
    (suspect,) = results["code_suspects"]
    assert (suspect["item"], suspect["value"], suspect["n"], suspect["interviewers"]) == ("trstplc", 88, 1, {"7519": 1})
    assert suspect["yaml"] == "missing_codes: {77: Refusal, 99: No answer, 88: Don't know}"
    assert suspect["icc_with"] < suspect["icc_without"]
    clean = next(item for item in results["items"] if item["item"] == "pplhlp")["models"]["slope"]
    before = next(test["statistic"] for test in clean["tests"] if test["name"] == "slope:trstplc")
    assert 5 < before < 8
    assert "7519" in page
    assert suspect["yaml"].replace("'", "&#39;") in page


def test_every_model_of_the_example_is_fitted_and_confirmed(report: tuple[dict[str, Any], str]) -> None:
    results, _ = report
    assert len(results["items"]) == 22
    for item in results["items"]:
        assert item["status"] == "converged"
        assert abs(item["referee"]["loglik_difference"]) < 1e-6
        for name, model in item["models"].items():
            assert (model is None) == (name == "slope" and item["item"] != "pplhlp")
    helpful = next(item for item in results["items"] if item["item"] == "pplhlp")
    truth = json.loads((CONFIGS / "example_truth.json").read_text("utf-8"))
    slope = helpful["models"]["slope"]
    assert slope["n_parameters"] == 6
    assert slope["fixed_effects"][1]["estimate"] == pytest.approx(0.14, abs=0.03)
    assert slope["variance_components"]["intercept"] == pytest.approx(0.696, abs=0.15)
    assert all(test["p"] < 0.05 for test in slope["tests"])
    assert (
        helpful["without_flagged"]["intercept_variance"] < helpful["models"]["null"]["variance_components"]["intercept"]
    )
    planted = [interviewer["interviewer"] for interviewer in truth["planted_interviewers"]]
    assert planted == ["4976", "7519"]
    assert {flag["interviewer"] for flag in results["flags"]} >= set(planted)


def test_nothing_is_nan_and_the_call_list_comes_first(report: tuple[dict[str, Any], str]) -> None:
    results, page = report
    text = json.dumps(results, allow_nan=False)
    assert "NaN" not in text
    assert page.index("interviewer-4976") < page.index("item-ppltrst")
    assert ">nan<" not in page.lower()
    assert ">none<" not in page.lower().replace(">none</option>", "")
