"""Binary feedback, for KTO: `{"prompt": …, "completion": …, "label": true}`, an answer and whether it was wanted.

Prompt and completion are texts or lists of messages, as TRL has them. LLaMA-Factory's `{"messages": …, "label": …}` is
read too: its last message is the answer. Tables hold the label as text, which is accepted as `true` and `false`.
Deliberately does not know files, templates or tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
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
    key_findings,
    metadata_findings,
    text_findings,
    with_metadata,
)
from tunewright.data.rows import FeedbackRow, Finding, Kind, Message, RowFault, shown

NAME: str = "kto"
KIND: Kind = "feedback"
KEYS: tuple[str, ...] = ("prompt", "completion", "label", "messages", "metadata")

_LABELS = {True: True, False: False, "true": True, "false": False}
_ELSEWHERE = {**dict.fromkeys(("response", "answer", "output"), "completion"), "kto_tag": "label", "meta": "metadata"}


def detect(record: dict[str, Any]) -> bool:
    """Whether the record means to be an answer with a verdict on it."""
    return "label" in record and ("messages" in record or ("prompt" in record and "completion" in record))


def is_sound(record: dict[str, Any]) -> bool:
    """Whether `read` finds no fault."""
    return not isinstance(read(record, "", 0), list)


def read(record: dict[str, Any], path: str, line: int) -> FeedbackRow | list[RowFault]:
    """Return the row, or every fault of the record."""
    if faults := faults_of(_findings(record), path, line):
        return faults
    label, meta = _LABELS[_label(record)], record.get("metadata") or {}
    if "messages" in record:
        *prompt, answer = read_messages(record["messages"])
        return FeedbackRow(path, line, tuple(prompt), (answer,), label, meta)
    prompt = _messages(record["prompt"], "user")
    return FeedbackRow(path, line, prompt, _messages(record["completion"], "assistant"), label, meta)


def write(row: FeedbackRow) -> dict[str, Any]:
    """Return the record: as text where the row is one question and one plain answer, else as messages."""
    prompt, completion = row.prompt, row.completion
    is_short = len(prompt) == len(completion) == 1
    if is_short and is_just_said(prompt[0], "user") and is_just_said(completion[0], "assistant"):
        record: dict[str, Any] = {"prompt": prompt[0].content, "completion": completion[0].content}
    else:
        record = {"prompt": write_messages(prompt), "completion": write_messages(completion)}
    return with_metadata({**record, "label": row.label}, row)


def _messages(value: Any, role: str) -> tuple[Message, ...]:
    return (Message(role, value),) if isinstance(value, str) else read_messages(value)


def _label(record: dict[str, Any]) -> Any:
    label = record.get("label")
    return label.lower() if isinstance(label, str) else label


def _findings(record: dict[str, Any]) -> Iterator[Finding]:
    is_one_list = "messages" in record
    keys = ("messages",) if is_one_list else ("prompt", "completion")
    yield from key_findings(record, (*keys, "label", "metadata"), "a feedback row", _ELSEWHERE)
    yield from metadata_findings(record)
    yield from _label_findings(record)
    if is_one_list:
        messages = record["messages"]
        yield from list_findings(messages, "messages")
        if isinstance(messages, list) and messages:
            yield from _one_list_findings(messages)
        return
    prompt, completion = record.get("prompt"), record.get("completion")
    yield from _part_findings(record, "prompt")
    yield from _part_findings(record, "completion")
    if isinstance(completion, list):
        yield from conversation_findings(completion, "completion", before=prompt if isinstance(prompt, list) else ())


def _one_list_findings(messages: list[Any]) -> Iterator[Finding]:
    yield from conversation_findings(messages, "messages")
    if len(messages) == 1:
        yield "no_content", "messages", "must hold a question before the answer", "1 message", "add what was asked"
    if isinstance(messages[-1], dict) and messages[-1].get("weight") == 0:
        rule, fix = "must not be 0 where the label is about this turn", "take the weight out"
        yield "bad_weight", f"messages[{len(messages) - 1}].weight", rule, shown(messages[-1]["weight"]), fix


def _part_findings(record: dict[str, Any], key: str) -> Iterator[Finding]:
    if isinstance(record.get(key), list):
        yield from list_findings(record[key], key)
    else:
        yield from text_findings(record, key)


def _label_findings(record: dict[str, Any]) -> Iterator[Finding]:
    label = _label(record)
    if "label" not in record:
        yield "missing_key", "label", "must be given", "nothing", 'write "label": true for an answer that is wanted'
    elif not isinstance(label, bool) and label not in ("true", "false"):
        yield "bad_value", "label", "must be true or false", shown(record["label"]), "true means that it is wanted"
