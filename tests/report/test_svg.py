"""Drawings: well-formed, lean, escaped, and never by colour alone."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from msgspec import structs

from qa_reports.effects.intervals import Interval
from qa_reports.report.canvas import Scale, dots, padded
from qa_reports.report.figures import AnswerScatter, Caterpillar, DeviationStrip, Figure, QuantilePlot, ResidualScatter
from qa_reports.report.summarise import summarise
from qa_reports.report.svg import draw_svg, icc_bar
from tests.report.example_survey import FORGOTTEN, IDS, example_report_input

HOSTILE = '<script>alert("x")</script>\' & co'
LARGEST = 12_000
"""Characters: a page of 22 items with some 150 figures stays below 2 MB."""


def all_figures() -> list[Figure]:
    summary = summarise(**{field.name: getattr(EXAMPLE, field.name) for field in structs.fields(EXAMPLE)})
    shown: list[Figure] = [figure for item in summary.items for figure in item.figures]
    for profile in summary.profiles:
        shown.extend(profile.figures)
        shown.extend([] if profile.strip is None else [profile.strip])
    shown.extend(figure for suspect in summary.suspects for each in suspect.comparisons for figure in each.figures)
    return shown


EXAMPLE = example_report_input()


def test_every_kind_of_figure_is_drawn_well_formed_and_lean() -> None:
    shown = all_figures()
    assert {type(figure) for figure in shown} == set(Figure.__args__)
    for figure in shown:
        drawing = draw_svg(figure)
        root = ET.fromstring(drawing)
        assert root.get("role") == "img"
        title = root.find("title")
        assert title is not None
        assert figure.title in (title.text or "")
        assert len(drawing) < LARGEST
        assert "nan" not in drawing.replace("finance", "")
        assert "style=" not in drawing


def test_hostile_words_stay_words() -> None:
    strip = DeviationStrip(HOSTILE, HOSTILE, (HOSTILE,), (HOSTILE,), np.array([3.0]), (0,))
    scatter = next(figure for figure in all_figures() if isinstance(figure, AnswerScatter))
    for shown in (strip, structs.replace(scatter, x_axis=HOSTILE, y_axis=HOSTILE, interviewer=HOSTILE)):
        drawing = draw_svg(shown)
        assert "<script" not in drawing
        assert ET.fromstring(drawing).find(".//script") is None


def test_flagged_interviewers_have_another_shape_and_their_name() -> None:
    shown = next(figure for figure in all_figures() if isinstance(figure, Caterpillar) and figure.flagged)
    drawing = draw_svg(shown)
    assert 'class="diamond"' in drawing
    assert f">{shown.interviewers[shown.flagged[0]]}</text>" in drawing


def test_the_suspicious_point_is_ringed_and_named() -> None:
    scatter = next(figure for figure in all_figures() if isinstance(figure, AnswerScatter))
    assert scatter.interviewer == IDS[FORGOTTEN]
    drawing = draw_svg(scatter)
    assert 'class="ring"' in drawing
    assert ">(88, 0)</text>" in drawing


def test_a_cloud_of_many_interviews_stays_lean() -> None:
    rng = np.random.default_rng(3)
    answers = rng.integers(0, 11, 50_000)
    fitted = rng.normal(5, 0.5, 50_000)
    drawing = draw_svg(ResidualScatter("t", "c", fitted, answers - fitted))
    assert len(drawing) < 10 * LARGEST


def test_marks_on_one_pixel_are_drawn_once() -> None:
    assert dots(np.array([10.0, 10.2, 30.0]), np.array([5.0, 5.1, 5.0]), "dot", grid=1.0).count("M") == 2


def test_hidden_labels_are_the_inner_ones() -> None:
    ids = tuple(f"i{position}" for position in range(40))
    sample = np.linspace(-2, 2, 40)
    drawing = draw_svg(QuantilePlot("t", "c", "a", ids, sample, sample, (0.0, 1.0), tuple(range(40))))
    assert ">i0</text>" in drawing
    assert ">i39</text>" in drawing
    assert ">i20</text>" not in drawing


@pytest.mark.parametrize("values", [[3.0, 3.0], [np.nan, 1.0], [], [1e9, 1e9], [-1e-9, 1e-9]])
def test_scales_never_collapse(values: list[float]) -> None:
    scale = padded(np.array(values), 0, 100)
    assert scale.high > scale.low
    assert np.isfinite(scale.at([scale.low, scale.high])).all()
    assert 1 <= scale.ticks().size <= 12


def test_ticks_are_round_and_inside() -> None:
    assert Scale(-0.31, 10.4, 0, 100).ticks().tolist() == [0, 2, 4, 6, 8, 10]


def test_icc_bar_is_proportional() -> None:
    assert "H30.0V" in icc_bar(0.1, 0.2)
    assert "H0.0V" in icc_bar(0.0, 0.0)


def test_icc_bar_shows_the_interval_as_a_line() -> None:
    assert "whisker" not in icc_bar(0.1, 0.2)
    assert 'class="whisker" d="M15.0 5H60.0M15.0' in icc_bar(0.1, 0.2, Interval(0.05, 0.2))
    assert 'd="M0.0 5H0.0M' in icc_bar(0.0, 0.0, Interval(0.0, 0.0))
