"""Every number a reader sees is rounded here, so every rule has its row."""

from __future__ import annotations

import datetime

import pytest

from qa_reports.effects.intervals import Interval
from qa_reports.report import formats

MINUS = "\u2212"
NOTHING = "\u2013"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, NOTHING),
        (float("nan"), NOTHING),
        (0.0, "0"),
        (3.893, "3.893"),
        (-0.139167, f"{MINUS}0.139"),
        (0.020551, "0.0206"),
        (0.00012345, "0.000123"),
        (0.0999, "0.100"),
        (12.3456, "12.35"),
        (123.456, "123.5"),
        (12345.6, "12,346"),
        (1.234e-8, "1.2 \u00d7 10\u207b\u2078"),
    ],
)
def test_estimates_keep_the_digits_that_mean_something(value: float | None, shown: str) -> None:
    assert formats.estimate(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, NOTHING),
        (0.00099, "<.001"),
        (0.0, "<.001"),
        (0.001, ".001"),
        (0.035, ".035"),
        (0.9991, ">.999"),
        (1, ">.999"),
    ],
)
def test_p_values_have_three_decimals_and_no_leading_zero(value: float | None, shown: str) -> None:
    assert formats.p_value(value) == shown


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (None, NOTHING),
        (0.0, "0%"),
        (0.0002, "<0.1%"),
        (-0.0002, f">{MINUS}0.1%"),
        (0.021, "2.1%"),
        (0.0996, "10%"),
        (0.171, "17%"),
        (-0.04, f"{MINUS}4.0%"),
        (1.0, "100%"),
    ],
)
def test_small_shares_are_not_rounded_to_nothing(share: float | None, shown: str) -> None:
    assert formats.percent(share) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(1703, "1,703"), (0.4, "0"), (-0.4, "0"), (None, NOTHING), (-1500, f"{MINUS}1,500")]
)
def test_integers_have_separators_and_no_negative_zero(value: float | None, shown: str) -> None:
    assert formats.integer(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(1.6, "+1.60"), (-4.114, f"{MINUS}4.11"), (0.001, "0.00"), (None, NOTHING)]
)
def test_deviations_carry_their_sign(value: float | None, shown: str) -> None:
    assert formats.signed(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(88.0, "88"), (2.5, "2.5"), (-9.0, f"{MINUS}9"), ("REF", "REF"), (None, NOTHING), (99999, "99999")],
)
def test_answers_are_shown_as_given(value: float | str | None, shown: str) -> None:
    assert formats.answer(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "fewer than 0.1"), (0.5, "about 0.5"), (12.3, "about 12"), (None, NOTHING)]
)
def test_expected_counts_never_promise_zero(value: float | None, shown: str) -> None:
    assert formats.expected(value) == shown


def test_log_likelihoods_can_be_compared_with_lme4() -> None:
    assert formats.log_likelihood(-2774.233292) == f"{MINUS}2,774.2333"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (2.1e-9, "2.1 \u00d7 10\u207b\u2079"), (-3e5, f"{MINUS}3.0 \u00d7 10\u2075"), (None, NOTHING)],
)
def test_tiny_differences_are_powers_of_ten(value: float | None, shown: str) -> None:
    assert formats.scientific(value) == shown


def test_words() -> None:
    assert formats.count_of(1, "answer") == "1 answer"
    assert formats.count_of(1703, "interview") == "1,703 interviews"
    assert formats.listing(["a"]) == "a"
    assert formats.listing(["a", "b", "c"]) == "a, b and c"
    assert formats.calendar_date(datetime.date(2026, 3, 1)) == "1 March 2026"
    assert formats.variance_of("intercept") == "intercept variance"
    assert formats.variance_of("slope:trstplc") == "slope variance (trstplc)"
    assert formats.points(None) == formats.ratio(None) == formats.degrees(float("inf")) == NOTHING


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [
        (None, NOTHING),
        (float("nan"), NOTHING),
        (0.745, f"{MINUS}26%"),
        (1.03, "+3.0%"),
        (1.0, "0%"),
        (1.0001, "<0.1%"),
        (0.0, f"{MINUS}100%"),
    ],
)
def test_ratios_as_changes(ratio: float | None, shown: str) -> None:
    assert formats.change(ratio) == shown


def test_intervals() -> None:
    assert formats.interval(Interval(0.4123, 1.27194)) == "0.412 to 1.272"
    assert formats.interval(Interval(0.0, 12.3456)) == "0 to 12.35"
    assert formats.percent_interval(Interval(0.0519, 0.1372)) == "5.2% to 14%"
    missing = [None, Interval(float("nan"), 1.0)]
    assert {form(value) for form in (formats.interval, formats.percent_interval) for value in missing} == {NOTHING}


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Wave 3", "Wave 3"),
        ("Tägliche Lieferung, Süd", "Tagliche Lieferung, Sud"),
        ("Straße, Łódź, Ærø", "Strasse, Lodz, AEro"),
        ("調査 2", " 2"),
    ],
)
def test_names_of_files_are_spelled_in_ascii(text: str, plain: str) -> None:
    assert formats.plain_letters(text) == plain
