"""Bars as one SVG element: columns for a histogram, rows for named counts, with a title and words for screen readers.

Colours come from the page's CSS classes, so light and dark need no second chart. Deliberately does not know what is
counted; reads no file.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence

from markupsafe import Markup

from tunewright.data.profiling.figures import Bin, Count
from tunewright.data.profiling.verdict import percent

WIDTH = 720
_LEFT, _RIGHT, _TOP, _BOTTOM, _HEIGHT = 8, 40, 24, 46, 230
_ROW_PX, _NAME_PX, _COUNT_PX = 26, 210, 140
_MAX_NAME_WIDTH = 27
# Labels below columns that stand closer than this would run into each other.
_LABEL_PX = 92
# Narrower columns have no room for their count.
_COUNTED_PX = 34


def column_chart(bins: Sequence[Bin], *, title: str, unit: str, chart_id: str) -> Markup:
    """Return one column per bin, or empty markup without bins. `chart_id` is unique in its page."""
    if not bins:
        return Markup("")
    top = max(each.count for each in bins)
    # Few bins make columns, not a wall.
    slot = min(_LABEL_PX, (WIDTH - _LEFT - _RIGHT) / len(bins))
    every = math.ceil(_LABEL_PX / slot)
    words = "; ".join(f"{each.label} {unit}: {each.count:,}" for each in bins)
    parts = [_head(chart_id, title, words, _HEIGHT)]
    base = _HEIGHT - _BOTTOM
    for index, each in enumerate(bins):
        height = (base - _TOP) * each.count / top if top else 0
        x = _LEFT + index * slot + 1
        parts.append(_bar(x, base - height, slot - 2, height, f"{each.label}: {each.count:,}"))
        if slot >= _COUNTED_PX and each.count:
            parts.append(_text("value", x + slot / 2, base - height - 6, "middle", f"{each.count:,}"))
        if index % every == 0:
            parts.append(_text("tick", x, base + 17, "start", each.label))
    parts.append(_line(_LEFT, WIDTH - _RIGHT, base))
    parts.append(_text("label", WIDTH - _RIGHT, _HEIGHT - 6, "end", unit))
    return Markup("").join(parts) + Markup("</svg>")


def bar_chart(counts: Sequence[Count], *, total: int, title: str, chart_id: str) -> Markup:
    """Return one bar per count with its share of `total`, or empty markup without counts."""
    if not counts:
        return Markup("")
    top = max(each.count for each in counts)
    room = WIDTH - _NAME_PX - _COUNT_PX
    words = "; ".join(f"{each.value}: {each.count:,}" for each in counts)
    parts = [_head(chart_id, title, words, _ROW_PX * len(counts) + 4)]
    for index, each in enumerate(counts):
        y = index * _ROW_PX
        length = room * each.count / top if top else 0
        said = f"{each.count:,} · {percent(each.count / total)}" if total else f"{each.count:,}"
        parts.append(_text("name", 0, y + 17, "start", _short(each.value) or "(nothing)"))
        parts.append(_bar(_NAME_PX, y + 5, max(2.0, length), _ROW_PX - 10, f"{each.value}: {each.count:,}"))
        parts.append(_text("value", _NAME_PX + max(2.0, length) + 8, y + 17, "start", said))
    return Markup("").join(parts) + Markup("</svg>")


def _head(chart_id: str, title: str, words: str, height: int) -> Markup:
    return Markup(
        '<svg class="chart" viewBox="0 0 {w} {h}" role="img" aria-labelledby="{id}-title {id}-desc">'
        '<title id="{id}-title">{title}</title><desc id="{id}-desc">{words}</desc>\n'
    ).format(w=WIDTH, h=height, id=chart_id, title=title, words=words)


def _bar(x: float, y: float, width: float, height: float, said: str) -> Markup:
    return Markup(
        '<rect class="fill" x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="2">'
        "<title>{said}</title></rect>\n"
    ).format(x=x, y=y, w=width, h=height, said=said)


def _text(css_class: str, x: float, y: float, anchor: str, text: str) -> Markup:
    return Markup('<text class="{css_class}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>\n').format(
        css_class=css_class, x=x, y=y, anchor=anchor, text=text
    )


def _line(start: float, end: float, y: float) -> Markup:
    return Markup('<line class="grid" x1="{a}" x2="{b}" y1="{y}" y2="{y}"/>\n').format(a=start, b=end, y=y)


def _short(text: str) -> str:
    """Return `text` on one line, cut where it would reach the bars; Han and kana are twice as wide as Latin."""
    line, width = " ".join(text.split()), 0
    for position, character in enumerate(line):
        width += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if width > _MAX_NAME_WIDTH:
            return line[: position - 1].rstrip() + "…"
    return line
