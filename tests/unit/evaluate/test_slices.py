"""A slice tells rows apart: it differs, is common enough to be scored, and goes by a name that nothing else has."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.data.rows import Message, Row
from tunewright.evaluate.slices import slices_of
from tunewright.runs import evaluation as parts

TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}


def make_row(question: str = "who?", answer: str = "it is them", **meta: Any) -> Row:
    return Row("test.jsonl", 1, (Message("user", question), Message("assistant", answer)), meta)


def values_of(rows: Sequence[Row], name: str) -> list[str | None]:
    return [row.get(name) for row in slices_of(rows)]


def of_field(values: Sequence[Any]) -> list[str | None]:
    return values_of([make_row(field=value) for value in values], "field")


def words(*lengths: int) -> list[Row]:
    return [make_row(" ".join(["word"] * length)) for length in lengths]


# ── metadata ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_short_texts_whole_numbers_and_booleans_are_slices_as_the_file_has_them() -> None:
    assert of_field(["a", "b"] * 2) == ["a", "b"] * 2
    assert of_field([2024, 2025] * 2) == ["2024", "2025"] * 2
    assert of_field([True, False] * 2) == ["true", "false"] * 2
    assert of_field([1, True, 0, False] * 2) == ["1", "true", "0", "false"] * 2
    assert of_field([" two \n lines ", "b"] * 2) == ["two lines", "b"] * 2


def test_a_row_without_the_field_lacks_the_slice() -> None:
    assert of_field(["a", None, "b", ""] * 2) == ["a", None, "b", None] * 2
    rows = [make_row(field="a"), make_row(), make_row(field="b")] * 2
    assert slices_of(rows)[1] == {}
    assert values_of(rows, "field") == ["a", None, "b"] * 2


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(["a"] * 8, id="one value"),
        pytest.param([None] * 8, id="none"),
        pytest.param(["a", "b" * 41] * 4, id="a long text"),
        pytest.param([1, 2.5] * 4, id="fractions"),
        pytest.param([["a"], ["b"]] * 4, id="lists"),
        pytest.param([{"a": {"b": 1}}, {"a": {}}] * 4, id="objects"),
        pytest.param([10**5000, 1] * 4, id="a number too long to be written"),
        pytest.param([f"id {n}" for n in range(8)], id="all different"),
        pytest.param([*(f"id {n}" for n in range(5)), "a", "a", "a"], id="most of them different"),
        pytest.param([n // 2 for n in range(62)], id="31 values"),
    ],
)
def test_what_does_not_tell_rows_apart_is_no_slice(values: list[Any]) -> None:
    assert of_field(values) == [None] * len(values)


def test_the_limits_themselves_are_within() -> None:
    assert of_field(["a", "b" * 40] * 4) == ["a", "b" * 40] * 4
    assert len(set(of_field([n // 2 for n in range(60)]))) == 30
    assert of_field(["x", "y", "a", "a"]) == ["x", "y", "a", "a"]


@pytest.mark.parametrize("name", ["fact", "group", "grader"])
def test_metadata_with_a_meaning_of_its_own_is_no_slice(name: str) -> None:
    assert slices_of([make_row(**{name: value}) for value in "abab"]) == [{}] * 4


# ── labels ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_references_that_look_like_labels_are_the_first_slice_in_their_first_spelling() -> None:
    answers = ["Refund", "refund.", "delivery", "REFUND", "", "delivery", "refund", "delivery", "delivery"]
    rows = [make_row(answer=answer, topic="ab"[n % 2]) for n, answer in enumerate(answers)]
    expected = ["Refund", "Refund", "delivery", "Refund", None, "delivery", "Refund", "delivery", "delivery"]
    assert values_of(rows, "label") == expected
    assert list(slices_of(rows)[0]) == ["label", "topic"]


@pytest.mark.parametrize("answers", [["yes"] * 8, [f"answer {n}" for n in range(8)], [""] * 8])
def test_one_label_or_none_is_no_slice(answers: list[str]) -> None:
    assert values_of([make_row(answer=answer) for answer in answers], "label") == [None] * 8


def test_a_field_of_our_name_keeps_it_and_ours_says_where_it_comes_from() -> None:
    rows = [make_row(answer=("yes", "no")[n % 2], label=("sure", "unsure", "sure")[n % 3]) for n in range(12)]
    assert values_of(rows, "label") == ["sure", "unsure", "sure"] * 4
    assert values_of(rows, "label (from references)") == ["yes", "no"] * 6


def test_ours_yields_even_to_a_field_of_its_second_name() -> None:
    taken = {"tools": "x", "tools (from rows)": "y"}
    other = {"tools": "x2", "tools (from rows)": "y2"}
    turns = (Message("user", "who?"), Message("assistant", "them"))
    rows = [Row("t", 1, turns, meta, tools) for meta, tools in ((taken, (TOOL,)), (other, ()), (taken, ()))] * 2
    assert slices_of(rows)[0] == {**taken, "tools (from rows) (from rows)": "with tools"}


def test_a_field_that_says_the_same_as_ours_stands_for_both() -> None:
    rows = [make_row(answer=label, label=label) for label in ["yes", "no"] * 4]
    assert slices_of(rows)[:2] == [{"label": "yes"}, {"label": "no"}]


# ── lengths ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_questions_are_in_thirds_named_by_their_bounds() -> None:
    named = values_of(words(1, 5, 12, 13, 20, 30, 31, 400, 2000), "question length")
    assert named == ["up to 12 words"] * 3 + ["13 to 30 words"] * 3 + ["more than 30 words"] * 3


@pytest.mark.parametrize(
    ("lengths", "names"),
    [
        ([0, 0, 0, 1, 1, 1, 9, 9, 9], ["no words"] * 3 + ["1 word"] * 3 + ["more than 1 word"] * 3),
        ([1, 1, 1, 2, 2, 2, 9, 9, 9], ["up to 1 word"] * 3 + ["2 words"] * 3 + ["more than 2 words"] * 3),
        ([4, 4, 4, 4, 9, 9], ["up to 4 words"] * 4 + ["more than 4 words"] * 2),
        ([1, 1, 9, 9, 9, 9, 9, 9, 9], ["up to 1 word"] * 2 + ["more than 1 word"] * 7),
        ([2, 2000], ["up to 2 words", "more than 2 words"]),
        ([1500, 2000, 4000], ["up to 1,500 words", "1,501 to 2,000 words", "more than 2,000 words"]),
    ],
)
def test_equal_lengths_are_never_put_apart(lengths: list[int], names: list[str]) -> None:
    assert values_of(words(*lengths), "question length") == names


@pytest.mark.parametrize("lengths", [[7] * 9, [8, 9, 10, 11] * 3, [7] * 11 + [70], [1] + [7] * 11, []])
def test_lengths_that_are_about_alike_are_no_slice(lengths: list[int]) -> None:
    assert values_of(words(*lengths), "question length") == [None] * len(lengths)


@given(st.lists(st.integers(0, 60), min_size=2, max_size=60))
@settings(max_examples=60)
def test_longer_questions_are_never_in_a_shorter_third(lengths: list[int]) -> None:
    named = values_of(words(*lengths), "question length")
    if None in named:
        assert set(named) == {None}
        return
    in_order = [name for _, name in sorted(zip(lengths, named, strict=True), key=lambda pair: pair[0])]
    # Each name is one stretch of the sorted lengths, and no third is larger than equal lengths make it.
    assert len([name for n, name in enumerate(in_order) if n == 0 or in_order[n - 1] != name]) == len(set(named))
    assert 2 <= len(set(named)) <= 3
    most_alike = max(Counter(lengths).values())
    assert max(Counter(named).values()) <= -(-len(lengths) // 3) + 2 * most_alike


def test_texts_without_spaces_are_measured_in_characters() -> None:
    rows = [make_row("这" * length + "。", "好" * 3) for length in (2, 3, 4, 20, 21, 22, 100, 101, 102)]
    named = values_of(rows, "question length")
    assert named == ["up to 5 characters"] * 3 + ["6 to 23 characters"] * 3 + ["more than 23 characters"] * 3


def test_one_foreign_text_among_many_leaves_words_the_measure() -> None:
    rows = [*words(*range(1, 31)), make_row("这是什么")]
    assert values_of(rows, "question length")[-1] == "up to 10 words"


def test_a_tenth_of_texts_without_spaces_makes_characters_the_measure() -> None:
    rows = [*words(*range(1, 31)), *[make_row("这是什么")] * 4]
    assert values_of(rows, "question length")[-1] == "up to 32 characters"


def test_answers_are_measured_where_they_are_no_labels() -> None:
    free = [make_row(answer=" ".join(f"w{n}" for _ in range(n))) for n in range(1, 10)]
    expected = ["up to 3 words"] * 3 + ["4 to 6 words"] * 3 + ["more than 6 words"] * 3
    assert values_of(free, "answer length") == expected
    labels = [make_row(answer=answer) for answer in ["yes", "no and never again"] * 4]
    assert values_of(labels, "answer length") == [None] * 8


def test_the_question_is_the_last_turn_of_the_user() -> None:
    def talk(num_words: int) -> Row:
        turns = ("user", "one two"), ("assistant", "well?"), ("user", "word " * num_words), ("assistant", "so be it")
        return Row("t", 1, tuple(Message(role, text) for role, text in turns))

    assert values_of([talk(1), talk(5), talk(9)], "question length") == [
        "up to 1 word",
        "2 to 5 words",
        "more than 5 words",
    ]


# ── script, turns, tools ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_script_of_most_letters_is_told() -> None:
    questions = {
        "Where is it?": "Latin",
        "Où est-elle, Łódź?": "Latin",
        "Где это? (ok)": "Cyrillic",
        "它在哪里？": "Han",
        "それはどこにありますか。東京": "Japanese",
        "カメラの値段": "Japanese",
        "그것은 어디에 있습니까?": "Hangul",
        "أين هو؟": "Arabic",
        "12 + 30 = ?": None,
        "": None,
    }
    assert values_of([make_row(question) for question in questions], "script") == list(questions.values())


def test_one_kana_in_chinese_is_no_japanese() -> None:
    assert values_of([make_row("优の良品商店今天几点开门呢请问"), make_row("hello")], "script") == ["Han", "Latin"]


def test_a_script_is_told_by_the_whole_text() -> None:
    asked = "Summarise this in one sentence, please. " * 5 + "это длинный текст " * 200
    assert values_of([make_row(asked), make_row("hello")], "script") == ["Cyrillic", "Latin"]


def test_one_script_and_rows_without_letters_are_no_slice() -> None:
    assert values_of([make_row("hello"), make_row("1 + 1"), make_row("hi")], "script") == [None] * 3


def talk_of(num_turns: int, *, system: bool = False) -> Row:
    turns = [Message(("user", "assistant")[n % 2], "say") for n in range(num_turns)]
    opening = [Message("system", "be kind")] if system else []
    return Row("t", 1, (*opening, *turns, Message("assistant", "well, well")))


def test_turns_before_the_answer_are_counted_without_the_system() -> None:
    rows = [talk_of(1), talk_of(1, system=True), talk_of(3), talk_of(5)]
    assert values_of(rows, "turns") == ["1 turn", "1 turn", "3 turns", "5 turns"]
    assert values_of([talk_of(1), talk_of(1, system=True)], "turns") == [None, None]


def test_many_counts_of_turns_are_in_thirds() -> None:
    named = values_of([talk_of(n) for n in range(1, 19, 2)], "turns")
    assert named == ["up to 5 turns"] * 3 + ["6 to 11 turns"] * 3 + ["more than 11 turns"] * 3


def test_rows_with_and_without_tools_are_told_apart() -> None:
    turns = (Message("user", "who?"), Message("assistant", "them"))
    rows = [Row("t", 1, turns, {}, (TOOL,)), Row("t", 2, turns)]
    assert values_of(rows, "tools") == ["with tools", "without tools"]
    assert values_of([rows[0]] * 2, "tools") == values_of([rows[1]] * 2, "tools") == [None, None]


# ── whatever the rows are ────────────────────────────────────────────────────────────────────────────────────────────


texts = st.text(alphabet=st.sampled_from("abé日のж9\ud800\udfff \n"), max_size=6)
odd_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
odd_rows = st.lists(
    st.builds(
        lambda question, answer, meta: Row("t", 1, (Message("user", question), Message("assistant", answer)), meta),
        texts,
        st.one_of(texts, st.sampled_from(["yes", "no"])),
        st.dictionaries(st.one_of(texts, st.sampled_from(["label", "turns", "script"])), odd_values, max_size=3),
    ),
    max_size=16,
)


@given(odd_rows)
def test_odd_rows_have_slices_that_differ_and_can_be_written(rows: list[Row]) -> None:
    slices = slices_of(rows)
    assert len(slices) == len(rows)
    names = {name for row in slices for name in row}
    for name in names:
        assert len({row[name] for row in slices if name in row}) > 1
    for row in slices:
        assert all(value for value in row.values())
        kept = parts.Row(where="t:1", prompt=[], reference=None, slices=dict(row))
        assert json.loads(kept.model_dump_json())["slices"] == row


@given(odd_rows)
@settings(max_examples=30)
def test_the_same_rows_have_the_same_slices(rows: list[Row]) -> None:
    again = [Row(row.path, row.line, row.messages, dict(row.meta)) for row in rows]
    assert slices_of(again) == slices_of(rows)


def test_lone_surrogates_are_escaped_in_names_and_values() -> None:
    rows = [make_row(answer="\ud800", **{"f\ud800": value}) for value in ["\udfff", "b"] * 4]
    assert slices_of(rows)[0] == {"f\\ud800": "\\udfff"}


def test_ten_thousand_rows_take_less_than_two_seconds() -> None:
    rows = [
        make_row(
            ("word " * (n % 200), "слово " * (n % 200), "字" * (n % 999))[n % 3],
            "answer " * (n % 50 + 1),
            **{f"field {k}": (n + k) % 20 for k in range(6)},
        )
        for n in range(10_000)
    ]
    started = time.process_time()
    slices = slices_of(rows)
    assert time.process_time() - started < 2, "0.3 on an idle core"
    assert len(slices[0]) == 6 + 2, "fields, lengths; the first row has no letters"


def test_a_name_for_each_row_does_not_take_the_square_of_their_number() -> None:
    rows = [make_row(**{f"field {n}": "a"}) for n in range(10_000)]
    started = time.process_time()
    assert slices_of(rows) == [{}] * 10_000
    assert time.process_time() - started < 2
