"""How every page of this room is made from its template: one style, everything escaped, nothing from outside.

The style sheet is written into the page, so that the one file can be sent to anybody. Does not know what a page says.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

_STYLE = Path(__file__).with_name("style.css")


def render_page(template: Path, page: Mapping[str, Any]) -> str:
    """Return the template filled with `page`; `style` is the common style sheet, every other text is escaped."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["duration"] = duration_text
    environment.filters["count"] = lambda number: f"{number:,}"
    style = Markup(_STYLE.read_text(encoding="utf-8"))
    return environment.from_string(template.read_text(encoding="utf-8")).render({**page, "style": style})


def duration_text(seconds: float) -> str:
    """Return a duration in its two largest units: `2 min 5 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
