"""Figure data drawn as lean inline SVG: one path per layer, colours by CSS class, so that dark mode follows."""

from __future__ import annotations

from functools import singledispatch

import numpy as np

from qa_reports.effects.intervals import Interval
from qa_reports.report.canvas import (
    Panel,
    Scale,
    axes,
    bars,
    circles,
    diamonds,
    dots,
    figure,
    labels,
    line,
    marks,
    panel,
    segments,
    shorten,
    text,
)
from qa_reports.report.figures import (
    AnswerScatter,
    Caterpillar,
    DeviationStrip,
    Distribution,
    Figure,
    FloatArray,
    InterviewerLines,
    Line,
    QuantilePlot,
    ResidualScatter,
)
from qa_reports.report.formats import answer, count_of, percent

COARSE_GRID = 1.0
"""Pixels: clouds of interviews are drawn once per pixel, clouds of many thousands once per two."""
MANY_POINTS = 5_000
Counts = tuple[tuple[float, int], ...]
"""(value, count)."""
ROW = 17.0
"""Height of a row of the deviation strip."""


@singledispatch
def draw_svg(shown: Figure) -> str:
    """Draw a figure as an inline `<svg>` element (5 to 10 kB); every word in it is escaped."""
    raise TypeError(f"no drawing for {type(shown).__name__}")


def drawn_order(shown: Figure) -> tuple[str, ...]:
    """Whose marks a figure has, in the order in which they are drawn: the flagged ones come last. Empty without any."""
    match shown:
        case Caterpillar() | InterviewerLines():
            names = shown.interviewers
        case QuantilePlot():
            names = shown.labels
        case _:
            return ()
    flagged = frozenset(shown.flagged)
    plain = tuple(name for position, name in enumerate(names) if position not in flagged)
    return (*plain, *(names[position] for position in sorted(flagged))) if names else ()


@draw_svg.register
def _caterpillar(shown: Caterpillar) -> str:
    ranks = np.arange(len(shown.interviewers), dtype=np.float64)
    drawing = panel(ranks, np.concatenate([shown.lower, shown.upper, [0.0]]))
    x, y = drawing.x.at(ranks), drawing.y.at(shown.estimate)
    low, high = drawing.y.at(shown.lower), drawing.y.at(shown.upper)
    marked = np.zeros(ranks.size, dtype=bool)
    marked[list(shown.flagged)] = True
    zero = float(drawing.y.at([0.0])[0])
    layers = [
        axes(drawing, f"{count_of(ranks.size, 'interviewer')}, lowest to highest", shown.axis, x_ticks=False),
        line(drawing.x.start, zero, drawing.x.end, zero, "zero"),
        segments(x[~marked], low[~marked], x[~marked], high[~marked], "interval"),
        marks(x[~marked], y[~marked], "dot"),
        segments(x[marked], low[marked], x[marked], high[marked], "interval marked"),
        diamonds(x[marked], y[marked], "diamond"),
        labels(drawing, x[marked], y[marked], [shown.interviewers[position] for position in shown.flagged]),
    ]
    return figure(drawing, shown.title, layers)


@draw_svg.register
def _quantiles(shown: QuantilePlot) -> str:
    drawing = panel(shown.theoretical, shown.sample)
    x, y = drawing.x.at(shown.theoretical), drawing.y.at(shown.sample)
    marked = np.zeros(x.size, dtype=bool)
    marked[list(shown.flagged)] = True
    layers = [
        axes(drawing, "normal quantile", shown.axis),
        _clipped_line(drawing, *shown.line),
        marks(x[~marked], y[~marked], "dot") if shown.labels else dots(x, y, "dot cloud", COARSE_GRID),
        diamonds(x[marked], y[marked], "diamond"),
        labels(drawing, x[marked], y[marked], [shown.labels[position] for position in shown.flagged]),
    ]
    return figure(drawing, shown.title, layers)


@draw_svg.register
def _residuals(shown: ResidualScatter) -> str:
    drawing = panel(shown.fitted, shown.residuals)
    zero = float(drawing.y.at([0.0])[0])
    grid = COARSE_GRID if shown.fitted.size <= MANY_POINTS else 2 * COARSE_GRID
    layers = [
        axes(drawing, "fitted value", "residual"),
        line(drawing.x.start, zero, drawing.x.end, zero, "zero"),
        dots(drawing.x.at(shown.fitted), drawing.y.at(shown.residuals), "dot cloud", grid),
    ]
    return figure(drawing, shown.title, layers)


@draw_svg.register
def _distribution(shown: Distribution) -> str:
    size = len(shown.labels)
    highest = max(float(shown.everyone.max()), float(shown.theirs.max()) if shown.theirs.size else 0.0)
    drawing = Panel(Scale(-0.6, size - 0.4, 48, 368), Scale(0.0, 105 * highest, 210, 30))
    centre = drawing.x.at(np.arange(size, dtype=np.float64))
    step = 320 / (size + 0.2)
    every = max(1, -(-size // 12))
    layers = [
        axes(drawing, shown.axis, "% of answers", x_ticks=False),
        bars(centre, drawing.y.at(100 * shown.everyone), 210, 0.8 * step, "bar"),
        bars(centre, drawing.y.at(100 * shown.theirs), 210, 0.34 * step, "bar marked") if shown.theirs.size else "",
        *(
            text(centre[position], 224, shorten(shown.labels[position], 8), "tick", "middle")
            for position in range(0, size, every)
        ),
        _legend(
            [("bar", f"everybody ({count_of(shown.n_everyone, 'answer')})")]
            + ([("bar marked", f"{shorten(shown.interviewer, 12)} ({shown.n_theirs})")] if shown.interviewer else [])
        ),
    ]
    shares = ", ".join(
        f"{label}: {percent(share)}" + (f" (theirs {percent(shown.theirs[position])})" if shown.theirs.size else "")
        for position, (label, share) in enumerate(zip(shown.labels, shown.everyone, strict=True))
    )
    return figure(drawing, f"{shown.title}. {shares}", layers)


@draw_svg.register
def _lines(shown: InterviewerLines) -> str:
    low, high = shown.x
    drawing = panel(np.array([low, high]), np.concatenate([shown.start, shown.end]))
    left, right = (float(at) for at in drawing.x.at([low, high]))
    start, end = drawing.y.at(shown.start), drawing.y.at(shown.end)
    marked = np.zeros(start.size, dtype=bool)
    marked[list(shown.flagged)] = True
    first, last = (float(at) for at in drawing.y.at(shown.average))
    layers = [
        axes(drawing, shown.x_axis, shown.y_axis),
        _threads(left, right, start[~marked], end[~marked], "thread"),
        _threads(left, right, start[marked], end[marked], "thread marked"),
        line(left, first, right, last, "average"),
        labels(
            drawing,
            np.full(int(marked.sum()), right),
            end[marked],
            [shown.interviewers[position] for position in shown.flagged],
        ),
    ]
    return figure(drawing, shown.title, layers)


@draw_svg.register
def _scatter(shown: AnswerScatter) -> str:
    every_x = np.concatenate([shown.x, shown.own_x, shown.marked_x])
    every_y = np.concatenate([shown.y, shown.own_y, shown.marked_y])
    drawing = panel(every_x, every_y, top=30)
    x, y = drawing.x.at(shown.x), drawing.y.at(shown.y)
    size = np.clip(np.ceil(4 * np.sqrt(shown.count / max(float(shown.count.max(initial=1)), 1))), 1, 4)
    marked_x, marked_y = drawing.x.at(shown.marked_x), drawing.y.at(shown.marked_y)
    layers = [
        axes(drawing, shown.x_axis, shown.y_axis),
        *(dots(x[size == k], y[size == k], f"dot crowd s{k}") for k in (1, 2, 3, 4)),
        _data_line(drawing, shown.everyone_line, "average"),
        _data_line(drawing, shown.own_line, "own"),
        _data_line(drawing, shown.marked_line, "own left-in"),
        diamonds(drawing.x.at(shown.own_x), drawing.y.at(shown.own_y), "diamond"),
        diamonds(marked_x, marked_y, "diamond"),
        circles(marked_x, marked_y, "ring"),
        labels(drawing, marked_x, marked_y - 22, [_point_name(shown, k) for k in range(marked_x.size)]),
        _legend([("dot crowd s3", "everybody"), ("diamond", shorten(shown.interviewer, 16))]),
    ]
    return figure(drawing, shown.title, layers)


@draw_svg.register
def _strip(shown: DeviationStrip) -> str:
    height = 44 + ROW * len(shown.items)
    reach = max(4.2, 1.08 * float(np.nanmax(np.abs(shown.z), initial=0.0)))
    drawing = Panel(Scale(-reach, reach, 214, 368), Scale(0, 1, height - 30, 8), height=height)
    rows: FloatArray = 8.0 + ROW * (np.arange(len(shown.items), dtype=np.float64) + 0.5)
    marked = np.zeros(rows.size, dtype=bool)
    marked[list(shown.flagged)] = True
    judged = np.isfinite(shown.z)
    x = drawing.x.at(np.where(judged, shown.z, 0.0))
    zero = np.full(rows.size, float(drawing.x.at([0.0])[0]))
    ticks = np.array([-4.0, -2.0, 0.0, 2.0, 4.0])
    guides = drawing.x.at(ticks)
    plain, named = judged & ~marked, judged & marked
    layers = [
        segments(guides, np.full(5, 8.0), guides, np.full(5, height - 34), "grid"),
        line(zero[0], 8, zero[0], height - 34, "zero"),
        *(text(at, height - 20, answer(value), "tick", "middle") for value, at in zip(ticks, guides, strict=True)),
        text(291, height - 5, "lower ← deletion z → higher", "axis", "middle"),
        *(
            text(206, at + 4, shorten(name, 28 if flag else 32), "name" if flag else "tick", "end")  # bold is wider
            for name, at, flag in zip(shown.labels, rows, marked, strict=True)
        ),
        segments(zero[plain], rows[plain], x[plain], rows[plain], "stem"),
        segments(zero[named], rows[named], x[named], rows[named], "stem marked"),
        dots(x[plain], rows[plain], "dot"),
        diamonds(x[named], rows[named], "diamond"),
        *(text(zero[0] + 6, at + 4, "not judged", "tick") for at in rows[~judged]),
    ]
    return figure(drawing, shown.title, layers)


def _threads(left: float, right: float, start: FloatArray, end: FloatArray, css: str) -> str:
    return segments(np.full(start.size, left), start, np.full(start.size, right), end, css)


def _point_name(shown: AnswerScatter, position: int) -> str:
    return f"({answer(float(shown.marked_x[position]))}, {answer(float(shown.marked_y[position]))})"


def _data_line(drawing: Panel, ends: Line | None, css: str) -> str:
    if ends is None:
        return ""
    x, y = drawing.x.at([ends[0], ends[2]]), drawing.y.at([ends[1], ends[3]])
    return line(float(x[0]), float(y[0]), float(x[1]), float(y[1]), css)


def _clipped_line(drawing: Panel, intercept: float, slope: float) -> str:
    """A line y = intercept + slope x across the panel, cut where it would leave it."""
    low, high = drawing.x.low, drawing.x.high
    if slope != 0:
        crossings = sorted(((drawing.y.low - intercept) / slope, (drawing.y.high - intercept) / slope))
        low, high = max(low, crossings[0]), min(high, crossings[1])
    return (
        _data_line(drawing, (low, intercept + slope * low, high, intercept + slope * high), "average")
        if low < high
        else ""
    )


def _legend(entries: list[tuple[str, str]]) -> str:
    """Marks with their names in one row above the panel."""
    parts, x = [], 54.0
    for css, words in entries:
        if css.startswith("bar"):
            parts.append(f'<rect class="{css}" x="{x:.0f}" y="7" width="10" height="10"/>')
        elif css == "diamond":
            parts.append(diamonds(np.array([x + 5]), np.array([12.0]), css))
        else:
            parts.append(dots(np.array([x + 5]), np.array([12.0]), css))
        parts.append(text(x + 15, 16, words, "tick"))
        x += 28 + 6.0 * len(words)
    return "".join(parts)


def icc_bar(icc: float, largest: float, interval: Interval | None = None) -> str:
    """A small bar for the items table: the ICC as a share of `largest`, its interval as a line over it.

    The numbers stand beside it, so the picture is hidden from screen readers.
    """

    def place(value: float) -> float:
        return 0.0 if largest <= 0 else 60 * min(max(value, 0.0) / largest, 1.0)

    line = "" if interval is None else _whisker(place(interval.lower), place(interval.upper))
    return (
        '<svg class="spark" viewBox="0 0 60 10" aria-hidden="true"><path class="track" d="M0 5H60"/>'
        f'<path class="bar" d="M0 1H{place(icc):.1f}V9H0z"/>{line}</svg>'
    )


def answers_before_after(before: Counts, after: Counts) -> str:
    """A small figure for the cleaning table: one bar per value in the file, high where it is frequent.

    What cleaning leaves is drawn over what was delivered, so that the values set to missing keep their own colour. The
    counts stand in the results, so the picture is hidden from screen readers.
    """
    values = sorted({value for value, _ in (*before, *after)})
    most = max((n for _, n in before), default=0)
    if not values or not most:
        return ""
    width = 90 / len(values)
    layers = []
    for css, counts in (("before", before), ("after", after)):
        found = dict(counts)
        centre = np.array([(place + 0.5) * width for place in range(len(values))])
        top = np.array([20 - 19 * found.get(value, 0) / most for value in values])
        layers.append(bars(centre, top, 20, max(0.8 * width, 0.5), css))
    return f'<svg class="spark cleaned" viewBox="0 0 90 20" aria-hidden="true">{"".join(layers)}</svg>'


def _whisker(low: float, high: float) -> str:
    return f'<path class="whisker" d="M{low:.1f} 5H{high:.1f}M{low:.1f} 2.5V7.5M{high:.1f} 2.5V7.5"/>'
