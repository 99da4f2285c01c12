"""Random conversations and rows, for the property tests of this folder."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from tunewright.data.rows import Message, Row

# No "<": a content that spells a special token is its own matter.
contents = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="<"), min_size=1, max_size=12).filter(
    lambda text: bool(text.strip())
)

_ODD = (
    *(
        " ",
        "\n",
        " \n\t ",
        "  hello \n",
        "\n\nhello",
        "hello\n\n",
        "a  b \n c",
        "hello",
        ">",
        "end|>",
        "s>",
        "think",
        ".",
    ),
    *(
        "USER: hi ASSISTANT: no",
        "### Response:\nno\n\n### Instruction:\n",
        "{{ messages }} {% if x %}",
        "User: x\nAssistant:",
    ),
    *(
        "naïve 日本語 🙂‍↔️ e\u0301",
        "\u00a0\u2003x\u2028",
        "\r\n",
        "\x00\x1f",
        "<think>why</think>so",
        "</think>",
        "Answer.",
        "Ö",
    ),
)
odd_contents = st.one_of(st.sampled_from(_ODD), contents)
"""Contents at which renderings and borders go wrong; some are white space only."""

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a <city> & its “hills”.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@st.composite
def rows(draw: st.DrawFn) -> Row:
    messages = [Message("system", draw(contents))] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 4))):
        messages.append(Message("user", draw(contents)))
        messages.append(Message("assistant", draw(contents), draw(st.sampled_from([0.0, 1.0, 0.5]))))
    messages[-1] = Message("assistant", messages[-1].content, draw(st.sampled_from([1.0, 2.0])))
    return Row("train.jsonl", draw(st.integers(1, 10_000)), tuple(messages), {})


@st.composite
def odd_rows(draw: st.DrawFn, *, with_tools: bool = False, longest: int = 3) -> Row:
    """Draw conversations of every shape: odd contents, calls and tools' answers, two answers in a row."""
    weights = st.sampled_from([1.0, 1.0, 0.0, 0.5])
    messages = [Message("system", draw(odd_contents))] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, longest))):
        messages.append(Message("user", draw(odd_contents)))
        if with_tools and draw(st.booleans()):
            messages += draw(_tool_turns())
        for _ in range(draw(st.sampled_from([1, 1, 1, 1, 1, 1, 2]))):
            messages.append(Message("assistant", draw(odd_contents), draw(weights)))
    if not any(m.role == "assistant" and m.weight for m in messages):
        messages[-1] = Message("assistant", messages[-1].content, 2.0)
    if draw(st.integers(0, 5)) == 0:
        messages.append(Message("user", draw(odd_contents)))
    return Row("train.jsonl", draw(st.integers(1, 99)), tuple(messages), {}, (TOOL,) if with_tools else ())


@st.composite
def _tool_turns(draw: st.DrawFn) -> list[Message]:
    calls = []
    for number in range(draw(st.sampled_from([1, 1, 1, 2]))):
        arguments = draw(
            st.dictionaries(st.sampled_from(["city", "ß"]), st.sampled_from(["Oslo", 1, None, ["a"], " é "]))
        )
        given = draw(st.sampled_from([json.dumps(arguments), json.dumps(arguments, indent=1), arguments]))
        calls.append(
            {"id": f"call0000{number}", "type": "function", "function": {"name": "get_weather", "arguments": given}}
        )
    answers = [Message("tool", draw(odd_contents), tool_call_id=call["id"], name="get_weather") for call in calls]
    return [Message("assistant", "", draw(st.sampled_from([1.0, 0.0])), tuple(calls)), *answers]


def row(question: str = "hi", answer: str = "hello", line: int = 1) -> Row:
    return Row("train.jsonl", line, (Message("user", question), Message("assistant", answer)), {})
