"""The forest holds every row, every taught token and the borders between rows, and loses none of them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.data.encode import EncodedRow
from tunewright.data.forest import Forest, attention_mask, pack
from tunewright.data.rows import TextRow


@st.composite
def token_rows(draw: st.DrawFn) -> EncodedRow:
    num_tokens = draw(st.integers(1, 9))
    ids = draw(st.lists(st.integers(0, 2**31 - 1), min_size=num_tokens, max_size=num_tokens))
    weights = draw(st.lists(st.sampled_from([0.0, 1.0, 0.5, 3.0]), min_size=num_tokens, max_size=num_tokens))
    weights[0] = 0.0
    return EncodedRow(np.array(ids, np.int32), np.array(weights, np.float32), TextRow("t", 1, ""))


some_rows = st.lists(token_rows(), min_size=1, max_size=6)


def unpack(forest: Forest) -> list[tuple[list[int], list[float]]]:
    """Return ids and weights of each row, from nothing but what the forest says."""
    weights = np.zeros(forest.num_tokens, np.float32)
    for query, target, weight in zip(*forest.targets, strict=True):
        assert forest.ids[query + 1] == target
        weights[query + 1] = weight
    starts = [*np.flatnonzero(forest.positions == 0).tolist(), forest.num_tokens]
    pairs = pairwise(starts)
    return [(forest.ids[a:b].tolist(), weights[a:b].tolist()) for a, b in pairs]


@given(some_rows)
def test_unpacking_gives_the_rows_back(rows: list[EncodedRow]) -> None:
    assert unpack(pack(rows)) == [(each.ids.tolist(), each.weights.tolist()) for each in rows]


@given(some_rows)
@settings(deadline=None)
def test_a_token_attends_to_those_before_it_in_its_row_and_to_nothing_else(rows: list[EncodedRow]) -> None:
    forest = pack(rows)
    row_of = np.repeat(np.arange(len(rows)), [each.num_tokens for each in rows])
    expected = np.array(
        [[row_of[i] == row_of[j] and j <= i for j in range(forest.num_tokens)] for i in range(forest.num_tokens)]
    )
    np.testing.assert_array_equal(attention_mask(forest), expected)


@given(some_rows)
def test_the_targets_are_those_of_a_naive_loop(rows: list[EncodedRow]) -> None:
    expected: list[tuple[int, int, float]] = []
    start = 0
    for each in rows:
        taught = [i for i in range(1, each.num_tokens) if each.weights[i] > 0]
        expected += [(start + i - 1, int(each.ids[i]), float(each.weights[i])) for i in taught]
        start += each.num_tokens
    targets = pack(rows).targets
    assert [tuple(each) for each in zip(*(part.tolist() for part in targets), strict=True)] == expected


@given(some_rows)
def test_shapes_kinds_and_ranges_are_as_documented(rows: list[EncodedRow]) -> None:
    forest = pack(rows)
    index_T = np.arange(forest.num_tokens)
    assert (forest.ids.dtype, forest.positions.dtype, forest.subtree_end.dtype) == (np.int32,) * 3
    assert [part.dtype for part in forest.targets] == [np.int64, np.int64, np.float32]
    assert (forest.subtree_end > index_T).all()
    assert (forest.subtree_end <= forest.num_tokens).all()
    assert (forest.positions >= 0).all()
    assert (forest.positions <= index_T).all()
    assert (forest.targets.weight > 0).all()
    assert forest.num_tokens == sum(each.num_tokens for each in rows)
    assert len(forest.targets.weight) == sum(each.num_supervised for each in rows)
    assert forest.weight_sum == sum(float(each.weights.sum(dtype=np.float64)) for each in rows)


@given(token_rows())
def test_a_first_token_is_no_target_even_if_it_has_a_weight_and_the_row_stays_as_it_was(one: EncodedRow) -> None:
    one.weights[0] = 1.0
    before = one.weights.tolist()
    assert 0 not in (pack([one, one]).targets.query_index + 1).tolist()
    assert one.num_tokens not in (pack([one, one]).targets.query_index + 1).tolist()
    assert one.weights.tolist() == before
