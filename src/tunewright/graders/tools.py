"""Does the answer call the tools that the reference calls, with the same arguments?

Calls are read from the answer's text in the forms that models are trained on: Hermes and Qwen (`<tool_call>`), Llama
(python tag, `<function=…>`), Mistral (`[TOOL_CALLS]`), OpenAI's own objects, and bare JSON. What is marked as a call
but cannot be read is a wrong call, not none. Does not know the tools: neither names nor arguments are checked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from tunewright.graders.grade import NO_REFERENCE, Grade, GradeFailure, Item, Output
from tunewright.graders.structure import JSON_DECODER, Leaf, is_shallow, json_in, leaves, read_json
from tunewright.spec.grader import ToolCallSpec

Call = tuple[str, frozenset[Leaf] | str]
"""Name, and the arguments as a set of leaves; for a call that cannot be read no name, and its text."""

# A block ends where the next begins, so that marks without an end are read in one pass.
_HERMES = re.compile(r"<tool_call>(.*?)(?=</tool_call>|<tool_call>|\Z)", re.DOTALL)
_FUNCTION_TAG = re.compile(r"<function=([^<>\s]+)>(.*?)(?=</function>|<function=|\Z)", re.DOTALL)
_MISTRAL = re.compile(r"\[TOOL_CALLS\](.*?)(?=\[TOOL_CALLS\]|\Z)", re.DOTALL)
_MISTRAL_NAMED = re.compile(r"\s*([\w.-]+)(?:\[ARGS\])?(\{.*)", re.DOTALL)
_UNTYPED = re.compile(r"<function=[^<>\s]+>\s*<parameter=")
_BETWEEN = re.compile(r"[\s;,]*")
_END_MARKS = ("<|eom_id|>", "<|eot_id|>", "<|im_end|>", "</s>")
_THOUGHT = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)


class ToolCall:
    """F1 = 2·common / (given + wanted) over calls as bags of (name, arguments as JSON); 1 if neither calls anything.

    The reference's calls are `item.tool_calls`; without any, those in the text of the reference.
    """

    def __init__(self, spec: ToolCallSpec) -> None:
        pass

    def __call__(self, output: Output, item: Item, /) -> Grade:
        """Return the grade of `output`."""
        if item.reference is None and not item.tool_calls:
            return NO_REFERENCE
        wanted = _wanted(item)
        if any(not name for name, _ in wanted):
            return GradeFailure("the reference has a tool call that cannot be read: a name and JSON arguments are due")
        if _UNTYPED.search(_THOUGHT.sub("", output.text, count=1)):
            return GradeFailure("the answer calls with <parameter=…>, which does not tell a number from a text")
        given = calls_in(output.text)
        if not given and not wanted:
            return 1.0
        return 2 * (Counter(given) & Counter(wanted)).total() / (len(given) + len(wanted))


def calls_in(text: str) -> list[Call]:
    """Return the calls that `text` makes, in their order; thoughts in front of them (`<think>`) are not read."""
    said = _THOUGHT.sub("", text, count=1)
    for read in _FORMS:
        calls = read(said)
        if calls is not None:
            return calls
    return []


def _wanted(item: Item) -> list[Call]:
    if not item.tool_calls:
        return calls_in(item.reference or "")
    return [_call(_fields_of_call(call)) or _unreadable(str(call)) for call in item.tool_calls]


def _function_tags(text: str) -> list[Call] | None:
    found = _FUNCTION_TAG.findall(text)
    return [_call({"name": name, "arguments": body}) or _unreadable(body) for name, body in found] or None


def _hermes(text: str) -> list[Call] | None:
    return [call for body in _HERMES.findall(text) for call in _marked(body)] or None


def _mistral(text: str) -> list[Call] | None:
    calls: list[Call] = []
    for body in _MISTRAL.findall(text):
        named = _MISTRAL_NAMED.fullmatch(_without_end(body))
        if named is None:
            calls += _marked(body)
        else:
            calls.append(_call({"name": named[1], "arguments": named[2]}) or _unreadable(body))
    return calls or None


def _python_tag(text: str) -> list[Call] | None:
    _, mark, body = text.partition("<|python_tag|>")
    return _marked(body) if mark else None


def _bare(text: str) -> list[Call] | None:
    """Read JSON alone. It is an answer and not a call unless every object in it has a name and arguments."""
    found = json_in(_without_end(text))
    values = _one_after_another(text) if found is None else [found.value]
    objects = [one for value in values or () for one in _objects(value)]
    if not objects or not all("name" in one and ("arguments" in one or "parameters" in one) for one in objects):
        return None
    return [_call(one) or _unreadable(text) for one in objects]


_FORMS: tuple[Callable[[str], list[Call] | None], ...] = (_hermes, _function_tags, _mistral, _python_tag, _bare)
"""From the most to the least explicit mark; the first form that is found is the answer's."""


def _marked(body: str) -> list[Call]:
    values = _one_after_another(body)
    if values is None:
        return [_unreadable(body)]
    return [_call(one) or _unreadable(body) for value in values for one in _objects(value)]


def _one_after_another(text: str) -> list[Any] | None:
    """Return the JSON values of which `text` consists, with nothing but `;`, `,` and space between; else None."""
    text = _without_end(text)
    values: list[Any] = []
    place = _next(text, 0)
    while place < len(text):
        try:
            value, place = JSON_DECODER.raw_decode(text, place)
        except (ValueError, RecursionError):
            return None
        if not is_shallow(value):
            return None
        values.append(value)
        place = _next(text, place)
    return values or None


def _next(text: str, place: int) -> int:
    match = _BETWEEN.match(text, place)
    return place if match is None else match.end()


def _objects(value: Any) -> list[Mapping[str, Any]]:
    """Return what may be calls: the value itself, its items, or what OpenAI's messages hold them in."""
    if isinstance(value, list):
        return [one for item in value for one in _objects(item)]
    if not isinstance(value, dict):
        return [{}]
    if isinstance(value.get("tool_calls"), list):
        return _objects(value["tool_calls"])
    return [_fields_of_call(value)]


def _fields_of_call(call: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = call.get("function", call.get("function_call"))
    return inner if isinstance(inner, Mapping) else call


def _call(fields: Mapping[str, Any]) -> Call | None:
    """Return the call, or None if it has no name or its arguments are no JSON; none at all count as `{}`."""
    name = fields.get("name")
    arguments = fields.get("arguments", fields.get("parameters"))
    if not isinstance(name, str) or not name:
        return None
    if isinstance(arguments, str):
        found = read_json(_without_end(arguments) or "{}")
        return None if found is None else (name, frozenset(leaves(found.value)))
    return name, frozenset(leaves({} if arguments is None else arguments))


def _without_end(text: str) -> str:
    # By hand, not by a regular expression: one that ends in \Z is quadratic in a long run of white space.
    end = len(text)
    while end:
        mark = next((mark for mark in _END_MARKS if text.endswith(mark, 0, end)), " " * text[end - 1].isspace())
        if not mark:
            break
        end -= len(mark)
    return text[:end]


def _unreadable(text: str) -> Call:
    return "", text
