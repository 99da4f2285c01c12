"""A tree spells every row and teaches every token of it, and nothing is shared that is not worth it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tunewright.data.prefix_tree as prefix_tree
from tunewright.data.encode import EncodedRow
from tunewright.data.forest import Forest, attention_mask, pack, segments
from tunewright.data.prefix_tree import grow, shared_length, sort_by_prefix, useful_tokens
from tunewright.data.rows import TextRow


@st.composite
def token_rows(draw: st.DrawFn) -> EncodedRow:
    """Draw a row over two ids, so that rows begin alike at every depth."""
    ids = draw(st.lists(st.integers(0, 1), min_size=1, max_size=12))
    weights = draw(st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=len(ids), max_size=len(ids)))
    return row(ids, weights)


some_rows = st.lists(token_rows(), min_size=1, max_size=8)
costs = st.tuples(st.integers(1, 5), st.integers(1, 9))


def row(ids: Sequence[int], weights: Sequence[float]) -> EncodedRow:
    taught = np.array(weights, np.float32)
    taught[0] = 0
    return EncodedRow(np.array(ids, np.int32), taught, TextRow("t", 1, ""))


def taught_row(ids: Sequence[int]) -> EncodedRow:
    return row(ids, [1.0] * len(ids))


def grown(rows: Sequence[EncodedRow], min_prefix: int, min_saved: int) -> Forest:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prefix_tree, "MIN_PREFIX", min_prefix)
        patch.setattr(prefix_tree, "MIN_SAVED", min_saved)
        return grow(rows)


def path_to(forest: Forest, place: int) -> list[int]:
    """Return the ids from the beginning of a row to the token at `place`: all that it attends to."""
    return forest.ids[attention_mask(forest)[place]].tolist()


def num_nodes(rows: Sequence[EncodedRow]) -> int:
    """Return the tokens of the smallest tree: the different beginnings of what must be computed of each row."""
    beginnings = {tuple(each.ids[: k + 1].tolist()) for each in rows for k in range(useful_tokens(each))}
    return len(beginnings)


@given(some_rows, costs)
@settings(deadline=None)
def test_each_taught_token_is_predicted_behind_exactly_what_precedes_it_in_its_row(
    rows: list[EncodedRow], cost: tuple[int, int]
) -> None:
    forest = grown(rows, *cost)
    found = [
        (int(which), len(path), path, int(target), float(weight))
        for which, query, target, weight in zip(forest.target_row, *forest.targets, strict=True)
        for path in [path_to(forest, int(query))]
    ]
    expected = [
        (which, place, each.ids[:place].tolist(), int(each.ids[place]), float(each.weights[place]))
        for which, each in enumerate(rows)
        for place in np.flatnonzero(each.weights).tolist()
    ]
    assert sorted(found) == sorted(expected)
    assert forest.weight_sum == sum(float(each.weights.sum(dtype=np.float64)) for each in rows)


@given(some_rows, costs)
@settings(deadline=None)
def test_positions_are_distances_from_the_beginning_of_the_row(rows: list[EncodedRow], cost: tuple[int, int]) -> None:
    forest = grown(rows, *cost)
    np.testing.assert_array_equal(forest.positions, attention_mask(forest).sum(1) - 1)


@given(some_rows, costs)
@settings(deadline=None)
def test_nothing_is_computed_behind_the_last_token_that_predicts_and_nothing_twice_that_packing_does_once(
    rows: list[EncodedRow], cost: tuple[int, int]
) -> None:
    forest = grown(rows, *cost)
    assert num_nodes(rows) <= forest.num_tokens <= sum(useful_tokens(each) for each in rows)
    assert forest.num_tokens <= pack(rows).num_tokens


@given(some_rows)
@settings(deadline=None)
def test_where_a_branching_point_costs_nothing_every_common_beginning_stands_once(rows: list[EncodedRow]) -> None:
    assert grown(rows, 1, 1).num_tokens == num_nodes(rows)


@given(some_rows, costs)
@settings(deadline=None)
def test_a_segment_with_branches_is_long_enough_and_spares_enough(
    rows: list[EncodedRow], cost: tuple[int, int]
) -> None:
    min_prefix, min_saved = cost
    forest = grown(rows, *cost)
    for segment in segments(forest):
        if segment.subtree_end > segment.end:
            length = segment.end - segment.start
            below = set(forest.target_row[_within(forest, segment.start, segment.subtree_end)].tolist())
            assert length >= min_prefix
            assert length * (len(below) - 1) >= min_saved


@given(some_rows, costs)
@settings(deadline=None)
def test_the_kinds_and_ranges_are_those_of_a_packed_forest(rows: list[EncodedRow], cost: tuple[int, int]) -> None:
    forest, packed = grown(rows, *cost), pack(rows)
    for name in ("ids", "positions", "subtree_end", "target_row"):
        assert getattr(forest, name).dtype == getattr(packed, name).dtype, name
    assert [part.dtype for part in forest.targets] == [part.dtype for part in packed.targets]
    index_T = np.arange(forest.num_tokens)
    assert (forest.subtree_end > index_T).all()
    assert (forest.subtree_end <= forest.num_tokens).all()


@given(st.permutations(range(6)))
def test_the_order_of_the_rows_changes_only_whose_token_is_whose(order: list[int]) -> None:
    rows = [taught_row([1] * 20 + [k % 5] * 3) for k in range(6)]
    first, second = grow(rows), grow([rows[k] for k in order])
    np.testing.assert_array_equal(first.ids, second.ids)
    np.testing.assert_array_equal(first.subtree_end, second.subtree_end)


def test_two_rows_share_a_prefix_of_32_tokens_and_none_of_31() -> None:
    for length, num_tokens in ((31, 2 * 33), (32, 32 + 2 * 2)):
        rows = [taught_row([7] * length + [k, k, k]) for k in (1, 2)]
        assert grow(rows).num_tokens == num_tokens, length


def test_three_rows_share_a_prefix_of_16_tokens_and_none_of_15() -> None:
    for length, num_tokens in ((15, 3 * 17), (16, 16 + 3 * 2)):
        rows = [taught_row([7] * length + [k, k, k]) for k in (1, 2, 3)]
        assert grow(rows).num_tokens == num_tokens, length


def test_a_row_that_ends_inside_a_prefix_hides_no_prefix_of_its_neighbours() -> None:
    """Only what must be computed of a row decides where it stands, not the untaught end that is left away."""
    long_rows = [taught_row([7] * 80 + [k, k]) for k in (1, 9)]
    short_row = row([7] * 80 + [5, 5], [1.0] * 20 + [0.0] * 62)
    assert grow([*long_rows, short_row]).num_tokens == 80 + 2


def test_equal_rows_stand_once_and_are_taught_twice() -> None:
    forest = grow([taught_row([7] * 40), row([7] * 40, [0.5] * 40)])
    assert forest.num_tokens == 39
    assert sorted(forest.targets.weight.tolist()) == [0.5] * 39 + [1.0] * 39


def test_rows_without_a_taught_token_make_an_empty_forest() -> None:
    forest = grow([row([1, 2, 3], [0, 0, 0]), row([4], [0])])
    assert forest.num_tokens == len(forest.targets.weight) == 0


@given(st.lists(st.integers(0, 2**31 - 1), max_size=6), st.lists(st.integers(0, 2**31 - 1), max_size=6))
def test_the_shared_length_is_that_of_a_naive_loop(first: list[int], second: list[int]) -> None:
    expected = 0
    while expected < min(len(first), len(second)) and first[expected] == second[expected]:
        expected += 1
    assert shared_length(np.array(first, np.int32), np.array(second, np.int32)) == expected


@given(st.lists(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=4), min_size=1, max_size=6))
def test_rows_are_sorted_as_their_numbers_are_and_equal_ones_stay_in_order(ids: list[list[int]]) -> None:
    # A last token that nobody needs is behind each, so that all of the ids count.
    rows = [taught_row([*each, 0]) for each in ids]
    assert sort_by_prefix(rows) == sorted(range(len(ids)), key=lambda k: ids[k])


def _within(forest: Forest, start: int, end: int) -> np.ndarray:
    return (forest.targets.query_index >= start) & (forest.targets.query_index < end)
