"""The preference format of OpenAI's fine-tuning API: one input, the better and the worse answer to it.

`{"input": {"messages": […], "tools": […]}, "preferred_output": [answer], "non_preferred_output": [answer]}`; the older
names `preferred_completion` and `non_preferred_completion` are accepted. Each output is one assistant message, and the
two say different things.
Deliberately does not know files, templates or tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tunewright.data.formats.messages import (
    is_plain_list,
    list_findings,
    message_findings,
    read_messages,
    write_message,
    write_messages,
)
from tunewright.data.formats.record import (
    cannot_hold,
    faults_of,
    is_plain,
    key_findings,
    metadata_findings,
    with_metadata,
)
from tunewright.data.formats.tools import read_tools, tools_findings
from tunewright.data.rows import Finding, Kind, PreferenceRow, RowFault, shown

NAME: str = "preference_openai"
KIND: Kind = "preference"
KEYS: tuple[str, ...] = (
    "input",
    "preferred_output",
    "non_preferred_output",
    "preferred_completion",
    "non_preferred_completion",
    "metadata",
)

_INPUT_KEYS = ("messages", "tools", "parallel_tool_calls", "functions")
_OUTPUTS = (("preferred_output", "preferred_completion"), ("non_preferred_output", "non_preferred_completion"))
_OUTPUT_FIX = 'write [{"role": "assistant", "content": "…"}]'
_INPUT_FIX = 'write {"messages": [{"role": "user", "content": "…"}]}'


def detect(record: dict[str, Any]) -> bool:
    """Whether the record means to be an input with a preferred and another output."""
    has_output = any(name in record for names in _OUTPUTS for name in names)
    return has_output or (isinstance(record.get("input"), dict) and "messages" in record["input"])


def is_sound(record: dict[str, Any]) -> bool:
    """Whether the record certainly has no fault, found fast: plain messages and no tools, perhaps with metadata."""
    given = record.get("input")
    better, worse = record.get("preferred_output"), record.get("non_preferred_output")
    if not isinstance(given, dict) or len(given) != 1 or not is_plain_list(given.get("messages")):
        return False
    if not isinstance(better, list) or not isinstance(worse, list) or len(better) != 1 or len(worse) != 1:
        return False
    if not is_plain_list([*better, *worse]) or better[0]["content"] == worse[0]["content"]:
        return False
    return better[0]["role"] == worse[0]["role"] == "assistant" and is_plain(
        record, ("input", "preferred_output", "non_preferred_output", "metadata")
    )


def read(record: dict[str, Any], path: str, line: int) -> PreferenceRow | list[RowFault]:
    """Return the row, or every fault of the record."""
    if faults := faults_of(_findings(record), path, line):
        return faults
    chosen, rejected = (read_messages(record[_named(record, names)]) for names in _OUTPUTS)
    prompt = read_messages(record["input"]["messages"])
    return PreferenceRow(
        path, line, prompt, chosen, rejected, record.get("metadata") or {}, read_tools(record["input"])
    )


def write(row: PreferenceRow) -> dict[str, Any]:
    """Return the record.

    Raises:
        DataError: an answer is more than one message.
    """
    if len(row.chosen) != 1 or len(row.rejected) != 1 or not row.prompt:
        raise cannot_hold(row, NAME, "it takes a prompt and one message for each answer")
    given: dict[str, Any] = {"messages": write_messages(row.prompt)}
    if row.tools:
        given["tools"] = [dict(tool) for tool in row.tools]
    better, worse = write_message(row.chosen[0]), write_message(row.rejected[0])
    return with_metadata({"input": given, "preferred_output": [better], "non_preferred_output": [worse]}, row)


def _named(record: dict[str, Any], names: tuple[str, str]) -> str:
    return names[1] if names[0] not in record and names[1] in record else names[0]


def _findings(record: dict[str, Any]) -> Iterator[Finding]:
    names = [_named(record, each) for each in _OUTPUTS]
    yield from key_findings(record, ("input", *names, "metadata"), "a preference row")
    yield from metadata_findings(record)
    yield from _input_findings(record)
    sound = True
    for name in names:
        for finding in _output_findings(record, name):
            sound = False
            yield finding
    if sound:
        better, worse = (read_messages(record[name])[0] for name in names)
        if better.said == worse.said:
            fix = f"{names[0]} says the same: give a worse answer, or take the record out"
            yield "bad_preference", names[1], "must differ from the preferred one", shown(worse.said), fix


def _input_findings(record: dict[str, Any]) -> Iterator[Finding]:
    given = record.get("input")
    if "input" not in record:
        yield "missing_key", "input", "must be given", "nothing", _INPUT_FIX
    elif not isinstance(given, dict):
        yield "bad_value", "input", "must be an object with messages", shown(given), _INPUT_FIX
    else:
        for kind, name, rule, value, fix in key_findings(given, _INPUT_KEYS, "an input"):
            yield kind, f"input.{name}", rule, value, fix
        yield from tools_findings(given, "input.")
        if "messages" in given:
            yield from list_findings(given["messages"], "input.messages")
        else:
            yield "missing_messages", "input.messages", "must be given", "nothing", _INPUT_FIX


def _output_findings(record: dict[str, Any], name: str) -> Iterator[Finding]:
    output = record.get(name)
    if name not in record:
        yield "bad_preference", name, "must be given", "nothing", _OUTPUT_FIX
    elif not isinstance(output, list) or len(output) != 1:
        yield "bad_preference", name, "must be a list of one assistant message", shown(output), _OUTPUT_FIX
    else:
        yield from message_findings(output[0], f"{name}[0]")
        role = output[0].get("role") if isinstance(output[0], dict) else None
        if isinstance(role, str) and role in ("system", "developer", "user", "tool", "function"):
            fix = "only what the model says can be preferred"
            yield "bad_preference", f"{name}[0].role", "must be assistant", shown(role), fix
        elif role == "assistant" and output[0].get("weight") == 0:
            rule = "must not be 0 in an answer that is compared"
            yield "bad_weight", f"{name}[0].weight", rule, shown(output[0]["weight"]), "take the weight out"
