"""Batches hold every taught token once, and steps hold every row once."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.data.conversations import rows
from tests.unit.data.fake_tokenizer import FakeTokenizer
from tunewright.data.encode import EncodedRow, encode_row
from tunewright.data.pack import collate, plan_steps
from tunewright.data.rows import Row

TOKENIZER = FakeTokenizer()


def encoded_rows(one: Row) -> list[EncodedRow]:
    encoded = encode_row(one, TOKENIZER)
    assert isinstance(encoded, list), str(encoded)
    return encoded


@given(st.lists(rows(), min_size=1, max_size=5))
def test_unpacking_a_batch_gives_the_rows_back(some: list[Row]) -> None:
    encoded = [each for one in some for each in encoded_rows(one)]
    batch = collate(encoded, TOKENIZER.pad_id)
    weights_BT = np.zeros(batch.tokens_BT.shape, dtype=np.float32)
    targets_BT = np.zeros(batch.tokens_BT.shape, dtype=np.int64)
    weights_BT.reshape(-1)[batch.query_N + 1] = batch.weight_N
    targets_BT.reshape(-1)[batch.query_N + 1] = batch.target_N
    for index, each in enumerate(encoded):
        length = int(batch.lengths_B[index])
        np.testing.assert_array_equal(batch.tokens_BT[index, :length], each.ids)
        assert (batch.tokens_BT[index, length:] == TOKENIZER.pad_id).all()
        np.testing.assert_array_equal(weights_BT[index, :length], each.weights)
        assert not weights_BT[index, length:].any()
    np.testing.assert_array_equal(targets_BT[weights_BT > 0], batch.tokens_BT[weights_BT > 0])
    assert batch.num_tokens == sum(each.num_tokens for each in encoded)
    assert batch.weight_sum == sum(float(each.weights.sum()) for each in encoded)
    assert {array.dtype for array in (batch.tokens_BT, batch.lengths_B, batch.query_N, batch.target_N)} == {
        np.dtype(np.int64)
    }
    assert batch.weight_N.dtype == np.float32


@given(st.lists(rows(), min_size=1, max_size=4))
def test_a_query_stands_in_the_row_of_its_target(some: list[Row]) -> None:
    encoded = [each for one in some for each in encoded_rows(one)]
    batch = collate(encoded, TOKENIZER.pad_id)
    num_columns = batch.tokens_BT.shape[1]
    np.testing.assert_array_equal(batch.query_N // num_columns, (batch.query_N + 1) // num_columns)


@given(st.lists(st.integers(1, 100), min_size=1, max_size=60), st.integers(1, 20), st.integers(1, 300))
def test_every_row_is_planned_once_within_the_budget(lengths: list[int], batch_size: int, budget: int) -> None:
    order = np.random.default_rng(0).permutation(len(lengths))
    steps = plan_steps(lengths, order, batch_size, budget)
    flat = [[index for micro in step for index in micro] for step in steps]
    assert [sorted(step) for step in flat] == [
        sorted(order[start : start + batch_size].tolist()) for start in range(0, len(lengths), batch_size)
    ]
    assert all(len(step) == batch_size for step in flat[:-1])
    for step in steps:
        for micro in step:
            assert len(micro) == 1 or len(micro) * max(lengths[index] for index in micro) <= budget


def test_rows_visited_twice_are_planned_twice() -> None:
    assert plan_steps([3, 5], [1, 0, 1], 2, 9) == [[[1], [0]], [[1]]]


def test_rows_that_fit_are_computed_together() -> None:
    assert plan_steps([4, 8, 8, 2], [0, 1, 2, 3], 4, 16) == [[[1, 2], [0, 3]]]
