"""Rows, and strategies that draw them, for the tests of baselines. Knows nothing of what is asked about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from tunewright.data.rows import Message, Row


def row(question: str, answer: str, *, system: str = "", group: Any = None, line: int = 1) -> Row:
    """Return a conversation of one question and its answer."""
    opening = (Message("system", system),) if system else ()
    meta = {} if group is None else {"group": group}
    return Row("train.jsonl", line, (*opening, Message("user", question), Message("assistant", answer)), meta)


def rows(count: int) -> list[Row]:
    """Return rows with different questions and answers, on lines 1, 2, …."""
    return [row(f"what is the code of item {n}?", f"code {n * n}", line=n) for n in range(1, count + 1)]


def talk(*said: str, line: int = 1) -> Row:
    """Return a conversation of turns by turns, the user's first."""
    roles = ("user", "assistant")
    return Row("talk.jsonl", line, tuple(Message(roles[i % 2], text) for i, text in enumerate(said)))


def count_words(messages: Sequence[Message], tools: Sequence[Any]) -> int:
    """Return a stand-in for the tokens of a rendered prompt: its words, two a turn, and two that open the answer."""
    return sum(2 + len(message.said.split()) for message in messages) + 2 + 5 * len(tools)


few_words = st.lists(st.sampled_from(["a", "b", "c", "item", "code", "No."]), min_size=1, max_size=4).map(" ".join)


@st.composite
def row_sets(draw: st.DrawFn, min_size: int = 2, max_size: int = 12) -> list[Row]:
    """Draw rows that often share questions, answers, system turns and groups."""
    count = draw(st.integers(min_size, max_size))
    return [
        row(
            draw(few_words),
            draw(few_words),
            system=draw(st.sampled_from(["", "be kind"])),
            group=draw(st.sampled_from([None, None, "g", "h", 7, ["list"]])),
            line=line,
        )
        for line in range(1, count + 1)
    ]
