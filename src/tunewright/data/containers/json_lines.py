"""JSON Lines: one object on each line. A broken line costs only itself; a blank one is nothing.

Deliberately does not know formats, nor where the bytes come from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import orjson

from tunewright.data.containers.blocks import line_batches
from tunewright.data.containers.json_text import parse, too_large
from tunewright.data.containers.record import Record
from tunewright.data.rows import RowFault


def read(parts: Iterable[bytes], path: str) -> Iterator[Record | RowFault]:
    """Yield the record, or the fault, of each line that is not blank."""
    # The hot path of every verb: a million lines take a second, so nothing is called here that can be left out.
    loads, invalid = orjson.loads, orjson.JSONDecodeError
    for first, lines in line_batches(parts):
        for line, raw in enumerate(lines, first):
            try:
                value = loads(raw)  # pyright: ignore[reportArgumentType] - the size of a line too long is no JSON
            except invalid:
                value = None
            if type(value) is dict:
                yield Record(line, value, raw)  # pyright: ignore[reportArgumentType] - it was parsed, so it is bytes
            elif isinstance(raw, int):
                yield too_large(raw, path, line)
            elif raw.strip():
                yield parse(raw, path, line)
