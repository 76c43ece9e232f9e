"""The example wave: the committed files are what the generator writes, and what is said to be planted is there."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

from qa_reports.config import ReportConfig, load_config

CONFIGS = Path(__file__).parents[1] / "configs"
FILES = ("example_wave.csv", "example_interviewers.csv", "example_truth.json")
LONG_CODES, SHORT_CODES = {77, 88, 99}, {7, 8, 9}
SHORT_SCALES = {"gincdif": (1, 5), "freehms": (1, 5), "imsmetn": (1, 4)}

# Means over some 1,700 interviews and 150 interviewers lie within .15 of what is planted; four times that is a mistake.
MEAN_TOLERANCE = 0.6
# A share of .05 among 1,703 has a standard error of .005, somewhat more since respondents differ.
SHARE_TOLERANCE = 0.02


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    sys.path.insert(0, str(CONFIGS))  # as it is when the script is run
    return importlib.import_module("make_example")


@pytest.fixture(scope="module")
def wave() -> pd.DataFrame:
    return pd.read_csv(CONFIGS / "example_wave.csv")


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((CONFIGS / "example_truth.json").read_text(encoding="utf-8"))
    return facts


@pytest.fixture(scope="module")
def config() -> ReportConfig:
    return load_config(CONFIGS / "example.yaml")


def test_generator_reproduces_the_committed_files(generator: ModuleType, tmp_path: Path) -> None:
    generator.make_example(tmp_path)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (CONFIGS / name).read_bytes(), name


def test_another_seed_makes_another_wave(generator: ModuleType, tmp_path: Path) -> None:
    generator.make_example(tmp_path, seed=generator.SEED + 1)
    assert (tmp_path / "example_wave.csv").read_bytes() != (CONFIGS / "example_wave.csv").read_bytes()


def test_size_of_the_wave(wave: pd.DataFrame) -> None:
    workload = wave["intnum"].value_counts()
    assert len(wave) == 1703
    assert wave["idno"].is_unique
    assert len(workload) == 150
    assert (workload.min(), workload.max()) == (1, 40)
    assert wave["intnum"].between(1000, 9999).all()


def test_every_interviewer_is_in_the_interviewer_file(wave: pd.DataFrame) -> None:
    interviewers = pd.read_csv(CONFIGS / "example_interviewers.csv")
    assert interviewers["intnum"].is_unique
    assert set(interviewers["intnum"]) == set(wave["intnum"])
    assert interviewers["resp_rate"].between(0.2, 0.9).all()
    assert interviewers["experience"].between(0, 30).all()
    assert interviewers.notna().to_numpy().all()


def test_respondents_are_plausible(wave: pd.DataFrame) -> None:
    assert wave["age"].between(18, 96).all()
    # Ages look like missing codes: the reason why item codes must not touch covariates.
    assert wave["age"].isin([77, 88]).any()
    assert sorted(wave["gender"].unique()) == ["female", "male"]
    assert (wave["education"].between(0, 26) | wave["education"].isin(LONG_CODES)).all()
    assert wave["weight"].gt(0).all()
    assert wave["weight"].mean() == pytest.approx(1, abs=1e-3)
    assert wave["minutes"].between(20, 180).all()
    assert wave.groupby("intnum")["region"].nunique().eq(1).all()
    assert wave.notna().to_numpy().all()


def test_answers_are_on_the_scale_or_a_known_code(wave: pd.DataFrame, config: ReportConfig) -> None:
    assert len(config.items) == 22
    for item in config.items:
        low, high = SHORT_SCALES.get(item.name, (0, 10))
        codes = SHORT_CODES if item.name in SHORT_SCALES else LONG_CODES
        assert item.scale is not None
        assert list(item.scale) == [low, high], item.name
        answers = wave[item.name]
        assert set(answers) <= set(range(low, high + 1)) | codes, item.name
        assert 0.001 < answers.isin(codes).mean() < 0.1, item.name


def test_the_configuration_forgets_one_code_of_one_item(wave: pd.DataFrame, config: ReportConfig) -> None:
    forgotten: dict[str, set[float]] = {}
    for item in config.items:
        declared = config.missing_codes if item.missing_codes is None else item.missing_codes
        assert item.scale is not None
        left_over = wave.loc[~wave[item.name].isin(list(declared)), item.name]
        outside = set(left_over[~left_over.between(*item.scale)])
        if outside:
            forgotten[item.name] = outside
    assert forgotten == {"trstplc": {88}}


def test_the_only_88_of_trstplc_is_planted_on_7519(wave: pd.DataFrame, truth: dict[str, Any]) -> None:
    planted = wave[wave["trstplc"] == 88]
    assert planted["intnum"].tolist() == [7519]
    assert planted["pplhlp"].tolist() == [0]
    _, code = truth["planted_interviewers"]
    assert (code["interviewer"], code["kind"]) == ("7519", "missing_code")
    assert planted["idno"].astype(str).tolist() == [code["respondent"]]
    assert (wave["intnum"] == 7519).sum() == code["n_interviews"] == 14


def test_4976_answers_low_on_helpfulness(wave: pd.DataFrame, truth: dict[str, Any]) -> None:
    level, _ = truth["planted_interviewers"]
    own = wave[wave["intnum"] == 4976]
    assert (level["interviewer"], level["kind"]) == ("4976", "level")
    assert len(own) == level["n_interviews"] == 30
    valid = own.loc[own["pplhlp"] <= 10, "pplhlp"]
    assert 0.925 <= (valid < 4).mean() <= 0.975
    for item, shift in level["shifts"].items():
        everybody = wave.loc[wave[item] <= 10]
        by_interviewer = everybody.groupby("intnum")[item].mean()
        # A mean of 30 answers has a standard error of about .4.
        assert by_interviewer[4976] - by_interviewer.mean() == pytest.approx(shift, abs=1.2)


def test_means_and_missing_codes_are_as_planted(wave: pd.DataFrame, truth: dict[str, Any]) -> None:
    assert [facts["item"] for facts in truth["items"]] == list(wave.columns[-22:])
    for facts in truth["items"]:
        answers = wave[facts["item"]]
        coded = answers.isin([int(code) for code in facts["missing_code_shares"]])
        assert coded.mean() == pytest.approx(sum(facts["missing_code_shares"].values()), abs=SHARE_TOLERANCE)
        if "mean" in facts:
            assert answers[~coded].mean() == pytest.approx(facts["mean"], abs=MEAN_TOLERANCE), facts["item"]


def test_slope_effects_have_the_planted_covariance(generator: ModuleType) -> None:
    random = generator.np.random.RandomState(1)
    intercept, slope = generator.draw_slopes(random, random.standard_normal(200_000))
    observed = generator.np.cov(intercept, slope)
    # 200,000 draws: standard errors are about a third of a per cent of each variance.
    assert observed[0, 0] == pytest.approx(generator.INTERCEPT_VARIANCE, rel=0.02)
    assert observed[1, 1] == pytest.approx(generator.SLOPE_VARIANCE, rel=0.02)
    assert observed[0, 1] == pytest.approx(generator.COVARIANCE, rel=0.02)


def reference_fit(name: str, method: str) -> dict[str, Any]:
    path = Path(__file__).parent / "reference" / "example.json"
    fits = json.loads(path.read_text(encoding="utf-8"))["fits"]
    return next(fit for fit in fits if (fit["name"], fit["method"]) == (name, method))


def test_lme4_finds_the_story_in_the_wave() -> None:
    """The conditions that chose the seed, on lme4's results: near the plan when clean, another picture with the 88."""
    clean, raw = reference_fit("slope:pplhlp", "ML"), reference_fit("slope_with_88:pplhlp", "ML")
    intercept, slope = (fixed["estimate"] for fixed in clean["fixed"])
    assert intercept == pytest.approx(3.89, abs=0.05)
    assert slope == pytest.approx(0.14, abs=0.005)
    variances = [component["value"] for component in clean["varcomp"]]
    assert variances[0] == pytest.approx(0.696, abs=0.1)
    assert variances[1] == pytest.approx(0.012, abs=0.002)
    likelihood_ratio = 2 * (clean["loglik"] - reference_fit("slope_intercept_only:pplhlp", "ML")["loglik"])
    # 5.14 is the 5 % point of the mixture half chi-square(1), half chi-square(2).
    assert 5.14 < likelihood_ratio < 10
    assert 46 < 2 * (raw["loglik"] - reference_fit("slope_with_88_intercept_only:pplhlp", "ML")["loglik"]) < 51
    slopes = dict(zip(raw["ranef"]["groups"], raw["ranef"]["terms"][1]["eblup"], strict=True))
    assert min(slopes, key=slopes.__getitem__) == "7519"
