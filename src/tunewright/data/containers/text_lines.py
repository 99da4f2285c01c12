"""Lines of text for the layouts that are no JSON: decoded, or the fault that a line has.

Deliberately does not know what the lines mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tunewright.data.containers.blocks import line_batches
from tunewright.data.containers.json_text import not_utf8, too_large
from tunewright.data.rows import RowFault


def text_lines(parts: Iterable[bytes], path: str) -> Iterator[tuple[int, str | RowFault]]:
    """Yield each line, without its end, or its fault, with its number."""
    for first, lines in line_batches(parts):
        for number, raw in enumerate(lines, first):
            yield number, too_large(raw, path, number) if isinstance(raw, int) else _text(raw, path, number)


def _text(raw: bytes, path: str, number: int) -> str | RowFault:
    if b"\0" in raw:
        value = f"a zero byte at column {raw.index(0) + 1}"
        return RowFault(path, number, "", "must be UTF-8 text", value, "save the file as UTF-8", "not_utf8")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return not_utf8(raw, error, path, number)
