"""The instruction format of Stanford's Alpaca: `{"instruction": "…", "input": "…", "output": "…"}`.

`input` is what the instruction is about and may be empty; the two are joined by a line end into one user turn, as
LLaMA-Factory joins them. Its `system` (the system prompt) and `history` (a list of earlier `[question, answer]`, whose
answers are taught too) are read as well.
Deliberately does not know files, templates or tokens.
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
from tunewright.data.rows import Finding, Kind, Message, Row, RowFault, shown

NAME: str = "alpaca"
KIND: Kind = "conversation"
KEYS: tuple[str, ...] = ("instruction", "output", "input", "system", "history", "metadata")

_ELSEWHERE = {
    **dict.fromkeys(("response", "answer", "completion", "target"), "output"),
    **dict.fromkeys(("context",), "input"),
    **dict.fromkeys(("system_prompt",), "system"),
}


def detect(record: dict[str, Any]) -> bool:
    """Whether the record means to be an instruction with its output; with two answers to compare it is a preference."""
    return "instruction" in record and not ("chosen" in record and "rejected" in record)


def is_sound(record: dict[str, Any]) -> bool:
    """Whether the record certainly has no fault, found fast: texts alone, perhaps with metadata."""
    return (
        is_plain(record, ("instruction", "input", "output", "metadata"))
        and is_text(record.get("instruction"))
        and is_text(record.get("output"))
        and isinstance(record.get("input"), str | None)
    )


def read(record: dict[str, Any], path: str, line: int) -> Row | list[RowFault]:
    """Return the row, or every fault of the record."""
    if faults := faults_of(_findings(record), path, line):
        return faults
    turns = [*(record.get("history") or ()), (_question(record), record["output"])]
    system = [Message("system", record["system"])] if is_text(record.get("system")) else []
    said = [m for question, answer in turns for m in (Message("user", question), Message("assistant", answer))]
    return Row(path, line, (*system, *said), record.get("metadata") or {})


def write(row: Row) -> dict[str, Any]:
    """Return the record; the input stays empty, because nothing says where the instruction ended.

    Raises:
        DataError: the row is not questions and plain answers in turn, or has tools.
    """
    num_system = int(row.messages[0].role == "system")
    system, turns = row.messages[:num_system], row.messages[num_system:]
    pairs = list(zip(turns[::2], turns[1::2], strict=False))
    if row.tools or not pairs or len(turns) % 2 or not all(is_just_said(m, "system") for m in system):
        raise cannot_hold(row, NAME, "it is not a system prompt, questions and answers")
    if not all(is_just_said(asked, "user") and is_just_said(answer, "assistant") for asked, answer in pairs):
        raise cannot_hold(row, NAME, "it is not questions and plain answers in turn, each with a weight of 1")
    question, answer = pairs[-1]
    record: dict[str, Any] = {"instruction": question.content, "input": "", "output": answer.content}
    if system:
        record["system"] = system[0].content
    if len(pairs) > 1:
        record["history"] = [[asked.content, said.content] for asked, said in pairs[:-1]]
    return with_metadata(record, row)


def _question(record: dict[str, Any]) -> str:
    given = record.get("input")
    return f"{record['instruction']}\n{given}" if is_text(given) else record["instruction"]


def _findings(record: dict[str, Any]) -> Iterator[Finding]:
    yield from key_findings(record, KEYS, "an instruction row", _ELSEWHERE)
    yield from metadata_findings(record)
    yield from text_findings(record, "instruction")
    yield from text_findings(record, "output")
    for key in ("input", "system"):
        if record.get(key) is not None:
            yield from text_findings(record, key, may_be_empty=True)
    history = record.get("history")
    if not isinstance(history, list | None):
        yield "bad_value", "history", "must be a list of turns", shown(history), 'write [["question", "answer"], …]'
        return
    for index, turn in enumerate(history or []):
        if not isinstance(turn, list) or len(turn) != 2 or not all(is_text(said) for said in turn):
            rule, fix = "must be a question and its answer, both text", 'write ["question", "answer"]'
            yield "bad_value", f"history[{index}]", rule, shown(turn), fix
