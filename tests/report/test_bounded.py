"""Figures of very many interviewers: few enough marks, the flagged ones among them."""

from __future__ import annotations

import numpy as np
import pytest

from qa_reports.report.bounded import bounded
from qa_reports.report.figures import Caterpillar, InterviewerLines, QuantilePlot

MOST_MARKS = 1_000


def crowd(kind: str, size: int, flagged: tuple[int, ...]) -> Caterpillar | QuantilePlot | InterviewerLines:
    ids, values = tuple(str(j) for j in range(size)), np.arange(float(size))
    if kind == "caterpillar":
        return Caterpillar("T", "C.", "A", ids, values, values - 1, values + 1, flagged)
    if kind == "quantiles":
        return QuantilePlot("T", "C.", "A", ids, values, values, (0.0, 1.0), flagged)
    return InterviewerLines("T", "C.", "X", "Y", ids, (0.0, 1.0), values, values, (0.0, 1.0), flagged)


@pytest.mark.parametrize("kind", ["caterpillar", "quantiles", "lines"])
def test_flagged_interviewers_stay_in_a_figure_of_very_many(kind: str) -> None:
    figure = bounded(crowd(kind, 12_345, (7, 4_321)), MOST_MARKS)
    ids = figure.labels if isinstance(figure, QuantilePlot) else figure.interviewers
    values = {
        "caterpillar": lambda: figure.estimate,  # type: ignore[union-attr]
        "quantiles": lambda: figure.sample,  # type: ignore[union-attr]
        "lines": lambda: figure.end,  # type: ignore[union-attr]
    }[kind]()

    assert MOST_MARKS <= len(ids) <= MOST_MARKS + 2
    assert [ids[place] for place in figure.flagged] == ["7", "4321"]
    assert (ids[0], ids[-1]) == ("0", "12344")
    assert values.tolist() == [float(name) for name in ids]
    assert "of 12,345 interviewers" in figure.caption


@pytest.mark.parametrize("kind", ["caterpillar", "quantiles", "lines"])
def test_a_thousand_are_all_drawn(kind: str) -> None:
    figure = crowd(kind, MOST_MARKS, (3,))
    assert bounded(figure, MOST_MARKS) is figure
