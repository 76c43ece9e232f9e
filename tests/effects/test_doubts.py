"""Which results are not to be trusted as they stand, and the words for it."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from qa_reports.effects.doubts import find_doubts
from qa_reports.effects.estimate import ItemEffects, ItemNotModelled, estimate_items
from qa_reports.effects.linear import FailedModel
from tests.effects.synthetic import make_config, make_survey, wave


@pytest.fixture(scope="module")
def sound() -> ItemEffects:
    answers, interviewer = wave(np.random.default_rng(16), items=1, interviewers=12)
    (item,) = estimate_items(make_survey(answers, interviewer), make_config(["item0"]))
    assert isinstance(item, ItemEffects)
    return item


def told(item: ItemEffects | ItemNotModelled) -> list[tuple[str | None, str, str]]:
    return [(doubt.model, doubt.kind, doubt.reason) for doubt in find_doubts([item])]


def test_a_sound_item_and_a_variance_of_zero_are_no_doubts(sound: ItemEffects) -> None:
    assert told(sound) == []
    assert told(replace(sound, null=replace(sound.null, status="zero_variance", reason="it is zero"))) == []


def test_a_bound_is_told_with_its_reason(sound: ItemEffects) -> None:
    for reason, words in (("perfectly correlated.", "perfectly correlated"), (None, "at a bound")):
        item = replace(sound, slope=replace(sound.null, name="slope", status="singular", reason=reason))
        assert told(item) == [("slope", "singular", words)]


def test_what_failed_or_is_disputed_is_told(sound: ItemEffects) -> None:
    disputed = replace(sound.null, referee=replace(sound.null.referee, agrees=False))
    ((model, kind, _),) = told(replace(sound, null=disputed))
    assert (model, kind) == ("null", "referee")
    assert told(replace(sound, slope=FailedModel("slope", "no maximum."))) == [("slope", "failed", "no maximum")]


def test_few_interviewers_are_a_doubt_of_the_item(sound: ItemEffects) -> None:
    assert told(replace(sound, n_interviewers=10)) == []
    ((model, kind, reason),) = told(replace(sound, n_interviewers=9))
    assert (model, kind) == (None, "few_interviewers")
    assert "only 9 interviewers" in reason
