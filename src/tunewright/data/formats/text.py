"""Plain text for continued pretraining: `{"text": "…"}`, all of which is taught.

With a class beside it the text is a classification row, with its words and their tags a tagging row.
Deliberately does not know files, templates or tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tunewright.data.formats import labels, token_labels
from tunewright.data.formats.record import (
    faults_of,
    is_plain,
    is_text,
    key_findings,
    metadata_findings,
    text_findings,
    with_metadata,
)
from tunewright.data.rows import Finding, Kind, RowFault, TextRow

NAME: str = "text"
KIND: Kind = "text"
KEYS: tuple[str, ...] = ("text", "metadata")

_ELSEWHERE = {"content": "text", "meta": "metadata"}


def detect(record: dict[str, Any]) -> bool:
    """Whether the record means to be plain text."""
    return "text" in record and not labels.detect(record) and not token_labels.detect(record)


def is_sound(record: dict[str, Any]) -> bool:
    """Whether the record certainly has no fault, found fast."""
    return (len(record) == 1 or is_plain(record, KEYS)) and is_text(record.get("text"))


def read(record: dict[str, Any], path: str, line: int) -> TextRow | list[RowFault]:
    """Return the row, or every fault of the record."""
    if faults := faults_of(_findings(record), path, line):
        return faults
    return TextRow(path, line, record["text"], record.get("metadata") or {})


def write(row: TextRow) -> dict[str, Any]:
    """Return the record."""
    return with_metadata({"text": row.text}, row)


def _findings(record: dict[str, Any]) -> Iterator[Finding]:
    yield from key_findings(record, KEYS, "a text row", _ELSEWHERE)
    yield from metadata_findings(record)
    yield from text_findings(record, "text")
