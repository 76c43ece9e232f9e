"""Why an interviewer is worth a call: reasons over all kinds of evidence, and what would change without them."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec import structs

from qa_reports.config import ReviewedFlag
from qa_reports.effects.estimate import ItemEffects
from qa_reports.effects.flag import Flag
from qa_reports.report.explanation import MOST_REASONS, Explanation, explain_flags
from qa_reports.report.without import without_interviewers
from tests.report.example_survey import FORGOTTEN, IDS, LOW, ExampleReportInput, example_report_input

GIVEN = example_report_input()
MODELLED = [item for item in GIVEN.items if isinstance(item, ItemEffects)]
WHO = IDS[LOW]


def explained(*flags: Flag, given: ExampleReportInput = GIVEN) -> Explanation:
    found = structs.replace(given.flags, flags=flags)
    return explain_flags(found, MODELLED, given.survey)[flags[0].interviewer]


def flag(**changes: object) -> Flag:
    return structs.replace(GIVEN.flags.flags[0], **changes)  # type: ignore[arg-type]


def test_the_first_flag_names_the_card_and_three_reasons_are_told() -> None:
    fast = flag(kind="speeding", pattern="fast", sentence="Fast.")
    straight = flag(kind="straightlining", pattern="straightlined", sentence="Straight.")
    alike = flag(kind="spread", pattern="similar_answers", sentence="Alike.")
    explanation = explained(straight, GIVEN.flags.flags[0], fast, alike)
    assert explanation.name == "Fast and straightlined"
    assert explanation.also == ("one battery shifted", "unusually similar answers")
    assert len(explanation.reasons) == MOST_REASONS
    assert explanation.reasons[0].sentence == "Straight."


def test_what_was_looked_into_neither_names_the_card_nor_comes_first() -> None:
    review = ReviewedFlag(interviewer=WHO, kind="spread", until="Wave 9", note="Fine.", by="A. Smith")
    seen = flag(kind="spread", pattern="similar_answers", sentence="Alike. Reviewed.", review=review)
    explanation = explained(seen, GIVEN.flags.flags[0])
    assert explanation.patterns == ("one_battery",)
    assert [reason.reviewed for reason in explanation.reasons] == [False, True]


def test_a_matter_of_the_file_has_its_pattern_and_no_question_to_the_interviewer() -> None:
    explanation = explain_flags(GIVEN.flags, MODELLED, GIVEN.survey)[IDS[FORGOTTEN]]
    assert explanation.patterns == ("data_preparation",)
    assert explanation.without is None
    assert explanation.steps == (
        "First put the data preparation right (see the data-preparation problems), then look again.",
    )


def test_means_without_an_interviewer_are_those_of_everybody_else() -> None:
    without = without_interviewers({WHO: ("pplhlp",)}, MODELLED, GIVEN.survey)[WHO]
    helpful = next(one for one in without.items if one.item == "pplhlp")
    answers = next(item.answers for item in GIVEN.survey.items if item.name == "pplhlp")
    others = answers[GIVEN.survey.interviewer != LOW]
    assert helpful.mean_without == pytest.approx(np.nanmean(others))
    assert helpful.mean == pytest.approx(np.nanmean(answers))
    assert f"instead of {helpful.mean:.2f}" in without.sentence


def with_ratios(item: ItemEffects, variance_ratio: float) -> ItemEffects:
    """The item with the same change of the intercept variance without any interviewer, and none of the residual one."""
    model = item.judging
    column = model.effects.terms.index("intercept")
    ratio = model.effects.variance_ratio.copy()
    ratio[:, column] = variance_ratio
    rest = np.ones_like(model.effects.residual_ratio)
    effects = structs.replace(model.effects, variance_ratio=ratio, residual_ratio=rest)
    name = "adjusted" if item.adjusted is model else "null"
    return structs.replace(item, **{name: structs.replace(model, effects=effects)})  # type: ignore[arg-type]


def test_the_icc_without_an_interviewer_comes_from_the_fits_without_them() -> None:
    (item,) = [item for item in MODELLED if item.item == "pplhlp"]
    between, within = item.judging.variance.intercept or 0.0, item.judging.variance.residual
    without = without_interviewers({WHO: ("pplhlp",)}, [with_ratios(item, 0.5)], GIVEN.survey)[WHO]
    assert without.items[0].icc_without == pytest.approx(between / 2 / (between / 2 + within))
    assert "interviewers would account for" in without.sentence


def test_small_changes_are_said_to_be_small() -> None:
    (item,) = [item for item in MODELLED if item.item == "pplhlp"]
    rng = np.random.default_rng(1)
    answers = [rng.permutation(np.resize([4.0, 6.0], len(one.answers))) for one in GIVEN.survey.items]
    normal = [structs.replace(one, answers=own) for one, own in zip(GIVEN.survey.items, answers, strict=True)]
    calm = structs.replace(GIVEN.survey, items=tuple(normal))
    sentence = without_interviewers({IDS[11]: ()}, [with_ratios(item, 1.0)], calm)[IDS[11]].sentence
    assert sentence.startswith("Without these 3 interviews the results would hardly change: no mean by more than 0.0")
