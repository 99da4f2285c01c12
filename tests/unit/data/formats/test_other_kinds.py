"""Text, preferences, feedback, labels, tagged words, pairs: what becomes of a record, what is said of a wrong one."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from tunewright.data.formats import kto, labels, pairs, preference_openai, preference_trl, text, token_labels
from tunewright.data.rows import FeedbackRow, LabelRow, Message, PairRow, PreferenceRow, TokenLabelsRow
from tunewright.errors import DataError

USER = {"role": "user", "content": "q"}
GOOD, BAD = {"role": "assistant", "content": "good"}, {"role": "assistant", "content": "bad"}
TOOL = {"type": "function", "function": {"name": "f"}}
OPENAI = {"input": {"messages": [USER]}, "preferred_output": [GOOD], "non_preferred_output": [BAD]}
ASKED, BETTER, WORSE = Message("user", "q"), Message("assistant", "good"), Message("assistant", "bad")


def faults_of(file_format: ModuleType, record: dict[str, Any]) -> list[tuple[str, str]]:
    read = file_format.read(record, "t.jsonl", 3)
    assert isinstance(read, list), "expected faults"
    return [(fault.kind, fault.field) for fault in read]


# ── preferences ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_openais_preference_is_read_under_its_newer_and_older_names() -> None:
    given = {"messages": [USER], "tools": [TOOL], "parallel_tool_calls": False}
    older = {"input": given, "preferred_completion": [GOOD], "non_preferred_completion": [BAD], "metadata": {"a": 1}}
    row = preference_openai.read(older, "t.jsonl", 3)
    assert row == PreferenceRow("t.jsonl", 3, (ASKED,), (BETTER,), (WORSE,), {"a": 1}, (TOOL,))


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        ({"preferred_output": []}, [("bad_preference", "preferred_output")]),
        ({"preferred_output": [GOOD, GOOD]}, [("bad_preference", "preferred_output")]),
        ({"preferred_output": GOOD}, [("bad_preference", "preferred_output")]),
        ({"preferred_output": [USER]}, [("bad_preference", "preferred_output[0].role")]),
        ({"preferred_output": [{**GOOD, "role": "bot"}]}, [("bad_role", "preferred_output[0].role")]),
        ({"preferred_output": [{**GOOD, "content": ""}]}, [("no_content", "preferred_output[0].content")]),
        ({"preferred_output": [{**GOOD, "weight": 0}]}, [("bad_weight", "preferred_output[0].weight")]),
        ({"non_preferred_output": [GOOD]}, [("bad_preference", "non_preferred_output")]),
        ({"non_preferred_output": None}, [("bad_preference", "non_preferred_output")]),
        ({"input": "q"}, [("bad_value", "input")]),
        ({"input": {}}, [("missing_messages", "input.messages")]),
        ({"input": {"messages": []}}, [("no_content", "input.messages")]),
        ({"input": {"messages": [USER], "tools": [1]}}, [("bad_tool", "input.tools[0]")]),
        (
            {"input": {"messages": [{**USER, "x": 1}], "y": 1}},
            [("unknown_key", "input.y"), ("unknown_key", "input.messages[0].x")],
        ),
        ({"preferred_completion": [GOOD]}, [("unknown_key", "preferred_completion")]),
    ],
)
def test_faults_of_openais_preference(change: dict[str, Any], faults: list[tuple[str, str]]) -> None:
    assert faults_of(preference_openai, {**OPENAI, **change}) == faults


def test_every_part_of_an_openai_preference_that_is_missing_is_named() -> None:
    assert faults_of(preference_openai, {}) == [
        ("missing_key", "input"),
        ("bad_preference", "preferred_output"),
        ("bad_preference", "non_preferred_output"),
    ]


def test_calls_that_differ_in_their_id_alone_are_the_same_answer() -> None:
    first, second = (
        {"role": "assistant", "tool_calls": [{"id": own_id, "function": {"name": "f", "arguments": "{}"}}]}
        for own_id in ("call_1", "call_2")
    )
    record = {**OPENAI, "preferred_output": [first], "non_preferred_output": [second]}
    assert faults_of(preference_openai, record) == [("bad_preference", "non_preferred_output")]


@pytest.mark.parametrize(
    "record",
    [
        {"prompt": "q", "chosen": "good", "rejected": "bad"},
        {"prompt": [USER], "chosen": [GOOD], "rejected": [BAD]},
        {"prompt": [USER], "chosen": "good", "rejected": "bad"},
        {"prompt": "q", "chosen": [GOOD], "rejected": [BAD]},
        {"chosen": [USER, GOOD], "rejected": [USER, BAD]},
        {"prompt": "q", "chosen": [USER, GOOD], "rejected": [USER, BAD]},
    ],
)
def test_trls_preference_is_the_same_row_however_it_is_written(record: dict[str, Any]) -> None:
    assert preference_trl.read(record, "t.jsonl", 3) == PreferenceRow("t.jsonl", 3, (ASKED,), (BETTER,), (WORSE,))


def test_the_prompt_ends_where_chosen_and_rejected_part() -> None:
    row = preference_trl.read({"chosen": [USER, GOOD, USER, GOOD], "rejected": [USER, GOOD, USER, BAD]}, "t", 1)
    assert isinstance(row, PreferenceRow)
    assert (row.prompt, row.chosen, row.rejected) == ((ASKED, BETTER, ASKED), (BETTER,), (WORSE,))


@pytest.mark.parametrize(
    ("record", "faults"),
    [
        ({"chosen": "good", "rejected": "bad"}, [("missing_key", "prompt")]),
        ({"chosen": [GOOD], "rejected": [BAD]}, [("missing_key", "prompt")]),
        ({"prompt": "q", "chosen": "good"}, [("missing_key", "rejected")]),
        ({"prompt": "q", "chosen": "same", "rejected": "same"}, [("bad_preference", "rejected")]),
        ({"prompt": "q", "chosen": "good", "rejected": " "}, [("no_content", "rejected")]),
        ({"prompt": 1, "chosen": "good", "rejected": "bad"}, [("bad_value", "prompt")]),
        ({"prompt": "other", "chosen": [USER, GOOD], "rejected": [USER, BAD]}, [("bad_preference", "prompt")]),
        ({"prompt": "q", "chosen": [USER], "rejected": [BAD]}, [("bad_preference", "chosen[0].role")]),
        ({"prompt": [USER], "chosen": [USER, GOOD], "rejected": [BAD]}, [("bad_preference", "chosen[0].role")]),
        ({"chosen": [USER, GOOD, USER], "rejected": [USER, BAD]}, [("bad_preference", "chosen[2].role")]),
        ({"prompt": [USER], "chosen": [{**GOOD, "weight": 0}], "rejected": [BAD]}, [("bad_weight", "chosen")]),
        ({"prompt": "q", "chosen": [], "rejected": "bad"}, [("no_content", "chosen")]),
        ({"prompt": "q", "chosen": [{**GOOD, "role": "bot"}], "rejected": "bad"}, [("bad_role", "chosen[0].role")]),
        (
            {"instruction": "q", "chosen": "a", "rejected": "b"},
            [("unknown_key", "instruction"), ("missing_key", "prompt")],
        ),
    ],
)
def test_faults_of_trls_preference(record: dict[str, Any], faults: list[tuple[str, str]]) -> None:
    assert faults_of(preference_trl, record) == faults


def test_an_answer_of_several_turns_is_refused_by_openais_format() -> None:
    row = PreferenceRow("t.jsonl", 3, (ASKED,), (BETTER, ASKED, BETTER), (WORSE,))
    with pytest.raises(DataError, match=r"t\.jsonl:3: preference_openai cannot hold this row"):
        preference_openai.write(row)


# ── feedback ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "record",
    [
        {"prompt": "q", "completion": "bad", "label": False},
        {"prompt": "q", "completion": "bad", "label": "False"},
        {"prompt": [USER], "completion": [BAD], "label": False},
        {"messages": [USER, BAD], "label": False},
    ],
)
def test_feedback_is_the_same_row_however_it_is_written(record: dict[str, Any]) -> None:
    assert kto.read(record, "t.jsonl", 3) == FeedbackRow("t.jsonl", 3, (ASKED,), (WORSE,), label=False)


@pytest.mark.parametrize(
    ("record", "faults"),
    [
        ({"prompt": "q", "completion": "a", "label": 1}, [("bad_value", "label")]),
        ({"prompt": "q", "completion": "a", "label": None}, [("bad_value", "label")]),
        ({"prompt": "q", "completion": "a", "label": "good"}, [("bad_value", "label")]),
        ({"prompt": "q", "completion": "a"}, [("missing_key", "label")]),
        ({"prompt": "q", "label": True}, [("missing_key", "completion")]),
        (
            {"prompt": "", "completion": [USER], "label": True},
            [("no_content", "prompt"), ("no_assistant", "completion")],
        ),
        ({"messages": [USER], "label": True}, [("no_assistant", "messages"), ("no_content", "messages")]),
        ({"messages": [GOOD], "label": True}, [("no_content", "messages")]),
        ({"messages": [USER, GOOD, USER], "label": True}, [("last_not_assistant", "messages[2].role")]),
        ({"messages": "x", "label": True}, [("bad_value", "messages")]),
        ({"messages": [USER, GOOD, USER, {**BAD, "weight": 0}], "label": True}, [("bad_weight", "messages[3].weight")]),
        ({"messages": [USER, GOOD], "label": True, "prompt": "q"}, [("unknown_key", "prompt")]),
    ],
)
def test_faults_of_feedback(record: dict[str, Any], faults: list[tuple[str, str]]) -> None:
    assert faults_of(kto, record) == faults


# ── text, labels, tagged words, pairs ────────────────────────────────────────────────────────────────────────────────


def test_faults_of_text() -> None:
    assert faults_of(text, {"text": " "}) == [("no_content", "text")]
    assert faults_of(text, {"text": 3, "url": "x"}) == [("unknown_key", "url"), ("bad_value", "text")]
    assert faults_of(text, {"content": "x"}) == [("unknown_key", "content"), ("missing_key", "text")]


@pytest.mark.parametrize(
    ("label", "named"),
    [("spam", "spam"), (3, "3"), (True, "true"), (["a", "b"], ("a", "b")), ([2], ("2",)), ([], ())],
)
def test_a_label_is_text_in_the_row_and_a_list_stays_a_list(label: Any, named: Any) -> None:
    for key in ("label", "labels"):
        assert labels.read({"text": "t", key: label}, "t.jsonl", 3) == LabelRow("t.jsonl", 3, "t", named)


@pytest.mark.parametrize(
    ("record", "faults"),
    [
        ({"text": "t"}, [("missing_key", "label")]),
        ({"text": "t", "label": None}, [("missing_key", "label")]),
        ({"text": "t", "label": ""}, [("no_content", "label")]),
        ({"text": "t", "label": 1.5}, [("bad_value", "label")]),
        ({"text": "t", "label": {}}, [("bad_value", "label")]),
        ({"text": "t", "label": ["a", None, ["b"]]}, [("bad_value", "label[1]"), ("bad_value", "label[2]")]),
        ({"text": "t", "label": "a", "labels": ["a"]}, [("bad_value", "labels")]),
        ({"text": "t", "intent": "a"}, [("unknown_key", "intent"), ("missing_key", "label")]),
    ],
)
def test_faults_of_labels(record: dict[str, Any], faults: list[tuple[str, str]]) -> None:
    assert faults_of(labels, record) == faults


@pytest.mark.parametrize("key", ["labels", "ner_tags", "tags"])
def test_tags_are_read_under_each_of_their_names(key: str) -> None:
    row = token_labels.read({"tokens": ["in", "Oslo"], key: [0, "B-LOC"]}, "t.jsonl", 3)
    assert row == TokenLabelsRow("t.jsonl", 3, ("in", "Oslo"), ("0", "B-LOC"))


@pytest.mark.parametrize(
    ("record", "faults"),
    [
        ({"tokens": ["a"]}, [("missing_key", "labels")]),
        ({"labels": ["O"]}, [("missing_key", "tokens")]),
        ({"tokens": "a", "tags": ["O"]}, [("bad_value", "tokens")]),
        ({"tokens": [], "tags": []}, [("no_content", "tokens")]),
        ({"tokens": ["a", "b"], "tags": ["O"]}, [("bad_value", "tags")]),
        (
            {"tokens": ["a", "", 3], "tags": ["O", None, True]},
            [("bad_value", field) for field in ("tokens[1]", "tokens[2]", "tags[1]", "tags[2]")],
        ),
        ({"tokens": ["a"], "tags": "O"}, [("bad_value", "tags")]),
        ({"tokens": ["a"], "labels": ["O"], "tags": ["X"]}, [("bad_value", "tags")]),
    ],
)
def test_faults_of_tagged_words(record: dict[str, Any], faults: list[tuple[str, str]]) -> None:
    assert faults_of(token_labels, record) == faults


@pytest.mark.parametrize("keys", pairs.PAIRS, ids="+".join)
def test_a_pair_is_read_under_each_of_its_names(keys: tuple[str, str]) -> None:
    record = {keys[1]: "b", keys[0]: "a", "score": "0.5"}
    assert pairs.detect(record)
    assert pairs.read(record, "t.jsonl", 3) == PairRow("t.jsonl", 3, "a", "b", 0.5)


def test_a_translation_keeps_its_languages() -> None:
    row = pairs.read({"translation": {"en": "cat", "de": "Katze"}, "metadata": {"a": 1}}, "t.jsonl", 3)
    assert row == PairRow("t.jsonl", 3, "cat", "Katze", None, {"a": 1, "languages": ["en", "de"]})


@pytest.mark.parametrize(
    ("record", "faults"),
    [
        ({"anchor": "a"}, [("missing_key", "positive")]),
        ({"anchor": "a", "positive": "b", "negative": "c"}, [("unknown_key", "negative")]),
        ({"source": " ", "target": 1}, [("no_content", "source"), ("bad_value", "target")]),
        ({"source": "a", "target": "b", "score": True}, [("bad_value", "score")]),
        ({"source": "a", "target": "b", "score": float("nan")}, [("bad_value", "score")]),
        ({"source": "a", "target": "b", "score": "high"}, [("bad_value", "score")]),
        ({"translation": {"en": "a"}}, [("bad_value", "translation")]),
        ({"translation": {"en": "a", "de": ""}}, [("no_content", "translation.de")]),
        ({"translation": {"en": "a", "de": "b"}, "source": "web"}, [("unknown_key", "source")]),
    ],
)
def test_faults_of_pairs(record: dict[str, Any], faults: list[tuple[str, str]]) -> None:
    assert faults_of(pairs, record) == faults
