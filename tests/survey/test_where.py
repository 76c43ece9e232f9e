"""`where:` selects rows and runs nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from qa_reports.errors import ConfigError, DataError
from qa_reports.survey.where import parse_where

TABLE = pd.DataFrame(
    {
        "cntry": ["CH", "DE", "AT", None],
        "age": [15.0, 40.0, np.nan, 77.0],
        "code": ["01", "1", "7", ""],
        "class size": [1, 2, 3, 4],
        "limit": [15, 30, 10, 80],
    }
)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("cntry == 'CH'", [0]),
        ('cntry != "CH"', [1, 2, 3]),
        ("cntry in ['CH', 'DE']", [0, 1]),
        ("cntry not in ['CH', 'DE']", [2, 3]),
        ("cntry in []", []),
        ("age >= 15", [0, 1, 3]),
        ("18 <= age < 77", [1]),
        ("age == 77 or not age != 15", [0, 3]),
        ("not (age < 50)", [2, 3]),
        ("age in [15, 77.0]", [0, 3]),
        ("age == '77'", [3]),
        ("age == ''", [2]),
        ("cntry == ''", [3]),
        ("code == '01'", [0]),
        ("code == 1", [0, 1]),
        ("code < 5", [0, 1]),
        ("cntry < 'CI'", [0, 2]),
        ("age == limit", [0]),
        ("age < limit", [3]),
        ("`class size` > 2 and cntry == 'AT'", [2]),
        ("cntry == '`class size`'", []),
        ("limit > -1", [0, 1, 2, 3]),
        ("age == -1", []),
    ],
)
def test_rows(text: str, rows: list[int]) -> None:
    assert np.flatnonzero(parse_where(text).matching(TABLE, "wave.csv")).tolist() == rows


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cntry",
        "cntry = 'CH'",
        "cntry == 'CH' & age > 3",
        "age + 1 > 3",
        "abs(age) > 3",
        "__import__('os').system('true') == 0",
        "cntry.str.len() == 2",
        "TABLE['age'] > 3",
        "age > True",
        "age is 3",
        "age in cntry",
        "age in 'abc'",
        "age == [1]",
        "age in [1] == limit",
        "age not in [] < age in (3,)",
        "1 == 1",
        "age == None",
        "(lambda: age)() == 1",
        "[x for x in age] == 1",
        "f'{age}' == '1'",
        "age == b'1'",
        "age == 1; age == 2",
        "(" * 500 + "age == 1" + ")" * 500,
        "not " * 5000 + "age == 1",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"(?s)^data\.where: .*; allowed are columns"):
        parse_where(text)


def test_a_single_equals_sign_is_explained() -> None:
    with pytest.raises(ConfigError, match="write == to compare"):
        parse_where("cntry = 'CH'")


def test_an_unknown_column_is_named() -> None:
    with pytest.raises(DataError) as error:
        parse_where("cntri == 'CH'").matching(TABLE, "wave.csv")
    assert str(error.value) == 'wave.csv has no column "cntri" (data.where: cntri == \'CH\'); did you mean "cntry"?'
