"""Real files that other people wrote, record by record: which format they have, how many rows, which faults."""

from __future__ import annotations

import json
from collections import Counter
from itertools import groupby
from typing import Any

import pytest

from tests.shared import SHARED, needs_shared
from tunewright.data.formats.all import FORMATS, format_named
from tunewright.data.rows import FeedbackRow, LabelRow, PreferenceRow, Row, TextRow, TokenLabelsRow

pytestmark = needs_shared


def values_of(name: str) -> list[Any]:
    text = (SHARED / name).read_text(encoding="utf-8")
    if name.endswith(".jsonl"):
        return [json.loads(line) for line in text.split("\n") if line.strip()]
    value = json.loads(text)
    return value if isinstance(value, list) else [value]


def read_all(name: str, records: list[dict[str, Any]]) -> tuple[list[Any], Counter[tuple[str, str]]]:
    """Return the rows and how often each kind of fault stands at each field; every record is detected as `name`."""
    each, rows, faults = format_named(name), [], Counter()
    for line, record in enumerate(records, start=1):
        assert [other.NAME for other in FORMATS if other.detect(record)] == [name]
        read = each.read(record, "t.jsonl", line)
        assert each.is_sound(record) <= (not isinstance(read, list))
        if isinstance(read, list):
            faults.update((fault.kind, fault.field) for fault in read)
        else:
            assert each.read(each.write(read), "t.jsonl", line) == read
            rows.append(read)
    return rows, faults


@pytest.mark.parametrize(
    ("name", "file_format", "row_type", "num_rows"),
    [
        ("chat/openai_cookbook_toy_chat_fine_tuning.jsonl", "chat", Row, 5),
        ("chat/azure_oai_v2_chat_train.jsonl", "chat", Row, 128),
        ("chat/azure_oai_v2_chat_train_crlf.jsonl", "chat", Row, 128),
        ("chat/azure_distillation_conversation_train.jsonl", "chat", Row, 100),
        ("chat/mslearn_travel-finetune.jsonl", "chat", Row, 10),
        ("chat/tinker_conversations.jsonl", "chat", Row, 128),
        ("chat/foundry_gsm8k_sft_train.jsonl", "chat", Row, 449),
        ("chat/llamafactory_identity.json", "alpaca", Row, 91),
        ("classification/clinc5_train.jsonl", "chat", Row, 500),
        ("math/gsm8k_test.jsonl", "chat", Row, 500),
        ("preference/foundry_orca_dpo_valid.jsonl", "preference_openai", PreferenceRow, 284),
        ("preference/llamafactory_kto_en_demo.json", "kto", FeedbackRow, 300),
        ("tools/foundry_stock_toolcall_training.jsonl", "chat", Row, 86),
        ("tools/foundry_stock_toolcall_validation.jsonl", "chat", Row, 10),
        ("tools/llamafactory_glaive_toolcall_en_demo.json", "sharegpt", Row, 300),
        ("text/tinystories_continue.jsonl", "chat", Row, 1000),
    ],
)
def test_a_good_file_has_no_fault(name: str, file_format: str, row_type: type, num_rows: int) -> None:
    rows, faults = read_all(file_format, values_of(name))
    assert (len(rows), faults) == (num_rows, Counter())
    assert all(type(row) is row_type for row in rows)


def test_calls_and_tools_of_real_rows_are_kept() -> None:
    rows, _ = read_all("chat", values_of("tools/foundry_stock_toolcall_training.jsonl"))
    assert sum(len(m.tool_calls) > 0 for row in rows for m in row.messages) == 36
    assert all(row.tools for row in rows)
    rows, _ = read_all("sharegpt", values_of("tools/llamafactory_glaive_toolcall_en_demo.json"))
    assert sum(len(m.tool_calls) for row in rows for m in row.messages) == 211
    assert sum(m.role == "tool" for row in rows for m in row.messages) == 211
    assert sum(not row.tools for row in rows) == 109


def test_the_verdicts_of_real_feedback_are_kept() -> None:
    rows, _ = read_all("kto", values_of("preference/llamafactory_kto_en_demo.json"))
    assert Counter(row.label for row in rows) == {True: 150, False: 150}
    assert all(len(row.completion) == 1 and row.prompt[-1].role == "user" for row in rows)


def test_stories_are_text() -> None:
    rows, faults = read_all("text", [{"text": story} for story in values_of("text/tinystories_1000.json")])
    assert (len(rows), faults) == (1000, Counter())
    assert type(rows[0]) is TextRow


def test_intents_are_labels() -> None:
    splits = json.loads((SHARED / "classification" / "clinc150_small.json").read_text(encoding="utf-8"))
    records = [{"text": text, "label": label} for split in splits.values() for text, label in split]
    rows, faults = read_all("labels", records)
    assert (len(rows), faults) == (16_200, Counter())
    assert type(rows[0]) is LabelRow
    assert len({row.label for row in rows}) == 151


@pytest.mark.parametrize(("name", "num_rows"), [("wnut17train.conll", 3394), ("emerging.test.annotated.conll", 1287)])
def test_conll_sentences_are_tagged_words(name: str, num_rows: int) -> None:
    text = (SHARED / "extraction" / "wnut17" / name).read_text(encoding="utf-8")
    lines = [line.strip().split("\t") for line in text.split("\n")]
    blocks = [list(block) for is_blank, block in groupby(lines, key=lambda words: words == [""]) if not is_blank]
    records = [{"tokens": [pair[0] for pair in block], "ner_tags": [pair[1] for pair in block]} for block in blocks]
    rows, faults = read_all("token_labels", records)
    assert (len(rows), faults) == (num_rows, Counter())
    assert type(rows[0]) is TokenLabelsRow


def test_rows_without_an_answer_say_so() -> None:
    rows, faults = read_all("chat", values_of("broken/no_assistant_at_all.jsonl"))
    assert (rows, faults) == ([], Counter({("no_assistant", "messages"): 5}))


def test_emptied_turns_are_named() -> None:
    rows, faults = read_all("sharegpt", values_of("broken/axolotl_conversation.missingturns.json"))
    assert (rows, faults) == ([], Counter({("no_content", "conversations[1].value"): 1}))


def test_records_of_no_training_format_are_not_taken_for_one() -> None:
    queries = json.loads((SHARED / "broken" / "array_not_jsonl.jsonl").read_text(encoding="utf-8"))
    for record in [*queries, *values_of("chat/openassistant_en_100_tree.jsonl")]:
        assert not [each.NAME for each in FORMATS if each.detect(record)]


def test_an_instruction_with_its_answers_elsewhere_is_told_what_is_missing() -> None:
    rows, faults = read_all("alpaca", values_of("chat/self_instruct_user_oriented.jsonl"))
    assert rows == []
    assert faults[("missing_key", "output")] == faults[("unknown_key", "instances")] == 252
