"""Indicators of a survey larger than memory: what an engine sums up is what the interviews in memory say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from msgspec import structs

from qa_reports.effects.indicator_effects import JudgedIndicators, estimate_indicators
from qa_reports.indicators import collect
from qa_reports.indicators.collect import measure_indicators
from qa_reports.survey.clean import Survey
from tests.engine.test_engine import EXAMPLE, differences, in_engine, in_memory

pytest.importorskip("duckdb")
pytest.importorskip("ibis")

SAMPLE = 500
"""Of 1,500 interviews."""


def write_survey(folder: Path, kind: str, seed: int, **data: Any) -> Path:
    """Answers, batteries, gates, numbers, times of interviews and of questions, with codes and blanks."""
    rng = np.random.default_rng(seed)
    n, interviewers = 1_500, 40
    who = rng.integers(0, interviewers, n)
    level = rng.standard_normal(interviewers)
    tendency = rng.standard_normal(n) + 0.5 * level[who]
    table = pd.DataFrame({"id": np.arange(n), "int": who + 100, "age": rng.integers(18, 90, n).astype(float)})
    table.loc[rng.random(n) < 0.02, "age"] = np.nan
    for k in range(8):
        answers = np.clip(np.rint(5 + tendency + 2 * rng.standard_normal(n)), 0, 10)
        answers[rng.random(n) < 0.03 + 0.02 * (level[who] > 1)] = 88
        answers[rng.random(n) < 0.02] = 77
        answers[rng.random(n) < 0.01] = np.nan
        table[f"q{k}"] = answers
    table.loc[rng.random(n) < 0.05 + 0.1 * (who == 3), [f"q{k}" for k in range(5)]] = 5.0
    for k in range(3):
        table[f"a{k}"] = rng.integers(1, 6, n).astype(float)
    table["income"] = np.rint(np.exp(7 + 0.5 * rng.standard_normal(n)) / 10) * 10 + rng.integers(0, 10, n)
    table.loc[rng.random(n) < 0.1, "income"] = -9
    table["gate1"], table["gate2"] = rng.integers(1, 3, n), rng.integers(1, 4, n)
    minutes = np.round(np.exp(3.5 + 0.3 * rng.standard_normal(n) + 0.1 * level[who])).astype(int)
    minutes[::97] = 0
    begin = pd.Timestamp("2024-03-01 08:00") + pd.to_timedelta(rng.integers(0, 60 * 24 * 20, n), unit="min")
    table["minutes"] = minutes
    table["begin"], table["finish"] = begin.astype(str), (begin + pd.to_timedelta(minutes, unit="min")).astype(str)
    for k in range(4):
        table[f"t_q{k}"] = np.round(np.exp(2 + 0.4 * rng.standard_normal(n)), 1)
    table.loc[rng.random(n) < 0.05, "t_q1"] = np.nan
    file = folder / f"wave.{kind}"
    table.to_csv(file, index=False) if kind == "csv" else table.to_parquet(file)
    items = [{"name": f"q{k}", "scale": [0, 10]} for k in range(8)]
    agree = {1: "Strongly agree", 2: "Agree", 3: "Neither", 4: "Disagree", 5: "Strongly disagree"}
    items += [{"name": f"a{k}", "missing_codes": {}, "scale": [1, 5]} for k in range(3)]
    config = {
        "survey": {"name": "Made"},
        "data": {"file": file.name, "interviewer": "int", "respondent": "id", **data},
        "missing_codes": {77: "Refusal", 88: "Don't know"},
        "respondent_covariates": ["age"],
        "batteries": [{"name": "A", "items": [f"q{k}" for k in range(5)]},
                      {"name": "B", "items": ["q5", "q6", "a0", "a1"]}],
        "items": items,
        "indicators": {
            "gates": [{"name": "gate1", "opens": [1]}, {"name": "gate2", "opens": [1, 2]}],
            "numeric": [{"name": "income", "missing_codes": {-9: "Refusal"}}],
            "agree": {"items": ["a0", "a1", "a2"], "answers": list(agree)[:2]},
            "timings": {"columns": ["t_{item}"]},
            "off": ["duplicates"],
        },
    }  # fmt: skip
    path = folder / "wave.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def judged(path: Path, sample: int | None) -> tuple[Survey, JudgedIndicators]:
    survey, config = in_memory(path) if sample is None else in_engine(path, sample)
    return survey, estimate_indicators(survey, measure_indicators(survey, config))


def compared(one: JudgedIndicators, other: JudgedIndicators) -> list[str]:
    """Where indicators differ, but for the values of the interviews at hand."""
    stripped = [
        (
            [structs.replace(measure, values=None) for measure in of.measured.measures],
            [structs.replace(effects, measure=None) for effects in of.effects],  # type: ignore[arg-type]
        )
        for of in (one, other)
    ]
    return list(differences(*stripped))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "seed", "duration"),
    [("parquet", 1, {"minutes": "minutes"}), ("csv", 2, {"start": "begin", "end": "finish"})],
)
def test_an_engine_judges_interviewers_by_all_interviews(
    tmp_path: Path, kind: str, seed: int, duration: dict[str, str]
) -> None:
    path = write_survey(tmp_path, kind, seed, duration=duration)
    _, memory = judged(path, None)
    survey, engine = judged(path, SAMPLE)

    assert survey.n_rows < 0.5 * survey.n_interviews
    judged_by = {one.judged_by for one in memory.effects}
    assert {"linear", "ordinal", "binary"} <= judged_by
    assert {"variability", "log_minutes", "log_seconds", "last_digit:7", "short_way", "acquiescence",
            "straightlining:B", "refusal"} <= {one.measure.name for one in memory.effects}  # fmt: skip
    assert ("overlap" in {one.measure.name for one in memory.effects}) == ("start" in duration)
    assert compared(memory, engine) == []


@pytest.mark.slow
def test_measures_of_very_many_values_are_summed_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where counting every value by interviewer would be as long as the survey."""
    monkeypatch.setattr("qa_reports.indicators.heaping._END_DIGITS", (7,))
    path = write_survey(tmp_path, "parquet", 3, duration={"minutes": "minutes"})
    _, memory = judged(path, None)
    monkeypatch.setattr(collect, "FEW_VALUES", 12)
    _, engine = judged(path, 1_500)

    assert compared(memory, engine) == []
    survey, config = in_engine(path, SAMPLE)
    told = {measure.name: measure.threshold for measure in measure_indicators(survey, config).measures}
    assert told["variability"].endswith("is told by the interviews at hand")
    assert "at hand" not in told["refusal"]


@pytest.mark.slow
def test_the_example_wave_has_the_same_indicators(tmp_path: Path) -> None:
    config = yaml.safe_load((EXAMPLE / "example.yaml").read_text())
    config["data"] |= {"file": str(EXAMPLE / "example_wave.csv"), "engine": "duckdb"}
    config["interviewers"]["file"] = str(EXAMPLE / "example_interviewers.csv")
    config["indicators"] = {**config.get("indicators", {}), "off": ["duplicates"]}
    path = tmp_path / "example.yaml"
    path.write_text(yaml.safe_dump(config))
    memory, engine = judged(path, None)[1], judged(path, SAMPLE)[1]

    assert len(memory.effects) > 8
    assert compared(memory, engine) == []
