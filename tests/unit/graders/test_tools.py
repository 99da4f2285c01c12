"""In which forms a tool call is recognised, and how close calls are to those wanted."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.graders.grade import NO_REFERENCE, Grade, GradeFailure, Item, Output
from tunewright.graders.make import make_graders
from tunewright.spec.grader import ToolCallSpec

WEATHER = {"name": "weather", "arguments": {"city": "Rome", "days": 2}}
TIME = {"name": "time", "arguments": {}}


def openai(call: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": "c1", "type": "function", "function": {**call, "arguments": json.dumps(call["arguments"])}}


def grade(output: str, *wanted: Mapping[str, Any], reference: str | None = "") -> Grade:
    [grader] = make_graders([ToolCallSpec()]).values()
    return grader(Output(output), Item(reference, tool_calls=wanted))


def parameters(call: Mapping[str, Any]) -> str:
    return json.dumps({"name": call["name"], "parameters": call["arguments"]})


FORMS = {
    "hermes": "".join(f"<tool_call>\n{json.dumps(call)}\n</tool_call>\n" for call in (WEATHER, TIME)),
    "hermes in prose": f"Let me see. <tool_call>{json.dumps(WEATHER)}</tool_call> and "
    f"<tool_call>{json.dumps(TIME)}</tool_call><|im_end|>",
    "hermes cut off": f"<tool_call>{json.dumps(WEATHER)}<tool_call>{json.dumps(TIME)}",
    "hermes after thoughts": f"<think>\nmaybe <tool_call>{{}}</tool_call>?</think>\n<tool_call>{json.dumps(WEATHER)}"
    f"</tool_call><tool_call>{json.dumps(TIME)}</tool_call>",
    "bare list": json.dumps([WEATHER, TIME]),
    "bare objects": f"{parameters(WEATHER)}; {parameters(TIME)}",
    "fenced list": f"```json\n{json.dumps([WEATHER, TIME])}\n```",
    "llama python tag": f"<|python_tag|>{parameters(WEATHER)}\n{parameters(TIME)}<|eom_id|>",
    "llama function tag": '<function=weather>{"city": "Rome", "days": 2}</function><function=time>{}</function>',
    "mistral": f"[TOOL_CALLS] {json.dumps([WEATHER, TIME])}</s>",
    "mistral named": '[TOOL_CALLS]weather[ARGS]{"days": 2, "city": "Rome"}[TOOL_CALLS]time{}',
    "openai list": json.dumps([openai(WEATHER), openai(TIME)]),
    "openai message": json.dumps({"role": "assistant", "content": None, "tool_calls": [openai(TIME), openai(WEATHER)]}),
}


@pytest.mark.parametrize("form", FORMS)
def test_calls_are_read_in_each_form(form: str) -> None:
    assert grade(FORMS[form], openai(WEATHER), openai(TIME)) == 1.0
    assert grade(FORMS[form], openai(WEATHER)) == pytest.approx(2 * (1 / 2) * 1 / (1 / 2 + 1))
    assert grade(FORMS[form], openai({**WEATHER, "arguments": {"city": "Paris", "days": 2}})) == 0.0
    # No `tool_calls` in the row: the reference's text may hold the calls in another form.
    assert grade(FORMS[form], reference=FORMS["bare list"]) == 1.0


def test_the_old_function_call_of_openai_is_read() -> None:
    message = {"role": "assistant", "function_call": openai(WEATHER)["function"]}
    assert grade(json.dumps(message), openai(WEATHER)) == 1.0


@pytest.mark.parametrize(
    ("arguments", "score"),
    [
        ({"days": 2.0, "city": "Rome"}, 1.0),
        ({"city": "rome", "days": 2}, 0.0),
        ({"city": "Rome"}, 0.0),
        ({"city": "Rome", "days": "2"}, 0.0),
        ({"city": "Rome", "days": 2, "unit": None}, 0.0),
    ],
)
def test_arguments_are_equal_as_json(arguments: dict[str, Any], score: float) -> None:
    assert grade(json.dumps({"name": "weather", "arguments": arguments}), openai(WEATHER)) == score


def test_calls_are_a_bag() -> None:
    assert grade(json.dumps([WEATHER, WEATHER]), openai(WEATHER)) == pytest.approx(2 / 3)
    assert grade(json.dumps([WEATHER, WEATHER]), openai(WEATHER), openai(WEATHER)) == 1.0
    assert grade(json.dumps([TIME, WEATHER]), openai(WEATHER), openai(TIME)) == 1.0


@pytest.mark.parametrize("answer", ["It is sunny.", "", '{"city": "Rome"}', '{"name": "Rome"}', "[]", "[1, 2]", "null"])
def test_an_answer_without_a_call_is_right_only_where_none_is_wanted(answer: str) -> None:
    assert grade(answer, reference="I cannot look that up.") == 1.0
    assert grade(answer, openai(WEATHER)) == 0.0


def test_a_call_where_none_is_wanted_is_wrong() -> None:
    assert grade(FORMS["hermes"], reference="It is sunny.") == 0.0


@pytest.mark.parametrize(
    "answer",
    [
        "<tool_call>{'name': 'weather'}</tool_call>",
        "<tool_call>",
        '<tool_call>{"arguments": {}}</tool_call>',
        "<tool_call>3</tool_call>",
        "<function=weather>city=Rome</function>",
        "[TOOL_CALLS] weather",
        "<|python_tag|>weather.get('Rome')",
        '{"name": "weather", "arguments": "city=Rome"}',
        "<tool_call>" + "[" * 9000,
        "[TOOL_CALLS]" + "[" * 500 + "]" * 500,
    ],
)
def test_a_call_that_cannot_be_read_is_a_wrong_call_and_not_none(answer: str) -> None:
    assert grade(answer, reference="It is sunny.") == 0.0
    assert grade(answer, openai(WEATHER)) == 0.0


def test_a_call_without_arguments_has_an_empty_object() -> None:
    for answer in ('<tool_call>{"name": "time"}</tool_call>', '[{"name": "time", "arguments": null}]'):
        assert grade(answer, openai(TIME)) == 1.0
    assert grade("<function=time></function>", {"function": {"name": "time", "arguments": ""}}) == 1.0


def test_what_cannot_be_compared_is_a_failure_and_not_a_zero() -> None:
    assert grade("x", reference=None) == NO_REFERENCE
    assert grade(json.dumps(TIME), openai(TIME), reference=None) == 1.0
    for call in ({"function": {"name": "weather", "arguments": "{"}}, {"function": {"arguments": "{}"}}, {}):
        found = grade(FORMS["hermes"], call)
        assert isinstance(found, GradeFailure)
        assert "the reference has a tool call that cannot be read" in found.reason
    untyped = "<tool_call>\n<function=weather>\n<parameter=days>\n2\n</parameter>\n</function>\n</tool_call>"
    found = grade(untyped, openai(WEATHER))
    assert isinstance(found, GradeFailure)
    assert "<parameter=" in found.reason


@pytest.mark.parametrize(
    "part",
    ["<tool_call>", "<function=a>", "<function=", "[TOOL_CALLS]", "<|im_end|>", " ", "\n", "{", "<think>", "a ", "1;"],
)
def test_a_repeating_answer_is_read_in_one_pass(part: str) -> None:
    start = time.perf_counter()
    for text in (part * 30_000, part * 30_000 + "x", "[TOOL_CALLS]a" + part * 30_000):
        assert grade(text, openai(WEATHER)) == 0.0
    # A quadratic reader takes minutes here.
    assert time.perf_counter() - start < 20


PIECES = (
    '<tool_call> </tool_call> {"name":"a", "arguments":{}} [TOOL_CALLS] [ ] <function=a> </function> {} '
    '<|python_tag|> "function": 1 <think>'
).split()


@given(st.lists(st.sampled_from(PIECES)))
def test_no_pieces_of_calls_make_it_raise(pieces: list[str]) -> None:
    found = grade("".join(pieces), openai(WEATHER))
    assert isinstance(found, GradeFailure) or 0.0 <= found <= 1.0
