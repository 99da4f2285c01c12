"""The fast path of a check: what it calls sound has no fault, at every border where the two could part."""

from __future__ import annotations

import copy
import timeit
from collections.abc import Iterator
from typing import Any

import pytest

from tunewright.data.formats.all import format_named

USER, ASSISTANT = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}
PLAIN: list[tuple[str, dict[str, Any]]] = [
    ("chat", {"messages": [{"role": "system", "content": "s"}, USER, ASSISTANT]}),
    ("chat", {"messages": [USER, {**ASSISTANT, "weight": 0}, USER, {**ASSISTANT, "weight": 1}], "metadata": {"a": 1}}),
    ("chat", {"messages": [USER, {**ASSISTANT, "refusal": None, "tool_calls": None}], "metadata": None}),
    ("prompt_completion", {"prompt": "q", "completion": " a"}),
    ("prompt_completion", {"prompt": "q", "completion": " a", "metadata": {"a": 1}}),
    ("alpaca", {"instruction": "q", "input": "", "output": "a"}),
    ("alpaca", {"instruction": "q", "output": "a", "metadata": {"a": 1}}),
    ("input_output", {"input": "q", "output": "a", "metadata": {"a": 1}}),
    ("sharegpt", {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}], "metadata": {}}),
    ("text", {"text": "t"}),
    ("text", {"text": "t", "metadata": {"a": 1}}),
    (
        "preference_openai",
        {
            "input": {"messages": [USER]},
            "preferred_output": [ASSISTANT],
            "non_preferred_output": [{**ASSISTANT, "content": "b"}],
        },
    ),
]
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, 0.0, 0.5, float("nan"), 2, [], {}, [None], [[]], {"a": 1}),
    *("", " \n", "\u2003", "q", "a", "b", "x", b"a", [USER], [ASSISTANT], [ASSISTANT, USER], USER, ASSISTANT),
    *("user", "assistant", "system", "developer", "tool", "function", "human", "gpt", "function_call", "observation"),
    *([{"type": "text", "text": "a"}], [{"type": "text", "text": " "}], [{"type": "image_url"}]),
)
KEYS = (
    "role",
    "content",
    "weight",
    "name",
    "tool_calls",
    "refusal",
    "from",
    "value",
    "metadata",
    "tools",
    "label",
    "x",
)


def changed(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the record with each one place replaced, taken out, doubled or added to, by every odd value."""
    for path in _places(record):
        for act in _acts():
            copied = copy.deepcopy(record)
            holder = copied
            for key in path[:-1]:
                holder = holder[key]
            act(holder, path[-1])
            yield copied


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield (*path, key)
        yield from _places(value[key], (*path, key))


def _acts() -> Iterator[Any]:
    yield lambda holder, key: holder.pop(key)
    yield lambda holder, key: holder.append(holder[key]) if isinstance(holder, list) else None
    for value in VALUES:
        yield lambda holder, key, value=value: holder.__setitem__(key, value)
        for name in KEYS:
            yield (
                lambda holder, key, name=name, value=value: (
                    holder.__setitem__(name, value) if isinstance(holder, dict) else None
                )
            )


@pytest.mark.parametrize(("name", "record"), PLAIN)
def test_a_plain_record_is_sound_and_nothing_with_a_fault_is(name: str, record: dict[str, Any]) -> None:
    each = format_named(name)
    assert each.is_sound(record)
    verdicts = {(each.is_sound(other), isinstance(each.read(other, "t", 1), list)) for other in changed(record)}
    assert (True, True) not in verdicts
    assert {(True, False), (False, True)} <= verdicts


@pytest.mark.slow
def test_a_plain_chat_record_is_found_sound_in_about_a_microsecond() -> None:
    is_sound, record = format_named("chat").is_sound, PLAIN[0][1]
    best_s = min(timeit.repeat(lambda: is_sound(record), number=20_000, repeat=7)) / 20_000
    assert best_s <= 3e-6  # 0.5 µs on an idle core; the rest is for a busy one
