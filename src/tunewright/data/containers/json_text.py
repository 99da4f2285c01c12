"""One piece of JSON text to one record: what each of its faults is called, and keys that are written twice.

orjson decides what JSON is: NaN, half characters, raw control characters and nesting beyond 1024 are none of it. It
keeps the last of two equal keys without a word, so that is looked for separately. Deliberately does not know files.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import orjson

from tunewright.data.containers.record import MAX_RECORD_BYTES, Record
from tunewright.data.rows import RowFault, shown

_LINE_FIX = 'one whole object on each line; a line break inside a text is written "\\n"'
_OBJECT_FIX = 'write {"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}'
_NUM_BYTES_SHOWN = 320


def parse(raw: bytes, path: str, line: int) -> Record | RowFault:
    """Return the record that `raw` holds, or its fault."""
    if len(raw) > MAX_RECORD_BYTES:
        return too_large(len(raw), path, line)
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        return _no_json(raw, error, path, line)
    return Record(line, value, raw) if isinstance(value, dict) else not_an_object(value, path, line)


def too_large(num_bytes: int, path: str, line: int, fix: str = "put one record on each line") -> RowFault:
    """Return the fault of a record that is too large to be parsed."""
    rule = f"must be at most {MAX_RECORD_BYTES:,} bytes"
    return RowFault(path, line, "", rule, f"{num_bytes:,} bytes", fix, "too_large")


def not_utf8(raw: bytes, error: UnicodeDecodeError, path: str, line: int) -> RowFault:
    """Return the fault of bytes that are no UTF-8 text."""
    value = f"byte 0x{raw[error.start]:02x} at column {error.start + 1}"
    return RowFault(path, line, "", "must be UTF-8 text", value, "save the file as UTF-8", "not_utf8")


def not_an_object(value: Any, path: str, line: int) -> RowFault:
    """Return the fault of JSON that is a list, a text or a number."""
    # A list of a million numbers must not be written out just to be cut.
    value = value[:20] if isinstance(value, list) else value
    return RowFault(path, line, "", "must be a JSON object", shown(value), _OBJECT_FIX, "not_an_object")


def duplicate_keys(raw: bytes, value: dict[str, Any]) -> tuple[str, ...]:
    """Return the keys that an object of the JSON text `raw` holds more than once; `value` is what orjson made of it.

    Every key has one colon. Were a key dropped, the text would hold a colon more than the value does when it is
    written again; a colon that is escaped is the only thing that hides one. So hardly a row is parsed a second time.
    """
    try:
        if raw.count(b":") == orjson.dumps(value).count(b":") and b"\\u003" not in raw:
            return ()
    except (orjson.JSONEncodeError, RecursionError):  # nested more deeply than it writes: look closely
        pass
    return _duplicates(raw)


def duplicate_fault(keys: tuple[str, ...], path: str, line: int) -> RowFault:
    """Return the fault of a record in which `keys` are written more than once."""
    fix = "keep one of them: a reader takes the last and drops the others"
    return RowFault(path, line, keys[0], "must be written once", ", ".join(keys), fix, "duplicate_key")


def _duplicates(raw: bytes) -> tuple[str, ...]:
    found: dict[str, None] = {}

    def look(pairs: list[tuple[str, Any]]) -> None:
        found.update(dict.fromkeys(key for key, times in Counter(key for key, _ in pairs).items() if times > 1))

    try:
        json.loads(raw, object_pairs_hook=look)
    except (ValueError, RecursionError):  # Python's own parser goes less deep than orjson, which has read it
        return ()
    return tuple(found)


def _no_json(raw: bytes, error: orjson.JSONDecodeError, path: str, line: int) -> RowFault:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as bad:
        return not_utf8(raw, bad, path, line)
    rule = f"must be JSON ({error.msg} at column {error.pos + 1})"
    start = raw.lstrip()[:_NUM_BYTES_SHOWN].decode("utf-8", errors="ignore").strip()
    return RowFault(path, line, "", rule, shown(start), _LINE_FIX, "not_json")
