"""What is left out when a prompt does not fit: in which order, how it is said, and what never is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.evaluate.baselines.rows import count_words, row, talk
from tunewright.data.rows import Message, Row
from tunewright.evaluate.baselines.asked import Example, Room, Wish, fit, joined_system
from tunewright.evaluate.baselines.documents import Passage

PASSAGES = (Passage("best fact here", "a.md:1"), Passage("second fact here", "a.md:9"))
EXAMPLES = tuple(
    Example(f"train.jsonl:{n}", (Message("user", f"question {n}"), Message("assistant", f"answer {n}")))
    for n in range(1, 4)
)
LONG = talk("first question", "first answer", "second question", "second answer", "the last question", "reference")


def wish(asked: Row = LONG, *, is_best_last: bool = False) -> Wish:
    return Wish(asked, lambda shown: " ".join(p.text for p in shown), PASSAGES, EXAMPLES, is_best_last)


def said(messages: tuple[Message, ...]) -> list[str]:
    return [message.said for message in messages]


def test_everything_is_asked_where_it_fits() -> None:
    asked = fit(wish(), Room(count_words, 1000))
    assert said(asked.messages) == [
        "best fact here second fact here",
        *(text for n in (1, 2, 3) for text in (f"question {n}", f"answer {n}")),
        *said(LONG.prompt),
    ]
    assert (asked.note, asked.is_shortened, asked.num_tokens) == ("", False, count_words(asked.messages, ()))
    assert asked.shown == ("a.md:1", "a.md:9", *(f"train.jsonl:{n}" for n in (1, 2, 3)))


def test_without_a_room_nothing_is_counted_or_left_out() -> None:
    asked = fit(wish(), None)
    assert asked.messages == fit(wish(), Room(count_words, 1000)).messages
    assert (asked.num_tokens, asked.note) == (None, "")


# Words: passages 3 + 3 and the system turn 2, an example 8, earlier turns 16, the question 5, the opening 2.
@pytest.mark.parametrize(
    ("limit", "texts", "note"),
    [
        (55, 12, ""),
        (54, 12, "1 of 2 passages left out: 55 tokens do not fit 54"),
        (51, 11, "2 of 2 passages left out: 55 tokens do not fit 51"),
        (46, 9, "2 of 2 passages and 1 of 3 examples left out: 55 tokens do not fit 46"),
        (23, 5, "2 of 2 passages and 3 of 3 examples left out: 55 tokens do not fit 23"),
        (
            22,
            3,
            "2 of 2 passages and 3 of 3 examples and 2 of 4 earlier turns left out: 55 tokens do not fit 22",
        ),
        (
            7,
            1,
            "2 of 2 passages and 3 of 3 examples and 4 of 4 earlier turns left out: 55 tokens do not fit 7",
        ),
        (
            6,
            1,
            "2 of 2 passages and 3 of 3 examples and 4 of 4 earlier turns left out, and the question alone "
            "does not fit: 7 tokens, and 6 are free; asked as it is",
        ),
    ],
)
def test_passages_go_before_examples_and_examples_before_turns(limit: int, texts: int, note: str) -> None:
    asked = fit(wish(), Room(count_words, limit))
    assert (len(asked.messages), asked.note) == (texts, note)
    assert asked.is_shortened is bool(note)


def test_the_least_relevant_passage_goes_first() -> None:
    assert fit(wish(), Room(count_words, 54)).messages[0] == Message("system", "best fact here")


def test_of_fixed_examples_the_last_goes_first_so_that_the_beginning_stays_shared() -> None:
    assert fit(wish(), Room(count_words, 40)).shown == ("train.jsonl:1", "train.jsonl:2")


def test_of_nearest_examples_the_best_stays_and_stands_next_to_the_question() -> None:
    assert fit(wish(is_best_last=True), Room(count_words, 40)).shown == ("train.jsonl:2", "train.jsonl:1")
    assert fit(wish(is_best_last=True), None).shown[2:] == ("train.jsonl:3", "train.jsonl:2", "train.jsonl:1")


def test_tools_are_counted_with_the_prompt() -> None:
    asked = Row("t.jsonl", 1, LONG.messages, tools=({"type": "function"},))
    assert fit(wish(asked), Room(count_words, 59)).is_shortened
    assert not fit(wish(asked), Room(count_words, 60)).is_shortened


def test_a_tool_s_answer_stays_with_its_question() -> None:
    call = Message("assistant", "", tool_calls=({"function": {"name": "f", "arguments": "{}"}},))
    turns = (Message("user", "old"), Message("assistant", "old"), Message("user", "new"), call, Message("tool", "42"))
    asked = fit(Wish(Row("t.jsonl", 1, (*turns, Message("assistant", "it is 42")))), Room(count_words, 1))
    assert asked.messages == turns[2:]


def test_a_conversation_that_is_cut_begins_with_the_user() -> None:
    asked = fit(Wish(LONG), Room(count_words, 22))
    assert asked.messages[0] == Message("user", "second question")


def test_the_row_s_own_system_turn_is_kept_and_comes_first() -> None:
    own = row("q", "a", system="be kind")
    assert joined_system(own.prompt, "be brief") == (Message("system", "be kind\n\nbe brief"), Message("user", "q"))
    assert joined_system(own.prompt, "") == own.prompt


def test_an_empty_system_turn_is_filled() -> None:
    messages = (Message("system", ""), Message("user", "q"))
    assert joined_system(messages, "be brief")[0].content == "be brief"


def test_a_template_without_system_turns_gets_the_text_before_the_first_question() -> None:
    assert joined_system(row("q", "a").prompt, "be brief", takes_system=False) == (Message("user", "be brief\n\nq"),)
    asked = fit(wish(), Room(count_words, 1000, takes_system=False))
    assert asked.messages[0] == Message("user", "best fact here second fact here\n\nquestion 1")


def test_a_prompt_without_a_user_turn_is_asked_whole() -> None:
    only_system = Row("t.jsonl", 1, (Message("system", "Say hello."), Message("assistant", "hello")))
    asked = fit(Wish(only_system), Room(count_words, 1))
    assert asked.messages == only_system.prompt
    assert asked.note.startswith("the question alone does not fit: 6 tokens")


@given(
    turns=st.lists(st.text("ab ", max_size=12), min_size=1, max_size=7),
    num_passages=st.integers(0, 3),
    num_examples=st.integers(0, 3),
    limit=st.integers(-1, 60),
    takes_system=st.booleans(),
    is_best_last=st.booleans(),
)
def test_a_prompt_fits_or_says_why_and_the_question_is_last_and_whole(
    turns: list[str], num_passages: int, num_examples: int, limit: int, takes_system: bool, is_best_last: bool
) -> None:
    turns = turns if len(turns) % 2 else turns[:-1]
    asked_row = talk(*turns, "reference")
    examples, passages = EXAMPLES[:num_examples], PASSAGES[:num_passages]
    full = Wish(asked_row, lambda shown: " ".join(p.text for p in shown), passages, examples, is_best_last)
    room = Room(count_words, limit, takes_system=takes_system)
    asked = fit(full, room)
    assert asked.num_tokens == count_words(asked.messages, ())
    assert count_words(asked.messages, ()) <= limit or "asked as it is" in asked.note
    assert asked.messages[-1].role == "user"
    assert asked.messages[-1].said.endswith(turns[-1])
    whole = fit(full, Room(count_words, 10_000, takes_system=takes_system))
    assert (asked.messages == whole.messages) or asked.note
    assert asked.is_shortened is bool(asked.note)
    # What one more piece would have taken did not fit: nothing is left out without need.
    if asked.note and asked.messages != whole.messages:
        assert whole.num_tokens is not None
        assert whole.num_tokens > limit
