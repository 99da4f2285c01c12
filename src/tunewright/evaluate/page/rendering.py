"""How every page of this room is made from its template: one style, everything escaped, nothing from outside.

Templates and their parts lie beside this file. The style sheet is written into the page, so that the one file can be
sent to anybody. Does not know what a page says.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_FOLDER = Path(__file__).parent


def render_page(template: str, page: Mapping[str, Any]) -> str:
    """Return the template of that file name filled with `page`; `style` is the style sheet, other text is escaped."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["duration"] = duration_text
    environment.filters["count"] = lambda number: f"{number:,}"
    style = Markup((_FOLDER / "style.css").read_text(encoding="utf-8"))
    return environment.get_template(template).render({**page, "style": style})


def duration_text(seconds: float) -> str:
    """Return a duration in its two largest units: `2 min 5 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
