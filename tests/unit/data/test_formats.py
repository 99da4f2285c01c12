"""Which records are rows, and what is said of those that are not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.data.formats import chat, prompt_completion
from tunewright.data.rows import Message, Row, RowFault

USER = {"role": "user", "content": "hi"}
ASSISTANT = {"role": "assistant", "content": "hello"}


def chat_faults(record: dict[str, Any]) -> list[str]:
    parsed = chat.parse(record, "t.jsonl", 3)
    assert isinstance(parsed, list), "expected faults"
    return [str(fault) for fault in parsed]


def chat_row(record: dict[str, Any]) -> Row:
    parsed = chat.parse(record, "t.jsonl", 3)
    assert isinstance(parsed, Row), [str(fault) for fault in parsed]
    return parsed


def test_a_chat_row_keeps_its_turns_place_and_metadata() -> None:
    meta = {"group": "g", "fact": "42"}
    row = chat_row({"messages": [{"role": "system", "content": "s"}, USER, ASSISTANT], "metadata": meta})
    assert row.messages == (Message("system", "s"), Message("user", "hi"), Message("assistant", "hello"))
    assert (row.where, row.group, row.fact, row.reference) == ("t.jsonl:3", "g", "42", "hello")
    assert row.prompt == row.messages[:2]


def test_developer_is_another_word_for_system() -> None:
    assert chat_row({"messages": [{"role": "developer", "content": "s"}, ASSISTANT]}).messages[0].role == "system"


def test_text_parts_are_joined_and_other_parts_refused() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert chat_row({"messages": [{"role": "user", "content": parts}, ASSISTANT]}).messages[0].content == "ab"
    image = [*parts, {"type": "image_url", "image_url": {"url": "x"}}]
    (fault,) = chat_faults({"messages": [{"role": "user", "content": image}, ASSISTANT]})
    assert "messages[0].content[2]" in fault


def test_a_weight_of_0_leaves_a_turn_untaught() -> None:
    row = chat_row({"messages": [USER, {**ASSISTANT, "weight": 0}, USER, {**ASSISTANT, "weight": 1}]})
    assert [message.weight for message in row.messages] == [1.0, 0.0, 1.0, 1.0]


def test_two_answers_in_a_row_and_an_answer_without_a_question_are_accepted() -> None:
    assert len(chat_row({"messages": [ASSISTANT, ASSISTANT]}).messages) == 2


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"messages": []}, "messages: must be a list of at least one message, got []"),
        ({"messages": "hi"}, "messages: must be a list of at least one message, got 'hi'"),
        ({"mesages": [USER]}, "did you mean messages?"),
        ({"messages": ["hi"]}, "messages[0]: must be an object, got 'hi'"),
        ({"messages": [{"role": "bot", "content": "x"}, ASSISTANT]}, "messages[0].role: must be one of system, "),
        ({"messages": [{"role": "bot", "content": "x"}, ASSISTANT]}, "did you mean assistant?"),
        ({"messages": [{"role": "User", "content": "x"}, ASSISTANT]}, "did you mean user?"),
        ({"messages": [{"role": ["user"], "content": "x"}, ASSISTANT]}, "messages[0].role"),
        ({"messages": [{"role": "user", "contnet": "x"}, ASSISTANT]}, "did you mean content?"),
        ({"messages": [{"role": "user", "contnet": "x"}, ASSISTANT]}, "messages[0].content: must be text"),
        ({"messages": [{"role": "user", "content": " \n"}, ASSISTANT]}, "messages[0].content: must hold text, got ' "),
        ({"messages": [{"role": "user", "content": None}, ASSISTANT]}, "messages[0].content"),
        ({"messages": [{**USER, "weight": 1}, ASSISTANT]}, "messages[0].weight: belongs to assistant messages only"),
        ({"messages": [USER, {**ASSISTANT, "weight": 0.5}]}, "messages[1].weight: must be 0 or 1, got 0.5"),
        ({"messages": [USER, {**ASSISTANT, "weight": True}]}, "messages[1].weight: must be 0 or 1, got True"),
        ({"messages": [USER, {**ASSISTANT, "weight": 0}]}, "must hold an assistant turn with a weight of 1"),
        ({"messages": [USER]}, "must hold an assistant turn to learn from, got user"),
        ({"messages": [USER, ASSISTANT, USER]}, "messages[2].role: must be assistant in the last message, got 'user'"),
        (
            {"messages": [USER, {"role": "system", "content": "s"}, ASSISTANT]},
            "messages[1].role: may only be the first",
        ),
        ({"messages": [USER, ASSISTANT], "metdata": {}}, "did you mean metadata?"),
        ({"messages": [USER, ASSISTANT], "metadata": "x"}, "metadata: must be an object, got 'x'"),
        ({"messages": [USER, ASSISTANT], "tools": [{}]}, "tools: tools come with a later version"),
        ({"messages": [USER, {"role": "assistant", "tool_calls": [{}]}]}, "messages[1].tool_calls: tools come with a"),
        (
            {"messages": [USER, {"role": "tool", "content": "1"}, ASSISTANT]},
            "messages[1].role: tools come with a later",
        ),
    ],
)
def test_a_fault_names_place_rule_value_and_way_out(record: dict[str, Any], said: str) -> None:
    faults = chat_faults(record)
    assert any(said in fault for fault in faults), faults
    assert all(fault.startswith("t.jsonl:3: ") and " → " in fault for fault in faults)


def test_all_faults_of_a_row_are_reported_together() -> None:
    messages = [{"role": "user", "content": "", "weight": 1}, {"role": "assistant", "content": 3}, USER]
    assert len(chat_faults({"messages": messages, "extra": 1})) == 5


def test_a_turn_that_calls_a_tool_has_one_fault_only() -> None:
    assert len(chat_faults({"messages": [USER, {"role": "assistant", "tool_calls": [{}]}]})) == 1


def test_prompt_and_completion_become_a_question_and_its_answer_without_the_leading_space() -> None:
    row = prompt_completion.parse({"prompt": "2+2=", "completion": " 4"}, "t.jsonl", 1)
    assert isinstance(row, Row)
    assert row.messages == (Message("user", "2+2="), Message("assistant", "4"))


def test_an_empty_prompt_and_an_unknown_key_are_both_named() -> None:
    faults = prompt_completion.parse({"prompt": "", "completion": "x", "metdata": {}}, "t.jsonl", 1)
    assert isinstance(faults, list)
    assert [fault.field for fault in faults] == ["metdata", "prompt"]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.sampled_from(["user", "assistant"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "weight", "type", "text", "tool_calls", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(
        st.sampled_from(["messages", "prompt", "completion", "metadata", "tools", "x"]), json_values, max_size=4
    )
)
def test_no_record_makes_a_format_raise(record: dict[str, Any]) -> None:
    for file_format in (chat, prompt_completion):
        parsed = file_format.parse(record, "t.jsonl", 1)
        assert isinstance(parsed, Row) or (parsed and all(isinstance(fault, RowFault) for fault in parsed))
