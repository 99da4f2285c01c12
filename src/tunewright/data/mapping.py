"""From the columns of a file to the keys of a format: renamed as the user said, or filled into one text.

Nothing gets lost: a column that is neither named nor a key of the format goes to `metadata`.
Deliberately does not know files; which keys a format has is the caller's word.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import orjson

from tunewright.data.containers.record import Record
from tunewright.data.rows import RowFault, shown
from tunewright.errors import RecipeError
from tunewright.spec.faults import near_miss

Mapped = Callable[[Record], Record | RowFault]
"""From a record of the file to that of the format, or the fault that stands in its place."""

_NOTHING = object()
_ESCAPES = {"\\n": "\n", "\\t": "\t", "\\\\": "\\"}
_ESCAPE = re.compile(r"\\[nt\\]")
_NUM_COLUMNS_SHOWN = 12


def column_mapping(columns: Mapping[str, str], own_keys: Collection[str], path: str) -> Mapped:
    """Return what renames columns.

    Args:
        columns: key of the format → column; `a.b` is the key b of the object in column a.
        own_keys: keys of the format; a column that already has such a name keeps it.
        path: the source, for faults.
    """

    def mapped(record: Record) -> Record | RowFault:
        rest = dict(record.value)
        value: dict[str, Any] = {}
        for key, column in columns.items():
            found = _column(record.value, column)
            if found is _NOTHING:
                return _missing(record, column, path)
            value[key] = found
            _take_out(rest, column)
        value.update((key, rest.pop(key)) for key in own_keys if key in rest and key not in value)
        clash = _into_metadata(value, rest)
        return _clash(clash, record.line, path) if clash else Record(record.line, value)

    return mapped


def text_template(template: str, path: str) -> Mapped:
    """Return what fills the columns of a record into `template`, a text with `{column}` in it; braces are doubled.

    Raises:
        RecipeError: the template has a brace without its pair, or asks for a format of a value.
    """
    pieces = _pieces(_ESCAPE.sub(lambda match: _ESCAPES[match.group()], template), template)

    def mapped(record: Record) -> Record | RowFault:
        text: list[str] = []
        for literal, column in pieces:
            text.append(literal)
            if column is None:
                continue
            found = _column(record.value, column)
            if found is _NOTHING:
                return _missing(record, column, path)
            text.append(_as_text(found))
        return Record(record.line, {"text": "".join(text)})

    return mapped


def _pieces(text: str, template: str) -> list[tuple[str, str | None]]:
    hint = 'write "User: {input}\\nAssistant: {output}"; a brace that is meant literally is doubled'
    try:
        parsed = list(string.Formatter().parse(text))
    except ValueError as error:
        raise RecipeError(f"data.text_template: {shown(template)}: {error}", hint=hint) from error
    for _, column, form, conversion in parsed:
        if column == "" or form or conversion:
            raise RecipeError(f"data.text_template: {shown(template)}: braces hold the name of a column", hint=hint)
    if not any(column for _, column, _, _ in parsed):
        raise RecipeError(f"data.text_template: {shown(template)} names no column", hint=hint)
    return [(literal, column) for literal, column, _, _ in parsed]


def _column(record: Mapping[str, Any], column: str) -> Any:
    value: Any = record.get(column, _NOTHING)
    if value is not _NOTHING or "." not in column:
        return value
    value = record
    for name in column.split("."):
        value = value.get(name, _NOTHING) if isinstance(value, Mapping) else _NOTHING
    return value


def _take_out(rest: dict[str, Any], column: str) -> None:
    """Remove a column; of a nested one its leaf, and the objects above it that it leaves empty."""
    name, dot, inner = column.partition(".")
    if column in rest or not dot:
        rest.pop(column, None)
    elif isinstance(rest.get(name), dict):
        rest[name] = dict(rest[name])
        _take_out(rest[name], inner)
        if not rest[name]:
            del rest[name]


def _into_metadata(value: dict[str, Any], rest: dict[str, Any]) -> str:
    """Put what is left into the metadata of `value`; return the first name that would be there twice."""
    parts: Iterable[Any] = (value.pop("metadata", None), rest.pop("metadata", None), rest)
    metadata: dict[str, Any] = {}
    for part in parts:
        items = part if isinstance(part, dict) else {"metadata": part} if part not in (None, "") else {}
        if clash := next((name for name in items if name in metadata), ""):
            return clash
        metadata.update(items)
    if metadata:
        value["metadata"] = metadata
    return ""


def _missing(record: Record, column: str, path: str) -> RowFault:
    names = list(record.value)
    more = ", …" * (len(names) > _NUM_COLUMNS_SHOWN)
    there = f"the columns {', '.join(names[:_NUM_COLUMNS_SHOWN])}{more}" if names else "no column"
    close = near_miss(column, names)
    fix = close if close.startswith("did") else "name a column that is there"
    return RowFault(path, record.line, column, "must be a column", there, fix, "missing_key")


def _clash(name: str, line: int, path: str) -> RowFault:
    fix = f"map the column {name} to a key, or rename it"
    rule = "is a column, and a key of the metadata beside it"
    return RowFault(path, line, f"metadata.{name}", rule, "", fix, "duplicate_key")


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else orjson.dumps(value).decode()
