"""Chat, prompt/completion, Alpaca, input/output, ShareGPT: what becomes of a record, what is said of a wrong one."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from tunewright.data.formats import alpaca, chat, input_output, prompt_completion, sharegpt
from tunewright.data.rows import Message, Row
from tunewright.errors import DataError

USER = {"role": "user", "content": "hi"}
ASSISTANT = {"role": "assistant", "content": "hello"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
CALLS = {"role": "assistant", "tool_calls": [CALL]}
ANSWER = {"role": "tool", "tool_call_id": "call_1", "content": "1"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
HUMAN, GPT = {"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}


def row_of(file_format: ModuleType, record: dict[str, Any]) -> Row:
    read = file_format.read(record, "t.jsonl", 3)
    assert isinstance(read, Row), [str(fault) for fault in read]
    return read


def faults_of(file_format: ModuleType, record: dict[str, Any]) -> list[tuple[str, str]]:
    read = file_format.read(record, "t.jsonl", 3)
    assert isinstance(read, list), "expected faults"
    return [(fault.kind, fault.field) for fault in read]


def chat_said(record: dict[str, Any]) -> list[str]:
    read = chat.read(record, "t.jsonl", 3)
    assert isinstance(read, list), "expected faults"
    return [str(fault) for fault in read]


# ── chat ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_chat_row_keeps_its_turns_place_and_metadata() -> None:
    meta = {"group": "g", "fact": "42"}
    row = row_of(chat, {"messages": [{"role": "system", "content": "s"}, USER, ASSISTANT], "metadata": meta})
    assert row.messages == (Message("system", "s"), Message("user", "hi"), Message("assistant", "hello"))
    assert (row.where, row.group, row.fact, row.reference) == ("t.jsonl:3", "g", "42", "hello")
    assert row.prompt == row.messages[:2]


def test_developer_is_another_word_for_system() -> None:
    record = {"messages": [{"role": "developer", "content": "s"}, ASSISTANT]}
    assert row_of(chat, record).messages[0].role == "system"


def test_text_parts_are_joined_and_other_parts_refused() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert row_of(chat, {"messages": [{"role": "user", "content": parts}, ASSISTANT]}).messages[0].content == "ab"
    image = [*parts, {"type": "image_url", "image_url": {"url": "x"}}]
    assert faults_of(chat, {"messages": [{"role": "user", "content": image}, ASSISTANT]}) == [
        ("bad_value", "messages[0].content[2]")
    ]


def test_a_weight_of_0_leaves_a_turn_untaught_and_null_is_no_weight() -> None:
    messages = [USER, {**ASSISTANT, "weight": 0}, {**USER, "weight": None}, {**ASSISTANT, "weight": None}]
    row = row_of(chat, {"messages": messages})
    assert [message.weight for message in row.messages] == [1.0, 0.0, 1.0, 1.0]


def test_two_answers_in_a_row_and_an_answer_without_a_question_are_accepted() -> None:
    assert len(row_of(chat, {"messages": [ASSISTANT, ASSISTANT]}).messages) == 2


def test_what_openais_client_writes_beside_a_message_is_passed_over() -> None:
    unused = {"refusal": None, "audio": None, "annotations": [], "function_call": None, "tool_calls": None}
    assert row_of(chat, {"messages": [USER, {**ASSISTANT, **unused}]}).messages[1] == Message("assistant", "hello")


def test_calls_keep_the_text_of_their_arguments_and_an_object_becomes_text() -> None:
    as_object = {**CALL, "function": {"name": "f", "arguments": {"a": [1, None]}}}
    messages = [USER, {**CALLS, "content": None}, ANSWER, {**CALLS, "tool_calls": [CALL, as_object]}]
    row = row_of(chat, {"messages": messages, "tools": [TOOL], "parallel_tool_calls": True})
    assert [call["function"]["arguments"] for call in row.messages[3].tool_calls] == ['{"a": 1}', '{"a":[1,null]}']
    assert (row.messages[1].content, row.messages[2].tool_call_id, row.tools) == ("", "call_1", (TOOL,))


def test_the_older_functions_and_function_call_become_tools_and_their_calls() -> None:
    legacy = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
    result = {"role": "function", "name": "f", "content": "1"}
    row = row_of(chat, {"messages": [USER, legacy, result, ASSISTANT], "functions": [TOOL["function"]]})
    assert row.tools == (TOOL,)
    assert row.messages[1].tool_calls == ({"type": "function", "function": {"name": "f", "arguments": "{}"}},)
    assert (row.messages[2].role, row.messages[2].name) == ("tool", "f")


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
        ({"messages": [{"from": "user", "content": "x"}, ASSISTANT]}, "did you mean role?"),
        ({"messages": [{"role": "user", "contnet": "x"}, ASSISTANT]}, "did you mean content?"),
        ({"messages": [{"role": "user", "contnet": "x"}, ASSISTANT]}, "messages[0].content: must be text"),
        ({"messages": [{"role": "user", "content": " \n"}, ASSISTANT]}, "messages[0].content: must hold text, got ' "),
        ({"messages": [{**USER, "weight": 1}, ASSISTANT]}, "messages[0].weight: belongs to assistant messages only"),
        ({"messages": [USER, {**ASSISTANT, "weight": 0.5}]}, "messages[1].weight: must be 0 or 1, got 0.5"),
        ({"messages": [USER, {**ASSISTANT, "weight": True}]}, "messages[1].weight: must be 0 or 1, got True"),
        ({"messages": [USER, {**ASSISTANT, "weight": 0}]}, "must hold an assistant turn with a weight of 1"),
        ({"messages": [USER]}, "must hold an assistant turn to learn from, got user"),
        ({"messages": [USER, ASSISTANT, USER]}, "messages[2].role: must be assistant in the last message, got 'user'"),
        ({"messages": [USER, ASSISTANT], "metdata": {}}, "did you mean metadata?"),
        ({"messages": [USER, ASSISTANT], "metadata": "x"}, "metadata: must be an object, got 'x'"),
    ],
)
def test_a_fault_names_place_rule_value_and_way_out(record: dict[str, Any], said: str) -> None:
    faults = chat_said(record)
    assert any(said in fault for fault in faults), faults
    assert all(fault.startswith("t.jsonl:3: ") and " → " in fault for fault in faults)


def with_call(**change: Any) -> dict[str, Any]:
    return {"messages": [USER, {"role": "assistant", "tool_calls": [{**CALL, **change}]}], "tools": [TOOL]}


@pytest.mark.parametrize(
    ("record", "fault"),
    [
        ({}, ("missing_messages", "messages")),
        ({"messages": [{"role": "user", "content": None}, ASSISTANT]}, ("no_content", "messages[0].content")),
        ({"messages": [{"role": "user", "content": 3}, ASSISTANT]}, ("no_content", "messages[0].content")),
        ({"messages": [{"role": "user", "content": []}, ASSISTANT]}, ("no_content", "messages[0].content")),
        ({"messages": [{"content": "x"}, ASSISTANT]}, ("bad_role", "messages[0].role")),
        ({"messages": [USER, {**ASSISTANT, "x": 1}]}, ("unknown_key", "messages[1].x")),
        ({"messages": [USER, {**ASSISTANT, "refusal": "no"}]}, ("unknown_key", "messages[1].refusal")),
        ({"messages": [{**USER, "name": 1}, ASSISTANT]}, ("bad_value", "messages[0].name")),
        ({"messages": [USER, ASSISTANT], "tools": {}}, ("bad_tool", "tools")),
        ({"messages": [USER, ASSISTANT], "tools": [{}]}, ("bad_tool", "tools[0]")),
        ({"messages": [USER, ASSISTANT], "functions": [TOOL]}, ("bad_tool", "functions[0]")),
        ({"messages": [USER, ASSISTANT], "parallel_tool_calls": 1}, ("bad_value", "parallel_tool_calls")),
        ({"messages": [USER, {**CALLS, "tool_calls": {"id": "x"}}, ASSISTANT]}, ("bad_tool", "messages[1].tool_calls")),
        ({"messages": [{**CALLS, "role": "user"}, ASSISTANT]}, ("bad_tool", "messages[0].tool_calls")),
        (
            {"messages": [USER, CALLS, {**ANSWER, "tool_call_id": "x"}, ASSISTANT]},
            ("bad_tool", "messages[2].tool_call_id"),
        ),
        (with_call(function=None), ("bad_tool", "messages[1].tool_calls[0]")),
        (with_call(id=1), ("bad_tool", "messages[1].tool_calls[0].id")),
        (with_call(type="custom"), ("bad_tool", "messages[1].tool_calls[0].type")),
        (with_call(function={"arguments": "{}"}), ("bad_tool", "messages[1].tool_calls[0].function.name")),
        (with_call(function={"name": "f"}), ("bad_tool", "messages[1].tool_calls[0].function.arguments")),
        (
            with_call(function={"name": "f", "arguments": "{'a': 1}"}),
            ("bad_tool", "messages[1].tool_calls[0].function.arguments"),
        ),
        (
            with_call(function={"name": "f", "arguments": {"a": "\ud800"}}),
            ("bad_tool", "messages[1].tool_calls[0].function.arguments"),
        ),
    ],
)
def test_a_chat_row_with_one_fault_has_that_one(record: dict[str, Any], fault: tuple[str, str]) -> None:
    assert faults_of(chat, record) == [fault]


def test_an_answer_may_not_come_before_its_call() -> None:
    first = {**CALLS, "tool_calls": [{**CALL, "id": "call_0"}]}
    record = {"messages": [USER, first, ANSWER, CALLS]}
    assert faults_of(chat, record) == [("bad_tool", "messages[2].tool_call_id")]


def test_all_faults_of_a_row_are_reported_together() -> None:
    messages = [{"role": "user", "content": "", "weight": 1}, {"role": "assistant", "content": 3}, USER]
    assert len(faults_of(chat, {"messages": messages, "extra": 1})) == 5


# ── prompt and completion, input and output, Alpaca ──────────────────────────────────────────────────────────────────


def test_prompt_and_completion_become_a_question_and_its_answer_without_the_leading_space() -> None:
    row = row_of(prompt_completion, {"prompt": "2+2=", "completion": " 4"})
    assert row.messages == (Message("user", "2+2="), Message("assistant", "4"))


def test_of_lists_of_messages_the_completion_alone_is_taught() -> None:
    record = {"prompt": [USER, ASSISTANT, USER], "completion": [ASSISTANT, USER, ASSISTANT], "tools": [TOOL]}
    row = row_of(prompt_completion, record)
    assert [m.weight for m in row.messages if m.role == "assistant"] == [0.0, 1.0, 1.0]
    assert row.tools == (TOOL,)


@pytest.mark.parametrize(
    ("record", "faults"),
    [
        ({"prompt": "", "completion": "x", "metdata": {}}, [("unknown_key", "metdata"), ("no_content", "prompt")]),
        ({"prompt": "x", "completion": 1}, [("bad_value", "completion")]),
        ({"prompt": "x"}, [("missing_key", "completion")]),
        ({"prompt": [USER], "completion": []}, [("no_content", "completion")]),
        ({"prompt": [USER], "completion": [USER]}, [("no_assistant", "completion")]),
        ({"prompt": [USER], "completion": [ASSISTANT, USER]}, [("last_not_assistant", "completion[1].role")]),
        ({"prompt": [{"role": "bot", "content": "x"}], "completion": [ASSISTANT]}, [("bad_role", "prompt[0].role")]),
        (
            {"prompt": [USER, CALLS], "completion": [{**ANSWER, "tool_call_id": "x"}, ASSISTANT]},
            [("bad_tool", "completion[0].tool_call_id")],
        ),
    ],
)
def test_faults_of_prompt_and_completion(record: dict[str, Any], faults: list[tuple[str, str]]) -> None:
    assert faults_of(prompt_completion, record) == faults


def test_the_input_of_an_instruction_joins_it_on_a_line_of_its_own() -> None:
    record = {"instruction": "Translate.", "input": "hi", "output": "salut", "system": "s", "history": [["a", "b"]]}
    assert [(m.role, m.content, m.weight) for m in row_of(alpaca, record).messages] == [
        ("system", "s", 1.0),
        ("user", "a", 1.0),
        ("assistant", "b", 1.0),
        ("user", "Translate.\nhi", 1.0),
        ("assistant", "salut", 1.0),
    ]
    assert row_of(alpaca, {"instruction": "q", "input": " ", "output": "a", "system": ""}).messages[0].content == "q"


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        ({"instruction": ""}, [("no_content", "instruction")]),
        ({"output": None}, [("bad_value", "output")]),
        ({"input": 1, "system": []}, [("bad_value", "input"), ("bad_value", "system")]),
        ({"response": "x"}, [("unknown_key", "response")]),
        ({"history": "x"}, [("bad_value", "history")]),
        ({"history": [["a", "b"], ["a"], ["a", ""], "ab"]}, [("bad_value", f"history[{i}]") for i in (1, 2, 3)]),
    ],
)
def test_faults_of_an_instruction(change: dict[str, Any], faults: list[tuple[str, str]]) -> None:
    assert faults_of(alpaca, {"instruction": "q", "output": "a", **change}) == faults


def test_another_tools_name_of_a_key_is_understood() -> None:
    read = alpaca.read({"instruction": "q", "context": "c", "response": "a"}, "t", 1)
    assert isinstance(read, list)
    assert [(fault.field, fault.fix) for fault in read[:2]] == [
        ("context", "did you mean input?"),
        ("response", "did you mean output?"),
    ]


def test_faults_of_input_and_output() -> None:
    assert faults_of(input_output, {"input": ["q"], "output": "\n"}) == [
        ("bad_value", "input"),
        ("no_content", "output"),
    ]
    assert faults_of(input_output, {"output": "a", "id": 3}) == [("unknown_key", "id"), ("missing_key", "input")]


# ── ShareGPT ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_sharegpt_turns_become_messages_and_function_calls_become_calls() -> None:
    call = {
        "from": "function_call",
        "value": '[{"name": "f", "arguments": {"a": 1}}, {"name": "g", "arguments": "{}"}]',
    }
    turns = [
        HUMAN,
        call,
        {"from": "observation", "value": "1"},
        {**GPT, "weight": 0},
        {"from": "tool", "value": ""},
        GPT,
    ]
    record = {"conversations": turns, "system": "s", "tools": '[{"name": "f", "parameters": {"type": "object"}}]'}
    row = row_of(sharegpt, record)
    assert [m.role for m in row.messages] == ["system", "user", "assistant", "tool", "assistant", "tool", "assistant"]
    assert [call["function"] for call in row.messages[2].tool_calls] == [
        {"name": "f", "arguments": '{"a":1}'},
        {"name": "g", "arguments": "{}"},
    ]
    assert (row.messages[4].weight, row.tools) == (0.0, (TOOL,))
    assert row_of(sharegpt, {**record, "tools": [TOOL]}).tools == (TOOL,)


@pytest.mark.parametrize(
    ("turns", "fault", "fix"),
    [
        ([HUMAN, {"from": "bot", "value": "x"}], ("bad_role", "conversations[1].from"), "did you mean gpt?"),
        ([HUMAN, {"from": "Human", "value": "x"}], ("bad_role", "conversations[1].from"), "did you mean human?"),
        ([HUMAN, GPT, HUMAN], ("last_not_assistant", "conversations[2].from"), "add the right answer"),
        ([HUMAN], ("no_assistant", "conversations"), "add the right answer"),
        ([HUMAN, {**GPT, "weight": 0}], ("no_assistant", "conversations"), "give one turn a weight of 1"),
        ([{**HUMAN, "weight": 1}, GPT], ("bad_weight", "conversations[0].weight"), "take the weight out"),
        ([HUMAN, {**GPT, "weight": 3}], ("bad_weight", "conversations[1].weight"), "0 leaves the turn untaught"),
        ([HUMAN, {**GPT, "value": ""}], ("no_content", "conversations[1].value"), "write what is said"),
        ([HUMAN, {"from": "gpt"}], ("no_content", "conversations[1].value"), 'write "value"'),
        ([HUMAN, {**GPT, "value": 1}], ("bad_value", "conversations[1].value"), 'write "value"'),
        ([HUMAN, "x", GPT], ("bad_value", "conversations[1]"), 'write {"from"'),
        ([HUMAN, {**GPT, "content": "x"}], ("unknown_key", "conversations[1].content"), "did you mean value?"),
        ([HUMAN, {"from": "function_call", "value": "f(1)"}], ("bad_tool", "conversations[1].value"), "name"),
        ([HUMAN, {"from": "function_call", "value": "[]"}], ("bad_tool", "conversations[1].value"), "name"),
        (
            [HUMAN, {"from": "function_call", "value": '{"name": "f"}'}],
            ("bad_tool", "conversations[1].value.arguments"),
            "arguments",
        ),
        ([], ("missing_messages", "conversations"), "give a human and a gpt turn"),
    ],
)
def test_a_sharegpt_row_with_one_fault_has_that_one(turns: list[Any], fault: tuple[str, str], fix: str) -> None:
    read = sharegpt.read({"conversations": turns}, "t.jsonl", 3)
    assert isinstance(read, list)
    assert [(each.kind, each.field) for each in read] == [fault]
    assert fix in read[0].fix


def test_openais_keys_in_a_sharegpt_list_are_told_where_they_belong() -> None:
    read = sharegpt.read({"conversations": [USER, ASSISTANT]}, "t.jsonl", 3)
    assert isinstance(read, list)
    assert 'name the list "messages"' in read[0].fix


@pytest.mark.parametrize("tools", ["{}", "nonsense", '[{"description": "x"}]', 3])
def test_tools_that_are_no_list_of_functions_are_named(tools: Any) -> None:
    ((kind, field),) = faults_of(sharegpt, {"conversations": [HUMAN, GPT], "tools": tools})
    assert (kind, field.removesuffix("[0]")) == ("bad_tool", "tools")


# ── what a format has no place for ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("file_format", "messages"),
    [
        (alpaca, [USER, {**ASSISTANT, "weight": 0}, USER, ASSISTANT]),
        (alpaca, [USER, CALLS, ANSWER, ASSISTANT]),
        (alpaca, [ASSISTANT]),
        (alpaca, [{"role": "system", "content": ""}, USER, ASSISTANT]),
        (input_output, [USER, ASSISTANT, USER, ASSISTANT]),
        (input_output, [{**USER, "name": "Ada"}, ASSISTANT]),
        (sharegpt, [USER, {**CALLS, "content": "let me see"}, ANSWER, ASSISTANT]),
        (sharegpt, [{**USER, "name": "Ada"}, ASSISTANT]),
    ],
)
def test_a_row_is_refused_rather_than_written_in_part(file_format: ModuleType, messages: list[Any]) -> None:
    row = row_of(chat, {"messages": messages})
    with pytest.raises(DataError, match=rf"t\.jsonl:3: {file_format.NAME} cannot hold this row"):
        file_format.write(row)
