"""Columns side by side as one SVG element: a bar for each score, a whisker for its 95 % interval.

Names stand above their bars, so that a long one is never cut. Colours come from the page's style, so light and dark
need no second chart; title and description say the same to a screen reader. Does not know what is scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tunewright.evaluate.chart import Axis, ticks

WIDTH, LEFT, RIGHT = 720, 2, 14
_ROW, _BAR, _FOOT = 46, 16, 26
# Letters of 19 px, as on a narrow page, are about this wide; a name that does not fit beside the figure is cut, and its
# title has the whole.
_LETTER_PX = 10.4


@dataclass(frozen=True, slots=True)
class Bar:
    """One score: `text` is its figure in words, `interval` (low, high) if it has one, `is_tuned` decides the colour."""

    name: str
    text: str
    mean: float
    interval: tuple[float, float] | None
    is_tuned: bool


def interval_chart(bars: Sequence[Bar], *, title: str, chart_id: str, in_percent: bool) -> Markup:
    """Return the chart, or empty markup without a bar. `chart_id` is unique in its page."""
    if not bars:
        return Markup("")
    marks = (
        [0.0, 0.25, 0.5, 0.75, 1.0]
        if in_percent
        else ticks([0.0, *(v for b in bars for v in (b.mean, *(b.interval or ())))])
    )
    axis = Axis(marks[0], marks[-1], LEFT, WIDTH - RIGHT)
    height = _ROW * len(bars) + _FOOT
    described = " ".join(f"{bar.name}: {bar.text}." for bar in bars)
    head = Markup(
        '<svg class="chart intervals" viewBox="0 0 {w} {h}" role="img" aria-labelledby="{id}-title {id}-desc">'
        '<title id="{id}-title">{title}</title><desc id="{id}-desc">{desc}</desc>'
    ).format(w=WIDTH, h=height, id=chart_id, title=title, desc=described)
    grid = Markup("").join(_grid(axis, mark, height, in_percent) for mark in marks)
    drawn = Markup("").join(_bar(axis, bar, _ROW * number) for number, bar in enumerate(bars))
    return head + grid + drawn + Markup("</svg>")


def _grid(axis: Axis, mark: float, height: int, in_percent: bool) -> Markup:
    anchor = "start" if mark == axis.low else "end" if mark == axis.high else "middle"
    text = f"{100 * mark:.0f} %" if in_percent else f"{mark:.4g}"
    return Markup(
        '<line class="grid" x1="{x}" x2="{x}" y1="0" y2="{end}"/>'
        '<text class="tick" x="{x}" y="{base}" text-anchor="{anchor}">{text}</text>'
    ).format(x=axis.px(mark), end=height - _FOOT + 4, base=height - 6, anchor=anchor, text=text)


def _bar(axis: Axis, bar: Bar, top: int) -> Markup:
    zero, mean = (axis.px(value) for value in (max(0.0, axis.low), bar.mean))
    room = int((WIDTH - RIGHT) / _LETTER_PX) - len(bar.text) - 2
    name = bar.name if len(bar.name) <= room else bar.name[: max(room - 1, 1)] + "…"
    kind = "tuned" if bar.is_tuned else "other"
    return Markup(
        '<g><title>{whole}: {text}</title><text class="name {kind}" x="{left}" y="{line}">{name}</text>'
        '<text class="value {kind}" x="{right}" y="{line}" text-anchor="end">{text}</text>'
        '<rect class="fill {kind}" x="{start}" y="{y}" width="{width}" height="{bar}" rx="3"/>{whisker}</g>'
    ).format(
        whole=bar.name,
        text=bar.text,
        kind=kind,
        left=LEFT,
        right=WIDTH - RIGHT,
        line=top + 15,
        name=name,
        start=min(zero, mean),
        y=top + 22,
        # A score of 0 still shows that there is a bar.
        width=max(round(abs(mean - zero), 1), 1.5),
        bar=_BAR,
        whisker=_whisker(axis, bar.interval, top + 22 + _BAR / 2) if bar.interval else "",
    )


def _whisker(axis: Axis, interval: tuple[float, float], middle: float) -> Markup:
    low, high = (axis.px(value) for value in interval)
    return Markup('<path class="whisker" d="M{low} {a}V{b}M{low} {m}H{high}M{high} {a}V{b}"/>').format(
        low=low, high=high, a=middle - 5, b=middle + 5, m=middle
    )
