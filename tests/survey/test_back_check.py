"""Re-interviews are matched with the one interview that they can belong to."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from qa_reports.config import ReportConfig
from qa_reports.errors import DataError
from qa_reports.survey.back_check import BackCheck, match_back_check
from qa_reports.survey.readers import DataFile, FileProvenance

RESPONDENTS = ("r1", "r2", "r3", "r3", "r5")


def matched(table: pd.DataFrame) -> BackCheck | None:
    config = ReportConfig.model_validate(
        {
            "survey": {"name": "Made"},
            "data": {"file": "made.csv", "interviewer": "intnum", "respondent": "idno"},
            "missing_codes": {8: "Refusal"},
            "items": [{"name": "a", "scale": [1, 5]}, {"name": "b", "scale": [1, 5], "reverse": True}],
            "indicators": {"back_check": {"file": "again.csv", "items": ["b", "a"]}},
        }
    )
    return match_back_check(DataFile(table, {}, FileProvenance("again.csv", "", len(table))), RESPONDENTS, config, {})


def test_each_re_interview_goes_with_its_interview() -> None:
    """Not where a respondent occurs twice in either file, or in one of them only."""
    table = pd.DataFrame(
        {"idno": ["r5", "r2", "r3", "r9", "r1", "r1"], "a": [1, 8, 3, 3, 3, 3], "b": [2, 5, 3, 3, 3, 3]}
    )
    found = matched(table)
    assert found is not None
    assert found.items == ("b", "a")
    assert found.interview.tolist() == [4, 1]
    # Reversed as in the survey, and missing codes are no answers.
    np.testing.assert_array_equal(found.answers, [[4, 1], [1, np.nan]])
    assert found.notes == ("again.csv: 4 re-interviews of 6 without exactly one interview to match.",)


def test_without_the_key_nothing_can_be_matched() -> None:
    with pytest.raises(DataError, match="idno"):
        matched(pd.DataFrame({"a": [1], "b": [2]}))
