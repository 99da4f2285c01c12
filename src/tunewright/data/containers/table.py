"""CSV and TSV: a header, then one record in each row, every cell of it text.

The keys that hold lists or objects in the formats (`messages`, `tools` …) are JSON text in their cell; an empty cell of
theirs means that there is none. Deliberately does not know formats, nor where the bytes come from.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from tunewright.data.containers.record import MAX_RECORD_BYTES, Record
from tunewright.data.containers.text_lines import text_lines
from tunewright.data.rows import RowFault, shown

DELIMITERS = "\t,;"

_ALWAYS_JSON = frozenset(
    "messages tools functions metadata conversations preferred_output non_preferred_output tokens tags ner_tags "
    "labels".split()
)
_MAYBE_MESSAGES = frozenset(("prompt", "completion", "chosen", "rejected"))
_QUOTE_FIX = 'a cell with a quote, a comma or a line break stands in quotes, and a quote in it is doubled: "say ""hi"""'


def delimiter_of(header: str) -> str:
    """Return what separates the cells of this first line."""
    return next((mark for mark in DELIMITERS if mark in header), ",")


def read(parts: Iterable[bytes], path: str) -> Iterator[Record | RowFault]:
    """Yield the record, or the fault, of each row that is not blank."""
    csv.field_size_limit(MAX_RECORD_BYTES)
    lines = _Lines(parts, path)
    header: list[str] = []
    for line, cells in _rows(lines, path):
        if isinstance(cells, RowFault):
            yield cells
        elif not header:
            header = cells
            if fault := _header_fault(header, path, line):
                yield fault
                return
        else:
            yield _record(header, cells, path, line)


def from_cell(key: str, cell: str) -> Any:
    """Return what a cell means: JSON where the key of a format wants a list or an object, else its text."""
    if cell[:1] not in ("[", "{") or key not in _ALWAYS_JSON | _MAYBE_MESSAGES:
        return cell
    try:
        value = orjson.loads(cell)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return cell
    return value if key in _ALWAYS_JSON or _is_messages(value) else cell


class _BadLineError(Exception):
    def __init__(self, fault: RowFault) -> None:
        super().__init__(str(fault))
        self.fault = fault


class _Lines:
    """What `csv.reader` reads. No generator: the reading goes on after a line that cannot be read."""

    def __init__(self, parts: Iterable[bytes], path: str) -> None:
        self._lines = text_lines(parts, path)
        self.number = 0
        self.is_at_end = False
        self.again = ""

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if self.again:
            line, self.again = self.again, ""
            return line
        try:
            self.number, line = next(self._lines)
        except StopIteration:
            self.is_at_end = True
            raise
        if isinstance(line, RowFault):
            raise _BadLineError(line)
        return line + "\n"


def _rows(lines: _Lines, path: str) -> Iterator[tuple[int, list[str] | RowFault]]:
    reader: Any = None
    while True:
        line = lines.number + 1
        try:
            if reader is None:
                lines.again = next(lines)
                reader = csv.reader(lines, delimiter=delimiter_of(lines.again), strict=True)
            cells = next(reader)
        except StopIteration:
            return
        except _BadLineError as error:
            yield lines.number, error.fault
        except csv.Error as error:
            kind = "file_ends_early" if lines.is_at_end else "bad_value"
            yield line, RowFault(path, line, "", "must be a row of cells", str(error), _QUOTE_FIX, kind)
        else:
            if cells:
                yield line, cells


def _header_fault(header: list[str], path: str, line: int) -> RowFault | None:
    twice = [name for name, times in Counter(header).items() if times > 1]
    if not twice:
        return None
    fix = "give each column a name of its own; no row of this file was read"
    return RowFault(path, line, twice[0], "must be written once", ", ".join(twice), fix, "duplicate_key")


def _record(header: list[str], cells: list[str], path: str, line: int) -> Record | RowFault:
    if len(cells) != len(header):
        rule = f"must have {len(header)} cells, as the header has"
        return RowFault(path, line, "", rule, f"{len(cells)} in {shown(cells)}", _QUOTE_FIX, "bad_value")
    pairs = zip(header, cells, strict=True)
    return Record(line, {key: from_cell(key, cell) for key, cell in pairs if cell or key not in _ALWAYS_JSON})


def _is_messages(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) and "role" in item for item in value)
