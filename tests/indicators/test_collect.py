"""All indicators of a survey together: which there are, and why not."""

from __future__ import annotations

import numpy as np

from qa_reports.config import ReportConfig
from qa_reports.indicators.collect import measure_indicators
from tests.effects.synthetic import make_config, make_survey, wave


def test_every_indicator_has_values_or_a_reason() -> None:
    answers, interviewer = wave(np.random.default_rng(1), interviewers=20, items=10)
    survey, config = make_survey(answers, interviewer), make_config(list(answers))

    indicators = measure_indicators(survey, config)

    for measure in indicators.measures:
        assert measure.applicable == (measure.values is not None and np.isfinite(measure.values).any()), measure.name
        assert measure.applicable == bool(measure.threshold), measure.name
    kinds = list(dict.fromkeys(measure.kind for measure in indicators.measures))
    assert kinds == ["nonresponse", "straightlining", "response_style", "speeding", "times", "gate", "heaping",
                     "back_check", "duplicates"]  # fmt: skip


def test_an_indicator_that_is_switched_off_says_so() -> None:
    answers, interviewer = wave(np.random.default_rng(2), interviewers=20, items=10)
    options = make_config(list(answers)).model_dump(exclude_unset=True)
    config = ReportConfig.model_validate({**options, "indicators": {"off": ["duplicates", "response_style"]}})

    indicators = measure_indicators(make_survey(answers, interviewer), config)

    off = {measure.kind for measure in indicators.measures if measure.reason == "switched off (indicators.off)"}
    assert off == {"duplicates", "response_style"}
    assert indicators.duplicates is None
