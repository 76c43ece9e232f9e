"""Pictures of the printed report: real marks where they belong, any text, same bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from qa_reports.report.draw import INK, Pen, Pixels, lines_of
from qa_reports.report.figures import Caterpillar, Figure
from qa_reports.report.panels import ABOVE, ACCENT, BELOW, draw_heat_map, draw_panels
from qa_reports.report.summarise import ReportSummary, summarise
from tests.report.example_survey import example_report_input

# Antialiasing mixes a colour with its surroundings: a pixel counts as a colour within this distance per channel.
COLOUR_TOLERANCE = 12


def summary(*labels: str) -> ReportSummary:
    e = example_report_input(*labels)
    return summarise(e.survey, e.items, e.damages, e.flags, e.config, e.printed_date, e.versions)


def count(drawn: Pixels, colour: tuple[float, float, float]) -> int:
    wanted = np.array([round(255 * channel) for channel in colour])
    return int((np.abs(drawn.astype(int) - wanted).max(axis=2) <= COLOUR_TOLERANCE).sum())


def all_figures() -> list[Figure]:
    report = summary()
    figures = [figure for item in report.items for figure in item.figures]
    for profile in report.profiles:
        figures += [*profile.figures, *([] if profile.strip is None else [profile.strip])]
    return figures


def test_every_kind_of_figure_is_drawn() -> None:
    figures = all_figures()
    assert {type(figure).__name__ for figure in figures} == {
        "AnswerScatter", "Caterpillar", "DeviationStrip", "Distribution", "InterviewerLines", "QuantilePlot",
        "ResidualScatter",
    }  # fmt: skip
    for figure in figures:
        assert count(draw_panels([figure], 2), INK) > 300


def test_panels_fill_rows() -> None:
    figures = all_figures()[:4]
    one_row, two_rows = draw_panels(figures[:3], 3), draw_panels(figures, 3)
    assert one_row.shape[1] == two_rows.shape[1]
    assert two_rows.shape[0] == pytest.approx(2 * one_row.shape[0], abs=1)


def test_flagged_interviewers_are_marked() -> None:
    caterpillar = next(f for f in all_figures() if type(f).__name__ == "Caterpillar" and f.flagged)
    assert count(draw_panels([caterpillar], 3), ACCENT) > 50


def test_heat_map_shows_interviewers_and_frames() -> None:
    heat_map = summary().heat_map
    assert heat_map is not None
    assert heat_map.interviewers[0] == "1003"
    assert heat_map.z.shape == (12, 3)
    assert heat_map.flagged_cells == {(0, 0), (0, 1)}
    assert heat_map.rows(0, 5).z.shape == (5, 3)
    assert draw_heat_map(heat_map).shape[0] > draw_heat_map(heat_map.rows(0, 5)).shape[0]


def test_a_deeper_shade_is_a_larger_z() -> None:
    heat_map = summary().heat_map
    assert heat_map is not None
    z = np.array([[0.0, 1.0, 3.0], [-9.0, np.nan, 9.0]])
    drawn = draw_heat_map(replace(heat_map.rows(0, 2), z=z, flagged_cells=frozenset({(1, 1)})))
    assert count(drawn, ABOVE) > 500  # the tile of 9 and the one of 5 in the key
    assert count(drawn, BELOW) > 500
    assert count(drawn, tuple(1 - 0.6 * (1 - channel) for channel in ABOVE)) > 500  # 3 of 5
    framed = count(drawn, INK)
    assert framed > count(draw_heat_map(replace(heat_map.rows(0, 2), z=z, flagged_cells=frozenset())), INK) + 50


def test_labels_of_flagged_interviewers_do_not_cover_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[tuple[float, float]] = []
    write = Pen.text

    def watch(pen: Pen, x: float, y: float, words: str, **options: Any) -> float:
        if options.get("halo"):
            written.append((x, y))
        return write(pen, x, y, words, **options)

    monkeypatch.setattr(Pen, "text", watch)
    caterpillar = next(f for f in all_figures() if isinstance(f, Caterpillar))
    draw_panels([replace(caterpillar, flagged=(0, 1, 2, 9, 10, 11))], 3)
    assert len(written) == 6
    for one, (x, y) in enumerate(written):
        assert all(abs(y - other_y) > 2.4 or abs(x - other_x) > 12 for other_x, other_y in written[:one])


def test_long_titles_take_two_lines() -> None:
    assert lines_of("Equal pay for the same work", 100) == ["Equal pay for the same work"]
    lines = lines_of("Equal pay for the same work", 20)
    assert len(lines) > 1
    assert " ".join(lines) == "Equal pay for the same work"
    assert lines_of("x" * 150, 20) == ["x" * 150]


def test_same_figures_same_bytes() -> None:
    assert (draw_panels(all_figures()[:6], 3) == draw_panels(all_figures()[:6], 3)).all()


@pytest.mark.parametrize("text", ["<b>&amp;</b>", "\u202e\u05d0\u0628", "\U0001f600 $x^2$", "x" * 300, "\x00\n", ""])
def test_any_text_can_be_written(text: str) -> None:
    pen = Pen(60, 10)
    pen.text(2, 4, text, room=40)
    drawn = pen.pixels()
    right = round(45 / 60 * drawn.shape[1])
    assert (drawn[:, right:] == 255).all()
