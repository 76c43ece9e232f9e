"""Flags that vanish without code suspects are data preparation, not interviewers."""

from __future__ import annotations

import numpy as np

from qa_reports.effects.damage import measure_damages
from qa_reports.effects.estimate import estimate_items
from qa_reports.effects.flag import Flags, flag_interviewers
from qa_reports.effects.vanish import settle_flags
from qa_reports.survey.clean import CodeSuspect
from tests.effects.synthetic import make_config, make_survey, wave

SPOILT, LOW = "109", "112"


def settled(*, planted: int, low: float) -> tuple[Flags, Flags]:
    """Flags before and after settling: 88s of one interviewer stay in, another one's level is shifted."""
    answers, interviewer = wave(np.random.default_rng(11), items=2, icc=0.01)
    assert (interviewer == 9).sum() >= planted
    answers["item0"][np.flatnonzero(interviewer == 9)[:planted]] = 88.0
    answers["item1"][interviewer == 12] = np.clip(answers["item1"][interviewer == 12] - low, 0, 10)
    suspect = CodeSuspect(
        "item0", 88.0, planted, ((SPOILT, planted),), "far", "missing_codes: {88: Missing}", set_aside=False
    )
    survey = make_survey(answers, interviewer, suspects=[suspect])
    config = make_config(list(answers))
    items, damages = estimate_items(survey, config), measure_damages(survey, config)
    return flag_interviewers(survey, items, damages, config), settle_flags(survey, items, damages, config)


def test_a_flag_that_rests_on_codes_left_in_needs_no_call() -> None:
    before, after = settled(planted=6, low=0.0)
    assert any(flag.interviewer == SPOILT and flag.severity != "data_preparation" for flag in before.flags)
    own = [flag for flag in after.flags if flag.interviewer == SPOILT]
    assert {(flag.kind, flag.severity) for flag in own} == {("missing_code", "data_preparation")}
    verdict = next(verdict for verdict in after.interviewers if verdict.interviewer == SPOILT)
    assert verdict.severity == "none"


def test_a_flag_on_another_item_stays() -> None:
    _, after = settled(planted=4, low=5.0)
    assert ("critical", ("item1",)) in [(flag.severity, flag.items) for flag in after.flags if flag.interviewer == LOW]
