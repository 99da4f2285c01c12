"""Which rows give another row's answer away, and must not be shown with it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.evaluate.baselines.rows import row, row_sets, talk
from tunewright.data.rows import Row
from tunewright.evaluate.baselines.kin import Kin


def of(asked: Row, shown: list[Row]) -> set[int]:
    return set(Kin(shown).of(asked))


def test_a_row_of_the_same_group_is_no_kin() -> None:
    assert of(row("x", "y", group="g"), [row("p", "q", group="g")]) == set()


def test_the_same_question_is_kin_but_for_case_space_and_final_marks() -> None:
    shown = [row("Who  WAS it", "me"), row("who was it?", "you", system="be kind"), row("who was she?", "me")]
    assert of(row("who was it?", "him"), shown) == {0, 1}


def test_a_question_at_the_beginning_of_a_longer_talk_is_kin() -> None:
    assert of(row("q", "a"), [talk("q", "b", "r", "c"), talk("r", "c", "s", "d")]) == {0}


def test_a_question_with_its_answer_later_in_a_talk_is_kin() -> None:
    assert of(row("q", "a"), [talk("r", "c", "q", "a"), talk("r", "c", "q", "another")]) == {0}


def test_where_all_ask_the_same_the_system_turn_belongs_to_the_question() -> None:
    shown = [row("Summarise.", f"summary {n}", system=f"text {n}", line=n) for n in range(12)]
    assert of(row("Summarise.", "new", system="text 3"), shown) == {3}
    assert of(row("Summarise.", "new", system="another text"), shown) == set()
    assert of(row("Summarise.", "summary 5", system="another text"), shown) == {5}


@given(row_sets(), st.data())
def test_kin_is_what_a_reader_would_find(shown: list[Row], data: st.DataObject) -> None:
    asked = data.draw(st.sampled_from(shown))

    def question(each: Row) -> str:
        return " ".join(each.messages[-2].said.lower().split()).rstrip(".") or each.messages[-2].said

    expected = {index for index, each in enumerate(shown) if question(each) == question(asked)}
    # Ten rows that mostly ask the same are the exception that another test is about.
    if len(shown) < 10:
        assert of(asked, shown) == expected
    assert shown.index(asked) in of(asked, shown)
