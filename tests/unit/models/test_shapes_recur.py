"""Sizes are rounded up to few, by little, and pieces cover what they cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tunewright.models.shapes import binary_cuts, round_blocks, round_length, round_tokens


@given(st.integers(1, 200_000))
def test_a_size_is_rounded_up_by_little(count: int) -> None:
    for rounded, most in ((round_tokens(count), 1 / 32), (round_length(count), 1 / 8)):
        assert rounded % 8 == 0
        assert count <= rounded <= count + max(8, most * count + 1)
    assert count <= round_blocks(count) <= 1.5 * count + 1


@given(st.integers(1, 200_000), st.integers(1, 200_000))
def test_a_larger_size_never_becomes_a_smaller_one(first: int, second: int) -> None:
    small, large = sorted((first, second))
    for rounds in (round_tokens, round_length, round_blocks):
        assert rounds(small) <= rounds(large)
        assert rounds(rounds(small)) == rounds(small)


def test_sizes_recur() -> None:
    assert len({round_tokens(count) for count in range(1025, 2049)}) == 32
    assert len({round_length(count) for count in range(257, 513)}) == 8
    assert [round_blocks(count) for count in range(1, 10)] == [1, 2, 3, 4, 6, 6, 8, 8, 12]


@given(st.integers(0, 3000), st.sampled_from([16, 64, 128, 256]))
def test_cuts_cover_everything_in_order_in_sizes_that_recur(count: int, largest: int) -> None:
    cuts = binary_cuts(count, largest, 16)
    assert [index for cut in cuts for index in range(cut.start, cut.stop)] == list(range(count))
    sizes = [cut.stop - cut.start for cut in cuts]
    assert all(size in {16, 32, 64, 128, 256} for size in sizes[:-1])
    assert all(size <= largest for size in sizes)
