"""Each indicator on answers that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from qa_reports.config import AgreeConfig, BatteryConfig, GateConfig, TimingsConfig
from qa_reports.indicators.answers import AnswerTable, answer_table
from qa_reports.indicators.gates import gate_measures
from qa_reports.indicators.heaping import heaping_measures
from qa_reports.indicators.measure import IndicatorMeasure
from qa_reports.indicators.nonresponse import nonresponse_measures
from qa_reports.indicators.re_interviews import back_check_measures
from qa_reports.indicators.response_style import response_style_measures
from qa_reports.indicators.straightlining import straightlining_measures
from qa_reports.indicators.timing import clock, question_measures, speed_measures, time_measures
from qa_reports.survey.answer_classes import AnswerClass, classes_without_codes
from qa_reports.survey.back_check import BackCheck
from qa_reports.survey.clean import ItemResponses
from qa_reports.survey.interviews import AnsweredItem, Lengths, answered, lengths
from qa_reports.survey.timing import InterviewTimes, QuestionTimes

NAN = float("nan")
TRUST = BatteryConfig(name="Trust", items=("a", "b", "c"))


def item(
    name: str,
    answers: list[float],
    scale: tuple[float, float] | None = (0, 10),
    categories: tuple[tuple[float, str], ...] = (),
    classes: list[int] | None = None,
) -> ItemResponses:
    values = np.array(answers, dtype=float)
    nothing = np.full(len(values), np.nan)
    found = classes_without_codes(values, nothing) if classes is None else np.array(classes, dtype=np.int8)
    return ItemResponses(name, name, scale, categories, values, nothing, found)


def answers_of(*items: ItemResponses) -> tuple[AnsweredItem, ...]:
    return tuple(map(answered, items))


def table_of(*items: ItemResponses) -> AnswerTable:
    return answer_table(answers_of(*items))


def questions(times: QuestionTimes | None) -> tuple[Lengths, ...] | None:
    return None if times is None else tuple(lengths(column) for column in times.spent.T)


def named(measures: object) -> dict[str, IndicatorMeasure]:
    return {measure.name: measure for measure in measures}  # type: ignore[attr-defined]


def test_nonresponse_counts_what_was_asked_and_not_answered() -> None:
    a = item("a", [5, NAN, NAN, NAN], classes=[AnswerClass.VALID, AnswerClass.DONT_KNOW, AnswerClass.REFUSAL,
                                              AnswerClass.NOT_APPLICABLE])  # fmt: skip
    b = item("b", [4, NAN, 3, NAN], classes=[AnswerClass.VALID, AnswerClass.DONT_KNOW, AnswerClass.VALID,
                                            AnswerClass.BLANK])  # fmt: skip
    measures = named(nonresponse_measures(answers_of(a, b)))

    # The last interview was not asked either, as far as anybody knows.
    np.testing.assert_array_equal(measures["nonresponse"].values, [0, 2, 1, NAN])
    np.testing.assert_array_equal(measures["dont_know"].values, [0, 2, 0, NAN])
    np.testing.assert_array_equal(measures["refusal"].values, [0, 0, 1, NAN])
    assert measures["no_answer"].reason == "no answer has a missing code that says no answer"
    assert not measures["no_answer"].applicable


def test_codes_without_a_reason_are_no_nonresponse() -> None:
    (measure,) = nonresponse_measures(
        answers_of(item("a", [5, NAN], classes=[AnswerClass.VALID, AnswerClass.OTHER_MISSING]))
    )

    assert measure.reason is not None
    assert "missing_codes" in measure.reason


def test_a_battery_is_straightlined_when_all_its_answers_are_the_same() -> None:
    table = table_of(item("a", [4, 4, 4, 4]), item("b", [4, 4, 4, NAN]), item("c", [4, 5, NAN, NAN]))

    measures = named(straightlining_measures(table, [TRUST], 3))
    of_two = named(straightlining_measures(table, [TRUST], 2))

    np.testing.assert_array_equal(measures["straightlining"].values, [1, 0, NAN, NAN])
    np.testing.assert_array_equal(measures["straightlining:Trust"].values, [1, 0, NAN, NAN])
    np.testing.assert_array_equal(of_two["straightlining"].values, [1, 0, 1, NAN])


def test_variability_is_the_standard_deviation_on_a_common_scale() -> None:
    table = table_of(item("a", [0, 5]), item("b", [10, 5]), item("c", [1, 3], scale=(1, 5)))

    measures = named(straightlining_measures(table, [TRUST], 3))

    np.testing.assert_allclose(measures["variability"].values, [np.std([0, 1, 0], ddof=1), 0.0])
    assert measures["variability"].worrying == "low"


def test_without_batteries_all_items_are_compared_for_variability_only() -> None:
    table = table_of(item("a", [0, 5]), item("b", [10, 5]), item("c", [0, 5]))

    measures = named(straightlining_measures(table, [], 3))

    assert measures["straightlining"].reason == "no battery of 3 or more items is configured (batteries)"
    np.testing.assert_allclose(measures["variability"].values, [np.std([0, 1, 0], ddof=1), 0.0])


def test_extremes_and_the_middle_are_shares_of_the_answers_given() -> None:
    columns = [[0, 5, NAN], [10, 5, NAN], [0, 4, NAN], [3, 5, 5], [NAN, 5, 5]]
    items = [item(f"i{k}", answers) for k, answers in enumerate(columns)] + [item("i5", [5, 0, 5])]
    measures = named(response_style_measures(table_of(*items), None))

    np.testing.assert_allclose(measures["extreme"].values, [3 / 5, 1 / 6, NAN])
    np.testing.assert_allclose(measures["midpoint"].values, [1 / 5, 4 / 6, NAN])


def test_a_scale_that_nobody_declared_has_no_ends() -> None:
    items = [item(f"i{k}", [1, 2, 3], scale=None) for k in range(5)]

    measures = named(response_style_measures(table_of(*items), None))

    assert measures["extreme"].reason == "it takes at least 5 items whose scale is declared or labelled; there are 0"


AGREEMENT = ((1.0, "Strongly agree"), (2.0, "Agree"), (3.0, "Neither agree nor disagree"), (4.0, "Disagree"),
             (5.0, "Strongly disagree"))  # fmt: skip


@pytest.mark.parametrize(
    ("categories", "agree"),
    [(AGREEMENT, None), ((), AgreeConfig(items=("a", "b", "c"), answers=(1, 2)))],
    ids=["by the labels", "as configured"],
)
def test_agreeing_answers_are_known_by_label_or_configuration(
    categories: tuple[tuple[float, str], ...], agree: AgreeConfig | None
) -> None:
    answers = {"a": [1.0, 3, 2], "b": [2, 4, 1], "c": [1, 5, 3]}
    items = [item(name, values, (1, 5), categories) for name, values in answers.items()]

    measures = named(response_style_measures(table_of(*items), agree))

    np.testing.assert_allclose(measures["acquiescence"].values, [1, 0, 2 / 3])


def test_speed_is_the_log_of_the_minutes_and_the_shortest_share() -> None:
    minutes = np.array([*np.arange(1.0, 20.0), NAN])

    measures = named(speed_measures(lengths(minutes), 0.1))

    np.testing.assert_allclose(measures["log_minutes"].values, np.log(minutes))
    np.testing.assert_array_equal(measures["fast"].values, [1, 1, *[0] * 17, NAN])


def test_without_durations_speed_says_what_is_missing() -> None:
    measures = named(speed_measures(None, 0.1))

    assert measures["log_minutes"].reason == "no length of the interviews is configured (data.duration)"
    assert measures["log_minutes"].values is None


def at(day: int, hour: float) -> float:
    return (day * 24 + hour) * 60.0


def test_overlapping_and_impossible_times() -> None:
    # Interviewer 0: the first two overlap, the third follows on the minute. Interviewer 1: night, backwards, too long.
    start = np.array([at(1, 9), at(1, 9.5), at(1, 11), at(1, 3), at(2, 12), at(3, 8), NAN])
    end = np.array([at(1, 10), at(1, 11), at(1, 12), at(1, 4), at(2, 11), at(4, 9), at(5, 9)])
    interviewer = np.array([0, 0, 0, 1, 1, 1, 1])
    times = InterviewTimes(end - start, start, end, False, ())

    measures = named(time_measures(clock(times, interviewer), (6, 23)))

    np.testing.assert_array_equal(measures["overlap"].values, [1, 1, 0, 0, NAN, NAN, NAN])
    np.testing.assert_array_equal(measures["impossible"].values, [0, 0, 0, 1, 1, 1, NAN])


def test_an_interview_within_a_long_one_overlaps_it_though_another_lies_between() -> None:
    start = np.array([at(1, 9), at(1, 9.5), at(1, 11)])
    end = np.array([at(1, 13), at(1, 10), at(1, 12)])
    times = InterviewTimes(end - start, start, end, False, ())

    measures = named(time_measures(clock(times, np.zeros(3, dtype=np.int64)), (6, 23)))

    np.testing.assert_array_equal(measures["overlap"].values, [1, 1, 1])


def test_times_of_day_alone_tell_no_overlap() -> None:
    begin = np.array([600.0, 610.0])
    times = InterviewTimes(np.array([60.0, 60.0]), begin, begin + 60, True, ())

    measures = named(time_measures(clock(times, np.zeros(2, dtype=np.int64)), (6, 23)))

    assert measures["overlap"].reason == "start and end are times of day without dates"
    np.testing.assert_array_equal(measures["impossible"].values, [0, 0])


def test_gates_count_the_ways_that_were_not_opened() -> None:
    columns = [item("g1", [1, 2, NAN], None), item("g2", [2, 2, NAN], None)]
    gates = [GateConfig(name="g1", opens=(1,)), GateConfig(name="g2", opens=(1,))]

    (measure,) = gate_measures(answers_of(*columns), gates)

    np.testing.assert_array_equal(measure.values, [1, 2, NAN])


def test_round_numbers_are_counted_among_numeric_answers() -> None:
    ages = item("age", [float(value) for value in range(30, 55)], None)
    hours = item("hours", [40.0, 38.0, NAN] + [0.0] * 22)

    measure, *_ = heaping_measures(answers_of(ages, item("a", [5.0] * 25)), answers_of(hours))

    assert measure.values[:4].tolist() == [2, 0, 0, 0]
    assert measure.values[5] == 1
    assert "over 2 questions" in measure.threshold


def test_last_digits_are_counted_in_numbers_of_two_digits() -> None:
    numbers = [item("ages", [17.0, 27.0, 33.0, 7.0, 40.0, NAN], None), item("hours", [37.0, 38.0, NAN, 8.0, 50.0, NAN])]

    measures = named(heaping_measures((), answers_of(*numbers)))

    # 7 and 8 themselves are answers and no digits of one; nobody can tell anything from the last interview.
    np.testing.assert_array_equal(measures["last_digit:7"].values, [2, 1, 0, NAN, 0, NAN])
    np.testing.assert_array_equal(measures["last_digit:8"].values, [0, 1, 0, NAN, 0, NAN])
    assert {"last_digit:0", "last_digit:5"}.isdisjoint(measures)
    assert list(named(heaping_measures((), answers_of(item("small", [1.0, 7.0]))))) == ["round_numbers"]


def test_re_interviews_count_the_answers_that_differ() -> None:
    table = table_of(item("a", [1, 2, 3]), item("b", [4, 5, NAN]))
    again = BackCheck(("b", "a"), np.array([1, 2]), np.array([[5.0, 9.0], [5.0, 3.0]]), ())

    (measure,) = back_check_measures(table, again)

    np.testing.assert_array_equal(measure.values, [NAN, 1, 0])


def test_times_of_questions_count_beside_their_own_median() -> None:
    spent = np.array([[10.0, 100.0, 4.0], [10.0, 100.0, 4.0], [20.0, 40.0, 1.0], [NAN, NAN, 4.0]])
    times = QuestionTimes(("t_a", "t_b", "t_c"), spent, ())
    measures = named(question_measures(questions(times), TimingsConfig(columns=("t_{item}",))))
    # Medians are 10, 100 and 4; the third interview takes 2, 0.4 and 0.25 of them, the fourth has a single time.
    assert measures["log_seconds"].values == pytest.approx([0, 0, np.log(2 * 0.4 * 0.25) / 3, NAN], nan_ok=True)
    assert measures["fast_answers"].values == pytest.approx([0, 0, 2 / 3, NAN], nan_ok=True)
    assert measures["log_seconds"].worrying == "low"
    assert "less than 50% of the question's median time, over 3 questions" in measures["fast_answers"].threshold


@pytest.mark.parametrize(
    ("times", "reason"),
    [
        (None, "no times of single questions are configured (indicators.timings)"),
        (QuestionTimes(("t_a",), np.full((2, 1), NAN), ()), "no interview has times of 3 or more questions"),
    ],
)
def test_without_times_of_questions_the_reason_is_said(times: QuestionTimes | None, reason: str) -> None:
    measures = named(question_measures(questions(times), TimingsConfig(columns=("t_a",))))
    assert [one.reason for one in measures.values()] == [reason, reason]
