"""The chat format of OpenAI's fine-tuning API: `{"messages": [{"role": …, "content": …}, …]}`.

All faults of a row are collected, none stops the search. `developer`, OpenAI's newer word for `system`, becomes it.
Two assistant turns in a row are accepted, as OpenAI accepts them; a chat template that cannot render them says so
when the row is encoded. Deliberately does not know files, templates or tokens. Tools come with a later version: until
then a row that uses them is a fault, because dropping them would teach something else than the row says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tunewright.data.rows import Message, Row, RowFault, shown
from tunewright.spec.faults import near_miss

NAME: str = "chat"

_RECORD_KEYS = ["messages", "metadata", "tools", "parallel_tool_calls"]
_MESSAGE_KEYS = ["role", "content", "weight"]
_ROLES = ["system", "developer", "user", "assistant"]
_TOOL_KEYS = {"tool_calls", "tool_call_id", "function_call"}
_TOOLS_LATER = "tools come with a later version"
_TOOLS_FIX = "leave this row out for now, or write the call as plain text"

Finding = tuple[str, str, str, str]
"""Field, rule, value and fix of one fault, before it is known which line it stands on."""


def detect(record: dict[str, Any]) -> bool:
    """Whether the record means to be a chat row."""
    return "messages" in record


def parse(record: dict[str, Any], path: str, line: int) -> Row | list[RowFault]:
    """Return the row, or every fault of the record."""
    findings = [*_record_findings(record), *_messages_findings(record)]
    if findings:
        return [RowFault(path, line, *finding) for finding in findings]
    messages = tuple(_message(item) for item in record["messages"])
    return Row(path, line, messages, record.get("metadata") or {})


def _message(item: dict[str, Any]) -> Message:
    role = "system" if item["role"] == "developer" else item["role"]
    content = item["content"]
    if isinstance(content, list):
        content = "".join(part["text"] for part in content)
    return Message(role, content, float(item.get("weight", 1.0)))


def _record_findings(record: dict[str, Any]) -> Iterator[Finding]:
    for key in record:
        if key not in _RECORD_KEYS:
            yield key, "is not a key of a chat row", shown(record[key]), near_miss(key, _RECORD_KEYS)
    if not isinstance(record.get("metadata"), dict | None):
        yield "metadata", "must be an object", shown(record["metadata"]), 'write {"metadata": {"group": "…"}}'
    if record.get("tools"):
        yield "tools", _TOOLS_LATER, shown(record["tools"]), _TOOLS_FIX


def _messages_findings(record: dict[str, Any]) -> Iterator[Finding]:
    if "messages" not in record:
        yield "messages", "must be given", "", 'write {"messages": [{"role": "user", "content": "…"}, …]}'
        return
    messages = record["messages"]
    if not isinstance(messages, list) or not messages:
        yield "messages", "must be a list of at least one message", shown(messages), "give a user and an assistant turn"
        return
    for index, item in enumerate(messages):
        yield from _message_findings(item, index)
    # Rules about the whole conversation only where every role can be trusted: they would repeat the same fault.
    if all(isinstance(item, dict) and item.get("role") in _ROLES and not _TOOL_KEYS & item.keys() for item in messages):
        yield from _conversation_findings(messages)


def _message_findings(item: Any, index: int) -> Iterator[Finding]:
    place = f"messages[{index}]"
    if not isinstance(item, dict):
        yield place, "must be an object", shown(item), 'write {"role": "user", "content": "…"}'
        return
    tool_keys = sorted(_TOOL_KEYS & item.keys())
    if item.get("role") in ("tool", "function"):
        yield f"{place}.role", _TOOLS_LATER, shown(item["role"]), _TOOLS_FIX
    elif item.get("role") not in _ROLES:
        rule = f"must be one of {', '.join(_ROLES)}"
        yield f"{place}.role", rule, shown(item.get("role")), _role_fix(item.get("role"))
    for key in tool_keys:
        yield f"{place}.{key}", _TOOLS_LATER, shown(item[key]), _TOOLS_FIX
    for key in item:
        if key not in _MESSAGE_KEYS and key not in tool_keys:
            yield f"{place}.{key}", "is not a key of a message", shown(item[key]), near_miss(key, _MESSAGE_KEYS)
    # A turn that calls a tool has no content of its own; the missing text is not a second fault.
    if not tool_keys:
        yield from _content_findings(item, place)
    yield from _weight_findings(item, place)


def _role_fix(role: Any) -> str:
    known = {"human": "user", "bot": "assistant", "gpt": "assistant", "model": "assistant", "ai": "assistant"}
    if isinstance(role, str) and role.lower() in known:
        return f"did you mean {known[role.lower()]}?"
    return near_miss(role.lower(), _ROLES) if isinstance(role, str) else "say who speaks"


def _content_findings(item: dict[str, Any], place: str) -> Iterator[Finding]:
    content, field = item.get("content"), f"{place}.content"
    if isinstance(content, str):
        if not content.strip():
            yield field, "must hold text", shown(content), "write what is said, or take the message out"
        return
    if not isinstance(content, list) or not content:
        value = shown(content) if "content" in item else "nothing"
        yield field, "must be text or a list of text parts", value, 'write "content": "…"'
        return
    parts = [(f"{field}[{index}]", part) for index, part in enumerate(content)]
    wrong = [(where, part) for where, part in parts if not _is_text_part(part)]
    for where, part in wrong:
        yield where, 'must be {"type": "text", "text": "…"}', shown(part), "only text can be taught"
    if not wrong and not "".join(part["text"] for part in content).strip():
        yield field, "must hold text", shown(content), "write what is said, or take the message out"


def _is_text_part(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str)


def _weight_findings(item: dict[str, Any], place: str) -> Iterator[Finding]:
    if "weight" not in item:
        return
    weight = item["weight"]
    if item.get("role") != "assistant":
        yield f"{place}.weight", "belongs to assistant messages only", shown(weight), "take the weight out"
    elif isinstance(weight, bool) or weight not in (0, 1):
        yield f"{place}.weight", "must be 0 or 1", shown(weight), "0 leaves the turn untaught, 1 teaches it"


def _conversation_findings(messages: list[dict[str, Any]]) -> Iterator[Finding]:
    roles = [item["role"] for item in messages]
    for index, role in enumerate(roles):
        if role in ("system", "developer") and index:
            fix = "move it to the front, or join it with the first"
            yield f"messages[{index}].role", "may only be the first message's", shown(role), fix
    if "assistant" not in roles:
        yield "messages", "must hold an assistant turn to learn from", ", ".join(roles[:10]), "add the right answer"
    elif roles[-1] != "assistant":
        fix = "add the right answer, or take the last message out"
        yield f"messages[{len(roles) - 1}].role", "must be assistant in the last message", shown(roles[-1]), fix
    elif all(item.get("weight", 1) == 0 for item in messages if item["role"] == "assistant"):
        yield "messages", "must hold an assistant turn with a weight of 1", "0 for each", "give one turn a weight of 1"
