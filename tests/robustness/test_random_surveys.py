"""Random surveys through the whole program. `QA_RANDOM_CASES=10000` makes a long run (see CONTRIBUTING.md)."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from qa_reports import second_core
from tests.robustness.kinds import survey_ends_well
from tests.robustness.random_surveys import RandomSurvey, random_surveys

ASKED = int(os.environ.get("QA_RANDOM_CASES", "0"))
CASES = ASKED or 20
"""In a normal run the same few surveys every time, in a long run new ones."""


@pytest.fixture(autouse=True)
def _one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Warnings and tracebacks of a second process would not be seen here."""
    monkeypatch.setattr(second_core, "can_fork", lambda: False)


@settings(
    max_examples=CASES,
    deadline=None,
    database=None,
    derandomize=not ASKED,
    print_blob=True,
    phases=(Phase.explicit, Phase.generate, *((Phase.shrink,) if ASKED else ())),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(random_surveys())
def test_random_surveys_end_well_or_with_a_reason(survey: RandomSurvey) -> None:
    survey_ends_well(survey)
