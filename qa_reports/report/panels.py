"""Step 5, report: figure data drawn in pixels for the PDF. Read `draw_panels` first.

Meaning never rests on colour alone: interviewers worth a call are diamonds with their id, and bars are hatched, so that
a black-and-white print says the same. Points are (x, y) with y upwards, lengths are millimetres.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from qa_reports.report.draw import INK, NORMAL, Colour, FloatArray, Pen, Pixels, lines_of
from qa_reports.report.figures import (
    AnswerScatter,
    Caterpillar,
    DeviationStrip,
    Distribution,
    Figure,
    InterviewerLines,
    Line,
    QuantilePlot,
    ResidualScatter,
)
from qa_reports.report.formats import integer
from qa_reports.report.heat_map import HeatMap

WIDTH_MM = 174.0
"""The text width of the printed page."""
PANEL_HEIGHT_MM = {1: 37.0, 2: 54.0, 3: 40.0}
"""By the number of panels in a row."""
_NAMES_MM, _ROW_MM, _KEY_MM = 22.0, 3.3, 11.0
"""Of a heat map: the names of the items above it, an interviewer's row, what the shades mean below."""
GREY: Colour = (0.45, 0.46, 0.48)
PALE: Colour = (0.82, 0.83, 0.85)
ACCENT: Colour = (0.72, 0.29, 0.02)
ABOVE: Colour = (0.80, 0.40, 0.05)
BELOW: Colour = (0.13, 0.35, 0.65)
WHITE: Colour = (1.0, 1.0, 1.0)
MINUS = "\N{MINUS SIGN}"
TITLE_LINE_MM = 3.4
"""From one line of a title to the next."""
MOST_LABELS = 8
"""More labels than this in one panel hide the points."""
SIGNED = 2.0
"""From this |z| on, a cell of the heat map shows the sign."""
LABEL_STEP = 2.5
"""From one label to the next that would cover it, millimetres."""


def panels_height(n: int, columns: int) -> float:
    """Millimetres of the picture of n figures in rows of `columns`."""
    return -(-n // columns) * PANEL_HEIGHT_MM[columns]


def heat_map_height(heat_map: HeatMap) -> float:
    """Millimetres of the picture of a heat map."""
    return _NAMES_MM + len(heat_map.interviewers) * _ROW_MM + _KEY_MM


def draw_panels(figures: Sequence[Figure], columns: int) -> Pixels:
    """One picture as wide as the printed page, the figures in rows of `columns` (1, 2 or 3)."""
    rows = -(-len(figures) // columns)
    width, height = WIDTH_MM / columns, PANEL_HEIGHT_MM[columns]
    pen = Pen(WIDTH_MM, panels_height(len(figures), columns))
    for row in range(rows):
        beside = figures[row * columns : (row + 1) * columns]
        titles = [_title_lines(figure, width - 4) for figure in beside]
        # Plots beside each other begin at one height.
        most = max(len(title) for title in titles)
        top = (rows - row) * height
        for k, (figure, title) in enumerate(zip(beside, titles, strict=True)):
            for n, words in enumerate(title):
                y = top - 4 - n * TITLE_LINE_MM
                pen.text(k * width + 2, y, words, size=NORMAL, bold=True, room=width - 4)
            _draw(pen, (k * width, top - height, width, height - (most - 1) * TITLE_LINE_MM), figure)
    return pen.pixels()


def draw_heat_map(heat_map: HeatMap) -> Pixels:
    """One picture of interviewers (rows) by items (columns): a deeper shade is a larger |z|."""
    top, row, left = _NAMES_MM, _ROW_MM, 26.0
    columns = len(heat_map.items)
    pen = Pen(WIDTH_MM, heat_map_height(heat_map))
    cell = min((WIDTH_MM - left - 2) / max(columns, 1), 9.0)
    for k, name in enumerate(heat_map.items):
        pen.text(left + (k + 0.5) * cell, pen.height_mm - top + 1.5, name, align="bottom", rotated=True, room=top - 2)
    ceiling = pen.height_mm - top
    pen.tiles(left, ceiling, (cell, row), _shades(heat_map.z))
    for j, interviewer in enumerate(heat_map.interviewers):
        y = ceiling - (j + 1) * row
        pen.text(left - 1.5, y + 0.8, interviewer, align="right", bold=j in heat_map.flagged, room=left - 3)
    for j, k in sorted(heat_map.flagged_cells):
        pen.box(left + k * cell + 0.1, ceiling - (j + 1) * row + 0.1, cell - 0.2, row - 0.2, None, INK, line_width=1.2)
    for j, k in np.argwhere(np.abs(heat_map.z) >= SIGNED):
        _sign(pen, left + (k + 0.5) * cell, ceiling - (j + 1) * row, float(heat_map.z[j, k]))
    absent = np.argwhere(~np.isfinite(heat_map.z))
    starts = np.column_stack([left + absent[:, 1] * cell + 1, ceiling - (absent[:, 0] + 0.5) * row])
    pen.segments(starts, starts + np.array([cell - 2, 0.0]), GREY, 0.4)
    _heat_map_key(pen, left)
    return pen.pixels()


def _shades(z: FloatArray) -> FloatArray:
    """(..., 3) colours of (...) deletion z: white at 0 and where there is none, full from 5 on."""
    strength = np.clip(np.abs(np.nan_to_num(z)) / 5.0, 0.0, 1.0)[..., None]
    full = np.where((np.nan_to_num(z) > 0)[..., None], np.array(ABOVE), np.array(BELOW))
    return np.asarray(1 - strength * (1 - full))


def _sign(pen: Pen, middle: float, bottom: float, z: float) -> None:
    colour = WHITE if z < -3.5 else INK
    pen.text(middle, bottom + 0.85, "+" if z > 0 else MINUS, align="middle", bold=True, colour=colour)


def _heat_map_key(pen: Pen, left: float) -> None:
    for k, z in enumerate((-5.0, -3.0, -2.0, -1.0, 1.0, 2.0, 3.0, 5.0)):
        x = left + k * 11
        pen.tiles(x, 7.3, (7, 3.3), _shades(np.array([[z]])))
        if abs(z) >= SIGNED:
            _sign(pen, x + 3.5, 4, z)
        pen.text(x + 3.5, 1, f"{z:+.0f}".replace("-", MINUS), align="middle")
    pen.box(left + 92, 4.1, 6.8, 3.1, WHITE, INK, line_width=1.2)
    pen.text(left + 100.5, 4.8, "framed: a flag rests on it")


class _Plane(Struct, frozen=True):
    """Where a panel's plot stands on the sheet and which numbers it spans."""

    left: float
    bottom: float
    width: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float]

    def at(self, x: FloatArray | float, y: FloatArray | float) -> FloatArray:
        """(k, 2) places on the sheet of numbers x and y."""
        across = self.left + (np.asarray(x, dtype=float) - self.x[0]) / (self.x[1] - self.x[0]) * self.width
        up = self.bottom + (np.asarray(y, dtype=float) - self.y[0]) / (self.y[1] - self.y[0]) * self.height
        return np.column_stack(np.broadcast_arrays(np.atleast_1d(across), np.atleast_1d(up)))


Place = tuple[float, float, float, float]
"""Left, bottom, width and height of a panel on the sheet."""


def _draw(pen: Pen, place: Place, figure: Figure) -> None:
    match figure:
        case Caterpillar():
            _caterpillar(pen, place, figure)
        case QuantilePlot():
            _quantile_plot(pen, place, figure)
        case ResidualScatter():
            _residual_scatter(pen, place, figure)
        case Distribution():
            _distribution(pen, place, figure)
        case InterviewerLines():
            _interviewer_lines(pen, place, figure)
        case AnswerScatter():
            _answer_scatter(pen, place, figure)
        case DeviationStrip():
            _deviation_strip(pen, place, figure)


def _title_lines(figure: Figure, room: float) -> list[str]:
    """The title in at most two lines: of an interviewer's answers what was asked, of everything else what is shown."""
    if isinstance(figure, Distribution) and figure.interviewer is not None:
        lines = lines_of(figure.axis, room, NORMAL, bold=True)
    elif isinstance(figure, AnswerScatter):
        lines = lines_of(figure.title.rpartition(": ")[0], room, NORMAL, bold=True)
    else:
        lines = lines_of(figure.title, room, NORMAL, bold=True)
        if len(lines) > 1:  # the item stands above the figures already
            lines = [figure.title.partition(": ")[0]]
    return lines if len(lines) < 3 else [lines[0], " ".join(lines[1:])]


def _caterpillar(pen: Pen, place: Place, figure: Caterpillar) -> None:
    n = len(figure.interviewers)
    plane = _axes(pen, place, _span(np.array([-1.0, n])), _span(figure.lower, figure.upper, [0.0]),
                  ("interviewers, lowest effect first", figure.axis), x_ticks=False)  # fmt: skip
    rank = np.arange(n, dtype=float)
    pen.line(plane.at(np.array(plane.x), 0.0), GREY, 0.7, dash=True)
    pen.segments(plane.at(rank, figure.lower), plane.at(rank, figure.upper), GREY, 0.5)
    pen.marks(plane.at(rank, figure.estimate), "dot", 1.0, INK)
    flagged = np.array(figure.flagged, dtype=int)
    pen.segments(plane.at(rank, figure.lower)[flagged], plane.at(rank, figure.upper)[flagged], ACCENT, 1.2)
    _mark_flagged(pen, plane, plane.at(rank, figure.estimate), figure.interviewers, figure.flagged)


def _quantile_plot(pen: Pen, place: Place, figure: QuantilePlot) -> None:
    intercept, slope = figure.line
    x = _span(figure.theoretical)
    plane = _axes(pen, place, x, _span(figure.sample), ("normal quantile", figure.axis))
    ends = np.array(x)
    if slope > 0:
        ends = np.clip(ends, (plane.y[0] - intercept) / slope, (plane.y[1] - intercept) / slope)
    pen.line(plane.at(ends, intercept + slope * ends), GREY, 0.7, dash=True)
    points = plane.at(figure.theoretical, figure.sample)
    pen.marks(points, "dot", 1.2 if figure.labels else 0.9, INK)
    _mark_flagged(pen, plane, points, figure.labels, figure.flagged)


def _residual_scatter(pen: Pen, place: Place, figure: ResidualScatter) -> None:
    plane = _axes(pen, place, _span(figure.fitted), _span(figure.residuals), ("fitted answer", "residual"))
    pen.marks(plane.at(figure.fitted, figure.residuals), "dot", 0.9, INK, alpha=0.35)
    pen.line(plane.at(np.array(plane.x), 0.0), ACCENT, 0.8, dash=True)


def _distribution(pen: Pen, place: Place, figure: Distribution) -> None:
    k = len(figure.labels)
    top = float(max([0.01, *figure.everyone, *figure.theirs])) * 100
    # An interviewer's figure has the question as its title.
    question, below = (figure.axis, 9.0) if figure.interviewer is None else ("", 5.6)
    plane = _axes(pen, place, (-0.6, k - 0.4), (0.0, top * 1.05), (question, "% of answers"),
                  x_ticks=False, key=True, below=below)  # fmt: skip
    unit = plane.width / (k + 0.2)
    beside = figure.interviewer is not None and figure.theirs.size > 0
    for b, label in enumerate(figure.labels):
        middle = float(plane.at(float(b), 0.0)[0, 0])
        bar = 0.42 * unit if beside else 0.8 * unit
        left = middle - bar if beside else middle - bar / 2
        pen.box(left, plane.bottom, bar, figure.everyone[b] * 100 / plane.y[1] * plane.height, PALE, GREY)
        if beside:
            height = figure.theirs[b] * 100 / plane.y[1] * plane.height
            pen.box(middle, plane.bottom, bar, height, WHITE, ACCENT, hatch="//////")
        every = -(-k // 14)
        if b % every == 0:
            pen.text(middle, plane.bottom - 3, label, align="middle", room=unit * every - 0.4)
    everybody = "everybody" if beside else f"everybody (n = {integer(figure.n_everyone)})"
    words: list[tuple[Colour, str | None, str]] = [(PALE, None, everybody)]
    if beside:
        words.append((WHITE, "//////", f"{figure.interviewer} (n = {integer(figure.n_theirs)})"))
    x, up = plane.left, plane.bottom + plane.height + 1.2
    for face, hatch, text in words:
        pen.box(x, up, 3, 2, face, ACCENT if hatch else GREY, hatch=hatch)
        x += 7 + pen.text(x + 4, up + 0.2, text, room=plane.left + plane.width - x - 4)


def _interviewer_lines(pen: Pen, place: Place, figure: InterviewerLines) -> None:
    y = _span(figure.start, figure.end)
    plane = _axes(pen, place, figure.x, y, (figure.x_axis, figure.y_axis))
    starts, ends = plane.at(figure.x[0], figure.start), plane.at(figure.x[1], figure.end)
    pen.segments(starts, ends, (0.68, 0.69, 0.71), 0.4)
    pen.line(plane.at(np.array(figure.x), np.array(figure.average)), INK, 1.6)
    flagged = np.array(figure.flagged, dtype=int)
    pen.segments(starts[flagged], ends[flagged], ACCENT, 1.4)
    _mark_flagged(pen, plane, ends, figure.interviewers, figure.flagged)


def _answer_scatter(pen: Pen, place: Place, figure: AnswerScatter) -> None:
    left, _, width, _ = place
    x, y = _span(figure.x, figure.own_x, figure.marked_x), _span(figure.y, figure.own_y, figure.marked_y)
    plane = _axes(pen, place, x, y, (figure.x_axis, figure.y_axis), key=True)
    if figure.count.size:
        pen.bubbles(plane.at(figure.x, figure.y), 1.6 * np.sqrt(figure.count / figure.count.max()), PALE)
    _line(pen, plane, figure.everyone_line, GREY, 1.0, dash=False)
    _line(pen, plane, figure.own_line, ACCENT, 1.3, dash=False)
    _line(pen, plane, figure.marked_line, ACCENT, 1.0, dash=True)
    pen.marks(plane.at(figure.own_x, figure.own_y), "diamond", 2.0, ACCENT)
    pen.marks(plane.at(figure.marked_x, figure.marked_y), "cross", 3.2, INK)
    up, at = plane.bottom + plane.height + 1.4, plane.left + 1
    pen.bubbles(np.array([[at, up + 0.8]]), np.array([1.0]), PALE)
    at += 5 + pen.text(at + 2, up, "everybody")
    pen.marks(np.array([[at, up + 0.8]]), "diamond", 2.0, ACCENT)
    at += 5 + pen.text(at + 2, up, figure.interviewer, room=plane.width * 0.28)
    if figure.marked_x.size:
        pen.marks(np.array([[at, up + 0.8]]), "cross", 2.4, INK)
        pen.text(at + 2.5, up, "set aside (dashed: line with it)", room=left + width - at - 2.5)


def _deviation_strip(pen: Pen, place: Place, figure: DeviationStrip) -> None:
    k = len(figure.items)
    finite = figure.z[np.isfinite(figure.z)]
    plane = _axes(
        pen, place, (-0.6, k - 0.4), _span(finite, [-3.2, 3.2]), ("", "deletion z"), x_ticks=False, below=17.0
    )
    for level in (-3.0, 0.0, 3.0):
        pen.line(plane.at(np.array(plane.x), level), GREY, 0.5, dash=level != 0.0)
    for position, name in enumerate(figure.items):
        x = float(plane.at(float(position), 0.0)[0, 0])
        bold = position in figure.flagged
        pen.text(x, plane.bottom - 1.5, name, align="right", rotated=True, room=15.0, bold=bold)
    where = np.flatnonzero(np.isfinite(figure.z))
    points = plane.at(where.astype(float), figure.z[where])
    pen.segments(plane.at(where.astype(float), 0.0), points, GREY, 0.8)
    flagged = np.isin(where, figure.flagged)
    pen.marks(points[~flagged], "dot", 1.6, INK)
    pen.marks(points[flagged], "diamond", 2.6, ACCENT)


def _line(pen: Pen, plane: _Plane, line: Line | None, colour: Colour, width: float, dash: bool) -> None:
    if line is not None:
        pen.line(plane.at(np.array([line[0], line[2]]), np.array([line[1], line[3]])), colour, width, dash)


def _mark_flagged(pen: Pen, plane: _Plane, points: FloatArray, ids: tuple[str, ...], flagged: tuple[int, ...]) -> None:
    """Diamonds with ids for the interviewers worth a call, written towards the middle of the panel."""
    if not flagged:
        return
    pen.marks(points[list(flagged)], "diamond", 2.0, ACCENT)
    middle = plane.bottom + plane.height / 2
    taken: dict[bool, list[float]] = {True: [], False: []}
    # The outermost first: they keep their place beside the mark, the others move towards the middle.
    for position in sorted(flagged[:MOST_LABELS], key=lambda one: -abs(points[one][1] - middle)):
        x, y = (float(part) for part in points[position])
        leftwards = x > plane.left + plane.width / 2
        step = LABEL_STEP if y < middle else -LABEL_STEP
        y = min(max(y - 0.8, plane.bottom + 0.6), plane.bottom + plane.height - LABEL_STEP)
        while any(abs(y - other) < LABEL_STEP - 0.01 for other in taken[leftwards]):
            y += step
        taken[leftwards].append(y)
        pen.text(x + (-1.8 if leftwards else 1.8), y, ids[position], bold=True, colour=ACCENT,
                 align="right" if leftwards else "left", room=plane.width / 2, halo=True)  # fmt: skip


def _axes(
    pen: Pen, place: Place, x: tuple[float, float], y: tuple[float, float], names: tuple[str, str],
    x_ticks: bool = True, key: bool = False, below: float = 9.0,
) -> _Plane:  # fmt: skip
    """Draw the frame, ticks and axis names of a panel; `key` leaves room for a key above the plot."""
    left, bottom, width, height = place
    above = 10.0 if key else 6.5
    plane = _Plane(left + 11.5, bottom + below, width - 14.5, height - below - above, x, y)
    pen.box(plane.left, plane.bottom, plane.width, plane.height, WHITE, PALE)
    pen.text(plane.left + plane.width / 2, bottom + 1.8, names[0], align="middle", room=plane.width)
    # Longer than the plot is high, it reaches down beside the ticks and not up into the title.
    pen.text(left + 2.2, plane.bottom + plane.height / 2 - 2, names[1], align="middle", rotated=True,
             room=plane.height + 7)  # fmt: skip
    for tick in _ticks(*y):
        up = float(plane.at(x[0], tick)[0, 1])
        pen.line([(plane.left - 0.8, up), (plane.left, up)], GREY, 0.5)
        pen.text(plane.left - 1.3, up - 0.8, _tick_label(tick), align="right")
    for tick in _ticks(*x) if x_ticks else ():
        across = float(plane.at(tick, y[0])[0, 0])
        pen.line([(across, plane.bottom - 0.8), (across, plane.bottom)], GREY, 0.5)
        pen.text(across, plane.bottom - 3.4, _tick_label(tick), align="middle")
    return plane


def _span(*values: FloatArray | Sequence[float]) -> tuple[float, float]:
    """The smallest and largest of all finite values with a twentieth of room on both sides; never empty."""
    everything = np.concatenate([np.asarray(v, dtype=float) for v in values])
    everything = everything[np.isfinite(everything)]
    if everything.size == 0:
        return -1.0, 1.0
    low, high = float(everything.min()), float(everything.max())
    room = 0.05 * (high - low) or 0.5 * max(abs(high), 1.0)
    return low - room, high + room


def _ticks(low: float, high: float) -> list[float]:
    """Three to six round numbers between low and high."""
    rough = (high - low) / 4
    power = 10.0 ** np.floor(np.log10(rough))
    step = float(next(m for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999) * power)
    return [k * step for k in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]


def _tick_label(value: float) -> str:
    return f"{round(value, 10):g}".replace("-", MINUS)
