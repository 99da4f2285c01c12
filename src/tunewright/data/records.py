"""From the bytes of a file to its records, each with the line that it begins on.

JSON Lines, a JSON array and a single JSON object are told apart by content, never by name: arrays called `.jsonl` are
common. What cannot be read becomes a fault of its line and the reading goes on. Only a line feed ends a line, because
JSON strings may hold the other characters that `str.splitlines` splits at. Deliberately does not know what a row is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from tunewright.data.rows import RowFault, shown

MAX_RECORD_BYTES = 8 * 1024 * 1024
"""A longer record is not parsed: it is a file that lost its line ends far more often than a row to learn from."""

JSON_LINES = "JSON Lines"
JSON = "JSON"

_SPACE = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True, slots=True)
class Record:
    """One JSON object of a file and the line on which it begins (from 1)."""

    line: int
    value: dict[str, Any]


def layout(content: bytes) -> str:
    """Return `JSON` for one array or object that is spread over the file, else `JSON Lines`."""
    start = content[:4096].lstrip()[:1]
    if start not in (b"[", b"{"):
        return JSON_LINES
    first, _, rest = content.lstrip().partition(b"\n")
    try:
        value = orjson.loads(first)
    except orjson.JSONDecodeError:
        # An unfinished first line: an array even if damaged later on; an object only if the whole file is one.
        return JSON if start == b"[" or _is_json(content) else JSON_LINES
    return JSON if isinstance(value, list) and not rest.strip() else JSON_LINES


def records(content: bytes, path: str) -> Iterator[Record | RowFault]:
    """Yield the records and the faults of a file, in its order. `content` has no byte order mark."""
    return _spread(content, path) if layout(content) == JSON else _lines(content, path)


def _is_json(content: bytes) -> bool:
    try:
        orjson.loads(content)
    except orjson.JSONDecodeError:
        return False
    return True


def _lines(content: bytes, path: str) -> Iterator[Record | RowFault]:
    for line, raw in enumerate(content.split(b"\n"), start=1):
        if raw.strip():
            yield _record(raw, path, line)


def _record(raw: bytes, path: str, line: int) -> Record | RowFault:
    if len(raw) > MAX_RECORD_BYTES:
        fix = "put one record on each line"
        return RowFault(path, line, "", f"must be at most {MAX_RECORD_BYTES:,} bytes", f"{len(raw):,} bytes", fix)
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        value = f"byte 0x{raw[error.start]:02x} at column {error.start + 1}"
        return RowFault(path, line, "", "must be UTF-8 text", value, "save the file as UTF-8")
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        rule = f"must be JSON ({error.msg} at column {error.pos + 1})"
        fix = 'one whole object on each line; a line break inside a text is written "\\n"'
        return RowFault(path, line, "", rule, shown(raw.decode("utf-8").strip()), fix)
    return _object(value, path, line)


def _object(value: Any, path: str, line: int) -> Record | RowFault:
    if isinstance(value, dict):
        return Record(line, value)
    fix = 'write {"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}'
    return RowFault(path, line, "", "must be a JSON object", shown(value), fix)


def _spread(content: bytes, path: str) -> Iterator[Record | RowFault]:
    """Walk an array element by element: the standard parser finds where each ends, which orjson does not tell."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        value = f"byte 0x{content[error.start]:02x}"
        yield RowFault(path, line, "", "must be UTF-8 text", value, "save the file as UTF-8")
        return
    start = _skip(text, 0)
    if text[start] == "{":
        yield _record(content.strip(), path, text.count("\n", 0, start) + 1)
        return
    yield from _elements(text, start + 1, path)


def _elements(text: str, position: int, path: str) -> Iterator[Record | RowFault]:
    decoder = json.JSONDecoder()
    line, counted = 1, 0
    position = _skip(text, position)
    while text[position : position + 1] != "]":
        line, counted = line + text.count("\n", counted, position), position
        try:
            end = decoder.raw_decode(text, position)[1]
        except (ValueError, RecursionError) as error:
            yield _array_fault(text, path, error, position)
            return
        # orjson has the last word on what JSON is: NaN and half characters are none.
        yield _record(text[position:end].encode("utf-8"), path, line)
        position = _skip(text, end)
        if text[position : position + 1] == ",":
            position = _skip(text, position + 1)
        elif text[position : position + 1] != "]":
            yield _array_fault(text, path, ValueError("expected a comma or the closing bracket"), position)
            return
    after = _skip(text, position + 1)
    if after < len(text):
        yield _array_fault(text, path, ValueError("text follows the closing bracket"), after)


def _array_fault(text: str, path: str, error: Exception, position: int) -> RowFault:
    if isinstance(error, json.JSONDecodeError):
        position, reason = error.pos, error.msg
    else:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
    line = text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1) + 1
    fix = "the records from here on were not read; mend the array, or write one object on each line"
    value = shown(text[position : position + 40]) if position < len(text) else "the end of the file"
    return RowFault(path, line, "", f"must be JSON ({reason} at column {column})", value, fix)


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position
