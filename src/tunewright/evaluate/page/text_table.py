"""A table in plain text that fits a terminal: widths by what letters take on the screen, figures kept whole.

Control characters never reach the screen: a name from a file could otherwise move the cursor. Does not know what the
figures mean, and never cuts one: a cut figure is a wrong one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from rich.cells import cell_len, chop_cells, set_cell_size

_GAP = "  "
_MIN_NAME = 26
# What a line end must not part: `p = 0.012`, `81 %`.
_TOGETHER = re.compile(r"\bp [=<>] (?=[\d.])|(?<=\d) %")
_STICKY = "\0"


def table_lines(header: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> tuple[list[str], list[str]]:
    """Return the lines, none wider than `width`, and the headers of the columns that did not fit.

    The first column holds names, which are shortened (to 26 letters) before a column is left out, the last one first.
    """
    cells = [[safe_text(cell) for cell in row] for row in (header, *rows)]
    widths = [max(cell_len(row[n]) for row in cells) for n in range(len(header))]
    kept = len(header)
    least = min(widths[0], _MIN_NAME)
    while kept > 1 and least + sum(len(_GAP) + wide for wide in widths[1:kept]) > width:
        kept -= 1
    room = width - sum(len(_GAP) + wide for wide in widths[1:kept])
    widths[0] = min(widths[0], max(room, 1))
    lines = [_line(row[:kept], widths) for row in cells]
    return [lines[0], "─" * cell_len(lines[0]), *lines[1:]], [cells[0][n] for n in range(kept, len(header))]


def wrapped(text: str, width: int, *, indent: str = "") -> list[str]:
    """Return a sentence in lines of at most `width` letters; later lines are indented. A figure keeps its unit."""
    # A word that is wider than a line (an address, or a script without spaces) is cut, so that no line is.
    words = [part for word in _words(safe_text(text)) for part in chop_cells(word, width - len(indent))]
    lines: list[str] = []
    for word in words:
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(indent + word if lines else word)
    return lines


def safe_text(text: str) -> str:
    """Return the text on one line, without control characters or such as turn the direction of what follows."""
    flat = " ".join(text.split())
    return "".join("�" if unicodedata.category(letter) in {"Cc", "Cf", "Cs"} else letter for letter in flat)


def _words(text: str) -> list[str]:
    kept = _TOGETHER.sub(lambda match: match[0].replace(" ", _STICKY), text)
    return [word.replace(_STICKY, " ") for word in kept.split(" ") if word]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    name = cells[0]
    if cell_len(name) > widths[0]:
        name = set_cell_size(name, max(widths[0] - 1, 0)) + "…"
    figures = [" " * (widths[n] - cell_len(cell)) + cell for n, cell in enumerate(cells) if n]
    return _GAP.join([set_cell_size(name, widths[0]), *figures])
