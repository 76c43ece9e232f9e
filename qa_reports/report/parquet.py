"""`effects.parquet`: the effects of all interviewers as a table, for surveys with very many of them."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Mapping
from typing import Any

from qa_reports.errors import ConfigError
from qa_reports.report.results_effects import effect_rows

TEXTS = ("item", "model", "interviewer", "term")
NUMBERS = (
    "eblup", "conditional_sd", "diagnostic_se", "deviation", "deviation_se", "z", "p", "reliability", "expected_rank",
    "detectable", "variance_ratio", "cooks_distance", "covariance_ratio", "residual_ratio",
)  # fmt: skip


def require_parquet() -> None:
    """Find out before any work whether the table can be written.

    Raises:
        ConfigError: the library that writes it is not installed.
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise ConfigError("effects.parquet: needs pyarrow, which is not installed: pip install 'qa-reports[parquet]'")


def effects_parquet(document: Mapping[str, Any]) -> bytes:
    """The rows of `effects` in results.json, one column per key; texts are dictionaries, numbers not rounded."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows: dict[str, list[Any]] = {name: [] for name in (*TEXTS, *NUMBERS, "fixed_change", "n_interviews")}
    for block in effect_rows(document).blocks():
        for name, values in block.items():
            rows[name] += values
    text = pa.dictionary(pa.int32(), pa.string())
    columns = {name: pa.array(rows[name], pa.string()).dictionary_encode().cast(text) for name in TEXTS}
    columns |= {name: pa.array(rows[name], pa.float64()) for name in NUMBERS}
    columns["fixed_change"] = pa.array(rows["fixed_change"], pa.list_(pa.float64()))
    columns["n_interviews"] = pa.array(rows["n_interviews"], pa.int64())
    written = io.BytesIO()
    pq.write_table(pa.table(columns), written, compression="zstd")
    return written.getvalue()
