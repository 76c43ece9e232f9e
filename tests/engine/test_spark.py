"""The same expressions on Spark in local mode: the same record, sums and models as in memory."""

from __future__ import annotations

import importlib.util
import shutil
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from msgspec import structs

from qa_reports.config import ReportConfig
from qa_reports.effects.estimate import estimate_items
from qa_reports.survey.clean import Survey
from tests.engine.test_engine import EXAMPLE, differences, example_config, in_engine, in_memory

WHERE = "age >= 30 or gender in [1]"
SAMPLE = 500
"""Of some 1,500 interviews in use."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("spark"),  # one Java for all of them
    pytest.mark.skipif(importlib.util.find_spec("pyspark") is None, reason="pyspark is not installed"),
    pytest.mark.skipif(shutil.which("java") is None, reason="there is no Java to run Spark"),
    pytest.mark.filterwarnings("ignore"),  # Spark's own, of pandas, Arrow and sockets
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("spark")
    pd.read_csv(EXAMPLE / "example_wave.csv").to_parquet(folder / "wave.parquet")
    return folder


def on_spark(folder: Path, sample: int = 10_000, **data: object) -> Survey:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data |= {"file": None, "table": "wave.parquet", "connection": "spark:local[2]", "where": WHERE}
        return in_engine(example_config(folder, **data), sample)[0]


@pytest.fixture(scope="module")
def both(folder: Path) -> tuple[Survey, Survey, ReportConfig]:
    memory, config = in_memory(example_config(folder, file=str(folder / "wave.parquet"), where=WHERE))
    return memory, on_spark(folder), config


def test_spark_counts_and_sums_alike(both: tuple[Survey, Survey, ReportConfig]) -> None:
    memory, spark, config = both

    assert 0 < spark.n_interviews < 1703
    logs = (structs.replace(survey.log, joins=(), notes=(), descriptives=()) for survey in (memory, spark))
    assert list(differences(*logs)) == []
    items = (estimate_items(survey, config, judgement_only=True) for survey in (memory, spark))
    assert list(differences(*(_without_rows(of) for of in items))) == []


@pytest.fixture(scope="module")
def sampled(folder: Path) -> Survey:
    return on_spark(folder, SAMPLE)


def test_a_sample_at_hand_changes_no_model(both: tuple[Survey, Survey, ReportConfig], sampled: Survey) -> None:
    memory, _, config = both
    assert 0.8 * SAMPLE < sampled.n_rows < 1.2 * SAMPLE
    assert sampled.n_interviews == memory.n_interviews
    assert list(sampled.respondents) == sorted(sampled.respondents, key=int)
    items = (estimate_items(survey, config, judgement_only=True) for survey in (memory, sampled))
    assert list(differences(*(_without_rows(of) for of in items))) == []


def test_the_sample_is_the_same_again_with_all_interviews_of_flagged_interviewers(
    both: tuple[Survey, Survey, ReportConfig], sampled: Survey
) -> None:
    memory, _, _ = both
    shown = sampled.with_all_of(["4976"])
    own = memory.interviewer_ids.index("4976")
    assert shown.respondents[: sampled.n_rows] == sampled.respondents
    assert (sampled.interviewer == own).sum() < (shown.interviewer == own).sum() == memory.workload[own]
    assert shown.n_rows - sampled.n_rows == memory.workload[own] - (sampled.interviewer == own).sum()


def test_without_ids_rows_are_told_apart_by_all_that_is_in_them(folder: Path) -> None:
    unnamed = on_spark(folder, SAMPLE, respondent=None)
    shown = unnamed.with_all_of(["4976"])
    assert 0.8 * SAMPLE < unnamed.n_rows < 1.2 * SAMPLE
    assert shown.n_rows > unnamed.n_rows
    for before, after in zip(unnamed.items, shown.items, strict=True):
        np.testing.assert_array_equal(before.answers, after.answers[: unnamed.n_rows])


def _without_rows(items: object) -> object:
    from tests.engine.test_engine import without_rows

    return without_rows(items)  # type: ignore[arg-type]
