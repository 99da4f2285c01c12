"""A forest's tensors are its arrays, and a plan is made once for each window and dtype."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.equivalence.row_sets import row_sets
from tunewright.data.encode import EncodedRow
from tunewright.data.forest import attention_mask
from tunewright.data.pack import make_forests
from tunewright.models.forest import fill_up, to_tensors
from tunewright.models.shapes import round_tokens


@given(row_sets(), st.sampled_from(["tree", "packed", "padded"]))
@settings(deadline=None, max_examples=30)
def test_the_tensors_are_the_arrays_and_distinct_places_lead_back_to_each_query(
    rows: list[EncodedRow], layout: str
) -> None:
    for forest in make_forests(rows, 4096, layout):  # pyright: ignore[reportArgumentType]
        tensors = to_tensors(forest, "cpu", fills=False)
        pairs = [
            (tensors.ids_T, forest.ids), (tensors.positions_T, forest.positions), (tensors.row_N, forest.target_row),
            (tensors.query_N, forest.targets.query_index), (tensors.target_N, forest.targets.target_id),
        ]  # fmt: skip
        for tensor, array in pairs:
            assert tensor.dtype == torch.int64
            np.testing.assert_array_equal(tensor.numpy(), array)
        assert tensors.weight_N.dtype == torch.float32
        np.testing.assert_array_equal(tensors.weight_N.numpy(), forest.targets.weight)
        assert torch.equal(tensors.query_places[tensors.query_order_N], tensors.query_N)
        assert bool((tensors.query_places.diff() > 0).all())


@given(row_sets())
@settings(deadline=None, max_examples=5)
def test_a_plan_is_made_once_for_each_window_and_dtype(rows: list[EncodedRow]) -> None:
    [forest] = make_forests(rows, 4096)
    tensors = to_tensors(forest, "cpu")
    plan = tensors.plan(None, torch.float32)
    assert tensors.plan(None, torch.float32) is plan
    assert tensors.plan(None, torch.bfloat16) is not plan
    assert tensors.plan(3, torch.float32) is not plan
    assert tensors.plan(None, torch.bfloat16).buckets[0].mask.dtype == torch.bfloat16


@given(row_sets())
@settings(deadline=None, max_examples=30)
def test_filling_up_adds_tokens_that_nobody_sees_and_that_predict_nothing(rows: list[EncodedRow]) -> None:
    for forest in make_forests(rows, 4096):
        filled, size = fill_up(forest), forest.num_tokens
        assert filled.num_tokens == round_tokens(size)
        np.testing.assert_array_equal(attention_mask(filled)[:size, :size], attention_mask(forest))
        assert not attention_mask(filled)[:size, size:].any()
        np.testing.assert_array_equal(filled.positions[:size], forest.positions)
        assert filled.positions.max() <= max(int(forest.positions.max()), filled.num_tokens - size - 1)
        assert filled.targets is forest.targets
        tensors = to_tensors(forest, "cpu")
        assert tensors.forest.num_tokens == filled.num_tokens
        assert torch.equal(tensors.query_places[tensors.query_order_N], tensors.query_N)
