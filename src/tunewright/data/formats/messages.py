"""Messages in OpenAI's form, wherever a format holds them: their faults, reading them, writing them.

Content is text or a list of text parts, which are joined. A turn that calls tools may have no content. The older
`function_call` becomes a tool call; `developer` becomes `system`. Deliberately does not know which key holds the list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tunewright.data.formats.record import is_blank, is_text, key_fix
from tunewright.data.formats.tools import call_findings, call_ids, has_calls, read_calls
from tunewright.data.rows import Finding, Message, shown
from tunewright.spec.faults import near_miss

ROLES = ("system", "developer", "user", "assistant", "tool", "function")

_MESSAGE_KEYS = ["role", "content", "weight", "name", "tool_calls", "tool_call_id", "function_call", "refusal"]
_KEYS_ELSEWHERE = {"from": "role", "value": "content", "text": "content"}
_ROLES_ELSEWHERE = {
    **dict.fromkeys(("human", "prompter"), "user"),
    **dict.fromkeys(("bot", "gpt", "chatgpt", "model", "ai", "chatbot"), "assistant"),
    "observation": "tool",
}
_MAY_BE_EMPTY = ("system", "developer", "tool", "function")
_SPEAKERS = frozenset(("system", "developer", "user", "assistant"))
_RULE_OF_CONTENT = "must be text or a list of text parts"


# ── faults ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def message_findings(item: Any, place: str) -> Iterator[Finding]:
    """Yield the faults of one message by itself; `place` is its field, such as `messages[2]`."""
    if not isinstance(item, dict):
        yield "bad_value", place, "must be an object", shown(item), 'write {"role": "user", "content": "…"}'
        return
    role = item.get("role")
    if not _is_role(role):
        value = shown(role) if "role" in item else "missing in value"
        yield "bad_role", f"{place}.role", f"must be one of {', '.join(ROLES)}", value, _role_fix(role)
    for key, value in item.items():
        # Files written by OpenAI's client hold every key of a message, the unused ones as null or as an empty list.
        if key not in _MESSAGE_KEYS and value is not None and value != []:
            fix = key_fix(key, _MESSAGE_KEYS, _KEYS_ELSEWHERE)
            yield "unknown_key", f"{place}.{key[:80]}", "is not a key of a message", shown(value), fix
    if item.get("refusal") is not None:
        fix = "write it as content if it shall be taught"
        yield "unknown_key", f"{place}.refusal", "is not taught", shown(item["refusal"]), fix
    yield from call_findings(item, place)
    yield from _content_findings(item, place)
    yield from _weight_findings(item, place)
    for key in ("name", "tool_call_id"):
        if not isinstance(item.get(key), str | None):
            yield "bad_value", f"{place}.{key}", "must be text", shown(item[key]), f'write "{key}": "…"'


def list_findings(items: Any, place: str) -> Iterator[Finding]:
    """Yield the faults of a list of messages, each by itself; the list must hold one at least."""
    if not isinstance(items, list):
        fix = 'write [{"role": "user", "content": "…"}, …]'
        yield "bad_value", place, "must be a list of messages", shown(items), fix
    elif not items:
        yield "no_content", place, "must hold at least one message", "[]", "say what is said"
    else:
        for index, item in enumerate(items):
            yield from message_findings(item, f"{place}[{index}]")


def conversation_findings(messages: Sequence[Any], place: str, before: Sequence[Any] = ()) -> Iterator[Finding]:
    """Yield what is wrong with the messages together; nothing where a role is wrong, which would be told twice.

    `place` is the field of their list; `before` are messages that precede them and are not taught.
    """
    if not messages or not all(isinstance(item, dict) and _is_role(item.get("role")) for item in (*before, *messages)):
        return
    roles = [item["role"] for item in messages]
    yield from _answer_findings(messages, place, before)
    if "assistant" not in roles:
        rule, value = "must hold an assistant turn to learn from", ", ".join(roles[:10])
        yield "no_assistant", place, rule, value, "add the right answer"
    elif roles[-1] != "assistant":
        fix, name = "add the right answer, or take the last message out", f"{place}[{len(roles) - 1}].role"
        yield "last_not_assistant", name, "must be assistant in the last message", shown(roles[-1]), fix
    elif all(item.get("weight", 1) == 0 for item in messages if item["role"] == "assistant"):
        rule, fix = "must hold an assistant turn with a weight of 1", "give one turn a weight of 1"
        yield "no_assistant", place, rule, "0 for each", fix


def messages_are_sound(messages: Any) -> bool:
    """Whether this is certainly a conversation without a fault, found fast; False says only that a look is needed.

    Sound are lists of plain messages: one of four roles, content that is text and not blank, perhaps null or a weight.
    """
    if type(messages) is not list:
        return False
    taught = False
    role = ""
    try:
        for item in messages:
            role = item["role"]
            content = item["content"]
            if type(content) is not str or not content or content.isspace() or role not in _SPEAKERS:
                return False
            if len(item) != 2 and not _is_plain(item, role):
                return False
            if role == "assistant" and (len(item) == 2 or item.get("weight") != 0):
                taught = True
    except (KeyError, TypeError):  # no object, or a role that is none
        return False
    return taught and role == "assistant"


def is_plain_list(messages: Any) -> bool:
    """Whether this is certainly a list of messages without a fault, each by itself: role and text, nothing else."""
    return (
        isinstance(messages, list)
        and bool(messages)
        and all(
            isinstance(item, dict)
            and len(item) == 2
            and item.get("role") in ("system", "developer", "user", "assistant")
            and is_text(item.get("content"))
            for item in messages
        )
    )


def _is_plain(item: Mapping[str, Any], role: str) -> bool:
    for key, value in item.items():
        if key == "weight" and value is not None:
            if role != "assistant" or type(value) is not int or value not in (0, 1):
                return False
        elif key not in ("role", "content") and value is not None:
            return False
    return True


def _is_role(role: Any) -> bool:
    return isinstance(role, str) and role in ROLES


def _role_fix(role: Any) -> str:
    if not isinstance(role, str):
        return "say who speaks"
    role = role[:80].lower()
    return f"did you mean {_ROLES_ELSEWHERE[role]}?" if role in _ROLES_ELSEWHERE else near_miss(role, list(ROLES))


def _content_findings(item: dict[str, Any], place: str) -> Iterator[Finding]:
    content, field = item.get("content"), f"{place}.content"
    if content is None:
        if not has_calls(item):
            value = "null" if "content" in item else "nothing"
            yield "no_content", field, _RULE_OF_CONTENT, value, 'write "content": "…"'
    elif isinstance(content, list) and content:
        wrong = False
        for index, part in enumerate(content):
            if not _is_text_part(part):
                rule, fix = 'must be {"type": "text", "text": "…"}', "only text can be taught"
                yield "bad_value", f"{field}[{index}]", rule, shown(part), fix
                wrong = True
        if not wrong:
            yield from _blank_findings(item, "".join(part["text"] for part in content), field)
    elif isinstance(content, str):
        yield from _blank_findings(item, content, field)
    else:
        yield "no_content", field, _RULE_OF_CONTENT, shown(content), 'write "content": "…"'


def _blank_findings(item: dict[str, Any], text: str, field: str) -> Iterator[Finding]:
    # An empty system prompt is common in converted files and harms nothing; a tool may truly answer nothing.
    if is_blank(text) and item.get("role") not in _MAY_BE_EMPTY and not has_calls(item):
        fix = "write what is said, or take the message out"
        yield "no_content", field, "must hold text", shown(item["content"]), fix


def _is_text_part(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str)


def _weight_findings(item: dict[str, Any], place: str) -> Iterator[Finding]:
    weight = item.get("weight")
    if weight is None:
        return
    if item.get("role") != "assistant":
        rule = "belongs to assistant messages only"
        yield "bad_weight", f"{place}.weight", rule, shown(weight), "take the weight out"
    elif isinstance(weight, bool) or weight not in (0, 1):
        fix = "0 leaves the turn untaught, 1 teaches it"
        yield "bad_weight", f"{place}.weight", "must be 0 or 1", shown(weight), fix


def _answer_findings(messages: Sequence[Any], place: str, before: Sequence[Any]) -> Iterator[Finding]:
    """Yield the answers of tools that name a call which was not made before them, where calls have ids at all."""
    called = {each: None for item in before for each in call_ids(item)}
    for index, item in enumerate(messages):
        answers = item.get("tool_call_id")
        if item["role"] == "tool" and isinstance(answers, str) and called and answers not in called:
            fix = f"the calls before it are {', '.join(list(called)[-5:])[:80]}"
            yield "bad_tool", f"{place}[{index}].tool_call_id", "must name a call before it", shown(answers), fix
        called.update(dict.fromkeys(call_ids(item)))


# ── reading and writing ──────────────────────────────────────────────────────────────────────────────────────────────


def read_messages(items: Sequence[Mapping[str, Any]]) -> tuple[Message, ...]:
    """Return messages in which no fault was found."""
    return tuple(_message(item) for item in items)


def write_message(message: Message) -> dict[str, Any]:
    """Return the message in OpenAI's form."""
    item: dict[str, Any] = {"role": message.role}
    if message.content or not message.tool_calls:
        item["content"] = message.content
    if message.tool_calls:
        item["tool_calls"] = [dict(call) for call in message.tool_calls]
    if message.tool_call_id:
        item["tool_call_id"] = message.tool_call_id
    if message.name:
        item["name"] = message.name
    if message.weight != 1:
        item["weight"] = int(message.weight)
    return item


def write_messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return the messages in OpenAI's form."""
    return [write_message(message) for message in messages]


def is_just_said(message: Message, role: str) -> bool:
    """Whether the message is no more than `role` saying something, which a format without messages can hold."""
    return message == Message(role, message.content) and not is_blank(message.content)


def _message(item: Mapping[str, Any]) -> Message:
    role = "system" if item["role"] == "developer" else item["role"]
    content = item.get("content")
    if isinstance(content, list):
        content = "".join(part["text"] for part in content)
    weight = item.get("weight")
    return Message(
        role="tool" if role == "function" else role,
        content=content or "",
        weight=1.0 if weight is None else float(weight),
        tool_calls=read_calls(item),
        tool_call_id=item.get("tool_call_id") or "",
        name=item.get("name") or "",
    )
