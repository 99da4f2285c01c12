"""The legacy format of OpenAI's fine-tuning API: `{"prompt": "…", "completion": "…"}`, one question and its answer.

TRL's conversational form of it, two lists of messages under the same keys, is read too; only the completion is taught.
Text becomes a user and an assistant turn. By the convention of OpenAI's API a completion began with one space, which
kept the tokens of prompt and completion apart; a chat template does that by itself, so the space is taken off.
Deliberately does not know files, templates or tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tunewright.data.formats.messages import (
    conversation_findings,
    is_just_said,
    list_findings,
    read_messages,
    write_messages,
)
from tunewright.data.formats.record import (
    faults_of,
    is_plain,
    is_text,
    key_findings,
    metadata_findings,
    text_findings,
    with_metadata,
)
from tunewright.data.formats.tools import read_tools, tools_findings
from tunewright.data.rows import Finding, Kind, Message, Row, RowFault

NAME: str = "prompt_completion"
KIND: Kind = "conversation"
KEYS: tuple[str, ...] = ("prompt", "completion", "tools", "metadata")

_ELSEWHERE = {"response": "completion", "answer": "completion", "output": "completion", "meta": "metadata"}


def detect(record: dict[str, Any]) -> bool:
    """Whether the record means to be a prompt with its completion; with a label it is feedback."""
    return "prompt" in record and "completion" in record and "label" not in record


def is_sound(record: dict[str, Any]) -> bool:
    """Whether the record certainly has no fault, found fast: two texts, perhaps with metadata."""
    is_known = len(record) == 2 or is_plain(record, ("prompt", "completion", "metadata"))
    return is_known and is_text(record.get("prompt")) and is_text(record.get("completion"))


def read(record: dict[str, Any], path: str, line: int) -> Row | list[RowFault]:
    """Return the row, or every fault of the record."""
    if faults := faults_of(_findings(record), path, line):
        return faults
    if isinstance(record["prompt"], list):
        prompt = (replace(m, weight=0.0) if m.role == "assistant" else m for m in read_messages(record["prompt"]))
        messages = (*prompt, *read_messages(record["completion"]))
    else:
        messages = (Message("user", record["prompt"]), Message("assistant", record["completion"].removeprefix(" ")))
    return Row(path, line, messages, record.get("metadata") or {}, read_tools(record))


def write(row: Row) -> dict[str, Any]:
    """Return the record: as text where the row is one question and one plain answer, else as messages."""
    messages = row.messages
    if len(messages) == 2 and is_just_said(messages[0], "user") and is_just_said(messages[1], "assistant"):
        # The space is what reading takes off again.
        record: dict[str, Any] = {"prompt": messages[0].content, "completion": f" {messages[1].content}"}
    else:
        # The first turn that is taught begins the completion; there is something before it, or the prompt is empty.
        taught = (index for index, message in enumerate(messages) if message.role == "assistant" and message.weight)
        begin = next(taught, len(messages) - 1)
        record = {"prompt": write_messages(messages[:begin]), "completion": write_messages(messages[begin:])}
    if row.tools:
        record["tools"] = [dict(tool) for tool in row.tools]
    return with_metadata(record, row)


def _findings(record: dict[str, Any]) -> Iterator[Finding]:
    yield from key_findings(record, KEYS, "a prompt and completion row", _ELSEWHERE)
    yield from metadata_findings(record)
    yield from tools_findings(record)
    prompt, completion = record.get("prompt"), record.get("completion")
    if not isinstance(prompt, list) or not isinstance(completion, list):
        yield from text_findings(record, "prompt")
        yield from text_findings(record, "completion")
        return
    if prompt:  # a conversation may begin with the completion
        yield from list_findings(prompt, "prompt")
    yield from list_findings(completion, "completion")
    yield from conversation_findings(completion, "completion", before=prompt)
