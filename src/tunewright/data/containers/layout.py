"""Which layout the bytes of a file have: told by its content; a name only decides where the content cannot.

Arrays called `.jsonl` are common, and so are JSON Lines called `.json`. Deliberately does not know formats.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import Any

import orjson

from tunewright.data.containers import conll, json_lines, json_whole, parquet, plain_text, table
from tunewright.data.containers.record import MAX_RECORD_BYTES, Record
from tunewright.data.rows import RowFault
from tunewright.errors import DataError

Reader = Callable[[Iterable[bytes], str], Iterator[Record | RowFault]]

JSON_LINES = "JSON Lines"
JSON = "JSON"
CSV = "CSV"
TSV = "TSV"
CONLL = "CoNLL"
TEXT = "text"
PARQUET = "Parquet"

READERS: Mapping[str, Reader] = {
    JSON_LINES: json_lines.read,
    JSON: json_whole.read,
    CSV: table.read,
    TSV: table.read,
    CONLL: conll.read,
    TEXT: plain_text.read,
}
"""Layout → what reads it. Parquet, whose index stands at its end, is no stream of bytes."""

SUFFIXES = (".jsonl", ".json", ".ndjson", ".csv", ".tsv", ".parquet", *conll.SUFFIXES, *plain_text.SUFFIXES)

_PACKED = (".gz", ".zst")
_OF_NAME = {
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), JSON_LINES),
    **dict.fromkeys((".csv",), CSV),
    **dict.fromkeys((".tsv", ".tab"), TSV),
    **dict.fromkeys(conll.SUFFIXES, CONLL),
    **dict.fromkeys(plain_text.SUFFIXES, TEXT),
}
_NUM_LINES_LOOKED_AT = 50


def suffix_of(name: str) -> str:
    """Return the suffix of a file name, in small letters, without that of its packing."""
    path = PurePath(name)
    return PurePath(path.stem if path.suffix.lower() in _PACKED else path.name).suffix.lower()


def layout_of(head: bytes, name: str, *, is_whole: bool) -> str:
    """Return the layout of a file.

    Args:
        head: its first bytes, without byte order mark: all, or more than one record may have.
        name: what it is called.
        is_whole: whether `head` is all of it.

    Raises:
        DataError: it is UTF-16 text.
    """
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or _is_marked_by_zeros(head):
        raise DataError(f"{name} is UTF-16 text; rows are read as UTF-8", hint="save the file as UTF-8")
    if head.startswith(parquet.MAGIC):
        return PARQUET
    named = _OF_NAME.get(suffix_of(name), "")
    text = head.lstrip()
    if text[:1] in (b"[", b"{"):
        found = _json_layout(text, is_whole=is_whole)
        begins_well = text[1:].lstrip()[:1] in (b"", b"{", b"[", b'"', b"]")
        if (
            (found == JSON and begins_well)
            or named in ("", JSON_LINES)
            or _parsed(text.partition(b"\n")[0]) is not None
        ):
            return found
    return named if named not in ("", TEXT) else _by_lines(text, is_whole=is_whole) or named or JSON_LINES


def notices_of(layout: str, head: bytes, name: str) -> Iterator[str]:
    """Yield what is odd about a file and yet readable."""
    suffix = suffix_of(name)
    expected = _OF_NAME.get(suffix, "")
    if layout != expected and expected and not (suffix == ".json" and layout == JSON):
        as_json = "one JSON text" if layout == JSON else layout
        yield f"{name} is {as_json}, though its name ends in {suffix}; it was read as {layout}"
    if layout == CONLL and (num_columns := conll.num_columns(_lines(head))) > 2:
        yield f"{name} has {num_columns} columns; the first and the last were read"


def _json_layout(text: bytes, *, is_whole: bool) -> str:
    first, end, rest = text.partition(b"\n")
    value = _parsed(first)
    if value is None:
        # An unfinished first line: an array even if damaged later on; an object only if the whole file is one.
        is_object = is_whole and len(text) <= MAX_RECORD_BYTES and bool(end) and _parsed(text) is not None
        return JSON if text[:1] == b"[" or is_object else JSON_LINES
    return JSON if isinstance(value, list) and not rest.strip() else JSON_LINES


def _by_lines(text: bytes, *, is_whole: bool) -> str:
    lines = _lines(text if is_whole else text.rpartition(b"\n")[0])
    if conll.looks_like(lines):
        return CONLL
    for mark, layout in (("\t", TSV), (",", CSV)):
        counts = {line.count(mark) for line in lines if line.strip() and '"' not in line}
        if len(lines) > 1 and len(counts) == 1 and counts != {0}:
            return layout
    return ""


def _lines(head: bytes) -> list[str]:
    return head.decode("utf-8", errors="replace").split("\n")[:_NUM_LINES_LOOKED_AT]


def _is_marked_by_zeros(head: bytes) -> bool:
    """Whether JSON begins with a bracket in two bytes: UTF-16 without a mark."""
    return head[:2] in (b"[\0", b"{\0", b"\0[", b"\0{")


def _parsed(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
