"""The ShareGPT format: `{"conversations": [{"from": "human", "value": "…"}, {"from": "gpt", "value": "…"}]}`.

Also the tool turns of LLaMA-Factory: `function_call`, whose value is `{"name", "arguments"}` or a list of such as JSON
text, `observation`, and `tools` as JSON text. It has no ids: an answer belongs to the call before it. A `weight` of 0
or 1 on what the model says is accepted, as axolotl accepts it.
Deliberately does not know files, templates or tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from tunewright.data.formats.messages import conversation_findings
from tunewright.data.formats.record import (
    cannot_hold,
    faults_of,
    is_blank,
    is_plain,
    is_text,
    key_findings,
    key_fix,
    metadata_findings,
    with_metadata,
)
from tunewright.data.formats.tools import as_tool, function_findings, list_findings, read_call
from tunewright.data.rows import Finding, Kind, Message, Row, RowFault, shown
from tunewright.spec.faults import near_miss

NAME: str = "sharegpt"
KIND: Kind = "conversation"
KEYS: tuple[str, ...] = ("conversations", "tools", "system", "metadata")

SPEAKERS = {
    "human": "user",
    "gpt": "assistant",
    "system": "system",
    "function_call": "assistant",
    "observation": "tool",
    "tool": "tool",
    "user": "user",
    "assistant": "assistant",
}
"""Who speaks → the role; the last two are in wide use beside the format's own words."""

_WRITTEN = {"user": "human", "assistant": "gpt", "system": "system", "tool": "observation"}
_SPEAKERS_ELSEWHERE = {
    **dict.fromkeys(("bot", "chatgpt", "model", "ai", "chatbot", "bing", "bard"), "gpt"),
    **dict.fromkeys(("prompter", "person"), "human"),
    **dict.fromkeys(("function", "function_response", "tool_response"), "observation"),
    **dict.fromkeys(("tool_call", "function-call"), "function_call"),
    "developer": "system",
}
_TURN_KEYS = ("from", "value", "weight")
_TURN_KEYS_ELSEWHERE = {"role": "from", "content": "value", "text": "value"}
_ELSEWHERE = {"conversation": "conversations", "messages": "conversations", "system_prompt": "system"}
_TURN_FIX = 'write {"from": "human", "value": "…"}'
_CALL_FIX = 'write "{\\"name\\": \\"…\\", \\"arguments\\": {…}}"'


def detect(record: dict[str, Any]) -> bool:
    """Whether the record means to be a conversation in ShareGPT's words; with two answers it is a preference."""
    return "conversations" in record and not ("chosen" in record and "rejected" in record)


def is_sound(record: dict[str, Any]) -> bool:
    """Whether the record certainly has no fault, found fast: nothing but human and gpt, perhaps with metadata."""
    turns = record.get("conversations")
    if not isinstance(turns, list) or not turns or not is_plain(record, ("conversations", "metadata")):
        return False
    for turn in turns:
        if not isinstance(turn, dict) or len(turn) != 2 or not is_text(turn.get("value")):
            return False
        if turn.get("from") not in ("human", "gpt"):
            return False
    return turns[-1]["from"] == "gpt"


def read(record: dict[str, Any], path: str, line: int) -> Row | list[RowFault]:
    """Return the row, or every fault of the record."""
    if faults := faults_of(_findings(record), path, line):
        return faults
    system = [Message("system", record["system"])] if is_text(record.get("system")) else []
    messages = (*system, *(_message(turn) for turn in record["conversations"]))
    return Row(path, line, messages, record.get("metadata") or {}, tuple(_tools(record)))


def write(row: Row) -> dict[str, Any]:
    """Return the record; ids of calls and names of tools stay behind, as order says which answer is whose.

    Raises:
        DataError: a turn says something and calls a tool at once, or a speaker has a name.
    """
    record: dict[str, Any] = {"conversations": [_turn(row, message) for message in row.messages]}
    if row.tools:
        bare = [tool["function"] if tool == as_tool(tool["function"]) else tool for tool in row.tools]
        record["tools"] = orjson.dumps(bare).decode()
    return with_metadata(record, row)


# ── faults ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _findings(record: dict[str, Any]) -> Iterator[Finding]:
    yield from key_findings(record, KEYS, "a ShareGPT row", _ELSEWHERE)
    yield from metadata_findings(record)
    if not isinstance(record.get("system"), str | None):
        yield "bad_value", "system", "must be text", shown(record["system"]), 'write "system": "…"'
    yield from _tools_findings(record)
    turns = record.get("conversations")
    if "conversations" not in record:
        yield (
            "missing_messages",
            "conversations",
            "must be given",
            "nothing",
            f'write "conversations": [{_TURN_FIX[6:]}]',
        )
    elif not isinstance(turns, list) or not turns:
        rule, fix = "must be a list of at least one turn", "give a human and a gpt turn"
        yield "missing_messages", "conversations", rule, shown(turns), fix
    else:
        for index, turn in enumerate(turns):
            yield from _turn_findings(turn, f"conversations[{index}]")
        yield from _together_findings(turns)


def _turn_findings(turn: Any, place: str) -> Iterator[Finding]:
    if not isinstance(turn, dict):
        yield "bad_value", place, "must be an object", shown(turn), _TURN_FIX
        return
    speaker = turn.get("from")
    if not isinstance(speaker, str) or speaker not in SPEAKERS:
        value = shown(speaker) if "from" in turn else "missing in value"
        yield "bad_role", f"{place}.from", f"must be one of {', '.join(SPEAKERS)}", value, _speaker_fix(turn)
    for key, value in turn.items():
        if key not in _TURN_KEYS and value is not None and value != []:
            fix = key_fix(key, _TURN_KEYS, _TURN_KEYS_ELSEWHERE)
            yield "unknown_key", f"{place}.{key[:80]}", "is not a key of a turn", shown(value), fix
    yield from _weight_findings(turn, place)
    said, field = turn.get("value"), f"{place}.value"
    if said is None:
        value = "null" if "value" in turn else "nothing"
        yield "no_content", field, "must be text", value, 'write "value": "…"'
    elif not isinstance(said, str):
        yield "bad_value", field, "must be text", shown(said), 'write "value": "…"'
    elif speaker == "function_call":
        yield from _calls_findings(said, field)
    elif is_blank(said) and speaker not in ("system", "observation", "tool"):
        yield "no_content", field, "must hold text", shown(said), "write what is said, or take the turn out"


def _weight_findings(turn: dict[str, Any], place: str) -> Iterator[Finding]:
    weight, speaker = turn.get("weight"), turn.get("from")
    if weight is None:
        return
    if not isinstance(speaker, str) or SPEAKERS.get(speaker) != "assistant":
        rule = "belongs to what the model says only"
        yield "bad_weight", f"{place}.weight", rule, shown(weight), "take the weight out"
    elif isinstance(weight, bool) or weight not in (0, 1):
        fix = "0 leaves the turn untaught, 1 teaches it"
        yield "bad_weight", f"{place}.weight", "must be 0 or 1", shown(weight), fix


def _calls_findings(said: str, field: str) -> Iterator[Finding]:
    calls = _parsed(said)
    calls = [calls] if isinstance(calls, dict) else calls
    if not isinstance(calls, list) or not calls or not all(isinstance(call, dict) for call in calls):
        yield "bad_tool", field, "must be a call, or a list of calls, as JSON text", shown(said), _CALL_FIX
        return
    for call in calls:
        yield from function_findings(call, field)


def _tools_findings(record: dict[str, Any]) -> Iterator[Finding]:
    tools = record.get("tools")
    if not isinstance(tools, str):
        listed = tools
    elif is_blank(tools):
        listed = None
    else:
        listed = _parsed(tools)
        if not isinstance(listed, list):
            yield "bad_tool", "tools", "must be a list of functions as JSON text", shown(tools), 'write "[]" for none'
            return
    if isinstance(listed, list):
        listed = [_wrapped(tool) for tool in listed]
    if listed is not None:
        yield from list_findings(listed, "tools")


def _together_findings(turns: list[Any]) -> Iterator[Finding]:
    """Yield what is wrong with the turns together, in the words of this format."""
    speakers = [turn.get("from") if isinstance(turn, dict) else None for turn in turns]
    if not all(isinstance(speaker, str) and speaker in SPEAKERS for speaker in speakers):
        return
    items = [{**turn, "role": SPEAKERS[turn["from"]]} for turn in turns]
    for kind, name, rule, value, fix in conversation_findings(items, "conversations"):
        if kind == "last_not_assistant":
            name, rule, value = name.removesuffix("role") + "from", "must be gpt in the last turn", shown(speakers[-1])
        yield kind, name, rule, value, fix


def _speaker_fix(turn: dict[str, Any]) -> str:
    speaker = turn.get("from")
    if not isinstance(speaker, str):
        return 'name the list "messages" to use OpenAI\'s keys' if "role" in turn else "say who speaks"
    meant = _SPEAKERS_ELSEWHERE.get(speaker[:80].lower())
    return f"did you mean {meant}?" if meant else near_miss(speaker[:80].lower(), list(SPEAKERS))


# ── reading and writing ──────────────────────────────────────────────────────────────────────────────────────────────


def _parsed(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _wrapped(tool: Any) -> Any:
    return as_tool(tool) if isinstance(tool, dict) and "function" not in tool else tool


def _tools(record: dict[str, Any]) -> list[Mapping[str, Any]]:
    tools = record.get("tools")
    listed = _parsed(tools) if isinstance(tools, str) else tools
    return [_wrapped(tool) for tool in listed or ()]


def _message(turn: dict[str, Any]) -> Message:
    weight = 1.0 if turn.get("weight") is None else float(turn["weight"])
    if turn["from"] != "function_call":
        return Message(SPEAKERS[turn["from"]], turn["value"], weight)
    calls = _parsed(turn["value"])
    calls = calls if isinstance(calls, list) else [calls]
    return Message("assistant", "", weight, tuple(read_call(call) for call in calls))


def _turn(row: Row, message: Message) -> dict[str, Any]:
    if message.tool_calls and message.content:
        raise cannot_hold(row, NAME, "a turn says something and calls a tool at once")
    if message.name and message.role != "tool":
        raise cannot_hold(row, NAME, f"a speaker has a name, {message.name!r}")
    turn = {"from": _WRITTEN[message.role], "value": message.content}
    if message.tool_calls:
        calls = [_written(call["function"]) for call in message.tool_calls]
        turn = {"from": "function_call", "value": orjson.dumps(calls[0] if len(calls) == 1 else calls).decode()}
    return turn if message.weight == 1 else {**turn, "weight": int(message.weight)}


def _written(function: Mapping[str, Any]) -> dict[str, Any]:
    """Return a called function with its arguments as an object, unless that would change their text."""
    text = function["arguments"]
    arguments = orjson.loads(text)
    return {"name": function["name"], "arguments": arguments if orjson.dumps(arguments).decode() == text else text}
