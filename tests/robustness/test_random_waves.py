"""Waves with many features at once, archived one after the other. `QA_RANDOM_CASES=1000` makes a long run."""

from __future__ import annotations

import os

import pytest

from qa_reports import second_core
from tests.robustness.waves_soundness import waves_end_well

ASKED = int(os.environ.get("QA_RANDOM_CASES", "0"))
SEEDS = range(1000, 1000 + ASKED) if ASKED else (100, 102, 103, 104, 105, 106, 109)
"""In a normal run some that draw no PDF, which takes longest."""


@pytest.fixture(autouse=True)
def _one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Warnings and tracebacks of a second process would not be seen here."""
    monkeypatch.setattr(second_core, "can_fork", lambda: False)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_waves_end_well_or_with_a_reason(seed: int) -> None:
    waves_end_well(seed)
