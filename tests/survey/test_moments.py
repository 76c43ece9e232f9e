"""Moments as people and devices write them."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import numpy as np
import pytest

from qa_reports.errors import DataError
from qa_reports.survey.moments import day_first, minutes_of_day, since_1970
from qa_reports.survey.survey import Survey

Clean = Callable[..., Survey]
MAY_FIRST = 28048320.0
"""2023-05-01 00:00 in minutes since 1970."""


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("10:30", 630),
        ("00:20:30", 20.5),
        ("9:05 PM", 1265),
        ("12:10 a.m.", 10),
        ("12:10pm", 730),
        ("13:00 PM", np.nan),
        ("24:00", np.nan),
        ("noon", np.nan),
    ],
)
def test_times_of_day(text: str, minutes: float) -> None:
    np.testing.assert_equal(minutes_of_day(text), minutes)


@pytest.mark.parametrize(
    ("text", "day_comes_first"),
    [
        ("2023-05-01 10:30", None),
        ("2023-05-01T10:30:00", None),
        ("01.05.2023 10:30", None),
        ("1.5.2023, 10:30:00", None),
        ("01/05/2023 10:30", True),
        ("05/01/2023 10:30", False),
        ("5/1/2023 10:30:00 AM", False),
        ("01-05-2023 10:30", True),
    ],
)
def test_dates_with_times(text: str, day_comes_first: bool | None) -> None:
    np.testing.assert_allclose(since_1970([text], day_comes_first), [MAY_FIRST + 630], rtol=1e-12)


@pytest.mark.parametrize("offset", ["Z", "+08:00", "-0330", "+01", " +05:45"])
def test_the_interviewers_clock_counts_whatever_its_offset(offset: str) -> None:
    """Taken for UTC, mornings far east would be nights."""
    np.testing.assert_allclose(since_1970([f"2023-05-01T07:30:00.000{offset}"], None), [MAY_FIRST + 450], rtol=1e-12)


@pytest.mark.parametrize(
    "text", ["31.02.2023 10:30", "01/05/2023 10:30", "01.05.23 10:30", "01.05.2023 25:30", "10:30"]
)
def test_what_is_no_date_or_not_clear_is_none(text: str) -> None:
    assert np.isnan(since_1970([text], None)).all()


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        (["13/04/2023 10:30", "03/04/2023 10:30"], True),
        (["4/13/2023 10:30", "03/04/2023 10:30"], False),
        (["03/04/2023 10:30", "10:30", "13.04.2023 10:30"], None),
        (["13/04/2023 10:30", "04/13/2023 10:30"], None),
    ],
)
def test_a_number_above_twelve_shows_which_is_the_day(dates: list[str], expected: bool | None) -> None:
    assert day_first(dates) is expected


def test_the_end_may_show_what_the_start_does_not(clean: Clean) -> None:
    rows = "1,1,03/04/2023 23:30,04/04/2023 00:10\n1,1,12/04/2023 23:50,13/04/2023 00:20\n"
    survey = clean(f"int,q,a,b\n{rows}", {"duration": {"start": "a", "end": "b"}})
    np.testing.assert_allclose(survey.minutes, [40, 30], rtol=1e-12)


def test_dates_that_nobody_can_tell_are_refused(clean: Clean) -> None:
    with pytest.raises(DataError) as error:
        clean("int,q,a,b\n1,1,03/04/2023 10:30,03/04/2023 11:00\n", {"duration": {"start": "a", "end": "b"}})
    assert str(error.value).endswith(
        "column \"a\" (data.duration) holds '03/04/2023 10:30' in row 1; no date in it tells day from month; "
        "say which comes first by date_order: day_first or month_first under data.duration"
    )


@pytest.mark.parametrize(("order", "minutes"), [("day_first", 30), ("month_first", 30)])
def test_the_configuration_says_which_comes_first(clean: Clean, order: str, minutes: float) -> None:
    columns = {"start": "a", "end": "b", "date_order": order}
    survey = clean("int,q,a,b\n1,1,03/04/2023 10:30 PM,03/04/2023 11:00 PM\n", {"duration": columns})
    assert survey.times is not None
    assert survey.times.start is not None
    of_day = {"day_first": datetime.date(2023, 4, 3), "month_first": datetime.date(2023, 3, 4)}[order]
    days = (of_day - datetime.date(1970, 1, 1)).days
    assert survey.times.start.tolist() == [days * 24 * 60 + 22.5 * 60]
    np.testing.assert_allclose(survey.minutes, [minutes], rtol=1e-12)


def test_a_date_that_cannot_be_in_that_order_is_refused(clean: Clean) -> None:
    columns = {"start": "a", "end": "b", "date_order": "month_first"}
    with pytest.raises(DataError, match=r"holds '13/04/2023 10:30' in row 1; write times as"):
        clean("int,q,a,b\n1,1,13/04/2023 10:30,13/04/2023 11:00\n", {"duration": columns})
