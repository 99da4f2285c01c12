"""Which records a part names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.data.part import Part, parse_part, sliced
from tunewright.errors import RecipeError


def taken(text: str, count: int) -> list[int]:
    return list(sliced(lambda: range(count), parse_part(text), None))


@given(st.integers(0, 300), st.integers(0, 100))
def test_a_share_and_its_rest_are_disjoint_and_all(count: int, percent: int) -> None:
    assert taken(f"[:{percent}%]", count) + taken(f"[{percent}%:]", count) == list(range(count))


@given(st.integers(0, 30), st.integers(-40, 40), st.integers(-40, 40))
def test_numbers_mean_what_they_mean_in_python(count: int, start: int, stop: int) -> None:
    assert taken(f"train[{start}:{stop}]", count) == list(range(count))[start:stop]


def test_a_name_alone_is_all_of_the_part() -> None:
    assert parse_part("train") == Part("train", ())
    assert parse_part(None) == Part()


@pytest.mark.parametrize("text", ["", "[1]", "train[:1", "train[a:]", "[:1]+test[2:3]", "a b", "[:]x", "[:٣]"])
def test_what_is_no_part_is_an_error(text: str) -> None:
    with pytest.raises(RecipeError, match=r"^split: "):
        parse_part(text)


@pytest.mark.parametrize("text", ["[:3]+[2:4]", "[5:6]+[1:2]", "[2:]+[3:4]"])
def test_ranges_that_overlap_are_an_error(text: str) -> None:
    with pytest.raises(RecipeError, match="without overlap"):
        taken(text, 10)
