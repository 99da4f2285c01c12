"""New rows: only the prompt side differs, the parent is named, the family shared, and nothing depends on the order."""

from __future__ import annotations

import copy
from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.data.augment.balance import plan_balance
from tunewright.data.augment.expand import NoiseWay, TemplateWay, copies, exactly
from tunewright.data.augment.noise import NOISES
from tunewright.data.augment.record import (
    child,
    content_hash,
    family,
    field_value,
    grouped,
    is_augmented,
    prompt_texts,
)
from tunewright.data.augment.rewrite import reasons, rewrite
from tunewright.data.augment.templates import ENGLISH_QUESTIONS, parse_templates
from tunewright.errors import DataError

ASK = "How do I reset the password of my account before the end of this week?"
WAYS = [NoiseWay(kind, 0.1) for kind in NOISES]
TURNS = [
    {"role": "system", "content": "Be brief and kind."},
    {"role": "user", "content": ASK},
    {"role": "assistant", "content": "Open the settings page and press reset."},
    {"role": "user", "content": [{"type": "text", "text": "And where is the settings page?"}]},
    {"role": "assistant", "content": "In the menu at the top."},
]
# Record → the keys that may differ in a child, besides metadata.
RECORDS = [
    ({"messages": TURNS, "metadata": {"topic": "login"}}, {"messages"}),
    ({"prompt": ASK, "completion": "Press reset now please"}, {"prompt"}),
    ({"instruction": ASK, "input": "my old account", "output": "Press reset now"}, {"instruction", "input"}),
    ({"input": {"messages": TURNS[:2]}, "preferred_output": TURNS[2:3], "non_preferred_output": TURNS[4:]}, {"input"}),
    ({"prompt": TURNS[:2], "chosen": TURNS[2:3], "rejected": TURNS[4:]}, {"prompt"}),
    ({"conversations": [{"from": "human", "value": ASK}, {"from": "gpt", "value": "Press reset"}]}, {"conversations"}),
    ({"text": ASK, "label": "some longer class name", "metadata": {"group": 7}}, {"text"}),
]
questions = st.lists(st.sampled_from(ASK.split()), min_size=6, max_size=12).map(" ".join)


@pytest.mark.parametrize(("record", "asking"), RECORDS)
def test_only_the_asking_side_changes_and_the_parent_stays_as_it_was(record: dict, asking: set[str]) -> None:
    before = copy.deepcopy(record)
    made = copies(record, WAYS, 2, seed=3).made
    assert len(made) >= 6
    assert record == before
    for each in made:
        changed = {key for key in record if each.record[key] != record[key]} - {"metadata"}
        assert changed <= asking
        assert each.record["metadata"]["augmented"] == {"parent": content_hash(record), "how": each.how, "seed": 3}
        assert family(each.record) == family(record) == family(grouped(record))


def test_answers_system_prompts_and_older_metadata_stay() -> None:
    record = RECORDS[0][0]
    for each in copies(record, WAYS, 3, seed=0).made:
        turns = each.record["messages"]
        assert [turns[place] for place in (0, 2, 4)] == [TURNS[place] for place in (0, 2, 4)]
        assert each.record["metadata"]["topic"] == "login"


@pytest.mark.parametrize(
    "record",
    [
        {"text": "a whole text that is taught as it is"},
        {"tokens": ["a", "b"], "labels": ["O", "O"]},
        {"messages": [{"role": "assistant", "content": "Hello to all of you"}]},
        {"messages": "no list"},
        {"prompt": "   "},
    ],
)
def test_a_record_without_a_prompt_side_has_no_children(record: dict) -> None:
    assert prompt_texts(record) == {}
    assert copies(record, WAYS, 3, seed=0).made == []


@settings(max_examples=30)
@given(st.lists(questions, min_size=2, max_size=6, unique=True), st.integers(0, 3), st.randoms())
def test_children_depend_on_seed_and_content_and_not_on_order(asked: list[str], seed: int, shuffle: Random) -> None:
    records = [{"prompt": text, "completion": "yes"} for text in asked]
    before = {record["prompt"]: copies(record, WAYS, 2, seed) for record in records}
    shuffle.shuffle(records)
    assert {record["prompt"]: copies(record, WAYS, 2, seed) for record in records} == before


def test_another_seed_gives_other_children_and_children_have_none() -> None:
    record = {"prompt": ASK, "completion": "yes"}
    one, two = (exactly(record, WAYS, 8, seed).made for seed in (0, 1))
    assert {each.after for each in one} != {each.after for each in two}
    assert is_augmented(one[0].record)
    assert copies(one[0].record, WAYS, 2, seed=0).made == []


def test_children_are_all_different_and_a_short_text_gives_fewer() -> None:
    texts = [each.after for each in exactly({"prompt": ASK, "completion": "y"}, WAYS, 60, seed=0).made]
    assert len(set(texts)) == len(texts) == 60
    few = exactly({"prompt": "Hi", "completion": "y"}, WAYS, 60, seed=0)
    assert 0 < len(few.made) < 60
    assert few.num_same > 0
    assert exactly({"prompt": "12", "completion": "y"}, WAYS, 5, seed=0).made == []


def test_each_copy_by_templates_has_its_own_wording() -> None:
    way = TemplateWay(parse_templates(ENGLISH_QUESTIONS))
    made = copies({"prompt": "How do I reset it?", "completion": "y"}, [way], 5, seed=0).made
    assert sorted(each.after for each in made) == [
        "Could you tell me how to reset it?",
        "How can I reset it?",
        "What is the way to reset it?",
    ]


def test_the_family_does_not_depend_on_metadata_or_order_of_keys() -> None:
    record = {"prompt": "a", "completion": "\ud800"}
    assert content_hash(record) == content_hash({"completion": "\ud800", "metadata": {"x": 1}, "prompt": "a"})
    assert family({"prompt": "a", "metadata": {"augmented": {"parent": "p"}}}) == "p"
    assert family(child(grouped(record), {("prompt",): "b"}, "typo", 0)) == family(record)


# ── balance ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=30)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=4), st.sampled_from([0.3, 0.5, 1.0]))
def test_balance_reaches_the_ratio(sizes: list[int], ratio: float) -> None:
    records = [
        {"text": f"{ASK} Number {number} of them", "label": f"class {name}"}
        for name, size in enumerate(sizes)
        for number in range(size)
    ]
    plan = plan_balance(records, "label", ratio, seed=0)
    counts = Counter(record["label"] for record in records)
    for record in records:
        counts[record["label"]] += len(exactly(record, WAYS, plan.quotas.get(content_hash(record), 0), seed=0).made)
    assert min(counts.values()) >= ratio * max(sizes) - 1e-9
    assert max(counts.values()) == max(sizes)
    assert plan.quotas == plan_balance(records[::-1], "label", ratio, seed=0).quotas


def test_rows_that_are_children_count_and_have_none() -> None:
    records = [{"text": f"{ASK} {n}", "label": "a"} for n in range(4)] + [{"text": ASK, "label": "b"}]
    made = [each.record for each in exactly(records[-1], WAYS, 3, seed=0).made]
    assert plan_balance([*records, *made], "label", 1.0, seed=0).quotas == {}


@pytest.mark.parametrize(("field", "ratio", "said"), [("lable", 1.0, "no record has"), ("label", 0.0, "ratio must be")])
def test_a_wrong_balance_is_named(field: str, ratio: float, said: str) -> None:
    with pytest.raises(DataError, match=said):
        plan_balance([{"text": "a", "label": "b"}], field, ratio, seed=0)


def test_a_field_may_lie_deep() -> None:
    record = {"metadata": {"topic": "x"}, "messages": [{"content": "first"}, {"content": "last"}]}
    assert field_value(record, "metadata.topic") == "x"
    assert field_value(record, "messages[-1].content") == "last"
    assert field_value(record, "messages[9].content") is None
    assert field_value(record, "metadata.topic.more") is None


# ── the seam for models ──────────────────────────────────────────────────────────────────────────────────────────────


def test_results_of_a_model_are_checked_and_dropped_by_name() -> None:
    records = [{"prompt": text, "completion": "yes"} for text in ("reset 12 now", "b  b", "c", "buy [EMAIL_1]", "d")]
    answers = {"reset 12 now": "now reset 12", "b  b": "b b ", "c": " ", "buy [EMAIL_1]": "buy it", "d": "dd"}
    result = rewrite(records, lambda texts: [answers[text] for text in texts], "paraphrase", batch_size=2)
    assert [(index, made["prompt"]) for index, made in result.made] == [(0, "now reset 12"), (4, "dd")]
    assert all(made["completion"] == "yes" for _, made in result.made)
    assert reasons(result.dropped) == {
        "identical": 1,
        "empty": 1,
        "lost a number, quotation or placeholder": 1,
    }
    assert result.made[0][1]["metadata"]["augmented"]["how"] == "paraphrase"


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([], "returned 0 results"),
        (["a", "b"], "returned 2 results"),
        ("a", "one text"),
        ([None], "NoneType"),
        ([3], "int"),
    ],
)
def test_a_model_that_returns_the_wrong_thing_is_named(answers: object, said: str) -> None:
    with pytest.raises(DataError, match=said):
        rewrite([{"prompt": "a question", "completion": "y"}], lambda texts: answers, "paraphrase")  # type: ignore[arg-type,return-value]
