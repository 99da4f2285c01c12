"""What every format promises: nothing lost by writing, nothing raised by reading, one format for each known shape."""

from __future__ import annotations

import copy
import json
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.data.formats.strategies import ROWS, any_json, records
from tunewright.data.formats.all import FORMATS, format_named
from tunewright.data.formats.format import Format
from tunewright.data.formats.record import MAX_FINDINGS
from tunewright.data.rows import RowFault, shown
from tunewright.data.rules import RULES

ALL = pytest.mark.parametrize("each", FORMATS, ids=lambda each: each.NAME)
ALL_KEYS = tuple(dict.fromkeys(key for each in FORMATS for key in each.KEYS))
QUESTION = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]

SHAPES: list[tuple[dict[str, Any], set[str]]] = [
    ({"messages": []}, {"chat"}),
    ({"messages": [], "tools": []}, {"chat"}),
    ({"prompt": "", "completion": ""}, {"prompt_completion"}),
    ({"instruction": "", "output": ""}, {"alpaca"}),
    ({"instruction": "", "input": "", "output": ""}, {"alpaca"}),
    ({"instruction": "", "context": "", "response": ""}, {"alpaca"}),
    ({"input": "", "output": ""}, {"input_output"}),
    ({"conversations": [], "tools": "[]"}, {"sharegpt"}),
    ({"text": ""}, {"text"}),
    ({"input": {"messages": []}, "preferred_output": [], "non_preferred_output": []}, {"preference_openai"}),
    ({"input": {"messages": []}, "preferred_completion": [], "non_preferred_completion": []}, {"preference_openai"}),
    ({"input": {"messages": []}, "preferred_output": []}, {"preference_openai"}),
    ({"prompt": "", "chosen": "", "rejected": ""}, {"preference_trl"}),
    ({"chosen": [], "rejected": []}, {"preference_trl"}),
    ({"conversations": [], "chosen": {}, "rejected": {}}, {"preference_trl"}),
    ({"instruction": "", "input": "", "chosen": "", "rejected": ""}, {"preference_trl"}),
    ({"prompt": "", "completion": "", "label": True}, {"kto"}),
    ({"messages": [], "label": True}, {"kto"}),
    ({"text": "", "label": ""}, {"labels"}),
    ({"text": "", "labels": []}, {"labels"}),
    ({"tokens": [], "labels": []}, {"token_labels"}),
    ({"tokens": [], "ner_tags": []}, {"token_labels"}),
    ({"tokens": [], "tags": [], "text": ""}, {"token_labels"}),
    ({"source": "", "target": ""}, {"pairs"}),
    ({"translation": {"en": "", "de": ""}}, {"pairs"}),
    ({"anchor": "", "positive": ""}, {"pairs"}),
    ({"sentence1": "", "sentence2": "", "score": 1}, {"pairs"}),
    ({"query": "", "document": ""}, {"pairs"}),
    ({"query": "", "positive": ""}, {"pairs"}),
    # These could be two things: a person is asked.
    ({"messages": [], "prompt": "", "completion": ""}, {"chat", "prompt_completion"}),
    ({"messages": [], "text": ""}, {"chat", "text"}),
    ({"messages": [], "prompt": "", "chosen": [], "rejected": []}, {"chat", "preference_trl"}),
    ({"prompt": "", "completion": "", "text": ""}, {"prompt_completion", "text"}),
    ({"instruction": "", "input": "", "output": "", "text": ""}, {"alpaca", "text"}),
    ({"messages": [], "conversations": []}, {"chat", "sharegpt"}),
    ({"input": "", "output": "", "messages": []}, {"chat", "input_output"}),
    # These are nothing that is known.
    ({}, set()),
    ({"prompt": ""}, set()),
    ({"query": "", "response": "", "context": ""}, set()),
    ({"input": {}, "output": ""}, set()),
    ({"source": "web", "translation": "x"}, set()),
]


@pytest.mark.parametrize(("record", "names"), SHAPES, ids=lambda value: "+".join(value) or "none")
def test_a_known_shape_has_one_format_and_an_ambiguous_one_each_that_it_could_be(
    record: dict[str, Any], names: set[str]
) -> None:
    assert {each.NAME for each in FORMATS if each.detect(record)} == names


def test_names_are_unique_and_lead_to_their_format() -> None:
    assert len({each.NAME for each in FORMATS}) == len(FORMATS) == len(ROWS)
    assert all(format_named(each.NAME) is each for each in FORMATS)


@ALL
@settings(max_examples=60)
@given(data=st.data())
def test_what_is_written_is_read_again_and_is_json(each: Format, data: st.DataObject) -> None:
    row = data.draw(ROWS[each.NAME])
    record = json.loads(json.dumps(each.write(row)))
    assert each.read(record, row.path, row.line) == row
    assert {other.NAME for other in FORMATS if other.detect(record)} == {each.NAME}
    assert set(record) <= set(each.KEYS)


@ALL
@settings(max_examples=120)
@given(data=st.data())
def test_no_record_makes_a_format_raise_or_is_changed_by_it(each: Format, data: st.DataObject) -> None:
    record = data.draw(
        records(each.KEYS) | records(ALL_KEYS) | st.dictionaries(st.text(max_size=4), any_json, max_size=3)
    )
    before = repr(record)
    is_sound, read = each.is_sound(record), each.read(record, "t.jsonl", 7)
    assert isinstance(each.detect(record), bool)
    assert repr(record) == before
    if isinstance(read, list):
        assert read
        assert not is_sound
        assert all(isinstance(fault, RowFault) and fault.kind in RULES and fault.rule for fault in read)
        assert all((fault.path, fault.line) == ("t.jsonl", 7) and len(str(fault)) < 1000 for fault in read)
    else:
        assert each.read(each.write(read), "t.jsonl", 7) == read


@ALL
@settings(max_examples=40)
@given(data=st.data())
def test_only_a_record_without_fault_is_sound_however_a_good_one_is_spoilt(each: Format, data: st.DataObject) -> None:
    """Good records with one value replaced come much nearer to the border than random ones."""
    record = copy.deepcopy(each.write(data.draw(ROWS[each.NAME])))
    for _ in range(data.draw(st.integers(1, 2))):
        _spoil(record, data)
    if each.is_sound(record):
        assert not isinstance(each.read(record, "t.jsonl", 1), list)


def _spoil(value: Any, data: st.DataObject) -> None:
    while isinstance(value, dict | list) and value:
        key = data.draw(st.sampled_from(sorted(value) if isinstance(value, dict) else range(len(value))))
        if not isinstance(value[key], dict | list) or not value[key] or data.draw(st.booleans()):
            value[key] = data.draw(any_json)
            return
        value = value[key]


@ALL
def test_a_thousand_levels_and_a_million_wrong_values_are_reported_shortly_and_soon(each: Format) -> None:
    deep: Any = []
    for _ in range(sys.getrecursionlimit() - 200):
        deep = [deep]
    nested: Any = {}
    for _ in range(sys.getrecursionlimit() - 200):
        nested = {"a": nested}
    call = {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": nested}}]}
    many = [0] * 300_000
    for odd in (deep, nested, [deep], [nested], many, [call], {"messages": [call, deep]}, {"messages": many}):
        record = dict.fromkeys(each.KEYS, odd)
        faults = each.read(record, "t.jsonl", 1)
        assert isinstance(faults, list)
        assert 1 <= len(faults) <= MAX_FINDINGS + 1
        assert not each.is_sound(record)


@ALL
def test_a_thousand_unknown_keys_are_cut_off_with_a_word(each: Format) -> None:
    faults = each.read({"k" * 100_000 + str(index): index for index in range(100)} | dict.fromkeys("abc", 1), "t", 1)
    assert isinstance(faults, list)
    assert len(faults) == MAX_FINDINGS + 1
    assert faults[-1].rule == "has more faults than are listed"
    assert all(len(fault.field) <= 100 for fault in faults)


@given(any_json)
def test_a_value_is_shown_as_a_short_repr(value: Any) -> None:
    assert len(shown(value)) <= 80
    if not isinstance(value, dict | list) or len(repr(value)) <= 60:
        assert shown(value) == shown(value)


@ALL
def test_keys_that_are_null_are_passed_over(each: Format) -> None:
    good = {
        "chat": {"messages": QUESTION, "tools": None, "functions": None, "metadata": None, "text": None},
        "prompt_completion": {"prompt": "q", "completion": " a", "tools": None, "id": None},
        "alpaca": {"instruction": "q", "input": None, "output": "a", "system": None, "history": None, "id": None},
        "input_output": {"input": "q", "output": "a", "metadata": None, "id": None},
        "sharegpt": {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a", "weight": None}]}
        | {"tools": None, "system": None, "id": None},
        "text": {"text": "t", "metadata": None, "url": None},
        "preference_openai": {"input": {"messages": QUESTION[:1], "tools": None}, "preferred_output": QUESTION[1:]}
        | {"non_preferred_output": [{"role": "assistant", "content": "b", "refusal": None, "annotations": []}]},
        "preference_trl": {"prompt": "q", "chosen": "a", "rejected": "b", "tools": None, "score": None},
        "kto": {"prompt": "q", "completion": "a", "label": False, "metadata": None, "id": None},
        "labels": {"text": "t", "label": "a", "labels": None, "id": None},
        "token_labels": {"tokens": ["t"], "ner_tags": ["O"], "labels": None, "tags": None, "id": None},
        "pairs": {"source": "s", "target": "t", "score": None, "query": None, "translation": None, "id": None},
    }
    read = each.read(good[each.NAME], "t.jsonl", 1)
    assert not isinstance(read, list), [str(fault) for fault in read]
