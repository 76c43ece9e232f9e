"""The same expressions on Spark in local mode: the same record, sums and models as in memory."""

from __future__ import annotations

import importlib.util
import shutil
import warnings
from pathlib import Path

import pandas as pd
import pytest
from msgspec import structs

from qa_reports.config import ReportConfig
from qa_reports.effects.estimate import estimate_items
from qa_reports.survey.clean import Survey
from tests.engine.test_engine import EXAMPLE, differences, example_config, in_engine, in_memory

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("pyspark") is None, reason="pyspark is not installed"),
    pytest.mark.skipif(shutil.which("java") is None, reason="there is no Java to run Spark"),
    pytest.mark.filterwarnings("ignore"),  # Spark's own, of pandas, Arrow and sockets
]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Survey, Survey, ReportConfig]:
    folder: Path = tmp_path_factory.mktemp("spark")
    pd.read_csv(EXAMPLE / "example_wave.csv").to_parquet(folder / "wave.parquet")
    where = "age >= 30 or gender in [1]"
    memory, config = in_memory(example_config(folder, file=str(folder / "wave.parquet"), where=where))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spark = example_config(folder, file=None, table="wave.parquet", connection="spark:local[2]", where=where)
        return memory, in_engine(spark)[0], config


def test_spark_counts_and_sums_alike(both: tuple[Survey, Survey, ReportConfig]) -> None:
    memory, spark, config = both

    assert 0 < spark.n_interviews < 1703
    logs = (structs.replace(survey.log, joins=(), notes=(), descriptives=()) for survey in (memory, spark))
    assert list(differences(*logs)) == []
    items = (estimate_items(survey, config, judgement_only=True) for survey in (memory, spark))
    assert list(differences(*(_without_rows(of) for of in items))) == []


def _without_rows(items: object) -> object:
    from tests.engine.test_engine import without_rows

    return without_rows(items)  # type: ignore[arg-type]
