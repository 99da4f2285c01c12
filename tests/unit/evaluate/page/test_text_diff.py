"""A word diff holds both texts whole, and is left out where it would not help."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.evaluate.page.text_diff import Piece, word_diff

WORDS = st.lists(st.sampled_from(["we", "open", "at", "nine", "ten", "日", "曜", ".", "\n", " "]), max_size=30)


@given(WORDS.map("".join), WORDS.map(" ".join))
def test_both_texts_can_be_put_together_from_the_pieces(reference: str, answer: str) -> None:
    pieces = word_diff(reference, answer)
    assert "".join(piece.text for piece in pieces if piece.kind != "missing") == answer
    if answer and not any(piece.kind == "plain" for piece in pieces):
        assert "".join(piece.text for piece in pieces if piece.kind != "added") == reference


@given(st.text(min_size=1, max_size=60))
def test_equal_texts_have_no_difference(text: str) -> None:
    kinds = {piece.kind for piece in word_diff(text, text)}
    assert kinds == ({"same"} if text.strip() else {"plain"})


def test_whole_words_are_compared_not_letters() -> None:
    assert word_diff("We open at nine.", "We open at ninety.") == [
        Piece("same", "We open at "),
        Piece("missing", "nine"),
        Piece("added", "ninety"),
        Piece("same", "."),
    ]


def test_scripts_without_spaces_are_compared_by_letter() -> None:
    assert word_diff("日曜日に開く", "土曜日に開く") == [
        Piece("missing", "日"),
        Piece("added", "土"),
        Piece("same", "曜日に開く"),
    ]


@pytest.mark.parametrize(
    ("reference", "answer"),
    [("", "Something."), ("one two three", "four five six"), ("a b " * 300, "a b " * 300 + "c")],
    ids=["no reference", "nothing in common", "too long"],
)
def test_the_answer_stays_plain_where_marks_would_not_help(reference: str, answer: str) -> None:
    assert word_diff(reference, answer) == [Piece("plain", answer)]


def test_an_empty_answer_has_no_pieces() -> None:
    assert word_diff("Something.", "") == []
