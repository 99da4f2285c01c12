"""The chat format of OpenAI's fine-tuning API: `{"messages": [{"role": …, "content": …}, …], "tools": […]}`.

All faults of a row are collected, none stops the search. `developer`, OpenAI's newer word for `system`, becomes it, and
the older `functions` and `function_call` become tools and their calls. Two assistant turns in a row are accepted, as
OpenAI accepts them; a chat template that cannot render them says so when the row is encoded.
Deliberately does not know files, templates or tokens; messages have their own file, as preferences hold them too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tunewright.data.formats.messages import (
    conversation_findings,
    list_findings,
    messages_are_sound,
    read_messages,
    write_messages,
)
from tunewright.data.formats.record import faults_of, is_plain, key_findings, metadata_findings, with_metadata
from tunewright.data.formats.tools import read_tools, tools_findings
from tunewright.data.rows import Finding, Kind, Row, RowFault, shown

NAME: str = "chat"
KIND: Kind = "conversation"
KEYS: tuple[str, ...] = ("messages", "tools", "parallel_tool_calls", "functions", "metadata")

_ELSEWHERE = {"conversations": "messages", "conversation": "messages", "meta": "metadata"}


def detect(record: dict[str, Any]) -> bool:
    """Whether the record means to be a chat row; with a label it is feedback."""
    return "messages" in record and "label" not in record


def is_sound(record: dict[str, Any]) -> bool:
    """Whether the record certainly has no fault, found fast: plain messages, perhaps with metadata."""
    return (len(record) == 1 or is_plain(record, ("messages", "metadata"))) and messages_are_sound(
        record.get("messages")
    )


def read(record: dict[str, Any], path: str, line: int) -> Row | list[RowFault]:
    """Return the row, or every fault of the record."""
    if faults := faults_of(_findings(record), path, line):
        return faults
    return Row(path, line, read_messages(record["messages"]), record.get("metadata") or {}, read_tools(record))


def write(row: Row) -> dict[str, Any]:
    """Return the record of a conversation."""
    record: dict[str, Any] = {"messages": write_messages(row.messages)}
    if row.tools:
        record["tools"] = [dict(tool) for tool in row.tools]
    return with_metadata(record, row)


def _findings(record: dict[str, Any]) -> Iterator[Finding]:
    yield from key_findings(record, KEYS, "a chat row", _ELSEWHERE)
    yield from metadata_findings(record)
    yield from tools_findings(record)
    messages = record.get("messages")
    if "messages" not in record:
        fix = 'write {"messages": [{"role": "user", "content": "…"}, …]}'
        yield "missing_messages", "messages", "must be given", "nothing", fix
    elif not isinstance(messages, list) or not messages:
        rule, fix = "must be a list of at least one message", "give a user and an assistant turn"
        yield "missing_messages", "messages", rule, shown(messages), fix
    else:
        yield from list_findings(messages, "messages")
        yield from conversation_findings(messages, "messages")
