"""The legacy format of OpenAI's fine-tuning API: `{"prompt": "…", "completion": "…"}`, one question and its answer.

It becomes a user and an assistant turn. By the convention of that API a completion began with one space, which kept
the tokens of prompt and completion apart; a chat template does that by itself, so the space is taken off.
Deliberately does not know files, templates or tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tunewright.data.rows import Message, Row, RowFault, shown
from tunewright.spec.faults import near_miss

NAME: str = "prompt_completion"

_RECORD_KEYS = ["prompt", "completion", "metadata"]


def detect(record: dict[str, Any]) -> bool:
    """Whether the record means to be a prompt with its completion."""
    return "prompt" in record and "completion" in record


def parse(record: dict[str, Any], path: str, line: int) -> Row | list[RowFault]:
    """Return the row, or every fault of the record."""
    findings = list(_findings(record))
    if findings:
        return [RowFault(path, line, *finding) for finding in findings]
    messages = (Message("user", record["prompt"]), Message("assistant", record["completion"].removeprefix(" ")))
    return Row(path, line, messages, record.get("metadata") or {})


def _findings(record: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    for key in record:
        if key not in _RECORD_KEYS:
            rule = "is not a key of a prompt and completion row"
            yield key, rule, shown(record[key]), near_miss(key, _RECORD_KEYS)
    for key in ("prompt", "completion"):
        value = record.get(key)
        if not isinstance(value, str) or not value.strip():
            given = shown(value) if key in record else "nothing"
            yield key, "must be text that is not empty", given, f'write "{key}": "…"'
    if not isinstance(record.get("metadata"), dict | None):
        yield "metadata", "must be an object", shown(record["metadata"]), 'write {"metadata": {"group": "…"}}'
