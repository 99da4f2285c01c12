"""Classification: `{"text": "…", "label": "spam"}`; a list of labels where a text may have several.

Labels are text in a row, whatever the file writes: `3` becomes `"3"`, `true` becomes `"true"`. Data sets that number
their classes in a separate list stay numbered. `labels` is accepted as the name of the key.
Deliberately does not know files, nor which labels there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tunewright.data.formats.record import (
    faults_of,
    is_text,
    key_findings,
    metadata_findings,
    text_findings,
    with_metadata,
)
from tunewright.data.rows import Finding, Kind, LabelRow, RowFault, shown

NAME: str = "labels"
KIND: Kind = "label"
KEYS: tuple[str, ...] = ("text", "label", "labels", "metadata")

_LABEL_KEYS = ("label", "labels")
_ELSEWHERE = {"sentence": "text", "class": "label", "category": "label", "intent": "label", "target": "label"}
_FIX = 'write "label": "…", or a list of them'


def detect(record: dict[str, Any]) -> bool:
    """Whether the record means to be a text with its class; labels beside tokens are those of the tokens."""
    return "text" in record and ("label" in record or ("labels" in record and "tokens" not in record))


def is_sound(record: dict[str, Any]) -> bool:
    """Whether `read` finds no fault."""
    return not isinstance(read(record, "", 0), list)


def read(record: dict[str, Any], path: str, line: int) -> LabelRow | list[RowFault]:
    """Return the row, or every fault of the record."""
    if faults := faults_of(_findings(record), path, line):
        return faults
    label = record[_label_keys(record)[0]]
    named = tuple(label_text(each) for each in label) if isinstance(label, list) else label_text(label)
    return LabelRow(path, line, record["text"], named, record.get("metadata") or {})


def write(row: LabelRow) -> dict[str, Any]:
    """Return the record."""
    label = list(row.label) if isinstance(row.label, tuple) else row.label
    return with_metadata({"text": row.text, "label": label}, row)


def is_label(value: Any) -> bool:
    """Whether the value can name a class: text that is not blank, a whole number, true or false."""
    return is_text(value) or isinstance(value, int)


def label_text(value: str | int) -> str:
    """Return the name of a class: `true` as JSON spells it, a number in digits."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _label_keys(record: dict[str, Any]) -> list[str]:
    return [key for key in _LABEL_KEYS if record.get(key) is not None]


def _findings(record: dict[str, Any]) -> Iterator[Finding]:
    yield from key_findings(record, KEYS, "a text with its label", _ELSEWHERE)
    yield from metadata_findings(record)
    yield from text_findings(record, "text")
    keys = _label_keys(record)
    if not keys:
        yield "missing_key", "label", "must be given", "null" if "label" in record else "nothing", _FIX
    elif len(keys) > 1:
        yield "bad_value", "labels", "must not stand beside label", shown(record["labels"]), "take one of the two out"
    else:
        yield from _label_findings(record[keys[0]], keys[0])


def _label_findings(label: Any, name: str) -> Iterator[Finding]:
    many = isinstance(label, list)
    for index, each in enumerate(label if many else [label]):
        if is_label(each):
            continue
        kind = "no_content" if isinstance(each, str) else "bad_value"
        rule = (
            "must be text, a whole number, true or false" if many else "must be text, a number, true, false or a list"
        )
        yield kind, f"{name}[{index}]" if many else name, rule, shown(each), _FIX
