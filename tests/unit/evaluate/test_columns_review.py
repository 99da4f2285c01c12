"""Rows, their groups and their places as an evaluation keeps them."""

from __future__ import annotations

from typing import Any

import pytest

from tunewright.data.rows import Message, Row
from tunewright.evaluate.columns import group_text, row_key
from tunewright.evaluate.columns import test_row as kept_row


def make_row(reference: str, group: Any = None) -> Row:
    return Row("list.json", 1, (Message("user", "q"), Message("assistant", reference)), {"group": group})


@pytest.mark.parametrize(
    ("group", "text"),
    [
        (None, None),
        ("", None),
        ("a", "a"),
        (7, "7"),
        (0, "0"),
        (False, "false"),
        ({"b": 1, "a": [2]}, '{"a": [2], "b": 1}'),
    ],
)
def test_whatever_a_file_calls_a_group_is_one(group: Any, text: str | None) -> None:
    assert group_text(group) == kept_row(make_row("x", group), {}).group == text


def test_rows_of_one_place_have_keys_of_their_own() -> None:
    assert row_key(make_row("a")) == row_key(make_row("a"))
    assert len({row_key(make_row(text)) for text in "abc"}) == 3
