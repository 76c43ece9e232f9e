"""The summary: sentences, order of the call list, and what a suspicious code would have done."""

from __future__ import annotations

import pytest
from msgspec import structs

from qa_reports.config import ReviewedFlag
from qa_reports.effects.estimate import ItemEffects, ItemNotModelled
from qa_reports.effects.flag import ExpectedByChance, Flag, Flags
from qa_reports.effects.linear import Referee
from qa_reports.effects.patterns import PATTERN_NAMES
from qa_reports.effects.reviewed import mark_reviewed
from qa_reports.effects.rules import EXPECTED_WARNINGS
from qa_reports.report.figures import AnswerScatter, Distribution, ResidualScatter
from qa_reports.report.interviewers import Call, NamedItem
from qa_reports.report.pdf import print_page
from qa_reports.report.render import render_html
from qa_reports.report.steps import STEPS
from qa_reports.report.summarise import ReportSummary, summarise
from qa_reports.report.suspects import by_item
from qa_reports.report.teams import restrict_to_team
from tests.report.example_survey import FORGOTTEN, IDS, LOW, ExampleReportInput, example_report_input

ACCUSING = ("fraud", "fabricat", "cheat", "guilt", "suspicious interviewer", "misconduct", "falsif")


def summary_of(given: ExampleReportInput) -> ReportSummary:
    return summarise(**{field.name: getattr(given, field.name) for field in structs.fields(given)})


def without_flags(given: ExampleReportInput) -> ExampleReportInput:
    verdicts = tuple(structs.replace(verdict, severity="none") for verdict in given.flags.interviewers)
    return structs.replace(given, flags=Flags((), verdicts, given.flags.expected_by_chance))


@pytest.fixture(scope="module")
def summary() -> ReportSummary:
    return summary_of(example_report_input())


def test_verdict_is_one_sentence_with_data_problems_first_among_the_notes(summary: ReportSummary) -> None:
    verdict = summary.verdict
    assert (
        verdict.sentence == "One of 12 interviewers is worth a call: 1003 (by chance alone about 0.5 would be flagged)."
    )
    assert verdict.notes[0] == (
        "First put the data preparation right: 1 value looks like a missing code that nobody declared "
        "(88 in Trust in the police)."
    )
    assert (verdict.n_items_modelled, verdict.n_items, verdict.n_flagged, verdict.n_too_few) == (3, 4, 1, 1)
    assert verdict.worst is not None
    assert verdict.worst.name == "pplhlp"


def test_of_very_many_items_those_without_a_flag_lack_the_largest_figure(
    summary: ReportSummary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qa_reports.report.items.MOST_IN_FULL", 2)
    many = summary_of(example_report_input())
    assert {bool(item.flagged) for item in many.items} == {True, False}
    for item, brief in zip(summary.items, many.items, strict=True):
        scatters = [figure for figure in item.figures if isinstance(figure, ResidualScatter)]
        left = [figure for figure in brief.figures if isinstance(figure, ResidualScatter)]
        assert len(scatters) == 1
        assert len(left) == bool(item.flagged)
        said = [figure for figure in brief.figures if "Of so many items" in figure.caption]
        assert len(said) == (not item.flagged)


def test_nobody_to_call_is_said() -> None:
    calm = summary_of(without_flags(example_report_input()))
    assert calm.verdict.sentence.startswith("No interviewer needs a call")
    assert calm.calls == ()
    assert calm.profiles == ()


def test_where_nobody_can_be_judged_nobody_is_said_to_be_fine() -> None:
    given = without_flags(example_report_input())
    flags = given.config.flags.model_copy(update={"min_interviews": 1000})
    summary = summary_of(structs.replace(given, config=given.config.model_copy(update={"flags": flags})))
    assert summary.verdict.sentence == (
        "Nobody can be judged: none of 12 interviewers have the 1,000 interviews that a judgement takes "
        "(flags.min_interviews): is data.interviewer (intnum) the right column?"
    )
    page = render_html(summary)
    assert "Nobody can be judged</h3>" in page
    assert "stands out from the others" not in page
    assert "expected by chance" not in page


def test_two_interviewers_of_whom_one_is_worth_a_call_are_not_compared() -> None:
    given = example_report_input()
    flags = given.config.flags.model_copy(update={"min_interviews": 1000})
    verdict = summary_of(structs.replace(given, config=given.config.model_copy(update={"flags": flags}))).verdict
    assert verdict.sentence.endswith("1003 (for how the interviews were done; answers could not be compared).")
    assert verdict.notes[0].startswith("No answers can be compared: none of 12 interviewers")


def test_no_model_at_all_is_said() -> None:
    given = example_report_input()
    items = tuple(ItemNotModelled(item.item, item.label, "Constant.", 0) for item in given.items)
    empty = summary_of(structs.replace(without_flags(given), items=items, damages=()))
    assert empty.verdict.sentence == "No item could be modelled, so no interviewer was judged."
    assert empty.verdict.median_icc is None


def test_a_data_problem_is_no_call_but_a_profile(summary: ReportSummary) -> None:
    assert [call.interviewer for call in summary.calls] == [IDS[LOW]]
    assert [profile.interviewer for profile in summary.profiles] == [IDS[LOW], IDS[FORGOTTEN]]


def test_critical_calls_come_before_warnings() -> None:
    given = example_report_input()
    warned = tuple(
        structs.replace(verdict, severity="warning", combined_p=1e-9) if verdict.interviewer == IDS[0] else verdict
        for verdict in given.flags.interviewers
    )
    extra = structs.replace(given.flags.flags[0], interviewer=IDS[0], severity="warning")
    flags = structs.replace(given.flags, flags=(*given.flags.flags, extra), interviewers=warned)
    calls = summary_of(structs.replace(given, flags=flags)).calls
    assert [(call.interviewer, call.severity) for call in calls] == [(IDS[LOW], "critical"), (IDS[0], "warning")]
    assert calls[1].sureness == "Fairly sure: unusual, but among 11 interviewers chance is possible"
    assert len(calls[0].explanation.steps) > len(calls[1].explanation.steps)


def test_the_heat_map_stands_in_the_order_of_the_call_list() -> None:
    given = example_report_input()
    verdicts = tuple(
        structs.replace(one, severity="critical", combined_p=0.001)
        if one.interviewer == IDS[0]
        else structs.replace(one, combined_p=0.106)
        if one.interviewer == IDS[LOW]
        else one
        for one in given.flags.interviewers
    )
    single = structs.replace(given.flags.flags[0], strength=2e-8)
    other = structs.replace(single, interviewer=IDS[0], strength=0.001)
    flags = structs.replace(given.flags, flags=(single, other, *given.flags.flags[1:]), interviewers=verdicts)
    shown = summary_of(structs.replace(given, flags=flags))
    assert [call.interviewer for call in shown.calls] == [IDS[LOW], IDS[0]]
    assert shown.heat_map is not None
    assert shown.heat_map.interviewers[:2] == (IDS[LOW], IDS[0])


def test_how_sure_a_call_is_goes_by_its_strongest_reason() -> None:
    """Who stands out on one item need not stand out over all of them: "sure" beside p .106 contradicts itself."""
    given = example_report_input()
    verdicts = tuple(
        structs.replace(one, combined_p=0.106 if one.interviewer == IDS[LOW] else one.combined_p)
        for one in given.flags.interviewers
    )
    single = tuple(structs.replace(flag, strength=2e-8) for flag in given.flags.flags)

    def called(flags: tuple[Flag, ...]) -> Call:
        changed = structs.replace(given.flags, flags=flags, interviewers=verdicts)
        return summary_of(structs.replace(given, flags=changed)).calls[0]

    assert (called(single).sure_p, called(single).sureness[:9]) == (2e-8, "Very sure")
    # A flag that was looked into is no reason any more.
    review = ReviewedFlag(interviewer=IDS[LOW], kind="level", until="12", note="As briefed.", by="A. Smith")
    looked_into = structs.replace(single[0], review=review)
    left = structs.replace(single[0], strength=0.01)
    assert called((looked_into, left, *single[1:])).sure_p == 0.01


def test_profiles_show_answers_for_levels_and_the_marked_point_for_missing_codes(summary: ReportSummary) -> None:
    low, forgotten = summary.profiles
    assert [type(figure) for figure in low.figures] == [Distribution, Distribution]
    (scatter,) = forgotten.figures
    assert isinstance(scatter, AnswerScatter)
    assert scatter.marked_x.tolist() == [88.0]
    assert dict(low.covariates) == {"Years of experience": 2.0, "Sex": "male"}


def test_cells_compare_own_answers_with_the_survey(summary: ReportSummary) -> None:
    cell = summary.profiles[0].cells[1]
    assert cell.item == "pplhlp"
    assert cell.flagged
    assert cell.mean is not None
    assert cell.mean < cell.survey_mean - 2
    assert cell.z is not None
    assert cell.z < -4


def test_a_suspect_says_what_the_raw_file_would_have_shown(summary: ReportSummary) -> None:
    (suspect,) = summary.suspects
    assert suspect.sentences[0] == (
        "The value 88 stands once in “Trust in the police” (interviewer 1007): outside the scale 0 to 10."
    )
    assert suspect.sentences[1] == (
        "Left in, it moves the item's interviewer ICC from 2.1% to 39% and its mean from 5.10 to 5.70."
    )
    assert "with p <.001 instead of p = .035" in suspect.sentences[2]
    null, slope = suspect.comparisons
    assert null.figures == ()
    assert [figure.title.split(": ")[0] for figure in slope.figures] == [
        "QQ plot of slopes of trstplc, 88 left in",
        "QQ plot of slopes of trstplc, 88 set aside",
    ]


def test_several_codes_of_one_item_are_one_problem(summary: ReportSummary) -> None:
    (suspect,) = summary.suspects
    (alone,) = by_item((suspect,))
    assert (alone.title, alone.sentence) == ("88 in Trust in the police", suspect.sentences[0])
    other = structs.replace(suspect, value=77.0, value_text="77", n=2, interviewers=(("1001", 2),))
    elsewhere = structs.replace(suspect, item=NamedItem("pplhlp", "People are helpful"))
    first, second = by_item((suspect, elsewhere, other))
    assert first.title == "88 and 77 in Trust in the police"
    assert first.sentence.startswith("3 answers at 2 interviewers look like missing codes. With them the item's")
    assert first.sentence.endswith("is 39% and its mean 5.70, without them 2.1% and 5.10.")
    assert second.title == "88 in People are helpful"
    unknown = by_item((structs.replace(suspect, treatments=()), other))[0]
    assert unknown.sentence == "3 answers at 2 interviewers look like missing codes."


def test_a_card_says_which_model_its_icc_is_of() -> None:
    given = example_report_input()
    card = summary_of(given).calls[0].explanation.without
    assert card is not None
    assert "(after allowing for respondents)" in card.sentence
    plain = tuple(
        structs.replace(item, adjusted=None) if isinstance(item, ItemEffects) else item for item in given.items
    )
    card = summary_of(structs.replace(given, items=plain)).calls[0].explanation.without
    assert card is not None
    assert "would account for" in card.sentence
    assert "respondents" not in card.sentence


def test_a_failed_model_keeps_its_reason(summary: ReportSummary) -> None:
    model = summary.items[0].models[-1]
    assert (model.name, model.status, model.estimates) == ("covariates", "failed", None)
    assert model.reason == "Years of experience is the same for every interviewer."


def test_a_disagreeing_referee_reaches_the_verdict() -> None:
    given = example_report_input()
    item = given.items[0]
    assert isinstance(item, ItemEffects)
    null = structs.replace(item.null, referee=Referee(-300.0, -10.25, agrees=False, n_interviews=0))
    changed = (structs.replace(item, null=null), *given.items[1:])
    found = summary_of(structs.replace(given, items=changed))
    assert not found.items[0].referee_agrees
    assert found.items[0].largest_referee_difference == 10.25
    assert "The check against statsmodels failed for Trust in the police" in found.verdict.notes[-1]


def test_methods_carry_the_surveys_own_figures(summary: ReportSummary) -> None:
    text = " ".join(summary.methods.paragraphs)
    assert "143 interviews by 12 interviewers" in text
    assert "The adjusted model adds the respondents' Age." in text
    assert "pplhlp on trstplc" in text
    assert "143 interviews by 12 interviewers (3 to 18 each, 11.9 on average) and 3 items" in text
    assert "7 models were fitted, 1 with an interviewer variance of 0; 3 models could not be estimated" in text
    assert "agreed on 7 of 7 (largest difference 2.0 \u00d7 10\u207b\u2079)" in text
    assert "exact restricted likelihood-ratio test with 10,000 simulated values" in text
    assert "Interviewer ICCs range from 0% (Reduce income differences; 95% interval 1.2% to 31%) to" in text
    assert "for 3 of 3 items" in text
    assert "false discovery rate (Benjamini and Hochberg 1995) below 5.0%" in text
    assert f"the combined p is below {EXPECTED_WARNINGS} divided by the number of interviewers judged" in text
    assert "fewer than 5 interviews are not judged (1 here)" in text
    assert "1 interviewer is worth a call, 1 of them critical; by chance alone about 0.5 would be expected" in text
    assert "Reference categories are male (Sex)." in text
    assert text.endswith("Software: qa-report 0.1.0, numpy 2.0.0 and statsmodels 0.14.4.")


def methods_of(given: ExampleReportInput) -> str:
    return " ".join(summary_of(given).methods.paragraphs)


def test_methods_of_a_wave_without_calls_or_without_anybody_to_compare() -> None:
    given = example_report_input()
    calm = without_flags(given)
    text = methods_of(calm)
    assert "No interviewer is worth a call; by chance alone about 0.5 would be expected (Half a normal" in text
    rare = structs.replace(calm.flags, expected_by_chance=ExpectedByChance(0.01, 0.0, "Simulated."))
    assert "by chance alone fewer than 0.1 would be expected" in methods_of(structs.replace(calm, flags=rare))
    unjudged = tuple(structs.replace(verdict, combined_p=None) for verdict in calm.flags.interviewers)
    alone = structs.replace(calm, flags=Flags((), unjudged, calm.flags.expected_by_chance))
    assert "Too few interviewers have enough interviews to compare anybody with." in methods_of(alone)
    assert "by chance alone" not in methods_of(alone)


def test_methods_say_where_there_is_no_random_intercept() -> None:
    given = example_report_input()
    items = tuple(item.model_copy(update={"random_intercept": not item.slopes}) for item in given.config.items)
    changed = structs.replace(given, config=given.config.model_copy(update={"items": items}))
    assert "Models of pplhlp with random slopes have no random intercept." in methods_of(changed)
    assert "no random intercept" not in methods_of(given)


def test_methods_of_a_wave_without_any_interviewer_variance() -> None:
    given = example_report_input()
    items = tuple(structs.replace(item, icc=0.0) if isinstance(item, ItemEffects) else item for item in given.items)
    text = methods_of(structs.replace(given, items=items))
    assert (
        "No item has an interviewer variance above 0, so every interviewer ICC is 0%; the widest 95% interval" in text
    )
    one = methods_of(structs.replace(given, items=given.items[:1]))
    assert "The interviewer ICC is 3.5% (Trust in the police; 95% interval 1.2% to 31%)." in one


def test_methods_name_no_interviewer(summary: ReportSummary) -> None:
    text = " ".join(summary.methods.paragraphs)
    assert not [name for name in IDS if name in text]


def test_no_sentence_accuses(summary: ReportSummary) -> None:
    words = [summary.verdict.sentence, *summary.verdict.notes, *summary.methods.paragraphs]
    words += [explanation for _, explanation in summary.methods.glossary]
    words += [step for steps in STEPS.values() for step in steps] + list(PATTERN_NAMES.values())
    words += [call.sureness for call in summary.calls]
    words += [reason.sentence for call in summary.calls for reason in call.explanation.reasons]
    assert not [word for word in ACCUSING if word in " ".join(words).lower()]


def reviewed_summary() -> ReportSummary:
    given = example_report_input()
    review = ReviewedFlag(interviewer=IDS[LOW], kind="level", until="Wave 3", note="Recordings <fine>.", by="A. Smith")
    return summary_of(structs.replace(given, flags=mark_reviewed(given.flags, [review], "Wave 1")))


def test_what_was_looked_into_is_listed_and_calls_nobody() -> None:
    looked_into = reviewed_summary()
    assert looked_into.calls == ()
    assert looked_into.verdict.sentence == (
        "No interviewer needs a call: everybody who stands out has been looked into."
    )
    assert f"1 interviewer stands out and has been looked into already ({IDS[LOW]})." in looked_into.verdict.notes
    assert looked_into.verdict.n_reviewed == 1
    for page in (render_html(looked_into), print_page(looked_into).html):
        assert "Looked into already" in page
        assert "Reviewed by A. Smith, until Wave 3: Recordings &lt;fine&gt;." in page
        assert "one battery shifted" in page


def test_pages_of_items_stand_where_they_belong_and_nowhere_else(summary: ReportSummary) -> None:
    hostile = structs.replace(summary.heading, survey="<!-- item pages -->")
    page = render_html(structs.replace(summary, heading=hostile))
    assert page.count('id="item-pages"') == 1
    assert "<!-- item pages -->" not in page
    assert page.count("&lt;!-- item pages --&gt;") == 2
    assert page.index('id="item-pages"') < page.index('id="interviewers"')


def test_a_team_sees_its_own_reviews_only() -> None:
    looked_into = reviewed_summary()
    given = example_report_input()
    own, other = ("North", "South") if LOW < 6 else ("South", "North")
    assert [flag.interviewer for flag in restrict_to_team(looked_into, own, given.flags).reviewed] == [IDS[LOW]]
    assert restrict_to_team(looked_into, other, given.flags).reviewed == ()
