"""A sheet as one HTML file that a rater opens anywhere, without a network and without a program of ours.

The sheet is data inside the page and is only ever shown as text. The page's own script asks, keeps every choice in the
browser's storage and saves the same JSON that the terminal writes. Deliberately does not know the key.
"""

from __future__ import annotations

from pathlib import Path

import orjson
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from tunewright.evaluate.human.sheet import Sheet
from tunewright.runs.atomic import write_text

_TEMPLATE = Path(__file__).with_name("page.html.jinja")


def sheet_page(sheet: Sheet) -> str:
    """Return the page as text."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(rater=sheet.rater, num_questions=len(sheet.questions), sheet=_inert(sheet))


def write_sheet_page(path: Path, sheet: Sheet) -> None:
    """Write the page.

    Raises:
        StorageError: the storage refuses.
    """
    write_text(path, sheet_page(sheet))


def _inert(sheet: Sheet) -> Markup:
    """Return the sheet as JSON in which no text can end the script element that holds it, or open a comment in it."""
    text = orjson.dumps(sheet.model_dump(mode="json")).decode()
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))
