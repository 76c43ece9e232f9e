"""Step 5, report: what changes over waves as small inline SVG: an item's ICC with its limits, and sparklines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qa_reports.report.canvas import FloatArray, Panel, Scale, diamonds, dots, figure, line, segments, text
from qa_reports.report.formats import percent
from qa_reports.report.waves import ItemOverWaves

SPARK_WIDTH, SPARK_HEIGHT = 120.0, 28.0
TREND_WIDTH, TREND_HEIGHT = 240.0, 130.0
MOST_NAMES = 4
"""Names of waves that fit below a small figure."""


def icc_trend(item: ItemOverWaves, names: Sequence[str], highest: float) -> str:
    """An item's ICC in every wave with its 95% intervals and, once there are enough waves, limits.

    Args:
        item: the item.
        names: names of the waves, one per point.
        highest: top of the axis, the same for all items of a page so that they can be compared.
    """
    position = np.arange(len(item.points), dtype=np.float64)
    icc = np.array([np.nan if p is None or p.icc is None else p.icc for p in item.points])
    ends = [(np.nan, np.nan) if p is None or p.icc_interval is None else p.icc_interval for p in item.points]
    low, high = np.array(ends, dtype=np.float64).reshape(-1, 2).T
    drawing = Panel(
        Scale(-0.5, len(item.points) - 0.5, 34, TREND_WIDTH - 6),
        Scale(0.0, highest, TREND_HEIGHT - 20, 10),
        TREND_WIDTH,
        TREND_HEIGHT,
    )
    x, y = drawing.x.at(position), drawing.y.at(np.minimum(icc, highest))
    known, interval = np.isfinite(icc), np.isfinite(low) & np.isfinite(high)
    last = position == len(item.points) - 1
    layers = [
        *_grid(drawing, highest),
        *_limits(drawing, item, highest),
        _joined(x[known], y[known], "trend"),
        segments(
            x[interval],
            drawing.y.at(low[interval]),
            x[interval],
            drawing.y.at(np.minimum(high[interval], highest)),
            "interval",
        ),
        dots(x[known & ~last], y[known & ~last], "dot"),
        diamonds(x[known & last], y[known & last], "diamond"),
        *_names(drawing, names),
    ]
    shown = ", ".join(
        f"{name} {percent(None if np.isnan(v) else float(v))}" for name, v in zip(names, icc, strict=True)
    )
    return figure(drawing, f"Interviewer ICC of {item.label}: {shown}", layers)


def sparkline(values: Sequence[float | None], title: str) -> str:
    """A line over waves from zero up, its last value marked; None leaves a gap."""
    numbers = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    known = np.isfinite(numbers)
    top = float(np.max(numbers[known], initial=0.0)) or 1.0
    drawing = Panel(
        Scale(-0.5, max(len(values) - 0.5, 0.5), 2, SPARK_WIDTH - 2),
        Scale(0.0, top, SPARK_HEIGHT - 4, 4),
        SPARK_WIDTH,
        SPARK_HEIGHT,
    )
    x, y = drawing.x.at(np.arange(numbers.size, dtype=np.float64)), drawing.y.at(numbers)
    layers = [
        line(2, SPARK_HEIGHT - 4, SPARK_WIDTH - 2, SPARK_HEIGHT - 4, "grid"),
        _joined(x[known], y[known], "trend"),
        dots(x[known], y[known], "dot") if numbers.size <= 30 else "",
        diamonds(x[known][-1:], y[known][-1:], "diamond", 3.5),
    ]
    return figure(drawing, title, layers)


def _joined(x: FloatArray, y: FloatArray, css: str) -> str:
    return segments(x[:-1], y[:-1], x[1:], y[1:], css)


def _grid(drawing: Panel, highest: float) -> list[str]:
    ticks = Scale(0.0, highest, 0, 1).ticks(3)
    left, right = drawing.x.start, drawing.x.end
    marks = []
    for value, at in zip(ticks.tolist(), drawing.y.at(ticks).tolist(), strict=True):
        marks.append(line(left, at, right, at, "grid"))
        marks.append(text(left - 4, at + 3.5, percent(value), "tick", "end"))
    return marks


def _limits(drawing: Panel, item: ItemOverWaves, highest: float) -> list[str]:
    if item.limits is None:
        return []
    levels = [(item.limits.centre, "average"), (item.limits.low, "limit"), (item.limits.high, "limit")]
    return [
        line(drawing.x.start, at, drawing.x.end, at, css)
        for value, css in levels
        if 0 < value <= highest
        for at in drawing.y.at([value]).tolist()
    ]


def _names(drawing: Panel, names: Sequence[str]) -> list[str]:
    """The waves' names below the panel; the first and the last where there is no room for all."""
    positions = range(len(names)) if len(names) <= MOST_NAMES else (0, len(names) - 1)
    room = int((drawing.x.end - drawing.x.start) / (min(len(names), MOST_NAMES) or 1) / 6)
    marks = []
    for position in positions:
        at = float(drawing.x.at([float(position)])[0])
        name = names[position]
        shown = name if len(name) <= room else f"{name[: max(room - 1, 1)]}…"
        ends = len(names) > MOST_NAMES
        anchor = "middle" if not ends else "start" if position == 0 else "end"
        marks.append(text(at, drawing.y.start + 14, shown, "tick", anchor))
    return marks
