"""Small surveys written to a folder, and where the real ones are."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qa_reports.config import ReportConfig
from qa_reports.survey.clean import Survey, clean_survey
from qa_reports.survey.load import load_survey

Configure = Callable[..., ReportConfig]
Clean = Callable[..., Survey]


@pytest.fixture
def configure() -> Configure:
    """A configuration with `int` as interviewer and `q` as item, unless the test says otherwise."""

    def make(data: dict[str, Any] | None = None, **sections: Any) -> ReportConfig:
        whole = {"survey": {"name": "Test"}, "data": {"file": "wave.csv", "interviewer": "int"} | (data or {})}
        return ReportConfig.model_validate(whole | {"items": ["q"]} | sections)

    return make


@pytest.fixture
def clean(tmp_path: Path, configure: Configure) -> Clean:
    """Write a text as `wave.csv`, load it and clean it."""

    def run(text: str, data: dict[str, Any] | None = None, **sections: Any) -> Survey:
        (tmp_path / "wave.csv").write_text(text, encoding="utf-8")
        config = configure(data, **sections)
        return clean_survey(load_survey(config, tmp_path), config)

    return run


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real surveys; the test is skipped where it is absent."""
    beside = Path(__file__).parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("QA_SHARED_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no real surveys in {folder}")
    return folder
