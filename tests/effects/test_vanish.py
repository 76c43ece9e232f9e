"""Flags that vanish without code suspects are data preparation, not interviewers."""

from __future__ import annotations

import numpy as np
import pytest

from qa_reports.effects import vanish
from qa_reports.effects.damage import measure_damages
from qa_reports.effects.estimate import estimate_items
from qa_reports.effects.findings import ExpectedByChance, Flag, FlagKind, Flags, InterviewerVerdict, Severity
from qa_reports.effects.flag import flag_interviewers
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


def found(interviewer: str, kind: FlagKind, *items: str, severity: Severity = "critical") -> Flag:
    return Flag(interviewer, severity, kind, items, 1.0, "units", 3.0, 0.001, 0.01, "A sentence.", "one_item")


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch):
    """What becomes of flags that are all there is with the codes, and of those of them that are left without."""
    answers, interviewer = wave(np.random.default_rng(12), items=3, interviewers=5)
    answers["item0"][np.flatnonzero(interviewer == 1)[:2]] = 88.0
    suspect = CodeSuspect("item0", 88.0, 2, (("101", 2),), "far", "missing_codes: {88: Missing}", set_aside=False)
    survey, config = make_survey(answers, interviewer, suspects=[suspect]), make_config(answers, {"item2": ["item0"]})

    def settled(first: list[Flag], second: list[Flag]) -> Flags:
        verdicts = tuple(
            InterviewerVerdict(name, None, 20, "critical", too_few=False, combined_p=0.001) for name in ("101", "102")
        )
        rounds = iter(Flags(tuple(flags), verdicts, ExpectedByChance(0.0, 0.0, "")) for flags in (first, second))
        monkeypatch.setattr(vanish, "flag_interviewers", lambda *_: next(rounds))
        monkeypatch.setattr(vanish, "estimate_items", lambda *_, **__: ())
        return settle_flags(survey, (), (), config)

    return settled


def test_only_flags_that_codes_left_in_can_have_made_are_judged_again(judge) -> None:
    """A flag of another item, or of how interviews were done, stays whatever the second judgement says."""
    untouched = [found("101", "level", "item1"), found("101", "speeding"), found("102", "spread")]
    assert judge(untouched, []).flags == tuple(untouched)
    flags = judge([found("101", "level", "item0"), *untouched], []).flags
    assert flags[:-1] == tuple(untouched)
    assert (flags[-1].kind, flags[-1].estimate) == ("missing_code", 2.0)


def test_a_slope_on_an_item_with_codes_left_in_vanishes_too(judge) -> None:
    (flag,) = judge([found("102", "slope", "item2")], []).flags
    assert (flag.severity, flag.kind, flag.items) == ("data_preparation", "missing_code", ("item0", "item2"))
    assert flag.estimate == 0
    assert "none of them in these interviews" in flag.sentence


def test_what_is_found_again_stays(judge) -> None:
    """Again is: the same kind of flag of the same interviewer that shares an item."""
    flag = found("101", "level", "item0", "item1")
    assert judge([flag], [found("101", "level", "item0")]).flags == (flag,)
    for other in (found("102", "level", "item0"), found("101", "spread", "item0"), found("101", "level", "item2")):
        assert judge([flag], [other]).flags[0].kind == "missing_code"


def test_what_another_flag_says_of_the_codes_is_not_said_twice(judge) -> None:
    said = found("101", "missing_code", "item0", severity="data_preparation")
    assert judge([found("101", "level", "item0"), said], []).flags == (said,)
    of_others = (found("102", "missing_code", "item0", severity="data_preparation"),
                 found("101", "missing_code", "item1", severity="data_preparation"))  # fmt: skip
    for other in of_others:
        assert len(judge([found("101", "level", "item0"), other], []).flags) == 2


def test_an_interviewer_is_as_remarkable_as_what_is_left_of_them(judge) -> None:
    vanishing = found("101", "level", "item0")
    for left, severity in (("critical", "critical"), ("warning", "warning"), (None, "none")):
        others = [] if left is None else [found("101", "level", "item1", severity=left)]
        flags = judge([vanishing, *others, found("102", "level", "item1")], [])
        assert [verdict.severity for verdict in flags.interviewers] == [severity, "critical"]
        assert [flag.severity for flag in flags.flags] == sorted(
            (flag.severity for flag in flags.flags), key=["critical", "warning", "data_preparation"].index
        )
