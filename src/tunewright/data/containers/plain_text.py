"""Plain text: each paragraph, that is what stands between blank lines, is one record, `{"text": …}`.

Paragraphs and not lines, because prose is often wrapped by hand: a line would be half a sentence. Whoever has whole
documents writes each as one JSON object. Deliberately does not know how the text is taught.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tunewright.data.containers.json_text import too_large
from tunewright.data.containers.record import MAX_RECORD_BYTES, Record
from tunewright.data.containers.text_lines import text_lines
from tunewright.data.rows import RowFault

SUFFIXES = (".txt", ".text", ".md")

_FIX = 'part the texts by blank lines, or write {"text": "…"} on each line'


def read(parts: Iterable[bytes], path: str) -> Iterator[Record | RowFault]:
    """Yield the record, or the fault, of each paragraph, with the line it begins on."""
    lines: list[str] = []
    start, size = 0, 0
    for number, line in text_lines(parts, path):
        if isinstance(line, RowFault):
            yield line
        elif line.strip():
            start, size = start or number, size + len(line.encode("utf-8")) + 1
            if size > MAX_RECORD_BYTES:
                lines.clear()
            else:
                lines.append(line)
        else:
            yield from _paragraph(lines, start, size, path)
            lines, start, size = [], 0, 0
    yield from _paragraph(lines, start, size, path)


def _paragraph(lines: list[str], start: int, size: int, path: str) -> Iterator[Record | RowFault]:
    if size > MAX_RECORD_BYTES:
        yield too_large(size, path, start, _FIX)
    elif lines:
        yield Record(start, {"text": "\n".join(line.removesuffix("\r") for line in lines)})
