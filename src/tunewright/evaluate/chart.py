"""A line chart as one SVG element: axes, ticks, legend, and a title and description for screen readers.

Colours come from the page's CSS classes, so light and dark need no second chart. Values that are missing or not finite
leave gaps. Does not know what the lines mean; reads no file.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

Point = tuple[float, float | None]
Style = Literal["thin", "line", "dots", "best", "none"]

LEFT, RIGHT, TOP, BOTTOM = 52, 14, 34, 40
# More points than this cannot be told apart at the chart's width.
_MAX_POINTS = 700


@dataclass(frozen=True, slots=True)
class Series:
    """One named line or set of marks; `style` is also its CSS class. `none` only widens the axes."""

    name: str
    style: Style
    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class Frame:
    """The size of a chart in units of its own, which are pixels where the page does not scale it."""

    width: int = 720
    height: int = 300


WIDE, SMALL = Frame(), Frame(350, 190)


@dataclass(frozen=True, slots=True)
class Axis:
    """The range of one axis and the pixels that it is drawn on."""

    low: float
    high: float
    start_px: float
    end_px: float

    def px(self, value: float) -> float:
        """Return the pixel of a value."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start_px + share * (self.end_px - self.start_px), 1)


def line_chart(
    series: Sequence[Series],
    *,
    title: str,
    description: str,
    x_label: str,
    y_label: str,
    chart_id: str = "chart",
    frame: Frame = WIDE,
) -> Markup:
    """Return the chart, or empty markup if no series has a finite point. `chart_id` is unique in its page.

    A small chart shows one thing, which its label names: it has no legend.
    """
    drawn = [Series(line.name, line.style, _thinned(_finite(line.points))) for line in series]
    drawn = [line for line in drawn if line.points]
    if not drawn:
        return Markup("")
    wanted = 5 if frame is WIDE else 3
    x_ticks = ticks([x for line in drawn for x, _ in line.points], whole=True, wanted=wanted)
    y_ticks = ticks([y for line in drawn for _, y in line.points if y is not None], wanted=wanted)
    x_axis = Axis(x_ticks[0], x_ticks[-1], LEFT, frame.width - RIGHT)
    y_axis = Axis(y_ticks[0], y_ticks[-1], frame.height - BOTTOM, TOP)
    head = Markup(
        '<svg class="chart" viewBox="0 0 {w} {h}" role="img" aria-labelledby="{id}-title {id}-desc">'
        '<title id="{id}-title">{title}</title><desc id="{id}-desc">{desc}</desc>'
    ).format(w=frame.width, h=frame.height, id=chart_id, title=title, desc=description)
    grid = _grid(x_axis, y_axis, x_ticks, y_ticks)
    labels = Markup(
        '<text class="label" x="{x}" y="{y}" text-anchor="end">{x_label}</text>'
        '<text class="label" x="{left}" y="12">{y_label}</text>'
    ).format(x=frame.width - RIGHT, y=frame.height - 4, x_label=x_label, left=0, y_label=y_label)
    marks = Markup("").join(_marks(line, x_axis, y_axis) for line in drawn)
    legend = _legend(drawn, frame) if frame is WIDE else Markup("")
    return head + grid + marks + labels + legend + Markup("</svg>")


def smoothed(points: Sequence[Point], *, span: int | None = None) -> list[Point]:
    """Return the exponential moving average over about `span` points (a tenth of them), without start-up bias.

    The mean of one pass in each direction: a single pass would lag behind and show a falling loss as higher than it is.
    """
    finite = _finite(points)
    keep = 1 - 2 / (max(2, span or len(finite) // 10) + 1)
    values = [y or 0.0 for _, y in finite]
    forward, backward = _averaged(values, keep), _averaged(values[::-1], keep)[::-1]
    return [(x, (a + b) / 2) for (x, _), a, b in zip(finite, forward, backward, strict=True)]


def ticks(values: Iterable[float], *, whole: bool = False, wanted: int = 5) -> list[float]:
    """Return about `wanted` round numbers that enclose the values; at least two, also for a single value."""
    known = list(values)
    low, high = min(known), max(known)
    if high - low < 1e-9 * max(1.0, abs(high)):
        margin = max(1.0, abs(high)) / 2
        low, high = (low if low == 0 else low - margin), high + margin
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    step = max(1.0, math.ceil(step)) if whole else step
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 12) for number in range(first, max(last, first + 1) + 1)]


def _finite(points: Iterable[Point]) -> list[Point]:
    return [(x, y) for x, y in points if y is not None and math.isfinite(x) and math.isfinite(y)]


def _averaged(values: list[float], keep: float) -> list[float]:
    total = weight = 0.0
    averages: list[float] = []
    for value in values:
        total, weight = keep * total + value, keep * weight + 1
        averages.append(total / weight)
    return averages


def _thinned(points: list[Point]) -> list[Point]:
    """Keep the lowest and highest point of each bucket, so that spikes stay visible."""
    if len(points) <= _MAX_POINTS:
        return points
    size = math.ceil(2 * len(points) / _MAX_POINTS)
    buckets = (points[start : start + size] for start in range(0, len(points), size))
    return [point for b in buckets for point in sorted({min(b, key=_height), max(b, key=_height)})]


def _height(point: Point) -> float:
    return point[1] or 0.0


def _grid(x_axis: Axis, y_axis: Axis, x_ticks: list[float], y_ticks: list[float]) -> Markup:
    left, right, bottom = int(x_axis.start_px), int(x_axis.end_px), int(y_axis.start_px)
    lines = [
        Markup(
            '<line class="grid" x1="{left}" x2="{right}" y1="{y}" y2="{y}"/>'
            '<text class="tick" x="{text}" y="{base}" text-anchor="end">{value}</text>'
        ).format(left=left, right=right, y=y_axis.px(v), text=left - 8, base=y_axis.px(v) + 4, value=_number(v))
        for v in y_ticks
    ]
    lines += [
        Markup('<text class="tick" x="{x}" y="{y}" text-anchor="{anchor}">{value}</text>').format(
            x=x_axis.px(v), y=bottom + 18, anchor="end" if v == x_ticks[-1] else "middle", value=_number(v)
        )
        for v in x_ticks
    ]
    return Markup("").join(lines)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) and abs(value) >= 1 else f"{value:.4g}"


def _marks(line: Series, x_axis: Axis, y_axis: Axis) -> Markup:
    places = [(x_axis.px(x), y_axis.px(y)) for x, y in line.points if y is not None]
    if line.style in {"thin", "line"} and len(places) > 1:
        path = " ".join(f"{x},{y}" for x, y in places)
        return Markup('<polyline class="{style}" points="{path}"/>').format(style=line.style, path=path)
    if line.style == "none":
        return Markup("")
    if line.style == "best":
        return Markup("").join(_best_mark(x, y) for x, y in places)
    return Markup("").join(_dot(x, y, line.style) for x, y in places)


def _dot(x: float, y: float, style: str) -> Markup:
    return Markup('<circle class="dot {style}" cx="{x}" cy="{y}" r="3.5"/>').format(style=style, x=x, y=y)


def _best_mark(x: float, y: float) -> Markup:
    return Markup('<circle class="best" cx="{x}" cy="{y}" r="8"/>').format(x=x, y=y)


def _legend(drawn: Sequence[Series], frame: Frame) -> Markup:
    parts: list[Markup] = []
    # Laid out from the right end; 6.6 px is a generous mean width of a letter at this size.
    x = frame.width - RIGHT
    for line in reversed(drawn):
        x -= round(6.6 * len(line.name))
        parts.append(Markup('<text class="legend" x="{x}" y="12">{name}</text>').format(x=x, name=line.name))
        x -= 12
        mark = _best_mark(x, 8) if line.style == "best" else _dot(x, 8, line.style)
        if line.style in {"thin", "line"}:
            mark = Markup('<line class="{style}" x1="{a}" x2="{b}" y1="8" y2="8"/>').format(
                style=line.style, a=x - 9, b=x + 7
            )
        parts.append(mark)
        x -= 26
    return Markup("").join(parts)
