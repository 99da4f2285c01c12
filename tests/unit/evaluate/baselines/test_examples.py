"""Which examples are shown, in which order, and which never."""

from __future__ import annotations

import sys
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.evaluate.baselines.rows import count_words, row, row_sets, rows, talk
from tunewright.data.rows import Message, Row
from tunewright.errors import DataError, MissingExtraError, NoRowsError
from tunewright.evaluate.baselines.asked import Asked, Room
from tunewright.evaluate.baselines.examples import FewShot, How, Pool, few_shots

HOWS: list[How] = ["random", "by_class", "bm25"]

LABELLED = [row(f"text number {n}", "good" if n % 3 else "bad", line=n) for n in range(1, 13)]


def texts(asked: Asked) -> list[str]:
    return [message.said for message in asked.messages]


def test_examples_stand_between_the_system_turn_and_the_question() -> None:
    few = FewShot([row("old", "answer", system="be kind")], 1, "random")
    asked = few.ask(row("new", "reference", system="be kind"))
    roles = ["system", "user", "assistant", "user"]
    assert [m.role for m in asked.messages] == roles
    assert texts(asked) == ["be kind", "old", "answer", "new"]
    assert asked.messages[2].weight == 0.0


def test_an_example_under_another_system_turn_keeps_it_in_its_question() -> None:
    few = FewShot([row("old", "answer", system="context of old")], 1, "random")
    assert texts(few.ask(row("new", "ref", system="context of new"))) == [
        "context of new",
        "context of old\n\nold",
        "answer",
        "new",
    ]
    assert texts(few.ask(row("new", "ref"))) == ["context of old\n\nold", "answer", "new"]
    without = FewShot([row("old", "answer")], 1, "random")
    assert texts(without.ask(row("new", "ref", system="be kind"))) == ["be kind", "old", "answer", "new"]


def test_random_examples_are_the_same_for_all_rows_and_by_the_seed() -> None:
    pool = Pool.of(rows(40), seed=3)
    few = FewShot(pool, 8, "random")
    first, second = few.ask(row("new one", "x")), few.ask(row("another", "y"))
    assert first.messages[:-1] == second.messages[:-1]
    assert FewShot(Pool.of(rows(40), seed=3), 8, "random").ask(row("new one", "x")) == first
    assert FewShot(Pool.of(rows(40), seed=4), 8, "random").ask(row("new one", "x")).shown != first.shown
    assert FewShot(pool, 4, "random").ask(row("new one", "x")).shown == first.shown[:4]


def test_kin_is_replaced_by_the_next_of_the_draw_and_the_others_stay() -> None:
    few = FewShot(Pool.of(rows(40)), 4, "random")
    usual = few.ask(row("new", "x")).shown
    third = next(each for each in rows(40) if each.where == usual[2])
    shown = few.ask(row(third.messages[0].said, "anything")).shown
    assert len(shown) == 4
    assert shown[:2] == usual[:2]
    assert shown[2] == usual[3]
    assert third.where not in shown


@pytest.mark.parametrize(("k", "expected"), [(2, [1, 1]), (4, [2, 2]), (5, [3, 2]), (8, [4, 4])])
def test_examples_by_class_are_balanced_with_the_more_frequent_class_first(k: int, expected: list[int]) -> None:
    asked = FewShot(LABELLED, k, "by_class").ask(row("new text", "good"))
    answers = Counter(m.said for m in asked.messages if m.role == "assistant")
    assert [answers["good"], answers["bad"]] == expected
    assert asked.messages[1].said == "good"


def test_the_nearest_example_stands_next_to_the_question() -> None:
    pool = [row("red apple pie", "1", line=1), row("green apple", "2", line=2), row("blue sky", "3", line=3)]
    asked = FewShot(pool, 3, "bm25").ask(row("a red apple pie with cream", "x"))
    assert asked.shown == ("train.jsonl:3", "train.jsonl:2", "train.jsonl:1")


def test_where_no_word_is_shared_there_are_still_k_examples() -> None:
    asked = FewShot(rows(5), 3, "bm25").ask(row("zzz", "x"))
    assert len(set(asked.shown)) == 3
    assert asked.note == ""


def test_examples_that_are_lacking_are_noted_and_are_no_shortening() -> None:
    few = FewShot([row("p", "1", line=1), row("p", "2", line=2), row("r", "3", line=3)], 2, "random")
    asked = few.ask(row("p", "4"))
    assert asked.shown == ("train.jsonl:3",)
    assert asked.note == "1 of 2 examples are lacking: the other rows give this row's answer away"
    assert not asked.is_shortened


def test_what_does_not_fit_is_left_out_with_a_note() -> None:
    few = FewShot(rows(8), 8, "bm25", room=Room(count_words, 60))
    asked = few.ask(row("what is the code of thing 99?", "x"))
    assert asked.note == "5 of 8 examples left out: 115 tokens do not fit 60"
    assert asked.is_shortened


def test_a_talk_is_an_example_up_to_its_last_answer() -> None:
    talked = Row("t.jsonl", 1, (*talk("p", "1", "q", "2").messages, Message("user", "thanks")))
    assert texts(FewShot([talked], 1, "random").ask(row("r", "3"))) == ["p", "1", "q", "2", "r"]


def test_rows_without_a_question_or_an_answer_are_no_examples() -> None:
    silent = Row("t.jsonl", 1, (Message("system", "s"), Message("assistant", "hello")))
    pool = Pool.of([silent, row("q", ""), row("p", "1")])
    assert [each.reference for each in pool.rows] == ["1"]


@pytest.mark.parametrize("k", [0, 6])
def test_a_number_of_examples_that_cannot_be_shown_is_refused(k: int) -> None:
    with pytest.raises(NoRowsError, match=f"from 1 to the number of rows with a question, 5, got {k}"):
        FewShot(rows(5), k, "random")


def test_examples_by_class_are_refused_where_answers_do_not_repeat() -> None:
    with pytest.raises(DataError, match="got 5 different ones in 5 rows"):
        FewShot(rows(5), 2, "by_class")


def test_the_sweep_holds_what_the_rows_can_serve() -> None:
    assert [few.name for few in few_shots(rows(5), (1, 4, 8))] == [
        "1 example (random)",
        "4 examples (random)",
        "1 example (bm25)",
        "4 examples (bm25)",
    ]
    assert "4 examples (by class)" in [few.name for few in few_shots(LABELLED, (4,))]
    assert few_shots([], (1,)) == []
    assert few_shots(LABELLED, (4,), ("random",), seed=9)[0].settings == {
        "examples": 4,
        "chosen_by": "random",
        "seed": 9,
    }


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bm25s", None)
    with pytest.raises(MissingExtraError, match="bm25s"):
        FewShot(rows(2), 1, "bm25")


@settings(max_examples=60, deadline=None)
@given(row_sets(), st.sampled_from(HOWS), st.data())
def test_no_example_is_the_row_s_own_text(training: list[Row], how: How, data: st.DataObject) -> None:
    pool = Pool.of(training)
    if how == "by_class" and not pool.has_classes:
        how = "random"
    k = data.draw(st.integers(1, len(training)))
    asked_row = data.draw(st.sampled_from(training))
    asked = FewShot(pool, k, how).ask(asked_row)
    by_place = {each.where: each for each in training}
    shown = [by_place[where] for where in asked.shown]
    assert len(set(asked.shown)) == len(shown) <= k
    assert all((each.messages[-2:], each.said) != (asked_row.messages[-2:], asked_row.said) for each in shown)
    pairs = [(a.said, b.said) for a, b in pairwise(asked.messages) if b.role == "assistant"]
    assert (asked_row.prompt[-1].said, asked_row.reference) not in pairs
    assert len(shown) == k or "lacking" in asked.note
    assert FewShot(pool, k, how).ask(asked_row) == asked
