"""The preference format of TRL: `{"prompt": …, "chosen": …, "rejected": …}`, as texts or as lists of messages.

A text is one user turn (prompt) or one assistant turn (answers). Where the answers are whole conversations, with no
prompt or with its text repeated beside them, what both begin with is the prompt. An answer begins and ends with an
assistant turn. Deliberately does not know files, templates or tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tunewright.data.formats.messages import is_just_said, list_findings, read_messages, write_messages
from tunewright.data.formats.record import (
    faults_of,
    key_findings,
    metadata_findings,
    text_findings,
    with_metadata,
)
from tunewright.data.formats.tools import read_tools, tools_findings
from tunewright.data.rows import Finding, Kind, Message, PreferenceRow, RowFault, shown

NAME: str = "preference_trl"
KIND: Kind = "preference"
KEYS: tuple[str, ...] = ("chosen", "rejected", "prompt", "tools", "metadata")

_ANSWERS = ("chosen", "rejected")
_ELSEWHERE = {**dict.fromkeys(("instruction", "question", "query", "input"), "prompt"), "meta": "metadata"}

_Parts = tuple[tuple[Message, ...], tuple[Message, ...], tuple[Message, ...]]


def detect(record: dict[str, Any]) -> bool:
    """Whether the record means to be a prompt with a chosen and a rejected answer."""
    return "chosen" in record and "rejected" in record


def is_sound(record: dict[str, Any]) -> bool:
    """Whether `read` finds no fault."""
    return not isinstance(read(record, "", 0), list)


def read(record: dict[str, Any], path: str, line: int) -> PreferenceRow | list[RowFault]:
    """Return the row, or every fault of the record."""
    faults = faults_of(_findings(record), path, line)
    if faults:
        return faults
    parts = _parts(record)
    # Only where each part is right by itself can they be held against each other.
    if faults := faults_of(_comparison_findings(record, parts), path, line):
        return faults
    return PreferenceRow(path, line, *parts, record.get("metadata") or {}, read_tools(record))


def write(row: PreferenceRow) -> dict[str, Any]:
    """Return the record: as texts where the row is one question and two plain answers, else as messages."""
    parts = {"prompt": row.prompt, "chosen": row.chosen, "rejected": row.rejected}
    roles = {"prompt": "user", "chosen": "assistant", "rejected": "assistant"}
    if all(len(part) == 1 and is_just_said(part[0], roles[key]) for key, part in parts.items()):
        record: dict[str, Any] = {key: part[0].content for key, part in parts.items()}
    else:
        record = {key: write_messages(part) for key, part in parts.items()}
    if row.tools:
        record["tools"] = [dict(tool) for tool in row.tools]
    return with_metadata(record, row)


def _parts(record: dict[str, Any]) -> _Parts:
    """Return prompt, chosen and rejected of a record whose parts are right by themselves."""
    chosen, rejected = (_messages(record[key], "assistant") for key in _ANSWERS)
    if isinstance(record.get("prompt"), list):
        return read_messages(record["prompt"]), chosen, rejected
    num_shared = 0
    most = min(len(chosen), len(rejected)) - 1
    while num_shared < most and chosen[num_shared] == rejected[num_shared]:
        num_shared += 1
    prompt = chosen[:num_shared]
    if not prompt and record.get("prompt") is not None:
        prompt = _messages(record["prompt"], "user")
    return prompt, chosen[num_shared:], rejected[num_shared:]


def _messages(value: Any, role: str) -> tuple[Message, ...]:
    return (Message(role, value),) if isinstance(value, str) else read_messages(value)


def _findings(record: dict[str, Any]) -> Iterator[Finding]:
    yield from key_findings(record, KEYS, "a preference row", _ELSEWHERE)
    yield from metadata_findings(record)
    yield from tools_findings({"tools": record.get("tools")})
    for key in ("prompt", *_ANSWERS):
        if isinstance(record.get(key), list):
            yield from list_findings(record[key], key)
        elif key != "prompt" or record.get(key) is not None:
            yield from text_findings(record, key)
    if record.get("prompt") is None and any(isinstance(record.get(key), str) for key in _ANSWERS):
        fix = 'write "prompt": "…"; it can only be left out where both answers are lists of messages'
        yield "missing_key", "prompt", "must be given beside answers that are text", "nothing", fix


def _comparison_findings(record: dict[str, Any], parts: _Parts) -> Iterator[Finding]:
    prompt, *answers = parts
    if not prompt:
        fix = "begin both with the same question, or write it as prompt"
        yield "missing_key", "prompt", "must be given, as chosen and rejected do not begin alike", "nothing", fix
    if isinstance(record.get("prompt"), str) and record["prompt"] not in [message.content for message in prompt]:
        fix = "take prompt out: chosen and rejected hold the question already"
        yield "bad_preference", "prompt", "must be what chosen and rejected begin with", shown(record["prompt"]), fix
    for key, answer in zip(_ANSWERS, answers, strict=True):
        fix = "an answer begins where the two part; what is before it belongs into prompt"
        first = len(record[key]) - len(answer) if isinstance(record[key], list) else 0
        for index, message in ((first, answer[0]), (first + len(answer) - 1, answer[-1])):
            if message.role != "assistant":
                name = f"{key}[{index}].role"
                yield (
                    "bad_preference",
                    name,
                    "must be assistant where an answer begins and ends",
                    shown(message.role),
                    fix,
                )
                break
        taught = [message.weight for message in answer if message.role == "assistant"]
        if taught and not any(taught):
            rule, fix = "must hold an assistant turn with a weight of 1", "take the weights out"
            yield "bad_weight", key, rule, "0 for each", fix
    chosen, rejected = ("\n".join(message.said for message in answer) for answer in answers)
    if chosen == rejected:
        fix = "give a worse answer, or take the record out"
        yield "bad_preference", "rejected", "must differ from chosen", shown(rejected), fix
