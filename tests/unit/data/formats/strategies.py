"""Random rows of every kind and random JSON, for the property tests of formats and of whatever reads or writes them.

The rows of one strategy are those that one format can hold: `conversations` for chat, `questions` for the formats of
one question and one answer, and so on. `records` makes objects with the right keys and any values.
"""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import strategies as st

from tunewright.data.rows import (
    FeedbackRow,
    LabelRow,
    Message,
    PairRow,
    PreferenceRow,
    Row,
    TextRow,
    TokenLabelsRow,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(
    lambda text: bool(text.strip())
)
names = st.sampled_from(["get_weather", "f", "wetter-abfrage"])
lines = st.integers(1, 10_000)
small_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
metas = st.just({}) | st.dictionaries(st.sampled_from(["group", "fact", "source"]), small_json, min_size=1, max_size=2)
objects_as_text = st.dictionaries(texts, small_json, max_size=2).map(lambda value: orjson.dumps(value).decode()) | (
    st.sampled_from(["{}", '{ "a" : 1 }', '{"a": 1.0, "a": 2}'])
)
tools = st.lists(
    names.map(lambda name: {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}),
    max_size=2,
).map(tuple)


@st.composite
def calls(draw: st.DrawFn, *, has_id: bool = True) -> dict[str, Any]:
    own_id = {"id": draw(st.sampled_from(["call_1", "call_2"]))} if has_id else {}
    return {**own_id, "type": "function", "function": {"name": draw(names), "arguments": draw(objects_as_text)}}


@st.composite
def said(draw: st.DrawFn, role: str) -> Message:
    return Message(role, draw(texts))


@st.composite
def conversations(draw: st.DrawFn) -> Row:
    """Rows of chat: tools, calls and their answers, names, weights, an empty system prompt."""
    messages = [Message("system", draw(st.just("") | texts))] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 3))):
        messages.append(Message("user", draw(texts), name=draw(st.sampled_from(["", "Ada"]))))
        if draw(st.booleans()):
            call = draw(calls())
            messages.append(Message("assistant", draw(st.just("") | texts), tool_calls=(call,)))
            messages.append(Message("tool", draw(st.just("") | texts), tool_call_id=call["id"]))
        messages.append(Message("assistant", draw(texts), draw(st.sampled_from([0.0, 1.0]))))
    messages[-1] = Message("assistant", messages[-1].content)
    return Row("t.jsonl", draw(lines), tuple(messages), draw(metas), draw(tools))


@st.composite
def questions(draw: st.DrawFn) -> Row:
    """Rows of one question and one answer."""
    messages = (draw(said("user")), draw(said("assistant")))
    return Row("t.jsonl", draw(lines), messages, draw(metas))


@st.composite
def turns(draw: st.DrawFn) -> Row:
    """Rows of Alpaca's format: perhaps a system prompt, then questions and plain answers."""
    messages = [draw(said("system"))] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 3))):
        messages += [draw(said("user")), draw(said("assistant"))]
    return Row("t.jsonl", draw(lines), tuple(messages), draw(metas))


@st.composite
def spoken(draw: st.DrawFn) -> Row:
    """Rows of ShareGPT's format: calls without ids, several at once, and weights."""
    messages = [Message("system", draw(st.just("") | texts))] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 3))):
        messages.append(draw(said("user")))
        if draw(st.booleans()):
            several = draw(st.lists(calls(has_id=False), min_size=1, max_size=2))
            messages += [
                Message("assistant", "", tool_calls=tuple(several)),
                Message("tool", draw(st.just("") | texts)),
            ]
        messages.append(Message("assistant", draw(texts), draw(st.sampled_from([0.0, 1.0]))))
    messages[-1] = Message("assistant", messages[-1].content)
    return Row("t.jsonl", draw(lines), tuple(messages), draw(metas), draw(tools))


@st.composite
def preferences(draw: st.DrawFn, *, num_turns: int = 1) -> PreferenceRow:
    """Rows of preference formats; answers of up to `num_turns` assistant turns."""
    prompt = (*draw(st.just(()) | said("system").map(lambda m: (m,))), draw(said("user")))
    chosen, rejected = (tuple(draw(st.lists(said("assistant"), min_size=1, max_size=num_turns))) for _ in range(2))
    if [m.said for m in chosen] == [m.said for m in rejected]:
        rejected = (*rejected[:-1], Message("assistant", rejected[-1].content + "!"))
    return PreferenceRow("t.jsonl", draw(lines), prompt, chosen, rejected, draw(metas), draw(tools))


@st.composite
def feedback(draw: st.DrawFn) -> FeedbackRow:
    prompt = (*draw(st.just(()) | said("system").map(lambda m: (m,))), draw(said("user")))
    return FeedbackRow("t.jsonl", draw(lines), prompt, (draw(said("assistant")),), draw(st.booleans()), draw(metas))


@st.composite
def tagged(draw: st.DrawFn) -> TokenLabelsRow:
    pairs = draw(st.lists(st.tuples(texts, st.sampled_from(["O", "B-LOC", "I-LOC", "3"])), min_size=1, max_size=5))
    words, labels = zip(*pairs, strict=True)
    return TokenLabelsRow("t.jsonl", draw(lines), words, labels, draw(metas))


text_rows = st.builds(TextRow, st.just("t.jsonl"), lines, texts, metas)
label_rows = st.builds(
    LabelRow, st.just("t.jsonl"), lines, texts, texts | st.lists(texts, max_size=3).map(tuple), metas
)
scores = st.none() | st.floats(allow_nan=False, allow_infinity=False)
pair_rows = st.builds(PairRow, st.just("t.jsonl"), lines, texts, texts, scores, metas)

ROWS: dict[str, st.SearchStrategy[Any]] = {
    "chat": conversations(),
    "prompt_completion": questions() | conversations(),
    "alpaca": turns(),
    "input_output": questions(),
    "sharegpt": spoken(),
    "text": text_rows,
    "preference_openai": preferences(),
    "preference_trl": preferences(num_turns=2),
    "kto": feedback(),
    "labels": label_rows,
    "token_labels": tagged(),
    "pairs": pair_rows,
}
"""Name of a format → rows that it can hold."""

_INNER_KEYS = st.sampled_from(
    "role content weight name type text tool_calls tool_call_id function_call function arguments id parameters refusal "
    "from value messages tools en de x".split()
)
_WORDS = st.sampled_from(
    [
        *"user assistant system tool human gpt function_call observation function text bot".split(),
        *("", " ", "{}", "[]", '{"name": "f", "arguments": {}}', "[{}]", "true", "\ud800", "x" * 200),
    ]
)
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_INNER_KEYS | st.text(max_size=3), inner, max_size=5),
    max_leaves=14,
)
_messages = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["user", "assistant", "system", "tool"]),
            "content": st.sampled_from(["hi", "", None]),
        },
        optional={
            "weight": st.sampled_from([0, 1, None, 0.5, True, float("nan")]),
            "tool_calls": any_json,
            "tool_call_id": any_json,
            "name": any_json,
            "refusal": st.none(),
        },
    ),
    max_size=3,
)
_turns = st.lists(
    st.fixed_dictionaries(
        {"from": st.sampled_from(["human", "gpt", "system", "function_call", "observation"]), "value": _WORDS},
        optional={"weight": st.sampled_from([0, 1, None, 2])},
    ),
    max_size=3,
)


def records(keys: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with some of `keys`, another key at times, and any value: right, nearly right, nonsense."""
    values = any_json | _messages | _turns | _WORDS | st.fixed_dictionaries({"messages": _messages})
    return st.dictionaries(st.sampled_from([*keys, "x"]), values, max_size=len(keys))
