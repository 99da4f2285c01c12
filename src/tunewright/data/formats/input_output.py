"""The shortest format there is: `{"input": "…", "output": "…"}`, one question and its answer.

With an `instruction` beside them it is Alpaca's format; an input that holds messages belongs to a preference row.
Deliberately does not know files (a JSON array of such records is a matter of the container), templates or tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tunewright.data.formats.messages import is_just_said
from tunewright.data.formats.record import (
    cannot_hold,
    faults_of,
    is_plain,
    is_text,
    key_findings,
    metadata_findings,
    text_findings,
    with_metadata,
)
from tunewright.data.rows import Finding, Kind, Message, Row, RowFault

NAME: str = "input_output"
KIND: Kind = "conversation"
KEYS: tuple[str, ...] = ("input", "output", "metadata")


def detect(record: dict[str, Any]) -> bool:
    """Whether the record means to be an input with its output."""
    is_asked = "input" in record and "output" in record and "instruction" not in record
    return is_asked and not isinstance(record["input"], dict)


def is_sound(record: dict[str, Any]) -> bool:
    """Whether the record certainly has no fault, found fast: two texts, perhaps with metadata."""
    return is_plain(record, KEYS) and is_text(record.get("input")) and is_text(record.get("output"))


def read(record: dict[str, Any], path: str, line: int) -> Row | list[RowFault]:
    """Return the row, or every fault of the record."""
    if faults := faults_of(_findings(record), path, line):
        return faults
    messages = (Message("user", record["input"]), Message("assistant", record["output"]))
    return Row(path, line, messages, record.get("metadata") or {})


def write(row: Row) -> dict[str, Any]:
    """Return the record.

    Raises:
        DataError: the row is more than one question and one plain answer.
    """
    asked, *answers = row.messages
    if row.tools or len(answers) != 1 or not is_just_said(asked, "user") or not is_just_said(answers[0], "assistant"):
        raise cannot_hold(row, NAME, "it is more than one question and one plain answer")
    return with_metadata({"input": asked.content, "output": answers[0].content}, row)


def _findings(record: dict[str, Any]) -> Iterator[Finding]:
    yield from key_findings(record, KEYS, "an input and output row")
    yield from metadata_findings(record)
    yield from text_findings(record, "input")
    yield from text_findings(record, "output")
