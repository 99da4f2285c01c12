"""Tools and the calls of them, in OpenAI's form: their faults, reading them.

The older `functions` and `function_call` are read as tools and calls. Arguments are JSON text; an object is
accepted and becomes text. Deliberately does not know messages, nor which format holds them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from tunewright.data.rows import Finding, shown

_CALL_FIX = 'write {"id": "call_1", "type": "function", "function": {"name": "…", "arguments": "{…}"}}'
_TOOL_FIX = 'write {"type": "function", "function": {"name": "…", "parameters": {…}}}'


# ── tools ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def tools_findings(record: Mapping[str, Any], place: str = "") -> Iterator[Finding]:
    """Yield the faults of `tools` and of the older `functions`; `place` is the path of the record, such as `input.`."""
    for key in ("tools", "functions"):
        tools = record.get(key)
        if tools is not None:
            yield from list_findings(tools, f"{place}{key}", is_bare=key == "functions")
    if not isinstance(record.get("parallel_tool_calls"), bool | None):
        value = shown(record["parallel_tool_calls"])
        yield "bad_value", f"{place}parallel_tool_calls", "must be true or false", value, "take it out"


def list_findings(tools: Any, place: str, *, is_bare: bool = False) -> Iterator[Finding]:
    """Yield the faults of one list of tools; in a bare one each is the function itself."""
    if not isinstance(tools, list):
        yield "bad_tool", place, "must be a list", shown(tools), _TOOL_FIX
        return
    for index, tool in enumerate(tools):
        function = tool if is_bare or not isinstance(tool, dict) else tool.get("function")
        if not isinstance(function, dict) or not isinstance(function.get("name"), str) or not function["name"]:
            yield "bad_tool", f"{place}[{index}]", "must describe a function", shown(tool), _TOOL_FIX
        elif not isinstance(function.get("parameters"), dict | None):
            name, value = f"{place}[{index}].parameters", shown(function["parameters"])
            yield "bad_tool", name, "must be a JSON schema", value, 'write {"type": "object", "properties": {…}}'


def read_tools(record: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Return the tools of a record in which no fault was found."""
    functions = [as_tool(function) for function in record.get("functions") or ()]
    return (*(record.get("tools") or ()), *functions)


def as_tool(function: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a function as a tool."""
    return {"type": "function", "function": function}


# ── calls ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def has_calls(item: Mapping[str, Any]) -> bool:
    """Whether a message calls a tool."""
    return bool(item.get("tool_calls") or item.get("function_call"))


def call_ids(item: Mapping[str, Any]) -> list[str]:
    """Return the ids of a message's calls, whatever else may be wrong with them."""
    calls = item.get("tool_calls")
    ids = [call.get("id") for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    return [each for each in ids if isinstance(each, str) and each]


def call_findings(item: Mapping[str, Any], place: str) -> Iterator[Finding]:
    """Yield the faults of the calls of one message."""
    calls = item.get("tool_calls")
    if isinstance(calls, list):
        for index, call in enumerate(calls):
            yield from _call_findings(call, f"{place}.tool_calls[{index}]")
    elif calls is not None:
        yield "bad_tool", f"{place}.tool_calls", "must be a list of calls", shown(calls), _CALL_FIX
    if item.get("function_call") is not None:
        name, call = f"{place}.function_call", item["function_call"]
        if isinstance(call, dict):
            yield from function_findings(call, name)
        else:
            yield "bad_tool", name, "must be an object", shown(call), 'write {"name": "…", "arguments": "{…}"}'
    if has_calls(item) and item.get("role") != "assistant":
        key = "tool_calls" if item.get("tool_calls") else "function_call"
        yield "bad_tool", f"{place}.{key}", "belong to assistant messages only", shown(item[key]), "take them out"


def function_findings(function: Mapping[str, Any], name: str) -> Iterator[Finding]:
    """Yield the faults of a called function: its name and its arguments."""
    if not isinstance(function.get("name"), str) or not function["name"]:
        yield "bad_tool", f"{name}.name", "must name the function", shown(function.get("name")), 'write "name": "…"'
    if _arguments_text(function.get("arguments")) is None:
        value = shown(function["arguments"]) if "arguments" in function else "nothing"
        fix = 'write "arguments": "{\\"key\\": …}", or "{}" for none'
        yield "bad_tool", f"{name}.arguments", "must be a JSON object as text", value, fix


def read_calls(item: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Return the calls of a message in which no fault was found."""
    legacy = [read_call(item["function_call"])] if item.get("function_call") else []
    return (*(read_call(call["function"], call.get("id")) for call in item.get("tool_calls") or ()), *legacy)


def read_call(function: Mapping[str, Any], own_id: str | None = None) -> Mapping[str, Any]:
    """Return a call with its arguments as text, as OpenAI sends them; an id that the row does not give stays away."""
    named = {"name": function["name"], "arguments": _arguments_text(function["arguments"])}
    return {**({"id": own_id} if own_id is not None else {}), "type": "function", "function": named}


def _call_findings(call: Any, name: str) -> Iterator[Finding]:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(function, dict):
        yield "bad_tool", name, "must be a call of a function", shown(call), _CALL_FIX
        return
    if not isinstance(call.get("id"), str | None):
        yield "bad_tool", f"{name}.id", "must be text", shown(call["id"]), 'write "id": "call_1"'
    if call.get("type") not in (None, "function"):
        yield "bad_tool", f"{name}.type", "must be function", shown(call["type"]), 'write "type": "function"'
    yield from function_findings(function, f"{name}.function")


def _arguments_text(arguments: Any) -> str | None:
    """Return the arguments as JSON text; None where they are no JSON object, or one that cannot be written."""
    try:
        if isinstance(arguments, dict):
            return orjson.dumps(arguments).decode()
        is_object = isinstance(arguments, str) and isinstance(orjson.loads(arguments), dict)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None
    return arguments if is_object else None
